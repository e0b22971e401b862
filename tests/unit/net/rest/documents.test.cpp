#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>

using treadmill::tests::rest_node;

namespace {

std::string quoted(const std::string& rev) { return '"' + rev + '"'; }

} // namespace

TEST_CASE("POST creates a document, makes its bucket and says where it is") {
  rest_node node;
  const auto made = node.send("POST", "/places", R"({"id":"a/b c","name":"Oslo"})");
  CHECK(made.status == 201);
  CHECK(made.member("status") == "OK");
  CHECK(made.member("id") == "a/b c");
  CHECK(made.rev().starts_with("rev1-"));
  CHECK(made.header("Location") == "/places/a%2Fb%20c");
  CHECK(made.header("ETag") == quoted(made.rev()));
  CHECK(made.content_type == "application/json");
  const auto read = node.get(made.header("Location"));
  CHECK(read.status == 200);
  CHECK(read.body == R"({"id":"a/b c","rev":")" + made.rev() + R"(","name":"Oslo"})");
  CHECK(read.header("ETag") == quoted(made.rev()));
}

TEST_CASE("POST makes ids that grow where a document has none") {
  rest_node node;
  const auto first = node.send("POST", "/b/", "{}");
  const auto second = node.send("POST", "/b", "{}");
  CHECK(first.status == 201);
  CHECK(first.member("id").size() == 36);
  CHECK(first.member("id") < second.member("id"));
}

TEST_CASE("POST of an id that is live is a conflict that names the current revision") {
  rest_node node;
  const auto made = node.send("POST", "/b", R"({"id":"d","n":1})");
  const auto again = node.send("POST", "/b", R"({"id":"d","n":2})");
  CHECK(again.status == 409);
  CHECK(again.code() == "conflict");
  CHECK(again.rev() == made.rev());
  CHECK(node.get("/b/d").says("\"n\":1"));
}

TEST_CASE("POST of a deleted id goes on with its history") {
  rest_node node;
  node.send("POST", "/b", R"({"id":"d","n":1})");
  node.send("DELETE", "/b/d");
  const auto again = node.send("POST", "/b", R"({"id":"d","n":2})");
  CHECK(again.status == 201);
  CHECK(again.rev().starts_with("rev3-"));
}

TEST_CASE("POST takes neither a revision nor a precondition") {
  rest_node node;
  CHECK(node.send("POST", "/b", R"({"id":"d","rev":"rev1-aa"})").code() == "bad_request");
  CHECK(node.send("POST", "/b", "{}", {{"If-Match", "*"}}).status == 400);
  CHECK(node.send("POST", "/b", "{}", {{"If-None-Match", "*"}}).status == 400);
  CHECK(node.send("POST", "/b?rev=rev1-aa", "{}").status == 400);
  CHECK(node.backend.writes == 0);
}

TEST_CASE("PUT creates with 201 and updates with 200") {
  rest_node node;
  const auto made = node.send("PUT", "/b/d", R"({"n":1})");
  CHECK(made.status == 201);
  CHECK(made.header("Location") == "/b/d");
  CHECK(made.header("ETag") == quoted(made.rev()));
  const auto changed = node.send("PUT", "/b/d", R"({"n":2})");
  CHECK(changed.status == 200);
  CHECK(changed.header("Location").empty());
  CHECK(changed.rev().starts_with("rev2-"));
  CHECK(changed.header("ETag") == quoted(changed.rev()));
  node.send("DELETE", "/b/d");
  CHECK(node.send("PUT", "/b/d", R"({"n":3})").status == 201);
}

TEST_CASE("PUT takes its revision from the body, the parameter or If-Match") {
  rest_node node;
  auto rev = node.send("PUT", "/b/d", R"({"n":1})").rev();
  auto done = node.send("PUT", "/b/d", R"({"n":2,"rev":")" + rev + "\"}");
  REQUIRE(done.status == 200);
  done = node.send("PUT", "/b/d?rev=" + done.rev(), R"({"n":3})");
  REQUIRE(done.status == 200);
  done = node.send("PUT", "/b/d", R"({"n":4})", {{"If-Match", quoted(done.rev())}});
  REQUIRE(done.status == 200);
  done = node.send("PUT", "/b/d?rev=" + done.rev(), R"({"n":5,"rev":")" + done.rev() + "\"}",
                   {{"If-Match", done.rev()}});
  CHECK(done.status == 200);
  CHECK(done.rev().starts_with("rev5-"));
}

TEST_CASE("a stale revision is refused with the current one and changes nothing") {
  rest_node node;
  const auto first = node.send("PUT", "/b/d", R"({"n":1})").rev();
  const auto second = node.send("PUT", "/b/d", R"({"n":2})").rev();
  for (const auto& refused :
       {node.send("PUT", "/b/d?rev=" + first, R"({"n":9})").body,
        node.send("PUT", "/b/d", R"({"n":9,"rev":")" + first + "\"}").body,
        node.send("PUT", "/b/d", R"({"n":9})", {{"If-Match", quoted(first)}}).body,
        node.send("PATCH", "/b/d?rev=" + first, R"({"n":9})").body,
        node.send("DELETE", "/b/d?rev=" + first).body,
        node.send("DELETE", "/b/d", {}, {{"If-Match", quoted(first)}}).body}) {
    CHECK(refused.find(R"("error":"conflict")") != std::string::npos);
    CHECK(refused.find(R"("rev":")" + second + '"') != std::string::npos);
  }
  CHECK(node.send("PUT", "/b/d?rev=" + first, R"({"n":9})").status == 409);
  CHECK(node.get("/b/d").rev() == second);
}

TEST_CASE("a write that is there already is answered with its revision and adds no entry") {
  rest_node node;
  const auto first = node.send("PUT", "/b/d", R"({"n":1})").rev();
  const auto second = node.send("PUT", "/b/d?rev=" + first, R"({"n":2})");
  const auto retried = node.send("PUT", "/b/d?rev=" + first, R"({"n":2})");
  CHECK(retried.status == 200);
  CHECK(retried.rev() == second.rev());
  CHECK(node.get("/b").says("\"sequence\":2"));
}

TEST_CASE("sources of a revision that contradict each other are refused") {
  rest_node node;
  const auto rev = node.send("PUT", "/b/d", R"({"n":1})").rev();
  const std::string body = R"({"n":2,"rev":")" + rev + "\"}";
  CHECK(node.send("PUT", "/b/d?rev=rev1-aa", body).code() == "bad_request");
  CHECK(node.send("PUT", "/b/d", body, {{"If-Match", "\"rev1-aa\""}}).status == 400);
  CHECK(node.send("PUT", "/b/d", body, {{"If-None-Match", "*"}}).status == 400);
  CHECK(node.send("PUT", "/b/d", "{}", {{"If-Match", "*"}, {"If-None-Match", "*"}}).status == 400);
  CHECK(node.send("PUT", "/b/d", "{}", {{"If-Match", quoted(rev) + ", \"rev1-aa\""}}).status ==
        400);
  CHECK(node.send("PUT", "/b/d", "{}", {{"If-None-Match", quoted(rev)}}).status == 400);
  CHECK(node.get("/b/d").rev() == rev);
}

TEST_CASE("If-None-Match: * only creates and If-Match: * only updates") {
  rest_node node;
  const auto early = node.send("PUT", "/b/d", "{}", {{"If-Match", "*"}});
  CHECK(early.status == 412);
  CHECK(early.code() == "precondition_failed");
  CHECK(node.send("PUT", "/b/d", "{}", {{"If-None-Match", "*"}}).status == 201);
  CHECK(node.send("PUT", "/b/d", "{}", {{"If-None-Match", "*"}}).status == 412);
  CHECK(node.send("PUT", "/b/d", R"({"n":2})", {{"If-Match", "*"}}).status == 200);
  CHECK(node.send("DELETE", "/b/d", {}, {{"If-Match", "*"}}).status == 200);
  CHECK(node.send("DELETE", "/b/d", {}, {{"If-Match", "*"}}).status == 412);
}

TEST_CASE("If-Match needs a strong tag") {
  rest_node node;
  const auto rev = node.send("PUT", "/b/d", "{}").rev();
  const auto refused = node.send("PUT", "/b/d", R"({"n":1})", {{"If-Match", "W/" + quoted(rev)}});
  CHECK(refused.status == 412);
  CHECK(node.get("/b/d").rev() == rev);
}

TEST_CASE("an id in the body must be the one of the URL") {
  rest_node node;
  CHECK(node.send("PUT", "/b/d", R"({"id":"e"})").code() == "bad_request");
  CHECK(node.send("PUT", "/b/a%2Fb", R"({"id":"a/b"})").status == 201);
  CHECK(node.send("PATCH", "/b/a%2Fb", R"({"id":"a%2Fb"})").status == 400);
}

TEST_CASE("PATCH merges, keeps to the revision rules and needs a document") {
  rest_node node;
  CHECK(node.send("PATCH", "/b/d", R"({"n":1})").status == 404);
  node.send("PUT", "/b/other", "{}");
  CHECK(node.send("PATCH", "/b/d", R"({"n":1})").reason() == "missing");
  const auto rev = node.send("PUT", "/b/d", R"({"a":{"x":1,"y":2},"b":1})").rev();
  const auto patched = node.send("PATCH", "/b/d", R"({"a":{"x":null,"z":3},"b":null,"c":[1]})",
                                 {{"Content-Type", "application/merge-patch+json"}});
  CHECK(patched.status == 200);
  CHECK(patched.header("ETag") == quoted(patched.rev()));
  CHECK(node.get("/b/d").body ==
        R"({"id":"d","rev":")" + patched.rev() + R"(","a":{"y":2,"z":3},"c":[1]})");
  CHECK(node.send("PATCH", "/b/d", R"({"rev":")" + rev + R"(","c":2})").status == 409);
  CHECK(node.send("PATCH", "/b/d", "[1]").code() == "not_object");
  node.send("DELETE", "/b/d");
  const auto gone = node.send("PATCH", "/b/d", R"({"n":1})");
  CHECK(gone.status == 404);
  CHECK(gone.reason() == "deleted");
}

TEST_CASE("DELETE writes a tombstone, and finds nothing a second time") {
  rest_node node;
  const auto rev = node.send("PUT", "/b/d", "{}").rev();
  const auto gone = node.send("DELETE", "/b/d?rev=" + rev);
  CHECK(gone.status == 200);
  CHECK(gone.rev().starts_with("rev2-"));
  CHECK(node.get("/b/d").status == 404);
  CHECK(node.get("/b/d").code() == "not_found");
  CHECK(node.get("/b/d").reason() == "deleted");
  CHECK(node.send("DELETE", "/b/d").status == 404);
  CHECK(node.send("DELETE", "/b/missing").reason() == "missing");
  CHECK(node.send("DELETE", "/nobucket/d").status == 404);
  CHECK_FALSE(node.backend.rows().find_bucket("nobucket"));
}

TEST_CASE("DELETE refuses a body, so that a revision in it is not ignored") {
  rest_node node;
  node.send("PUT", "/b/d", "{}");
  CHECK(node.send("DELETE", "/b/d", R"({"rev":"rev1-aa"})").status == 400);
  CHECK(node.get("/b/d").status == 200);
}

TEST_CASE("a read by revision shows leaves and says why others are not there") {
  rest_node node;
  const auto first = node.send("PUT", "/b/d", R"({"n":1})").rev();
  const auto second = node.send("PUT", "/b/d", R"({"n":2})").rev();
  const auto leaf = node.get("/b/d?rev=" + second);
  CHECK(leaf.status == 200);
  CHECK(leaf.header("ETag") == quoted(second));
  CHECK(node.get("/b/d?rev=" + first).status == 404);
  CHECK(node.get("/b/d?rev=" + first).reason() == "superseded");
  CHECK(node.get("/b/d?rev=rev1-aa").reason() == "missing");
  CHECK(node.get("/b/e?rev=rev1-aa").reason() == "missing");
  CHECK(node.get("/b/d?rev=1-aa").code() == "bad_rev");
  const auto tombstone = node.send("DELETE", "/b/d").rev();
  CHECK(node.get("/b/d?rev=" + tombstone).reason() == "deleted");
}

TEST_CASE("a losing revision stays readable, is listed and is resolved by deleting it") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  const auto winner = node.send("PUT", "/b/d", R"({"n":2})").rev();
  const auto loser = node.backend.add_conflict("b", "d", R"({"n":7})").text();
  CHECK(node.get("/b/d").rev() == winner);
  CHECK(node.get("/b/d?rev=" + loser).body == R"({"id":"d","rev":")" + loser + R"(","n":7})");
  const auto shown = node.get("/b/d?conflicts=true");
  CHECK(shown.body ==
        R"({"id":"d","rev":")" + winner + R"(","_conflicts":[")" + loser + R"("],"n":2})");
  CHECK(shown.header("ETag").empty());
  CHECK(node.get("/b/_conflicts").body == R"({"rows":[{"id":"d","rev":")" + winner +
                                              R"(","conflicts":[")" + loser + R"("]}],"count":1})");
  CHECK(node.send("DELETE", "/b/d?rev=" + loser).status == 200);
  CHECK(node.get("/b/d").rev() == winner);
  CHECK(node.get("/b/d?conflicts=true").says(R"("_conflicts":[])"));
  CHECK(node.get("/b/_conflicts").body == R"({"rows":[],"count":0})");
}

TEST_CASE("DELETE without a revision ends all live leaves in one entry") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  node.send("PUT", "/b/d", R"({"n":2})");
  node.backend.add_conflict("b", "d", R"({"n":7})");
  CHECK(node.send("DELETE", "/b/d").status == 200);
  CHECK(node.get("/b/d").reason() == "deleted");
  CHECK(node.get("/b").says(R"("documents":0,"deleted":1,"conflicts":0,"sequence":4)"));
}

TEST_CASE("history is newest first and comes without an ETag") {
  rest_node node;
  const auto first = node.send("PUT", "/b/d", R"({"n":1})").rev();
  const auto second = node.send("PUT", "/b/d", R"({"n":2})").rev();
  const auto shown =
      node.get("/b/d?history=true&conflicts=true", {{"If-None-Match", quoted(second)}});
  CHECK(shown.status == 200);
  CHECK(shown.header("ETag").empty());
  CHECK(shown.says(R"("_conflicts":[],"_history":[")" + second + R"(",")" + first + R"("])"));
  CHECK_FALSE(node.get("/b/d?history=false").says("_history"));
  CHECK(node.get("/b/d?history=false").header("ETag") == quoted(second));
}

TEST_CASE("what Treadmill adds to a document is ignored when it comes back") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  const auto shown = node.get("/b/d?history=true&conflicts=true");
  CHECK(node.send("PUT", "/b/d", shown.body).status == 200);
  CHECK_FALSE(node.get("/b/d").says("_history"));
  CHECK(node.send("PUT", "/b/d", R"({"_other":1})").status == 400);
}

TEST_CASE("a document's own members id and rev are written and shown in _members") {
  rest_node node;
  const std::string own = R"("_members":{"id":7,"rev":"b"})";
  const auto first = node.send("PUT", "/b/d", R"({"a":1,)" + own + R"(,"c":2})");
  CHECK(first.status == 201);
  const auto shown = node.get("/b/d");
  CHECK(shown.says(R"(","a":1,)" + own + R"(,"c":2})"));
  CHECK(shown.says(first.rev()));
  CHECK(node.send("PUT", "/copy/d", shown.body).status == 409); // it names a revision
  CHECK(node.send("PUT", "/other/d", R"({"a":1,)" + own + R"(,"c":2})").rev() == first.rev());
  CHECK(node.get("/b/d?conflicts=true").says(R"(,"_conflicts":[],"a":1,)" + own));
  CHECK(node.send("POST", "/b/_get", R"({"ids":["d"]})").says(own));
  CHECK(node.text("/b/_documents?include_docs=true").find(own) != std::string::npos);
  const treadmill::tests::header_list ndjson{{"Content-Type", "application/x-ndjson"}};
  CHECK(node.send("POST", "/copy/_import", node.text("/b/_export"), ndjson).status == 200);
  CHECK(node.get("/copy/d").body == shown.body);
  CHECK(node.send("PATCH", "/b/d", R"({"_members":{"id":null,"rev":[3]}})").status == 200);
  CHECK(node.get("/b/d").says(R"(","a":1,"_members":{"rev":[3]},"c":2})"));
  CHECK(node.send("PATCH", "/b/d", R"({"_members":{"rev":null}})").status == 200);
  CHECK(node.get("/b/d").says(R"(","a":1,"c":2})"));
  CHECK(node.send("PATCH", "/b/d", R"({"_members":null})").status == 400);
  CHECK(node.send("POST", "/b/_bulk", R"({"docs":[{"id":"e","_members":{"id":1}}]})").status ==
        200);
  CHECK(node.get("/b/e").says(R"("_members":{"id":1})"));
}

TEST_CASE("If-None-Match of a read gives 304 for the current revision, weak or in a list") {
  rest_node node;
  const auto rev = node.send("PUT", "/b/d", "{}").rev();
  for (const std::string& tag :
       {quoted(rev), "W/" + quoted(rev), "\"x\" , " + quoted(rev), std::string("*"), rev}) {
    const auto same = node.get("/b/d", {{"If-None-Match", tag}});
    CHECK(same.status == 304);
    CHECK(same.body.empty());
    CHECK(same.header("ETag") == quoted(rev));
  }
  CHECK(node.get("/b/d", {{"If-None-Match", "\"rev1-aa\""}}).status == 200);
  CHECK(node.get("/b/d", {{"If-None-Match", "\"" + rev}}).status == 304);
  CHECK(node.get("/b/missing", {{"If-None-Match", "*"}}).status == 404);
}

TEST_CASE("the tag of a revision that was made elsewhere changes with its body") {
  rest_node node;
  const auto import = [&](const std::string& members) {
    const std::string line = R"({"id":"d","revs":[{"rev":"rev1-abc")" + members + "}]}";
    REQUIRE(node.send("POST", "/b/_import", line).status == 200);
    const auto read = node.get("/b/d");
    CHECK(read.rev() == "rev1-abc");
    return read.header("ETag");
  };
  const auto first = import(R"(,"foreign":true,"document":{"v":1})");
  CHECK(node.get("/b/d", {{"If-None-Match", first}}).status == 304);
  CHECK(node.get("/b/d?rev=rev1-abc", {{"If-None-Match", first}}).status == 304);
  CHECK(node.get("/b/d", {{"If-None-Match", quoted("rev1-abc")}}).status == 200);
  const auto second = import(R"(,"document":{"v":2})");
  CHECK(second != first);
  CHECK(node.get("/b/d", {{"If-None-Match", first}}).status == 200);
  CHECK(node.get("/b/d", {{"If-None-Match", second}}).status == 304);
  CHECK(node.send("PUT", "/b/d", "{}", {{"If-Match", second}}).status == 200);
  const auto losing = node.get("/b/d?rev=rev1-abc");
  CHECK(losing.status == 404);
}

TEST_CASE("HEAD answers as GET does") {
  rest_node node;
  const auto rev = node.send("PUT", "/b/d", "{}").rev();
  const auto head = node.send("HEAD", "/b/d");
  CHECK(head.status == 200);
  CHECK(head.header("ETag") == quoted(rev));
  CHECK(head.route == "document_read");
  CHECK(node.send("HEAD", "/b/missing").status == 404);
  CHECK(node.send("HEAD", "/b/_documents").status == 200);
  CHECK(node.send("HEAD", "/").status == 200);
}

TEST_CASE("ids may have any character that is not a control character") {
  rest_node node;
  for (const std::string id : {"a%2Fb", "100%25", "a+b", "%F0%9F%98%80", "..", "%22%5C"}) {
    INFO(id);
    CHECK(node.send("PUT", "/b/" + id, R"({"n":1})").status == 201);
    const auto read = node.get("/b/" + id);
    CHECK(read.status == 200);
    CHECK(read.says("\"n\":1"));
  }
  CHECK(node.get("/b/a%2Bb").member("id") == "a+b"); // + in a path is itself
}

TEST_CASE("a problem of the whole write becomes its status") {
  rest_node node;
  node.backend.refuse_writes = treadmill::error{treadmill::ec::disk_full, "full"};
  CHECK(node.send("PUT", "/b/d", "{}").status == 507);
  CHECK(node.send("POST", "/b/_bulk", R"({"docs":[{}]})").status == 507);
  CHECK(node.send("PUT", "/b").status == 507);
  node.backend.refuse_writes = treadmill::error{treadmill::ec::overloaded, "busy"};
  const auto busy = node.send("PUT", "/b/d", "{}");
  CHECK(busy.status == 503);
  CHECK(busy.header("Retry-After") == "1");
  node.backend.refuse_writes = treadmill::error{treadmill::ec::ambiguous, "?"};
  CHECK(node.send("DELETE", "/b").status == 404); // it was never made
  CHECK(node.send("PUT", "/b/d", "{}").status == 500);
}

TEST_CASE("a write that is lost on its way is answered as ambiguous") {
  rest_node node;
  node.backend.lose_writes = true;
  const auto lost = node.send("PUT", "/b/d", "{}");
  CHECK(lost.status == 500);
  CHECK(lost.code() == "ambiguous");
}
