#include "net/api/answer_text.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/configuration.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/version.hpp"
#include "storage/base/json_string.hpp"

namespace treadmill::couch {

namespace {

/// False: the request names another node, and was answered.
bool is_this_node(api::exchange& x) {
  const std::string_view asked = x.values.others[0];
  if (asked == "_local" || asked == node_name(x.node.backend)) return true;
  refuse(x.answer, {404, "not_found", "no such node: " + std::string(asked)});
  return false;
}

void append_statistic(std::string& out, std::string_view name, std::string_view type,
                      uint64_t value, std::string_view about) {
  if (!out.ends_with('{')) out += ',';
  append_json_string(out, name);
  out += R"(:{"value":)";
  api::append_number(out, value);
  out += R"(,"type":)";
  append_json_string(out, type);
  out += R"(,"desc":)";
  append_json_string(out, about);
  out += '}';
}

std::string section_text(const configuration_section& section) {
  std::string text = "{";
  for (const configuration_entry& entry : section.entries) {
    if (text.size() > 1) text += ',';
    ((text += quoted(entry.key)) += ':') += quoted(entry.value);
  }
  return text + '}';
}

const configuration_entry* find_entry(const configuration& all, std::string_view section,
                                      std::string_view key) {
  for (const configuration_section& one : all)
    if (one.name == section)
      for (const configuration_entry& entry : one.entries)
        if (entry.key == key) return &entry;
  return nullptr;
}

couch_error unknown_key() { return {404, "not_found", "unknown_config_value"}; }

} // namespace

std::string node_name(const node_backend& node) { return "treadmill@" + node.facts().name; }

std::string quoted(std::string_view text) {
  std::string made;
  append_json_string(made, text);
  return made;
}

void read_node(api::exchange& x) {
  if (is_this_node(x))
    answer_json(x.answer, R"({"name":)" + quoted(node_name(x.node.backend)) + '}');
}

void read_statistics(api::exchange& x) {
  if (!is_this_node(x)) return;
  const auto server = x.node.server ? x.node.server() : http::server_counters{};
  const node_facts facts = x.node.backend.facts();
  std::string body = R"({"couchdb":{)";
  append_statistic(body, "open_databases", "counter", x.node.backend.rows().buckets().size(),
                   "number of databases");
  append_statistic(body, "commits", "counter", facts.commits, "number of group commits");
  append_statistic(body, "queued_writes", "gauge", facts.queued_writes,
                   "number of writes that are not answered yet");
  body += R"(,"httpd":{)";
  append_statistic(body, "connections", "gauge", server.connections, "number of open connections");
  append_statistic(body, "clients_requesting_changes", "gauge", server.feed_clients,
                   "number of clients that wait for changes");
  body += "}}}";
  answer_json(x.answer, std::move(body));
}

void read_process(api::exchange& x) {
  if (!is_this_node(x)) return;
  const node_facts facts = x.node.backend.facts();
  const auto server = x.node.server ? x.node.server() : http::server_counters{};
  std::string body = R"({"uptime":)";
  api::append_number(body, static_cast<uint64_t>(facts.uptime_seconds));
  body += R"(,"memory":{"other":)";
  api::append_number(body, server.request_bytes);
  body += R"(},"internal_replication_jobs":0,"message_queues":{"writes":)";
  api::append_number(body, facts.queued_writes);
  body += "}}";
  answer_json(x.answer, std::move(body));
}

void read_configuration(api::exchange& x) {
  if (!is_this_node(x)) return;
  std::string body = "{";
  for (const configuration_section& section : configuration_of(x.node)) {
    if (body.size() > 1) body += ',';
    ((body += quoted(section.name)) += ':') += section_text(section);
  }
  answer_json(x.answer, body + '}');
}

void read_configuration_section(api::exchange& x) {
  if (!is_this_node(x)) return;
  for (const configuration_section& section : configuration_of(x.node))
    if (section.name == x.values.others[1]) return answer_json(x.answer, section_text(section));
  answer_json(x.answer, "{}");
}

void read_configuration_key(api::exchange& x) {
  if (!is_this_node(x)) return;
  const configuration all = configuration_of(x.node);
  const auto* entry = find_entry(all, x.values.others[1], x.values.others[2]);
  if (entry == nullptr) return refuse(x.answer, unknown_key());
  answer_json(x.answer, quoted(entry->value));
}

void refuse_configuration(api::exchange& x) {
  if (!is_this_node(x)) return;
  const configuration all = configuration_of(x.node);
  const auto* entry = find_entry(all, x.values.others[1], x.values.others[2]);
  std::string reason = "the configuration is read-only here: this value cannot be set";
  if (entry != nullptr && !entry->setting.empty())
    reason =
        "the configuration is read-only here: start the node with " + std::string(entry->setting);
  http::response answer = answer_of({405, "method_not_allowed", std::move(reason)});
  answer.headers.emplace_back("Allow", "GET, HEAD, OPTIONS");
  x.answer(std::move(answer));
}

} // namespace treadmill::couch
