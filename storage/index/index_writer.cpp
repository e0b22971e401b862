#include "storage/index/index_writer.hpp"
#include "storage/base/coding.hpp"
#include "storage/base/defaults.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <iterator>
#include <utility>

namespace treadmill {
namespace {

tl::unexpected<error> lost(const char* what) {
  return fail(ec::corrupt, std::string("an index has lost ") + what);
}

bool by_term(const mapped_row& a, const mapped_row& b) {
  const int order = a.term.compare(b.term);
  return order != 0 ? order < 0 : a.value < b.value;
}

/// The rows in `a` that are not in `b`; both are sorted.
std::vector<mapped_row> difference(const std::vector<mapped_row>& a,
                                   const std::vector<mapped_row>& b) {
  std::vector<mapped_row> rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest), by_term);
  return rest;
}

} // namespace

std::string reduced_value::encode() const {
  std::string out(1, failed ? '\1' : '\0');
  out += text;
  return out;
}

result<reduced_value> reduced_value::decode(std::string_view bytes) {
  if (bytes.empty() || (bytes.front() != '\0' && bytes.front() != '\1'))
    return fail(ec::corrupt, "a stored partial result cannot be read");
  return reduced_value{bytes.front() != '\0', std::string(bytes.substr(1))};
}

/// A document while its rows are replaced.
struct index_writer::document_change {
  std::string id{};
  uint64_t sequence = 0;
  std::vector<mapped_row> removed{};
  std::vector<mapped_row> added{};
};

index_writer::index_writer(read_view view, index_id index, index_state state, reduction how)
    : view_(view), index_(index), state_(std::move(state)), how_(how),
      updates_(std::move(view), index, state_.levels) {}

// Rows
// -------------------------------------------------------------------------------------------------

/// The terms of a document's current rows, in the order of emission.
result<std::vector<std::string>> index_writer::terms_of(const std::string& id) {
  if (const auto found = reverse_.find(id); found != reverse_.end()) return found->second;
  auto stored = view_.read(keys::index_reverse(index_.bucket, index_.index, id));
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) return std::vector<std::string>();
  return decode_reverse(**stored);
}

result<mapped_row> index_writer::stored_row(const std::string& term,
                                            const std::string& suffix) const {
  if (const entry_change* change = updates_.changed(suffix)) {
    if (change->value) return mapped_row{term, *change->value};
    return lost("a row");
  }
  auto value = view_.read(keys::index_row(index_.bucket, index_.index, suffix));
  if (!value) return tl::unexpected(value.error());
  if (!*value) return lost("a row");
  return mapped_row{term, std::move(**value)};
}

void index_writer::put_row(document_change& doc, const mapped_row& row, uint16_t emission,
                           bool existed) {
  const std::string suffix = row_suffix(row.term, doc.id, emission);
  rows_.put(keys::index_row(index_.bucket, index_.index, suffix), row.value);
  if (state_.phase != index_phase::complete) return;
  updates_.change(suffix, row.value, existed);
  doc.added.push_back(row);
}

result<void> index_writer::remove_row(document_change& doc, const std::string& term,
                                      uint16_t emission) {
  const std::string suffix = row_suffix(term, doc.id, emission);
  rows_.remove(keys::index_row(index_.bucket, index_.index, suffix));
  if (state_.phase != index_phase::complete) return {};
  auto row = stored_row(term, suffix);
  if (!row) return tl::unexpected(row.error());
  updates_.change(suffix, std::nullopt, true);
  doc.removed.push_back(std::move(*row));
  return {};
}

/// Puts a row at the place of an existing row.
result<void> index_writer::replace_row(document_change& doc, const std::string& old_term,
                                       const mapped_row& row, uint16_t emission) {
  if (state_.phase == index_phase::complete) {
    auto before = stored_row(old_term, row_suffix(old_term, doc.id, emission));
    if (!before) return tl::unexpected(before.error());
    if (before->value == row.value) {
      doc.removed.push_back(*before); // equal to the added row: note_change drops both
      doc.added.push_back(std::move(*before));
      return {};
    }
    doc.removed.push_back(std::move(*before));
  }
  put_row(doc, row, emission, true);
  return {};
}

void index_writer::store_reverse(const std::string& id, const std::vector<std::string>& before,
                                 std::span<const mapped_row> rows) {
  const auto same = [](const std::string& term, const mapped_row& row) { return term == row.term; };
  if (std::equal(before.begin(), before.end(), rows.begin(), rows.end(), same)) return;
  const std::string key = keys::index_reverse(index_.bucket, index_.index, id);
  if (rows.empty()) {
    rows_.remove(key);
  } else {
    rows_.put(key, encode_reverse(rows));
  }
  state_.rows = state_.rows - before.size() + rows.size();
  if (before.empty()) ++state_.documents;
  if (rows.empty()) --state_.documents;
}

/// Records for live feeds which rows were added and removed. A row that only moved among the
/// document's own rows is not a change.
void index_writer::note_change(document_change& doc) {
  std::sort(doc.removed.begin(), doc.removed.end(), by_term);
  std::sort(doc.added.begin(), doc.added.end(), by_term);
  index_change change;
  change.id = doc.id;
  change.removed = difference(doc.removed, doc.added);
  change.added = difference(doc.added, doc.removed);
  if (change.removed.empty() && change.added.empty()) return;
  const std::string value = change.encode();
  rows_.put(keys::index_change(index_.bucket, index_.index, doc.sequence), value);
  ++state_.changes;
  ++changes_added_;
  state_.change_bytes += value.size();
}

result<void> index_writer::replace(std::string_view id, uint64_t sequence,
                                   std::span<const mapped_row> rows) {
  document_change doc;
  doc.id = id;
  doc.sequence = sequence;
  const auto before = terms_of(doc.id);
  if (!before) return tl::unexpected(before.error());
  if (auto done = change(doc, *before, rows); !done) return done;
  std::vector<std::string>& terms = reverse_[doc.id];
  terms.clear();
  for (const mapped_row& row : rows) terms.push_back(row.term);
  return {};
}

result<void> index_writer::add(std::string_view id, uint64_t sequence,
                               std::span<const mapped_row> rows) {
  document_change doc;
  doc.id = id;
  doc.sequence = sequence;
  return change(doc, {}, rows);
}

result<void> index_writer::change(document_change& doc, const std::vector<std::string>& before,
                                  std::span<const mapped_row> rows) {
  if (state_.phase == index_phase::reducing)
    return fail(ec::internal, "an index was written while its partial results were made");
  if (rows.size() > size_t{UINT16_MAX} + 1)
    return fail(ec::too_large, "a document has more rows than an index takes");
  for (size_t i = 0; i < std::max(before.size(), rows.size()); ++i) {
    const auto emission = static_cast<uint16_t>(i);
    const bool was = i < before.size();
    result<void> done;
    if (was && i < rows.size() && before[i] == rows[i].term) {
      done = replace_row(doc, before[i], rows[i], emission);
    } else {
      if (was) done = remove_row(doc, before[i], emission);
      if (i < rows.size()) put_row(doc, rows[i], emission, false);
    }
    if (!done) return done;
  }
  store_reverse(doc.id, before, rows);
  if (state_.phase == index_phase::complete) note_change(doc);
  return {};
}

void index_writer::complete() {
  state_.phase = index_phase::complete;
  state_.sequence = state_.position;
  state_.changes_from = state_.sequence + 1;
}

void index_writer::end_run() {
  state_.position = state_.target;
  if (state_.phase == index_phase::complete) {
    state_.sequence = state_.position;
  } else if (how_ == reduction::none) {
    complete();
  } else {
    state_.phase = index_phase::reducing;
    state_.build_level = 1;
    state_.build_from.clear();
  }
}

// Partial results
// -------------------------------------------------------------------------------------------------

/// The next block to reduce in this batch: a changed block, or a block of the first build.
result<bool> index_writer::next_block(block_place& place, const entry_visitor& entry) {
  if (how_ == reduction::none) return false;
  if (state_.phase == index_phase::reducing) return next_built(place, entry);
  // The batch that ended the first build wrote no rows, so updates_ has no block for it.
  auto more = updates_.next(rows_, place, entry);
  if (more && !*more) state_.levels = updates_.levels();
  return more;
}

result<bool> index_writer::next_built(block_place& place, const entry_visitor& entry) {
  while (!level_ended_ && state_.build_level != 0 && entries_read_ < defaults::index_build_rows &&
         rows_.bytes() < defaults::index_batch_bytes) {
    place = {state_.build_level, state_.build_from};
    auto extent =
        read_block(view_, index_, place, {}, [&](std::string_view suffix, std::string_view value) {
          ++entries_read_;
          return entry(suffix, value);
        });
    if (!extent) return tl::unexpected(extent.error());
    level_ended_ = !extent->next;
    if (extent->next) {
      state_.build_from = std::move(*extent->next);
    } else if (!place.start.empty()) {
      state_.build_from.clear();
      ++state_.build_level;
    } else {
      state_.levels = extent->empty ? 0 : place.level;
      state_.build_level = 0;
    }
    if (!extent->empty) return true;
  }
  return false;
}

void index_writer::finish(const block_place& place, std::string value) {
  if (state_.phase == index_phase::reducing) {
    rows_.put(keys::index_partial(index_.bucket, index_.index, place.level, place.start), value);
  } else {
    updates_.finish(rows_, place, std::move(value));
  }
}

/// Reduces all blocks of this batch with the built-in reduction.
result<void> index_writer::reduce_all() {
  for (;;) {
    block_place place;
    partial_result partial(how_);
    result<void> failed;
    const auto more = next_block(place, [&](std::string_view suffix, std::string_view value) {
      if (place.level == 1) {
        const auto row = index_row::decode(suffix, value);
        failed = row ? partial.add(*row) : tl::unexpected(row.error());
      } else if (const auto below = partial_result::decode(how_, value)) {
        partial.merge(*below);
      } else {
        failed = tl::unexpected(below.error());
      }
      return failed.has_value();
    });
    if (!failed) return failed;
    if (!more) return tl::unexpected(more.error());
    if (!*more) return {};
    finish(place, partial.encode());
  }
}

result<void> index_writer::update_partials() {
  return keeps_partials() ? reduce_all() : result<void>();
}

result<void> index_writer::build_partials() {
  if (state_.phase != index_phase::reducing) return {};
  if (auto done = reduce_all(); !done) return done;
  if (state_.build_level == 0) complete();
  return {};
}

namespace {

/// Appends an entry to a block that JavaScript will reduce.
result<void> append_entry(reduce_block& block, std::string_view suffix, std::string_view value,
                          std::optional<reduced_value>& failed) {
  if (block.rereduce()) {
    auto below = reduced_value::decode(value);
    if (!below) return tl::unexpected(below.error());
    if (below->failed && !failed) failed = *below;
    block.values.push_back(std::move(below->text));
    return {};
  }
  const auto row = index_row::decode(suffix, value);
  if (!row) return tl::unexpected(row.error());
  std::string& key = block.keys.emplace_back("[");
  if (auto read = append_key(key, *row); !read) return read;
  key += ',';
  append_json_string(key, row->id);
  key += ']';
  return append_value(block.values.emplace_back(), *row);
}

} // namespace

result<std::vector<reduce_block>> index_writer::next_blocks() {
  std::vector<reduce_block> blocks;
  if (blocks_waiting_ > 0) return fail(ec::internal, "a block waits for its partial result");
  for (size_t size = 0; size < defaults::reduce_input_bytes || blocks.empty();) {
    reduce_block block;
    std::optional<reduced_value> failed;
    result<void> broken;
    const auto more = next_block(block.place, [&](std::string_view suffix, std::string_view value) {
      broken = append_entry(block, suffix, value, failed);
      size += suffix.size() + value.size();
      return broken.has_value();
    });
    if (!broken) return tl::unexpected(broken.error());
    if (!more) return tl::unexpected(more.error());
    if (!*more) break;
    if (failed) {
      finish(block.place, failed->encode());
      continue;
    }
    blocks.push_back(std::move(block));
  }
  blocks_waiting_ = blocks.size();
  if (blocks.empty() && state_.phase == index_phase::reducing && state_.build_level == 0)
    complete();
  return blocks;
}

void index_writer::put_partial(const block_place& place, const reduced_value& value) {
  finish(place, value.encode());
  --blocks_waiting_;
}

// The batch
// -------------------------------------------------------------------------------------------------

/// Removes the oldest changes if there are too many: at most about twice as many as this batch
/// added, so that the trimming stays in proportion to the batch.
result<void> index_writer::trim_changes() {
  constexpr uint64_t least_removed = 16;
  uint64_t left = 2 * changes_added_ + least_removed;
  return view_.scan(keys::index_change(index_.bucket, index_.index, state_.changes_from),
                    keys::index_changes_end(index_.bucket, index_.index),
                    [&](std::string_view key, std::string_view value) {
                      if (left-- == 0 || (state_.changes <= defaults::index_changes &&
                                          state_.change_bytes <= defaults::index_change_bytes))
                        return false;
                      rows_.remove(key);
                      --state_.changes;
                      state_.change_bytes -= value.size();
                      state_.changes_from = keys::change_sequence_of(key) + 1;
                      return true;
                    });
}

result<row_batch> index_writer::take() {
  if (blocks_waiting_ > 0 || updates_.unfinished())
    return fail(ec::internal, "a block waits for its partial result");
  if (keeps_partials() && !updates_.settled())
    return fail(ec::internal, "the partial results are not those of the rows");
  if (state_.changes > defaults::index_changes ||
      state_.change_bytes > defaults::index_change_bytes) {
    if (auto done = trim_changes(); !done) return tl::unexpected(done.error());
  }
  rows_.put(keys::index_state(index_.bucket, index_.index), state_.encode());
  return std::move(rows_);
}

} // namespace treadmill
