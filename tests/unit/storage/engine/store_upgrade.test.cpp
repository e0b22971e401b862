#include "storage/engine/bucket_core.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/store.hpp"
#include <doctest/doctest.h>
#include <leveldb/env.h>
#include <leveldb/helpers/memenv.h>
#include <memory>
#include <string>

namespace treadmill {
namespace {

/// A store that is closed and opened again.
class kept_store {
public:
  kept_store() : env_(leveldb::NewMemEnv(leveldb::Env::Default())) { open(); }
  void open() {
    rows_.reset();
    store_options options;
    options.directory = "/store";
    options.env = env_.get();
    rows_ = std::move(store::open(options).value());
  }
  store& rows() { return *rows_; }
  bool marked() const {
    return rows_->latest().read(keys::meta(keys::claims_counted)).value().has_value();
  }
  bucket_state state(uint32_t bucket) const { return rows_->latest().state(bucket).value(); }

  /// A document with a leaf that wins, one that loses, and a tombstone; or one of Treadmill's.
  void fill(uint32_t bucket, bool elsewhere) {
    bucket_core core(bucket, state(bucket),
                     [this](std::string_view key) { return rows_->latest().read(key); });
    write_op op;
    op.id = "own";
    op.body = "{}";
    REQUIRE(core.apply(op).ok());
    if (elsewhere) {
      replicated_document document;
      document.id = "theirs";
      document.tree.add(revision(2, "w"), revision(1, "p"), false, true);
      document.tree.add(revision(1, "l"), {}, false, true);
      document.tree.add(revision(1, "t"), {}, true, true);
      document.bodies = {{revision(2, "w"), R"({"w":1})"}, {revision(1, "l"), R"({"l":1})"}};
      REQUIRE(core.merge(document));
    }
    const auto batch = core.take_batch();
    const row_batch* rows = &batch.rows;
    REQUIRE(rows_->commit({&rows, 1}, true));
  }

  std::string format_file() const {
    std::string text;
    REQUIRE(leveldb::ReadFileToString(env_.get(), "/store/FORMAT", &text).ok());
    return text;
  }
  std::string format_row() const { return *rows_->latest().read(keys::meta("format")).value(); }
  /// Closes the store with these versions. An empty one: the file is not there.
  void close_as(std::string_view file, std::string_view row) {
    row_batch batch;
    batch.put(keys::meta("format"), row);
    const row_batch* only = &batch;
    REQUIRE(rows_->commit({&only, 1}, true));
    const std::string line =
        "treadmill store, format " + std::string(file) + ", node " + rows_->node_id() + "\n";
    rows_.reset();
    REQUIRE(env_->RemoveFile("/store/FORMAT").ok());
    if (!file.empty()) REQUIRE(leveldb::WriteStringToFile(env_.get(), line, "/store/FORMAT").ok());
  }
  result<void> try_open() {
    store_options options;
    options.directory = "/store";
    options.env = env_.get();
    const auto opened = store::open(options);
    return opened ? result<void>() : tl::unexpected(opened.error());
  }

  /// As a version left it that did not count what leaves are.
  void make_old(uint32_t bucket, const hash128& digest) {
    bucket_state old = state(bucket);
    old.digest = digest;
    row_batch rows;
    rows.put(keys::bucket_state(bucket), old.encode());
    rows.remove(keys::meta(keys::claims_counted));
    const row_batch* only = &rows;
    REQUIRE(rows_->commit({&only, 1}, true));
  }

private:
  std::unique_ptr<leveldb::Env> env_;
  std::unique_ptr<store> rows_{};
};

} // namespace

TEST_CASE("digests of before are made anew once, where leaves were made elsewhere") {
  kept_store kept;
  CHECK(kept.marked()); // a new store has nothing to make anew
  const uint32_t mixed = kept.rows().create_bucket("mixed").value().number;
  const uint32_t own = kept.rows().create_bucket("own").value().number;
  kept.fill(mixed, true);
  kept.fill(own, false);
  const bucket_state right = kept.state(mixed);
  const bucket_state untouched = kept.state(own);
  hash128 old = right.digest;
  revision_tree tree;
  tree.add(revision(2, "w"), revision(1, "p"), false, true);
  old = subtract(old, claim_digest("theirs", *tree.find(revision(2, "w")), R"({"w":1})"));
  tree.add(revision(1, "l"), {}, false, true);
  old = subtract(old, claim_digest("theirs", *tree.find(revision(1, "l")), R"({"l":1})"));
  tree.add(revision(1, "t"), {}, true, true);
  old = subtract(old, claim_digest("theirs", *tree.find(revision(1, "t")), ""));
  CHECK(old != right.digest);
  for (const hash128& before : {old, right.digest}) { // also where it was done but for the mark
    kept.make_old(mixed, before);
    CHECK(!kept.marked());
    kept.open();
    CHECK(kept.marked());
    CHECK(kept.state(mixed) == right);
    CHECK(kept.state(own) == untouched);
  }
}

TEST_CASE("a store that is marked is not looked at again") {
  kept_store kept;
  const uint32_t bucket = kept.rows().create_bucket("b").value().number;
  kept.fill(bucket, true);
  bucket_state wrong = kept.state(bucket);
  wrong.digest = {};
  row_batch rows;
  rows.put(keys::bucket_state(bucket), wrong.encode());
  const row_batch* only = &rows;
  REQUIRE(kept.rows().commit({&only, 1}, true));
  kept.open();
  CHECK(kept.state(bucket) == wrong);
}

TEST_CASE("what cannot be read keeps its digest and is looked at again, the others are made anew") {
  kept_store kept;
  const uint32_t good = kept.rows().create_bucket("good").value().number;
  const uint32_t bad = kept.rows().create_bucket("bad").value().number;
  kept.fill(good, true);
  kept.fill(bad, true);
  const bucket_state right = kept.state(good);
  row_batch rows;
  rows.put(keys::document(bad, "broken"), "");
  const row_batch* only = &rows;
  REQUIRE(kept.rows().commit({&only, 1}, true));
  kept.make_old(good, {});
  const bucket_state left = kept.state(bad);
  kept.open();
  CHECK(!kept.marked());
  CHECK(kept.state(good) == right);
  CHECK(kept.state(bad) == left);
}

TEST_CASE("an upgrade of the format is finished, wherever it ended") {
  kept_store kept;
  const std::string whole = kept.format_file();
  const std::pair<const char*, const char*> left[] = {{"1", "1"}, {"1", "2"}, {"", "1"}, {"", "2"}};
  for (const auto& [file, row] : left) {
    kept.close_as(file, row);
    kept.open();
    CHECK(kept.format_row() == "2");
    CHECK(kept.format_file() == whole);
  }
}

TEST_CASE("a database that is older than its file FORMAT is refused and left as it is") {
  kept_store kept;
  kept.close_as("2", "1");
  const auto opened = kept.try_open();
  REQUIRE(!opened);
  CHECK(opened.error().code == ec::corrupt);
  CHECK(opened.error().reason.find("the file FORMAT is of a later state than the database") == 0);
  CHECK(!kept.try_open());
}

} // namespace treadmill
