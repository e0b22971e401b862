#include "tests/cluster/command.hpp"
#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <string>

namespace treadmill::cluster {

using namespace std::chrono_literals;

namespace {

/// The address of --couch, as the node's own facts name it.
address couch_address(http_client& client) {
  const std::string where = client.get("/_system").member("couch");
  const size_t colon = where.rfind(':');
  REQUIRE(colon != std::string::npos);
  return {where.substr(0, colon), static_cast<uint16_t>(std::stoi(where.substr(colon + 1)))};
}

} // namespace

TEST_CASE("CouchDB's clients have a listener of their own, and a path on the REST port") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY,
                     .data = folder / "data",
                     .arguments = {"--couch", "127.0.0.1:0"}});
  REQUIRE(node.wait_ready());
  auto native = node.client();
  http_client couch(couch_address(native));

  CHECK(couch.get("/").member("couchdb") == "Welcome");
  CHECK(native.get("/_couch/").member("uuid") == couch.get("/").member("uuid"));
  CHECK(couch.send("PUT", "/shop").status == 201);
  const auto made = couch.send("PUT", "/shop/apple", R"({"price":3})");
  CHECK(made.status == 201);
  CHECK(native.get("/_couch/shop/apple").line() == couch.get("/shop/apple").line());
  CHECK(native.get("/shop/apple").member("rev") == "rev" + made.member("rev"));
  CHECK(couch.send("COPY", "/shop/apple", "", {{"Destination", "pear"}}).status == 201);
  CHECK(couch.send("DELETE", "/shop/apple?rev=" + made.member("rev"), "{}").status == 200);
  CHECK(couch.get("/shop/apple").member("reason") == "deleted");
  CHECK(couch.send("POST", "/shop/_ensure_full_commit").status == 201);
  CHECK(native.send("PUT", "/_couch/other").header("Location") == "/_couch/other");

  CHECK(couch.get("/_system").status == 404);
  CHECK(native.send("DELETE", "/shop/pear", "{}").status == 400);
  CHECK(node.client()
            .get("/_system/metrics")
            .says(R"(treadmill_http_requests_total{route="couch_doc_put",status="2xx"} 1)"));
  const auto [text, code] =
      run_command({"status", "http://127.0.0.1:" + std::to_string(node.where().port)}, 20s);
  CHECK(code == 0);
  CHECK(text.find("couch http://127.0.0.1:") != std::string::npos);
}

TEST_CASE("a bulk goes out as changes, and what is known of it is no difference") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY,
                     .data = folder / "data",
                     .arguments = {"--couch", "127.0.0.1:0"}});
  REQUIRE(node.wait_ready());
  auto native = node.client();
  http_client couch(couch_address(native));
  REQUIRE(couch.send("PUT", "/shop").status == 201);
  const auto done =
      couch.send("POST", "/shop/_bulk_docs",
                 R"({"new_edits":false,"docs":[{"_id":"a","_rev":"2-b",)"
                 R"("_revisions":{"start":2,"ids":["b","a"]}},{"_id":"_x","_rev":"1-x"}]})");
  CHECK(done.status == 201);
  CHECK(done.says(R"([{"id":"_x","rev":"1-x","error":"forbidden")"));
  CHECK(couch.send("POST", "/shop/_revs_diff", R"({"a":["2-b","3-c"]})")
            .says(R"({"a":{"missing":["3-c"],"possible_ancestors":["2-b"]}})"));
  const auto all = couch.get("/shop/_changes?style=all_docs");
  CHECK(all.says(R"("id":"a","changes":[{"rev":"2-b"}]})"));
  const std::string last = all.member("last_seq");
  CHECK(couch.get("/shop/_changes?feed=longpoll&timeout=100&since=" + last)
            .says(R"("last_seq":")" + last + '"'));
  CHECK(couch.get("/shop/_changes?feed=continuous&timeout=100").says("\n{\"last_seq\":\"" + last));
  CHECK(couch.get("/shop/_all_docs").says(R"({"total_rows":1,"offset":0,"rows":[)"));
  CHECK(native.get("/shop/a").member("rev") == "rev2-b");
}

TEST_CASE("without --couch the dialect is on the REST port alone") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY, .data = folder / "data"});
  REQUIRE(node.wait_ready());
  auto client = node.client();
  CHECK(client.get("/_system").says(R"("couch":null)"));
  CHECK(client.get("/_couch/_up").status == 200);
}

} // namespace treadmill::cluster
