#include "storage/index/index_run.hpp"
#include "storage/base/defaults.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/engine/current_entries.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {

index_run::index_run(const store& rows, read_view at, uint64_t target, index_id where,
                     index_state state, reduction how)
    : rows_(rows), at_(std::move(at)), target_(target), where_(where), state_(std::move(state)),
      how_(how), from_nothing_(state_.position == 0), read_up_to_(state_.position) {
  state_.target = target_;
}

/// Maps a document only at its last entry in the snapshot: earlier entries are superseded, and
/// later entries belong to another run.
result<void> index_run::take_entry(const activity_entry& logged, row_finder& documents,
                                   waiting_part& waiting, part& given, size_t& bytes) const {
  if (is_query_document(logged.id)) return {};
  auto stored = documents.read(keys::document(where_.bucket, logged.id));
  if (!stored) return tl::unexpected(std::move(stored.error()));
  if (!*stored) return fail(ec::corrupt, "the activity names a document that is missing");
  const auto row = document_row::decode(**stored);
  if (!row) return tl::unexpected(row.error());
  if (row->sequence != logged.sequence) return {};
  waiting.entries.push_back({logged.id, logged.sequence, !row->deleted});
  if (row->deleted) return {};
  given.documents.push_back({logged.id, row->winner.text(), std::string(row->body)});
  bytes += row->body.size();
  return {};
}

result<std::optional<index_run::part>> index_run::next_part() {
  if (read_up_to_ >= target_) return std::nullopt;
  waiting_part waiting;
  part given;
  waiting.number = given.number = last_part_ + 1;
  size_t bytes = 0;
  size_t entries = 0;
  result<void> failed;
  activity_entry logged;
  row_finder documents(at_);
  const auto row = [&](std::string_view key, std::string_view value) {
    failed = logged.assign(keys::sequence_of(key), value);
    if (failed) failed = take_entry(logged, documents, waiting, given, bytes);
    if (!failed) return false;
    return ++entries < part_entries && given.documents.size() < part_documents &&
           bytes < part_bytes;
  };
  const auto looked = scan_current_entries(at_, where_.bucket, read_up_to_ + 1, target_, row);
  if (!failed) return tl::unexpected(std::move(failed.error()));
  if (!looked) return tl::unexpected(looked.error());
  if (looked->last == read_up_to_) return fail(ec::corrupt, "entries of the activity are missing");
  read_up_to_ = waiting.up_to = looked->last;
  ++last_part_;
  parts_.push_back(std::move(waiting));
  return given;
}

void index_run::mapped(uint64_t number, std::vector<run_rows> rows) {
  for (waiting_part& waiting : parts_) {
    if (waiting.number != number) continue;
    for (run_rows& one : rows) waiting.rows.push_back(std::move(one));
    return;
  }
}

bool index_run::holds_rows(uint64_t number) const {
  return std::any_of(parts_.begin(), parts_.end(), [number](const waiting_part& one) {
    return one.number == number && !one.rows.empty();
  });
}

index_run::strikes index_run::strikes_waiting() const {
  strikes found;
  for (const waiting_part& given : parts_) {
    auto rows = given.rows.begin();
    for (size_t i = given.next_entry; i < given.entries.size() && rows != given.rows.end(); ++i) {
      if (!given.entries[i].mapped) continue;
      if (rows->strike) {
        ++found.count;
        found.id = given.entries[i].id;
        found.problem = rows->problem;
      }
      ++rows;
    }
  }
  return found;
}

void index_run::note_problem(const entry& of, const run_rows& rows) {
  index_state& state = writer_->state();
  ++state.errors;
  if (rows.strike) ++state.strikes;
  state.error_id = of.id;
  state.error_message = rows.problem;
}

/// Applies entries of the part until the part is done, a row is missing, or the batch is full.
result<void> index_run::apply(waiting_part& front) {
  index_state& state = writer_->state();
  while (!front.done()) {
    if (writer_->bytes() >= defaults::index_batch_bytes || front.lacks_rows()) return {};
    const entry& changed = front.entries[front.next_entry++];
    run_rows rows;
    if (changed.mapped) {
      rows = std::move(front.rows.front());
      front.rows.pop_front();
    }
    auto done = from_nothing_ ? writer_->add(changed.id, changed.sequence, rows.rows)
                              : writer_->replace(changed.id, changed.sequence, rows.rows);
    if (!done) return done;
    if (!rows.problem.empty()) note_problem(changed, rows);
    if (rows.emitted) state.emits = true;
    state.position = changed.sequence;
  }
  state.position = front.up_to;
  return {};
}

/// False: there is no data for a batch yet.
result<bool> index_run::begin_batch() {
  const bool reducing = state_.phase == index_phase::reducing;
  if (!reducing && !nothing_left() && (parts_.empty() || parts_.front().lacks_rows())) return false;
  writer_.emplace(rows_.latest().keeping_blocks(), where_, state_, how_);
  if (reducing || parts_.empty()) return true;
  if (auto done = apply(parts_.front()); !done) return tl::unexpected(std::move(done.error()));
  if (parts_.front().done()) parts_.pop_front();
  return true;
}

result<void> index_run::update_partials() {
  return state_.phase == index_phase::reducing ? writer_->build_partials()
                                               : writer_->update_partials();
}

result<index_run::step> index_run::next_step() {
  step next;
  if (!writer_) {
    if (nothing_left() && state_.position == target_ && state_.consistent()) {
      next.what = step::kind::done;
      return next;
    }
    const auto begun = begin_batch();
    if (!begun) return tl::unexpected(begun.error());
    if (!*begun) return next;
  }
  if (how_ == reduction::javascript) {
    auto blocks = writer_->next_blocks();
    if (!blocks) return tl::unexpected(std::move(blocks.error()));
    for (const reduce_block& block : *blocks) reducing_.push_back(block.place);
    next.what = step::kind::reduce;
    next.blocks = std::move(*blocks);
    if (!next.blocks.empty()) return next;
  } else if (auto done = update_partials(); !done) {
    return tl::unexpected(std::move(done.error()));
  }
  if (state_.phase != index_phase::reducing && nothing_left()) writer_->end_run();
  auto rows = writer_->take();
  if (!rows) return tl::unexpected(std::move(rows.error()));
  state_ = writer_->state();
  writer_.reset();
  next.what = step::kind::commit;
  next.rows = std::move(*rows);
  return next;
}

void index_run::reduced(std::vector<reduced_value> values) {
  for (size_t i = 0; i < std::min(values.size(), reducing_.size()); ++i)
    writer_->put_partial(reducing_[i], values[i]);
  reducing_.clear();
}

} // namespace treadmill
