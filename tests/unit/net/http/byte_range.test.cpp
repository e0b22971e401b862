#include "net/http/byte_range.hpp"
#include <doctest/doctest.h>

namespace treadmill::http {
using kind = byte_range::kind;

TEST_CASE("one range of bytes is a part of the content, cut at its end") {
  CHECK(read_range("bytes=0-3", 10) == byte_range{kind::part, 0, 4});
  CHECK(read_range("bytes=3-3", 10) == byte_range{kind::part, 3, 1});
  CHECK(read_range("bytes=4-", 10) == byte_range{kind::part, 4, 6});
  CHECK(read_range("bytes=4-99", 10) == byte_range{kind::part, 4, 6});
  CHECK(read_range("bytes=0-9", 10) == byte_range{kind::part, 0, 10});
  CHECK(read_range("Bytes= 1-2 ", 10) == byte_range{kind::part, 1, 2});
  CHECK(read_range("bytes=1-99999999999999999999999", 10) == byte_range{kind::part, 1, 9});
  CHECK(content_range(read_range("bytes=4-", 10), 10) == "bytes 4-9/10");
}

TEST_CASE("a suffix is the last bytes of the content") {
  CHECK(read_range("bytes=-3", 10) == byte_range{kind::part, 7, 3});
  CHECK(read_range("bytes=-99", 10) == byte_range{kind::part, 0, 10});
}

TEST_CASE("a range that begins at 0 without an end is the whole content, as in CouchDB") {
  CHECK(read_range("bytes=0-", 10) == byte_range{kind::whole, 0, 10});
  CHECK(read_range("bytes=0-", 0) == byte_range{kind::whole, 0, 0});
}

TEST_CASE("a range without a byte of the content is unsatisfiable") {
  for (const auto header :
       {"bytes=5-3", "bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"}) {
    CAPTURE(header);
    CHECK(read_range(header, 10).what == kind::unsatisfiable);
  }
  CHECK(read_range("bytes=-1", 0).what == kind::unsatisfiable);
  CHECK(read_range("bytes=0-0", 0).what == kind::unsatisfiable);
  CHECK(content_range(read_range("bytes=5-3", 10), 10) == "bytes */10");
}

TEST_CASE("several ranges, another unit and what cannot be read are ignored") {
  for (const auto header :
       {"", "bytes", "bytes=", "bytes=-", "bytes=1", "bytes=a-b", "bytes=1-b", "bytes=1-2,4-5",
        "bytes=--1", "bytes=-1-2", "bytes=+1-2", "bytes=1 -2", "items=0-3", "bytes:0-3"}) {
    CAPTURE(header);
    CHECK(read_range(header, 10) == byte_range{kind::whole, 0, 10});
  }
}

} // namespace treadmill::http
