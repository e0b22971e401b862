#pragma once
#include "storage/engine/store.hpp"
#include "storage/index/index.hpp"
#include "storage/index/index_range.hpp"
#include <cstdint>
#include <functional>
#include <optional>

namespace treadmill {

/// Reads an index through a view: use a snapshot if several calls must be consistent.
///
/// **Thread**: any; cheap to copy. **Errors**: those of the view; corrupt. **Units and limits**:
/// each call is one slice, which its callback must bound; continue with index_range::go_on_after or
/// go_on_at.
class index_reader {
public:
  index_reader(read_view view, index_id index) : view_(std::move(view)), index_(index) {}

  /// nullopt if the index does not exist (any more).
  result<std::optional<index_state>> state() const;
  /// Calls `row` for the rows of the range, in its direction, until it returns false.
  result<void> rows(const index_range& range,
                    const std::function<bool(const index_row& row)>& row) const;
  /// Calls `change` for the changes after `since`, oldest first, until it returns false. They are
  /// complete only if `since` + 1 is not below index_state::changes_from of the same view.
  result<void> changes(uint64_t since,
                       const std::function<bool(const index_change& change)>& change) const;

private:
  read_view view_;
  index_id index_;
};

} // namespace treadmill
