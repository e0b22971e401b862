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

TEST_CASE("without --couch the dialect is on the REST port alone") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY, .data = folder / "data"});
  REQUIRE(node.wait_ready());
  auto client = node.client();
  CHECK(client.get("/_system").says(R"("couch":null)"));
  CHECK(client.get("/_couch/_up").status == 200);
}

} // namespace treadmill::cluster
