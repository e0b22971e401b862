#include "net/client/node_client.hpp"
#include "net/client/health_probe.hpp"
#include "net/client/node_answer.hpp"
#include <httplib.h>

namespace treadmill::http {

namespace {

std::string authority_of(const std::string& host, uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// The error in a node's refusal.
error refusal(int status, const std::string& body) {
  error unknown{ec::internal, "it answers " + std::to_string(status)};
  const auto read = parse_answer(body);
  const std::string reason = read ? text_of(*read, "reason") : "";
  return reason.empty()
             ? unknown
             : error{code_named(text_of(*read, "error")), unknown.reason + ": " + reason};
}

/// Why there is no answer. `quiet`: time since the last bytes arrived.
std::string failure(httplib::Error problem, std::chrono::milliseconds quiet,
                    std::chrono::milliseconds silence) {
  switch (problem) {
  case httplib::Error::Connection:
  case httplib::Error::ConnectionTimeout: return "no connection can be made";
  case httplib::Error::Canceled: return "the rest of the answer could not be taken";
  default: break;
  }
  if (quiet >= silence)
    return "nothing came from it for " +
           std::to_string(std::chrono::duration_cast<std::chrono::seconds>(silence).count()) + " s";
  return "it ended the connection before the answer was whole";
}

} // namespace

ec code_named(std::string_view word) {
  for (int code = 1; code <= static_cast<int>(last_ec); ++code)
    if (to_string(static_cast<ec>(code)) == word) return static_cast<ec>(code);
  return ec::internal;
}

struct node_client::impl {
  using clock = std::chrono::steady_clock;

  impl(const std::string& its_host, uint16_t its_port, std::chrono::milliseconds its_silence)
      : host(its_host), port(its_port), silence(its_silence), client(its_host, its_port) {}

  /// Sends a request, and returns the body of the answer.
  template<typename Ask>
  result<std::string> ask(Ask ask) {
    heard = clock::now();
    httplib::Result answer = ask(client);
    if (!answer)
      return fail(ec::io_error, failure(answer.error(),
                                        std::chrono::duration_cast<std::chrono::milliseconds>(
                                            clock::now() - heard),
                                        silence));
    // The node ends JSON answers with a line feed for terminals.
    if (answer->body.ends_with("}\n")) answer->body.pop_back();
    if (answer->status / 100 == 2) return std::move(answer->body);
    return tl::unexpected(refusal(answer->status, answer->body));
  }

  std::string host;
  uint16_t port;
  std::chrono::milliseconds silence;
  httplib::Client client;
  clock::time_point heard{}; ///< when the last bytes arrived
};

node_client::node_client(const std::string& host, uint16_t port, std::chrono::milliseconds silence)
    : url_("http://" + authority_of(host, port)),
      impl_(std::make_unique<impl>(host, port, silence)) {
  httplib::Client& client = impl_->client;
  client.set_connection_timeout(connect_timeout);
  client.set_read_timeout(silence);
  client.set_write_timeout(silence);
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true); // because head and body are sent separately
  // The library omits the brackets of IPv6.
  client.set_default_headers({{"Host", authority_of(host, port)}});
}

node_client::~node_client() = default;

result<void> node_client::reach() const {
  auto reached = probe_health(impl_->host, impl_->port, reach_timeout);
  if (!reached) reached.error().reason += ": is a node running there?";
  return reached;
}

result<std::string> node_client::get(const std::string& path) {
  return impl_->ask([&](httplib::Client& client) { return client.Get(path.c_str()); });
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
    impl_->heard = impl::clock::now();
    if (status == 200) return piece({data, size});
    constexpr size_t most = 64 * 1024; // a refusal of a node is short
    refused.append(data, size);
    return refused.size() <= most;
  };
  auto whole = impl_->ask(
      [&](httplib::Client& client) { return client.Get(path.c_str(), take_head, take); });
  if (!refused.empty()) return tl::unexpected(refusal(status, refused));
  if (!whole) return tl::unexpected(whole.error());
  return {};
}

result<std::string> node_client::put(const std::string& path) {
  return impl_->ask([&](httplib::Client& client) { return client.Put(path.c_str()); });
}

result<std::string> node_client::remove(const std::string& path) {
  return impl_->ask([&](httplib::Client& client) { return client.Delete(path.c_str()); });
}

result<std::string> node_client::post(const std::string& path, const std::string& body,
                                      const std::string& content_type) {
  return impl_->ask([&](httplib::Client& client) {
    return client.Post(path.c_str(), body, content_type.c_str());
  });
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
