#include "storage/index/index_reader.hpp"
#include "storage/engine/keys.hpp"

namespace treadmill {

result<std::optional<index_state>> index_reader::state() const {
  const auto bytes = view_.read(keys::index_state(index_.bucket, index_.index));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return std::nullopt;
  auto state = index_state::decode(**bytes);
  if (!state) return tl::unexpected(state.error());
  return std::optional(std::move(*state));
}

result<void> index_reader::rows(const index_range& range,
                                const std::function<bool(const index_row& row)>& row) const {
  result<void> failed;
  const auto give = [&](std::string_view key, std::string_view value) {
    const auto decoded = index_row::decode(keys::suffix_of(key), value);
    if (!decoded) {
      failed = tl::unexpected(decoded.error());
      return false;
    }
    return row(*decoded);
  };
  const std::string from = keys::index_row(index_.bucket, index_.index, range.from);
  const std::string to = keys::index_row(index_.bucket, index_.index, range.to);
  if (from >= to) return {};
  const auto read = range.descending ? view_.scan_back(from, to, give) : view_.scan(from, to, give);
  return failed ? read : failed;
}

result<void>
index_reader::changes(uint64_t since,
                      const std::function<bool(const index_change& change)>& change) const {
  if (since == UINT64_MAX) return {};
  result<void> failed;
  const auto read = view_.scan(keys::index_change(index_.bucket, index_.index, since + 1),
                               keys::index_changes_end(index_.bucket, index_.index),
                               [&](std::string_view key, std::string_view value) {
                                 const auto decoded =
                                     index_change::decode(keys::change_sequence_of(key), value);
                                 if (decoded) return change(*decoded);
                                 failed = tl::unexpected(decoded.error());
                                 return false;
                               });
  return failed ? read : failed;
}

} // namespace treadmill
