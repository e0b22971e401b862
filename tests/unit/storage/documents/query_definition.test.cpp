#include "storage/documents/query_definition.hpp"
#include "storage/documents/names.hpp"
#include <doctest/doctest.h>

namespace treadmill {

TEST_CASE("a definition is a map and perhaps a reduce, in any order and spelling") {
  const auto both = parse_definition(R"( {"reduce":"_sum", "map":"d => d.a"} )");
  REQUIRE(both);
  CHECK(*both == query_definition{"d => d.a", "_sum"});
  CHECK(definition_body(*both) == R"({"map":"d => d.a","reduce":"_sum"})");
  for (const char* none : {R"({"map":"a\nb"})", R"({"map":"a\u000ab","reduce":null})",
                           R"({"map":"a\nb","reduce":""})"}) {
    const auto alone = parse_definition(none);
    REQUIRE(alone);
    CHECK(*alone == query_definition{"a\nb", ""});
    CHECK(definition_body(*alone) == R"({"map":"a\nb"})");
  }
  CHECK(parse_definition(definition_body(*both)).value() == *both);
}

TEST_CASE("what is no definition is refused with what is wrong about it") {
  const auto refusal = [](std::string_view text) {
    const auto parsed = parse_definition(text);
    REQUIRE(!parsed);
    return parsed.error();
  };
  CHECK(refusal("[]").code == ec::not_object);
  CHECK(refusal("{").code == ec::bad_json);
  CHECK(refusal(R"({"map":"a","map":"b"})").code == ec::duplicate_key);
  CHECK(refusal("{}").code == ec::bad_request);
  CHECK(refusal(R"({"map":""})").code == ec::bad_request);
  CHECK(refusal(R"({"map":1})").reason == R"(the member "map" must be a string)");
  CHECK(refusal(R"({"map":null})").code == ec::bad_request);
  CHECK(refusal(R"({"map":"a","reduce":["_sum"]})").code == ec::bad_request);
  const error unknown = refusal(R"({"map":"a","filter":"b"})");
  CHECK(unknown.code == ec::bad_request);
  CHECK(unknown.reason == R"(a query has only the members map and reduce, not "filter")");
  CHECK(refusal(R"({")" + std::string(1000, 'x') + R"(":"b"})").reason.size() < 100);
  json_limits small;
  small.document_bytes = 10;
  const auto large = parse_definition(R"({"map":"aaaaaa"})", small);
  REQUIRE(!large);
  CHECK(large.error().code == ec::too_large);
}

TEST_CASE("a definition's document has an id that no client can choose") {
  CHECK(query_document_id("by-name") == "_query/by-name");
  CHECK(is_query_document("_query/by-name"));
  CHECK(query_name_of("_query/by-name") == "by-name");
  CHECK(!is_query_document("_quer"));
  CHECK(!is_query_document("query/by-name"));
  CHECK(!check_id(query_document_id("a")));
}

TEST_CASE("a query's name keeps the rules") {
  for (const char* good : {"a", "Z", "0", "by-name", "By_Name.2"}) CHECK(check_query_name(good));
  CHECK(check_query_name(std::string(128, 'q')));
  for (const char* bad : {"", "_a", "-a", ".a", "a b", "a/b", "\xc3\xa4"}) {
    const auto checked = check_query_name(bad);
    REQUIRE(!checked);
    CHECK(checked.error().code == ec::bad_query);
  }
  CHECK(!check_query_name(std::string(129, 'q')));
}

} // namespace treadmill
