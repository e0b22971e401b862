#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>

using treadmill::tests::rest_node;

namespace {

/// Every call that takes a document answers this body with 400 and `code`, and nothing is written.
void refuses(const std::string& body, const std::string& code) {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  INFO(body.substr(0, 80));
  for (const auto& call :
       {std::pair{"POST", "/b"}, std::pair{"PUT", "/b/d"}, std::pair{"PATCH", "/b/d"}}) {
    INFO(call.first);
    const auto refused = node.send(call.first, call.second, body);
    CHECK(refused.status == 400);
    CHECK(refused.code() == code);
    CHECK(refused.content_type == "application/json");
    CHECK_FALSE(refused.reason().empty());
  }
  CHECK(node.backend.writes == 1);
}

} // namespace

TEST_CASE("a reason is a phrase: a small letter or a code word first, no full stop last") {
  using treadmill::tests::check_reasons;
  using treadmill::tests::is_phrase;
  for (const char* reason : {"missing", "an id must not be empty", "If-Match takes one revision",
                             "POST creates: a revision is for PUT", "_system is reserved",
                             "too late; nothing was applied", "only HTTP/1.1 is spoken here"})
    CHECK(is_phrase(reason));
  for (const char* reason : {"", "An id must not be empty", "too late.", "Missing", "too. late"})
    CHECK_FALSE(is_phrase(reason));
  CHECK_NOTHROW(check_reasons(R"({"status":"error","error":"bad_id","reason":"no id"})"));
  CHECK_THROWS(check_reasons(R"({"status":"error","error":"bad_id","reason":"No id"})"));
  CHECK_THROWS(check_reasons(R"({"results":[{"status":"error","error":"bad_id","reason":"no id"},)"
                             R"({"status":"error","error":"bad_id","reason":"an \"id\"."}]})"));
}

TEST_CASE("what is not JSON is bad_json, with the place") {
  using namespace std::string_literals;
  for (const std::string& body :
       {""s, " "s, "{"s, "{}x"s, "{} {}"s, "{}\0garbage"s, "\xEF\xBB\xBF{}"s, "{'a':1}"s,
        "{\"a\":1,}"s, "{\"a\":01}"s, "{\"a\":.5}"s, "{\"a\":NaN}"s, "{\"a\":Infinity}"s,
        "{\"a\":1e309}"s, "{\"a\":-1e309}"s, "nonsense"s, "{\"a\":tru}"s, "// x\n{}"s})
    refuses(body, "bad_json");
  rest_node node;
  CHECK(node.send("POST", "/b", "{\"a\":tru}").reason().find_first_of("0123456789") !=
        std::string::npos);
}

TEST_CASE("what is JSON but no object is not_object") {
  for (const std::string body : {"[]", "[{}]", "\"text\"", "1", "null", "true"})
    refuses(body, "not_object");
}

TEST_CASE("duplicate members are refused at any depth") {
  refuses(R"({"a":1,"a":2})", "duplicate_key");
  refuses(R"({"x":[{"a":1,"\u0061":2}]})", "duplicate_key");
}

TEST_CASE("nesting is bounded") {
  const auto nested = [](size_t depth) {
    return R"({"a":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  refuses(nested(100), "too_deep");
  refuses(nested(1'000'000), "too_deep");
  rest_node node;
  CHECK(node.send("POST", "/b", nested(99)).status == 201);
}

TEST_CASE("text must be UTF-8") {
  refuses("{\"a\":\"\xC3\"}", "bad_encoding");
  refuses("{\"a\":\"\xC0\xAF\"}", "bad_encoding");
  refuses("{\"a\":\"\xED\xA0\x80\"}", "bad_encoding");
  refuses(R"({"a":"\ud800"})", "bad_encoding");
}

TEST_CASE("numbers keep what they say, those with a fraction or an exponent as far as a double can "
          "hold it") {
  rest_node node;
  node.send("PUT", "/b/d",
            R"({"a":9007199254740993,"b":18446744073709551615,"c":-9223372036854775808,)"
            R"("d":18446744073709551616,"e":2.2250738585072011e-308})");
  const auto read = node.get("/b/d");
  CHECK(read.says("\"a\":9007199254740993"));
  CHECK(read.says("\"b\":18446744073709551615"));
  CHECK(read.says("\"c\":-9223372036854775808"));
  CHECK(read.says("\"d\":1"));
  CHECK(read.says("\"e\":2.225073858507201e-308"));
}

TEST_CASE("integers of any length are kept digit for digit, wherever they pass") {
  rest_node node;
  const std::string digits = "12345678901234567890123";
  const std::string longest(1000, '7');
  node.send("PUT", "/b/d", R"({"a":)" + digits + R"(,"b":[-)" + longest + R"(],"c":1})");
  const std::string body = R"("a":)" + digits + R"(,"b":[-)" + longest + "]";
  CHECK(node.get("/b/d").says(body + R"(,"c":1)"));
  const auto same = node.send("PUT", "/b/e", R"({"a": )" + digits + "}");
  CHECK(node.send("PUT", "/b/g", R"({"a":)" + digits + "}").rev() == same.rev());
  CHECK(node.send("PATCH", "/b/d", R"({"c":)" + longest + "}").status == 200);
  CHECK(node.get("/b/d").says(body + R"(,"c":)" + longest));
  CHECK(node.send("POST", "/b/_bulk", R"({"docs":[{"id":"f","a":)" + digits + "}]}").status == 200);
  CHECK(node.send("POST", "/b/_get", R"({"ids":["d","f"]})").says(body));
  CHECK(node.text("/b/_documents?include_docs=true").find(body) != std::string::npos);
  const auto activity = node.text("/b/_activity?include_docs=true");
  CHECK(activity.find(R"("a":)" + digits) != std::string::npos);
  const treadmill::tests::header_list ndjson{{"Content-Type", "application/x-ndjson"}};
  CHECK(node.send("POST", "/copy/_import", node.text("/b/_export"), ndjson).status == 200);
  CHECK(node.get("/copy/d").body == node.get("/b/d").body);
}

TEST_CASE("members with names that JavaScript knows are data") {
  rest_node node;
  const std::string body =
      R"("a":{"__proto__":{"x":1},"constructor":2},"constructor":3,"toString":4})";
  CHECK(node.send("PUT", "/b/d", "{" + body).status == 201);
  CHECK(node.get("/b/d").body.ends_with("," + body));
  // At the top, names that begin with _ are Treadmill's.
  CHECK(node.send("PUT", "/b/e", R"({"__proto__":{"x":1}})").code() == "bad_request");
}

TEST_CASE("a document above its limit is too large") {
  treadmill::api::api_options options;
  options.limits.document_bytes = 1000;
  rest_node node(options);
  const auto body = [](size_t bytes) { return R"({"a":")" + std::string(bytes - 8, 'x') + "\"}"; };
  CHECK(node.send("POST", "/b", body(1000)).status == 201);
  const auto refused = node.send("POST", "/b", body(1001));
  CHECK(refused.status == 413);
  CHECK(refused.code() == "too_large");
  const auto bulk =
      node.send("POST", "/b/_bulk", R"({"docs":[)" + body(1001) + "," + body(999) + "]}");
  CHECK(bulk.status == 200);
  CHECK(bulk.says("too_large"));
  CHECK(bulk.says("{\"status\":\"OK\""));
}

TEST_CASE("lists above their limit are too large") {
  treadmill::api::api_options options;
  options.limits.items = 2;
  rest_node node(options);
  CHECK(node.send("POST", "/b/_bulk", R"({"docs":[{},{}]})").status == 200);
  CHECK(node.send("POST", "/b/_bulk", R"({"docs":[{},{},{}]})").status == 413);
  CHECK(node.send("POST", "/b/_bulk", "{}\n{}\n{}", {{"Content-Type", "application/x-ndjson"}})
            .code() == "too_large");
  CHECK(node.send("POST", "/b/_get", R"({"ids":["a","b"]})").status == 200);
  CHECK(node.send("POST", "/b/_get", R"({"ids":["a","b","c"]})").code() == "too_large");
}

TEST_CASE("ids that break the rules are bad_id, wherever they come from") {
  rest_node node;
  const std::string longest(512, 'x');
  CHECK(node.send("PUT", "/b/" + longest, "{}").status == 201);
  CHECK(node.get("/b/" + longest).status == 200);
  for (const std::string& id : {longest + "x", std::string("%00"), std::string("a%0Ab"),
                                std::string("%7F"), std::string("%C2%85"), std::string("%FF"),
                                std::string("%C0%AF"), std::string("_x"), std::string("%5Fx")}) {
    INFO(id.substr(0, 20));
    CHECK(node.get("/b/" + id).code() == "bad_id");
    CHECK(node.send("PUT", "/b/" + id, "{}").code() == "bad_id");
    CHECK(node.send("PATCH", "/b/" + id, "{}").code() == "bad_id");
    CHECK(node.send("DELETE", "/b/" + id).code() == "bad_id");
  }
  for (const std::string body : {R"({"id":""})", R"({"id":"_x"})", R"({"id":1})", R"({"id":null})",
                                 R"({"id":"a\u0000"})", R"({"id":"a\u0085"})"}) {
    INFO(body);
    CHECK(node.send("POST", "/b", body).code() == "bad_id");
    CHECK(node.send("POST", "/b/_bulk", R"({"docs":[)" + body + "]}").says("bad_id"));
  }
  CHECK(node.send("POST", "/b", R"({"id":")" + longest + "x\"}").code() == "bad_id");
}

TEST_CASE("revisions that are none are bad_rev") {
  rest_node node;
  node.send("PUT", "/b/d", "{}");
  for (const std::string rev : {"rev1", "rev0-x", "rev99999999999-aa", "rev01-aa", "1-aa", "",
                                "rev1-", "rev1-a!", "revx-a", "rev2147483648-aa"}) {
    INFO(rev);
    CHECK(node.send("PUT", "/b/d", R"({"rev":")" + rev + "\"}").code() == "bad_rev");
    CHECK(node.send("PATCH", "/b/d?rev=" + rev, "{}").code() == "bad_rev");
    CHECK(node.send("DELETE", "/b/d?rev=" + rev).code() == "bad_rev");
    CHECK(node.get("/b/d?rev=" + rev).code() == "bad_rev");
    CHECK(node.send("PUT", "/b/d", "{}", {{"If-Match", "\"" + rev + "\""}}).code() == "bad_rev");
    CHECK(node.send("POST", "/b/_bulk", R"({"docs":[{"id":"d","rev":")" + rev + "\"}]}")
              .says("bad_rev"));
  }
  CHECK(node.send("PUT", "/b/d", R"({"rev":1})").code() == "bad_rev");
  CHECK(node.send("PUT", "/b/d", R"({"n":1})", {{"If-Match", "no-revision"}}).code() == "bad_rev");
}

TEST_CASE("a read of what is not there says what is missing") {
  rest_node node;
  CHECK(node.get("/none").status == 404);
  CHECK(node.get("/none").code() == "not_found");
  for (const std::string path :
       {"/none/d", "/none/_documents", "/none/_conflicts", "/none/_activity"})
    CHECK(node.get(path).status == 404);
  CHECK(node.send("PATCH", "/none/d", "{}").status == 404);
  CHECK(node.send("DELETE", "/none").status == 404);
  CHECK(node.backend.rows().buckets().empty());
  node.send("PUT", "/b");
  CHECK(node.get("/b/d").reason() == "missing");
}
