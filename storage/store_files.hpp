#pragma once
#include "storage/result.hpp"
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace leveldb {
class Env;
}

namespace treadmill {

/// The files of a store, as LevelDB's CURRENT and manifest name them. LevelDB itself checks less
/// than it needs: it begins an empty database where CURRENT is missing, goes on without a log that
/// is missing, and takes a manifest or log whose length was damaged for one that ends there.
struct store_files {
  std::string manifest{};              ///< its name; empty: there is no store yet
  std::vector<std::string> logs{};     ///< that are needed, oldest first
  std::vector<std::string> leftover{}; ///< that no opening can need, whatever was synced
  uint64_t last_sequence = 0;          ///< that the manifest knows of
  uint64_t log_bytes = 0;
  uint64_t leftover_bytes = 0;
};

/// Looks at the files and changes nothing. Errors: corrupt (something is missing or damaged; the
/// reason says what and what to do), io_error.
result<store_files> look_at_files(leveldb::Env& env, const std::string& directory);

/// Makes the files ready for LevelDB: cuts off the torn end of a manifest or log (a sentence to
/// `warn`), removes what is left over. What an earlier state of the manifest needed stays: where
/// its last sync failed or was never made, that state may be the one on the disk. LevelDB removes
/// it when it has a new manifest. Errors: corrupt (damage that is not repaired), io_error.
/// **Thread**: only while no LevelDB has the directory open.
result<store_files> repair_files(leveldb::Env& env, const std::string& directory,
                                 const std::function<void(const std::string&)>& warn);

/// How a commit begins before which something was written without a sync: with the removal of a
/// row that never is there. By it a log tells what was synced.
std::string_view unsynced_mark();

/// Replaces a file by one with these bytes, synced, in one step.
result<void> replace_file(leveldb::Env& env, const std::string& path, std::string_view bytes);

} // namespace treadmill
