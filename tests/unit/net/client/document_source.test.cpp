#include "net/client/document_source.hpp"
#include <doctest/doctest.h>
#include <vector>

namespace treadmill::http {
namespace {

/// Gives a few bytes at a time.
class slow_source final : public byte_source {
public:
  slow_source(std::string_view text, size_t piece) : rest_(text), piece_(piece) {}
  result<size_t> read(char* to, size_t size) override {
    const size_t taken = rest_.copy(to, std::min(size, piece_));
    rest_.remove_prefix(taken);
    return taken;
  }

private:
  std::string_view rest_;
  size_t piece_;
};

/// Documents and faults, a line each; at the end, why no more can be read.
std::string read_all(const std::string& text, const source_options& options, size_t piece) {
  slow_source in(text, piece);
  text_window window(in);
  const auto format = format_of(window);
  REQUIRE(format);
  const auto source = open_documents(window, *format, options);
  source_document next;
  std::string all;
  while (true) {
    const auto more = source->next(next);
    if (!more) return all + "end: " + more.error().reason + "\n";
    if (!*more) return all;
    const bool fault = next.fault.code != ec::none;
    all += std::to_string(next.line) + " " + (fault ? next.fault.reason : next.text) + "\n";
  }
}

/// The same in whatever pieces the text comes.
std::string read_all(const std::string& text, const source_options& options = {}) {
  const std::string all = read_all(text, options, SIZE_MAX);
  CHECK(read_all(text, options, 1) == all);
  CHECK(read_all(text, options, 3) == all);
  return all;
}

} // namespace

TEST_CASE("lines are documents, empty ones are none") {
  CHECK(read_all("{\"a\":1}\n\n \r\n{\"b\":2}") == "1 {\"a\":1}\n4 {\"b\":2}\n");
  CHECK(read_all("\xef\xbb\xbf{}\n") == "1 {}\n");
  CHECK(read_all("").empty());
  CHECK(read_all("\n\n").empty());
  CHECK(read_all("{}\n{\"long\":\"1234567890\"}\n{}", {.record_bytes = 10}) ==
        "1 {}\n2 a line has more than 10 bytes\n3 {}\n");
  CHECK(read_all("{}\n{\"long\":\"1234567890\"}", {.record_bytes = 10}) ==
        "1 {}\n2 a line has more than 10 bytes\n");
}

TEST_CASE("an array is cut into its elements, which stay as they are") {
  CHECK(read_all("[]").empty());
  CHECK(read_all("\n [ {\"a\": [1, {\"b\":\"]}\\\"\"}]} ,\n{\"n\":12345678901234567890.10}\n]\n") ==
        "2 {\"a\": [1, {\"b\":\"]}\\\"\"}]}\n3 {\"n\":12345678901234567890.10}\n");
}

TEST_CASE("of an array, what is no document is told, and the others go on") {
  CHECK(read_all("[1]") == "1 an element is no object\n");
  CHECK(read_all("[{},null,\n\"a,]\",[{},{}],nul,{\"b\":1}]") ==
        "1 {}\n1 an element is no object\n2 an element is no object\n2 an element is no object\n"
        "2 an element is no object\n2 {\"b\":1}\n");
  CHECK(read_all("[{},,{}]") == "1 {}\n1 an element is no object\n1 {}\n");
  CHECK(read_all("[{} {}]") == "1 {}\n1 a comma or ] is missing before it\n1 {}\n");
  CHECK(read_all("[{\"long\":[1,2,3]},{}]", {.record_bytes = 10}) ==
        "1 an element has more than 10 bytes\n1 {}\n");
  // One that is broken is over where the next one begins its line in the same column.
  CHECK(read_all("[\n  {\"a\":\"x},\n  {\"b\":[1},\n  {\"c\":{\n    {}},\n  {\"d\":1}\n]") ==
        "2 a string does not end on its line\n3 brackets do not match\n4 brackets do not match\n"
        "6 {\"d\":1}\n");
  CHECK(read_all("[\n {},\n {\"a\":[1}\n]") == "2 {}\n3 brackets do not match\n");
}

TEST_CASE("an array whose next element cannot be found is read no further") {
  CHECK(read_all("[{}") == "1 {}\nend: line 1: the text ends before the array's ]\n");
  CHECK(read_all("[{},") == "1 {}\nend: line 1: the text ends before the array's ]\n");
  CHECK(read_all("[{},]") == "1 {}\n1 an element is no object\n");
  CHECK(read_all("[{\"a\":\n") == "end: line 1: the text ends within an element\n");
  CHECK(read_all("[{}]x") == "1 {}\nend: line 1: something follows the array\n");
  CHECK(read_all("[{},{\"a\":[1},{}]") == "1 {}\nend: line 1: brackets do not match\n");
}

TEST_CASE("rows of CSV are objects; numbers are those that lose no digit") {
  CHECK(read_all("id,name,n\n1,Sam,1\n2,\"a \"\"b\"\",\nc\",-1.50\r\n3,,true\n") ==
        "2 {\"id\":\"1\",\"name\":\"Sam\",\"n\":1}\n"
        "3 {\"id\":\"2\",\"name\":\"a \\\"b\\\",\\nc\",\"n\":-1.50}\n"
        "5 {\"id\":\"3\",\"n\":true}\n");
  CHECK(read_all("a\n007\n12345678901234567890123\n18446744073709551615\n1e400\n+1\n0.1\n") ==
        "2 {\"a\":\"007\"}\n3 {\"a\":\"12345678901234567890123\"}\n"
        "4 {\"a\":18446744073709551615}\n5 {\"a\":\"1e400\"}\n6 {\"a\":\"+1\"}\n7 {\"a\":0.1}\n");
  CHECK(read_all("a\n1\ntrue\n", {.text_only = true}) == "2 {\"a\":\"1\"}\n3 {\"a\":\"true\"}\n");
  CHECK(read_all("a,b\n1\n\n2,3") == "2 {\"a\":1}\n4 {\"a\":2,\"b\":3}\n");
}

TEST_CASE("spaces are a part of a CSV's values and names") {
  CHECK(read_all("id,code, name\n1,  A7, Ann \n2, 7,8 \n3,\t,\" q \"\n") ==
        "2 {\"id\":\"1\",\"code\":\"  A7\",\" name\":\" Ann \"}\n"
        "3 {\"id\":\"2\",\"code\":\" 7\",\" name\":\"8 \"}\n"
        "4 {\"id\":\"3\",\"code\":\"\\t\",\" name\":\" q \"}\n");
}

TEST_CASE("lines of CSV end by CR LF, LF or CR, and a byte order mark is none of its names") {
  CHECK(read_all("\xef\xbb\xbf"
                 "a,b\r\n1,2\r\n\r\n3,4") == "2 {\"a\":1,\"b\":2}\n4 {\"a\":3,\"b\":4}\n");
  CHECK(read_all("a,b\r1,2\r\"x\ry\",4\r5,6") ==
        "2 {\"a\":1,\"b\":2}\n3 {\"a\":\"x\\ry\",\"b\":4}\n5 {\"a\":5,\"b\":6}\n");
  CHECK(read_all("\n\na\n1\n\"\"\n") == "4 {\"a\":1}\n5 {}\n");
}

TEST_CASE("of CSV, a row that cannot be taken is told, and the others go on") {
  CHECK(read_all("a\n1\n1,2\n3,\n") ==
        "2 {\"a\":1}\n3 there are more values than names\n4 {\"a\":3}\n");
  CHECK(read_all("a,b\n1,6\" pipe\n2,3\n") ==
        "2 a quote is in a value that does not begin with one\n3 {\"a\":2,\"b\":3}\n");
  CHECK(read_all("a,b\n\"x\"y,2\n3,4\n") ==
        "2 something follows the quote that ends a value\n3 {\"a\":3,\"b\":4}\n");
  CHECK(read_all("a,b\n1, \"x\"\n3,4") ==
        "2 a quote is in a value that does not begin with one\n3 {\"a\":3,\"b\":4}\n");
  CHECK(read_all("a,b\n1234567890,1\n3,4\n", {.record_bytes = 8}) ==
        "2 a row has more than 8 bytes\n3 {\"a\":3,\"b\":4}\n");
}

TEST_CASE("a quote that is not closed takes no other row along") {
  CHECK(read_all("a,b\n1,\"x\n2,3\n4,5\n") ==
        "2 a quote is not closed\n3 {\"a\":2,\"b\":3}\n4 {\"a\":4,\"b\":5}\n");
  CHECK(read_all("a,b\n1,\"x\n2,3\n4,\"y\"\n6,7\n") ==
        "2 something follows the quote that ends a value\n3 {\"a\":2,\"b\":3}\n"
        "4 {\"a\":4,\"b\":\"y\"}\n5 {\"a\":6,\"b\":7}\n");
  // What may be the rest of the broken row is no row of its own.
  CHECK(read_all("a,b\n1,\"x\nrest\" z\n6,7\n8\n") ==
        "2 something follows the quote that ends a value\n"
        "3 a quote is in a value that does not begin with one\n4 {\"a\":6,\"b\":7}\n5 {\"a\":8}\n");
  CHECK(read_all("a,b\n1,\"x\nrest\nof it\" z\n6,7\n") ==
        "2 something follows the quote that ends a value\n"
        "3 it does not have a value for each name, and may be a part of the row before it\n"
        "4 a quote is in a value that does not begin with one\n5 {\"a\":6,\"b\":7}\n");
}

TEST_CASE("CSV without a name for each column is not read") {
  CHECK(read_all("a,a\n1,2\n") == "end: line 1: column 2 has the name of another one\n");
  CHECK(read_all("a,\n1,2\n") == "end: line 1: column 2 has no name\n");
  CHECK(read_all("\n,\n1,2\n") == "end: line 2: column 1 has no name\n");
  CHECK(read_all("a,b\"\n1,2\n").starts_with("end: line 1: a quote is in a value"));
}

} // namespace treadmill::http
