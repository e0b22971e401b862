#include "storage/index/index_reduction.hpp"
#include "storage/base/defaults.hpp"
#include "storage/engine/keys.hpp"
#include "storage/index/block_tree.hpp"
#include "storage/index/term.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {
namespace {

constexpr std::string_view above_all{&keys::above_terms, 1};

/// The common prefix of the terms of a group: the whole term, or the front of an array.
std::string_view group_of(std::string_view term, const grouping& groups) {
  if (groups.how != grouping::by::elements) return term;
  return first_elements(term, groups.level).value_or(term);
}

result<std::string> key_of(std::string_view group) {
  std::string whole(group);
  if (term_size(group) != group.size()) whole += '\0'; // ends the array
  std::string key;
  std::string_view bytes = whole;
  if (auto read = take_term(key, bytes); !read) return tl::unexpected(read.error());
  return key;
}

} // namespace

index_reduction::index_reduction(read_view view, index_id index, unsigned levels, reduction how,
                                 index_range range, grouping groups)
    : view_(std::move(view)), index_(index), levels_(levels), how_(how), range_(std::move(range)),
      groups_(groups) {
  range_.lower(above_all);
}

result<bool> index_reduction::step(const receiver& give) {
  left_ = defaults::slice_rows;
  stopped_ = false;
  while (left_ > 0 && !stopped_ && walk_ != walk::at_end) {
    result<void> done;
    switch (walk_) {
    case walk::between_groups: done = find_group(); break;
    case walk::over_rows: done = walk_rows(give); break;
    case walk::over_blocks: done = walk_blocks(); break;
    case walk::at_end: break;
    }
    if (!done) return tl::unexpected(done.error());
  }
  return walk_ != walk::at_end;
}

std::string index_reduction::row_key(std::string_view suffix) const {
  return keys::index_row(index_.bucket, index_.index, suffix);
}

result<std::optional<std::string>> index_reduction::find_row(which end, std::string_view from,
                                                             std::string_view to) const {
  std::optional<std::string> found;
  if (from >= to) return found;
  const auto keep = [&](std::string_view key, std::string_view) {
    found = keys::suffix_of(key);
    return false;
  };
  const auto read = end == which::first ? view_.scan(row_key(from), row_key(to), keep)
                                        : view_.scan_back(row_key(from), row_key(to), keep);
  if (!read) return tl::unexpected(read.error());
  return found;
}

// Groups
// -------------------------------------------------------------------------------------------------

result<void> index_reduction::find_group() {
  if (groups_.how == grouping::by::nothing) {
    group_.emplace();
    if (how_ != reduction::javascript) group_->value.emplace(how_);
    group_to_ = std::max(range_.from, range_.to);
    return begin_walk(range_.from);
  }
  auto row = find_row(range_.descending ? which::last : which::first, range_.from, range_.to);
  if (!row) return tl::unexpected(row.error());
  if (!*row) {
    walk_ = walk::at_end;
    return {};
  }
  if (auto opened = open_group(**row); !opened) return opened;
  if (range_.descending) return begin_walk(std::max(range_.from, group_->group));
  return begin_walk(std::move(**row));
}

result<void> index_reduction::open_group(std::string_view first_row) {
  const auto row = index_row::decode(first_row, {});
  if (!row) return tl::unexpected(row.error());
  const std::string_view bytes = group_of(row->term, groups_);
  auto key = key_of(bytes);
  if (!key) return tl::unexpected(key.error());
  group_.emplace();
  if (how_ != reduction::javascript) group_->value.emplace(how_);
  group_->group = bytes;
  group_->key = std::move(*key);
  group_to_ = group_->group + keys::above_terms;
  if (group_to_ > range_.to) group_to_ = range_.to;
  highest_ = levels_;
  after_.reset();
  return {};
}

/// Passes the complete open group to the receiver. False: the receiver asked to stop.
bool index_reduction::close_group(const receiver& give) {
  if (range_.descending) range_.to = std::max(range_.from, group_->group);
  stopped_ = !give(std::move(*group_));
  group_.reset();
  return !stopped_;
}

/// If no row precedes the group, the group begins at the start of the first blocks, so the walk can
/// use these blocks.
result<void> index_reduction::begin_walk(std::string from) {
  highest_ = levels_;
  after_.reset();
  at_ = std::move(from);
  walk_ = walk::over_rows;
  if (levels_ == 0) return {};
  auto before = find_row(which::first, {}, at_);
  if (!before) return tl::unexpected(before.error());
  if (*before) return {};
  at_.clear();
  level_ = levels_;
  walk_ = walk::over_blocks;
  return {};
}

// Rows
// -------------------------------------------------------------------------------------------------

result<void> index_reduction::walk_rows(const receiver& give) {
  result<void> failed;
  bool left_off = false;
  // In ascending order, one scan reads consecutive groups.
  const std::string& to = range_.descending ? group_to_ : range_.to;
  auto read =
      view_.scan(row_key(at_), row_key(to), [&](std::string_view key, std::string_view value) {
        const auto more = visit_row(keys::suffix_of(key), value, give);
        if (!more) failed = tl::unexpected(more.error());
        left_off = !more || !*more;
        return !left_off;
      });
  if (!failed) return failed;
  if (!read) return read;
  if (left_off) return {};
  const bool last = !range_.descending || groups_.how == grouping::by::nothing;
  walk_ = last ? walk::at_end : walk::between_groups;
  close_group(give);
  return {};
}

/// False: the walk continues from `at_` in the mode of `walk_`.
result<bool> index_reduction::visit_row(std::string_view suffix, std::string_view value,
                                        const receiver& give) {
  at_ = suffix;
  if (left_ == 0) return false;
  if (suffix >= group_to_) {
    if (!close_group(give)) {
      range_.from = suffix;
      walk_ = walk::between_groups;
      return false;
    }
    if (auto opened = open_group(suffix); !opened) return tl::unexpected(opened.error());
  }
  if (highest_ > 0) {
    if (const unsigned boundary = block_tree::boundary_level(suffix); boundary > 0) {
      level_ = std::min(boundary, highest_);
      walk_ = walk::over_blocks;
      return false;
    }
  }
  if (auto taken = take_row(suffix, value); !taken) return tl::unexpected(taken.error());
  return true;
}

result<void> index_reduction::take_row(std::string_view suffix, std::string_view value) {
  ++rows_read_;
  count_entry();
  const auto row = index_row::decode(suffix, value);
  if (!row) return tl::unexpected(row.error());
  if (group_->value) return group_->value->add(*row);
  auto& pieces = group_->pieces;
  if (pieces.empty() || pieces.back().partial) pieces.emplace_back();
  std::string& key = pieces.back().keys.emplace_back("[");
  if (auto read = append_key(key, *row); !read) return read;
  key += ',';
  append_json_string(key, row->id);
  key += ']';
  return append_value(pieces.back().values.emplace_back(), *row);
}

// Blocks
// -------------------------------------------------------------------------------------------------

result<void> index_reduction::walk_blocks() {
  std::optional<std::string> held; // partial result of the block that begins at at_
  result<void> failed;
  bool left_off = false;
  auto read = view_.scan(keys::index_partial(index_.bucket, index_.index, level_, at_),
                         keys::index_partial(index_.bucket, index_.index, level_, above_all),
                         [&](std::string_view key, std::string_view value) {
                           ++partials_read_;
                           count_entry();
                           const auto more = visit_block(keys::suffix_of(key), value, held);
                           if (!more) failed = tl::unexpected(more.error());
                           left_off = !more || !*more;
                           return !left_off;
                         });
  if (!failed) return failed;
  if (!read) return read;
  if (left_off) return {};
  if (!held) return fail(ec::corrupt, "an index has lost a partial result");
  const auto passed = pass_block(std::nullopt, *held);
  return passed ? result<void>() : tl::unexpected(passed.error());
}

/// `held` is the partial result of the previous block, which ends where this one begins. False: the
/// walk continues from `at_` in the mode of `walk_`.
result<bool> index_reduction::visit_block(std::string_view start, std::string_view value,
                                          std::optional<std::string>& held) {
  if (!held) {
    if (start != at_ && !at_.empty())
      return fail(ec::corrupt, "an index has lost a partial result");
    at_ = start; // if the first block of a level is empty, a later one starts at the first row
  } else {
    auto passed = pass_block(start, *held);
    if (!passed || !*passed) return passed;
    const unsigned boundary = block_tree::boundary_level(start);
    if (boundary > level_ && level_ < highest_) {
      level_ = std::min(boundary, highest_);
      return false;
    }
    if (left_ == 0) return false;
  }
  held = value;
  return true;
}

/// Uses the partial result of the block that begins at `at_` if all its rows belong to the group;
/// otherwise continues with the smaller blocks in it. True: more blocks of this level may belong to
/// the group.
result<bool> index_reduction::pass_block(std::optional<std::string_view> end,
                                         std::string_view value) {
  auto whole = is_whole(end);
  if (!whole) return whole;
  if (!*whole) {
    descend();
    return false;
  }
  if (auto taken = take_partial(value); !taken) return tl::unexpected(taken.error());
  at_ = end.value_or(group_to_);
  if (end && *end < group_to_) return true;
  walk_ = walk::over_rows;
  return false;
}

/// True if all rows from `at_` to `end` belong to the group. (Checking only whether `end` is within
/// the group's bounds is not enough: equal rows must be added in the same order, whatever bounds
/// selected them.)
result<bool> index_reduction::is_whole(std::optional<std::string_view> end) {
  if (end && *end <= group_to_) return true;
  if (!after_) {
    auto row = find_row(which::first, group_to_, above_all);
    if (!row) return tl::unexpected(row.error());
    after_ = std::move(*row);
  }
  return !*after_ || (end && *end <= **after_);
}

void index_reduction::descend() {
  highest_ = level_ - 1;
  level_ = highest_;
  if (highest_ == 0) walk_ = walk::over_rows;
}

result<void> index_reduction::take_partial(std::string_view value) {
  if (group_->value) {
    const auto partial = partial_result::decode(how_, value);
    if (!partial) return tl::unexpected(partial.error());
    group_->value->merge(*partial);
    return {};
  }
  auto partial = reduced_value::decode(value);
  if (!partial) return tl::unexpected(partial.error());
  if (partial->failed) return fail(ec::bad_reduce, std::move(partial->text));
  group_->pieces.push_back({true, {}, {std::move(partial->text)}});
  return {};
}

} // namespace treadmill
