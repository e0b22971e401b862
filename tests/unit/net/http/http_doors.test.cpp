#include "net/http/http_server.hpp"
#include "tests/unit/net/http/raw_client.hpp"
#include <doctest/doctest.h>
#include <string>

namespace http = treadmill::http;
using treadmill::test::raw_client;

namespace {

/// A server with two doors, of which the second one takes what CouchDB's clients send.
struct two_doors {
  explicit two_doors(http::server_options options = {})
      : server(made(std::move(options)), [](const http::request& request, http::responder answer) {
          http::response echoed;
          echoed.content_type = "text/plain";
          echoed.body = std::to_string(request.door) + ' ' + std::string(request.method) + ' ' +
                        std::string(request.body);
          answer(std::move(echoed));
        }) {
    REQUIRE(server.start());
  }
  static http::server_options made(http::server_options options) {
    options.lenient_below = "/_couch/";
    options.more_doors.push_back({"127.0.0.1", 0, "/"});
    return options;
  }
  raw_client client(size_t door) const { return raw_client(server.port(door)); }
  http::server server;
};

std::string text(const std::string& line, const std::string& headers = {}) {
  return line + " HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
}

} // namespace

TEST_CASE("a server listens at all of its doors, and says where a request came in") {
  two_doors node;
  CHECK(node.server.port(0) != node.server.port(1));
  CHECK(node.server.port(2) == 0);
  CHECK(node.client(0).get("/").body == "0 GET ");
  CHECK(node.client(1).get("/").body == "1 GET ");
  CHECK(node.server.counters().accepted == 2);
}

TEST_CASE("each door has its own paths where clients of CouchDB are heard") {
  two_doors node;
  const std::string removal = "Content-Length: 2\r\n";
  CHECK(node.client(1).request(text("DELETE /d/a", removal) + "{}").body == "1 DELETE {}");
  CHECK(node.client(1).request(text("COPY /d/a")).body == "1 COPY ");
  CHECK(node.client(0).request(text("DELETE /d/a", removal) + "{}").status == 400);
  CHECK(node.client(0).request(text("COPY /d/a")).status == 405);
  CHECK(node.client(0).request(text("DELETE /_couch/d/a", removal) + "{}").body == "0 DELETE {}");
  CHECK(node.client(0).request(text("COPY /_couch/d/a")).body == "0 COPY ");
}

TEST_CASE("the doors share the limit of connections") {
  http::server_options options;
  options.connections = 1;
  two_doors node(options);
  raw_client first = node.client(1);
  CHECK(first.get("/").status == 200);
  CHECK(node.client(0).get("/").status == 503);
}

TEST_CASE("a door that is taken is refused with its address, and the server does not start") {
  two_doors node;
  http::server_options options;
  options.more_doors.push_back({"127.0.0.1", node.server.port(1), {}});
  http::server second(options, [](const http::request&, http::responder) {});
  const auto started = second.start();
  REQUIRE(!started);
  CHECK(started.error().reason.find(std::to_string(node.server.port(1))) != std::string::npos);
}

TEST_CASE("a stop closes all doors") {
  two_doors node;
  node.server.stop();
  CHECK_THROWS(node.client(0));
  CHECK_THROWS(node.client(1));
}
