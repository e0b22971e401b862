#pragma once
#include "storage/row_batch.hpp"
#include <leveldb/write_batch.h>

namespace treadmill {

/// Only row_batch.cpp and store.cpp see that a batch is LevelDB's.
struct row_batch::impl {
  leveldb::WriteBatch rows{};
  bool empty = true;
};

} // namespace treadmill
