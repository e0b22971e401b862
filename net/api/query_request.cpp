#include "net/api/query_request.hpp"
#include "net/api/parameters.hpp"
#include <array>

namespace treadmill::api {

namespace {

struct contradiction {
  std::string_view one;
  std::string_view other;
};

/// Pairs of parameters that exclude each other, whatever their values.
constexpr std::array contradictions{
    contradiction{"term", "terms"},        contradiction{"term", "from"},
    contradiction{"term", "to"},           contradiction{"term", "prefix"},
    contradiction{"terms", "from"},        contradiction{"terms", "to"},
    contradiction{"terms", "prefix"},      contradiction{"terms", "after"},
    contradiction{"prefix", "from"},       contradiction{"prefix", "to"},
    contradiction{"group", "group_level"}, contradiction{"after", "skip"},
    contradiction{"feed", "terms"},        contradiction{"feed", "limit"},
    contradiction{"feed", "skip"},         contradiction{"feed", "after"},
    contradiction{"feed", "descending"},   contradiction{"feed", "include_docs"},
    contradiction{"feed", "stale"},        contradiction{"feed", "reduce"},
    contradiction{"feed", "group"},        contradiction{"feed", "group_level"}};

result<void> check_contradictions(const http::query& query, bool posted) {
  const auto given = [&](std::string_view name) {
    return query.find(name).has_value() || (posted && name == "terms");
  };
  if (posted && query.find("terms"))
    return fail(ec::bad_request, "terms are in the body: they cannot be parameters too");
  const bool alone = query.all().size() + (posted ? 1 : 0) < 2;
  for (const auto& [one, other] : contradictions) {
    if (alone) break;
    if (given(one) && given(other))
      return fail(ec::bad_request, std::string(one) + " and " + std::string(other) +
                                       " cannot be asked for together");
  }
  if (query.find("inclusive_end") && !query.find("to"))
    return fail(ec::bad_request, "inclusive_end needs to");
  for (const std::string_view name : {"since", "heartbeat", "timeout"}) {
    if (query.find(name) && !query.find("feed"))
      return fail(ec::bad_request, std::string(name) + " needs feed");
  }
  return {};
}

/// Checks the parameters that only a reduced or only an unreduced answer takes.
result<void> check_reduction(const query_request& asked) {
  const bool grouped = asked.group || asked.group_level.has_value();
  if (grouped && asked.reduce == false)
    return fail(ec::bad_request, "group and group_level cannot be asked for with reduce=false");
  if (asked.include_docs && (grouped || asked.reduce == true))
    return fail(ec::bad_request, "include_docs cannot be asked for with a reduction");
  return {};
}

result<std::string> named_value(std::string_view name, std::string_view text,
                                const json_limits& limits) {
  auto value = read_value(text, limits);
  if (!value)
    return fail(ec::bad_request,
                std::string(name) + " is not a JSON value: " + value.error().reason);
  return value;
}

result<void> read_bounds(const http::query& query, const json_limits& limits,
                         range_request& range) {
  struct bound {
    std::string_view name;
    std::optional<std::string>* into;
  };
  for (const auto& [name, into] :
       {bound{"from", &range.from}, bound{"to", &range.to}, bound{"prefix", &range.prefix}}) {
    const auto text = query.find(name);
    if (!text) continue;
    auto value = named_value(name, *text, limits);
    if (!value) return tl::unexpected(std::move(value.error()));
    *into = std::move(*value);
  }
  return {};
}

result<void> read_terms(const http::query& query, const json_limits& limits,
                        std::optional<std::string_view> posted, query_request& asked) {
  if (const auto text = query.find("term")) {
    auto value = named_value("term", *text, limits);
    if (!value) return tl::unexpected(std::move(value.error()));
    asked.terms = {std::move(*value)};
  }
  if (const auto text = posted ? posted : query.find("terms")) {
    const auto array = stored_form(*text, limits);
    if (!array) return fail(ec::bad_request, "terms is no JSON array: " + array.error().reason);
    auto values = elements_of(*array, limits.items);
    if (!values) return tl::unexpected(std::move(values.error()));
    asked.terms = std::move(*values);
    asked.listed = true;
  }
  return {};
}

} // namespace

result<std::string> read_value(std::string_view text, const json_limits& limits) {
  auto stored = stored_form(text, limits);
  if (stored) return stored;
  if (!text.empty() && (text.front() == '"' || text.front() == '[' || text.front() == '{'))
    return stored;
  std::string string;
  append_json_string(string, text);
  return string;
}

result<query_request> read_query_request(const http::query& query, const json_limits& limits,
                                         std::optional<std::string_view> posted) {
  if (auto checked = check_contradictions(query, posted.has_value()); !checked)
    return tl::unexpected(std::move(checked.error()));
  query_request asked;
  if (auto read = read_terms(query, limits, posted, asked); !read)
    return tl::unexpected(std::move(read.error()));
  if (auto read = read_bounds(query, limits, asked.range); !read)
    return tl::unexpected(std::move(read.error()));
  const auto number = [&](std::string_view name) -> std::optional<uint64_t> {
    const auto text = query.find(name);
    return text ? read_number(*text) : std::nullopt;
  };
  const auto flag = [&](std::string_view name) { return query.find(name) == "true"; };
  asked.range.inclusive_end = query.find("inclusive_end") != "false";
  asked.range.descending = flag("descending");
  if (const auto after = query.find("after"); after && !after->empty()) asked.range.after = *after;
  asked.limit = number("limit");
  asked.skip = number("skip").value_or(0);
  asked.group_level = number("group_level");
  asked.include_docs = flag("include_docs");
  asked.stale = query.find("stale") == "ok";
  asked.group = flag("group");
  if (query.find("reduce")) asked.reduce = flag("reduce");
  if (auto checked = check_reduction(asked); !checked)
    return tl::unexpected(std::move(checked.error()));
  return asked;
}

result<asked_ranges> asked_ranges::make(query_request& asked) {
  asked_ranges ranges;
  ranges.shared_ = asked.range;
  ranges.terms_ = std::move(asked.terms);
  if (ranges.terms_ && !asked.range.after) return ranges;
  // Find an invalid cursor or prefix here, before the request waits or is answered.
  auto whole = make_range(asked.range);
  if (!whole) return tl::unexpected(std::move(whole.error()));
  ranges.only_ = std::move(*whole);
  return ranges;
}

std::optional<index_range> asked_ranges::next() {
  const size_t at = next_++;
  if (!terms_) return at == 0 ? std::optional(std::move(only_)) : std::nullopt;
  if (at >= terms_->size()) return std::nullopt;
  shared_.term = std::move((*terms_)[at]);
  auto range = make_range(shared_);
  return range ? std::move(*range) : index_range{{}, {}, shared_.descending};
}

} // namespace treadmill::api
