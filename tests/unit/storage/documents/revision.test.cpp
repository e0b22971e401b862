#include "storage/documents/revision.hpp"
#include <doctest/doctest.h>
#include <string>

using treadmill::make_revision;
using treadmill::parse_revision;
using treadmill::revision;

TEST_CASE("the text of a revision comes back as it was") {
  for (std::string text : {"rev1-a", "rev2-zyb3", "rev2147483647-0123456789abcdef0123456789abcdef",
                           "rev12-A_z.9-x", "rev3--"}) {
    const auto parsed = parse_revision(text);
    REQUIRE(parsed);
    CHECK(parsed->text() == text);
  }
  const auto parsed = parse_revision("rev12-" + std::string(64, 'h'));
  REQUIRE(parsed);
  CHECK(parsed->number() == 12);
  CHECK(parsed->hash() == std::string(64, 'h'));
  CHECK_FALSE(parsed->empty());
  CHECK(revision().empty());
}

TEST_CASE("what is not the text of a revision is refused") {
  for (std::string text : {"",
                           "rev",
                           "rev1",
                           "rev1-",
                           "rev-a",
                           "rev0-x",
                           "rev01-a",
                           "rev-1-a",
                           "rev+1-a",
                           "rev 1-a",
                           "rev1 -a",
                           "Rev1-a",
                           "1-a",
                           "rev2147483648-a",
                           "rev4294967297-a",
                           "rev99999999999-a",
                           "rev99999999999999999999999-a",
                           "rev1-a b",
                           "rev1-\xc3\xa4",
                           "rev1-a/b",
                           "rev1.5-a",
                           " rev1-a",
                           "rev1-a "}) {
    const auto parsed = parse_revision(text);
    INFO(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == treadmill::ec::bad_rev);
  }
  CHECK_FALSE(parse_revision("rev1-" + std::string(65, 'h')));
  CHECK_FALSE(parse_revision(std::string("rev1-a\0", 7)));
}

TEST_CASE("revisions are ordered by number, then by hash as a string") {
  CHECK(revision(2, "a") > revision(1, "z"));
  CHECK(revision(10, "a") > revision(9, "a"));
  CHECK(revision(1, "b") > revision(1, "a"));
  CHECK(revision(1, "aa") > revision(1, "a"));
  CHECK(revision(1, "a") > revision(1, "B"));
  CHECK(revision(1, "a") == revision(1, "a"));
  CHECK(revision() < revision(1, ""));
}

TEST_CASE("the same edit of the same parent is the same revision, and any other is another") {
  // Computed independently from the rule in the header.
  const auto first = make_revision({}, false, R"({"name":"Ann"})");
  CHECK(first.text() == "rev1-4320601a0fb7d2d7f55270b03229f0df");
  CHECK(make_revision(first, true, "{}").text() == "rev2-b872da8c9f08d141cde6ac4f60ae618a");
  CHECK(make_revision({}, false, R"({"name":"Ann"})") == first);
  CHECK(make_revision({}, false, R"({"name":"Bob"})") != first);
  CHECK(make_revision({}, true, R"({"name":"Ann"})") != first);
  CHECK(make_revision(revision(1, "a"), false, "{}").hash() !=
        make_revision(revision(1, "b"), false, "{}").hash());
  CHECK(make_revision(revision(1, "a"), false, "{}").hash() !=
        make_revision(revision(2, "a"), false, "{}").hash());
}

TEST_CASE("hashes that are made here are told from others by their form") {
  CHECK(treadmill::is_native_hash("0123456789abcdef0123456789abcdef"));
  CHECK(treadmill::is_native_hash(make_revision({}, false, "{}").hash()));
  CHECK_FALSE(treadmill::is_native_hash("0123456789abcdef0123456789abcdeF"));
  CHECK_FALSE(treadmill::is_native_hash("0123456789abcdef0123456789abcdeg"));
  CHECK_FALSE(treadmill::is_native_hash("0123456789abcdef0123456789abcde"));
  CHECK_FALSE(treadmill::is_native_hash("0123456789abcdef0123456789abcdef0"));
  CHECK_FALSE(treadmill::is_native_hash(""));
  CHECK(revision(1, "0123456789abcdef0123456789abcdef").is_native());
  CHECK_FALSE(revision(1, "0123456789abcdef0123456789abcdeF").is_native());
  CHECK_FALSE(revision().is_native());
}

TEST_CASE("a native hash is the same revision in bytes and in hex") {
  treadmill::hash128 hash{};
  for (size_t i = 0; i < hash.size(); ++i) hash[i] = static_cast<uint8_t>(i * 17);
  const revision made(7, hash);
  CHECK(made == revision(7, "00112233445566778899aabbccddeeff"));
  CHECK(made.is_native());
  CHECK(made.native_hash() == hash);
}

TEST_CASE("the longest revision fits into a buffer of text_bytes") {
  const revision longest(2147483647, std::string(revision::hash_bytes, 'z'));
  std::array<char, revision::text_bytes> buffer{};
  CHECK(longest.text(buffer) == longest.text());
  CHECK(longest.text(buffer).size() == buffer.size());
}
