#include "net/couch/parameters.hpp"
#include "net/api/parameters.hpp"
#include "storage/json/json.hpp"
#include "storage/json/json_cursor.hpp"

namespace treadmill::couch {

outcome<bool> read_flag(const api::exchange& x, std::string_view name, bool initial) {
  const auto text = x.text(name);
  if (!text) return initial;
  if (*text != "true" && *text != "false")
    return fault(bad_parameter(std::string(name) + " must be true or false"));
  return *text == "true";
}

outcome<std::optional<uint64_t>> read_count(const api::exchange& x, std::string_view name) {
  const auto text = x.text(name);
  if (!text) return std::optional<uint64_t>();
  const auto number = api::read_number(*text);
  if (!number) return fault(bad_parameter(std::string(name) + " must be a number from 0 on"));
  return number;
}

outcome<std::optional<std::string>> read_key(const api::exchange& x, std::string_view name,
                                             std::string_view other) {
  auto text = x.text(name);
  if (!text) text = x.text(other);
  if (!text) return std::optional<std::string>();
  const auto stored = stored_form(*text, x.node.options.limits);
  if (!stored || !stored->starts_with('"'))
    return fault(bad_parameter(std::string(name) + " must be a JSON string"));
  std::string key;
  append_unescaped(key, *stored);
  return std::optional(std::move(key));
}

} // namespace treadmill::couch
