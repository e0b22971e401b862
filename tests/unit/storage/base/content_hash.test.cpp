#include "storage/base/content_hash.hpp"
#include <doctest/doctest.h>

namespace treadmill {

TEST_CASE("a content has the SHA-256 and the MD5 that the whole world computes") {
  content_hasher hasher;
  hasher.take("hello ");
  hasher.take("");
  hasher.take("world");
  const content_digest digest = hasher.end();
  CHECK(hex_of(digest.sha256) ==
        "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
  CHECK(hex_of(digest.md5) == "5eb63bbbe01eeed093cb22bb8f5acdc3");
  CHECK(digest.length == 11);
}

TEST_CASE("a hasher begins anew after each content") {
  content_hasher hasher;
  hasher.take("something");
  CHECK(hasher.end().length == 9);
  const content_digest nothing = hasher.end();
  CHECK(hex_of(nothing.sha256) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex_of(nothing.md5) == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(nothing.length == 0);
}

TEST_CASE("the hex of a hash is lower case, and read back only so") {
  const std::string hex = "5eb63bbbe01eeed093cb22bb8f5acdc3";
  CHECK(hex_of(*hash_of_hex<md5_hash>(hex)) == hex);
  for (const auto text : {"", "5eb63bbbe01eeed093cb22bb8f5acdc",
                          "5eb63bbbe01eeed093cb22bb8f5acdc33", "5EB63bbbe01eeed093cb22bb8f5acdc3",
                          "5eb63bbbe01eeed093cb22bb8f5acdg3", " eb63bbbe01eeed093cb22bb8f5acdc3"}) {
    CAPTURE(text);
    CHECK_FALSE(hash_of_hex<md5_hash>(text));
  }
}

} // namespace treadmill
