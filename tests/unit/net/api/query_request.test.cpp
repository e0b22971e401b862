#include "net/api/query_request.hpp"
#include "net/api/parameters.hpp"
#include "net/api/query_rows.hpp"
#include "storage/index/term.hpp"
#include "tests/unit/net/http/reason_form.hpp"
#include <doctest/doctest.h>

namespace http = treadmill::http;
namespace api = treadmill::api;
using api::query_request;
using treadmill::append_term;
using treadmill::cursor_after_group;
using treadmill::cursor_after_row;
using treadmill::ec;
using treadmill::mapped_row;
using treadmill::result;
using treadmill::row_suffix;
using treadmill::take_term;
using treadmill::tests::is_phrase;

namespace {

result<query_request> read(std::string_view text,
                           std::optional<std::string_view> posted = std::nullopt) {
  const auto query = http::query::parse(text);
  REQUIRE(query);
  return api::read_query_request(*query, {}, posted);
}

void refuses(std::string_view text, std::string_view named) {
  INFO(std::string(text));
  const auto asked = read(text);
  REQUIRE_FALSE(asked);
  CHECK(asked.error().code == ec::bad_request);
  CHECK(asked.error().reason.find(named) != std::string::npos);
  CHECK(is_phrase(asked.error().reason));
}

std::string term_of(std::string_view text) {
  return read("term=" + http::percent_encode(text)).value().terms.value().front();
}

/// The stored forms of the terms that the ranges begin with.
std::string ranges_of(query_request asked) {
  auto ranges = api::asked_ranges::make(asked).value();
  std::string all;
  while (const auto range = ranges.next()) {
    std::string_view bytes = range->from;
    std::string term;
    if (!bytes.empty()) REQUIRE(take_term(term, bytes));
    all += term + (range->descending ? "<" : ">");
  }
  return all;
}

} // namespace

TEST_CASE("without parameters all rows are asked for") {
  const query_request asked = read("").value();
  CHECK_FALSE(asked.terms);
  CHECK_FALSE(asked.limit);
  CHECK(asked.skip == 0);
  CHECK_FALSE(asked.include_docs);
  CHECK_FALSE(asked.stale);
  CHECK_FALSE(asked.reduce);
  CHECK_FALSE(asked.grouped());
  CHECK(asked.range.inclusive_end);
  CHECK_FALSE(asked.range.descending);
  CHECK(ranges_of(asked) == ">");
}

TEST_CASE("a term is JSON, or text as it stands") {
  CHECK(term_of("1") == "1");
  CHECK(term_of("1.50") == "1.5");
  CHECK(term_of("-0.0") == "-0");
  CHECK(term_of("null") == "null");
  CHECK(term_of("true") == "true");
  CHECK(term_of("\"1\"") == "\"1\"");
  CHECK(term_of("[1, \"a\"]") == "[1,\"a\"]");
  CHECK(term_of("{\"a\": 1}") == "{\"a\":1}");
  CHECK(term_of("John Doe") == "\"John Doe\"");
  CHECK(term_of("nul") == "\"nul\"");
  CHECK(term_of("01") == "\"01\"");
  CHECK(term_of("") == "\"\"");
  CHECK(term_of("a\"b\\c\n") == "\"a\\\"b\\\\c\\n\"");
  CHECK(term_of("\u00e9") == "\"\u00e9\"");
  CHECK(term_of("2026-11-23") == "\"2026-11-23\"");
  for (const char* text : {"term=%22a", "term=[1", "term={\"a\":1", "from=[", "to={", "prefix=%22",
                           "term={\"a\":1,\"a\":2}", "terms=[1", "terms=", "terms=x"})
    refuses(text, std::string_view(text).substr(0, std::string_view(text).find('=')));
  refuses("terms=1", "terms");
  refuses("terms={}", "terms");
}

TEST_CASE("every parameter arrives") {
  const auto asked = read("from=1&to=9&inclusive_end=false&descending=true&limit=7&skip=3&"
                          "include_docs=true&stale=ok&reduce=false")
                         .value();
  CHECK(asked.range.from == "1");
  CHECK(asked.range.to == "9");
  CHECK_FALSE(asked.range.inclusive_end);
  CHECK(asked.range.descending);
  CHECK(asked.limit == 7);
  CHECK(asked.skip == 3);
  CHECK(asked.include_docs);
  CHECK(asked.stale);
  CHECK(asked.reduce == false);
  CHECK(read("prefix=ab").value().range.prefix == "\"ab\"");
  CHECK(read("after=xyz").value().range.after == "xyz");
  CHECK_FALSE(read("after=").value().range.after);
  CHECK(read("group=true").value().grouped());
  CHECK_FALSE(read("group=false").value().grouped());
  CHECK(read("group_level=2").value().group_level == 2);
  CHECK(read("group_level=2").value().grouped());
  CHECK_FALSE(read("group_level=0").value().grouped());
  CHECK(read("reduce=true").value().reduce == true);
}

TEST_CASE("terms are ranges in their order, from the URL or from a body") {
  CHECK(ranges_of(read("terms=[3,1,\"a\",3]").value()) == "3>1>\"a\">3>");
  CHECK(ranges_of(read("terms=[]").value()).empty());
  CHECK(ranges_of(read("descending=true", "[2,1]").value()) == "2<1<");
  CHECK(read("", "[2,1]").value().listed);
  CHECK_FALSE(read("term=2").value().listed);
  CHECK(ranges_of(read("term=2").value()) == "2>");
  CHECK_FALSE(read("terms=[1]", "[2]"));
  CHECK_FALSE(read("term=1", "[2]"));
}

TEST_CASE("contradictions are refused and named") {
  for (const auto& [one, other] :
       std::vector<std::pair<std::string, std::string>>{{"term=1", "terms=[1]"},
                                                        {"term=1", "from=1"},
                                                        {"term=1", "to=1"},
                                                        {"term=1", "prefix=a"},
                                                        {"terms=[1]", "from=1"},
                                                        {"terms=[1]", "to=1"},
                                                        {"terms=[1]", "prefix=a"},
                                                        {"terms=[1]", "after=x"},
                                                        {"prefix=a", "from=1"},
                                                        {"prefix=a", "to=1"},
                                                        {"group=true", "group_level=1"},
                                                        {"after=x", "skip=1"},
                                                        {"feed=continuous", "terms=[1]"},
                                                        {"feed=continuous", "limit=1"},
                                                        {"feed=continuous", "skip=1"},
                                                        {"feed=continuous", "after=x"},
                                                        {"feed=continuous", "descending=true"},
                                                        {"feed=continuous", "include_docs=true"},
                                                        {"feed=continuous", "stale=ok"},
                                                        {"feed=continuous", "reduce=false"},
                                                        {"feed=continuous", "group=true"},
                                                        {"feed=continuous", "group_level=1"}}) {
    for (const std::string& text : {one + "&" + other, other + "&" + one}) {
      refuses(text, one.substr(0, one.find('=')));
      refuses(text, other.substr(0, other.find('=')));
    }
  }
  refuses("inclusive_end=false", "inclusive_end");
  refuses("since=1", "since");
  refuses("heartbeat=1", "heartbeat");
  refuses("timeout=1", "timeout");
  refuses("group=true&reduce=false", "reduce");
  refuses("group_level=1&reduce=false", "reduce");
  refuses("group=true&include_docs=true", "include_docs");
  refuses("reduce=true&include_docs=true", "include_docs");
  CHECK(read("include_docs=true&reduce=false"));
  CHECK(read("feed=continuous&term=1&since=1&timeout=1"));
  CHECK(read("feed=eventsource&from=1&to=2&inclusive_end=false"));
}

TEST_CASE("a prefix or a cursor that is none is refused before anything is read") {
  const auto make = [](std::string_view text) {
    auto asked = read(text).value();
    return api::asked_ranges::make(asked);
  };
  for (const char* text : {"prefix=1", "prefix=null", "after=!", "after=AAAA", "term=1&after=!"}) {
    INFO(text);
    REQUIRE_FALSE(make(text));
    CHECK(make(text).error().code == ec::bad_request);
  }
  CHECK(make("prefix=a"));
  CHECK(make("prefix=[1]"));
  std::string term;
  REQUIRE(append_term(term, "[1,2]"));
  CHECK(make("after=" + cursor_after_row(row_suffix(term, "d", 0))));
  CHECK(make("after=" + cursor_after_group(term)));
}

TEST_CASE("a row has its value under the query's name, where nothing else has that name") {
  const auto text = [](const char* name, bool docs, const char* key, const char* value) {
    mapped_row row;
    REQUIRE(append_term(row.term, key));
    row.value = value;
    std::string out;
    REQUIRE(api::query_row_text(name, docs).append(out, "d\"4", row));
    return out;
  };
  CHECK(text("name", false, "\"Sam\"", "") == R"({"key":"d\"4","value":"Sam","name":"Sam"})");
  CHECK(text("key", false, "1", "") == R"({"key":"d\"4","value":1})");
  CHECK(text("value", false, "1", "") == R"({"key":"d\"4","value":1})");
  CHECK(text("document", false, "1", "") == R"({"key":"d\"4","value":1,"document":1})");
  CHECK(text("document", true, "1", "") == R"({"key":"d\"4","value":1})");
  CHECK(text("id", false, "1", "") == R"({"key":"d\"4","value":1,"id":1})");
  CHECK(text("name", false, "[1,2]", "null") == R"({"id":"d\"4","key":[1,2],"value":null})");
}
