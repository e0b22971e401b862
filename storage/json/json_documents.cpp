#include "storage/json/json_documents.hpp"
#include "storage/json/json_cursor.hpp"
#include <utility>

namespace treadmill {

void document_taker::member(std::string_view text, size_t at) {
  const auto name = text.substr(at);
  kind_ = kind::of_user;
  if (name == "\"id\"")
    kind_ = kind::id;
  else if (name == "\"rev\"")
    kind_ = kind::rev;
  else if (name == "\"_deleted\"")
    kind_ = kind::deleted;
  else if (name == R"("_members")")
    kind_ = kind::members;
  else if (name == "\"_conflicts\"" || name == "\"_history\"")
    kind_ = kind::ignored;
  else if (name.substr(0, 2) == "\"_")
    kind_ = kind::unknown;
  if (kind_ == kind::of_user) return;
  value_at_ = text.size() + 1; // after the ':'
  cuts_.push_back({at, at});
}

void document_taker::value(std::string_view text, bool take_deleted) {
  if (kind_ == kind::of_user) return;
  cuts_.back().end = text.size();
  const auto value = text.substr(value_at_);
  if (kind_ == kind::members)
    take_members(value, text.size());
  else
    take(value, take_deleted);
}

/// Cuts the name and the brackets, so that the members inside stay.
void document_taker::take_members(std::string_view value, size_t end) {
  kind_ = kind::of_user;
  constexpr auto reason = "the member _members must be an object, of id and rev";
  if (value.front() != '{') return refuse(ec::bad_request, reason);
  const auto checked = each_member(value, [&](std::string_view name, std::string_view) {
    return is_shown_apart(name) ? result<void>() : fail(ec::bad_request, reason);
  });
  if (!checked) return refuse(ec::bad_request, reason);
  cuts_.back().end = value_at_ + 1;
  cuts_.push_back({end - 1, end});
}

void document_taker::take(std::string_view value, bool take_deleted) {
  const bool is_string = value.front() == '"';
  switch (std::exchange(kind_, kind::of_user)) {
  case kind::id:
    if (!is_string) return refuse(ec::bad_id, "the member id must be a string");
    append_unescaped(document_.id.emplace(), value);
    break;
  case kind::rev:
    if (!is_string) return refuse(ec::bad_rev, "the member rev must be a string");
    append_unescaped(document_.rev.emplace(), value);
    break;
  case kind::deleted:
    if (!take_deleted) return refuse(ec::bad_request, "the member _deleted is not taken here");
    if (value != "true" && value != "false")
      return refuse(ec::bad_request, "the member _deleted must be true or false");
    document_.deleted = value == "true";
    break;
  case kind::unknown:
    return refuse(ec::bad_request, "top-level members that begin with an underscore are reserved");
  case kind::members:
  case kind::ignored:
  case kind::of_user: break;
  }
}

void document_taker::refuse(ec code, const char* reason) {
  if (!refused_) refused_ = error{code, reason};
}

result<client_document> document_taker::finish(std::string_view text, size_t at, size_t limit) {
  if (text[at] != '{') refused_ = error{ec::not_object, "a document must be a JSON object"};
  size_t kept = text.size() - at;
  for (const range& cut : cuts_) kept -= cut.end - cut.begin;
  // `kept` still includes the commas of removed members, so this early check allows for them.
  if (!refused_ && kept > limit && kept - limit > 2 * cuts_.size() + 2)
    refuse(ec::too_large, "the document is larger than the limit");
  if (!refused_) {
    document_.body = cuts_.empty() ? std::string(text.substr(at)) : cut_body(text, at);
    if (document_.body.size() > limit)
      refuse(
          ec::too_large,
          "the document is larger than the limit"); // that of its stored form, without id and rev
  }
  cuts_.clear();
  auto document = std::exchange(document_, {});
  if (auto refused = std::exchange(refused_, {})) return tl::unexpected(std::move(*refused));
  return document;
}

/// The object without the removed members and their commas.
std::string document_taker::cut_body(std::string_view text, size_t at) const {
  std::string body = "{";
  body.reserve(text.size() - at);
  const auto keep = [&](size_t begin, size_t end) {
    auto members = text.substr(begin, end - begin);
    if (!members.empty() && members.front() == ',') members.remove_prefix(1);
    if (!members.empty() && members.back() == ',') members.remove_suffix(1);
    if (members.empty()) return;
    if (body.size() > 1) body += ',';
    body += members;
  };
  size_t begin = at + 1;
  for (const auto& cut : cuts_) {
    keep(begin, cut.begin);
    begin = cut.end;
  }
  keep(begin, text.size() - 1);
  body += '}';
  return body;
}

} // namespace treadmill
