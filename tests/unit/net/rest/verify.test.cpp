#include "storage/documents/query_definition.hpp"
#include "storage/engine/keys.hpp"
#include "storage/index/index.hpp"
#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>

using state = treadmill::http::body_stream::state;
using treadmill::ec;
using treadmill::error;
using treadmill::row_batch;
using treadmill::tests::rest_node;
using treadmill::tests::stream_driver;
namespace keys = treadmill::keys;

namespace {

constexpr int documents = 1200;

uint32_t number_of(rest_node& node) { return node.backend.rows().find_bucket("b")->number; }

/// Documents with a query that has a row of each, whose index is the first.
void fill(rest_node& node) {
  for (int i = 0; i < documents; ++i)
    node.send("PUT", "/b/d" + std::to_string(i), "{\"n\":" + std::to_string(i) + "}");
  node.send("POST", "/b/_query/q", R"({"map":"returns"})");
  node.backend.catch_up("b", "q");
  treadmill::query_row row;
  row.index = 1;
  row.definition = treadmill::definition_body({"returns", ""});
  row_batch rows;
  rows.put(keys::query(number_of(node), "q"), row.encode());
  rows.put(keys::last_index(number_of(node)), treadmill::encode_last_index(1));
  node.backend.commit(rows);
}

std::string last_line(const std::string& text) {
  REQUIRE(text.ends_with('\n'));
  const size_t before = text.rfind('\n', text.size() - 2);
  return text.substr(before == std::string::npos ? 0 : before + 1);
}

} // namespace

TEST_CASE("a bucket is checked, with its maps run again") {
  rest_node node;
  fill(node);
  const std::string text = node.text("/b/_verify");
  CHECK(text.starts_with("{\"rows\":0,\"mapped\":0}\n"));
  const std::string report = last_line(text);
  CAPTURE(report);
  CHECK(report.starts_with(R"({"bucket":"b","whole":true,"documents":1200,)"));
  CHECK(report.find(R"("index_rows":1200,"mapped":1200,)") != std::string::npos);
  CHECK(report.find(R"("problems":[])") != std::string::npos);
  // What is not durable yet is checked too, as the indexes may be that.
  node.backend.sync_writes = false;
  node.send("PUT", "/b/newest", "{}");
  CHECK(last_line(node.text("/b/_verify")).find(R"("documents":1201,)") != std::string::npos);
  CHECK(node.get("/none/_verify").status == 404);
  CHECK(node.send("POST", "/b/_verify", "{}").status == 405);
}

TEST_CASE("a check is of one moment, in slices, and tells how far it is") {
  rest_node node;
  fill(node);
  auto begun = node.get("/b/_verify");
  CHECK(begun.content_type == "application/x-ndjson");
  REQUIRE(begun.stream);
  stream_driver driver(std::move(begun.stream));
  driver.next();
  node.send("PUT", "/b/later", R"({"n":1})");
  REQUIRE(driver.run() == state::done);
  CHECK(driver.slices > 10);
  CHECK(last_line(driver.text).find(R"("whole":true,"documents":1200,)") != std::string::npos);
}

TEST_CASE("a check tells what is wrong, and which rows no map makes") {
  rest_node node;
  fill(node);
  row_batch damage;
  damage.remove(keys::document(number_of(node), "d7"));
  damage.remove(keys::index_reverse(number_of(node), 1, "d9"));
  node.backend.commit(damage);
  const std::string report = last_line(node.text("/b/_verify"));
  CAPTURE(report);
  CHECK(report.find(R"("whole":false)") != std::string::npos);
  for (const char* problem :
       {R"({"where":"b/_activity/8","what":"it is about a document that is not there"})",
        R"({"where":"b/_query/q","what":"its rows of d9 differ from what its map gives"})"})
    CHECK(report.find(problem) != std::string::npos);
}

TEST_CASE("where maps cannot be run a check says so, or ends without a report") {
  rest_node node;
  fill(node);
  node.backend.refuse_functions = error{ec::bad_map, "no function"};
  CHECK(last_line(node.text("/b/_verify"))
            .find(R"({"where":"b/_query/q","what":"its map cannot be run: no function"})") !=
        std::string::npos);
  node.backend.refuse_functions = error{ec::overloaded, "no worker"};
  auto begun = node.get("/b/_verify");
  REQUIRE(begun.stream);
  stream_driver driver(std::move(begun.stream));
  CHECK(driver.run() == state::cut);
}
