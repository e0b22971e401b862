#pragma once
#include "storage/engine/keys.hpp"
#include "storage/engine/row_batch.hpp"
#include <algorithm>
#include <leveldb/write_batch.h>
#include <string_view>
#include <vector>

namespace treadmill {

/// Hides LevelDB's batch from all files but those that include this header.
struct row_batch::impl {
  leveldb::WriteBatch rows{};
  bool empty = true;
  std::vector<writer> writers{}; ///< each one once; nearly always one

  /// A row of this key was put or removed.
  void note_row(std::string_view key) {
    empty = false;
    if (const auto owner = keys::writer_of(key)) add_writer(*owner);
  }
  void add_writer(const writer& who) {
    if (!writers.empty() && writers.back() == who) return;
    if (std::find(writers.begin(), writers.end(), who) == writers.end()) writers.push_back(who);
  }
};

} // namespace treadmill
