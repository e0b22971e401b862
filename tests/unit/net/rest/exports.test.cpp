#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>
#include <sstream>

using treadmill::tests::header_list;
using treadmill::tests::rest_node;

namespace {

const header_list ndjson{{"Content-Type", "application/x-ndjson"}};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string digest(rest_node& node, const std::string& bucket) {
  return node.get("/" + bucket).member("digest");
}

/// A bucket with an edit, a deletion, a conflict and a query.
void fill(rest_node& node) {
  for (const char* body : {R"({"n":1})", R"({"n":2})", R"({"n":3})"})
    node.send("PUT", "/b/edited", body);
  node.send("PUT", "/b/gone", "{}");
  node.send("DELETE", "/b/gone");
  node.backend.add_conflict("b", "edited", R"({"other":true})");
  node.send("POST", "/b/_query/q", R"({"map":"returns"})");
}

} // namespace

TEST_CASE("an export imported elsewhere is the same bucket, with history, conflicts and queries") {
  rest_node node;
  fill(node);
  const std::string text = node.text("/b/_export");
  const auto lines = lines_of(text);
  REQUIRE(lines.size() == 6); // two leaves, a tombstone, a query; head and end
  CHECK(lines.front().find(R"({"bucket":"b","log":")") == 0);
  CHECK(lines.front().find(R"(,"since":0,"last_seq":7,"documents":1,"digest":")" +
                           digest(node, "b")) != std::string::npos);
  CHECK(lines.back() == R"({"count":4})");

  const auto done = node.send("POST", "/copy/_import", text, ndjson);
  CHECK(done.status == 200);
  CHECK(done.body == R"({"status":"OK","count":4})");
  CHECK(digest(node, "copy") == digest(node, "b"));
  CHECK(node.get("/copy/edited?history=true&conflicts=true").body ==
        node.get("/b/edited?history=true&conflicts=true").body);
  CHECK(node.get("/copy/gone").reason() == "deleted");
  CHECK(node.get("/copy/_query").says(R"("name":"q")"));

  // Once more changes nothing.
  const std::string sequence = node.get("/copy").body;
  CHECK(node.send("POST", "/copy/_import", text, ndjson).status == 200);
  CHECK(node.get("/copy").body == sequence);
}

TEST_CASE("an export is that of one moment, and of what changed after a sequence") {
  rest_node node;
  for (int i = 0; i < 2000; ++i)
    node.send("PUT", "/b/d" + std::to_string(i), R"({"text":")" + std::string(100, 'x') + "\"}");
  auto begun = node.get("/b/_export");
  REQUIRE(begun.stream);
  CHECK(begun.content_type == "application/x-ndjson");
  treadmill::tests::stream_driver driver(std::move(begun.stream));
  driver.next();
  node.send("PUT", "/b/d1999", R"({"text":"later"})");
  node.send("PUT", "/b/new", "{}");
  REQUIRE(driver.run() == treadmill::http::body_stream::state::done);
  CHECK(driver.text.find("later") == std::string::npos);
  CHECK(driver.largest < 80'000);
  const auto lines = lines_of(driver.text);
  CHECK(lines.size() == 2002);
  CHECK(lines.back() == R"({"count":2000})");

  const auto newer = lines_of(node.text("/b/_export?since=2000"));
  REQUIRE(newer.size() == 4);
  CHECK(newer[1].find(R"({"id":"d1999","seq":2001,)") == 0);
  CHECK(newer[2].find(R"({"id":"new","seq":2002,)") == 0);
  CHECK(lines_of(node.text("/b/_export?since=now")).size() == 2);
  CHECK(node.get("/b/_export?since=2003").status == 400);
  const std::string log = node.get("/b").member("log");
  CHECK(lines_of(node.text("/b/_export?since=2000-" + log)) == newer);
  CHECK(node.get("/b/_export?since=2000-" + std::string(32, '0')).status == 400);
  CHECK(node.get("/none/_export").status == 404);
}

TEST_CASE("an import with a line that is wrong changes nothing, and says which") {
  rest_node node;
  fill(node);
  const std::string text = node.text("/b/_export");
  const auto refused = [&](const std::string& wrong, std::string_view code) {
    const auto done = node.send("POST", "/copy/_import", text + "\n" + wrong + "\n", ndjson);
    CHECK(done.status == 400);
    CHECK(done.code() == code);
    CHECK(done.reason().find("line 8: ") == 0);
    CHECK(node.get("/copy").status == 404);
  };
  refused("{", "bad_json");
  refused(R"({"id":"_x","revs":[{"rev":"rev1-x","foreign":true,"document":{}}]})", "bad_id");
  // A body that its hash is not of.
  refused(R"({"id":"x","revs":[{"rev":"rev1-3508fd2d3ca9ffe86624b80c3e5e26c9","document":{}}]})",
          "bad_rev");
  CHECK(node.send("POST", "/_copy/_import", text, ndjson).code() == "bad_bucket");
  CHECK(node.send("POST", "/copy/_import", text, {{"Content-Type", "text/csv"}}).status == 415);
}

TEST_CASE("a leaf that comes without its document is refused where it is not known") {
  rest_node node;
  const auto done =
      node.send("POST", "/b/_import",
                R"({"id":"x","revs":[{"rev":"rev1-3508fd2d3ca9ffe86624b80c3e5e26c9"}]})", ndjson);
  CHECK(done.status == 400);
  CHECK(done.code() == "bad_rev");
}

TEST_CASE("an import is refused where the node takes no writes") {
  rest_node node;
  node.backend.refuse_writes = treadmill::error{treadmill::ec::disk_full, "the disk is full"};
  CHECK(node.send("POST", "/b/_import", R"({"count":0})", ndjson).status == 507);
}
