#include "net/node_client.hpp"
#include "net/node_answer.hpp"
#include <httplib.h>

namespace treadmill::http {

namespace {

std::string authority_of(const std::string& host, uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// The error that a node's refusal is.
error refusal(int status, const std::string& body) {
  error unknown{ec::internal, "it answers " + std::to_string(status)};
  const auto read = parse_answer(body);
  const std::string reason = read ? text_of(*read, "reason") : "";
  return reason.empty()
             ? unknown
             : error{code_named(text_of(*read, "error")), unknown.reason + ": " + reason};
}

result<std::string> body_of(httplib::Result& answer) {
  if (!answer)
    return fail(ec::io_error, answer.error() == httplib::Error::Connection
                                  ? "no connection can be made"
                                  : "no whole answer came in time");
  if (answer->status / 100 == 2) return std::move(answer->body);
  return tl::unexpected(refusal(answer->status, answer->body));
}

} // namespace

ec code_named(std::string_view word) {
  for (int code = 1; code <= static_cast<int>(last_ec); ++code)
    if (to_string(static_cast<ec>(code)) == word) return static_cast<ec>(code);
  return ec::internal;
}

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
  client.set_tcp_nodelay(true); // head and body are sent one after the other
  client.set_default_headers({{"Host", authority_of(host, port)}}); // the library forgets brackets
}

node_client::~node_client() = default;

result<std::string> node_client::get(const std::string& path) {
  httplib::Result answer = impl_->client.Get(path.c_str());
  return body_of(answer);
}

result<void> node_client::get(const std::string& path,
                              const std::function<bool(std::string_view)>& piece) {
  int status = 0;
  std::string refused;
  const auto take_head = [&](const httplib::Response& head) {
    status = head.status;
    return true;
  };
  const auto take = [&](const char* data, size_t size) {
    if (status == 200) return piece({data, size});
    refused.append(data, size);
    return true;
  };
  httplib::Result answer = impl_->client.Get(path.c_str(), take_head, take);
  if (answer && status != 200) return tl::unexpected(refusal(status, refused));
  auto whole = body_of(answer);
  if (!whole) return tl::unexpected(whole.error());
  return {};
}

result<std::string> node_client::put(const std::string& path) {
  httplib::Result answer = impl_->client.Put(path.c_str());
  return body_of(answer);
}

result<std::string> node_client::remove(const std::string& path) {
  httplib::Result answer = impl_->client.Delete(path.c_str());
  return body_of(answer);
}

result<std::string> node_client::post(const std::string& path, const std::string& body,
                                      const std::string& content_type) {
  httplib::Result answer = impl_->client.Post(path.c_str(), body, content_type.c_str());
  return body_of(answer);
}

result<compaction> compaction_of(const result<std::string>& answer) {
  if (!answer) return tl::unexpected(answer.error());
  const auto read = parse_answer(*answer);
  if (!read || !read->HasMember("running") || !(*read)["running"].IsBool() ||
      !read->HasMember("bytes") || !(*read)["bytes"].IsUint64())
    return fail(ec::internal, "it does not answer as a node");
  return compaction{(*read)["running"].GetBool(), count_of(*read, "bytes")};
}

} // namespace treadmill::http
