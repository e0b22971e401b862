#include "storage/verify/verify_index.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include "storage/index/index_writer.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {
namespace {

/// The name of a block in a problem.
std::string block_name(unsigned level, std::string_view start) {
  std::string name = "the partial result of level " + std::to_string(level);
  if (start.empty()) return name + " at the beginning";
  const auto row = index_row::decode(start, {});
  return row ? name + " at the row of " + std::string(row->id) : name + " at no row";
}

} // namespace

index_verifier::index_verifier(read_view view, index_id index, std::string below, reduction how,
                               uint64_t sequence, bucket_report& report)
    : view_(std::move(view)), index_(index), below_(std::move(below)), how_(how),
      sequence_(sequence), report_(report) {
  const bool built_in = how != reduction::none && how != reduction::javascript;
  for (open_block& block : blocks_)
    block.partial = partial_result(built_in ? how : reduction::count);
}

result<void> index_verifier::take(std::string_view key, std::string_view value) {
  const char kind = key[keys::index_prefix - 1];
  const std::string_view rest = keys::suffix_of(key);
  if (kind > keys::index_kind::row) {
    if (auto ended = end_rows(); !ended) return ended;
  }
  const auto level = static_cast<unsigned>(static_cast<unsigned char>(kind)) -
                     static_cast<unsigned>(keys::index_kind::partial);
  switch (kind) {
  case keys::index_kind::state: take_state(value); return {};
  case keys::index_kind::row: return take_row(rest, value);
  case keys::index_kind::reverse: return take_list(rest, value);
  case keys::index_kind::change: take_change(keys::change_sequence_of(key), value); return {};
  default: break;
  }
  if (level >= 1 && level <= block_tree::most_levels) return take_partial(level, rest, value);
  add("its index has a row of an unknown kind");
  return {};
}

void index_verifier::take_state(std::string_view value) {
  auto state = index_state::decode(value);
  if (!state) return add(state.error().reason);
  if (std::max({state->sequence, state->position, state->target}) > sequence_)
    add("its index is ahead of the activity");
  state_ = std::move(*state);
  recomputes_ = has_partials();
}

// Rows
// -------------------------------------------------------------------------------------------------

result<void> index_verifier::take_row(std::string_view suffix, std::string_view value) {
  ++rows_;
  const auto row = index_row::decode(suffix, value);
  std::string key;
  if (!row || !append_key(key, *row)) {
    recomputes_ = false; // its contribution is unknown
    add("a stored row of an index cannot be read");
    return {};
  }
  if (!recomputes_) return {};
  const unsigned boundary = block_tree::boundary_level(suffix);
  if (rows_ == 1) first_ = boundary;
  highest_ = std::max(highest_, boundary);
  const unsigned begun = std::min(boundary, state_->levels);
  if (auto closed = close_blocks(begun); !closed) return closed;
  for (unsigned level = 1; level <= begun; ++level) blocks_.at(level).start = suffix;
  blocks_[1].filled = true;
  if (!blocks_[1].partial.add(*row)) {
    recomputes_ = false;
    add("the value of the row of " + std::string(row->id) + " cannot be read");
  }
  return {};
}

result<void> index_verifier::end_rows() {
  if (std::exchange(rows_ended_, true) || !recomputes_) return {};
  return close_blocks(state_->levels);
}

/// The blocks of these levels end here: checks their partial results, and merges them into the
/// level above.
result<void> index_verifier::close_blocks(unsigned up_to) {
  for (unsigned level = 1; level <= up_to; ++level) {
    open_block& block = blocks_.at(level);
    if (!block.filled) continue;
    if (auto checked = check_block(level, block); !checked) return checked;
    if (level < state_->levels) {
      blocks_.at(level + 1).partial.merge(block.partial);
      blocks_.at(level + 1).filled = true;
    }
    block.partial.clear();
    block.filled = false;
  }
  return {};
}

result<void> index_verifier::check_block(unsigned level, const open_block& block) {
  const auto stored =
      view_.read(keys::index_partial(index_.bucket, index_.index, level, block.start));
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) {
    add(block_name(level, block.start) + " is missing");
  } else if (how_ != reduction::javascript && **stored != block.partial.encode()) {
    add(block_name(level, block.start) + " is not that of its rows");
  }
  return {};
}

/// Checks that the document's listed rows exist, and that the document exists.
result<void> index_verifier::take_list(std::string_view id, std::string_view value) {
  ++documents_;
  const auto terms = decode_reverse(value);
  if (!terms || terms->empty()) {
    add("the list of the rows of " + std::string(id) + " cannot be read");
    return {};
  }
  listed_ += terms->size();
  for (size_t i = 0; i < terms->size(); ++i) {
    const std::string suffix = row_suffix((*terms)[i], id, static_cast<uint16_t>(i));
    const auto row = view_.read(keys::index_row(index_.bucket, index_.index, suffix));
    if (!row) return tl::unexpected(row.error());
    if (!*row) add("row " + std::to_string(i) + " of " + std::string(id) + " is missing");
  }
  return check_document(id);
}

result<void> index_verifier::check_document(std::string_view id) {
  const auto stored = view_.read(keys::document(index_.bucket, id));
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) {
    add("it has rows of " + std::string(id) + ", which is not there");
    return {};
  }
  const auto document = document_row::decode(**stored);
  if (document && document->deleted && state_ && state_->consistent() &&
      document->sequence <= state_->sequence)
    add("it has rows of " + std::string(id) + ", which is deleted");
  return {};
}

void index_verifier::take_change(uint64_t sequence, std::string_view value) {
  ++changes_;
  change_bytes_ += value.size();
  const std::string name = "its change " + std::to_string(sequence);
  if (!index_change::decode(sequence, value)) add(name + " cannot be read");
  if (sequence > sequence_) add(name + " is ahead of the activity");
  if (state_ && sequence < state_->changes_from) add(name + " is older than those that are kept");
}

/// Checks that the partial result belongs to a block that has rows. (check_block compared its value
/// when the rows were read.)
result<void> index_verifier::take_partial(unsigned level, std::string_view suffix,
                                          std::string_view value) {
  if (how_ == reduction::javascript && !reduced_value::decode(value))
    add(block_name(level, suffix) + " cannot be read");
  if (!state_) return {};
  const bool may_be = how_ != reduction::none && state_->phase != index_phase::mapping;
  if (may_be && !recomputes_) return {};
  bool belongs = may_be && level <= state_->levels;
  if (belongs && suffix.empty()) {
    belongs = rows_ > 0 && first_ < level;
  } else if (belongs) {
    const auto row = view_.read(keys::index_row(index_.bucket, index_.index, suffix));
    if (!row) return tl::unexpected(row.error());
    belongs = *row && block_tree::boundary_level(suffix) >= level;
  }
  if (!belongs) add(block_name(level, suffix) + " belongs to no block");
  return {};
}

// The end
// -------------------------------------------------------------------------------------------------

result<void> index_verifier::finish() {
  if (auto ended = end_rows(); !ended) return ended;
  if (!state_) {
    add("its index has no state that can be read");
    return {};
  }
  check_counts();
  // Every listed row exists, so if the counts are equal, every row is in a list.
  return listed_ == rows_ ? result<void>() : find_unlisted();
}

void index_verifier::check_counts() {
  const auto hold = [&](const char* what, uint64_t says, uint64_t are) {
    if (says != are)
      add("its index counts " + std::to_string(says) + " " + what + " and has " +
          std::to_string(are));
  };
  hold("rows", state_->rows, rows_);
  hold("documents with rows", state_->documents, documents_);
  hold("changes", state_->changes, changes_);
  hold("bytes of changes", state_->change_bytes, change_bytes_);
  if (recomputes_) hold("levels of blocks", state_->levels, rows_ == 0 ? 0 : highest_ + 1);
}

result<void> index_verifier::find_unlisted() {
  result<void> failed;
  const auto read = view_.scan_on(
      keys::index_row(index_.bucket, index_.index, {}),
      keys::index_row(index_.bucket, index_.index, {&keys::above_terms, 1}),
      [&](std::string_view key, std::string_view) {
        const auto row = index_row::decode(keys::suffix_of(key), {});
        if (!row) return true; // reported already
        const auto list = view_.read(keys::index_reverse(index_.bucket, index_.index, row->id));
        if (!list) {
          failed = tl::unexpected(list.error());
          return false;
        }
        const auto terms = *list ? decode_reverse(**list) : std::vector<std::string>();
        const bool listed =
            terms && row->emission < terms->size() && (*terms)[row->emission] == row->term;
        if (!listed)
          add("row " + std::to_string(row->emission) + " of " + std::string(row->id) +
              " is in no list of a document's rows");
        return true;
      });
  return failed ? read : failed;
}

} // namespace treadmill
