#include "net/api/answer_text.hpp"
#include "net/api/parameters.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/databases.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/json_values.hpp"
#include "storage/json/json_cursor.hpp"

/// What is kept for each database: its local rows.
namespace treadmill::couch {

namespace {

constexpr std::string_view security_row = "couch/security";
constexpr std::string_view revs_limit_row = "couch/revs_limit";
constexpr std::string_view purged_infos_row = "couch/purged_infos_limit";
constexpr uint64_t initial_limit = 1000; ///< of both limits

void read_row(api::exchange& x, std::string_view name, std::string_view initial) {
  const auto asked = find_database(x);
  if (!asked) return;
  const auto value = x.node.backend.read_local(asked->bucket.number, name);
  if (!value) return x.answer.refuse(value.error());
  answer_json(x.answer, value->value_or(std::string(initial)));
}

void write_row(api::exchange& x, const database& asked, std::string_view name, std::string value) {
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  local_change change;
  change.name = name;
  change.value = std::move(value);
  x.node.backend.write_local(asked.bucket.name, std::move(change), x.request.deadline,
                             [to](result<void> done) {
                               if (done) return answer_ok(*to);
                               if (done.error().code == ec::not_found)
                                 return refuse(*to, no_database());
                               to->refuse(done.error());
                             });
}

/// PUT of a limit: its body is a number.
void write_limit(api::exchange& x, std::string_view name) {
  const auto asked = find_writable(x);
  if (!asked) return;
  const auto text = read_json(x.request.body, x.node.options.limits);
  if (!text) return refuse(x.answer, text.error());
  const auto number = api::read_number(*text, defaults::revision_number);
  if (!number || *number == 0)
    return refuse(x.answer, bad_request("the limit must be a number above zero"));
  write_row(x, *asked, name, *text);
}

/// Checks `admins` or `members`: names and roles are lists of strings.
result<void> check_group(std::string_view value) {
  if (!value.starts_with('{')) return fail(ec::bad_request, "admins and members must be objects");
  return each_member(value, [](std::string_view name, std::string_view list) -> result<void> {
    if ((name == "\"names\"" || name == "\"roles\"") && !strings_of(list, defaults::list_items))
      return fail(ec::bad_request, "names and roles must be lists of strings");
    return {};
  });
}

result<void> check_security(std::string_view stored) {
  if (!stored.starts_with('{')) return fail(ec::bad_request, "_security must be an object");
  return each_member(stored, [](std::string_view name, std::string_view value) -> result<void> {
    const bool is_group = name == "\"admins\"" || name == "\"members\"";
    return is_group ? check_group(value) : result<void>();
  });
}

} // namespace

result<uint64_t> revs_limit(const node_backend& node, uint32_t bucket) {
  const auto value = node.read_local(bucket, revs_limit_row);
  if (!value) return tl::unexpected(value.error());
  if (!*value) return initial_limit;
  return api::read_number(**value).value_or(initial_limit);
}

void read_security(api::exchange& x) { read_row(x, security_row, "{}"); }

void write_security(api::exchange& x) {
  const auto asked = find_writable(x);
  if (!asked) return;
  auto text = read_json(x.request.body, x.node.options.limits);
  if (!text) return refuse(x.answer, text.error());
  if (const auto checked = check_security(*text); !checked) return x.answer.refuse(checked.error());
  write_row(x, *asked, security_row, std::move(*text));
}

void read_revs_limit(api::exchange& x) {
  read_row(x, revs_limit_row, std::to_string(initial_limit));
}
void write_revs_limit(api::exchange& x) { write_limit(x, revs_limit_row); }

void read_purged_infos_limit(api::exchange& x) {
  read_row(x, purged_infos_row, std::to_string(initial_limit));
}
void write_purged_infos_limit(api::exchange& x) { write_limit(x, purged_infos_row); }

} // namespace treadmill::couch
