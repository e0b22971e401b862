#include "storage/json/json.hpp"
#include <doctest/doctest.h>
#include <string>

using treadmill::client_document;
using treadmill::ec;
using treadmill::parse_bulk;
using treadmill::parse_bulk_lines;
using treadmill::result;

namespace {

ec code_of(const result<std::vector<result<client_document>>>& all) {
  return all ? ec::none : all.error().code;
}

ec code_of(const result<client_document>& one) { return one ? ec::none : one.error().code; }

} // namespace

TEST_CASE("the documents of a bulk come out one by one, in order") {
  const auto all = parse_bulk(
      R"( { "docs" : [ {"id":"a","x":1} , {"b":[{"id":2}]}, {"id":"c","rev":"rev1-x","_deleted":true} ] } )");
  REQUIRE(all);
  REQUIRE(all->size() == 3);
  CHECK((*all)[0]->id == "a");
  CHECK((*all)[0]->body == R"({"x":1})");
  CHECK_FALSE((*all)[1]->id);
  CHECK((*all)[1]->body == R"({"b":[{"id":2}]})");
  CHECK((*all)[2]->deleted);
  CHECK((*all)[2]->rev == "rev1-x");
  CHECK((*all)[2]->body == "{}");
  CHECK(parse_bulk(R"({"docs":[]})")->empty());
}

TEST_CASE("a fault of one document is its own result and the others go on") {
  const auto all = parse_bulk(
      R"({"docs":[{"id":1},[],{"rev":2},{"_x":1},{"a":"0123456789"},7,{"_deleted":0},{"id":"last"}]})",
      {.document_bytes = 10});
  REQUIRE(all);
  REQUIRE(all->size() == 8);
  CHECK(code_of((*all)[0]) == ec::bad_id);
  CHECK(code_of((*all)[1]) == ec::not_object);
  CHECK(code_of((*all)[2]) == ec::bad_rev);
  CHECK(code_of((*all)[3]) == ec::bad_request);
  CHECK(code_of((*all)[4]) == ec::too_large);
  CHECK(code_of((*all)[5]) == ec::not_object);
  CHECK(code_of((*all)[6]) == ec::bad_request);
  REQUIRE((*all)[7]);
  CHECK((*all)[7]->id == "last");
  CHECK((*all)[7]->body == "{}");
}

TEST_CASE("a fault of the JSON text refuses the whole bulk") {
  CHECK(code_of(parse_bulk("")) == ec::bad_json);
  CHECK(code_of(parse_bulk(R"({"docs":[{"a":1},{"a":1]})")) == ec::bad_json);
  CHECK(code_of(parse_bulk(R"({"docs":[{"a":1}]} x)")) == ec::bad_json);
  CHECK(code_of(parse_bulk(R"({"docs":[{"a":1},{"a":1,"a":2}]})")) == ec::duplicate_key);
  CHECK(code_of(parse_bulk(R"({"docs":[],"docs":[]})")) == ec::duplicate_key);
  CHECK(code_of(parse_bulk(R"({"docs":[{"id":"a"}],"x":[1],"x":2})")) == ec::duplicate_key);
  CHECK(code_of(parse_bulk("{\"docs\":[{\"a\":\"\xff\"}]}")) == ec::bad_encoding);
  CHECK(code_of(parse_bulk(R"({"docs":[{"id":"a","id":"a"}]})")) == ec::duplicate_key);
}

TEST_CASE("what is not a list of documents alone is refused") {
  CHECK(code_of(parse_bulk("[]")) == ec::not_object);
  CHECK(code_of(parse_bulk(R"([[{"id":"a"}]])")) == ec::not_object);
  CHECK(code_of(parse_bulk("1")) == ec::not_object);
  CHECK(code_of(parse_bulk("{}")) == ec::bad_request);
  CHECK(code_of(parse_bulk(R"({"docs":{"a":{"id":1}}})")) == ec::bad_request);
  CHECK(code_of(parse_bulk(R"({"docs":1})")) == ec::bad_request);
  CHECK(code_of(parse_bulk(R"({"docs":[{"id":"a"}],"x":[{"id":"b","_c":1}]})")) == ec::bad_request);
  CHECK(code_of(parse_bulk(R"({"x":[{"id":"b","_c":1}],"docs":[{"id":"a"}]})")) == ec::bad_request);
  CHECK(code_of(parse_bulk(R"({"id":"a"})")) == ec::bad_request);
}

TEST_CASE("a document of a bulk nests as deep as it may alone") {
  const auto nested = [](size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  CHECK(parse_bulk("{\"docs\":[" + nested(100) + "]}"));
  CHECK(code_of(parse_bulk("{\"docs\":[" + nested(101) + "]}")) == ec::too_deep);
  CHECK(parse_bulk_lines(nested(100)));
  CHECK(code_of(parse_bulk_lines(nested(101))) == ec::too_deep);
}

TEST_CASE("there are at most as many documents as the limit") {
  CHECK(parse_bulk(R"({"docs":[{},{},{}]})", {.items = 3})->size() == 3);
  CHECK(code_of(parse_bulk(R"({"docs":[{},{},{},{}]})", {.items = 3})) == ec::too_large);
  CHECK(parse_bulk_lines("{}\n{}\n{}\n\n", {.items = 3})->size() == 3);
  CHECK(code_of(parse_bulk_lines("{}\n{}\n{}\n{}", {.items = 3})) == ec::too_large);
  // What comes after the first that is one too many is not read.
  CHECK(code_of(parse_bulk(R"({"docs":[{},{},{},{} and so on)", {.items = 3})) == ec::too_large);
  CHECK(code_of(parse_bulk(R"({"docs":[{},{},{} and so on)", {.items = 3})) == ec::bad_json);
}

TEST_CASE("NDJSON has one document a line, with empty lines and carriage returns skipped") {
  const auto all = parse_bulk_lines(
      "{\"id\":\"a\"}\r\n\n  \r\n{\"id\":\"b\",\"x\":\"\\n\"}\n{\"_deleted\":true}");
  REQUIRE(all);
  REQUIRE(all->size() == 3);
  CHECK((*all)[0]->id == "a");
  CHECK((*all)[1]->body == R"({"x":"\n"})");
  CHECK((*all)[2]->deleted);
  CHECK(parse_bulk_lines("")->empty());
  CHECK(parse_bulk_lines("\n\n")->empty());
}

TEST_CASE("a reason names the line of NDJSON") {
  const auto all = parse_bulk_lines("{}\n\n{\"id\":1}\n{\"id\":\"x\"}\n");
  REQUIRE(all);
  REQUIRE(all->size() == 3);
  CHECK(code_of((*all)[1]) == ec::bad_id);
  CHECK((*all)[1].error().reason.rfind("line 3: ", 0) == 0);
  CHECK((*all)[2]->id == "x");
  const auto bad = parse_bulk_lines("{}\n{\"a\":1\n}");
  CHECK(code_of(bad) == ec::bad_json);
  CHECK(bad.error().reason.rfind("line 2: ", 0) == 0);
  CHECK(code_of(parse_bulk_lines("{}{}\n")) == ec::bad_json);
  CHECK(code_of(parse_bulk_lines("{\"a\":1,\"a\":2}\n")) == ec::duplicate_key);
}
