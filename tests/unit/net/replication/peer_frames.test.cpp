#include "net/replication/peer_frames.hpp"
#include <array>
#include <doctest/doctest.h>
#include <string>

namespace treadmill::replication {

namespace {

constexpr size_t most = size_t{1} << 20;

const revision native(3, "0123456789abcdef0123456789abcdef");
const revision elsewhere(2, "1-abc_DEF.x");

checkpoint some_checkpoint() { return {hash128{1, 2, 3}, 77, hash128{4, 5}}; }

/// One of each type, with all fields set.
std::vector<frame> all_frames() {
  hello greeting{11, 12, 1, 2, "node", "box", "tcp://box:1445", true, true, false, {"a", "b"}};
  bucket_digests told;
  told.complete = true;
  told.buckets = {{"a", hash128{9}, 5, hash128{8}}, {"b", hash128{7}, 6, hash128{6}}};
  follow asked{"a", 3, some_checkpoint(), 70, 4096};
  activity sent;
  sent.bucket = "a";
  sent.stream = 3;
  sent.log_id = hash128{1};
  sent.restart = true;
  sent.after = 10;
  sent.through = 20;
  sent.chain = hash128{2};
  sent.last = 30;
  sent.entries = {
      {12, "d1", {{native, elsewhere, false, true, "{}"}}},
      {20, "_query/q", {{elsewhere, {}, true, false, {}}, {native, {}, false, false, {}}}}};
  asked.digests = true;
  sent.entries[1].digest = hash128{6};
  sent.entries[0].changes[0].claim = hash128{3};
  sent.entries[1].changes[1].claim = hash128{4};
  fetch_documents wanted{
      "a", {{"d1", {native, elsewhere}, {}, {}}, {"d2", {}, {{elsewhere, hash128{5}}}, native}}};
  documents delivered{
      "a",
      {{"d1", "tree", {{native, 2, "{}"}, {elsewhere, 9, {}}}, elsewhere}, {"d2", "", {}, {}}}};
  return {greeting,
          goodbye{disconnect_reason::same_name},
          told,
          asked,
          leave{"a"},
          sent,
          wanted,
          delivered,
          fetch_part{"a", "d1", native, 5},
          part{"a", "d1", native, 5, 9, "text"}};
}

} // namespace

TEST_CASE("every frame is the same after it was read, packed or not") {
  const auto frames = all_frames();
  REQUIRE(frames.size() == std::variant_size_v<frame>);
  for (size_t i = 0; i < frames.size(); ++i) {
    CAPTURE(i);
    CHECK(frames[i].index() == i);
    const std::string bytes = encode_frame({42, frames[i]}, false);
    const auto read = decode_frame(bytes, most);
    REQUIRE(read);
    CHECK(read->session == 42);
    CHECK(encode_frame(*read, false) == bytes);
  }
}

TEST_CASE("the fields of a frame arrive in their places") {
  const auto frames = all_frames();
  const auto activity_read = decode_frame(encode_frame({1, frames[5]}, false), most);
  const auto& sent = std::get<activity>(activity_read->content);
  CHECK(sent.after == 10);
  CHECK(sent.through == 20);
  REQUIRE(sent.entries.size() == 2);
  CHECK(sent.entries[0].sequence == 12);
  CHECK(sent.entries[1].sequence == 20);
  CHECK(sent.entries[0].changes[0].rev == native);
  CHECK(sent.entries[0].changes[0].parent == elsewhere);
  CHECK(sent.entries[0].changes[0].foreign);
  CHECK(sent.entries[0].changes[0].body == "{}");
  CHECK(sent.entries[1].changes[0].deleted);
  CHECK(sent.entries[0].changes[0].claim == hash128{3});
  CHECK(!sent.entries[1].changes[0].claim);
  CHECK(!sent.entries[0].digest);
  CHECK(sent.entries[1].digest == hash128{6});
  const auto follow_read = decode_frame(encode_frame({1, frames[3]}, false), most);
  CHECK(std::get<follow>(follow_read->content).digests);
  CHECK(sent.entries[1].changes[1].claim == hash128{4});
  const auto want_read = decode_frame(encode_frame({1, frames[6]}, false), most);
  const auto& wanted = std::get<fetch_documents>(want_read->content);
  CHECK(wanted.documents[0].elsewhere.empty());
  REQUIRE(wanted.documents[1].elsewhere.size() == 1);
  CHECK(wanted.documents[1].elsewhere[0].rev == elsewhere);
  CHECK(wanted.documents[1].elsewhere[0].claim == hash128{5});
  CHECK(wanted.in_parts);
  CHECK(wanted.documents[0].after.empty());
  CHECK(wanted.documents[1].after == native);
  const auto documents_read = decode_frame(encode_frame({1, frames[7]}, false), most);
  const auto& delivered = std::get<documents>(documents_read->content);
  CHECK(delivered.items[0].next == elsewhere);
  CHECK(delivered.items[1].next.empty());
  const auto hello_read = decode_frame(encode_frame({1, frames[0]}, false), most);
  CHECK(std::get<hello>(hello_read->content).buckets == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a frame that is cut short anywhere is refused") {
  for (const frame& whole : all_frames()) {
    const std::string bytes = encode_frame({42, whole}, false);
    for (size_t size = 0; size < bytes.size(); ++size) {
      CAPTURE(whole.index());
      CAPTURE(size);
      CHECK(!decode_frame(std::string_view(bytes).substr(0, size), most));
    }
  }
}

TEST_CASE("what follows the known fields is ignored: a newer node may add some") {
  for (const frame& whole : all_frames()) {
    std::string longer = encode_frame({42, whole}, false) + "more";
    seal_frame(longer);
    CHECK(decode_frame(longer, most));
  }
}

TEST_CASE("frames without claims or parts, as older nodes send them, are read") {
  const auto frames = all_frames();
  activity sent = std::get<activity>(frames[5]);
  for (peer_entry& entry : sent.entries)
    for (peer_change& change : entry.changes) change.claim.reset();
  sent.entries[1].digest.reset();
  std::string bytes = encode_frame({1, sent}, false);
  bytes.resize(bytes.size() - 2); // the empty lists
  seal_frame(bytes);
  const auto read = decode_frame(bytes, most);
  REQUIRE(read);
  CHECK(std::get<activity>(read->content).entries.size() == 2);
  fetch_documents wanted = std::get<fetch_documents>(frames[6]);
  wanted.in_parts = false;
  bytes = encode_frame({1, wanted}, false);
  const auto whole = decode_frame(bytes, most);
  REQUIRE(whole);
  CHECK(!std::get<fetch_documents>(whole->content).in_parts);
  CHECK(std::get<fetch_documents>(whole->content).documents[1].elsewhere.size() == 1);
  wanted.documents[1].elsewhere.clear();
  bytes = encode_frame({1, wanted}, false);
  bytes.resize(bytes.size() - 2); // an empty list for each document
  seal_frame(bytes);
  const auto asked = decode_frame(bytes, most);
  REQUIRE(asked);
  CHECK(std::get<fetch_documents>(asked->content).documents.size() == 2);
  CHECK(!std::get<fetch_documents>(asked->content).in_parts);
  documents delivered = std::get<documents>(frames[7]);
  for (documents::sent& item : delivered.items) item.next = {};
  bytes = encode_frame({1, delivered}, false);
  bytes.resize(bytes.size() - 3); // the list of what to go on with
  seal_frame(bytes);
  const auto answered = decode_frame(bytes, most);
  REQUIRE(answered);
  CHECK(std::get<documents>(answered->content).items[1].next.empty());
}

TEST_CASE("a list of places to go on at that is not one for each document is refused") {
  std::string bytes = encode_frame({1, fetch_documents{"a", {{"d", {}, {}, {}}}}}, false);
  bytes.back() = '\x01'; // half a revision
  seal_frame(bytes);
  CHECK(!decode_frame(bytes, most));
  bytes = encode_frame({1, fetch_documents{"a", {}}}, false);
  bytes.back() = '\x02';
  bytes += std::string(2, '\0');
  seal_frame(bytes);
  CHECK(!decode_frame(bytes, most));
}

TEST_CASE("a claim of no change is refused") {
  activity sent = std::get<activity>(all_frames()[5]);
  for (peer_entry& entry : sent.entries)
    for (peer_change& change : entry.changes) change.claim.reset();
  sent.entries[1].digest.reset();
  const auto with = [&](const std::string& claims) {
    std::string bytes = encode_frame({1, sent}, false);
    bytes.resize(bytes.size() - 2);
    bytes += claims;
    seal_frame(bytes);
    return decode_frame(bytes, most).has_value();
  };
  const std::string hash(16, 'h');
  CHECK(with("\x01\x02" + hash));
  CHECK(!with("\x01\x03" + hash));
  CHECK(with(std::string("\x02\x01", 2) + hash + std::string(1, '\0') + hash));
  CHECK(!with(std::string("\x02\x02", 2) + hash + std::string(1, '\0') + hash));
  CHECK(!with("\x7f\x00"));
}

TEST_CASE("a frame of which any bit is changed is refused") {
  for (const frame& whole : all_frames()) {
    const std::string bytes = encode_frame({42, whole}, false);
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string changed = bytes;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
      CAPTURE(bit);
      CHECK(!decode_frame(changed, most));
    }
  }
}

TEST_CASE("unknown bits in the flags of a change are ignored, those of the envelope are not") {
  activity sent;
  sent.bucket = "a";
  sent.stream = 1;
  sent.through = sent.last = 1;
  sent.entries = {{1, "d", {{native, {}, false, true, "{\"why\":1}"}}}};
  std::string bytes = encode_frame({42, sent}, false);
  const size_t flags = bytes.find('d', bytes.find('a', 15) + 1) + 2;
  REQUIRE(bytes[flags] == 6); // foreign, with a body
  bytes[flags] = static_cast<char>(0xf6);
  seal_frame(bytes);
  const auto opened = decode_frame(bytes, most);
  REQUIRE(opened);
  const auto& change = std::get<activity>(opened->content).entries.front().changes.front();
  CHECK(change.foreign);
  CHECK(change.body == "{\"why\":1}");
  bytes[2] = 2;
  seal_frame(bytes);
  CHECK(decode_frame(bytes, most).error().code == ec::bad_request);
}

TEST_CASE("a type that is not known is told from bytes that are no frame") {
  std::string bytes = encode_frame({42, goodbye{}}, false);
  bytes[1] = 99;
  seal_frame(bytes);
  CHECK(decode_frame(bytes, most).error().code == ec::not_found);
  bytes[0] = 0;
  CHECK(decode_frame(bytes, most).error().code == ec::bad_request);
}

TEST_CASE("large frames are packed where that helps, and unpacked within the limit only") {
  documents sent;
  sent.bucket = "a";
  sent.items = {{"d", "", {{native, 100'000, std::string(100'000, 'x')}}}};
  const std::string packed = encode_frame({1, sent}, true);
  CHECK(packed.size() < 1000);
  CHECK(decode_frame(packed, most));
  CHECK(decode_frame(packed, 50'000).error().code == ec::too_large);
  CHECK(encode_frame({1, goodbye{}}, true) == encode_frame({1, goodbye{}}, false));
  std::string broken = packed;
  broken[30] = static_cast<char>(broken[30] + 1);
  seal_frame(broken);
  CHECK(!decode_frame(broken, most));
}

TEST_CASE("names, ids, revisions and sequences that break their rules are refused") {
  const auto refused = [](const frame& content) {
    return !decode_frame(encode_frame({1, content}, false), most);
  };
  CHECK(refused(leave{"_system"}));
  CHECK(refused(leave{"Upper"}));
  CHECK(refused(fetch_documents{"a", {{"_x", {}}}}));
  CHECK(refused(fetch_documents{"a", {{"_query/", {}}}}));
  CHECK(refused(fetch_documents{"a", {{std::string("a\0b", 3), {}}}}));
  CHECK(refused(fetch_documents{"a", {{"d", {revision(5, "bad hash")}}}}));
  CHECK(refused(fetch_part{"a", "d", {}, 0}));
  CHECK(refused(follow{"a", 0, {}, 0, 0}));
  CHECK(refused(part{"a", "d", native, 5, 6, "text"})); // longer than the body
  activity sent;
  sent.bucket = "a";
  sent.through = 5;
  sent.entries = {{6, "d", {{native, {}, false, false, {}}}}}; // behind the range
  CHECK(refused(sent));
  sent.entries = {{3, "d", {{elsewhere, native, false, false, {}}}}}; // a parent that is newer
  CHECK(refused(sent));
  sent.entries = {{3, "d", {{native, {}, true, false, "{}"}}}}; // a tombstone with a body
  CHECK(refused(sent));
  sent.entries.clear();
  sent.after = uint64_t{1} << 63;
  sent.through = sent.after + 1;
  CHECK(refused(sent));
  CHECK(refused(hello{0, 1, 1, 1, "n", "b", "", false, false, true, {}})); // no session
  CHECK(refused(hello{1, 1, 2, 1, "n", "b", "", false, false, true, {}})); // versions
  CHECK(refused(hello{1, 1, 1, 1, "n", std::string(513, 'x'), "", false, false, true, {}}));
}

TEST_CASE("a small frame cannot ask for much memory") {
  fetch_documents many;
  many.bucket = "a";
  many.documents.resize(1);
  many.documents[0].id = "d";
  many.documents[0].leaves.assign(40'000, native);
  CHECK(!decode_frame(encode_frame({1, many}, false), most));
  many.documents[0].leaves.resize(30'000);
  CHECK(decode_frame(encode_frame({1, many}, false), most));
}

TEST_CASE("every disconnect_reason has its phrase") {
  for (uint8_t why = 1; why <= static_cast<uint8_t>(last_disconnect_reason); ++why)
    CHECK(to_string(static_cast<disconnect_reason>(why)) != "unknown");
}

} // namespace treadmill::replication
