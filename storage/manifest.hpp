#pragma once
#include <cstdint>
#include <set>
#include <string_view>

namespace treadmill {

/// What a LevelDB 1.23 manifest says of the files that the database needs, gathered edit by edit.
/// **Thread**: a plain value.
struct manifest {
  bool complete = false;      ///< it says what a manifest has to say at the least
  uint64_t log_number = 0;    ///< logs of this number and above are needed; 0: none is yet
  uint64_t previous_log = 0;  ///< 0: none
  uint64_t last_sequence = 0; ///< of LevelDB's own numbering of writes
  std::set<uint64_t> tables{};
  std::set<uint64_t> former_tables{}; ///< that were needed once, and are not any more

  /// Takes one commit of the manifest. False: it cannot be read.
  bool apply(std::string_view edit);
};

} // namespace treadmill
