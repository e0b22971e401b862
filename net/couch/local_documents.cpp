#include "net/couch/local_documents.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/parameters.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/json_values.hpp"
#include "storage/base/json_string.hpp"
#include "storage/documents/names.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

constexpr std::string_view local = "_local/";
constexpr std::string_view row_prefix = "couch/"; ///< of the backend's local rows
constexpr std::string_view rev_prefix = "0-";

/// A local document as the store keeps it: `<number of the revision> <stored form>`.
struct local_document {
  uint64_t number = 0; ///< 0: it is not there
  std::string body{};
  std::optional<std::string> row{};
};

/// The same in a request.
struct local_write {
  std::string body = "{";
  std::optional<uint64_t> number{};
  bool deleted = false;
};

std::string row_of(const std::string& id) { return std::string(row_prefix) + id; }

outcome<local_document> find_local(const node_backend& node, uint32_t bucket,
                                   const std::string& id) {
  auto row = node.read_local(bucket, row_of(id));
  if (!row) return fault(of(row.error()));
  local_document found;
  if (!*row) return found;
  const size_t space = std::min((*row)->find(' '), (*row)->size());
  const auto number = api::read_number(std::string_view(**row).substr(0, space));
  if (!number || space == (*row)->size())
    return fault(of({ec::corrupt, "a local document cannot be read"}));
  found.number = *number;
  found.body = (*row)->substr(space + 1);
  found.row = std::move(*row);
  return found;
}

outcome<uint64_t> read_local_rev(std::string_view text) {
  if (text.starts_with(rev_prefix))
    if (const auto number = api::read_number(text.substr(rev_prefix.size()))) return *number;
  return fault(bad_revision());
}

outcome<void> take_member(local_write& made, std::string_view name, std::string_view value) {
  if (name == "\"_rev\"") {
    if (!is_string(value)) return fault(bad_revision());
    const auto number = read_local_rev(unquoted(value));
    if (!number) return fault(number.error());
    made.number = *number;
  } else if (name == "\"_deleted\"") {
    made.deleted = value == "true";
  } else if (name.starts_with("\"_")) {
    if (name != "\"_id\"" && name != "\"_revisions\"")
      return fault(bad_member("a local document has no member " + unquoted(name)));
  } else {
    if (made.body.size() > 1) made.body += ',';
    ((made.body += name) += ':') += value;
  }
  return {};
}

outcome<local_write> read_write(const api::exchange& x) {
  const json_limits& limits = x.node.options.limits;
  const auto stored = read_json(x.request.body, limits);
  if (!stored) return fault(stored.error());
  if (!stored->starts_with('{')) return fault(bad_request("Document must be a JSON object"));
  if (stored->size() > limits.document_bytes)
    return fault(too_large("the document is larger than the limit"));
  local_write made;
  std::optional<couch_error> wrong;
  const auto read = each_member(*stored, [&](std::string_view name, std::string_view value) {
    if (auto taken = take_member(made, name, value); !taken && !wrong)
      wrong = std::move(taken.error());
    return result<void>();
  });
  if (!read) return fault(of(read.error()));
  if (wrong) return fault(std::move(*wrong));
  made.body += '}';
  return made;
}

/// The revision that the request names beside its body.
outcome<void> add_parameter(const api::exchange& x, std::optional<uint64_t>& number) {
  const auto text = x.text("rev");
  if (!text) return {};
  const auto named = read_local_rev(*text);
  if (!named) return fault(named.error());
  if (number && *number != *named)
    return fault(bad_request("the request names two different revisions"));
  number = *named;
  return {};
}

std::string rev_text(uint64_t number) {
  std::string text(rev_prefix);
  api::append_number(text, number);
  return text;
}

void answer_written(api::reply& to, std::string_view id, uint64_t number, int status) {
  std::string body = R"({"ok":true,"id":)";
  append_json_string(body, id);
  body += R"(,"rev":")" + rev_text(number) + "\"}";
  answer_json(to, std::move(body), status);
}

/// Replaces the document that was found; nothing in `value` removes it.
void change(api::exchange& x, const database& into, const std::string& id, local_document&& found,
            std::optional<std::string> value) {
  const uint64_t number = value ? found.number + 1 : 0;
  local_change asked;
  asked.name = row_of(id);
  if (value) asked.value = std::to_string(number) + ' ' + *value;
  asked.checks = true;
  asked.before = std::move(found.row);
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  const int status = value ? 201 : 200;
  x.node.backend.write_local(into.bucket.name, std::move(asked), x.request.deadline,
                             [to, id, number, status](const result<void>& done) {
                               if (done) return answer_written(*to, id, number, status);
                               if (done.error().code == ec::not_found)
                                 return refuse(*to, no_database());
                               to->refuse(done.error());
                             });
}

/// The id of the path; nothing: it is no id, and the request was answered.
std::optional<std::string> checked_id(api::exchange& x) {
  std::string id = std::string(local) + std::string(x.values.others[0]);
  // Unlike other ids, a name may begin with an underscore: those of PouchDB's checkpoints do.
  const std::string_view rest = std::string_view(id).substr(1);
  const auto checked =
      id.size() > local.size() ? check_id(rest) : fail(ec::bad_id, "the name must not be empty");
  if (checked) return id;
  refuse(x.answer, bad_document_id(checked.error().reason));
  return std::nullopt;
}

} // namespace

bool is_local(std::string_view id) { return id.starts_with(local); }

void read_local(api::exchange& x, const database& from, const std::string& id) {
  const auto found = find_local(x.node.backend, from.bucket.number, id);
  if (!found) return refuse(x.answer, found.error());
  if (!found->row) return refuse(x.answer, missing());
  std::string body = R"({"_id":)";
  append_json_string(body, id);
  body += R"(,"_rev":")" + rev_text(found->number) + '"';
  if (found->body.size() > 2)
    ((body += ',') += found->body.substr(1));
  else
    body += '}';
  answer_json(x.answer, std::move(body));
}

void put_local(api::exchange& x, const database& into, const std::string& id) {
  auto asked = read_write(x);
  if (!asked) return refuse(x.answer, asked.error());
  if (auto named = add_parameter(x, asked->number); !named) return refuse(x.answer, named.error());
  auto found = find_local(x.node.backend, into.bucket.number, id);
  if (!found) return refuse(x.answer, found.error());
  if (asked->number.value_or(0) != found->number) return refuse(x.answer, update_conflict());
  if (asked->deleted) return change(x, into, id, std::move(*found), std::nullopt);
  change(x, into, id, std::move(*found), std::move(asked->body));
}

void delete_local(api::exchange& x, const database& from, const std::string& id) {
  std::optional<uint64_t> number;
  if (auto named = add_parameter(x, number); !named) return refuse(x.answer, named.error());
  auto found = find_local(x.node.backend, from.bucket.number, id);
  if (!found) return refuse(x.answer, found.error());
  if (!found->row) return refuse(x.answer, missing());
  if (number.value_or(0) != found->number) return refuse(x.answer, update_conflict());
  change(x, from, id, std::move(*found), std::nullopt);
}

void read_local_document(api::exchange& x) {
  const auto from = find_database(x);
  if (!from) return;
  if (const auto id = checked_id(x)) read_local(x, *from, *id);
}

void put_local_document(api::exchange& x) {
  const auto into = find_writable(x);
  if (!into) return;
  if (const auto id = checked_id(x)) put_local(x, *into, *id);
}

void delete_local_document(api::exchange& x) {
  const auto from = find_writable(x);
  if (!from) return;
  if (const auto id = checked_id(x)) delete_local(x, *from, *id);
}

void refuse_local_attachment(api::exchange& x) {
  refuse(x.answer, bad_request("a local document has no attachments"));
}

} // namespace treadmill::couch
