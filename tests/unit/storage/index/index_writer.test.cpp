#include "storage/index/index_writer.hpp"
#include "storage/base/defaults.hpp"
#include "tests/unit/storage/index/local_index.hpp"
#include <doctest/doctest.h>

using namespace std::string_literals;

namespace treadmill {
namespace {

using tests::emitted;
using tests::groups_of;
using tests::index_store;
using tests::json_of;
using tests::local_index;
using tests::returned;
using tests::term_of;

std::string name(int number) {
  std::string digits = std::to_string(number);
  return "d" + std::string(7 - digits.size(), '0') + digits;
}

/// `count` documents with one row each: [number % 10, number] → 1.
std::vector<local_index::document> numbered(int from, int count) {
  std::vector<local_index::document> made;
  for (int i = from; i < from + count; ++i)
    made.push_back(
        {name(i), {emitted('[' + std::to_string(i % 10) + ',' + std::to_string(i) + ']', "1")}});
  return made;
}

/// An index that is complete.
struct complete_index : local_index {
  complete_index(index_store& store, reduction how) : local_index(store, how) {
    write({});
    build();
    REQUIRE(state().consistent());
  }
};

std::vector<std::string> keys_of(const local_index& index, const index_range& range = {}) {
  std::vector<std::string> found;
  REQUIRE(index.reader().rows(range, [&](const index_row& row) {
    REQUIRE(append_key(found.emplace_back(), row));
    return true;
  }));
  return found;
}

} // namespace

TEST_CASE("a document's rows are replaced as a whole, and the counts follow") {
  index_store store;
  complete_index index(store, reduction::none);
  index.write({{"a", {emitted("2", "1"), emitted("1", "1")}}, {"b", {returned("3")}}});
  CHECK(keys_of(index) == std::vector<std::string>{"1", "2", "3"});
  CHECK(index.state().rows == 3);
  CHECK(index.state().documents == 2);
  index.write({{"a", {emitted("5", "1")}}});
  CHECK(keys_of(index) == std::vector<std::string>{"3", "5"});
  index.write({{"a", {}}, {"b", {}}, {"c", {}}});
  CHECK(keys_of(index).empty());
  CHECK(index.dump().empty());
  CHECK(index.state().rows == 0);
  CHECK(index.state().documents == 0);
}

TEST_CASE("a document that is added is one that had no rows") {
  index_store store;
  local_index index(store, reduction::count);
  index_writer writer(store.rows().latest(), index.id(), {}, reduction::count);
  const std::vector<mapped_row> two{emitted("2", "1"), emitted("1", "1")};
  REQUIRE(writer.add("a", 1, two));
  REQUIRE(writer.add("b", 2, {}));
  writer.state().position = writer.state().target = 2;
  writer.end_run();
  store.commit(writer.take().value());
  index.build();
  CHECK(keys_of(index) == std::vector<std::string>{"1", "2"});
  CHECK(index.state().rows == 2);
  CHECK(index.state().documents == 1);
  index.write({{"a", {emitted("5", "1")}}});
  CHECK(keys_of(index) == std::vector<std::string>{"5"});
}

TEST_CASE("the value of a returning map is not stored a second time") {
  index_store store;
  complete_index index(store, reduction::none);
  index.write({{"a", {returned(R"({"deep":[1,2]})")}}});
  REQUIRE(index.reader().rows({}, [](const index_row& row) {
    CHECK(row.value.empty());
    std::string value;
    REQUIRE(append_value(value, row));
    CHECK(value == R"({"deep":[1,2]})");
    return true;
  }));
}

TEST_CASE("changes tell which rows came and went, by content") {
  index_store store;
  local_index index(store, reduction::none);
  index.write({{"early", {emitted("1", "1")}}});
  CHECK(index.changes().empty()); // of the first build
  CHECK(index.state().changes_from == 2);
  index.write({{"a", {emitted("1", "10"), emitted("2", "20"), emitted("2", "20")}}});
  index.write({{"a", {emitted("2", "20"), emitted("1", "11")}}});
  index.write({{"a", {emitted("1", "11"), emitted("2", "20")}}}); // the same, the other way round
  index.write({{"early", {emitted("1", "1")}}});
  index.write({{"a", {}}});
  const auto all = index.changes(0);
  REQUIRE(all.size() == 3);
  CHECK(all[0].sequence == 2);
  CHECK(all[0].id == "a");
  CHECK(all[0].removed.empty());
  CHECK(all[0].added.size() == 3);
  CHECK(all[1].sequence == 3);
  CHECK(all[1].removed == std::vector<mapped_row>{emitted("1", "10"), emitted("2", "20")});
  CHECK(all[1].added == std::vector<mapped_row>{emitted("1", "11")});
  CHECK(all[2].sequence == 6);
  CHECK(all[2].removed.size() == 2);
  CHECK(index.changes(3).size() == 1);
  CHECK(index.state().changes == 3);
}

TEST_CASE("changes are bounded: the oldest go, and the state says from where on all are there") {
  index_store store;
  complete_index index(store, reduction::none);
  const std::string large = '"' + std::string(defaults::index_change_bytes / 8, 'x') + '"';
  for (int i = 0; i < 12; ++i) {
    const std::string value = i % 2 == 0 ? large : "\"y" + large.substr(1);
    index.write({{name(i), {emitted(std::to_string(i), value)}}});
  }
  const index_state state = index.state();
  CHECK(state.change_bytes <= defaults::index_change_bytes);
  CHECK(state.changes_from > 1);
  const auto left = index.changes();
  CHECK(left.size() == state.changes);
  CHECK(left.front().sequence == state.changes_from);
  CHECK(left.back().sequence == 12);
}

TEST_CASE("a reduction reads as many entries as the logarithm of its rows") {
  index_store store;
  local_index index(store, reduction::sum);
  constexpr int rows = 40'000;
  for (int at = 0; at < rows; at += 4000) index.write(numbered(at, 4000), at + 4000 == rows);
  CHECK(index.state().phase == index_phase::reducing);
  CHECK(index.build() > 3); // a level takes a batch, and the rows more than one
  CHECK(index.state().consistent());

  auto all = index.reduce_range({});
  auto groups = groups_of(all);
  REQUIRE(groups.size() == 1);
  CHECK(json_of(groups[0]) == std::to_string(rows));
  CHECK(all.rows_read() == 0);
  CHECK(all.partials_read() <= 2);

  range_request request;
  request.from = "[1,5001]";
  request.to = "[8,31238]";
  auto part = index.reduce_range(make_range(request).value());
  groups = groups_of(part);
  CHECK(json_of(groups[0]) == std::to_string(4000 - 500 + 6 * 4000 + 3124));
  CHECK(part.rows_read() + part.partials_read() < 2 * 64 * 3 * 4);

  auto by_first = index.reduce_range({}, {grouping::by::elements, 1});
  groups = groups_of(by_first);
  REQUIRE(groups.size() == 10);
  for (int i = 0; i < 10; ++i) {
    CHECK(groups[static_cast<size_t>(i)].key == '[' + std::to_string(i) + ']');
    CHECK(json_of(groups[static_cast<size_t>(i)]) == "4000");
  }
  CHECK(by_first.rows_read() + by_first.partials_read() < 10 * 64 * 3 * 4);

  // An update reads the blocks that it lies in.
  index.write({{name(77), {emitted("[7,77]", "100")}}});
  CHECK(index.entries_read < 64 * 3 * 6);
  auto again = index.reduce_range({});
  CHECK(json_of(groups_of(again)[0]) == std::to_string(rows + 99));
}

TEST_CASE(
    "a build that stops between any two batches goes on, and gives what one in one go gives") {
  index_store store;
  local_index built(store, reduction::sum);
  for (int at = 0; at < 40'000; at += 4000) built.write(numbered(at, 4000), at == 36'000);
  built.build();
  complete_index kept(store, reduction::sum);
  for (int at = 36'000; at >= 0; at -= 4000) kept.write(numbered(at, 4000));
  CHECK(built.dump() == kept.dump());
  CHECK(built.state().levels == kept.state().levels);
}

TEST_CASE("groups are given in slices, stop where they are told to, and go on behind") {
  index_store store;
  complete_index index(store, reduction::count);
  for (int at = 0; at < 12'000; at += 4000) index.write(numbered(at, 4000));
  for (const bool descending : {false, true}) {
    index_range range;
    range.descending = descending;
    auto one_by_one = index.reduce_range(range, {grouping::by::elements, 1});
    std::vector<std::string> found;
    bool more = true;
    while (more)
      more = local_index::need(one_by_one.step([&](reduced_group&& group) {
        found.push_back(group.key);
        return false;
      }));
    std::vector<std::string> wanted;
    for (int i = 0; i < 10; ++i) wanted.push_back('[' + std::to_string(i) + ']');
    if (descending) std::reverse(wanted.begin(), wanted.end());
    CHECK(found == wanted);
  }
  auto each = index.reduce_range({}, {grouping::by::term, 0});
  size_t steps = 1;
  size_t groups = 0;
  while (local_index::need(each.step([&](reduced_group&& group) {
    CHECK(json_of(group) == "1");
    ++groups;
    return true;
  })))
    ++steps;
  CHECK(groups == 12'000);
  CHECK(steps >= 12'000 / defaults::slice_rows);
}

TEST_CASE("an index is not written while its partial results are made, nor without them") {
  index_store store;
  local_index index(store, reduction::sum);
  index.write(numbered(0, 10));
  REQUIRE(index.state().phase == index_phase::reducing);
  const std::vector<mapped_row> rows{emitted("1", "1")};
  index_writer early(store.rows().latest(), index.id(), index.state(), reduction::sum);
  CHECK(early.replace("a", 11, rows).error().code == ec::internal);
  index.build();
  index_writer forgetful(store.rows().latest(), index.id(), index.state(), reduction::sum);
  REQUIRE(forgetful.replace("a", 11, rows));
  CHECK(forgetful.take().error().code == ec::internal);
}

TEST_CASE("a block of JavaScript that failed fails the blocks above it and no other") {
  index_store store;
  local_index index(store, reduction::javascript);
  bool broken = true;
  index.javascript = [&](const reduce_block& block) {
    reduced_value made;
    double sum = 0;
    for (const std::string& value : block.values) sum += std::stod(value);
    made.text = std::to_string(static_cast<int>(sum));
    for (const std::string& key : block.keys)
      if (broken && key.find(name(503)) != std::string::npos) made = {true, "it threw"};
    return made;
  };
  for (int at = 0; at < 1000; at += 100) index.write(numbered(at, 100), at == 900);
  index.build();
  auto all = index.reduce_range({});
  const auto failed = all.step([](reduced_group&&) { return true; });
  REQUIRE(!failed);
  CHECK(failed.error().code == ec::bad_reduce);
  CHECK(failed.error().reason == "it threw");
  range_request request;
  request.from = "[5]";
  auto other = index.reduce_range(make_range(request).value());
  double sum = 0;
  const auto of_others = groups_of(other);
  for (const reduce_piece& piece : of_others[0].pieces)
    for (const std::string& value : piece.values) sum += std::stod(value);
  CHECK(sum == 500);
  broken = false;
  index.write({{name(503), {emitted("[3,503]", "2")}}});
  auto mended = index.reduce_range({});
  const auto groups = groups_of(mended);
  REQUIRE(groups[0].pieces.size() == 1);
  CHECK(groups[0].pieces[0].partial);
  CHECK(groups[0].pieces[0].values == std::vector<std::string>{"1001"});
}

TEST_CASE("blocks for JavaScript come in bounded numbers, rows with their keys and ids") {
  index_store store;
  local_index index(store, reduction::javascript);
  std::vector<local_index::document> large;
  for (int i = 0; i < 1000; ++i)
    large.push_back({name(i), {emitted(std::to_string(i), '"' + std::string(10'000, 'v') + '"')}});
  size_t most = 0;
  index.write(large);
  while (index.state().phase == index_phase::reducing) {
    index_writer writer(store.rows().latest(), index.id(), index.state(), index.how());
    for (;;) {
      const auto blocks = writer.next_blocks().value();
      if (blocks.empty()) break;
      CHECK(writer.next_blocks().error().code == ec::internal); // these are to be put first
      CHECK(writer.take().error().code == ec::internal);
      size_t size = 0;
      for (const reduce_block& block : blocks) {
        for (const std::string& value : block.values) size += value.size();
        if (!block.rereduce()) CHECK(block.keys.front().find(",\"d0000") != std::string::npos);
        writer.put_partial(block.place, {false, "1"});
      }
      most = std::max(most, size);
    }
    store.commit(writer.take().value());
  }
  CHECK(index.state().consistent());
  CHECK(most > 10'000);
  CHECK(most < defaults::reduce_input_bytes + 64 * 10 * 10'000);
}

TEST_CASE("damage is answered corrupt: a lost row, a lost partial result, bytes that are none") {
  index_store store;
  complete_index index(store, reduction::sum);
  index.write(numbered(0, 600));
  const auto damage = [&](const std::string& key, std::optional<std::string> value) {
    row_batch batch;
    value ? batch.put(key, *value) : batch.remove(key);
    store.commit(batch);
  };
  const auto sum = [&] {
    auto reduced = index.reduce_range({});
    const auto done = reduced.step([](reduced_group&&) { return true; });
    return done ? ec::none : done.error().code;
  };
  const auto dump = index.dump();
  const index_id id = index.id();
  const std::string begin = keys::index_begin(id.bucket, id.index);
  for (const auto& [key, value] : dump) {
    if (key[0] < 0x12) continue; // the level that answers
    damage(begin + key, "?");
    CHECK(sum() == ec::corrupt);
    damage(begin + key, std::nullopt);
    CHECK(sum() == ec::corrupt);
    damage(begin + key, value);
  }
  CHECK(sum() == ec::none);

  const std::string first = numbered(0, 1)[0].rows[0].term;
  damage(keys::index_row(id.bucket, id.index, row_suffix(first, name(0), 0)), std::nullopt);
  index_writer writer(store.rows().latest(), id, index.state(), reduction::sum);
  CHECK(writer.replace(name(0), 700, {}).error().code == ec::corrupt);
  damage(keys::index_row(id.bucket, id.index, "\x7f"), "1");
  CHECK(index.reader().rows({}, [](const index_row&) { return true; }).error().code == ec::corrupt);
  damage(keys::index_state(id.bucket, id.index), "?");
  CHECK(index.reader().state().error().code == ec::corrupt);
}

TEST_CASE("a dropped index is cleaned up in slices, and no other row goes") {
  index_store store;
  complete_index dropped(store, reduction::sum);
  complete_index other(store, reduction::sum);
  for (int at = 0; at < 12'000; at += 4000) dropped.write(numbered(at, 4000));
  other.write(numbered(0, 100));
  const auto before = other.dump();
  row_batch batch;
  batch.put(keys::dead_index(dropped.id().bucket, dropped.id().index), "");
  store.commit(batch);
  int slices = 0;
  while (store.rows().clean_up().value()) REQUIRE(++slices < 1000);
  CHECK(slices >= 12'000 * 2 / static_cast<int>(defaults::clean_up_rows));
  CHECK(dropped.dump().empty());
  CHECK(!dropped.reader().state().value());
  CHECK(other.dump() == before);
  CHECK(!store.rows().clean_up().value());

  // Of a bucket that is dropped as well.
  store.commit(batch);
  batch.put(keys::dead_index(other.id().bucket, other.id().index), "");
  store.commit(batch);
  REQUIRE(store.rows().drop_bucket("b"));
  for (slices = 0; store.rows().clean_up().value();) REQUIRE(++slices < 1000);
  CHECK(other.dump().empty());
}

} // namespace treadmill
