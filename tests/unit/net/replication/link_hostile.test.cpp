#include "net/replication/replication_defaults.hpp"
#include "tests/unit/net/replication/link_world.hpp"
#include <doctest/doctest.h>
#include <random>
#include <set>

/// A peer that says anything: each frame by itself is well formed, what it says is not.
namespace treadmill::replication {

using test::link_world;
using test::linked_node;

namespace {

class hostile_peer {
public:
  hostile_peer(linked_node& node, uint64_t seed) : node_(node), random_(seed) {}

  /// What the node sends is looked at, to know what it would believe.
  void heard(const std::string& bytes) {
    out_bytes += bytes.size();
    ++out_frames;
    auto opened = decode_frame(bytes, defaults::frame_bytes);
    REQUIRE(opened);
    if (auto* x = std::get_if<hello>(&opened->content)) session_ = x->session;
    if (auto* x = std::get_if<follow>(&opened->content)) streams_[x->bucket] = *x;
    if (auto* x = std::get_if<fetch_documents>(&opened->content)) wants_.push_back(std::move(*x));
    if (auto* x = std::get_if<fetch_part>(&opened->content)) parts_.push_back(std::move(*x));
  }
  std::string next() { return encode_frame({session_, make()}, pick(2) == 0); }
  std::string greeting() { return encode_frame({session_, greets()}, false); }

  uint64_t out_bytes = 0;
  uint64_t out_frames = 0;

private:
  uint64_t pick(uint64_t of) { return random_() % of; }
  uint64_t number() {
    switch (pick(6)) {
    case 0: return pick(4);
    case 1: return uint64_t{1} << pick(62);
    default: return pick(5000);
    }
  }
  std::string bucket() {
    if (pick(8) == 0) return "new" + std::to_string(pick(100'000));
    return std::string(1, "bcd"[pick(3)]);
  }
  std::string id() { return "d" + std::to_string(pick(60)); }
  hash128 random_hash() {
    hash128 made{};
    for (uint8_t& byte : made) byte = static_cast<uint8_t>(random_());
    return made;
  }
  hash128 hash() { return pick(2) == 0 ? hash128{1} : random_hash(); }
  std::string body() {
    const size_t size = pick(50) == 0 ? 600'000 : pick(20) == 0 ? 60'000 : pick(30);
    return R"({"a":")" + std::string(size, 'a') + "\"}";
  }
  revision rev(uint64_t edits) {
    return pick(10) == 0
               ? revision(static_cast<uint32_t>(edits), "foreign" + std::to_string(pick(9)))
               : revision(static_cast<uint32_t>(edits), random_hash());
  }
  peer_change change() {
    peer_change made;
    const uint64_t edits = 1 + pick(4);
    made.rev = rev(edits);
    if (edits > 1) made.parent = rev(edits - 1);
    made.deleted = pick(5) == 0;
    if (made.deleted || pick(3) == 0) return made;
    made.body = body();
    if (pick(4) == 0) return made;
    made.parent = {};
    made.rev = make_revision({}, false, *made.body);
    return made;
  }
  frame make() {
    switch (pick(14)) {
    case 0: return some_heads();
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: return some_activity();
    case 6:
    case 7: return some_documents();
    case 8: return some_part();
    case 9: {
      follow made{bucket(), 1 + number(), {hash(), number(), hash()}, number(), number()};
      return made;
    }
    case 10: {
      fetch_documents made{bucket(), {}};
      for (uint64_t n = pick(40); n > 0; --n) made.documents.push_back({id(), {}});
      return made;
    }
    case 11: return fetch_part{bucket(), id(), rev(1 + pick(3)), number()};
    case 12: return leave{bucket()};
    default: return pick(20) == 0 ? frame(greets()) : some_heads();
    }
  }
  hello greets() {
    hello made;
    made.session = 1 + pick(3);
    made.instance = 9;
    made.node_id = "hostile";
    made.name = "hostile";
    made.zstd = true;
    return made;
  }
  frame some_heads() {
    bucket_digests made;
    made.complete = pick(3) == 0;
    for (uint64_t n = pick(pick(10) == 0 ? 4000 : 5); n > 0; --n)
      made.buckets.push_back({bucket(), hash(), number(), hash()});
    return made;
  }
  frame some_activity() {
    activity made;
    made.bucket = bucket();
    const auto asked = streams_.find(made.bucket);
    made.stream = asked == streams_.end() ? 1 + number() : asked->second.stream;
    made.log_id = hash();
    made.restart = pick(10) == 0;
    auto& at = sent_[made.bucket];
    if (asked != streams_.end() && pick(6) == 0) at = asked->second.from.sequence;
    if (made.restart) at = 0;
    made.after = at;
    const uint64_t entries = pick(8) == 0 ? pick(2000) : pick(20);
    made.through = made.after + entries + pick(3);
    if (pick(2) == 0) made.log_id = hash128{1};
    for (uint64_t n = 1; n <= entries; ++n) {
      peer_entry& entry = made.entries.emplace_back();
      entry.sequence = made.after + n;
      entry.id = id();
      for (uint64_t changes = 1 + pick(3); changes > 0; --changes)
        entry.changes.push_back(change());
    }
    made.last = made.through + number();
    made.chain = hash();
    at = made.through;
    return made;
  }
  frame some_documents() {
    documents made;
    fetch_documents asked{bucket(), {{id(), {}}}};
    if (!wants_.empty() && pick(3) != 0) asked = std::move(wants_.back());
    wants_.clear();
    made.bucket = asked.bucket;
    for (const auto& item : asked.documents) {
      documents::sent& sent = made.items.emplace_back();
      sent.id = item.id;
      if (pick(20) == 0) continue;
      revision_tree tree;
      for (uint64_t n = 1 + pick(4); n > 0; --n) {
        const std::string text = body();
        const revision leaf = make_revision({}, false, text);
        tree.add(leaf, {}, false);
        const bool parted = text.size() > 500'000;
        sent.bodies.push_back({leaf, text.size() + pick(2), std::nullopt});
        if (!parted || pick(2) == 0) sent.bodies.back().body = text;
      }
      sent.tree = pick(15) == 0 ? "nonsense" : tree.encode();
      if (made.items.size() > 12) break;
    }
    return made;
  }
  frame some_part() {
    fetch_part asked{bucket(), id(), rev(1), number()};
    if (!parts_.empty()) asked = std::move(parts_.back());
    parts_.clear();
    part made{asked.bucket, asked.id, asked.rev,
              asked.offset, number(), std::string(pick(3000), 'x')};
    return made;
  }

  linked_node& node_;
  std::mt19937_64 random_;
  uint64_t session_ = 0;
  std::map<std::string, follow> streams_{};
  std::map<std::string, uint64_t> sent_{};
  std::vector<fetch_documents> wants_{};
  std::vector<fetch_part> parts_{};
};

} // namespace

TEST_CASE(
    "a peer that says anything is held in bounds, and an honest one comes to agree after it") {
  uint64_t cuts = 0;
  uint64_t batches = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    link_world w;
    w.b.most_buckets = 20;
    w.b.open();
    w.b.greet();
    for (int i = 0; i < 30; ++i) w.b.put("b", "d" + std::to_string(i), R"({"n":1})");
    w.b.put("c", "d1", "{}");
    hostile_peer peer(w.b, seed);
    std::mt19937_64 random(seed);
    ticks now{0};
    for (int n = 0; n < 400; ++n) {
      now += ticks(static_cast<int64_t>(random() % 40));
      w.b.now = now;
      if (n % 100 == 0) w.b.link->received(peer.greeting(), now);
      if (w.b.link->due() <= now) w.b.link->tick(now);
      w.b.refuse_batches = random() % 5 == 0 ? ec::disk_full : ec::none;
      w.b.link->received(peer.next(), now);
      const uint64_t before = peer.out_bytes;
      w.b.settle([&](const std::string& sent) { peer.heard(sent); });
      CHECK(peer.out_bytes - before <= 4 * defaults::window_bytes);
      const link_status shown = w.b.link->status(now);
      CHECK(shown.held_bytes <= defaults::held_bytes + defaults::frame_bytes);
      CHECK(shown.refused_bucket_count <= defaults::refused_buckets);
      CHECK(shown.buckets.size() <= 20);
      if (w.b.cut.empty()) continue;
      ++cuts;
      w.b.cut.clear();
      w.b.link->lost(now);
    }
    batches += w.b.link->status(now).documents_in;
    CHECK(w.b.rows->buckets().size() <= 18); // some are kept for clients
    w.b.refuse_batches = ec::none;
    w.now = now;
    w.a.greet();
    w.b.greet();
    w.run(ticks(40'000));
    CHECK(w.same("b"));
    CHECK(w.same("c"));
    CHECK(w.a.link->status(w.now).behind == 0);
    CHECK(w.b.link->status(w.now).behind == 0);
  }
  CHECK(batches > 0); // it was believed sometimes
}

} // namespace treadmill::replication
