#include "net/api/dispatcher.hpp"
#include "net/couch/routes.hpp"
#include "tests/actors/node_world.hpp"
#include <doctest/doctest.h>
#include <optional>
#include <string>

namespace treadmill::test {
namespace {

/// A node's actors behind the dialect of CouchDB's clients.
struct couch_world : node_world {
  struct answer {
    int status = 0;
    std::string body{};
    std::unique_ptr<http::body_stream> stream{};
    bool says(std::string_view text) const { return body.find(text) != std::string::npos; }
  };

  answer send(std::string_view method, std::string_view target, std::string_view body = {}) {
    http::request request;
    request.method = method;
    request.target = target;
    request.path = target.substr(0, target.find('?'));
    if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
    request.body = body;
    request.deadline = clock::now() + std::chrono::seconds(30);
    std::optional<http::response> got;
    couch.handle(request,
                 http::responder([&](http::response&& response) { got = std::move(response); }));
    run();
    if (!got) return {};
    return {got->status, std::move(got->body), std::move(got->stream)};
  }

  api::dispatcher couch{couch::couchdb(), *gateway, {}};
};

size_t count(std::string_view text, std::string_view what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1))
    ++found;
  return found;
}

std::string many(int documents, const std::string& more) {
  std::string docs;
  for (int i = 0; i < documents; ++i) {
    if (i > 0) docs += ',';
    docs += R"({"_id":"d)" + std::to_string(1000 + i) + '"' + more + '}';
  }
  return docs;
}

std::string read_all(http::body_stream& stream) {
  std::string text;
  while (stream.next(text) == http::body_stream::state::more) {
  }
  return text;
}

} // namespace

TEST_CASE("a bulk of a thousand edits goes through the bucket as one group") {
  couch_world world;
  CHECK(world.send("PUT", "/db").status == 201);
  const auto done = world.send("POST", "/db/_bulk_docs", R"({"docs":[)" + many(1000, "") + "]}");
  CHECK(done.status == 201);
  CHECK(count(done.body, R"("ok":true)") == 1000);
  CHECK(world.sequence("db") == 1000);
  const auto again = world.send("POST", "/db/_bulk_docs", R"({"docs":[)" + many(1000, "") + "]}");
  CHECK(again.status == 201);
  CHECK(count(again.body, R"("error":"conflict")") == 1000);
  CHECK(world.sequence("db") == 1000);
}

TEST_CASE("a bulk of replicas is grafted, each with an outcome of its own, and once") {
  couch_world world;
  world.send("PUT", "/db");
  const std::string docs = many(500, R"(,"_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]})");
  const std::string bulk =
      R"({"new_edits":false,"docs":[)" + docs + R"(,{"_id":"_x","_rev":"1-a"}]})";
  const auto done = world.send("POST", "/db/_bulk_docs", bulk);
  CHECK(done.status == 201);
  CHECK(count(done.body, R"("error":"forbidden")") == 1);
  CHECK(world.sequence("db") == 500);
  CHECK(world.send("POST", "/db/_bulk_docs", bulk).status == 201);
  CHECK(world.sequence("db") == 500);
  CHECK(world.send("GET", "/db/d1000?revs=true").says(R"({"start":2,"ids":["b","a"]})"));
  CHECK(world.send("POST", "/db/_revs_diff", R"({"d1000":["2-b","1-a","3-c"]})").body ==
        R"({"d1000":{"missing":["3-c"],"possible_ancestors":["2-b"]}})");
}

TEST_CASE("a longpoll of changes is woken by the commit of a write") {
  couch_world world;
  world.send("PUT", "/db");
  auto poll = world.send("GET", "/db/_changes?feed=longpoll&since=now&timeout=60000");
  REQUIRE(poll.stream);
  int wakes = 0;
  poll.stream->start(waker([&] { ++wakes; }));
  std::string text;
  CHECK(poll.stream->next(text) == http::body_stream::state::more);
  CHECK(poll.stream->next(text) == http::body_stream::state::wait);
  CHECK(world.send("PUT", "/db/a", "{}").status == 201);
  CHECK(wakes > 0);
  CHECK(poll.stream->next(text) == http::body_stream::state::done);
  CHECK(text.find(R"("id":"a")") != std::string::npos);
}

TEST_CASE("a database that goes while a bulk is on its way is missing, and is not made again") {
  couch_world world;
  world.send("PUT", "/db");
  world.send("POST", "/db/_bulk_docs", R"({"docs":[{"_id":"a"}]})");
  auto changes = world.send("GET", "/db/_changes?feed=continuous");
  REQUIRE(changes.stream);
  changes.stream->start(waker([] {}));
  CHECK(world.send("DELETE", "/db").status == 200);
  CHECK(read_all(*changes.stream).empty());
  CHECK(world.send("POST", "/db/_bulk_docs", R"({"docs":[{"_id":"a"}]})").status == 404);
  CHECK(!world.rows->find_bucket("db"));
}

} // namespace treadmill::test
