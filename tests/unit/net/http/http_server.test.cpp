// In one file: the tests of one server share the harness below, and each adds a few lines to it.
#include "net/http/http_server.hpp"
#include "net/http/error_body.hpp"
#include "net/http/http_date.hpp"
#include "tests/unit/net/http/raw_client.hpp"
#include <atomic>
#include <condition_variable>
#include <deque>
#include <doctest/doctest.h>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace http = treadmill::http;
using treadmill::test::answer;
using treadmill::test::eventually;
using treadmill::test::raw_client;
using namespace std::chrono_literals;
using treadmill::client_presence;
using treadmill::waker;

namespace {

http::response text(std::string body) {
  http::response made;
  made.content_type = "text/plain";
  made.body = std::move(body);
  return made;
}

// Starts a server that calls `handle`; stopped at the end of the test.
struct running {
  explicit running(http::handler handle, http::server_options options = {},
                   std::function<void(const http::request_record&)> record = {})
      : server(std::move(options), std::move(handle), std::move(record)) {
    const auto started = server.start();
    REQUIRE(started);
  }
  raw_client client() const { return raw_client(server.port()); }
  http::server server;
};

void echo(const http::request& request, http::responder answer) {
  answer(text(std::string(request.method) + " " + std::string(request.target) + " " +
              std::string(request.body)));
}

// Responders that wait for the test to answer them.
class shelf {
public:
  void put(http::responder waiting) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(waiting));
    arrived_.notify_all();
  }
  http::responder take() {
    std::unique_lock lock(mutex_);
    REQUIRE(arrived_.wait_for(lock, 20s, [this] { return !waiting_.empty(); }));
    auto first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  http::handler handler() {
    return [this](const http::request&, http::responder waiting) { put(std::move(waiting)); };
  }

private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<http::responder> waiting_;
};

// What a test and a stream share: the test puts pieces in, the stream sends them.
struct tap {
  std::mutex mutex;
  std::deque<std::string> pieces;
  bool ends = false;
  bool cuts = false;
  std::optional<std::chrono::milliseconds> heartbeat;
  waker wake;
  std::atomic<bool> started = false;
  std::atomic<bool> gone = false;

  void put(const std::string& piece) {
    waker call;
    {
      const std::lock_guard lock(mutex);
      pieces.push_back(piece);
      call = wake;
    }
    call();
  }
  void end(bool cut = false) {
    waker call;
    {
      const std::lock_guard lock(mutex);
      (cut ? cuts : ends) = true;
      call = wake;
    }
    call();
  }
};

class tap_stream final : public http::body_stream {
public:
  tap_stream(std::shared_ptr<tap> source, bool feed) : tap_(std::move(source)), feed_(feed) {}
  ~tap_stream() override { tap_->gone = true; }
  void start(const waker& wake) override {
    const std::lock_guard lock(tap_->mutex);
    tap_->wake = wake;
    tap_->started = true;
    beat();
  }
  state next(std::string& out) override {
    const std::lock_guard lock(tap_->mutex);
    if (tap_->heartbeat && treadmill::clock::now() >= due_) {
      out += "beat";
      beat();
      return state::wait;
    }
    if (!tap_->pieces.empty()) {
      out += tap_->pieces.front();
      tap_->pieces.pop_front();
      return state::more;
    }
    if (tap_->cuts) {
      out += "wrong";
      return state::cut;
    }
    return tap_->ends ? state::done : state::wait;
  }
  treadmill::clock::time_point due() const override { return due_; }
  bool is_feed() const override { return feed_; }

private:
  void beat() {
    if (tap_->heartbeat) due_ = treadmill::clock::now() + *tap_->heartbeat;
  }
  std::shared_ptr<tap> tap_;
  bool feed_;
  treadmill::clock::time_point due_ = treadmill::clock::time_point::max();
};

http::handler streaming(std::shared_ptr<tap> source, bool feed = false) {
  return [source, feed](const http::request& request, http::responder answer) {
    if (request.path == "/plain") return answer(text("plain"));
    http::response made;
    made.content_type = "application/x-ndjson";
    made.stream = std::make_unique<tap_stream>(source, feed);
    answer(std::move(made));
  };
}

const std::string get_line = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

} // namespace

TEST_CASE("a request's parts reach the handler as they were sent") {
  std::mutex mutex;
  std::string seen;
  running one([&](const http::request& request, http::responder answer) {
    {
      const std::lock_guard lock(mutex);
      seen = std::string(request.method) + "|" + std::string(request.target) + "|" +
             std::string(request.path) + "|" + std::string(request.query) + "|" +
             std::string(request.header("x-raw")) + "|" + std::string(request.body) + "|" +
             std::string(request.remote_address);
    }
    answer(text("ok"));
  });
  auto client = one.client();
  const auto got = client.request("PUT /b/a%2Fb?x=%20 HTTP/1.1\r\nHost: test\r\nX-Raw: a%0d%0ab\r\n"
                                  "Content-Length: 5\r\n\r\nhello");
  CHECK(got.status == 200);
  CHECK(got.body == "ok");
  const std::lock_guard lock(mutex);
  CHECK(seen == "PUT|/b/a%2Fb?x=%20|/b/a%2Fb|x=%20|a%0d%0ab|hello|127.0.0.1");
}

TEST_CASE("every answer says its length and type and forbids sniffing") {
  running one([](const http::request&, http::responder answer) {
    http::response made;
    made.status = 201;
    made.body = "{}";
    made.headers = {{"ETag", "\"rev1-a\""}, {"Location", "/b/c"}};
    answer(std::move(made));
  });
  auto client = one.client();
  const auto got = client.get("/");
  CHECK(got.status == 201);
  CHECK(got.header("content-length") == "3");
  CHECK(got.body == "{}\n");
  CHECK(got.header("content-type") == "application/json");
  CHECK(got.header("x-content-type-options") == "nosniff");
  CHECK(got.header("etag") == "\"rev1-a\"");
  CHECK(got.header("location") == "/b/c");
  CHECK(got.header("connection").empty());
  CHECK(got.header("accept-ranges").empty());
  CHECK(got.headers.count("content-length") == 1);
  CHECK(client.get("/").status == 201); // on the same connection
}

TEST_CASE("every answer has a Date, that of the second in which it is made") {
  std::atomic<int64_t> seconds = 784'111'777;
  http::server_options options;
  options.wall_clock = [&] {
    return std::chrono::system_clock::time_point(std::chrono::seconds(seconds.load()));
  };
  auto source = std::make_shared<tap>();
  running one(
      [&](const http::request& request, http::responder answer) {
        if (request.path == "/throws") throw std::runtime_error("a fault");
        if (request.path == "/stream") return streaming(source, true)(request, std::move(answer));
        http::response made;
        made.status = request.path == "/unchanged" ? 304 : 200;
        answer(std::move(made));
      },
      std::move(options));
  auto client = one.client();
  for (const std::string path : {"/", "/unchanged"}) {
    const auto got = client.get(path);
    CHECK(got.headers.count("date") == 1);
    CHECK(got.header("date") == "Sun, 06 Nov 1994 08:49:37 GMT");
  }
  ++seconds;
  CHECK(client.get("/").header("date") == "Sun, 06 Nov 1994 08:49:38 GMT");
  CHECK(client.get("/throws").header("date") == "Sun, 06 Nov 1994 08:49:38 GMT");
  CHECK(one.client().request("nonsense\r\n\r\n").header("date") == "Sun, 06 Nov 1994 08:49:38 GMT");
  source->end();
  const auto streamed = one.client().get("/stream");
  CHECK(streamed.complete);
  CHECK(streamed.header("date") == "Sun, 06 Nov 1994 08:49:38 GMT");
}

TEST_CASE("without another clock the Date is that of the machine") {
  running one(echo);
  auto second = std::chrono::system_clock::now();
  const std::string date = one.client().get("/").header("date");
  const auto after = std::chrono::system_clock::now();
  while (date != http::http_date(second) && second < after) second += 1s;
  CHECK(date == http::http_date(second));
}

TEST_CASE("HEAD has the head of GET and no body") {
  running one(echo);
  auto client = one.client();
  auto got = client.request("HEAD /x HTTP/1.1\r\nHost: test\r\n\r\n", true);
  CHECK(got.status == 200);
  CHECK(got.header("content-length") == std::to_string(std::string("HEAD /x ").size()));
  CHECK(got.header("accept-ranges").empty());
  got = client.get("/y"); // nothing of a body stands before it
  CHECK(got.body == "GET /y ");
}

TEST_CASE("HEAD of a stream neither starts nor sends it") {
  auto source = std::make_shared<tap>();
  running one(streaming(source, true));
  auto client = one.client();
  const auto got = client.request("HEAD /s HTTP/1.1\r\nHost: test\r\n\r\n", true);
  CHECK(got.header("transfer-encoding") == "chunked");
  CHECK(eventually([&] { return source->gone.load(); }));
  CHECK_FALSE(source->started);
  CHECK(one.server.counters().feed_clients == 0);
  CHECK(client.get("/plain").body == "plain");
}

TEST_CASE("204 and 304 have neither body nor length") {
  std::atomic<int> status = 304;
  running one([&](const http::request&, http::responder answer) {
    http::response made;
    made.status = status;
    made.body = "must not be sent";
    answer(std::move(made));
  });
  auto client = one.client();
  for (const int code : {304, 204}) {
    status = code;
    const auto got = client.get("/");
    CHECK(got.status == code);
    CHECK(got.headers.count("content-length") == 0);
    CHECK(got.headers.count("transfer-encoding") == 0);
  }
  status = 200;
  CHECK(client.get("/").body == "must not be sent");
}

TEST_CASE("a body may come in any pieces, with its length or chunked") {
  running one(echo);
  auto client = one.client();
  for (const std::string request :
       {"POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 11\r\n\r\nhello world",
        "POST /a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
        "6\r\nhello \r\n5;x=y\r\nworld\r\n0\r\nT: 1\r\n\r\n"}) {
    for (const char byte : request) REQUIRE(client.send(std::string(1, byte)));
    const auto got = client.read();
    CHECK(got.status == 200);
    CHECK(got.body == "POST /a hello world");
  }
}

TEST_CASE("a large body arrives whole, and its memory is given back") {
  http::server_options options;
  running one(echo, options);
  std::string body(5'000'000, ' ');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  auto client = one.client();
  for (int i = 0; i < 2; ++i) {
    const auto got = client.request("PUT /l HTTP/1.1\r\nHost: t\r\nContent-Length: " +
                                    std::to_string(body.size()) + "\r\n\r\n" + body);
    CHECK(got.status == 200);
    CHECK(got.body == "PUT /l " + body);
  }
  std::string chunked = "PUT /l HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (size_t at = 0; at < body.size(); at += 100'000)
    chunked += "186a0\r\n" + body.substr(at, 100'000) + "\r\n";
  const auto got = client.request(chunked + "0\r\n\r\n");
  CHECK(got.body == "PUT /l " + body);
  CHECK(eventually([&] { return one.server.counters().request_bytes == 0; }));
}

TEST_CASE("a body up to the limit is taken") {
  http::server_options options;
  options.request_bytes = 1000;
  running one(echo, options);
  auto client = one.client();
  const std::string body(1000, 'x');
  CHECK(client.request("PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n" + body).body ==
        "PUT / " + body);
  CHECK(client
            .request("PUT / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" +
                     body + "\r\n0\r\n\r\n")
            .body == "PUT / " + body);
}

TEST_CASE("Expect: 100-continue is answered before the body, unless the request is refused") {
  http::server_options options;
  options.request_bytes = 100;
  running one(echo, options);
  auto client = one.client();
  auto got = client.request("PUT /a HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n"
                            "Content-Length: 5\r\n\r\n");
  CHECK(got.status == 100);
  got = client.request("hello");
  CHECK(got.status == 200);
  CHECK(got.body == "PUT /a hello");
  got = client.request("PUT /a HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n"
                       "Content-Length: 500\r\n\r\n");
  CHECK(got.status == 413);
}

TEST_CASE("answers may come from another thread, at any time") {
  shelf waiting;
  running one(waiting.handler());
  auto client = one.client();
  for (int i = 0; i < 20; ++i) {
    client.send(get_line);
    std::thread([&] { waiting.take()(text("later")); }).join();
    CHECK(client.read().body == "later");
  }
}

TEST_CASE("the request's views hold until the responder is called, even if the client has gone") {
  std::promise<std::string> copied;
  std::promise<void> gone;
  std::thread late;
  running one([&](const http::request& request, http::responder answer) {
    late = std::thread([&copied, &gone, &request, answer = std::move(answer)]() mutable {
      gone.get_future().wait();
      copied.set_value(std::string(request.body) + std::string(request.path));
      answer(text("to nobody"));
    });
  });
  {
    auto client = one.client();
    client.send("POST /path HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nbody");
    REQUIRE(eventually([&] { return one.server.counters().request_bytes == 4; }));
    const linger reset{1, 0};
    ::setsockopt(client.socket(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  CHECK(eventually([&] { return one.server.counters().connections == 0; }));
  gone.set_value();
  CHECK(copied.get_future().get() == "body/path");
  late.join();
  CHECK(eventually([&] { return one.server.counters().request_bytes == 0; }));
}

TEST_CASE("a client that has ended its output still gets its answer") {
  shelf waiting;
  running one(waiting.handler());
  auto client = one.client();
  client.send(get_line);
  client.end_output();
  waiting.take()(text("late"));
  CHECK(client.read().body == "late");
  CHECK(client.wait_for_end());
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("a responder that is lost answers 500 ambiguous") {
  running one([](const http::request&, http::responder) {});
  const auto got = one.client().get("/");
  CHECK(got.status == 500);
  CHECK(got.has(R"("error":"ambiguous")"));
}

TEST_CASE("a handler that throws is answered 500 internal, with nothing of the exception") {
  shelf kept;
  running one([&](const http::request& request, http::responder answer) {
    if (request.path == "/kept") kept.put(std::move(answer));
    if (request.path == "/answered") answer(text("done"));
    throw std::runtime_error("secret /path/to/db");
  });
  for (const std::string path : {"/", "/kept"}) {
    auto client = one.client();
    const auto got = client.get(path);
    CHECK(got.status == 500);
    CHECK(got.has(R"("error":"internal")"));
    CHECK_FALSE(got.has("secret"));
    for (const auto& [name, value] : got.headers) CHECK(value.find("secret") == std::string::npos);
  }
  kept.take()(text("too late"));
  auto client = one.client();
  CHECK(client.get("/answered").body == "done");
}

TEST_CASE("no answer by the deadline is 504 ambiguous, and a late answer is dropped") {
  shelf waiting;
  http::server_options options;
  options.request_deadline = 50ms;
  running one(waiting.handler(), options);
  auto client = one.client();
  const auto begun = std::chrono::steady_clock::now();
  const auto got = client.request(get_line);
  CHECK(std::chrono::steady_clock::now() - begun >= 1s); // its grace
  CHECK(got.status == 504);
  CHECK(got.has(R"("error":"ambiguous")"));
  CHECK(client.wait_for_end());
  CHECK(client.buffer().empty());
  waiting.take()(text("late"));
  CHECK(one.server.counters().timeouts == 1);
}

TEST_CASE("an answer with a header that cannot be sent is 500 internal") {
  std::atomic<int> round = 0;
  const std::vector<std::pair<std::string, std::string>> bad{{"X", "a\r\nSet-Cookie: b"},
                                                             {"X Y", "a"},
                                                             {"Content-Length", "3"},
                                                             {"transfer-encoding", "chunked"}};
  running one([&](const http::request&, http::responder answer) {
    auto made = text("abc");
    made.headers.push_back(bad[static_cast<size_t>(round)]);
    answer(std::move(made));
  });
  auto client = one.client();
  for (; round < static_cast<int>(bad.size()); ++round) {
    const auto got = client.get("/");
    CHECK(got.status == 500);
    CHECK(got.header("set-cookie").empty());
  }
}

TEST_CASE("pipelined requests are all answered, in order") {
  running one(echo);
  auto client = one.client();
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += i % 3 == 0 ? "POST /" + std::to_string(i) +
                            " HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc"
                      : "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: t\r\n\r\n";
  client.send(all);
  for (int i = 0; i < 50; ++i) {
    const auto got = client.read();
    CHECK(got.body ==
          (i % 3 == 0 ? "POST /" + std::to_string(i) + " abc" : "GET /" + std::to_string(i) + " "));
  }
}

TEST_CASE("pipelined requests behind one that waits are handled one after another") {
  shelf waiting;
  running one(waiting.handler());
  auto client = one.client();
  client.send(get_line + get_line + get_line);
  for (const auto body : {"1", "2", "3"}) {
    auto answer = waiting.take();
    CHECK(waiting.size() == 0);
    answer(text(body));
    CHECK(client.read().body == body);
  }
}

TEST_CASE("a connection ends when the client or the version asks for it") {
  running one(echo);
  {
    auto client = one.client();
    const auto got = client.request("GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    CHECK(got.header("connection") == "close");
    CHECK(client.wait_for_end());
  }
  {
    auto client = one.client();
    CHECK(client.request("GET / HTTP/1.0\r\n\r\n").header("connection") == "close");
    CHECK(client.wait_for_end());
  }
  {
    auto client = one.client();
    const std::string kept = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    CHECK(client.request(kept).header("connection") == "keep-alive");
    CHECK(client.request(kept).status == 200);
  }
  CHECK(eventually([&] { return one.server.counters().connections == 0; }));
}

TEST_CASE("a connection ends after its number of requests") {
  http::server_options options;
  options.keep_alive_requests = 3;
  running one(echo, options);
  auto client = one.client();
  CHECK(client.get("/1").header("connection").empty());
  CHECK(client.get("/2").header("connection").empty());
  CHECK(client.get("/3").header("connection") == "close");
  CHECK(client.wait_for_end());
}

TEST_CASE("a stream is sent in chunks as it is woken") {
  auto source = std::make_shared<tap>();
  running one(streaming(source));
  auto client = one.client();
  client.send("GET /s HTTP/1.1\r\nHost: t\r\n\r\n");
  REQUIRE(eventually([&] { return source->started.load(); }));
  for (const auto piece : {"one", "two", "three"}) {
    source->put(piece);
    REQUIRE(client.receive_until(piece));
  }
  source->end();
  const auto got = client.read();
  CHECK(got.complete);
  CHECK(got.body == "onetwothree");
  CHECK(got.header("content-type") == "application/x-ndjson");
  CHECK(got.headers.count("content-length") == 0);
  CHECK(source->gone);
  CHECK(client.get("/plain").body == "plain"); // the connection goes on
  source->put("to nobody");                    // and a late waker is harmless
  CHECK(client.get("/plain").body == "plain");
}

TEST_CASE("a stream of JSON ends with a line feed in its last chunk, one that is cut does not") {
  auto source = std::make_shared<tap>();
  running one([source](const http::request&, http::responder answer) {
    http::response made;
    made.stream = std::make_unique<tap_stream>(source, false);
    answer(std::move(made));
  });
  auto client = one.client();
  client.send("GET /s HTTP/1.1\r\nHost: t\r\n\r\n");
  REQUIRE(eventually([&] { return source->started.load(); }));
  source->put("{\"rows\":[");
  REQUIRE(client.receive_until("["));
  source->put("]}");
  source->end();
  const auto got = client.read();
  CHECK(got.complete);
  CHECK(got.body == "{\"rows\":[]}\n");
}

TEST_CASE("a stream is called when it is due although nobody wakes it") {
  auto source = std::make_shared<tap>();
  source->heartbeat = 20ms;
  running one(streaming(source, true));
  auto client = one.client();
  client.send("GET /s HTTP/1.1\r\nHost: t\r\n\r\n");
  REQUIRE(client.receive_until("\r\n\r\n"));
  client.buffer().erase(0, client.buffer().find("\r\n\r\n") + 4);
  for (int i = 0; i < 5; ++i) CHECK(client.read_chunk() == "beat");
}

TEST_CASE("a stream that is cut has no closing chunk, and nothing of the piece that failed") {
  for (const std::string version : {"1.1", "1.0"}) {
    auto source = std::make_shared<tap>();
    source->put("some");
    running one(streaming(source));
    auto client = one.client();
    client.send("GET /s HTTP/" + version + "\r\nHost: t\r\n\r\n");
    REQUIRE(client.receive_until("some"));
    source->end(true);
    CHECK(client.wait_for_end());
    CHECK(client.buffer().find("0\r\n\r\n") == std::string::npos);
    CHECK(client.buffer().find("wrong") == std::string::npos);
    CHECK(client.was_reset() ==
          (version == "1.0")); // the end is all that an old client has to go by
    CHECK(source->gone);
  }
}

TEST_CASE("a stream that throws is cut") {
  class thrower final : public http::body_stream {
    state next(std::string& out) override {
      out += "half of something";
      throw std::runtime_error("secret");
    }
  };
  running one([](const http::request&, http::responder answer) {
    http::response made;
    made.stream = std::make_unique<thrower>();
    answer(std::move(made));
  });
  auto client = one.client();
  const auto got = client.get("/");
  CHECK(got.status == 200);
  CHECK_FALSE(got.complete);
  CHECK_FALSE(got.has("half"));
}

TEST_CASE("a client of HTTP/1.0 gets a stream without chunks, delimited by the end") {
  auto source = std::make_shared<tap>();
  for (const auto piece : {"a", "b", "c"}) source->put(piece);
  source->end();
  running one(streaming(source));
  auto client = one.client();
  const auto got = client.request("GET /s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(got.header("connection") == "close");
  CHECK(got.header("transfer-encoding").empty());
  CHECK(got.complete);
  CHECK(got.body == "abc");
}

TEST_CASE("a feed ends when its client goes, and its place is free again") {
  http::server_options options;
  options.feed_clients = 1;
  auto source = std::make_shared<tap>();
  running one(streaming(source, true), options);
  {
    auto client = one.client();
    client.send("GET /s HTTP/1.1\r\nHost: t\r\n\r\n");
    REQUIRE(client.receive_until("\r\n\r\n"));
    CHECK(one.server.counters().feed_clients == 1);
    auto second = one.client();
    const auto got = second.get("/s");
    CHECK(got.status == 503);
    CHECK(got.header("retry-after") == "1");
    CHECK(second.get("/plain").status == 200);
  }
  CHECK(eventually([&] { return one.server.counters().feed_clients == 0; }));
  CHECK(source->gone);
}

TEST_CASE("a feed that ends leaves its connection to other requests") {
  auto source = std::make_shared<tap>();
  source->put("x");
  source->end();
  running one(streaming(source, true));
  auto client = one.client();
  CHECK(client.get("/s").body == "x");
  CHECK(client.get("/plain").body == "plain");
  CHECK(one.server.counters().feed_clients == 0);
  CHECK(one.server.counters().connections == 1);
}

TEST_CASE("connections beyond the limit are answered 503, and feeds do not count") {
  http::server_options options;
  options.connections = 3;
  auto source = std::make_shared<tap>();
  running one(streaming(source, true), options);
  std::deque<raw_client> open;
  for (int i = 0; i < 3; ++i) {
    open.emplace_back(one.server.port());
    CHECK(open.back().get("/plain").status == 200);
  }
  {
    auto refused = one.client();
    const auto got = refused.get("/plain");
    CHECK(got.status == 503);
    CHECK(got.has(R"("error":"overloaded")"));
    CHECK(got.header("retry-after") == "1");
    CHECK(got.header("connection") == "close");
    CHECK(refused.wait_for_end());
  }
  CHECK(one.server.counters().refused == 1);
  open[0].send("GET /s HTTP/1.1\r\nHost: t\r\n\r\n");
  REQUIRE(open[0].receive_until("\r\n\r\n"));
  auto fourth = one.client();
  CHECK(fourth.get("/plain").status == 200);
  open.pop_back();
  CHECK(eventually([&] {
    auto next = one.client();
    return next.get("/plain").status == 200;
  }));
}

TEST_CASE("a refused connection gets a complete answer, whatever its slot served before") {
  http::server_options options;
  options.connections = 1;
  auto source = std::make_shared<tap>();
  running one(streaming(source, true), options);
  auto feed = one.client();
  feed.send("GET /s HTTP/1.1\r\nHost: t\r\n\r\n");
  REQUIRE(feed.receive_until("\r\n\r\n"));
  {
    auto before = one.client();
    CHECK(before.request("HEAD /plain HTTP/1.1\r\nHost: t\r\n\r\n", true).status == 200);
  }
  REQUIRE(eventually([&] { return one.server.counters().connections == 1; }));
  source->end(); // from now on its connection counts
  REQUIRE(eventually([&] { return one.server.counters().feed_clients == 0; }));
  auto refused = one.client();
  const auto got = refused.get("/plain");
  CHECK(got.status == 503);
  CHECK(got.complete);
  CHECK(got.has(R"("error":"overloaded")"));
}

TEST_CASE("connections of one address beyond its limit are answered 503") {
  http::server_options options;
  options.connections_per_address = 2;
  running one(echo, options);
  auto first = one.client();
  CHECK(first.get("/").status == 200);
  {
    auto second = one.client();
    CHECK(second.get("/").status == 200);
    auto third = one.client();
    CHECK(third.get("/").status == 503);
  }
  CHECK(eventually([&] {
    auto next = one.client();
    return next.get("/").status == 200;
  }));
}

TEST_CASE("bodies beyond what all may hold together are answered 503") {
  http::server_options options;
  options.total_request_bytes = 1000;
  shelf waiting;
  running one(waiting.handler(), options);
  const auto put = [](size_t size) {
    return "PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'x');
  };
  auto first = one.client();
  first.send(put(600));
  auto held = waiting.take();
  CHECK(one.server.counters().request_bytes == 600);
  auto second = one.client();
  const auto got = second.request(put(600));
  CHECK(got.status == 503);
  CHECK(got.header("retry-after") == "1");
  auto third = one.client();
  third.send(put(400));
  waiting.take()(text("third"));
  CHECK(third.read().body == "third");
  held(text("first"));
  CHECK(first.read().body == "first");
  CHECK(eventually([&] { return one.server.counters().request_bytes == 0; }));
  first.send(put(1000));
  waiting.take()(text("all of it"));
  CHECK(first.read().body == "all of it");
}

TEST_CASE("finished requests are recorded") {
  std::mutex mutex;
  std::vector<std::string> records;
  auto source = std::make_shared<tap>();
  source->put("x");
  source->end();
  running one(streaming(source), {}, [&](const http::request_record& done) {
    const std::lock_guard lock(mutex);
    records.push_back(std::string(done.method) + " " + std::string(done.path) + " " +
                      std::string(done.route) + " " + std::to_string(done.status));
  });
  auto client = one.client();
  client.get("/plain");
  client.get("/stream");
  client.request("GET / HTTP/7.7\r\n\r\n");
  const std::lock_guard lock(mutex);
  CHECK(records ==
        std::vector<std::string>{"GET /plain other 200", "GET /stream other 200", "  refused 505"});
}

TEST_CASE("a port that is taken is refused with its reason, even by a server that would share it") {
  running one(echo);
  http::server_options options;
  options.port = one.server.port();
  http::server second(options, echo);
  const auto started = second.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == treadmill::ec::io_error);
  CHECK(started.error().reason.find("already in use") != std::string::npos);
  CHECK(one.client().get("/").status == 200);
}

TEST_CASE("a port is free again at once after a stop") {
  uint16_t port = 0;
  {
    running one(echo);
    port = one.server.port();
    auto client = one.client();
    client.request("GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
  }
  http::server_options options;
  options.port = port;
  running again(echo, options);
  CHECK(again.client().get("/").status == 200);
}

TEST_CASE("names and IPv6 addresses are listened on, and what does not resolve is refused") {
  for (const auto host : {"localhost", "0.0.0.0"}) {
    http::server_options options;
    options.host = host;
    http::server one(options, echo);
    CHECK(one.start());
    CHECK(one.port() != 0);
  }
  http::server_options options;
  options.host = "no.such.host.invalid";
  http::server unresolved(options, echo);
  const auto started = unresolved.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().reason.find("no.such.host.invalid") != std::string::npos);

  if (const int probe = ::socket(AF_INET6, SOCK_STREAM, 0); probe >= 0) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    const bool has_v6 = ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    if (!has_v6) return;
    options.host = "::";
    std::promise<std::string> from;
    running both(
        [&](const http::request& request, http::responder answer) {
          from.set_value(std::string(request.remote_address));
          answer(text("six"));
        },
        options);
    CHECK(both.client().get("/").body == "six");
    CHECK(from.get_future().get() == "127.0.0.1"); // not ::ffff:127.0.0.1
  }
}

TEST_CASE(
    "stop finishes pending answers, ends feeds with their closing chunk, and closes the rest") {
  shelf waiting;
  auto source = std::make_shared<tap>();
  running one([&](const http::request& request, http::responder answer) {
    if (request.path == "/wait") return waiting.put(std::move(answer));
    streaming(source, true)(request, std::move(answer));
  });
  auto idle = one.client();
  CHECK(idle.get("/plain").status == 200);
  auto half = one.client();
  half.send("GET / HT");
  auto feed = one.client();
  feed.send("GET /feed HTTP/1.1\r\nHost: t\r\n\r\n");
  REQUIRE(feed.receive_until("\r\n\r\n"));
  auto pending = one.client();
  pending.send("GET /wait HTTP/1.1\r\nHost: t\r\n\r\n");
  auto answer = waiting.take();

  auto stopped = std::async(std::launch::async, [&] { one.server.stop(20s); });
  CHECK(idle.wait_for_end());
  CHECK(half.wait_for_end());
  CHECK(feed.read().complete);
  CHECK(source->gone);
  CHECK(stopped.wait_for(0s) == std::future_status::timeout);
  answer(text("in time"));
  const auto got = pending.read();
  CHECK(got.body == "in time");
  CHECK(got.header("connection") == "close");
  CHECK(stopped.wait_for(5s) == std::future_status::ready);
  CHECK_THROWS(one.client());
  CHECK(one.server.counters().connections == 0);
}

TEST_CASE(
    "stop ends within its grace although an answer never comes, and a later one is harmless") {
  shelf waiting;
  std::optional<running> one(std::in_place, waiting.handler());
  auto client = one->client();
  client.send(get_line);
  auto late = waiting.take();
  auto reader = one->client();
  const auto begun = std::chrono::steady_clock::now();
  one->server.stop(300ms);
  CHECK(std::chrono::steady_clock::now() - begun < 3s);
  CHECK(client.wait_for_end());
  one.reset();
  late(text("to nobody")); // the server is gone
}

TEST_CASE("a waker that outlives its server does nothing") {
  auto source = std::make_shared<tap>();
  {
    running one(streaming(source, true));
    auto client = one.client();
    client.send("GET /s HTTP/1.1\r\nHost: t\r\n\r\n");
    REQUIRE(client.receive_until("\r\n\r\n"));
  }
  CHECK(source->gone);
  source->put("nobody reads this");
}

TEST_CASE("whoever handles a request learns that its client has left") {
  shelf waiting;
  std::mutex mutex;
  client_presence client;
  std::atomic<int> told = 0;
  running server([&](const http::request& request, http::responder answer) {
    request.client.on_leave([&] { ++told; });
    {
      const std::lock_guard lock(mutex);
      client = request.client;
    }
    waiting.put(std::move(answer));
  });
  const auto left = [&] {
    const std::lock_guard lock(mutex);
    return client.left();
  };
  {
    auto first = server.client();
    first.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 2; ++i) {
      auto responder = waiting.take();
      CHECK_FALSE(left());
      if (i == 0) responder(text("one"));
      if (i == 1) waiting.put(std::move(responder));
    }
  }
  CHECK(eventually(left));
  CHECK(told == 1);
  int late = 0;
  client.on_leave([&] { ++late; });
  CHECK(late == 1); // at once
  waiting.take()(text("two"));
}
