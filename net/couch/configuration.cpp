#include "net/couch/configuration.hpp"
#include "net/couch/version.hpp"

namespace treadmill::couch {

namespace {

std::string yes_or_no(bool value) { return value ? "true" : "false"; }

/// Clients split lists at commas and do not trim.
std::string without_spaces(std::string_view list) {
  std::string text(list);
  std::erase(text, ' ');
  return text;
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) (text += text.empty() ? "" : ",") += item;
  return text;
}

configuration_section listener_section(const api::context& node, const node_facts& facts) {
  const size_t colon = facts.couch.rfind(':');
  const bool listens = colon != std::string::npos;
  return {
      "chttpd",
      {{"bind_address", listens ? facts.couch.substr(0, colon) : "", "--couch"},
       {"port", listens ? facts.couch.substr(colon + 1) : "", "--couch"},
       {"enable_cors", yes_or_no(!node.options.cors_origins.empty()), "--cors-origins"},
       {"max_http_request_size", std::to_string(node.options.request_bytes), "--max-request-size"},
       {"require_valid_user", "false"}}};
}

} // namespace

configuration configuration_of(const api::context& node) {
  const node_facts facts = node.backend.facts();
  const std::string origins = joined(node.options.cors_origins);
  return {
      listener_section(node, facts),
      {"chttpd_auth", {{"require_valid_user", "false"}}},
      {"cors",
       {{"origins", origins, "--cors-origins"},
        {"credentials", "true"},
        {"headers", without_spaces(node.rules.cors_request_headers)},
        {"methods", "GET,HEAD,POST,PUT,DELETE,COPY"}}},
      {"couchdb",
       {{"uuid", node_uuid(node.backend)},
        {"max_document_size", std::to_string(node.options.limits.document_bytes),
         "--max-document-size"},
        {"single_node", "true"}}},
      {"httpd", {{"enable_cors", yes_or_no(!origins.empty()), "--cors-origins"}}},
      {"uuids", {{"algorithm", "utc_random"}, {"max_count", "1000"}}},
      {"vendor", {{"name", "Treadmill"}, {"version", facts.version}}},
  };
}

} // namespace treadmill::couch
