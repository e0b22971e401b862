#include "net/api/preconditions.hpp"
#include "net/api/answer_text.hpp"

namespace treadmill::api {

namespace {

struct entity_tag {
  std::string_view text; ///< without quotes
  bool weak = false;
};

bool is_gap(char c) { return c == ' ' || c == '\t' || c == ','; }

/// Takes one tag from the front of a list; nothing at the end of the list.
std::optional<entity_tag> take_tag(std::string_view& list) {
  while (!list.empty() && is_gap(list.front())) list.remove_prefix(1);
  if (list.empty()) return std::nullopt;
  entity_tag tag;
  if (list.starts_with("W/")) {
    tag.weak = true;
    list.remove_prefix(2);
  }
  const bool quoted = list.starts_with('"');
  if (quoted) list.remove_prefix(1);
  size_t end = 0;
  while (end < list.size() && (quoted ? list[end] != '"' : !is_gap(list[end]))) ++end;
  tag.text = list.substr(0, end);
  list.remove_prefix(end);
  if (quoted && !list.empty()) list.remove_prefix(1);
  return tag;
}

result<void> add_revision(precondition& asked, std::string_view text) {
  auto rev = parse_revision(text);
  if (!rev) return tl::unexpected(std::move(rev.error()));
  if (asked.rev && *asked.rev != *rev)
    return fail(ec::bad_request, "the request names two different revisions");
  asked.rev = *rev;
  return {};
}

result<void> add_if_match(precondition& asked, std::string_view list) {
  const auto tag = take_tag(list);
  if (!tag) return {};
  if (take_tag(list)) return fail(ec::bad_request, "If-Match takes one revision");
  if (tag->text == "*") {
    asked.when = write_op::only::if_there;
    return {};
  }
  if (tag->weak) return fail(ec::precondition_failed, "If-Match needs a strong tag");
  return add_revision(asked, tag->text.substr(0, tag->text.find(body_mark)));
}

result<void> add_if_none_match(precondition& asked, std::string_view list) {
  const auto tag = take_tag(list);
  if (!tag) return {};
  if (tag->text != "*" || take_tag(list))
    return fail(ec::bad_request, "If-None-Match of a write takes * alone");
  if (asked.rev || asked.when == write_op::only::if_there)
    return fail(ec::bad_request,
                "If-None-Match: * contradicts the revision that the request names");
  asked.when = write_op::only::if_missing;
  return {};
}

} // namespace

result<precondition> write_precondition(const http::request& request,
                                        std::optional<std::string_view> parameter,
                                        std::optional<std::string_view> member) {
  precondition asked;
  result<void> done;
  if (parameter) done = add_revision(asked, *parameter);
  if (done && member) done = add_revision(asked, *member);
  if (done) done = add_if_match(asked, request.header("If-Match"));
  if (done) done = add_if_none_match(asked, request.header("If-None-Match"));
  if (!done) return tl::unexpected(std::move(done.error()));
  return asked;
}

bool none_match_names(std::string_view header, std::string_view wanted) {
  while (const auto tag = take_tag(header))
    if (tag->text == wanted || tag->text == "*") return true;
  return false;
}

} // namespace treadmill::api
