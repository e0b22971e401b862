#include "storage/engine/keys.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

using namespace std::string_literals;

namespace treadmill {

TEST_CASE("keys are the bytes that storage/README.md specifies") {
  CHECK(keys::meta("format") == "\x01"s + "format");
  CHECK(keys::catalogue("b") == "\x02"s + "b");
  CHECK(keys::dead_bucket(0x01020304) == "\x03\x01\x02\x03\x04"s);
  CHECK(keys::bucket_begin(7) == "\x10\0\0\0\x07"s);
  CHECK(keys::bucket_state(7) == "\x10\0\0\0\x07\0"s);
  CHECK(keys::document(7, "id") == "\x10\0\0\0\x07\x01"s + "id");
  CHECK(keys::losing_body(7, "id", "rev1-a") == "\x10\0\0\0\x07\x02"s + "id\0rev1-a"s);
  CHECK(keys::older_ancestry(7, "id") == "\x10\0\0\0\x07\x03"s + "id");
  CHECK(keys::activity(7, 0x0102) == "\x10\0\0\0\x07\x04\0\0\0\0\0\0\x01\x02"s);
  CHECK(keys::conflict(7, "id") == "\x10\0\0\0\x07\x07"s + "id");
  CHECK(keys::checkpoint(7, "peer") == "\x10\0\0\0\x07\x08"s + "peer");
  CHECK(keys::superseded(7, 0x0102) == "\x10\0\0\0\x07\x09\0\0\0\0\0\0\x01\x02"s);
  CHECK(keys::left_bucket("b") == "\x04"s + "b");
}

TEST_CASE("what a key was made from is read back") {
  CHECK(keys::id_of(keys::document(1, "an id")) == "an id");
  CHECK(keys::id_of(keys::conflict(1, "\xf0\x9f\x98\x80")) == "\xf0\x9f\x98\x80");
  CHECK(keys::bucket_name_of(keys::catalogue("places")) == "places");
  for (const uint64_t sequence : {uint64_t{0}, uint64_t{1}, uint64_t{255}, UINT64_MAX}) {
    CHECK(keys::sequence_of(keys::activity(9, sequence)) == sequence);
    CHECK(keys::sequence_of(keys::superseded(9, sequence)) == sequence);
  }
  for (const uint32_t number : {0U, 1U, 256U, UINT32_MAX}) {
    CHECK(keys::number_of(keys::dead_bucket(number)) == number);
  }
}

TEST_CASE("activity keys sort by sequence") {
  const std::vector<uint64_t> sequences{0, 1, 9, 10, 255, 256, 65535, 1ULL << 32, UINT64_MAX};
  for (size_t i = 0; i + 1 < sequences.size(); ++i) {
    CHECK(keys::activity(3, sequences[i]) < keys::activity(3, sequences[i + 1]));
    CHECK(keys::activity(3, sequences[i]) < keys::activity_end(3));
  }
}

TEST_CASE("every row of a bucket lies between its ends, and in those of no other bucket") {
  const std::string longest(512, '\xff');
  for (const uint32_t bucket : {0U, 1U, 255U, 256U, UINT32_MAX - 1, UINT32_MAX}) {
    const std::vector<std::string> rows{keys::bucket_state(bucket),
                                        keys::document(bucket, "a"),
                                        keys::document(bucket, longest),
                                        keys::losing_body(bucket, longest, "rev1-a"),
                                        keys::older_ancestry(bucket, longest),
                                        keys::activity(bucket, 0),
                                        keys::activity(bucket, UINT64_MAX),
                                        keys::conflict(bucket, longest),
                                        keys::checkpoint(bucket, "peer"),
                                        keys::superseded(bucket, 0),
                                        keys::superseded(bucket, UINT64_MAX)};
    CHECK(std::is_sorted(rows.begin(), rows.end()));
    for (const std::string& row : rows) {
      CHECK(row >= keys::bucket_begin(bucket));
      CHECK(row < keys::bucket_end(bucket));
      if (bucket > 0) CHECK(row >= keys::bucket_end(bucket - 1));
      if (bucket < UINT32_MAX) CHECK(row < keys::bucket_begin(bucket + 1));
    }
    CHECK(keys::document(bucket, longest) < keys::documents_end(bucket));
    CHECK(keys::losing_body(bucket, "", "") >= keys::documents_end(bucket));
    CHECK(keys::conflict(bucket, longest) < keys::conflicts_end(bucket));
    CHECK(keys::conflicts_end(bucket) <= keys::checkpoint(bucket, ""));
  }
}

TEST_CASE("a losing body's key belongs to one document only") {
  // Ids have no control characters, so the byte 0 ends one.
  CHECK(keys::losing_body(1, "a", "rev1-b") < keys::losing_body(1, "a!", "rev1-b"));
  CHECK(keys::losing_body(1, "a", "rev1-b") != keys::losing_body(1, "arev1-b", ""));
}

TEST_CASE("facts, names, dropped buckets and rows lie apart") {
  CHECK(keys::meta("zzz") < keys::catalogue(""));
  CHECK(keys::catalogue(std::string(128, 'z')) < keys::catalogue_end());
  CHECK(keys::catalogue_end() <= keys::dead_bucket(0));
  CHECK(keys::dead_bucket(UINT32_MAX) < keys::dead_buckets_end());
  CHECK(keys::dead_buckets_end() <= keys::left_bucket(""));
  CHECK(keys::left_bucket(std::string(128, 'z')) < keys::bucket_begin(0));
}

} // namespace treadmill
