#include "storage/verify/verify_maps.hpp"
#include "storage/base/defaults.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include <utility>

namespace treadmill {

map_verifier::map_verifier(read_view view, index_id index, std::string below, bucket_report& report)
    : view_(std::move(view)), index_(index), below_(std::move(below)), report_(report),
      from_(keys::document(index.bucket, {})) {}

/// False: there is no readable state; index_verifier reported that.
result<bool> map_verifier::read_state() {
  const auto bytes = view_.read(keys::index_state(index_.bucket, index_.index));
  if (!bytes) return tl::unexpected(bytes.error());
  auto state = *bytes ? index_state::decode(**bytes) : index_state();
  if (state) state_ = std::move(*state);
  return *bytes && state.has_value();
}

result<std::optional<std::vector<run_document>>> map_verifier::next_part() {
  if (!std::exchange(begun_, true)) {
    const auto known = read_state();
    if (!known) return tl::unexpected(known.error());
    ended_ = !*known;
  }
  if (ended_) return std::nullopt;
  std::vector<run_document> part;
  size_t bytes = 0;
  size_t looked = 0;
  std::string last;
  const auto scanned = view_.scan(
      from_, keys::documents_end(index_.bucket), [&](std::string_view key, std::string_view value) {
        last = key;
        const std::string_view id = keys::id_of(key);
        const auto row = document_row::decode(value); // an unreadable row was reported already
        if (row && !row->deleted && !is_query_document(id) && row->sequence <= state_.position) {
          bytes += row->body.size();
          part.push_back({std::string(id), row->winner.text(), std::string(row->body)});
        }
        return ++looked < defaults::verify_slice_rows && bytes < index_run::part_bytes;
      });
  if (!scanned) {
    ended_ = true;
    return tl::unexpected(scanned.error());
  }
  ended_ = looked < defaults::verify_slice_rows && bytes < index_run::part_bytes;
  from_ = std::move(last) + '\0';
  asked_.clear();
  for (const run_document& document : part) asked_.push_back(document.id);
  return part;
}

/// Leaves out rows that are missing or unreadable; index_verifier reported them.
result<std::vector<mapped_row>> map_verifier::stored_rows(const std::string& id) const {
  std::vector<mapped_row> rows;
  const auto list = view_.read(keys::index_reverse(index_.bucket, index_.index, id));
  if (!list) return tl::unexpected(list.error());
  const auto terms = *list ? decode_reverse(**list) : std::vector<std::string>();
  for (size_t i = 0; terms && i < terms->size(); ++i) {
    const std::string suffix = row_suffix((*terms)[i], id, static_cast<uint16_t>(i));
    const auto bytes = view_.read(keys::index_row(index_.bucket, index_.index, suffix));
    if (!bytes) return tl::unexpected(bytes.error());
    const auto row = *bytes ? index_row::decode(suffix, **bytes) : fail(ec::corrupt, {});
    if (row) rows.push_back({(*terms)[i], std::string(row->value)});
  }
  return rows;
}

result<void> map_verifier::mapped(std::span<const run_rows> rows) {
  for (size_t i = 0; i < asked_.size() && i < rows.size(); ++i) {
    if (rows[i].strike) continue;
    const auto stored = stored_rows(asked_[i]);
    if (!stored) return tl::unexpected(stored.error());
    // A document whose map run exceeded a limit has no rows.
    if (stored->empty() && state_.strikes > 0) continue;
    ++report_.mapped;
    if (*stored != rows[i].rows)
      report_.add(below_, "its rows of " + asked_[i] + " differ from what its map gives");
  }
  return {};
}

} // namespace treadmill
