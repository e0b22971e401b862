#include "net/http/error_body.hpp"
#include "net/http/http_server.hpp"
#include "tests/unit/net/http/raw_client.hpp"
#include <algorithm>
#include <atomic>
#include <doctest/doctest.h>
#include <memory>
#include <mutex>
#include <string>

// Bodies that a sink takes while they arrive.
namespace http = treadmill::http;
using treadmill::ec;
using treadmill::waker;
using treadmill::test::eventually;
using treadmill::test::raw_client;
using namespace std::chrono_literals;

namespace {

constexpr size_t kib = 1024;

// What a test and the sinks of its server share.
struct basin {
  std::mutex mutex;
  bool at_once = true;
  size_t memory = 256 * kib;
  bool keeps = true; ///< the text, not only its size
  bool full = false; ///< it waits
  size_t refuse_at = SIZE_MAX;
  bool refuses_at_start = false;
  bool answers_at_end = true;
  std::atomic<bool> stuck = false; ///< the stream never ends
  bool finished = false;           ///< the stream ends

  std::string text;
  size_t size = 0;
  size_t largest = 0; ///< piece
  int sinks = 0;      ///< that were started
  int ended = 0;
  int failed = 0;
  int resumed = 0;
  int gone = 0;
  http::responder answer;
  waker wake;

  template<typename Value>
  Value locked(Value basin::*member) {
    const std::lock_guard lock(mutex);
    return this->*member;
  }
  void set_full(bool now) {
    waker call;
    {
      const std::lock_guard lock(mutex);
      full = now;
      call = wake;
    }
    if (!now) call();
  }
  void finish() {
    waker call;
    {
      const std::lock_guard lock(mutex);
      finished = true;
      call = wake;
    }
    call();
  }
  void answer_with(http::response made) {
    http::responder to;
    {
      const std::lock_guard lock(mutex);
      to = std::move(answer);
    }
    to(std::move(made));
  }
};

http::response text(std::string body) {
  http::response made;
  made.content_type = "text/plain";
  made.body = std::move(body);
  return made;
}

class basin_sink final : public http::body_sink {
public:
  explicit basin_sink(std::shared_ptr<basin> into) : basin_(std::move(into)) {}
  ~basin_sink() override {
    const std::lock_guard lock(basin_->mutex);
    ++basin_->gone;
  }
  bool takes_small() const override { return basin_->at_once; }
  size_t memory() const override {
    const std::lock_guard lock(basin_->mutex);
    return basin_->memory;
  }
  void start(http::responder answer, const waker& wake) override {
    const std::lock_guard lock(basin_->mutex);
    ++basin_->sinks;
    basin_->wake = wake;
    if (basin_->refuses_at_start)
      answer(http::error_response({ec::not_found, "there is no such place"}));
    else
      basin_->answer = std::move(answer);
  }
  state take(std::string_view piece) override {
    const std::lock_guard lock(basin_->mutex);
    if (basin_->keeps) basin_->text += piece;
    basin_->size += piece.size();
    basin_->largest = std::max(basin_->largest, piece.size());
    if (basin_->size >= basin_->refuse_at) {
      std::move(basin_->answer)(http::error_response({ec::conflict, "this is enough"}));
      return state::refused;
    }
    return basin_->full ? state::wait : state::ok;
  }
  state resume() override {
    const std::lock_guard lock(basin_->mutex);
    ++basin_->resumed;
    return basin_->full ? state::wait : state::ok;
  }
  void fail(const treadmill::error& problem) override {
    const std::lock_guard lock(basin_->mutex);
    ++basin_->failed;
    std::move(basin_->answer)(
        http::error_response(problem, ",\"took\":" + std::to_string(basin_->size)));
  }
  void end() override {
    const std::lock_guard lock(basin_->mutex);
    ++basin_->ended;
    if (basin_->answers_at_end) std::move(basin_->answer)(text(std::to_string(basin_->size)));
  }

private:
  std::shared_ptr<basin> basin_;
};

// A server that gives the bodies of /sink to sinks.
struct sink_server {
  explicit sink_server(http::server_options options = {})
      : server(with_sinks(std::move(options)), [](const http::request& request,
                                                  http::responder answer) {
          answer(text("handler " + std::string(request.target) + " " + std::string(request.body)));
        }) {
    REQUIRE(server.start());
  }
  http::server_options with_sinks(http::server_options options) {
    options.open_sink = [this](const http::request& head) -> std::unique_ptr<http::body_sink> {
      if (head.path != "/sink") return nullptr;
      return std::make_unique<basin_sink>(into);
    };
    return options;
  }
  raw_client client() const { return raw_client(server.port()); }

  std::shared_ptr<basin> into = std::make_shared<basin>();
  http::server server;
};

std::string head_of(size_t length, std::string_view path = "/sink", std::string_view more = {}) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: t\r\n" + std::string(more) +
         "Content-Length: " + std::to_string(length) + "\r\n\r\n";
}
std::string chunked_head(std::string_view path = "/sink", std::string_view more = {}) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: t\r\n" + std::string(more) +
         "Transfer-Encoding: chunked\r\n\r\n";
}
std::string chunk(const std::string& data) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", data.size());
  return size.data() + data + "\r\n";
}
const std::string last_chunk = "0\r\n\r\n";

std::string letters(size_t size) {
  std::string made(size, ' ');
  for (size_t i = 0; i < size; ++i) made[i] = static_cast<char>('a' + i % 23);
  return made;
}

http::server_options small_requests() {
  http::server_options options;
  options.request_bytes = 1000;
  return options;
}

} // namespace

TEST_CASE("a body in chunks goes to its sink, and the connection goes on after the answer") {
  sink_server one;
  auto client = one.client();
  const std::string body = letters(300'000);
  for (int i = 1; i <= 2; ++i) {
    client.send(chunked_head() + chunk(body.substr(0, 7)) + chunk(body.substr(7, 200'000)) +
                chunk(body.substr(200'007)) + last_chunk + "GET /next HTTP/1.1\r\nHost: t\r\n\r\n");
    auto got = client.read();
    CHECK(got.status == 200);
    CHECK(got.body == std::to_string(i * body.size()));
    CHECK(client.read().body == "handler /next ");
    CHECK(one.into->locked(&basin::ended) == i);
    CHECK(eventually([&] { return one.into->locked(&basin::gone) == i; }));
  }
  CHECK(one.into->text == body + body);
  CHECK(one.into->largest <= 64 * kib);
  CHECK(eventually([&] { return one.server.counters().request_bytes == 0; }));
}

TEST_CASE("a body far above the limit takes no more memory than its sink says") {
  sink_server one(small_requests());
  one.into->keeps = false;
  const size_t size = 50'000'000;
  auto client = one.client();
  client.send(head_of(size));
  const std::string piece = letters(1'000'000);
  size_t most = 0;
  for (size_t sent = 0; sent < size; sent += piece.size()) {
    REQUIRE(client.send(piece));
    most = std::max<size_t>(most, one.server.counters().request_bytes);
  }
  CHECK(client.read().body == std::to_string(size));
  CHECK(most == one.into->memory + 64 * kib);
  CHECK(one.into->largest <= 64 * kib);
  CHECK(client.get("/next").body == "handler /next ");
}

TEST_CASE("the server stops reading while the sink waits, and goes on when it is woken") {
  http::server_options options = small_requests();
  options.body_timeout = 50ms; // the client cannot send meanwhile: that is not held against it
  options.body_rate = 1'000'000;
  sink_server one(options);
  one.into->full = true;
  one.into->keeps = false;
  auto client = one.client();
  const size_t size = 40'000'000;
  std::string all = head_of(size) + letters(size);
  std::thread sending([&] { CHECK(client.send(all)); });
  REQUIRE(eventually([&] { return one.into->locked(&basin::size) > 0; }));
  std::this_thread::sleep_for(300ms); // nothing must happen
  CHECK(one.into->locked(&basin::size) <= 64 * kib);
  one.into->set_full(false);
  sending.join();
  CHECK(client.read().body == std::to_string(size));
}

TEST_CASE("a sink that refuses in the middle ends the request with an error, and the connection") {
  sink_server one(small_requests());
  one.into->refuse_at = 500'000;
  auto client = one.client();
  const std::string piece = letters(100'000);
  client.send(chunked_head());
  for (int i = 0; i < 50; ++i) client.send(chunk(piece), 1s);
  const auto got = client.read();
  CHECK(got.status == 409);
  CHECK(got.header("connection") == "close");
  CHECK(got.has("this is enough"));
  CHECK(one.into->locked(&basin::ended) == 0);
  CHECK(eventually([&] { return one.into->locked(&basin::gone) == 1; }));
  client.end_output();
  CHECK(client.wait_for_end());
  CHECK(eventually([&] { return one.server.counters().request_bytes == 0; }));
}

TEST_CASE("a sink may answer an error before the body, and the client is not told to go on") {
  sink_server one(small_requests());
  one.into->refuses_at_start = true;
  auto client = one.client();
  const auto got = client.request(head_of(5'000'000, "/sink", "Expect: 100-continue\r\n"));
  CHECK(got.status == 404);
  CHECK(got.header("connection") == "close");
}

TEST_CASE("a client that waits for it is told to send its body") {
  sink_server one(small_requests());
  auto client = one.client();
  CHECK(client.request(head_of(5000, "/sink", "Expect: 100-continue\r\n")).status == 100);
  CHECK(client.request(letters(5000)).body == "5000");
  CHECK(client.request(chunked_head("/sink", "Expect: 100-continue\r\n")).status == 100);
  CHECK(client.request(chunk("abc") + last_chunk).body == "5003");
}

TEST_CASE("a sink is told that its client has gone by its end") {
  sink_server one(small_requests());
  {
    auto client = one.client();
    client.send(head_of(5'000'000) + letters(1000));
    REQUIRE(eventually([&] { return one.into->locked(&basin::size) == 1000; }));
  }
  CHECK(eventually([&] { return one.into->locked(&basin::gone) == 1; }));
  CHECK(one.into->locked(&basin::ended) == 0);
  one.into->set_full(false); // a late call finds nobody
  one.into->answer_with(text("late"));
  CHECK(one.client().get("/next").body == "handler /next ");
}

TEST_CASE("a body that ends early, or is no body, is refused") {
  sink_server one(small_requests());
  auto early = one.client();
  early.send(head_of(5000) + "half of it");
  early.end_output();
  const auto told = early.read();
  CHECK(told.status == 400);
  CHECK(told.has("the request ends before its body does"));
  CHECK(told.has("\"took\":10}"));
  auto broken = one.client();
  const auto got = broken.request(chunked_head() + chunk("fine") + "no size\r\n");
  CHECK(got.status == 400);
  CHECK(got.header("connection") == "close");
  CHECK(got.has("\"took\":")); // perhaps not what came with the fault
  CHECK(eventually([&] { return one.into->locked(&basin::gone) == 2; }));
  CHECK(one.into->locked(&basin::ended) == 0);
  CHECK(one.into->locked(&basin::failed) == 2);
  CHECK(one.server.counters().bad_requests == 2);
}

TEST_CASE("a client that sends too slowly is timed out") {
  http::server_options options = small_requests();
  options.body_timeout = 100ms;
  options.body_rate = 1000;
  sink_server one(options);
  auto client = one.client();
  client.send(head_of(5000) + "a");
  const auto got = client.read();
  CHECK(got.status == 408);
  CHECK(got.has("\"took\":1}"));
  CHECK(one.server.counters().timeouts == 1);
  CHECK(one.server.counters().bad_requests == 0);
  CHECK(eventually([&] { return one.into->locked(&basin::gone) == 1; }));
}

TEST_CASE("a sink that makes no progress is answered for, one that wakes is not") {
  http::server_options options = small_requests();
  options.request_deadline = 200ms;
  sink_server one(options);
  one.into->full = true;
  auto client = one.client();
  client.send(head_of(5000) + letters(10));
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < begun + 2s) {
    one.into->set_full(true);
    waker wake;
    {
      const std::lock_guard lock(one.into->mutex);
      wake = one.into->wake;
    }
    wake();
    CHECK(!client.receive(50ms));
  }
  const auto got = client.read();
  CHECK(got.status == 504);
  CHECK(got.has("ambiguous"));
}

TEST_CASE("a small body goes to the handler where its sink wants only large ones") {
  sink_server one(small_requests());
  one.into->at_once = false;
  auto client = one.client();
  CHECK(client.request(chunked_head() + chunk("small") + last_chunk).body == "handler /sink small");
  CHECK(client.request(head_of(5) + "small").body == "handler /sink small");
  CHECK(one.into->locked(&basin::sinks) == 0);
  // The sink gets what was gathered before the limit was exceeded, too.
  const std::string body = letters(100'000);
  const auto got = client.request(chunked_head() + chunk(body.substr(0, 900)) +
                                  chunk(body.substr(900)) + last_chunk);
  CHECK(got.body == "100000");
  CHECK(one.into->text == body);
  CHECK(client.request(chunked_head() + chunk(body.substr(0, 1001)) + last_chunk).body == "101001");
  CHECK(one.into->locked(&basin::sinks) == 2);
  CHECK(client.get("/next").body == "handler /next ");
  CHECK(eventually([&] { return one.server.counters().request_bytes == 0; }));
}

TEST_CASE("the limit of a body holds where it has no sink") {
  sink_server one(small_requests());
  CHECK(one.client().request(head_of(1001, "/other")).status == 413);
  CHECK(one.client().request(chunked_head("/other") + "3e9\r\n").status == 413);
  auto client = one.client();
  CHECK(client.request(chunked_head("/other") + chunk("abc") + last_chunk).body ==
        "handler /other abc");
}

TEST_CASE("a sink for which there is no memory is not begun") {
  http::server_options options = small_requests();
  options.total_request_bytes = 1'000'000;
  sink_server one(options);
  one.into->memory = 400'000; // half of the memory is for bodies that have begun
  one.into->answers_at_end = false;
  auto first = one.client();
  first.send(head_of(5000) + "a");
  REQUIRE(eventually([&] { return one.into->locked(&basin::sinks) == 1; }));
  const auto got = one.client().request(head_of(5000));
  CHECK(got.status == 503);
  CHECK(got.header("retry-after") == "1");
  CHECK(one.into->locked(&basin::sinks) == 1);
}

namespace {

// An answer that says how much of the body is there, until all of it is.
class echoed_sizes final : public http::body_stream {
public:
  explicit echoed_sizes(std::shared_ptr<basin> from) : basin_(std::move(from)) {}
  state next(std::string& out) override {
    const std::lock_guard lock(basin_->mutex);
    if (basin_->size > said_) {
      said_ = basin_->size;
      out += std::to_string(said_) + "\n";
    }
    if (basin_->stuck) return state::wait;
    return basin_->ended > 0 || basin_->finished ? state::done : state::wait;
  }

private:
  std::shared_ptr<basin> basin_;
  size_t said_ = 0;
};

http::response echoing(const std::shared_ptr<basin>& from) {
  http::response made;
  made.content_type = "text/plain";
  made.stream = std::make_unique<echoed_sizes>(from);
  return made;
}

void wake(basin& from) {
  waker call;
  {
    const std::lock_guard lock(from.mutex);
    call = from.wake;
  }
  call();
}

} // namespace

TEST_CASE("an answer that is a stream is sent while its body arrives") {
  sink_server one(small_requests());
  one.into->answers_at_end = false;
  auto client = one.client();
  client.send(chunked_head() + chunk("0123456789"));
  REQUIRE(eventually([&] { return one.into->locked(&basin::size) == 10; }));
  one.into->answer_with(echoing(one.into));
  REQUIRE(client.receive_until("10\n"));
  client.send(chunk("0123456789"));
  REQUIRE(eventually([&] { return one.into->locked(&basin::size) == 20; }));
  wake(*one.into);
  REQUIRE(client.receive_until("20\n"));
  client.send(last_chunk + "GET /next HTTP/1.1\r\nHost: t\r\n\r\n");
  REQUIRE(eventually([&] { return one.into->locked(&basin::ended) == 1; }));
  wake(*one.into);
  const auto got = client.read();
  CHECK(got.complete);
  CHECK(got.body == "10\n20\n");
  CHECK(client.read().body == "handler /next ");
  CHECK(eventually([&] { return one.into->locked(&basin::gone) == 1; }));
}

TEST_CASE("a body that breaks off while its answer is sent is told to its sink") {
  sink_server one(small_requests());
  one.into->answers_at_end = false;
  auto client = one.client();
  client.send(chunked_head() + chunk("0123456789"));
  REQUIRE(eventually([&] { return one.into->locked(&basin::size) == 10; }));
  one.into->answer_with(echoing(one.into));
  REQUIRE(client.receive_until("10\n"));
  client.send("no size\r\nGET /next HTTP/1.1\r\nHost: t\r\n\r\n");
  REQUIRE(eventually([&] { return one.into->locked(&basin::failed) == 1; }));
  one.into->finish();
  const auto got = client.read();
  CHECK(got.complete); // this sink says in its stream that it failed
  client.end_output();
  CHECK(client.wait_for_end());
  CHECK(client.buffer().empty()); // what follows the faulty body is no request
  CHECK(eventually([&] { return one.into->locked(&basin::gone) == 1; }));
}

TEST_CASE("an answer that has begun is cut when its sink makes no progress") {
  http::server_options options = small_requests();
  options.request_deadline = 100ms;
  sink_server one(options);
  one.into->answers_at_end = false;
  auto client = one.client();
  client.send(chunked_head() + chunk("0123456789"));
  REQUIRE(eventually([&] { return one.into->locked(&basin::size) == 10; }));
  one.into->answer_with(echoing(one.into));
  REQUIRE(client.receive_until("10\n"));
  one.into->stuck = true;
  client.send(last_chunk);
  CHECK(client.wait_for_end());
  CHECK(client.was_reset());
  CHECK(!client.had_last_chunk());
  CHECK(eventually([&] { return one.into->locked(&basin::gone) == 1; }));
  CHECK(one.server.counters().timeouts == 1);
}

TEST_CASE("a sink is resumed when it wakes the server, after the body's end too") {
  sink_server one(small_requests());
  one.into->answers_at_end = false;
  auto client = one.client();
  client.send(head_of(5000) + letters(5000));
  REQUIRE(eventually([&] { return one.into->locked(&basin::ended) == 1; }));
  for (int i = 1; i <= 3; ++i) {
    wake(*one.into);
    CHECK(eventually([&] { return one.into->locked(&basin::resumed) == i; }));
  }
  one.into->answer_with(text("at last"));
  CHECK(client.read().body == "at last");
  CHECK(client.get("/next").body == "handler /next ");
}

TEST_CASE("a sink that comes to need more memory than there is fails") {
  http::server_options options = small_requests();
  options.total_request_bytes = 1'000'000;
  sink_server one(options);
  auto other = one.client();
  other.send("POST /other HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n" + letters(900));
  REQUIRE(eventually([&] { return one.server.counters().request_bytes == 900; }));
  auto client = one.client();
  client.send(head_of(5000) + letters(10));
  REQUIRE(eventually([&] { return one.into->locked(&basin::size) == 10; }));
  {
    const std::lock_guard lock(one.into->mutex);
    one.into->memory = 5'000'000;
  }
  client.send(letters(10));
  const auto got = client.read();
  CHECK(got.status == 503);
  CHECK(got.has("\"took\":20}"));
  CHECK(eventually([&] { return one.server.counters().request_bytes == 900; }));
  CHECK(one.server.counters().refused == 1);
  // As with other requests, the only one may take more.
  other.send(letters(100));
  CHECK(other.read().status == 200);
  {
    const std::lock_guard lock(one.into->mutex);
    one.into->size = 0;
  }
  CHECK(one.client().request(head_of(5000) + letters(5000)).body == "5000");
}

TEST_CASE("a server that stops tells the sinks whose bodies are still arriving") {
  sink_server one(small_requests());
  auto client = one.client();
  client.send(head_of(5000) + "a");
  REQUIRE(eventually([&] { return one.into->locked(&basin::size) == 1; }));
  one.server.stop();
  const auto got = client.read();
  CHECK(got.status == 503);
  CHECK(got.has("\"took\":1}"));
  CHECK(client.wait_for_end());
  CHECK(one.into->locked(&basin::gone) == 1);
  CHECK(one.into->locked(&basin::ended) == 0);
}
