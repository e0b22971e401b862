#pragma once
#include <cstddef>
#include <functional>
#include <string_view>

namespace treadmill {

/// What a look at a LevelDB log (doc/log_format.md of LevelDB 1.23) found, before LevelDB reads it.
struct log_state {
  enum class kind {
    whole,     ///< every record is intact
    cut_short, ///< the last commit ends too early, which LevelDB leaves out by itself
    torn,      ///< bytes that are no record at the end, or inside what was never synced: LevelDB
               ///< would refuse it, so it is to be cut at `intact_bytes`
    damaged,   ///< a record that was synced is broken: nothing may be cut
  };
  kind what = kind::whole;
  size_t intact_bytes = 0; ///< up to the end of the last whole commit before the broken record
  size_t broken_at = 0;    ///< where the broken record begins
};

/// What the caller knows of the commits in a log. A commit is one logical record.
struct log_commits {
  /// Called with every whole commit in order; false: it contradicts those before it, so the log is
  /// damaged there. Empty: all are fine.
  std::function<bool(std::string_view commit)> next{};
  /// Whether a commit that begins with these bytes (at least 64, or the whole of it) was only
  /// written after everything before it had been synced. Empty: every commit was.
  std::function<bool(std::string_view beginning)> follows_sync{};
};

/// Tells the end of a write that a crash cut off, which was never acknowledged, from damage. A
/// broken record is damage where the beginning of a commit that follows a sync lies anywhere after
/// it; else it was on its way to the disk when the process ended. (A broken record that is the very
/// last one cannot be told from an unfinished write.) **Thread**: any.
log_state check_log(std::string_view log, const log_commits& commits = {});

} // namespace treadmill
