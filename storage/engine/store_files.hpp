#pragma once
#include "storage/base/result.hpp"
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace leveldb {
class Env;
}

namespace treadmill {

/// The files of a store, as LevelDB's CURRENT and manifest name them. LevelDB itself checks too
/// little: it starts an empty database if CURRENT is missing, ignores a missing log, and treats a
/// manifest or log with a damaged record length as one that ends there.
struct store_files {
  std::string manifest{};              ///< its name; empty: no store exists yet
  std::vector<std::string> logs{};     ///< needed logs, oldest first
  std::vector<std::string> leftover{}; ///< files that no open can need, whatever was synced
  uint64_t last_sequence = 0;          ///< according to the manifest
  uint64_t log_bytes = 0;
  uint64_t leftover_bytes = 0;
};

/// Checks the files without changing them. Errors: corrupt (something is missing or damaged; the
/// reason says what and what to do), io_error.
result<store_files> look_at_files(leveldb::Env& env, const std::string& directory);

/// Prepares the files for LevelDB: cuts off the torn end of a manifest or log (with a sentence to
/// `warn`) and removes leftover files. It keeps the files that an earlier state of the manifest
/// needed: if the manifest's last sync failed or never happened, that state may be the one on disk.
/// LevelDB removes those files once it has a new manifest. Errors: corrupt (damage that is not
/// repaired), io_error.
/// **Thread**: only while no LevelDB has the directory open.
result<store_files> repair_files(leveldb::Env& env, const std::string& directory,
                                 const std::function<void(const std::string&)>& warn);

/// The first bytes of a commit that follows unsynced writes: the removal of a row that never
/// exists. With this mark, a log shows which commits were synced.
std::string_view unsynced_mark();

/// Atomically replaces a file with a synced file of these bytes.
result<void> replace_file(leveldb::Env& env, const std::string& path, std::string_view bytes);

} // namespace treadmill
