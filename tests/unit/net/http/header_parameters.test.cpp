#include "net/http/header_parameters.hpp"
#include <doctest/doctest.h>

namespace treadmill::http {
using treadmill::ec;

TEST_CASE("a header value is a word with parameters, plain or quoted") {
  const auto read =
      read_header_value("Multipart/Related; Boundary=\"a b\";x=1 ; y=\"q\\\"\\\\\";").value();
  CHECK(read.word == "multipart/related");
  CHECK(read.parameter("boundary") == "a b");
  CHECK(read.parameter("x") == "1");
  CHECK(read.parameter("y") == "q\"\\");
  CHECK(read.parameter("z").empty());
  CHECK(read_header_value("text/plain").value().parameters.empty());
}

TEST_CASE("a header value that is not well-formed is refused") {
  for (const auto text :
       {"", " ", ";a=1", "a;b", "a;b=", "a;=b", "a;b=\"c", "a;b=\"c\\", "a;b=\"c\"d", "a;b=c d",
        "a;b=1;b=2", "a;b=\"\";b=2", "a;b c=1", "a;b=\"\n\"", "a\n;b=1",
        "a;a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1;k=1;l=1;m=1;n=1;o=1;p=1;q=1"}) {
    CAPTURE(text);
    const auto read = read_header_value(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ec::bad_request);
  }
}

TEST_CASE("a quoted text is read back as it was") {
  for (const auto text : {"", "a.txt", "a\"b\\c", "\\\"", "a;b=c", "\xc3\xa9"}) {
    std::string value = "attachment; filename=";
    append_quoted(value, text);
    CAPTURE(value);
    CHECK(read_header_value(value).value().parameter("filename") == text);
  }
}

} // namespace treadmill::http
