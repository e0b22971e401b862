#pragma once
#include <cstddef>
#include <string_view>

namespace treadmill {

/// What a look at a LevelDB log (doc/log_format.md of LevelDB 1.23) found, before LevelDB replays
/// it.
struct log_state {
  enum class kind {
    whole, ///< every record is intact, or the last one is cut short, which LevelDB leaves out by
           ///< itself
    torn, ///< bytes that are no record at the end, or inside the last commit: cut at `intact_bytes`
    damaged, ///< a broken record that intact later commits follow: it was acknowledged, so nothing
             ///< may be cut
  };
  kind what = kind::whole;
  size_t intact_bytes = 0; ///< up to the end of the last whole commit before the broken record
  size_t broken_at = 0;    ///< where the broken record begins
};

/// A commit is one logical record, and begins only after the one before it was synced. So a broken
/// record with no later beginning of a commit is the end of a write that a crash cut off, and was
/// never acknowledged; one with a later beginning is damage. **Thread**: any.
log_state check_log(std::string_view log);

} // namespace treadmill
