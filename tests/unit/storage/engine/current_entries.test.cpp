#include "storage/engine/current_entries.hpp"
#include "storage/index/index_run.hpp"
#include "tests/unit/storage/engine/local_bucket.hpp"
#include <doctest/doctest.h>
#include <set>

namespace treadmill {
namespace {

/// Edits of a bucket, and the last entry of each of its documents.
class edited_bucket : public tests::local_bucket {
public:
  void edit(const std::string& id) {
    ok(tests::put(id, "{\"edit\":" + std::to_string(++edits_) + "}"));
    last_[id] = core().state().sequence;
  }
  std::set<uint64_t> current() const {
    std::set<uint64_t> sequences;
    for (const auto& [id, sequence] : last_) sequences.insert(sequence);
    return sequences;
  }
  std::set<uint64_t> scanned(uint64_t from, uint64_t to) const {
    std::set<uint64_t> sequences;
    while (from <= to) {
      size_t given = 0;
      const auto looked = scan_current_entries(
          view(), number(), from, to, [&](std::string_view key, std::string_view value) {
            ++given;
            sequences.insert(keys::sequence_of(key));
            return activity_entry::decode(0, value).has_value();
          });
      REQUIRE(looked);
      REQUIRE(looked->up_to >= from);
      CHECK(looked->last == looked->up_to);
      CHECK(looked->up_to + 1 - from - given <= superseded_entries);
      from = looked->up_to + 1;
    }
    return sequences;
  }

private:
  int edits_ = 0;
  std::map<std::string, uint64_t> last_{};
};

} // namespace

TEST_CASE("current entries are those that no later one has superseded") {
  edited_bucket bucket;
  CHECK(bucket.scanned(1, 0).empty());
  for (int i = 0; i < 2500; ++i) bucket.edit("busy");
  for (int i = 0; i < 300; ++i) bucket.edit("once" + std::to_string(i));
  for (int i = 0; i < 3000; ++i) bucket.edit("turn" + std::to_string(i % 7));
  CHECK(bucket.check().size() == 5800);
  CHECK(bucket.scanned(1, 5800) == bucket.current());
  CHECK(bucket.scanned(2500, 2500) == std::set<uint64_t>{2500});
  CHECK(bucket.scanned(2, 2499).empty());
}

TEST_CASE("a scan of current entries ends where it is told to") {
  edited_bucket bucket;
  for (const char* id : {"a", "b", "a", "c", "d"}) bucket.edit(id);
  bucket.commit();
  std::vector<uint64_t> seen;
  REQUIRE(scan_current_entries(bucket.view(), bucket.number(), 1, 5,
                               [&](std::string_view key, std::string_view) {
                                 seen.push_back(keys::sequence_of(key));
                                 return seen.size() < 2;
                               }));
  CHECK(seen == std::vector<uint64_t>{2, 3});
}

TEST_CASE("an index is made without a look at the documents of superseded entries") {
  edited_bucket bucket;
  for (const char* id : {"kept", "lost"}) bucket.edit(id);
  for (int i = 0; i < 1100; ++i) bucket.edit("busy");
  bucket.commit();
  row_batch damage;
  damage.remove(keys::document(bucket.number(), "lost"));
  const auto documents = [&](const row_batch& change) {
    const row_batch* rows = &change;
    REQUIRE(bucket.rows().commit({&rows, 1}, false));
    index_run run(bucket.rows(), bucket.view(), 1102, {bucket.number(), 1}, {}, reduction::none);
    result<std::vector<std::string>> ids;
    for (auto part = run.next_part();; part = run.next_part()) {
      if (!part) return result<std::vector<std::string>>(tl::unexpected(part.error()));
      if (!*part) return ids;
      for (const run_document& one : (*part)->documents) ids->push_back(one.id);
    }
  };
  CHECK(documents(damage).error().code == ec::corrupt);
  damage.put(keys::superseded(bucket.number(), 2), "");
  const auto ids = documents(damage);
  REQUIRE(ids);
  CHECK(*ids == std::vector<std::string>{"kept", "busy"});
}

TEST_CASE("an index is not made of a log whose end is missing") {
  edited_bucket bucket;
  for (const char* id : {"a", "b", "a", "c"}) bucket.edit(id);
  bucket.commit();
  index_run run(bucket.rows(), bucket.view(), 6, {bucket.number(), 1}, {}, reduction::none);
  const auto first = run.next_part();
  REQUIRE(first);
  CHECK((*first)->documents.size() == 3);
  const auto next = run.next_part();
  REQUIRE_FALSE(next);
  CHECK(next.error().code == ec::corrupt);
}

} // namespace treadmill
