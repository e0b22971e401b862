#include "storage/engine/commit_doubts.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/store.hpp"
#include "tests/crash/faulty_env.hpp"
#include <array>
#include <doctest/doctest.h>
#include <memory>
#include <string>

namespace treadmill {
namespace {

constexpr std::array<writer, 1> bucket{writer{1}};
constexpr std::array<writer, 1> index_of_it{writer{1, 7}};
constexpr std::array<writer, 1> other{writer{2}};

using test::faulty_env;

/// A store on a disk that can fail, with a bucket whose commits are not synced.
struct unsynced_bucket {
  unsynced_bucket() {
    store_options options;
    options.directory = "/store";
    options.env = &disk;
    options.free_floor_bytes = 1000;
    options.space = [this] { return disk_space{free_bytes, uint64_t{1} << 40}; };
    options.sync_directory = [this] { return disk.sync_directory(); };
    rows = store::open(options).value();
    safe = {rows->create_bucket("safe").value().number};
    bucket = {rows->create_bucket("b").value().number};
    index = {bucket.bucket, 1};
    REQUIRE(put(keys::document(safe.bucket, "a"), true));
    REQUIRE(put(keys::document(bucket.bucket, "a")));
    REQUIRE(put(keys::index_state(index.bucket, index.index)));
  }
  result<void> put(const std::string& key, bool sync = false) {
    row_batch batch;
    batch.put(key, "value");
    return commit(batch, sync);
  }
  result<void> commit(const row_batch& batch, bool sync = false) {
    const row_batch* only = &batch;
    return rows->commit({&only, 1}, sync);
  }

  faulty_env disk{};
  uint64_t free_bytes = uint64_t{1} << 30;
  std::unique_ptr<store> rows{};
  writer safe{};
  writer bucket{};
  writer index{};
};

} // namespace

TEST_CASE("a failure puts the writers of unsynced commits in doubt, and no others") {
  commit_doubts doubts;
  doubts.unsynced(other);
  doubts.synced();
  doubts.unsynced(bucket);
  doubts.unsynced(index_of_it);
  CHECK_FALSE(doubts.contains(bucket[0]));
  doubts.failed();
  CHECK(doubts.contains(bucket[0]));
  CHECK(doubts.contains(index_of_it[0]));
  CHECK_FALSE(doubts.contains(other[0]));
}

TEST_CASE("a doubt lasts until its writer reads the store again, and does not come back") {
  commit_doubts doubts;
  doubts.unsynced(bucket);
  doubts.failed();
  doubts.synced();
  CHECK(doubts.contains(bucket[0]));
  doubts.clear(bucket[0]);
  doubts.failed();
  CHECK_FALSE(doubts.contains(bucket[0]));
}

TEST_CASE("two failures in a row are one doubt") {
  commit_doubts doubts;
  doubts.unsynced(bucket);
  doubts.failed();
  doubts.unsynced(bucket);
  doubts.failed();
  doubts.clear(bucket[0]);
  doubts.failed();
  CHECK_FALSE(doubts.contains(bucket[0]));
}

TEST_CASE("a refused batch puts its bucket in doubt, and no index") {
  commit_doubts doubts;
  doubts.refused(bucket);
  doubts.refused(index_of_it);
  CHECK(doubts.contains(bucket[0]));
  CHECK_FALSE(doubts.contains(index_of_it[0]));
}

TEST_CASE("the key of a row names its writer") {
  CHECK(keys::writer_of(keys::bucket_state(7)) == writer{7});
  CHECK(keys::writer_of(keys::document(7, "a")) == writer{7});
  CHECK(keys::writer_of(keys::checkpoint(7, "peer")) == writer{7});
  CHECK(keys::writer_of(keys::index_state(7, 8)) == writer{7, 8});
  CHECK(keys::writer_of(keys::index_row(7, 8, "suffix")) == writer{7, 8});
  for (const std::string& key :
       {keys::query(7, "by_name"), keys::last_index(7), keys::dead_bucket(7),
        keys::dead_index(7, 8), keys::catalogue("bucket"), keys::meta("peers"), std::string()})
    CHECK_FALSE(keys::writer_of(key));
}

TEST_CASE("whatever call meets a failing disk, the writers of unsynced commits are in doubt") {
  unsynced_bucket f;
  store& rows = *f.rows;
  f.disk.arm_at(faulty_env::call::sync, 1, faulty_env::fault::io_error);
  SUBCASE("a sync") { CHECK(rows.sync().error().code == ec::ambiguous); }
  SUBCASE("a commit of another writer") {
    CHECK(f.put(keys::meta("peers"), true).error().code == ec::ambiguous);
  }
  SUBCASE("the making of a bucket") { CHECK_FALSE(rows.create_bucket("new")); }
  SUBCASE("the drop of one") { CHECK_FALSE(rows.drop_bucket("safe")); }
  SUBCASE("the removal of a dropped bucket's rows") {
    f.disk.disarm();
    REQUIRE(rows.drop_bucket("safe"));
    REQUIRE(f.put(keys::document(f.bucket.bucket, "b")));
    REQUIRE(f.put(keys::index_state(f.index.bucket, f.index.index)));
    f.disk.arm_at(faulty_env::call::append, 1, faulty_env::fault::io_error);
    CHECK_FALSE(rows.clean_up());
  }
  f.disk.disarm();
  REQUIRE(rows.failures() == 1);
  CHECK(rows.reopens() == 0);
  REQUIRE(rows.try_reopen());
  CHECK(rows.reopens() == 1);
  CHECK(rows.in_doubt(f.bucket));
  CHECK(rows.in_doubt(f.index));
  CHECK_FALSE(rows.in_doubt(f.safe));
  rows.clear_doubt(f.bucket);
  CHECK_FALSE(rows.in_doubt(f.bucket));
  CHECK(rows.in_doubt(f.index));
}

TEST_CASE("a commit that is refused for lack of space puts its bucket in doubt") {
  unsynced_bucket f;
  f.free_bytes = 10;
  while (f.rows->check_space()) {
  }
  CHECK_FALSE(f.rows->in_doubt(f.bucket));
  CHECK(f.put(keys::document(f.bucket.bucket, "b")).error().code == ec::disk_full);
  CHECK(f.rows->in_doubt(f.bucket));
  CHECK_FALSE(f.rows->in_doubt(f.safe));
}

TEST_CASE("a sync, and a reopen without a failure, leave nobody in doubt") {
  unsynced_bucket f;
  SUBCASE("a sync") { REQUIRE(f.rows->sync()); }
  SUBCASE("a commit with a sync") { REQUIRE(f.put(keys::meta("peers"), true)); }
  SUBCASE("a reopen") { REQUIRE(f.rows->try_reopen()); }
  f.disk.arm_at(faulty_env::call::sync, 1, faulty_env::fault::io_error);
  CHECK_FALSE(f.put(keys::meta("peers"), true));
  CHECK_FALSE(f.rows->in_doubt(f.bucket));
  CHECK_FALSE(f.rows->in_doubt(f.index));
}

TEST_CASE("a writer that a batch names depends on it, also in a batch that was appended") {
  unsynced_bucket f;
  const writer named{f.bucket.bucket, 9};
  row_batch first;
  first.put(keys::last_index(named.bucket), "number");
  first.name_writer(named);
  row_batch batch;
  SUBCASE("itself") { batch = std::move(first); }
  SUBCASE("appended") { batch.append(first); }
  REQUIRE(f.commit(batch));
  f.disk.arm_at(faulty_env::call::sync, 1, faulty_env::fault::io_error);
  CHECK_FALSE(f.rows->sync());
  CHECK(f.rows->in_doubt(named));
}

} // namespace treadmill
