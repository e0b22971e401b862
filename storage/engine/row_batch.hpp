#pragma once
#include "storage/engine/writer.hpp"
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace treadmill {

/// Changes of rows that are written atomically. Later changes of a key win. A batch knows the
/// writers of its rows by their keys, so that the store can tell whose commits a failure makes
/// uncertain. **Thread**: a plain value, move-only.
class row_batch {
public:
  row_batch();
  ~row_batch();
  row_batch(row_batch&&) noexcept;
  row_batch& operator=(row_batch&&) noexcept;

  void put(std::string_view key, std::string_view value);
  void remove(std::string_view key);
  void append(const row_batch& other);
  /// Names a writer that depends on this batch although none of the rows is its own.
  void name_writer(const writer& who);
  void clear();
  /// Every change, in order.
  void for_each(const std::function<void(std::string_view key, std::string_view value)>& put,
                const std::function<void(std::string_view key)>& removed) const;
  bool empty() const;
  size_t bytes() const; ///< approximate size in memory and in the log

private:
  friend class store;
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace treadmill
