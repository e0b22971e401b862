#include "storage/documents/query_definition.hpp"
#include "storage/base/defaults.hpp"
#include "storage/documents/reduction.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>

namespace treadmill {
namespace {

constexpr std::string_view id_prefix = "_query/";
constexpr size_t longest_named = 64; ///< longest name of an unknown member that a reason quotes

tl::unexpected<error> bad(std::string reason) { return fail(ec::bad_request, std::move(reason)); }

/// Adds one member of a stored form to the definition.
result<void> take_member(std::string_view quoted, std::string_view value,
                         query_definition& definition) {
  const bool is_reduce = quoted == R"("reduce")";
  if (!is_reduce && quoted != R"("map")")
    return bad("a query has only the members map and reduce, not " +
               (quoted.size() <= longest_named ? std::string(quoted) : "other one"));
  if (is_reduce && value == "null") return {};
  if (value.front() != '"') return bad("the member " + std::string(quoted) + " must be a string");
  append_unescaped(is_reduce ? definition.reduce : definition.map, value);
  return {};
}

} // namespace

result<query_definition> parse_definition(std::string_view json, const json_limits& limits) {
  const auto stored = stored_form(json, limits);
  if (!stored) return tl::unexpected(stored.error());
  if (stored->front() != '{') return fail(ec::not_object, "a query must be a JSON object");
  if (stored->size() > limits.document_bytes)
    return fail(ec::too_large, "the query is larger than the limit of a document");
  query_definition definition;
  const auto taken = each_member(*stored, [&](std::string_view name, std::string_view value) {
    return take_member(name, value, definition);
  });
  if (!taken) return tl::unexpected(taken.error());
  if (definition.map.empty()) return bad("a query needs the member map, the text of a function");
  return definition;
}

namespace {

constexpr std::string_view builtin_names =
    "_count, _sum, _min, _max, _avg, _stats, _approx_count_distinct";

bool is_bare_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

} // namespace

result<void> check_definition(const query_definition& definition) {
  const std::string& reduce = definition.reduce;
  if (std::max(definition.map.size(), reduce.size()) > defaults::function_bytes)
    return fail(ec::bad_map,
                "a function has at most " + std::to_string(defaults::function_bytes) + " bytes");
  if (reduce.starts_with('_') && is_bare_name(reduce) && !builtin_reduction(reduce))
    return bad("reduce is JavaScript or one of " + std::string(builtin_names));
  return {};
}

std::string definition_body(const query_definition& definition) {
  std::string body = R"({"map":)";
  append_json_string(body, definition.map);
  if (!definition.reduce.empty()) {
    body += R"(,"reduce":)";
    append_json_string(body, definition.reduce);
  }
  body += '}';
  return body;
}

std::string query_document_id(std::string_view name) {
  return std::string(id_prefix) + std::string(name);
}

bool is_query_document(std::string_view id) { return id.substr(0, id_prefix.size()) == id_prefix; }

std::string_view query_name_of(std::string_view id) { return id.substr(id_prefix.size()); }

} // namespace treadmill
