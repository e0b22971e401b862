#include "net/node_client.hpp"
#include <httplib.h>
#include <rapidjson/document.h>

namespace treadmill::http {

namespace {

std::string authority_of(const std::string& host, uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// The reason that a refusal names.
std::string reason_of(const std::string& body) {
  rapidjson::Document read;
  read.Parse<rapidjson::kParseIterativeFlag>(body.c_str(), body.size());
  if (read.HasParseError() || !read.IsObject()) return {};
  const rapidjson::Value& refusal = read;
  const auto reason = refusal.FindMember("reason");
  if (reason == refusal.MemberEnd() || !reason->value.IsString()) return {};
  return ": " + std::string(reason->value.GetString(), reason->value.GetStringLength());
}

} // namespace

struct node_client::impl {
  impl(const std::string& host, uint16_t port) : client(host, port) {}
  httplib::Client client;
};

node_client::node_client(const std::string& host, uint16_t port, std::chrono::milliseconds timeout)
    : url_("http://" + authority_of(host, port)), impl_(std::make_unique<impl>(host, port)) {
  httplib::Client& client = impl_->client;
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_keep_alive(true);
  client.set_default_headers({{"Host", authority_of(host, port)}}); // the library forgets brackets
}

node_client::~node_client() = default;

result<std::string> node_client::get(const std::string& path) {
  const httplib::Result answer = impl_->client.Get(path.c_str());
  if (!answer) {
    return fail(ec::io_error, answer.error() == httplib::Error::Read ? "no answer came in time"
                                                                     : "no connection can be made");
  }
  if (answer->status == 200) return answer->body;
  return fail(ec::internal,
              "it answers " + std::to_string(answer->status) + reason_of(answer->body));
}

} // namespace treadmill::http
