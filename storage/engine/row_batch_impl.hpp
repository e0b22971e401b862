#pragma once
#include "storage/engine/row_batch.hpp"
#include <algorithm>
#include <leveldb/write_batch.h>
#include <vector>

namespace treadmill {

/// Hides LevelDB's batch from all files but those that include this header.
struct row_batch::impl {
  leveldb::WriteBatch rows{};
  bool empty = true;
  std::vector<writer> writers{}; ///< each one once; nearly always one

  void add_writer(const writer& who) {
    if (!writers.empty() && writers.back() == who) return;
    if (std::find(writers.begin(), writers.end(), who) == writers.end()) writers.push_back(who);
  }
};

} // namespace treadmill
