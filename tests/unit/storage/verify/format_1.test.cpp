#include "storage/engine/bucket_core.hpp"
#include "storage/engine/keys.hpp"
#include "storage/verify/verify.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <leveldb/db.h>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <vector>

/// tests/unit/storage/format_1/store is a store that the last version of format 1 wrote: a bucket
/// with every kind of row, an empty bucket, and the mark of one that was dropped.
namespace treadmill {
namespace {

namespace fs = std::filesystem;

using rows_map = std::map<std::string, std::string>;

/// A copy of that store.
class old_store {
public:
  old_store() { fs::copy(TREADMILL_SOURCE "/tests/unit/storage/format_1/store", path()); }

  std::string path() const { return folder_ / "store"; }
  std::string format_file() const {
    std::ostringstream text;
    text << std::ifstream(folder_ / "store/FORMAT").rdbuf();
    return text.str();
  }
  /// All rows, by LevelDB alone.
  rows_map raw_rows() {
    rows.reset();
    leveldb::DB* opened = nullptr;
    REQUIRE(leveldb::DB::Open({}, path(), &opened).ok());
    const std::unique_ptr<leveldb::DB> db(opened);
    rows_map found;
    const std::unique_ptr<leveldb::Iterator> at(db->NewIterator({}));
    for (at->SeekToFirst(); at->Valid(); at->Next())
      found[at->key().ToString()] = at->value().ToString();
    return found;
  }
  store& open() {
    rows.reset();
    store_options options;
    options.directory = path();
    options.free_floor_bytes = 0;
    options.warn = [this](std::string_view text) { warnings.emplace_back(text); };
    auto opened = store::open(options);
    REQUIRE_MESSAGE(opened.has_value(), opened.error().reason);
    rows = std::move(*opened);
    return *rows;
  }

private:
  const cluster::temporary_folder folder_{};

public:
  std::vector<std::string> warnings{};
  std::unique_ptr<store> rows{}; // warns until its end
};

} // namespace

TEST_CASE("a store of format 1 is opened, and only its version changes") {
  old_store old;
  CHECK(old.format_file().find("treadmill store, format 1, node ") == 0);
  rows_map before = old.raw_rows();
  std::set<char> kinds;
  for (const auto& [key, value] : before)
    if (key.front() == 0x10) kinds.insert(key[keys::document_prefix - 1]);
  CHECK(kinds.size() == 10); // every kind of row that format 1 has
  CHECK(before.count(keys::left_bucket("dropped")) == 1);
  CHECK(before.at(keys::meta("format")) == "1");

  const std::string node_id = old.open().node_id();
  CHECK(old.format_file() == "treadmill store, format 2, node " + node_id + "\n");
  REQUIRE(old.warnings.size() == 1);
  CHECK(old.warnings.front() == "the store was upgraded from format 1 to format 2: older versions "
                                "cannot open it any more");
  CHECK(before.at(keys::meta("node")) == node_id);
  before.at(keys::meta("format")) = "2";
  CHECK(old.raw_rows() == before);

  old.open();
  CHECK(old.warnings.size() == 1); // once
}

TEST_CASE("what a store of format 1 holds is whole, and takes further writes") {
  old_store old;
  store& rows = old.open();
  CHECK(rows.buckets().size() == 2);
  for (const bucket_info& bucket : rows.buckets()) {
    const auto report = verify_bucket(rows.snapshot(), bucket);
    REQUIRE(report);
    CHECK_MESSAGE(report->whole(), report->text());
  }
  CHECK(verify_catalogue(rows)->whole());
  const uint32_t people = rows.find_bucket("people")->number;
  const bucket_state state = rows.latest().state(people).value();
  CHECK(state.documents == 10);
  CHECK(state.deleted == 1);
  CHECK(state.conflicts == 2);
  CHECK(state.queries == 2);
  CHECK(state.sequence == 117);
  CHECK(state.features == 0);
  CHECK(rows.latest().leaf_body(people, "theirs", revision(2, "y")).value() == R"({"l":1})");
  CHECK(rows.latest().full_tree(people, "long").value().nodes().size() == 100);

  bucket_core core(people, state, [&](std::string_view key) { return rows.latest().read(key); });
  write_op op;
  op.id = "city";
  op.body = R"({"city":"Paris"})";
  REQUIRE(core.apply(op).ok());
  const auto batch = core.take_batch();
  const row_batch* only = &batch.rows;
  REQUIRE(rows.commit({&only, 1}, true));
  const auto report = verify_bucket(rows.snapshot(), *rows.find_bucket("people"));
  CHECK_MESSAGE(report->whole(), report->text());
}

} // namespace treadmill
