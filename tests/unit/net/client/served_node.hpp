#pragma once
#include "net/client/node_client.hpp"
#include "net/http/http_server.hpp"
#include "tests/unit/net/rest/rest_client.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace treadmill::tests {

/// A node in memory that answers over HTTP, for the tools that ask one.
class served_node {
public:
  explicit served_node(api::api_options options = {}) : node(std::move(options)) {
    http::server_options how;
    how.threads = 1; // the node behind it has one
    server_ = std::make_unique<http::server>(
        how, [this](const http::request& request, http::responder answer) {
          const std::lock_guard guard(mutex_);
          if (before) before(request);
          node.interface.handle(request, std::move(answer));
        });
    REQUIRE(server_->start());
    client =
        std::make_unique<http::node_client>("127.0.0.1", server_->port(), std::chrono::seconds(10));
  }

  /// The number that follows a member's name in the facts of a bucket.
  uint64_t count(const std::string& bucket, const std::string& member) {
    const std::string body = text("/" + bucket);
    const size_t at = body.find("\"" + member + "\":");
    return at == std::string::npos
               ? 0
               : std::strtoull(body.c_str() + at + member.size() + 3, nullptr, 10);
  }
  std::string text(const std::string& target) {
    const std::lock_guard guard(mutex_);
    return node.text(target);
  }
  std::string send(std::string_view method, std::string_view target, std::string_view body = {}) {
    const std::lock_guard guard(mutex_);
    return node.send(method, target, body).body;
  }

  rest_node node;
  /// Called before each request is answered, with nothing else at work.
  std::function<void(const http::request&)> before{};
  std::unique_ptr<http::node_client> client{};

private:
  std::mutex mutex_{};
  std::unique_ptr<http::server> server_{};
};

} // namespace treadmill::tests
