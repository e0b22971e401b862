#include "storage/engine/bucket_core.hpp"
#include <utility>

/// Atomic groups of writes.
namespace treadmill {

void bucket_core::begin_group() {
  group_ = open_group{};
  group_->items = items_.size();
  group_->rows = std::exchange(rows_, row_batch());
  group_->state = state_;
  group_->queries = queries_;
  group_->unlogged = unlogged_;
}

result<void> bucket_core::check_group() const {
  if (rows_.bytes() <= limits_.atomic_bytes) return {};
  return fail(ec::too_large, "what is applied all or none makes more than " +
                                 std::to_string(limits_.atomic_bytes) + " bytes of rows");
}

void bucket_core::keep_group() {
  if (!group_->rows.empty()) {
    group_->rows.append(rows_);
    rows_ = std::move(group_->rows);
  }
  group_.reset();
}

/// Reverts the group's changes of the overlay, in reverse order. If a commit stored a row while the
/// group was open, the row does not return to the overlay.
void bucket_core::undo_group() {
  const uint64_t first_open = taken_.empty() ? batch_ : taken_.front().batch;
  for (auto row = group_->changed.rbegin(); row != group_->changed.rend(); ++row) {
    if (row->row && row->row->batch >= first_open) {
      row->item->second = std::move(*row->row);
    } else {
      overlay_.erase(overlay_.find(row->item->first));
    }
  }
  items_.resize(group_->items);
  rows_ = std::move(group_->rows);
  state_ = group_->state;
  queries_ = group_->queries;
  unlogged_ = group_->unlogged;
  group_.reset();
}

std::vector<write_outcome> refuse_others(const write_group& group,
                                         std::vector<write_outcome> outcomes) {
  const size_t failed = outcomes.size() - 1;
  outcomes.resize(group.ops.size());
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (i == failed) continue;
    outcomes[i] = {};
    outcomes[i].id = group.ops[i].id;
    outcomes[i].problem = {ec::not_applied, "another document of the group was refused"};
  }
  return outcomes;
}

std::vector<write_outcome> bucket_core::apply_all_or_none(const write_group& group) {
  begin_group();
  std::vector<write_outcome> outcomes;
  outcomes.reserve(group.ops.size());
  for (const write_op& op : group.ops) {
    outcomes.push_back(apply(op));
    if (auto fits = check_group(); !fits) outcomes.back().problem = fits.error();
    if (!outcomes.back().ok()) {
      undo_group();
      return refuse_others(group, std::move(outcomes));
    }
  }
  keep_group();
  return outcomes;
}

} // namespace treadmill
