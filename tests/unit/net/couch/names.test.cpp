#include "net/couch/names.hpp"
#include "net/couch/revisions.hpp"
#include "storage/documents/names.hpp"
#include <doctest/doctest.h>

namespace treadmill {
using couch::bucket_name;
using couch::database_name;

TEST_CASE("names of databases become names of buckets, and back") {
  const std::pair<std::string, std::string> names[] = {{"a", "a"},
                                                       {"a/b", "a.2fb"},
                                                       {"a$b(c)+d", "a.24b.28c.29.2bd"},
                                                       {"a_b-9", "a_b-9"},
                                                       {"_users", "0.users"},
                                                       {"_replicator", "0.replicator"},
                                                       {"a//", "a.2f.2f"},
                                                       {"userdb-6162", "userdb-6162"}};
  for (const auto& [database, bucket] : names) {
    INFO(database);
    CHECK(bucket_name(database) == bucket);
    CHECK(database_name(bucket) == database);
    CHECK(check_bucket_name(bucket));
  }
}

TEST_CASE("names that no database has have no bucket, and others' buckets have no database") {
  for (const std::string_view name :
       {"", "A", "aB", "1a", "a.b", "a%", "\xc3\xa4", "_", "_1", "_x", "a b", "$a", "/a", "a\n"}) {
    INFO(name);
    CHECK(!bucket_name(name));
  }
  for (const std::string_view name :
       {"a.b", "a.2", "a.2x", "1a", "0.", "0.1", "0.x", "0a", "a.3f", "."}) {
    INFO(name);
    CHECK(!database_name(name));
  }
  CHECK(bucket_name(std::string(128, 'a')));
  CHECK(!bucket_name(std::string(129, 'a')));
  CHECK(!bucket_name('a' + std::string(43, '+')));
}

TEST_CASE("a revision keeps its hash, and 32 hex digits become lower case") {
  const auto text = [](std::string_view in) {
    const auto rev = couch::parse_revision(in);
    return rev ? couch::to_text(*rev) : "refused";
  };
  CHECK(text("1-abc") == "1-abc");
  CHECK(text("12-0123456789ABCDEF0123456789abcdef") == "12-0123456789abcdef0123456789abcdef");
  CHECK(couch::parse_revision("1-0123456789ABCDEF0123456789ABCDEF")->is_native());
  CHECK(text("1-ABC") == "1-ABC");
  for (const std::string_view wrong : {"", "1", "1-", "-a", "0-a", "01-a", "a-1", "rev1-a", "1-a b",
                                       "4294967296-a", "2147483648-a"})
    CHECK_MESSAGE(text(wrong) == "refused", wrong);
  CHECK(text("1-" + std::string(64, 'z')) != "refused");
  CHECK(text("1-" + std::string(65, 'z')) == "refused");
}

} // namespace treadmill
