#include "storage/engine/rows.hpp"
#include "storage/base/coding.hpp"
#include "storage/documents/features.hpp"
#include <doctest/doctest.h>
#include <random>

using namespace std::string_literals;

namespace treadmill {
namespace {

const revision native(3, "0123456789abcdef0123456789abcdef");
const revision foreign(2, "967a00dff5e02add41819138abb3284");
const revision text(7, "A-hash_of.theirs");

/// All bytes cut off at the end one after the other, and one too many: a decode must refuse each
/// or read what it says.
template<typename Decode>
void check_cuts(const std::string& bytes, size_t from, Decode decode) {
  for (size_t size = 0; size < bytes.size(); ++size) {
    if (size >= from) continue;
    const auto cut = decode(std::string_view(bytes).substr(0, size));
    CHECK(!cut);
    if (!cut) CHECK(cut.error().code == ec::corrupt);
  }
}

} // namespace

TEST_CASE("a bucket's state is read back, and no byte more or less") {
  bucket_state state;
  state.sequence = 300;
  state.chain.fill(0xab);
  state.digest.fill(0x01);
  state.documents = 1ULL << 40;
  state.deleted = 5;
  state.conflicts = 1;
  state.queries = 1000;
  const std::string bytes = state.encode();
  REQUIRE(bucket_state::decode(bytes));
  CHECK(*bucket_state::decode(bytes) == state);
  check_cuts(bytes, bytes.size(), bucket_state::decode);
  CHECK(!bucket_state::decode(bytes + "x"));
  CHECK(*bucket_state::decode(bucket_state{}.encode()) == bucket_state{});
}

TEST_CASE("a bucket's features are at the end of its state, if it has some") {
  bucket_state state;
  state.sequence = 7;
  const std::string without = state.encode(); // as format 1 has it
  state.features = feature::own_members | feature::tombstone_bodies;
  const std::string bytes = state.encode();
  CHECK(bytes == without + '\x06');
  CHECK(bucket_state::decode(bytes).value() == state);
  CHECK(bucket_state::decode(without + '\0').error().code == ec::corrupt);
  CHECK(bucket_state::decode(bytes + '\1').error().code == ec::corrupt);
  CHECK(bucket_state::decode(without + "\x80\x01").error().code == ec::io_error); // of a later one
  CHECK(feature::names_of(state.features) ==
        std::vector<std::string_view>{"own_members", "tombstone_bodies"});
  CHECK(feature::names_of(0).empty());
}

TEST_CASE("a document's row is read back, with either spelling of the hash") {
  for (const revision& winner : {native, foreign, text}) {
    for (int flags = 0; flags < 16; ++flags) {
      document_row row;
      row.winner = winner;
      row.deleted = (flags & 1) != 0;
      row.conflicts = (flags & 2) != 0;
      row.older = (flags & 4) != 0;
      row.foreign = (flags & 8) != 0;
      row.sequence = 70'000;
      row.body = R"({"a":1})";
      const std::string bytes = row.encode();
      const auto read = document_row::decode(bytes);
      REQUIRE(read);
      CHECK(read->winner == winner);
      CHECK(read->deleted == row.deleted);
      CHECK(read->conflicts == row.conflicts);
      CHECK(read->older == row.older);
      CHECK(read->foreign == row.foreign);
      CHECK(read->sequence == row.sequence);
      CHECK(read->tree_bytes.empty());
      CHECK(read->body == row.body);
      check_cuts(bytes, bytes.size() - row.body.size(), document_row::decode);
    }
  }
}

TEST_CASE("a row without a tree stands for its winner alone") {
  document_row row;
  row.winner = foreign;
  row.foreign = true;
  row.deleted = true;
  const auto tree = row.tree();
  REQUIRE(tree);
  REQUIRE(tree->nodes().size() == 1);
  CHECK(tree->nodes().front().rev == foreign);
  CHECK(tree->nodes().front().parent.empty());
  CHECK(tree->nodes().front().foreign);
  CHECK(tree->nodes().front().deleted);
}

TEST_CASE("a row with a tree gives it back, and a broken tree is corrupt") {
  revision_tree tree;
  tree.add(revision(1, "a"), {}, false);
  tree.add(revision(2, "b"), revision(1, "a"), false);
  const std::string tree_bytes = tree.encode();
  document_row row;
  row.winner = revision(2, "b");
  row.tree_bytes = tree_bytes;
  row.body = "{}";
  std::string bytes = row.encode();
  const auto read = document_row::decode(bytes);
  REQUIRE(read);
  CHECK(*read->tree() == tree);
  CHECK(read->body == "{}");
  check_cuts(bytes, bytes.size() - row.body.size(), document_row::decode);
  bytes[bytes.find(tree_bytes)] = '\xff';
  const auto broken = document_row::decode(bytes);
  REQUIRE(broken);
  CHECK(broken->tree().error().code == ec::corrupt);
}

TEST_CASE("unknown flags and revisions that cannot be are corrupt") {
  document_row row;
  row.winner = native;
  std::string bytes = row.encode();
  bytes[0] = 64;
  CHECK(document_row::decode(bytes).error().code == ec::corrupt);
  CHECK(!document_row::decode(""));
  CHECK(!document_row::decode("\x08\x01\x01"s + std::string(16, 'h') + "\0"s)); // an empty tree
  CHECK(!document_row::decode("\0\x01\0"s + std::string(16, 'h')));             // number 0
  CHECK(!document_row::decode("\0\x01\x80\x80\x80\x80\x08"s + std::string(16, 'h'))); // 2^31
  CHECK(!document_row::decode("\x20\x01\x01\0"s));                          // an empty hash
  CHECK(!document_row::decode("\x20\x01\x01\x41"s + std::string(65, 'h'))); // one too long
}

TEST_CASE("an activity entry is read back") {
  activity_entry entry;
  entry.id = "an id \xc3\xa9";
  entry.changes = {native, text, foreign};
  entry.deleted = true;
  entry.chain.fill(7);
  const std::string bytes = entry.encode();
  const auto read = activity_entry::decode(99, bytes);
  REQUIRE(read);
  CHECK(read->sequence == 99);
  CHECK(read->id == entry.id);
  CHECK(read->changes == entry.changes);
  CHECK(read->deleted);
  CHECK(read->chain == entry.chain);
  for (const char unknown : {'\x04', '\x05', '\x08', '\x10', '\x40'}) {
    CHECK(activity_entry::decode(1, unknown + bytes.substr(1)).error().code == ec::corrupt);
  }
  CHECK(!activity_entry::decode(1, "\x83\x01"s + bytes.substr(1)));
  CHECK(!activity_entry::decode(1, bytes.substr(0, bytes.size() - 1)));
  CHECK(!activity_entry::decode(1, ""));

  activity_entry used = entry; // what an entry was before is not seen in what it becomes
  activity_entry plain;
  plain.id = "b";
  plain.changes = {native};
  REQUIRE(used.assign(3, plain.encode()));
  CHECK(used.sequence == 3);
  CHECK(used.id == "b");
  CHECK(used.changes == plain.changes);
  CHECK(!used.deleted);
  CHECK(used.chain == plain.chain);
}

TEST_CASE("an activity entry's flags are read back, each by itself, and none outlives its entry") {
  activity_entry entry;
  entry.id = "a";
  entry.changes = {native};
  activity_entry read;
  for (const int flags : {0, 3, 1, 2, 0}) {
    entry.deleted = (flags & 1) != 0;
    entry.from_peer = (flags & 2) != 0;
    const std::string bytes = entry.encode();
    CHECK(bytes[0] == flags);
    REQUIRE(read.assign(1, bytes));
    CHECK(read.deleted == entry.deleted);
    CHECK(read.from_peer == entry.from_peer);
  }
}

TEST_CASE("a catalogue entry is read back") {
  catalogue_row row;
  row.number = UINT32_MAX;
  row.log_id.fill(9);
  const std::string bytes = row.encode();
  CHECK(catalogue_row::decode(bytes)->number == UINT32_MAX);
  CHECK(catalogue_row::decode(bytes)->log_id == row.log_id);
  check_cuts(bytes, bytes.size(), catalogue_row::decode);
  CHECK(!catalogue_row::decode(bytes + "x"));
  std::string large;
  put_varint(large, 1ULL << 32);
  CHECK(!catalogue_row::decode(large + std::string(16, 'x')));
}

TEST_CASE("any bytes give a value or corrupt") {
  std::mt19937_64 random(1); // a fixed seed: fuzzers do the rest
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 60, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() % 4 == 0 ? random() : random() % 40);
    if (const auto row = document_row::decode(bytes)) {
      CHECK(document_row::decode(row->encode())->body == row->body);
      static_cast<void>(row->tree());
    }
    if (const auto state = bucket_state::decode(bytes)) CHECK(state->encode() == bytes);
    if (const auto row = catalogue_row::decode(bytes)) CHECK(row->encode() == bytes);
    if (const auto entry = activity_entry::decode(1, bytes)) {
      CHECK(activity_entry::decode(1, entry->encode())->changes == entry->changes);
    }
  }
}

TEST_CASE("a chain value depends on all that went before") {
  using revisions = std::vector<revision>;
  const hash128 zero{};
  const hash128 first = next_chain(zero, "a", revisions{native});
  CHECK(first == next_chain(zero, "a", revisions{native}));
  CHECK(first != next_chain(first, "a", revisions{native}));
  CHECK(first != next_chain(zero, "b", revisions{native}));
  CHECK(first != next_chain(zero, "a", revisions{text}));
  CHECK(first != next_chain(zero, "a", revisions{native, text}));
  CHECK(next_chain(zero, "a", revisions{native, text}) !=
        next_chain(zero, "a", revisions{text, native}));
}

TEST_CASE("a document's part of the digest depends on its id and its leaves, and on nothing else") {
  revision_tree one;
  one.add(revision(1, "a"), {}, false);
  one.add(revision(2, "b"), revision(1, "a"), false);
  revision_tree short_history;
  short_history.add(revision(2, "b"), revision(1, "a"), false);
  CHECK(document_digest("x", one) == document_digest("x", short_history));
  CHECK(document_digest("x", one) != document_digest("y", one));
  revision_tree two = one;
  two.add(revision(2, "c"), revision(1, "a"), false);
  CHECK(document_digest("x", two) != document_digest("x", one));
  revision_tree other_order;
  other_order.add(revision(2, "c"), revision(1, "a"), false);
  other_order.add(revision(2, "b"), revision(1, "a"), false);
  CHECK(document_digest("x", two) == document_digest("x", other_order));
}

} // namespace treadmill
