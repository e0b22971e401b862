#include "storage/index/partial_blocks.hpp"
#include "storage/base/defaults.hpp"
#include "storage/engine/keys.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {
namespace {

std::string entry_key(index_id index, unsigned level, std::string_view suffix) {
  return level == 0 ? keys::index_row(index.bucket, index.index, suffix)
                    : keys::index_partial(index.bucket, index.index, level, suffix);
}

std::string entries_end(index_id index, unsigned level) {
  return entry_key(index, level, {&keys::above_terms, 1});
}

/// True if a block of `level` begins at the suffix. (At the empty suffix, always.)
bool begins_block(std::string_view suffix, unsigned level) {
  return suffix.empty() || block_tree::boundary_level(suffix) >= level;
}

} // namespace

result<void> each_entry(const read_view& view, index_id index, unsigned level,
                        std::string_view from, const entry_changes& changes,
                        const entry_visitor& entry) {
  auto change = changes.lower_bound(from);
  bool go_on = true;
  const auto give_changes_below = [&](std::string_view suffix) {
    for (; go_on && change != changes.end() && change->first < suffix; ++change)
      if (change->second.value) go_on = entry(change->first, *change->second.value);
  };
  auto scanned = view.scan_on(entry_key(index, level, from), entries_end(index, level),
                              [&](std::string_view key, std::string_view value) {
                                const std::string_view suffix = keys::suffix_of(key);
                                give_changes_below(suffix);
                                if (!go_on) return false;
                                if (change != changes.end() && change->first == suffix) {
                                  const entry_change& there = (change++)->second;
                                  if (there.value) go_on = entry(suffix, *there.value);
                                } else {
                                  go_on = entry(suffix, value);
                                }
                                return go_on;
                              });
  if (!scanned) return scanned;
  give_changes_below({&keys::above_terms, 1});
  return {};
}

result<block_extent> read_block(const read_view& view, index_id index, const block_place& place,
                                const entry_changes& changes, const entry_visitor& entry) {
  block_extent extent;
  const auto read = each_entry(view, index, place.level - 1, place.start, changes,
                               [&](std::string_view suffix, std::string_view value) {
                                 if (suffix != place.start && begins_block(suffix, place.level)) {
                                   extent.next = suffix;
                                   return false;
                                 }
                                 extent.empty = false;
                                 return entry(suffix, value);
                               });
  if (!read) return tl::unexpected(read.error());
  return extent;
}

block_updates::block_updates(read_view view, index_id index, unsigned levels)
    : view_(std::move(view)), index_(index), levels_(levels) {}

void block_updates::change(const std::string& suffix, std::optional<std::string> value,
                           bool existed) {
  const auto [place, fresh] = below_.try_emplace(suffix);
  if (fresh) place->second.existed = existed;
  place->second.value = std::move(value);
}

const entry_change* block_updates::changed(std::string_view suffix) const {
  const auto found = below_.find(suffix);
  return found == below_.end() ? nullptr : &found->second;
}

/// Notes the blocks that newly begin, and removes the blocks whose first row is gone.
void block_updates::start_level(row_batch& rows) {
  ++level_;
  here_.clear();
  for (const auto& [suffix, change] : below_) {
    if (suffix.empty() || change.existed == change.value.has_value()) continue;
    if (!begins_block(suffix, level_)) continue;
    here_[suffix] = {change.value ? std::optional<std::string>("") : std::nullopt, change.existed};
    if (change.value || level_ > 1) continue;
    // Remove it on all levels now: the update may end before it reaches the higher levels.
    for (unsigned level = block_tree::boundary_level(suffix); level > 0; --level)
      rows.remove(entry_key(index_, level, suffix));
  }
  at_ = below_.begin();
  queued_.reset();
  last_start_.reset();
  last_end_.reset();
  alone_ = false;
}

/// True: the update continues at the level above.
bool block_updates::end_level(row_batch& rows) {
  if (alone_) {
    for (unsigned above = level_ + 1; above <= levels_; ++above)
      rows.remove(entry_key(index_, above, {}));
    levels_ = alone_empty_ ? 0 : level_;
    return false;
  }
  below_ = std::move(here_);
  return !below_.empty();
}

/// True if the suffix lies in the block that was given last.
bool block_updates::is_covered(std::string_view suffix) const {
  return last_start_ && (!last_end_ || suffix < *last_end_);
}

/// The start of the last block of this level that begins at or before the suffix.
result<std::string> block_updates::block_around(std::string_view suffix,
                                                bool strictly_before) const {
  std::string found;
  auto change = strictly_before ? here_.lower_bound(suffix) : here_.upper_bound(suffix);
  while (change != here_.begin() && found.empty())
    if ((--change)->second.value) found = change->first;
  std::string to = entry_key(index_, level_, suffix);
  if (!strictly_before) to += '\0';
  const auto read = view_.scan_back(entry_key(index_, level_, found), to,
                                    [&](std::string_view key, std::string_view) {
                                      const std::string_view start = keys::suffix_of(key);
                                      const auto known = here_.find(start);
                                      if (known != here_.end() && !known->second.value)
                                        return true; // removed in this batch
                                      found = start;
                                      return false;
                                    });
  if (!read) return tl::unexpected(read.error());
  return found;
}

/// The start of the block to reduce again because of a change below it; nullopt if that block was
/// already given.
result<std::optional<std::string>> block_updates::start_for(const std::string& suffix,
                                                            const entry_change& change) {
  const bool begins = begins_block(suffix, level_) && change.value;
  if (begins && !suffix.empty() && !change.existed) {
    queued_ = suffix;
    if (last_end_ == suffix) return std::nullopt; // the previous block was already given
    auto before = block_around(suffix, true);
    if (!before) return tl::unexpected(before.error());
    return std::optional(std::move(*before));
  }
  if (is_covered(suffix)) return std::nullopt;
  if (begins || suffix.empty()) return std::optional(suffix);
  auto around = block_around(suffix, false);
  if (!around) return tl::unexpected(around.error());
  return std::optional(std::move(*around));
}

result<std::optional<std::string>> block_updates::next_start() {
  for (;;) {
    if (queued_) return std::exchange(queued_, std::nullopt);
    if (at_ == below_.end()) return std::nullopt;
    const auto& [suffix, change] = *at_++;
    if (!change.value && !change.existed) continue; // added and removed within this batch
    auto start = start_for(suffix, change);
    if (!start || *start) return start;
  }
}

result<bool> block_updates::next(row_batch& rows, block_place& place, const entry_visitor& entry) {
  if (below_.empty() || done_) return false;
  if (level_ == 0) start_level(rows);
  for (;;) {
    auto start = next_start();
    if (!start) return tl::unexpected(start.error());
    if (!*start) {
      if (unfinished()) return false;
      done_ = !end_level(rows);
      if (done_) return false;
      start_level(rows);
      continue;
    }
    place = {level_, std::move(**start)};
    auto extent = read_block(view_, index_, place, below_,
                             [&](std::string_view suffix, std::string_view value) {
                               ++entries_read_;
                               return entry(suffix, value);
                             });
    if (!extent) return tl::unexpected(extent.error());
    last_start_ = place.start;
    last_end_ = extent->next;
    if (place.start.empty() && !extent->next) {
      alone_ = true;
      alone_empty_ = extent->empty;
    }
    auto stored = view_.read(entry_key(index_, level_, place.start));
    if (!stored) return tl::unexpected(stored.error());
    if (!extent->empty) {
      given_[place.start] = std::move(*stored);
      return true;
    }
    if (!*stored) continue;
    rows.remove(entry_key(index_, level_, place.start));
    here_[place.start] = {std::nullopt, true};
  }
}

void block_updates::finish(row_batch& rows, const block_place& place, std::string value) {
  const auto given = given_.find(place.start);
  if (given == given_.end() || place.level != level_) return;
  const auto stored = std::move(given->second);
  given_.erase(given);
  if (stored == value) return;
  rows.put(entry_key(index_, level_, place.start), value);
  here_[place.start] = {std::move(value), stored.has_value()};
}

} // namespace treadmill
