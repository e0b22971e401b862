#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>

using treadmill::api::route;
using treadmill::api::verb;
using treadmill::tests::answer;
using treadmill::tests::header_list;
using treadmill::tests::rest_node;

namespace {

constexpr auto stale = "\"rev9-00000000000000000000000000000000\"";

std::string method_of(const route& row) { return std::string(to_string(row.method)); }

std::string target_of(const route& row) {
  std::string path(row.path);
  for (const auto& [piece, name] : {std::pair<std::string, std::string>{"{bucket}", "b"},
                                    {"{id}", "d"},
                                    {"{name}", "q"},
                                    {"{peer}", "box2"},
                                    {"{file}", "console.css"}}) {
    if (const size_t at = path.find(piece); at != std::string::npos)
      path.replace(at, piece.size(), name);
  }
  return path;
}

std::string body_of(const route& row) {
  const std::string_view schema = row.body.schema;
  if (schema.empty()) return {};
  if (schema == "Bulk") return R"({"docs":[{"id":"x","a":2}]})";
  if (schema == "Ids") return R"({"ids":["d"]})";
  if (schema == "ExportLine") return "{\"treadmill_export\":1}\n";
  if (schema.starts_with("Definition")) return R"({"map":"emits"})";
  if (schema == "PeerRequest") return R"({"zmq_uri":"tcp://127.0.0.1:1"})";
  return R"({"a":2})";
}

header_list headers_of(const route& row, const std::string& name, const std::string& value) {
  header_list all{{name, value}};
  if (row.body.schema == "ExportLine") all.emplace_back("Content-Type", "application/x-ndjson");
  return all;
}

} // namespace

TEST_CASE("no route that is no read passes over a condition") {
  rest_node node;
  REQUIRE(node.send("PUT", "/b/d", R"({"a":1})").status == 201);
  REQUIRE(node.send("POST", "/b/_query/q", R"({"map":"returns"})").status == 201);
  const std::string bucket = node.get("/b").body;
  const std::string queries = node.get("/b/_query").body;
  for (const route& row : treadmill::rest::native().routes) {
    if (row.method == verb::get) continue;
    for (const std::string name :
         {"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"}) {
      const std::string value = name == "If-Match"        ? stale
                                : name == "If-None-Match" ? "*"
                                                          : "Mon, 30 Nov 2026 00:00:00 GMT";
      INFO(method_of(row) << ' ' << target_of(row) << ' ' << name);
      // What creates may go on where there is nothing; here there is everything.
      const bool creates = row.name == "document_post";
      const auto got =
          node.send(method_of(row), target_of(row), creates ? R"({"id":"d"})" : body_of(row),
                    headers_of(row, name, value));
      CHECK(got.status >= 400);
      CHECK(got.status < 500);
      if (!row.conditional || name.find("ince") != std::string::npos || name == "If-Range") {
        CHECK(got.code() == "bad_request");
        CHECK(got.reason() == "this call takes no " + name);
      }
    }
  }
  CHECK(node.get("/b").body == bucket);
  CHECK(node.get("/b/_query").body == queries);
}

TEST_CASE("a query is defined and dropped under a condition") {
  rest_node node;
  const header_list any{{"If-Match", "*"}};
  const header_list none{{"If-None-Match", "*"}};
  const header_list other{{"If-Match", stale}};
  const std::string map = R"({"map":"returns"})";
  CHECK(node.send("POST", "/b/_query/q", map, any).status == 412);
  const auto made = node.send("POST", "/b/_query/q", map, none);
  CHECK(made.status == 201);
  CHECK(node.send("POST", "/b/_query/q", map, none).status == 412);
  const std::string emits = R"({"map":"emits"})";
  const auto refused = node.send("POST", "/b/_query/q", emits, other);
  CHECK(refused.status == 409);
  CHECK(refused.rev() == made.rev());
  const auto changed =
      node.send("POST", "/b/_query/q", emits, {{"If-Match", '"' + made.rev() + '"'}});
  CHECK(changed.status == 201);
  CHECK(node.send("DELETE", "/b/_query/q", {}, {{"If-Match", made.rev()}}).status == 409);
  CHECK(node.send("DELETE", "/b/_query/q?rev=" + made.rev()).status == 409);
  CHECK(node.send("DELETE", "/b/_query/q", {}, none).status == 412);
  CHECK(node.send("POST", "/b/_query/q", R"({"terms":[1]})", any).status == 400);
  CHECK(node.send("DELETE", "/b/_query/q", {}, {{"If-Match", changed.rev()}}).status == 200);
  CHECK(node.get("/b/_query/q").status == 404);
}

namespace {

/// Two nodes define the same query, then one gets what the other has.
struct conflicting_definitions {
  rest_node here;
  rest_node there;
  std::string rev_here;
  std::string rev_there;

  conflicting_definitions() {
    rev_here = here.send("POST", "/b/_query/q", R"({"map":"returns","reduce":"_count"})").rev();
    rev_there = there.send("POST", "/b/_query/q", R"({"map":"emits"})").rev();
    const std::string lines = there.text("/b/_export");
    const auto got =
        here.send("POST", "/b/_import", lines, {{"Content-Type", "application/x-ndjson"}});
    if (got.status != 200) throw std::runtime_error(got.body);
  }
  std::string winner() const { return std::max(rev_here, rev_there); }
  std::string loser() const { return std::min(rev_here, rev_there); }
  std::string conflicts() { return here.get("/b").body; }
};

} // namespace

TEST_CASE("a definition that lost is listed, read, and dropped alone") {
  conflicting_definitions both;
  rest_node& node = both.here;
  CHECK(node.get("/b").says(R"("conflicts":1)"));
  CHECK(node.get("/b/_query").says(R"("conflicts":[")" + both.loser() + R"("])"));
  CHECK(node.get("/b/_query").says(R"("rev":")" + both.winner() + '"'));
  const auto mine = node.get("/b/_query/q?rev=" + both.rev_here);
  CHECK(mine.body ==
        R"({"name":"q","rev":")" + both.rev_here + R"(","map":"returns","reduce":"_count"})");
  const auto other = node.get("/b/_query/q?rev=" + both.rev_there);
  CHECK(other.body ==
        R"({"name":"q","rev":")" + both.rev_there + R"(","map":"emits","reduce":null})");
  CHECK(node.get("/b/_query/q?limit=1&rev=" + both.rev_there).status == 400);
  CHECK(node.get("/b/_query/q?rev=x").status == 400);
  CHECK(node.get("/b/_query/other?rev=" + both.rev_there).status == 404);
  const auto dropped = node.send("DELETE", "/b/_query/q?rev=" + both.loser());
  CHECK(dropped.status == 200);
  CHECK(node.get("/b").says(R"("conflicts":0)"));
  CHECK(node.get("/b/_query").says(R"("rev":")" + both.winner() + '"'));
  CHECK(!node.get("/b/_query").says(R"("conflicts")"));
  CHECK(node.get("/b/_query/q?rev=" + both.loser()).status == 404);
}

TEST_CASE("a query that is defined anew has no conflicts any more") {
  for (const std::string map : {R"({"map":"emits"})", R"({"map":"returns","reduce":"_sum"})"}) {
    conflicting_definitions both;
    const auto defined = both.here.send("POST", "/b/_query/q", map);
    CHECK(defined.status == 201);
    CHECK(both.here.get("/b").says(R"("conflicts":0)"));
    CHECK(both.here.get("/b/_query").says(R"("rev":")" + defined.rev() + '"'));
  }
  conflicting_definitions both;
  const auto chosen =
      both.here.send("POST", "/b/_query/q", R"({"map":"emits"})", {{"If-Match", both.loser()}});
  CHECK(chosen.status == 201);
  CHECK(both.here.get("/b").says(R"("conflicts":0)"));
}

TEST_CASE("a refused definition removes no other") {
  conflicting_definitions both;
  rest_node& node = both.here;
  const std::string before = node.get("/b").body;
  const std::string queries = node.get("/b/_query").body;
  const std::string map = R"({"map":"returns","reduce":"_sum"})";
  CHECK(node.send("POST", "/b/_query/q", map, {{"If-Match", stale}}).status == 409);
  CHECK(node.send("POST", "/b/_query/q", map, {{"If-None-Match", "*"}}).status == 412);
  CHECK(node.get("/b").body == before);
  CHECK(node.get("/b/_query").body == queries);
}

TEST_CASE("if definitions change during the check of a new one, it replaces them or is refused") {
  conflicting_definitions both;
  rest_node& node = both.here;
  answer meanwhile;
  int expected = 201;
  SUBCASE("one is dropped") {
    node.backend.before_write = [&] {
      meanwhile = node.send("DELETE", "/b/_query/q?rev=" + both.winner());
    };
  }
  SUBCASE("another is defined") {
    expected = 409;
    node.backend.before_write = [&] {
      meanwhile = node.send("POST", "/b/_query/q", R"({"map":"emits","reduce":"_max"})",
                            {{"If-Match", both.loser()}});
    };
  }
  const auto got = node.send("POST", "/b/_query/q", R"({"map":"returns","reduce":"_sum"})");
  REQUIRE(meanwhile.status < 300);
  CHECK(got.status == expected);
  const std::string rev = expected == 201 ? got.rev() : meanwhile.rev();
  CHECK(got.rev() == rev);
  CHECK(node.get("/b").says(R"("conflicts":0)"));
  CHECK(node.get("/b/_query").says(R"("rev":")" + rev + '"'));
}

TEST_CASE("a repeated definition removes no conflict that came meanwhile") {
  conflicting_definitions both;
  rest_node& node = both.here;
  const std::string map = R"({"map":"returns","reduce":"_sum"})";
  const header_list condition{{"If-Match", both.winner()}};
  const auto defined = node.send("POST", "/b/_query/q", map, condition);
  REQUIRE(defined.status == 201);
  rest_node other;
  other.send("POST", "/b/_query/q", R"({"map":"returns","reduce":"_stats"})");
  REQUIRE(node.send("POST", "/b/_import", other.text("/b/_export"),
                    {{"Content-Type", "application/x-ndjson"}})
              .status == 200);
  REQUIRE(node.get("/b").says(R"("conflicts":1)"));
  CHECK(node.send("POST", "/b/_query/q", map, condition).rev() == defined.rev());
  CHECK(node.get("/b").says(R"("conflicts":1)"));
  CHECK(node.get("/b/_query").says(R"("rev":")" + defined.rev() + '"'));
}

TEST_CASE("a trial that was stopped says so") {
  rest_node node;
  node.backend.documents_a_trial = 2;
  for (const std::string id : {"a", "b", "c"})
    REQUIRE(node.send("PUT", "/b/" + id, R"({"n":1})").status == 201);
  const auto got = node.send("POST", "/b/_query", R"({"map":"returns"})");
  CHECK(got.status == 200);
  CHECK(got.says(R"("documents":2)"));
  CHECK(got.says(R"("stopped":"the trial took long")"));
  node.backend.documents_a_trial = 3;
  CHECK(!node.send("POST", "/b/_query", R"({"map":"returns"})").says("stopped"));
}
