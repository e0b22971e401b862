#include "net/api/log_position.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/parameters.hpp"
#include <algorithm>

namespace treadmill::api {

std::optional<log_position> parse_log_position(std::string_view text) {
  log_position position;
  const size_t dash = std::min(text.find('-'), text.size());
  const auto sequence = read_number(text.substr(0, dash));
  if (!sequence) return std::nullopt;
  position.sequence = *sequence;
  if (dash == text.size()) return position;
  position.log = text.substr(dash + 1);
  const bool is_id = position.log.size() == 2 * sizeof(hash128) &&
                     position.log.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!is_id) return std::nullopt;
  return position;
}

void append_log_position(std::string& out, uint64_t sequence, const hash128& log) {
  append_number(out, sequence);
  out += '-';
  out += to_hex(log);
}

bool is_of_log(const log_position& position, const hash128& log, uint64_t last) {
  return position.sequence <= last && (position.log.empty() || position.log == to_hex(log));
}

} // namespace treadmill::api
