// In one file: the tests share the store below, in which each of them damages something else.
#include "storage/verify/verify.hpp"
#include "storage/base/defaults.hpp"
#include "storage/documents/features.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/index/block_tree.hpp"
#include "storage/index/index_run.hpp"
#include "tests/unit/storage/engine/local_bucket.hpp"
#include "tests/unit/storage/index/local_index.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <functional>

namespace treadmill {
namespace {

constexpr uint32_t sums = 1;   ///< the index of the query `sum`
constexpr uint32_t nested = 2; ///< of `nest`, whose reduction stands for JavaScript
constexpr uint32_t plain = 3;  ///< of `plain`, without a reduction
constexpr uint32_t unborn = 4; ///< given, and served by nothing
constexpr int documents = 400;

std::string name(int number) {
  std::string digits = std::to_string(number);
  return "d" + std::string(4 - digits.size(), '0') + digits;
}

/// A bucket with everything that a bucket can have, which is then damaged.
class full_bucket : public tests::local_bucket {
public:
  full_bucket() {
    for (int i = 0; i < documents; ++i)
      ok(tests::put(name(i), "{\"n\":" + std::to_string(i) + "}"));
    for (int i = 0; i < documents; i += 50) ok(tests::remove(name(i)));
    revision at = ok(tests::put("deep", "{}"));
    for (int i = 0; i < 150; ++i)
      at = ok(tests::put("deep", "{\"edit\":" + std::to_string(i) + "}", at));
    plant("torn", torn.tree, torn.bodies);
    define("sum", "_sum");
    define("nest", "(k, v) => v");
    define("plain", "");
    row_batch rows;
    rows.put(keys::checkpoint(number(), "peer"), checkpoint{{1}, 7, {2}}.encode());
    rows.put(keys::last_index(number()), encode_last_index(unborn));
    change(rows);
    for (const uint32_t index : {sums, nested, plain}) build(index);
    ok(tests::put(name(7), R"({"n":-7})", view().full_tree(number(), name(7))->winner()->rev));
    ok(tests::remove(name(8)));
    commit();
    for (const uint32_t index : {sums, nested, plain}) build(index);
  }

  index_state state_of(uint32_t index) const {
    const auto bytes = view().read(keys::index_state(number(), index)).value();
    return bytes ? index_state::decode(*bytes).value() : index_state{};
  }
  bucket_state state() const { return view().state(number()).value(); }
  std::string bytes_of(const std::string& key) const {
    const auto bytes = view().read(key).value();
    REQUIRE(bytes);
    return *bytes;
  }
  /// The key of the only row that a document has in an index.
  std::string row_of(uint32_t index, const std::string& id) const {
    const auto terms = decode_reverse(bytes_of(keys::index_reverse(number(), index, id))).value();
    return keys::index_row(number(), index, row_suffix(terms.at(0), id, 0));
  }
  /// The first partial result of a level that does not begin at the beginning.
  std::string partial_of(uint32_t index, unsigned level) const {
    std::string found;
    REQUIRE(view().scan(keys::index_partial(number(), index, level, "\1"),
                        keys::index_partial(number(), index, level, "\xff"),
                        [&](std::string_view key, std::string_view) {
                          found = key;
                          return false;
                        }));
    REQUIRE(!found.empty());
    return found;
  }

  /// Maps run again, as `run_map` says.
  bucket_report report(const map_runner& run_map) {
    auto made = verify_bucket(rows().snapshot(), {"b", number(), {}}, {}, run_map);
    REQUIRE(made);
    return std::move(*made);
  }
  bucket_report report() {
    return report([](const std::string&, const std::vector<run_document>& given) {
      return map_documents(given);
    });
  }

  /// The map of `n`, where there is one.
  static std::vector<run_rows> map_documents(const std::vector<run_document>& given) {
    std::vector<run_rows> mapped;
    for (const run_document& document : given) {
      run_rows& made = mapped.emplace_back();
      if (!document.body.starts_with("{\"n\":")) continue;
      const std::string n = document.body.substr(5, document.body.size() - 6);
      made.rows.push_back(tests::emitted("[" + n + "]", n));
    }
    return mapped;
  }

  /// With these changes made, the report has that problem; then they are taken back.
  void sees(const row_batch& damage, const std::string& where, const std::string& what) {
    row_batch back;
    const auto keep = [&](std::string_view key) {
      if (const auto before = view().read(key).value()) {
        back.put(key, *before);
      } else {
        back.remove(key);
      }
    };
    damage.for_each([&](std::string_view key, std::string_view) { keep(key); }, keep);
    change(damage);
    const bucket_report found = report();
    change(back);
    CHECK_MESSAGE(std::any_of(found.problems.begin(), found.problems.end(),
                              [&](const verify_problem& problem) {
                                return problem.where == where && problem.what == what;
                              }),
                  found.text(), "lacks ", where, ": ", what);
  }
  void sees_put(const std::string& key, const std::string& value, const std::string& where,
                const std::string& what) {
    row_batch damage;
    damage.put(key, value);
    sees(damage, where, what);
  }
  void sees_removed(const std::string& key, const std::string& where, const std::string& what) {
    row_batch damage;
    damage.remove(key);
    sees(damage, where, what);
  }
  /// A document's row, changed.
  void sees_document(const std::string& id, const std::function<void(document_row&)>& how,
                     const std::string& what) {
    const std::string key = keys::document(number(), id);
    const std::string bytes = bytes_of(key);
    document_row row = document_row::decode(bytes).value();
    how(row);
    sees_put(key, row.encode(), "b/" + id, what);
  }
  void sees_state(const std::function<void(bucket_state&)>& how, const std::string& what) {
    bucket_state changed = state();
    how(changed);
    sees_put(keys::bucket_state(number()), changed.encode(), "b", what);
  }
  void sees_index(uint32_t index, const std::function<void(index_state&)>& how,
                  const std::string& what) {
    index_state changed = state_of(index);
    how(changed);
    sees_put(keys::index_state(number(), index), changed.encode(), "b/_query/" + query(index),
             what);
  }

  static std::string query(uint32_t index) {
    return index == sums ? "sum" : index == nested ? "nest" : "plain";
  }

  const tests::conflict torn{};

  void change(const row_batch& batch) {
    const row_batch* only = &batch;
    REQUIRE(rows().commit({&only, 1}, false));
  }

private:
  void define(const std::string& query_name, const std::string& reduce) {
    const query_definition definition{"doc => doc.n", reduce};
    ok(tests::put(query_document_id(query_name), definition_body(definition)));
    commit();
    query_row row;
    row.index = query_name == "sum" ? sums : query_name == "nest" ? nested : plain;
    row.definition = definition_body(definition);
    row_batch batch;
    batch.put(keys::query(number(), query_name), row.encode());
    change(batch);
  }

  static reduction how(uint32_t index) {
    return index == sums     ? reduction::sum
           : index == nested ? reduction::javascript
                             : reduction::none;
  }

  /// Brings an index up to date, as a view does.
  void build(uint32_t index) {
    index_state at = state_of(index);
    at.target = state().sequence;
    index_run run(rows(), rows().snapshot(), at.target, {number(), index}, at, how(index));
    for (;;) {
      while (const auto part = run.next_part().value()) {
        run.mapped(part->number, map_documents(part->documents));
      }
      index_run::step step = run.next_step().value();
      if (step.what == index_run::step::kind::done) return;
      if (step.what == index_run::step::kind::reduce) {
        std::vector<reduced_value> values;
        for (const reduce_block& block : step.blocks)
          values.push_back(tests::reduce_to_nest(block));
        run.reduced(std::move(values));
      }
      if (step.what == index_run::step::kind::commit) change(step.rows);
    }
  }
};

revision_tree deep_tree_without_root(const full_bucket& bucket) {
  const revision_tree older =
      revision_tree::decode(bucket.bytes_of(keys::older_ancestry(bucket.number(), "deep")),
                            1U << 30)
          .value();
  return older;
}

} // namespace

TEST_CASE("a bucket with conflicts, deletions, deep histories and queries is whole") {
  full_bucket bucket;
  const bucket_report report = bucket.report();
  CHECK_MESSAGE(report.whole(), report.text());
  CHECK(report.counted == bucket.state());
  CHECK(report.counted.conflicts == 1);
  CHECK(report.counted.deleted == documents / 50 + 1);
  CHECK(report.indexes == 3);
  CHECK(report.index_rows == 3 * (documents - report.counted.deleted));
  CHECK(bucket.state_of(sums).levels > 1);
  CHECK(bucket.state_of(sums).changes == 2);
  CHECK(report.text().find(": whole\n") != std::string::npos);
  CHECK(report.json().starts_with(R"({"bucket":"b","whole":true,"documents":393,"deleted":9,)"));
}

TEST_CASE("an empty bucket is whole") {
  tests::local_bucket bucket;
  const auto report = verify_bucket(bucket.rows().snapshot(), {"b", bucket.number(), {}});
  REQUIRE(report);
  CHECK(report->whole());
}

TEST_CASE("verify tells what is wrong with a document") {
  full_bucket bucket;
  const uint32_t number = bucket.number();
  const auto key = [&](const std::string& id) { return keys::document(number, id); };
  bucket.sees_put(key("d0001"), "\xff", "b/d0001", "a stored document cannot be read");
  bucket.sees_document(
      "deep", [](document_row& row) { row.tree_bytes = "\xff"; },
      "a stored revision tree is damaged");
  bucket.sees_document(
      "torn", [&](document_row& row) { row.winner = bucket.torn.b; },
      "its winner is not that of its revision tree");
  bucket.sees_document(
      "torn", [](document_row& row) { row.deleted = true; },
      "it is marked as deleted, and its winner is live");
  bucket.sees_document(
      "torn", [](document_row& row) { row.conflicts = false; },
      "it has conflicts, and is marked as one that has none");
  bucket.sees_document(
      "deep", [](document_row& row) { row.conflicts = true; },
      "it is marked as one with conflicts, and has none");
  bucket.sees_document(
      "d0001", [](document_row& row) { row.body = "{}"; },
      "a revision's hash is not that of its document");
  bucket.sees_document(
      "d0001", [](document_row& row) { row.body = "{ }"; },
      "a revision's hash is not that of its document");
  bucket.sees_document(
      "d0008", [](document_row& row) { row.body = "{}"; }, "it is deleted, and has a body");
  bucket.sees_document(
      "d0008", [](document_row& row) { row.deleted = false; },
      "it is marked as live, and its winner is a tombstone");
  bucket.sees_document(
      "d0001", [](document_row& row) { row.sequence = 9999; },
      "its sequence 9999 is not in the activity");
  bucket.sees_document(
      "d0001", [](document_row& row) { row.sequence = 1; },
      "its sequence 1 is about another document");
  const uint64_t first_of_deep =
      document_row::decode(bucket.bytes_of(key("deep"))).value().sequence - 150;
  bucket.sees_document(
      "deep", [&](document_row& row) { row.sequence = first_of_deep; },
      "its sequence is " + std::to_string(first_of_deep) +
          ", and the activity has a later entry, " + std::to_string(first_of_deep + 1));
  bucket.sees_put(key("\x01"
                      "a"),
                  bucket.bytes_of(key("d0001")), "b/\\x01a",
                  "an id must not contain control characters");
}

TEST_CASE("verify tells what is wrong with what belongs to a document") {
  full_bucket bucket;
  const uint32_t number = bucket.number();
  const std::string b = bucket.torn.b.text();
  bucket.sees_removed(keys::losing_body(number, "torn", b), "b/torn",
                      "the body of its conflict " + b + " is missing");
  bucket.sees_put(keys::losing_body(number, "torn", b), "{}", "b/torn",
                  "a revision's hash is not that of its document");
  bucket.sees_put(keys::losing_body(number, "nobody", b), "{}", "b/nobody",
                  "there is a body of a document that is not there");
  bucket.sees_put(keys::losing_body(number, "d0001", b), "{}", "b/d0001",
                  "there is a body of a revision that is no conflict");
  bucket.sees_put(keys::losing_body(number, "torn", "rev"), "{}", "b/torn",
                  "there is a body of a revision that is no conflict");
  bucket.sees_removed(keys::older_ancestry(number, "deep"), "b/deep",
                      "its older ancestry is missing");
  bucket.sees_put(keys::older_ancestry(number, "deep"), "\xff", "b/deep",
                  "its older ancestry cannot be read");
  revision_tree stranger = deep_tree_without_root(bucket);
  stranger.add(make_revision({}, false, "{\"else\":1}"), {}, false);
  bucket.sees_put(keys::older_ancestry(number, "deep"), stranger.encode(), "b/deep",
                  "its older ancestry has leaves of its own");
  bucket.sees_put(keys::older_ancestry(number, "nobody"), "", "b/nobody",
                  "there is older ancestry of a document that is not there");
  bucket.sees_put(keys::older_ancestry(number, "d0001"), "", "b/d0001",
                  "there is older ancestry that its row does not know of");
  bucket.sees_removed(keys::conflict(number, "torn"), "b/torn",
                      "it is missing among the conflicts");
  bucket.sees_put(keys::conflict(number, "d0001"), "", "b/d0001",
                  "it is among the conflicts, and has none");
  bucket.sees_put(keys::conflict(number, "nobody"), "", "b/nobody",
                  "there is a mark of conflicts of a document that is not there");
}

TEST_CASE("verify tells what is wrong with the activity") {
  full_bucket bucket;
  const uint32_t number = bucket.number();
  const std::string key = keys::activity(number, 3);
  activity_entry entry = activity_entry::decode(3, bucket.bytes_of(key)).value();
  bucket.sees_put(key, "\xff", "b/_activity/3", "a stored activity entry cannot be read");
  bucket.sees_removed(key, "b/_activity/4", "the entries before it are missing, from 3 on");
  activity_entry changed = entry;
  changed.chain[0] ^= 1;
  bucket.sees_put(key, changed.encode(), "b/_activity/3",
                  "its chain value is not that of the entries up to it");
  changed = entry;
  changed.id = "nobody";
  bucket.sees_put(key, changed.encode(), "b/_activity/3",
                  "it is about a document that is not there");
  changed = entry;
  changed.deleted = true;
  bucket.sees_put(key, changed.encode(), "b/" + entry.id,
                  "the activity says at its sequence 3 that it is deleted");
  bucket.sees_put(keys::superseded(number, 3), "", "b/" + entry.id,
                  "its sequence 3 is marked as superseded");
  const uint64_t next = bucket.state().sequence + 1;
  bucket.sees_put(keys::superseded(number, next), "", "b/_activity/" + std::to_string(next),
                  "it is marked as superseded, and not in the activity");
}

TEST_CASE("verify tells what is wrong with a bucket's counts and its other rows") {
  full_bucket bucket;
  const uint32_t number = bucket.number();
  bucket.sees_put(keys::bucket_state(number), "\xff", "b", "a stored bucket state cannot be read");
  const std::string last = std::to_string(bucket.state().sequence);
  bucket.sees_state([](bucket_state& state) { state.sequence = 2; },
                    "its sequence is 2, and the activity ends at " + last);
  bucket.sees_state([](bucket_state& state) { state.chain = {}; },
                    "its chain value is not that of the last entry");
  bucket.sees_state([](bucket_state& state) { state.digest = {}; },
                    "its digest is not that of its documents");
  bucket.sees_state([](bucket_state& state) { state.documents = 1; },
                    "it counts 1 documents and has 393");
  bucket.sees_state([](bucket_state& state) { state.deleted = 1; },
                    "it counts 1 deleted documents and has 9");
  bucket.sees_state([](bucket_state& state) { state.conflicts = 4; },
                    "it counts 4 conflicts and has 1");
  bucket.sees_state([](bucket_state& state) { state.queries = 4; },
                    "it counts 4 queries and has 3");
  bucket.sees_put(keys::checkpoint(number, "peer"), "x", "b/_checkpoint/peer",
                  "a stored checkpoint cannot be read");
  bucket.sees_put(keys::bucket_begin(number) + '\x70', "", "b", "it has a row of an unknown kind");
  bucket.sees_put(keys::bucket_state(number) + 'x', "", "b", "it has a row of an unknown kind");
  bucket.sees_put(keys::activity(number, 1) + 'x', "", "b", "it has a row of an unknown kind");
  bucket.sees_put(keys::bucket_begin(number) + '\x05', "", "b", "it has a row of an unknown kind");
  bucket.sees_put(keys::bucket_begin(number), "", "b", "a key is too short");
}

TEST_CASE("verify tells which features a bucket's state lacks") {
  full_bucket bucket;
  const std::string body = R"({"n":1234567890123456789012345,"rev":2})";
  bucket.ok(tests::put("featured", body));
  bucket.commit();
  const bucket_report report = bucket.report();
  CHECK_MESSAGE(report.whole(), report.text());
  bucket_state without = bucket.state();
  CHECK(without.features == (feature::long_integers | feature::own_members));
  without.features = feature::long_integers;
  bucket.sees_put(keys::bucket_state(bucket.number()), without.encode(), "b/featured",
                  "it has own_members, which its bucket's features lack");
}

TEST_CASE("rows of the kinds that a version need not know are no problem") {
  full_bucket bucket;
  row_batch rows;
  rows.put(keys::bucket_begin(bucket.number()) + '\x80', "?");
  rows.put(keys::bucket_begin(bucket.number()) + "\xfe rest", "?");
  bucket.change(rows);
  const bucket_report report = bucket.report();
  CHECK_MESSAGE(report.whole(), report.text());
  bucket.sees_put(keys::bucket_begin(bucket.number()) + '\x7f', "", "b",
                  "it has a row of an unknown kind");
}

TEST_CASE("verify tells what is wrong with a query's rows") {
  full_bucket bucket;
  const uint32_t number = bucket.number();
  bucket.sees_put(keys::last_index(number), "x", "b", "a stored index number cannot be read");
  bucket.sees_put(keys::last_index(number), encode_last_index(2), "b/_query/plain",
                  "its index has a number that was never assigned");
  bucket.sees_put(keys::query(number, "sum"), "x", "b/_query/sum",
                  "a stored query cannot be read, and its indexes are not checked");
  query_row row = query_row::decode(bucket.bytes_of(keys::query(number, "sum"))).value();
  row.next = plain;
  bucket.sees_put(keys::query(number, "sum"), row.encode(), "b/_query/sum",
                  "its index serves another query too");
  row.next = unborn;
  bucket.sees_put(keys::query(number, "sum"), row.encode(), "b/_query/sum",
                  "its index has no state that can be read");
  bucket.sees_removed(keys::query(number, "sum"), "b",
                      "the rows of the index 1 belong to no query");
  row_batch dropped; // as the drop of a query does it
  dropped.remove(keys::query(number, "sum"));
  dropped.put(keys::dead_index(number, sums), "");
  const row_batch* only = &dropped;
  REQUIRE(bucket.rows().commit({&only, 1}, false));
  CHECK(bucket.report().whole());
}

TEST_CASE("verify tells what is wrong with an index") {
  full_bucket bucket;
  const uint32_t number = bucket.number();
  const std::string sum = "b/_query/sum";
  const std::string row = bucket.row_of(sums, "d0003");
  const std::string list = keys::index_reverse(number, sums, "d0003");
  bucket.sees_put(keys::index_state(number, sums), "x", sum, "a stored index state cannot be read");
  bucket.sees_removed(keys::index_state(number, sums), sum,
                      "its index has no state that can be read");
  bucket.sees_index(
      sums, [](index_state& state) { state.target = 99999; }, "its index is ahead of the activity");
  bucket.sees_index(
      sums, [](index_state& state) { state.rows = 7; }, "its index counts 7 rows and has 391");
  bucket.sees_index(
      sums, [](index_state& state) { state.documents = 7; },
      "its index counts 7 documents with rows and has 391");
  bucket.sees_index(
      sums, [](index_state& state) { state.changes = 7; }, "its index counts 7 changes and has 2");
  const uint64_t bytes = bucket.state_of(sums).change_bytes;
  bucket.sees_index(
      sums, [](index_state& state) { state.change_bytes = 7; },
      "its index counts 7 bytes of changes and has " + std::to_string(bytes));
  bucket.sees_removed(row, sum, "row 0 of d0003 is missing");
  bucket.sees_removed(list, sum, "row 0 of d0003 is in no list of a document's rows");
  bucket.sees_put(list, "\xff", sum, "the list of the rows of d0003 cannot be read");
  bucket.sees_put(keys::index_row(number, sums, "\x10"), "", sum,
                  "a stored row of an index cannot be read");
  bucket.sees_put(keys::index_reverse(number, sums, "nobody"), bucket.bytes_of(list), sum,
                  "it has rows of nobody, which is not there");
  bucket.sees_put(keys::index_reverse(number, sums, "d0008"), bucket.bytes_of(list), sum,
                  "it has rows of d0008, which is deleted");
  const uint64_t from = bucket.state_of(sums).changes_from;
  const std::string change = bucket.bytes_of(keys::index_change(number, sums, from));
  bucket.sees_put(keys::index_change(number, sums, from), "\xff", sum,
                  "its change " + std::to_string(from) + " cannot be read");
  bucket.sees_put(keys::index_change(number, sums, from - 1), change, sum,
                  "its change " + std::to_string(from - 1) + " is older than those that are kept");
  bucket.sees_put(keys::index_change(number, sums, 99999), change, sum,
                  "its change 99999 is ahead of the activity");
  bucket.sees_put(keys::index_begin(number, sums) + '\x7f', "", sum,
                  "its index has a row of an unknown kind");
}

TEST_CASE("verify tells what is wrong with partial results") {
  full_bucket bucket;
  const uint32_t number = bucket.number();
  const std::string sum = "b/_query/sum";
  const std::string partial = bucket.partial_of(sums, 1);
  const std::string id(index_row::decode(keys::suffix_of(partial), {}).value().id);
  partial_result wrong(reduction::sum);
  bucket.sees_put(partial, wrong.encode(), sum,
                  "the partial result of level 1 at the row of " + id + " is not that of its rows");
  bucket.sees_removed(partial, sum,
                      "the partial result of level 1 at the row of " + id + " is missing");
  const unsigned top = bucket.state_of(sums).levels;
  const std::string top_name = "the partial result of level " + std::to_string(top);
  bucket.sees_put(keys::index_partial(number, sums, top, ""), wrong.encode(), sum,
                  top_name + " at the beginning is not that of its rows");
  // A row's value is all that can tell: its key and its document's list stay as they are.
  bucket.sees_put(bucket.row_of(sums, "d0399"), "12345", sum,
                  top_name + " at the beginning is not that of its rows");
  bucket.sees_put(keys::index_partial(number, sums, top + 1, ""), wrong.encode(), sum,
                  "the partial result of level " + std::to_string(top + 1) +
                      " at the beginning belongs to no block");
  const std::string other = bucket.row_of(sums, "d0003");
  REQUIRE(block_tree::boundary_level(keys::suffix_of(other)) == 0);
  bucket.sees_put(keys::index_partial(number, sums, 1, keys::suffix_of(other)), wrong.encode(), sum,
                  "the partial result of level 1 at the row of d0003 belongs to no block");
  bucket.sees_put(keys::index_partial(number, sums, 1, "x"), wrong.encode(), sum,
                  "the partial result of level 1 at no row belongs to no block");
  bucket.sees_index(
      sums, [&](index_state& state) { state.levels = top + 1; },
      "its index counts " + std::to_string(top + 1) + " levels of blocks and has " +
          std::to_string(top));
  bucket.sees_put(keys::index_partial(number, plain, 1, ""), wrong.encode(), "b/_query/plain",
                  "the partial result of level 1 at the beginning belongs to no block");

  const std::string nest = bucket.partial_of(nested, 1);
  bucket.sees_put(nest, "x", "b/_query/nest",
                  "the partial result of level 1 at the row of " + id + " cannot be read");
  bucket.sees_removed(nest, "b/_query/nest",
                      "the partial result of level 1 at the row of " + id + " is missing");
}

TEST_CASE("verify tells which rows of an index its map does not make") {
  full_bucket bucket;
  const uint32_t number = bucket.number();
  const std::string query = "b/_query/plain";
  const std::string wrong = "its rows of d0003 differ from what its map gives";
  const std::string row = bucket.row_of(plain, "d0003");
  const std::string list = keys::index_reverse(number, plain, "d0003");
  bucket.sees_put(row, "4", query, wrong);
  row_batch none;
  none.remove(row);
  none.remove(list);
  bucket.sees(none, query, wrong);
  const std::vector<mapped_row> another{tests::emitted("[4]", "3")};
  row_batch moved;
  moved.remove(row);
  moved.put(keys::index_row(number, plain, row_suffix(another[0].term, "d0003", 0)), "3");
  moved.put(list, encode_reverse(another));
  bucket.sees(moved, query, wrong);
}

TEST_CASE("a map that cannot be run, or runs into a limit, is not held against its index") {
  full_bucket bucket;
  const auto whole = bucket.report();
  CHECK(whole.whole());
  CHECK(whole.mapped == 3 * whole.counted.documents);
  const auto limited = bucket.report([](const std::string&, const auto& given) {
    return std::vector<run_rows>(given.size(), run_rows{{}, false, "it took too long", true});
  });
  CHECK(limited.whole());
  CHECK(limited.mapped == 0);
  // What is no function has no rows.
  const auto none = bucket.report([](const std::string& map, const auto&) {
    CHECK(map == "doc => doc.n");
    return fail(ec::bad_map, "no function");
  });
  CHECK(none.problems_found == 3);
  CHECK(none.problems.front().what == "its map cannot be run: no function");
  const auto refused =
      verify_bucket(bucket.rows().snapshot(), {"b", bucket.number(), {}}, {},
                    [](const std::string&, const auto&) { return fail(ec::overloaded, "later"); });
  REQUIRE(!refused);
  CHECK(refused.error().code == ec::overloaded);
  // What an index has not taken in yet is not mapped again.
  bucket.ok(tests::put("newer", R"({"n":1})"));
  bucket.commit();
  const auto behind = bucket.report();
  CHECK(behind.whole());
  CHECK(behind.mapped == whole.mapped);
}

TEST_CASE("of very many problems the first are told, and all are counted") {
  full_bucket bucket;
  row_batch damage;
  for (int i = 100; i < 250; ++i) damage.put(keys::document(bucket.number(), name(i)), "\xff");
  const row_batch* only = &damage;
  REQUIRE(bucket.rows().commit({&only, 1}, false));
  const bucket_report report = bucket.report();
  CHECK(report.problems_found == 150);
  CHECK(report.problems.size() == defaults::verify_problems);
  CHECK(report.text().find("\nb: and 50 more\n") != std::string::npos);
  CHECK(report.json().find(R"("whole":false)") != std::string::npos);
  CHECK(report.json().find(R"("problems_found":150)") != std::string::npos);
}

TEST_CASE("rows of buckets that are in no catalogue are told, and those of dropped ones are not") {
  full_bucket bucket;
  REQUIRE(verify_catalogue(bucket.rows()));
  CHECK(verify_catalogue(bucket.rows())->whole());
  row_batch damage;
  damage.put(keys::bucket_state(77), "");
  damage.put(keys::bucket_end(77), "");
  damage.put(keys::bucket_state(UINT32_MAX), "");
  const row_batch* only = &damage;
  REQUIRE(bucket.rows().commit({&only, 1}, false));
  REQUIRE(bucket.rows().drop_bucket("b"));
  const auto report = verify_catalogue(bucket.rows());
  REQUIRE(report);
  REQUIRE(report->problems.size() == 2);
  CHECK(report->problems[0].where == "_system");
  CHECK(report->problems[0].what ==
        "there are rows of the bucket 77, which is not in the catalogue");
}

TEST_CASE("a check reads a bounded part at a time") {
  tests::local_bucket bucket;
  const std::string text(defaults::verify_slice_bytes / 4, 'x');
  for (int i = 0; i < 12; ++i)
    bucket.ok(tests::put("large" + std::to_string(i), "{\"text\":\"" + text + "\"}"));
  for (int i = 0; i < 1200; ++i) bucket.ok(tests::put("small" + std::to_string(i), "{}"));
  bucket.commit();
  bucket_verifier check(bucket.rows().snapshot(), {"b", bucket.number(), {}});
  int slices = 0;
  uint64_t before = 0;
  for (bool more = true; more; ++slices) {
    more = check.advance().value();
    CHECK(check.report().rows - before <= 500);
    if (slices == 0) CHECK(check.report().rows == 5); // its state, and four that are large
    before = check.report().rows;
  }
  CHECK(slices == 3 + 5);
  CHECK(check.report().whole());
  CHECK(check.report().counted.documents == 1212);
}

TEST_CASE("a check ends where its snapshot died") {
  full_bucket bucket;
  const read_view snapshot = bucket.rows().snapshot();
  REQUIRE(bucket.rows().try_reopen());
  const auto died = verify_bucket(snapshot, {"b", bucket.number(), {}});
  REQUIRE(!died);
  CHECK(died.error().code == ec::overloaded);
}

} // namespace treadmill
