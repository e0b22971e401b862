#include "net/document_source.hpp"
#include <doctest/doctest.h>
#include <sstream>
#include <vector>

namespace treadmill::http {
namespace {

struct read_all {
  std::vector<source_document> documents{};
  std::string problem{};

  explicit read_all(const std::string& text, bool text_only = false) {
    std::istringstream in(text);
    const auto source = open_documents(in, format_of(in), text_only);
    source_document next;
    while (true) {
      const auto more = source->next(next);
      if (!more) problem = more.error().reason;
      if (!more || !*more) break;
      documents.push_back(next);
    }
  }
  std::string texts() const {
    std::string all;
    for (const auto& one : documents) all += std::to_string(one.line) + " " + one.text + "\n";
    return all;
  }
};

std::string texts(const std::string& text) { return read_all(text).texts(); }
std::string problem(const std::string& text) { return read_all(text).problem; }

} // namespace

TEST_CASE("lines are documents, empty ones are none") {
  CHECK(texts("{\"a\":1}\n\n \r\n{\"b\":2}") == "1 {\"a\":1}\n4 {\"b\":2}\n");
  CHECK(texts("\xef\xbb\xbf{}\n") == "1 {}\n");
  CHECK(texts("").empty());
  CHECK(texts("\n\n").empty());
}

TEST_CASE("an array is cut into its elements, which stay as they are") {
  CHECK(texts("[]").empty());
  CHECK(texts(" [ {\"a\": [1, {\"b\":\"]}\\\"\"}]} ,\n{\"n\":12345678901234567890.10}\n]\n") ==
        "1 {\"a\": [1, {\"b\":\"]}\\\"\"}]}\n2 {\"n\":12345678901234567890.10}\n");
  CHECK(problem("[{}") == "line 1: a comma or ] is missing");
  CHECK(problem("[{\"a\":\n") == "line 2: the text ends within an element");
  CHECK(problem("[{},]") == "line 1: an element is no object");
  CHECK(problem("[1]") == "line 1: an element is no object");
  CHECK(problem("[{}]x") == "line 1: something follows the array");
  CHECK(problem("[{} {}]") == "line 1: a comma or ] is missing");
}

TEST_CASE("rows of CSV are objects; numbers are those that lose no digit") {
  CHECK(texts("id,name,n\n1,Sam,1\n2,\"a \"\"b\"\",\nc\",-1.50\r\n3,,true\n") ==
        "2 {\"id\":\"1\",\"name\":\"Sam\",\"n\":1}\n"
        "3 {\"id\":\"2\",\"name\":\"a \\\"b\\\",\\nc\",\"n\":-1.50}\n"
        "5 {\"id\":\"3\",\"n\":true}\n");
  CHECK(texts("a\n007\n12345678901234567890123\n18446744073709551615\n1e400\n+1\n0.1\n") ==
        "2 {\"a\":\"007\"}\n3 {\"a\":\"12345678901234567890123\"}\n"
        "4 {\"a\":18446744073709551615}\n5 {\"a\":\"1e400\"}\n6 {\"a\":\"+1\"}\n7 {\"a\":0.1}\n");
  CHECK(read_all("a\n1\ntrue\n", true).texts() == "2 {\"a\":\"1\"}\n3 {\"a\":\"true\"}\n");
  CHECK(texts("a,b\n1\n\n2,3") == "2 {\"a\":1}\n4 {\"a\":2,\"b\":3}\n");
}

TEST_CASE("CSV that cannot be taken apart is refused with its line") {
  CHECK(problem("a,a\n1,2\n") == "line 1: each column needs a name of its own");
  CHECK(problem("a,\n1,2\n") == "line 1: each column needs a name of its own");
  CHECK(problem("a\n1\n1,2\n") == "line 3: there are more values than names");
  CHECK(problem("a\n\"x\"y\n").find("line 2: this is no CSV") == 0);
  CHECK(problem("a\n\"x").find("line 2: this is no CSV") == 0);
}

} // namespace treadmill::http
