#pragma once
#include "storage/engine/row_batch.hpp"
#include <leveldb/write_batch.h>

namespace treadmill {

/// Hides LevelDB's batch from all files but those that include this header.
struct row_batch::impl {
  leveldb::WriteBatch rows{};
  bool empty = true;
};

} // namespace treadmill
