#include "net/parameters.hpp"
#include "net/log_position.hpp"
#include "storage/json.hpp"
#include "storage/names.hpp"
#include <algorithm>
#include <charconv>

namespace treadmill::rest {

namespace {

tl::unexpected<error> wrong(std::string_view name, const std::string& must) {
  return fail(ec::bad_request, std::string(name) + " must be " + must);
}

result<void> check_value(const parameter& asked, std::string_view value,
                         const api_options& options) {
  const auto most = static_cast<uint64_t>(options.feed_timeout_most.count());
  switch (asked.what) {
  case takes::text:
    if (!is_utf8(value)) return fail(ec::bad_encoding, "a query parameter is not valid UTF-8");
    break;
  case takes::flag:
    if (value != "true" && value != "false") return wrong(asked.name, "true or false");
    break;
  case takes::limit:
    if (!read_number(value, limit_most))
      return wrong(asked.name, "a number from 0 to " + std::to_string(limit_most));
    break;
  case takes::since:
    if (value != "now" && !parse_log_position(value))
      return wrong(asked.name, "a sequence, one with the id of its log, or now");
    break;
  case takes::milliseconds:
    if (!read_number(value, most))
      return wrong(asked.name, "milliseconds from 0 to " + std::to_string(most));
    break;
  case takes::feed:
    if (value != "normal" && value != "longpoll" && value != "continuous" && value != "eventsource")
      return wrong(asked.name, "normal, longpoll, continuous or eventsource");
    break;
  case takes::live_feed:
    if (value != "continuous" && value != "eventsource")
      return wrong(asked.name, "continuous or eventsource");
    break;
  case takes::stale:
    if (value != "ok") return wrong(asked.name, "ok");
    break;
  }
  return {};
}

} // namespace

result<void> check_parameters(const http::query& query, std::span<const parameter> known,
                              const api_options& options) {
  std::string unknown;
  result<void> checked;
  for (const auto& item : query.all()) {
    const std::string& name = item.first;
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const parameter& one) { return one.name == name; });
    if (found == known.end()) {
      unknown += unknown.empty() ? "unknown query parameters: " : ", ";
      unknown += name;
    } else if (checked) {
      checked = check_value(*found, item.second, options);
    }
  }
  if (!is_utf8(unknown)) return fail(ec::bad_encoding, "a query parameter is not valid UTF-8");
  if (!unknown.empty()) return fail(ec::bad_request, std::move(unknown));
  return checked;
}

std::optional<uint64_t> read_number(std::string_view text, uint64_t most) {
  uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || end != text.data() + text.size() || number > most)
    return std::nullopt;
  return number;
}

result<std::vector<std::string>> read_ids(std::string_view text) {
  std::vector<std::string> ids;
  if (text.starts_with('[')) {
    auto list = parse_string_list("{\"ids\":" + std::string(text) + "}", "ids");
    if (!list) return fail(ec::bad_request, "ids is no JSON array of strings");
    ids = std::move(*list);
  } else {
    while (true) {
      const size_t comma = text.find(',');
      if (comma == 0 || text.empty()) return fail(ec::bad_request, "ids has an empty id");
      ids.emplace_back(text.substr(0, comma));
      if (comma == std::string_view::npos) break;
      text.remove_prefix(comma + 1);
    }
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

} // namespace treadmill::rest
