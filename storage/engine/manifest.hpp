#pragma once
#include <cstdint>
#include <set>
#include <string_view>

namespace treadmill {

/// The files that the database needs according to a LevelDB 1.23 manifest, collected edit by edit.
/// **Thread**: a plain value.
struct manifest {
  bool complete = false;      ///< it has the minimum content of a manifest
  uint64_t log_number = 0;    ///< logs with this number or above are needed; 0: none yet
  uint64_t previous_log = 0;  ///< 0: none
  uint64_t last_sequence = 0; ///< in LevelDB's numbering of writes
  std::set<uint64_t> tables{};
  std::set<uint64_t> former_tables{}; ///< tables that were needed earlier

  /// Applies one commit of the manifest. False: it cannot be decoded.
  bool apply(std::string_view edit);
};

} // namespace treadmill
