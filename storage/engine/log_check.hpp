#pragma once
#include <cstddef>
#include <functional>
#include <string_view>

namespace treadmill {

/// The result of checking a LevelDB log (doc/log_format.md of LevelDB 1.23) before LevelDB reads
/// it.
struct log_state {
  enum class kind {
    whole,     ///< every record is intact
    cut_short, ///< the last commit is incomplete; LevelDB ignores it by itself
    torn, ///< invalid bytes at the end, or within unsynced data; LevelDB would refuse the log, so
          ///< the caller cuts it at `intact_bytes`
    damaged, ///< a synced record is broken: nothing may be cut
  };
  kind what = kind::whole;
  size_t intact_bytes = 0; ///< up to the end of the last whole commit before the broken record
  size_t broken_at = 0;    ///< where the broken record begins
};

/// The caller's knowledge about the commits in a log. A commit is one logical record.
struct log_commits {
  /// Called with every complete commit in order; it returns false if the commit contradicts earlier
  /// ones, so that the log is damaged there. Empty: accepts all commits.
  std::function<bool(std::string_view commit)> next{};
  /// Returns whether everything before a commit was synced before the commit was written.
  /// `beginning`: its first bytes (at least 64, or all). Empty: true for every commit.
  std::function<bool(std::string_view beginning)> follows_sync{};
};

/// Distinguishes damage from the end of an unacknowledged write that a crash cut off. A broken
/// record is damage if a commit that follows a sync begins anywhere after it; otherwise it was
/// being written when the process ended. (A broken last record cannot be distinguished from an
/// unfinished write.) **Thread**: any.
log_state check_log(std::string_view log, const log_commits& commits = {});

} // namespace treadmill
