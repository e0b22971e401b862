#include "net/api/parameters.hpp"
#include "net/api/log_position.hpp"
#include "storage/documents/names.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <charconv>

namespace treadmill::api {

namespace {

tl::unexpected<error> wrong(std::string_view name, const std::string& must) {
  return fail(ec::bad_request, std::string(name) + " must be " + must);
}

result<void> check_text(std::string_view, std::string_view value, const api_options&) {
  if (!is_utf8(value)) return fail(ec::bad_encoding, "a query parameter is not valid UTF-8");
  return {};
}

result<void> check_flag(std::string_view name, std::string_view value, const api_options&) {
  if (value != "true" && value != "false") return wrong(name, "true or false");
  return {};
}

result<void> check_limit(std::string_view name, std::string_view value, const api_options&) {
  if (!read_number(value, limit_most))
    return wrong(name, "a number from 0 to " + std::to_string(limit_most));
  return {};
}

result<void> check_since(std::string_view name, std::string_view value, const api_options&) {
  if (value != "now" && !parse_log_position(value))
    return wrong(name, "a sequence, one with the id of its log, or now");
  return {};
}

result<void> check_milliseconds(std::string_view name, std::string_view value,
                                const api_options& options) {
  const auto most = static_cast<uint64_t>(options.feed_timeout_most.count());
  if (!read_number(value, most))
    return wrong(name, "milliseconds from 0 to " + std::to_string(most));
  return {};
}

result<void> check_feed(std::string_view name, std::string_view value, const api_options&) {
  if (value != "normal" && value != "longpoll" && value != "continuous" && value != "eventsource")
    return wrong(name, "normal, longpoll, continuous or eventsource");
  return {};
}

result<void> check_live_feed(std::string_view name, std::string_view value, const api_options&) {
  if (value != "continuous" && value != "eventsource")
    return wrong(name, "continuous or eventsource");
  return {};
}

result<void> check_stale(std::string_view name, std::string_view value, const api_options&) {
  if (value != "ok") return wrong(name, "ok");
  return {};
}

} // namespace

namespace takes {

const parameter_type text{R"({"type":"string"})", check_text};
const parameter_type flag{R"({"type":"boolean"})", check_flag};
const parameter_type limit{R"({"type":"integer","minimum":0,"maximum":10000000})", check_limit};
const parameter_type since{
    R"({"oneOf":[{"type":"integer","minimum":0},{"type":"string","pattern":"^(now|[0-9]+-[0-9a-f]{32})$"}]})",
    check_since};
const parameter_type milliseconds{R"({"type":"integer","minimum":0})", check_milliseconds};
const parameter_type feed{
    R"({"type":"string","enum":["normal","longpoll","continuous","eventsource"]})", check_feed};
const parameter_type live_feed{R"({"type":"string","enum":["continuous","eventsource"]})",
                               check_live_feed};
const parameter_type stale{R"({"type":"string","enum":["ok"]})", check_stale};

} // namespace takes

result<void> check_parameters(const http::query& query, std::span<const parameter> known,
                              unknown others, const api_options& options) {
  std::string strangers;
  result<void> checked;
  for (const auto& item : query.all()) {
    const std::string& name = item.first;
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const parameter& one) { return one.name == name; });
    if (found == known.end()) {
      strangers += strangers.empty() ? "unknown query parameters: " : ", ";
      strangers += name;
    } else if (checked) {
      checked = found->type->check(name, item.second, options);
    }
  }
  if (others == unknown::ignored) return checked;
  if (!is_utf8(strangers)) return fail(ec::bad_encoding, "a query parameter is not valid UTF-8");
  if (!strangers.empty()) return fail(ec::bad_request, std::move(strangers));
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

} // namespace treadmill::api
