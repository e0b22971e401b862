#pragma once
#include "net/api/dispatcher.hpp"
#include "tests/unit/net/api/local_backend.hpp"
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace treadmill::tests {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// An answer as a client of a REST interface sees it.
struct answer {
  int status = 0;
  header_list headers;
  std::string content_type;
  std::string body;
  std::string route;
  std::unique_ptr<http::body_stream> stream;

  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return {};
  }
  bool says(std::string_view text) const { return body.find(text) != std::string::npos; }
  /// The value of the first string member of that name, as it stands in the text.
  std::string member(const std::string& name) const {
    const std::string before = '"' + name + "\":\"";
    const size_t begin = body.find(before);
    if (begin == std::string::npos) return {};
    return body.substr(begin + before.size(),
                       body.find('"', begin + before.size()) - begin - before.size());
  }
  std::string rev() const { return member("rev"); }
  std::string code() const { return member("error"); }
  std::string reason() const { return member("reason"); }
};

/// Drives one body by hand, as the server does.
class stream_driver {
public:
  explicit stream_driver(std::unique_ptr<http::body_stream> stream) : stream_(std::move(stream)) {
    stream_->start(waker([this] { ++wakes; }));
  }
  /// Takes what there is; says what the last call answered.
  http::body_stream::state run() {
    auto state = http::body_stream::state::more;
    while (state == http::body_stream::state::more) {
      const size_t before = text.size();
      state = stream_->next(text);
      largest = std::max(largest, text.size() - before);
      ++slices;
    }
    return state;
  }
  http::body_stream::state next() { return stream_->next(text); }
  std::string take() { return std::exchange(text, {}); }
  http::body_stream& stream() { return *stream_; }

  std::string text;
  int wakes = 0;
  int slices = 0;
  size_t largest = 0;

private:
  std::unique_ptr<http::body_stream> stream_;
};

/// A node and a REST interface of it in one object.
class api_node {
public:
  explicit api_node(const api::dialect& rules, api::api_options options = {})
      : interface(rules, backend, with_clock(std::move(options))) {}
  virtual ~api_node() = default;
  api_node(const api_node&) = delete;
  api_node& operator=(const api_node&) = delete;

  answer send(std::string_view method, std::string_view target, std::string_view body = {},
              const header_list& headers = {}) {
    http::request request;
    request.method = method;
    request.target = target;
    request.path = target.substr(0, target.find('?'));
    if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
    for (const auto& [name, value] : headers) request.headers.emplace_back(name, value);
    request.body = body;
    request.deadline = clock::time_point::max();
    std::optional<http::response> got;
    int calls = 0;
    interface.handle(request, http::responder([&](http::response&& response) {
                       got = std::move(response);
                       ++calls;
                     }));
    if (calls != 1) throw std::runtime_error("a request was not answered exactly once");
    check(*got);
    return {got->status,          std::move(got->headers), std::move(got->content_type),
            std::move(got->body), std::move(got->route),   std::move(got->stream)};
  }
  answer get(std::string_view target, const header_list& headers = {}) {
    return send("GET", target, {}, headers);
  }
  /// A GET whose body is complete, in one piece or as a stream.
  std::string text(std::string_view target) {
    auto got = get(target);
    if (!got.stream) return got.body;
    stream_driver driver(std::move(got.stream));
    if (driver.run() != http::body_stream::state::done)
      throw std::runtime_error("a body was not completed");
    return driver.text;
  }

  clock::time_point now{std::chrono::hours(1)};
  local_backend backend;
  api::dispatcher interface;

protected:
  /// Looks at every answer.
  virtual void check(const http::response&) const {}

private:
  api::api_options with_clock(api::api_options options) {
    options.now = [this] { return now; };
    return options;
  }
};

} // namespace treadmill::tests
