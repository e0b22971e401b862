#include "net/couch/sequences.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/parameters.hpp"
#include "storage/engine/keys.hpp"
#include <algorithm>
#include <array>

namespace treadmill::couch {

namespace {

constexpr size_t tag_half = 8; ///< digits of the log's id, and of the chain value

/// The text after `N-`.
std::array<char, 2 * tag_half> tag_of(const hash128& log, const hash128& chain) {
  std::array<char, 2 * sizeof(hash128)> digits; // NOLINT: filled before it is read
  std::array<char, 2 * tag_half> tag;           // NOLINT: filled before it is read
  write_hex(log, digits.data());
  std::copy_n(digits.begin(), tag_half, tag.begin());
  write_hex(chain, digits.data());
  std::copy_n(digits.begin(), tag_half, tag.begin() + tag_half);
  return tag;
}

/// The chain value of an entry; that of no entry if it is not there.
result<hash128> chain_at(const read_view& view, uint32_t bucket, uint64_t sequence) {
  if (sequence == 0) return hash128{};
  const auto row = view.read(keys::activity(bucket, sequence));
  if (!row) return tl::unexpected(row.error());
  if (!*row) return hash128{};
  const auto entry = activity_entry::decode(sequence, **row);
  if (!entry) return tl::unexpected(entry.error());
  return entry->chain;
}

std::string_view without_quotes(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    return text.substr(1, text.size() - 2);
  return text;
}

} // namespace

void append_sequence(std::string& out, const hash128& log, const api::log_point& at) {
  out += '"';
  api::append_number(out, at.sequence);
  out += '-';
  const auto tag = tag_of(log, at.chain);
  out.append(tag.data(), tag.size());
  out += '"';
}

outcome<api::log_point> read_sequence(std::string_view text, const bucket_info& bucket,
                                      const store& rows) {
  text = without_quotes(text);
  // Of all committed entries, not only of the durable ones: a client may have read the others.
  const read_view view = rows.latest();
  const auto end = view.state(bucket.number);
  if (!end) return fault(of(end.error()));
  if (text == "now") return api::log_point{end->sequence, end->chain};
  const size_t dash = std::min(text.find('-'), text.size());
  const auto sequence = api::read_number(text.substr(0, dash));
  if (!sequence) return fault(bad_request("since must be a sequence, a number or now"));
  if (*sequence > end->sequence) return api::log_point{};
  const auto chain = chain_at(view, bucket.number, *sequence);
  if (!chain) return fault(of(chain.error()));
  const auto tag = tag_of(bucket.log_id, *chain);
  if (dash < text.size() && text.substr(dash + 1) != std::string_view(tag.data(), tag.size()))
    return api::log_point{};
  return api::log_point{*sequence, *chain};
}

std::string instance_of(const bucket_info& bucket) {
  uint64_t number = 0;
  for (size_t i = 0; i < 6; ++i) number = number << 8 | bucket.log_id[i];
  return std::to_string(number);
}

} // namespace treadmill::couch
