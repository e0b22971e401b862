#include "storage/index/index.hpp"
#include "storage/base/coding.hpp"
#include "storage/index/block_tree.hpp"
#include "storage/index/term.hpp"
#include <limits>

namespace treadmill {
namespace {

constexpr uint64_t emits_flag = 1;
constexpr size_t emission_bytes = 2;

tl::unexpected<error> damaged(const char* what) {
  return fail(ec::corrupt, std::string("a stored ") + what + " cannot be read");
}

template<typename Integer>
bool take_number(std::string_view& in, Integer& value,
                 uint64_t most = std::numeric_limits<Integer>::max()) {
  uint64_t number = 0;
  if (!take_varint(in, number) || number > most) return false;
  value = static_cast<Integer>(number);
  return true;
}

bool take_text(std::string_view& in, std::string& text) {
  std::string_view bytes;
  if (!take_bytes(in, bytes)) return false;
  text = bytes;
  return true;
}

void put_rows(std::string& out, const std::vector<mapped_row>& rows) {
  put_varint(out, rows.size());
  for (const mapped_row& row : rows) {
    put_bytes(out, row.term);
    put_bytes(out, row.value);
  }
}

bool take_rows(std::string_view& in, std::vector<mapped_row>& rows) {
  uint64_t count = 0;
  if (!take_varint(in, count)) return false;
  for (; count > 0; --count) {
    mapped_row row;
    if (!take_text(in, row.term) || !take_text(in, row.value)) return false;
    rows.push_back(std::move(row));
  }
  return true;
}

} // namespace

std::string index_state::encode() const {
  std::string out;
  for (const uint64_t number : {sequence, position, target, rows, documents, errors})
    put_varint(out, number);
  put_bytes(out, error_id);
  put_bytes(out, error_message);
  put_varint(out, strikes);
  put_varint(out, emits ? emits_flag : 0);
  put_varint(out, static_cast<uint64_t>(phase));
  put_varint(out, levels);
  put_varint(out, build_level);
  put_bytes(out, build_from);
  for (const uint64_t number : {changes, change_bytes, changes_from}) put_varint(out, number);
  return out;
}

result<index_state> index_state::decode(std::string_view bytes) {
  index_state state;
  uint64_t flags = 0;
  uint8_t phase = 0;
  constexpr auto last_phase = static_cast<uint64_t>(index_phase::complete);
  if (!take_number(bytes, state.sequence) || !take_number(bytes, state.position) ||
      !take_number(bytes, state.target) || !take_number(bytes, state.rows) ||
      !take_number(bytes, state.documents) || !take_number(bytes, state.errors) ||
      !take_text(bytes, state.error_id) || !take_text(bytes, state.error_message) ||
      !take_number(bytes, state.strikes) || !take_number(bytes, flags, emits_flag) ||
      !take_number(bytes, phase, last_phase) ||
      !take_number(bytes, state.levels, block_tree::most_levels) ||
      !take_number(bytes, state.build_level, block_tree::most_levels) ||
      !take_text(bytes, state.build_from) || !take_number(bytes, state.changes) ||
      !take_number(bytes, state.change_bytes) || !take_number(bytes, state.changes_from) ||
      !bytes.empty()) {
    return damaged("index state");
  }
  state.emits = flags != 0;
  state.phase = static_cast<index_phase>(phase);
  return state;
}

std::string query_row::encode() const {
  std::string out;
  put_varint(out, index);
  put_bytes(out, definition);
  put_varint(out, next);
  put_bytes(out, next_definition);
  return out;
}

result<query_row> query_row::decode(std::string_view bytes) {
  query_row row;
  uint64_t index = 0;
  uint64_t next = 0;
  std::string_view definition;
  std::string_view next_definition;
  if (!take_varint(bytes, index) || index > UINT32_MAX || !take_bytes(bytes, definition) ||
      !take_varint(bytes, next) || next > UINT32_MAX || !take_bytes(bytes, next_definition) ||
      !bytes.empty()) {
    return damaged("query");
  }
  row.index = static_cast<uint32_t>(index);
  row.definition = definition;
  row.next = static_cast<uint32_t>(next);
  row.next_definition = next_definition;
  return row;
}

std::string encode_reverse(std::span<const mapped_row> rows) {
  std::string out;
  for (const mapped_row& row : rows) put_bytes(out, row.term);
  return out;
}

result<std::vector<std::string>> decode_reverse(std::string_view bytes) {
  std::vector<std::string> terms;
  while (!bytes.empty()) {
    std::string_view term;
    if (!take_bytes(bytes, term) || term_size(term) != term.size() || term.empty() ||
        terms.size() > UINT16_MAX) {
      return damaged("list of a document's rows");
    }
    terms.emplace_back(term);
  }
  return terms;
}

std::string index_change::encode() const {
  std::string out;
  put_bytes(out, id);
  put_rows(out, removed);
  put_rows(out, added);
  return out;
}

result<index_change> index_change::decode(uint64_t sequence, std::string_view bytes) {
  index_change change;
  change.sequence = sequence;
  if (!take_text(bytes, change.id) || !take_rows(bytes, change.removed) ||
      !take_rows(bytes, change.added) || !bytes.empty()) {
    return damaged("change of an index");
  }
  return change;
}

std::string row_suffix(std::string_view term, std::string_view id, uint16_t emission) {
  std::string suffix;
  suffix.reserve(term.size() + id.size() + 1 + emission_bytes);
  suffix.append(term);
  suffix.append(id);
  suffix.push_back('\0'); // ids have no control characters, so this ends the id
  suffix.push_back(static_cast<char>(emission >> 8));
  suffix.push_back(static_cast<char>(emission & 0xff));
  return suffix;
}

result<index_row> index_row::decode(std::string_view suffix, std::string_view value) {
  index_row row;
  row.suffix = suffix;
  row.value = value;
  row.term = suffix.substr(0, term_size(suffix));
  const std::string_view rest = suffix.substr(row.term.size());
  const size_t end = rest.find('\0');
  if (row.term.empty() || end == 0 || end == std::string_view::npos ||
      rest.size() != end + 1 + emission_bytes) {
    return damaged("row of an index");
  }
  row.id = rest.substr(0, end);
  row.emission = static_cast<uint16_t>(static_cast<uint8_t>(rest[end + 1]) << 8 |
                                       static_cast<uint8_t>(rest[end + 2]));
  return row;
}

result<void> append_key(std::string& out, const index_row& row) {
  std::string_view term = row.term;
  return take_term(out, term);
}

result<void> append_value(std::string& out, const index_row& row) {
  if (row.value.empty()) return append_key(out, row);
  out += row.value;
  return {};
}

std::string encode_last_index(uint32_t number) {
  std::string out;
  put_fixed32_be(out, number);
  return out;
}

result<uint32_t> decode_last_index(std::string_view bytes) {
  uint32_t number = 0;
  if (!take_fixed32_be(bytes, number) || !bytes.empty()) return damaged("index number");
  return number;
}

} // namespace treadmill
