#include "net/http/http_server.hpp"
#include "tests/unit/net/http/raw_client.hpp"
#include <atomic>
#include <doctest/doctest.h>
#include <fstream>
#include <mutex>
#include <random>

namespace http = treadmill::http;
using treadmill::test::answer;
using treadmill::test::eventually;
using treadmill::test::raw_client;
using namespace std::chrono_literals;

namespace {

// A server that answers what it got, and counts how often it was asked.
struct target {
  explicit target(http::server_options options = {})
      : server(std::move(options), [this](const http::request& request, http::responder answer) {
          ++handled;
          http::response made;
          made.content_type = "text/plain";
          made.body = std::string(request.method) + " " + std::string(request.target) + " " +
                      std::string(request.remote_address) + " " + std::string(request.body);
          answer(std::move(made));
        }) {
    const auto started = server.start();
    REQUIRE(started);
  }
  raw_client client() const { return raw_client(server.port()); }
  // Sends `text` on a connection of its own; expects an answer in our form, and the end of the
  // connection.
  answer refused(const std::string& text) {
    auto client = this->client();
    client.send(text);
    auto got = client.read();
    CAPTURE(text.substr(0, 100));
    CHECK(got.complete);
    CHECK(got.header("connection") == "close");
    CHECK(got.header("content-type") == "application/json");
    CHECK(got.has(R"({"status":"error","error":")"));
    CHECK(client.wait_for_end());
    CHECK_FALSE(client.was_reset());
    CHECK(client.buffer().empty());
    return got;
  }
  void still_serves() const {
    auto honest = client();
    CHECK(honest.get("/honest").status == 200);
  }

  std::atomic<int> handled = 0;
  http::server server;
};

const std::string host = "Host: t\r\n";

size_t resident_bytes() {
  size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * 4096;
}

} // namespace

TEST_CASE("attack: a chunked body over the limit is 413, a bad chunk size 400") {
  http::server_options options;
  options.request_bytes = 1000;
  target one(options);
  const std::string head = "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n";
  CHECK(one.refused(head + "3e9\r\n").status == 413);
  std::string many = head;
  for (int i = 0; i < 20; ++i) many += "40\r\n" + std::string(64, 'x') + "\r\n";
  CHECK(one.refused(many + "0\r\n\r\n").status == 413);
  for (const auto size : {"-2\r\n", "ffffffffffffffffff\r\n", "zz\r\n", "\r\n", "5\nhello"}) {
    const int status = one.refused(head + size).status;
    CHECK((status == 400 || status == 413));
  }
  CHECK(one.handled == 0);
  one.still_serves();
}

TEST_CASE("attack: 100 MB in chunks are cut, and take no memory") {
  http::server_options options;
  options.request_bytes = 1 << 20;
  target one(options);
  auto client = one.client();
  client.send("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n");
  const size_t before = resident_bytes();
  const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
  for (int i = 0; i < 1600; ++i)
    if (!client.send(chunk)) break;
  CHECK(client.read().status == 413);
  CHECK(resident_bytes() < before + (16u << 20));
  CHECK(one.handled == 0);
}

TEST_CASE("attack: any Content-Encoding is 415, and no answer is compressed") {
  target one;
  for (const auto coding : {"gzip", "br", "deflate", "identity"})
    CHECK(one.refused("POST / HTTP/1.1\r\n" + host + "Content-Encoding: " + coding +
                      "\r\nContent-Length: 3\r\n\r\nabc")
              .status == 415);
  CHECK(one.handled == 0);
  auto client = one.client();
  const auto got =
      client.request("GET / HTTP/1.1\r\n" + host + "Accept-Encoding: gzip, br, deflate\r\n\r\n");
  CHECK(got.header("content-encoding").empty());
  CHECK(got.body == "GET / 127.0.0.1 ");
}

TEST_CASE("attack: a request line or headers without end are cut at the limit") {
  target one;
  const std::string piece(65536, 'a');
  for (const std::string& begin :
       {std::string("GET /"), "GET / HTTP/1.1\r\n" + host + "X: ", "GET / HTTP/1.1\r\n" + host}) {
    auto client = one.client();
    const size_t before = resident_bytes();
    client.send(begin);
    for (int i = 0; i < 600; ++i) // 40 MB
      if (!client.send(piece)) break;
    const auto got = client.read();
    CHECK(got.status == (begin.size() < 6 ? 414 : 431));
    CHECK(resident_bytes() < before + (8u << 20));
  }
  CHECK(one.handled == 0);
}

TEST_CASE("attack: more headers than the limit are 431") {
  target one;
  std::string headers = host;
  for (int i = 0; i < 99; ++i) headers += "X: 1\r\n";
  auto client = one.client();
  CHECK(client.request("GET / HTTP/1.1\r\n" + headers + "\r\n").status == 200);
  CHECK(one.refused("GET / HTTP/1.1\r\n" + headers + "X: 1\r\n\r\n").status == 431);
  std::string million = "GET / HTTP/1.1\r\n" + host;
  for (int i = 0; i < 1'000'000; ++i) million += "X: 1\r\n";
  CHECK(one.refused(million + "\r\n").status == 431);
  CHECK(one.handled == 1);
}

TEST_CASE("attack: a request inside the body of another is not executed") {
  target one;
  const std::string inner = "GET /smuggled HTTP/1.1\r\n" + host + "\r\n";
  const std::string length = "Content-Length: " + std::to_string(inner.size()) + "\r\n";
  for (const auto method : {"GET", "HEAD", "DELETE", "OPTIONS"}) {
    auto client = one.client();
    client.send(std::string(method) + " / HTTP/1.1\r\n" + host + length + "\r\n" + inner);
    CHECK(client.read(method == std::string("HEAD")).status == 400);
    CHECK(client.wait_for_end());
    CHECK(client.buffer().empty());
  }
  CHECK(one.handled == 0);
  auto client = one.client();
  const auto got = client.request("POST / HTTP/1.1\r\n" + host + length + "\r\n" + inner);
  CHECK(got.body == "POST / 127.0.0.1 " + inner);
  CHECK(one.handled == 1);
}

TEST_CASE("attack: lengths that two readers could understand differently are 400") {
  target one;
  for (const std::string headers :
       {"Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: \x0b"
        "chunked\r\n",
        "Content-Length: -1\r\n", "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 3 \r\n 0\r\n"}) {
    CHECK(one.refused("POST / HTTP/1.1\r\n" + host + headers + "\r\nabc").status == 400);
  }
  CHECK(one.handled == 0);
}

TEST_CASE(
    "attack: without a length what follows the head is the next request, of HTTP/1.0 nothing") {
  target one;
  auto client = one.client();
  for (const std::string method : {"POST", "PUT", "PATCH", "DELETE"}) {
    const auto got = client.request(method + " / HTTP/1.1\r\n" + host + "\r\n");
    CHECK(got.status == 200);
    CHECK(got.body == method + " / 127.0.0.1 ");
  }
  const auto handled = one.handled.load();
  auto old = one.client();
  old.send("POST / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nDELETE /b HTTP/1.1\r\n" + host +
           "\r\n");
  CHECK(old.read().status == 200);
  CHECK(old.wait_for_end());
  CHECK(one.handled == handled + 1);
}

TEST_CASE("attack: headers cannot speak for the connection") {
  target one;
  auto client = one.client();
  const auto got = client.request("GET / HTTP/1.1\r\n" + host +
                                  "REMOTE_ADDR: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n");
  CHECK(got.body == "GET / 127.0.0.1 ");
}

TEST_CASE("attack: what is no HTTP is refused at once") {
  target one;
  CHECK(one.refused("GET / HTTP/1.1\r\n\r\n").status == 400); // no Host
  CHECK(one.refused("GET / HTTP/9.9\r\n" + host + "\r\n").status == 505);
  CHECK(one.refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status == 505);
  CHECK(one.refused("\x16\x03\x01\x02").status == 400); // TLS
  CHECK(one.refused(std::string("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29)).status == 400);
  CHECK(one.refused(std::string("GET /\0 HTTP/1.1\r\nHost: ab\r\n\r\n", 30)).status == 400);
  CHECK(one.refused("GET / HTTP/1.1\nHost: t\n\n").status == 400);
  CHECK(one.refused("GET / HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n").status == 400);
  CHECK(one.refused("get a page, please\r\n\r\n").status == 400);
  CHECK(one.handled == 0);
  CHECK(one.server.counters().bad_requests == 9);
  one.still_serves();
}

TEST_CASE("attack: a method that is not known is 405 with Allow") {
  target one;
  for (const auto method : {"TRACE", "CONNECT", "PROPFIND", "get"}) {
    const auto got = one.refused(std::string(method) + " / HTTP/1.1\r\n" + host + "\r\n");
    CHECK(got.status == 405);
    CHECK(got.header("allow") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  }
  CHECK(one.handled == 0);
}

TEST_CASE("attack: Range is ignored, however many ranges it has") {
  target one;
  std::string ranges = "Range: bytes=0-0";
  for (int i = 0; i < 1800; ++i) ranges += ",0-1";
  auto client = one.client();
  const auto got = client.request("GET / HTTP/1.1\r\n" + host + ranges + "\r\n\r\n");
  CHECK(got.status == 200);
  CHECK(got.body == "GET / 127.0.0.1 ");
}

TEST_CASE("attack: form and multipart bodies are bytes like any other") {
  target one;
  auto client = one.client();
  const std::string form = "a=" + std::string(20'000, '%');
  CHECK(client
            .request("POST / HTTP/1.1\r\n" + host +
                     "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
                     std::to_string(form.size()) + "\r\n\r\n" + form)
            .body == "POST / 127.0.0.1 " + form);
  const std::string parts =
      "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n";
  CHECK(client
            .request("POST / HTTP/1.1\r\n" + host +
                     "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: " +
                     std::to_string(parts.size()) + "\r\n\r\n" + parts)
            .body == "POST / 127.0.0.1 " + parts);
}

TEST_CASE("attack: a long path is handled up to the limit and 414 beyond it") {
  target one;
  auto client = one.client();
  const std::string path(8191, 'a');
  CHECK(client.get("/" + path).body == "GET /" + path + " 127.0.0.1 ");
  CHECK(one.refused("GET /a" + path + " HTTP/1.1\r\n" + host + "\r\n").status == 414);
  CHECK(one.refused("GET / HTTP/1.1\r\n" + host + "X: " + std::string(16'384, 'a') + "\r\n\r\n")
            .status == 431);
}

TEST_CASE("attack: a body over the limit is 413, and the client that goes on sending sees it") {
  http::server_options options;
  options.request_bytes = 1000;
  target one(options);
  auto client = one.client();
  client.send("PUT / HTTP/1.1\r\n" + host + "Content-Length: 20000000\r\n\r\n");
  CHECK(client.send(std::string(20'000'000, 'x')));
  CHECK(client.read().status == 413);
  CHECK(client.wait_for_end());
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("attack: nothing behind a refused request is executed") {
  target one;
  auto client = one.client();
  const std::string honest = "GET /next HTTP/1.1\r\n" + host + "\r\n";
  client.send("GET /first HTTP/1.1\r\n" + host + "\r\nBAD\r\n\r\n" + honest + honest);
  CHECK(client.read().status == 200);
  CHECK(client.read().status == 400);
  CHECK(client.wait_for_end());
  CHECK(client.buffer().empty());
  CHECK(one.handled == 1);
}

TEST_CASE("attack: a request that ends too early is answered 400") {
  target one;
  for (const std::string& part :
       {"GET / HTTP/1.1\r\n" + host, "PUT / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nabc",
        "PUT / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"}) {
    auto client = one.client();
    client.send(part);
    client.end_output();
    CHECK(client.read().status == 400);
    CHECK(client.wait_for_end());
  }
  auto silent = one.client();
  silent.end_output();
  CHECK(silent.wait_for_end());
  CHECK(silent.buffer().empty());
  CHECK(one.handled == 0);
}

TEST_CASE("attack: headers that do not arrive in time are 408") {
  http::server_options options;
  options.header_timeout = 100ms;
  target one(options);
  CHECK(one.refused("GET / HTTP/1.1\r\nHos").status == 408);
  CHECK(one.refused("G").status == 408);
  // Dripping does not extend it.
  auto client = one.client();
  const auto begun = std::chrono::steady_clock::now();
  const std::string slow = "GET /" + std::string(1000, 'a');
  for (const char byte : slow) {
    if (!client.send(std::string(1, byte))) break;
    if (client.receive(5ms) || client.ended()) break;
  }
  CHECK(std::chrono::steady_clock::now() - begun < 4s);
  CHECK(client.read().status == 408);
  CHECK(one.server.counters().timeouts == 3);
  CHECK(one.handled == 0);
}

TEST_CASE("attack: a body that comes too slowly is 408, one that keeps its rate is taken") {
  http::server_options options;
  options.body_timeout = 400ms;
  options.body_rate = 200; // 80 bytes in each window
  target one(options);
  const std::string head = "PUT / HTTP/1.1\r\n" + host + "Content-Length: 3000\r\n\r\n";
  CHECK(one.refused(head + "abc").status == 408);
  // Fast at first: it cannot live on that.
  CHECK(one.refused(head + std::string(2900, 'x')).status == 408);
  CHECK(one.handled == 0);

  auto steady = one.client();
  const auto begun = std::chrono::steady_clock::now();
  steady.send(head);
  for (int i = 0; i < 30; ++i) {
    REQUIRE(steady.send(std::string(100, 'x')));
    if (i < 29) CHECK_FALSE(steady.receive(20ms));
  }
  CHECK(std::chrono::steady_clock::now() - begun > 400ms);
  CHECK(steady.read().status == 200);
}

TEST_CASE("attack: idle connections are closed without a word") {
  http::server_options options;
  options.idle_timeout = 100ms;
  target one(options);
  auto fresh = one.client();
  auto used = one.client();
  CHECK(used.get("/").status == 200);
  for (auto* client : {&fresh, &used}) {
    CHECK(client->wait_for_end());
    CHECK(client->buffer().empty());
  }
  CHECK(eventually([&] { return one.server.counters().connections == 0; }));
  CHECK(one.server.counters().timeouts == 0);
}

TEST_CASE("attack: a client that never closes does not keep its refused connection") {
  target one;
  auto client = one.client();
  client.send("BAD\r\n\r\n");
  CHECK(client.read().status == 400);
  CHECK(one.server.counters().connections == 1);
  CHECK(eventually([&] { return one.server.counters().connections == 0; }, 10s));
}

TEST_CASE("attack: resets at any moment leave nothing behind") {
  target one;
  const std::string request = "PUT /x HTTP/1.1\r\n" + host + "Content-Length: 300\r\n\r\n" +
                              std::string(300, 'x') + "GET / HTTP/1.1\r\n" + host + "\r\n";
  for (size_t cut = 0; cut < request.size(); cut += 7) {
    auto client = one.client();
    client.send(request.substr(0, cut));
    const linger reset{1, 0};
    ::setsockopt(client.socket(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  CHECK(eventually([&] { return one.server.counters().connections == 0; }));
  CHECK(eventually([&] { return one.server.counters().request_bytes == 0; }));
  one.still_serves();
}

TEST_CASE("attack: random bytes and broken requests get an answer or an end, never a hang") {
  http::server_options options;
  options.header_timeout = 200ms;
  options.body_timeout = 200ms;
  target one(options);
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::string valid = "PUT /b/x?y=1 HTTP/1.1\r\n" + host +
                            "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
                            "3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n" +
                            host + "\r\n";
  for (int i = 0; i < 300; ++i) {
    std::string text = valid;
    if (i % 3 == 0)
      for (char& c : text) c = static_cast<char>(random());
    for (size_t flips = random() % 4; flips > 0; --flips)
      text[random() % text.size()] = static_cast<char>(random());
    text.erase(random() % text.size(), random() % 5);
    auto client = one.client();
    client.send(text);
    if (i % 2 == 0) client.end_output();
    // Whole requests may keep the connection; everything else ends by itself.
    while (!client.ended() && client.receive(30ms)) {
    }
  }
  CHECK(eventually([&] { return one.server.counters().connections <= 64; }));
  one.still_serves();
}
