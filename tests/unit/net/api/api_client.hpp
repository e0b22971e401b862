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

/// Drives the sink of a body by hand, as the server does, and collects the answer.
class sink_driver {
public:
  explicit sink_driver(std::unique_ptr<http::body_sink> sink) : sink_(std::move(sink)) {
    sink_->start(http::responder([this](http::response&& response) {
                   got = std::move(response);
                   if (got->stream) stream_.emplace(std::move(got->stream));
                 }),
                 waker([this] { woken_ = true; }));
  }
  http::body_sink::state take(std::string_view piece) { return go_on(sink_->take(piece)); }
  /// Gives pieces of `size` bytes until one is refused. False: that came.
  bool take_all(std::string_view body, size_t size = 10'000) {
    for (; !body.empty(); body.remove_prefix(std::min(size, body.size())))
      if (take(body.substr(0, size)) != http::body_sink::state::ok) return false;
    return true;
  }
  void end() {
    sink_->end();
    go_on(http::body_sink::state::refused);
  }
  void fail(const error& problem) {
    sink_->fail(problem);
    go_on(http::body_sink::state::refused);
  }
  void drop() { sink_.reset(); }
  const http::body_sink& sink() const { return *sink_; }
  bool streams() const { return stream_.has_value(); }
  answer read() {
    if (!got) throw std::runtime_error("an upload was not answered");
    return {got->status, got->headers, got->content_type, stream_ ? stream_->text : got->body,
            got->route,  nullptr};
  }

  std::optional<http::response> got;
  bool stream_ended = false;

private:
  /// Takes what there is of the answer, and heeds the waker.
  http::body_sink::state go_on(http::body_sink::state state) {
    do {
      if (stream_) stream_ended = stream_->run() == http::body_stream::state::done;
      if (std::exchange(woken_, false)) state = sink_->resume();
    } while (woken_);
    return state;
  }

  std::unique_ptr<http::body_sink> sink_;
  bool woken_ = false;
  std::optional<stream_driver> stream_;
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
  /// The sink of a request's body; nullptr: it has none.
  std::unique_ptr<http::body_sink> sink(std::string_view target, const header_list& headers) {
    http::request head;
    head.method = "POST";
    head.target = target;
    head.path = target.substr(0, target.find('?'));
    if (head.path.size() < target.size()) head.query = target.substr(head.path.size() + 1);
    for (const auto& [name, value] : headers) head.headers.emplace_back(name, value);
    head.deadline = clock::now() + std::chrono::seconds(30);
    return interface.open_sink(head);
  }
  /// Gives a whole body to its sink.
  answer upload(std::string_view target, std::string_view body, const header_list& headers) {
    sink_driver driver(sink(target, headers));
    if (driver.take_all(body)) driver.end();
    auto made = driver.read();
    check(*driver.got);
    return made;
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
