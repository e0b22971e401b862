#include "net/api/answer_text.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/version.hpp"
#include "storage/base/json_string.hpp"
#include "storage/documents/names.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

constexpr uint64_t most_uuids = 1000;

std::string plain_hex(std::string uuid) {
  uuid.erase(std::remove(uuid.begin(), uuid.end(), '-'), uuid.end());
  return uuid;
}

} // namespace

std::string node_uuid(const node_backend& node) { return plain_hex(node.rows().node_id()); }
std::string make_id() { return plain_hex(make_document_id()); }

void welcome(api::exchange& x) {
  std::string body = R"({"couchdb":"Welcome","version":)";
  append_json_string(body, couchdb_version);
  body += R"(,"uuid":)";
  append_json_string(body, node_uuid(x.node.backend));
  body += R"(,"features":[],"vendor":{"name":"Treadmill","version":)";
  append_json_string(body, x.node.backend.facts().version);
  body += "}}";
  answer_json(x.answer, std::move(body));
}

void read_up(api::exchange& x) {
  if (x.node.backend.ready()) return answer_json(x.answer, R"({"status":"ok","seeds":{}})");
  answer_json(x.answer,
              R"({"error":"service_unavailable","reason":"the node takes no writes now",)"
              R"("status":"maintenance_mode"})",
              503);
}

void make_uuids(api::exchange& x) {
  const uint64_t count = x.text("count") ? x.number("count").value_or(most_uuids + 1) : 1;
  if (count > most_uuids)
    return refuse(x.answer,
                  bad_request("count must be a number from 0 to " + std::to_string(most_uuids)));
  std::string body = R"({"uuids":[)";
  for (uint64_t i = 0; i < count; ++i) {
    if (i > 0) body += ',';
    append_json_string(body, make_id());
  }
  body += "]}";
  http::response answer = json_answer();
  answer.headers = {{"Cache-Control", "no-store"}};
  answer.body = std::move(body);
  x.answer(std::move(answer));
}

void list_tasks(api::exchange& x) {
  const bool runs = x.node.backend.rows().compacting();
  answer_json(x.answer, runs ? R"([{"type":"database_compaction","node":)" +
                                   quoted(node_name(x.node.backend)) + "}]"
                             : "[]");
}

void list_members(api::exchange& x) {
  const std::string names = '[' + quoted(node_name(x.node.backend)) + ']';
  answer_json(x.answer, R"({"all_nodes":)" + names + R"(,"cluster_nodes":)" + names + '}');
}

void read_session(api::exchange& x) {
  answer_json(x.answer, R"({"ok":true,"userCtx":{"name":null,"roles":["_admin"]},)"
                        R"("info":{"authentication_handlers":["default"],)"
                        R"("authenticated":"default"}})");
}

void open_session(api::exchange& x) {
  refuse(x.answer, {401, "unauthorized", "Name or password is incorrect."});
}

void close_session(api::exchange& x) {
  http::response answer = json_answer();
  answer.headers.emplace_back("Set-Cookie", "AuthSession=; Version=1; Path=/; HttpOnly");
  answer.body = R"({"ok":true})";
  x.answer(std::move(answer));
}

} // namespace treadmill::couch
