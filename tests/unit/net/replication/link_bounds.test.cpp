#include "net/replication/bucket_making.hpp"
#include "net/replication/link_following.hpp"
#include "net/replication/peer_budget.hpp"
#include "net/replication/replication_defaults.hpp"
#include "tests/unit/net/replication/link_world.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <random>

/// What a peer can cost a link at most, and that nothing that it says once holds for ever.
namespace treadmill::replication {

using test::link_world;
using test::linked_node;

namespace {

constexpr uint64_t mebibyte = uint64_t{1024} * 1024;

/// Changes the first frame of a kind on its way, as a damaged memory or somebody between would.
template<class Kind>
struct forger {
  link_world& world;
  std::function<bool(Kind&)> change; ///< false: not this one
  bool done = false;

  bool operator()(const std::string& bytes) {
    auto opened = decode_frame(bytes, defaults::frame_bytes);
    auto* content = std::get_if<Kind>(&opened->content);
    if (done || content == nullptr || !change(*content)) return true;
    done = true;
    auto& to = opened->session == session_of_a ? world.to_a : world.to_b;
    to.push_back(encode_frame(*opened, false));
    return false;
  }
  uint64_t session_of_a = 0;
};

/// Writes to both nodes while a frame is forged, and afterwards; they must be the same in the end.
template<class Kind>
void survives(std::function<bool(Kind&)> change) {
  link_world w;
  forger<Kind> forges{w, std::move(change)};
  w.passes = [&](const std::string& bytes) {
    const auto opened = decode_frame(bytes, defaults::frame_bytes);
    const auto* greeting = std::get_if<hello>(&opened->content);
    if (greeting != nullptr && greeting->name == "a") forges.session_of_a = greeting->session;
    return forges(bytes);
  };
  w.a.put("b", "d1", "{}");
  w.b.put("b", "d2", "{}");
  w.run(ticks(3000));
  w.a.put("b", "d3", "{}");
  w.b.put("b", "d4", "{}");
  w.run(ticks(3000));
  REQUIRE(forges.done);
  w.a.put("b", "d5", "{}");
  w.b.put("b", "d6", "{}");
  w.run(ticks(40'000));
  CHECK(w.same("b"));
  CHECK(w.a.state("b").documents == 6);
  for (const linked_node* node : {&w.a, &w.b}) {
    const link_status shown = node->link->status(w.now);
    CHECK(shown.state == link_state::live);
    CHECK(shown.behind == 0);
    CHECK(shown.peer_behind == 0);
  }
}

hash128 random_hash(std::mt19937_64& random) {
  hash128 made{};
  for (uint8_t& byte : made) byte = static_cast<uint8_t>(random());
  return made;
}

peer_entry unknown_entry(uint64_t sequence, std::mt19937_64& random) {
  peer_entry entry;
  entry.sequence = sequence;
  entry.id = "d" + std::to_string(sequence);
  entry.changes.resize(1);
  entry.changes[0].rev = revision(5, random_hash(random));
  entry.changes[0].parent = revision(4, random_hash(random));
  return entry;
}

/// A bucket of a peer that never delivers its first document, and what it sends behind it.
struct hostile_stream {
  linked_node node{"a", 1};
  bucket_info bucket = *node.rows->create_bucket("b");
  link_context shared{};
  std::mt19937_64 random{7};
  std::unique_ptr<following> followed{};
  uint64_t sent = 0;
  uint64_t held = 0; ///< at most

  hostile_stream() {
    shared.rows = node.local.get();
    shared.options.random = [this] { return random(); };
    followed = std::make_unique<following>(shared, bucket, checkpoint{});
    followed->announced({"b", hash128{1}, 1'000'000'000, {}}, ticks(0));
  }
  activity next(size_t entries, const std::string& body) {
    activity made;
    made.bucket = bucket.name;
    made.stream = shared.streams;
    made.log_id = hash128{1};
    made.after = sent;
    made.through = sent += entries;
    made.last = 1'000'000'000;
    for (uint64_t at = made.after + 1; at <= made.through; ++at) {
      made.entries.push_back(unknown_entry(at, random));
      if (body.empty() || at == 1) continue;
      peer_change& change = made.entries.back().changes[0];
      change.body = body;
      change.parent = {};
      change.rev = make_revision({}, false, body);
    }
    return made;
  }
  /// Until it is cut, or for `most` frames.
  size_t send(size_t entries, const std::string& body, size_t most) {
    for (size_t n = 0; n < most; ++n) {
      followed->taken_in(next(entries, body), ticks(static_cast<int64_t>(n)));
      held = std::max(held, shared.held);
      shared.out.frames.clear();
      if (!shared.out.cut.empty()) return n + 1;
    }
    return most;
  }
};

} // namespace

TEST_CASE("numbers that only grow hold nothing up for good when one was forged") {
  uint64_t large = 0;
  std::function<void()> run;
  SUBCASE("the stream that is asked for") {
    run = [&] { survives<follow>([&](follow& x) { return x.stream = large, true; }); };
  }
  SUBCASE("the stream, later, and what is taken in") {
    run = [&] {
      survives<follow>(
          [&](follow& x) { return x.taken > 0 && (x.stream = large, x.taken = large, true); });
    };
  }
  SUBCASE("what is taken in") {
    run = [&] {
      survives<follow>([&](follow& x) { return x.taken > 0 && (x.taken = large, true); });
    };
  }
  SUBCASE("the checkpoint") {
    run = [&] { survives<follow>([&](follow& x) { return x.from.sequence = large, true; }); };
  }
  SUBCASE("the window") {
    run = [&] { survives<follow>([&](follow& x) { return x.window = large, true; }); };
  }
  SUBCASE("no window") {
    run = [&] { survives<follow>([&](follow& x) { return x.window = 0, true; }); };
  }
  SUBCASE("the last sequence that is announced") {
    run = [&] {
      survives<bucket_digests>([&](bucket_digests& x) {
        return !x.buckets.empty() && x.buckets[0].sequence > 0 &&
               (x.buckets[0].sequence = large, true);
      });
    };
  }
  SUBCASE("the session") {
    run = [&] { survives<hello>([&](hello& x) { return x.session = large, true; }); };
  }
  SUBCASE("how far the log is covered") {
    run = [&] {
      survives<activity>([&](activity& x) {
        const uint64_t most = std::min(large, uint64_t{1} << 61); // no frame has more
        return x.through > 0 && (x.entries.clear(), x.through = x.last = most, true);
      });
    };
  }
  SUBCASE("how far the log goes") {
    run = [&] {
      survives<activity>(
          [&](activity& x) { return x.last = std::min(large, uint64_t{1} << 61), true; });
    };
  }
  for (const uint64_t number : {uint64_t{1} << 40, uint64_t{1} << 63, ~uint64_t{0}}) {
    CAPTURE(number);
    large = number;
    run();
  }
}

TEST_CASE("a frame that covers more than there is of a log is none") {
  activity sent;
  sent.bucket = "b";
  sent.stream = 1;
  sent.through = 5;
  sent.last = 4;
  CHECK_FALSE(decode_frame(encode_frame({1, sent}, false), defaults::frame_bytes));
  sent.last = 5;
  CHECK(decode_frame(encode_frame({1, sent}, false), defaults::frame_bytes));
}

TEST_CASE("a peer that goes on beyond its window is cut, and what is held for it has a bound") {
  hostile_stream peer;
  SUBCASE("with entries whose documents it does not deliver") {
    CHECK(peer.send(2000, "", 1000) < 1000);
  }
  SUBCASE("with bodies, behind a document that it does not deliver") {
    const std::string body = R"({"a":")" + std::string(65'000, 'a') + "\"}";
    CHECK(peer.send(240, body, 100) <= 3);
  }
  CHECK(peer.shared.cuts == 1);
  CHECK(peer.held <= defaults::held_bytes + defaults::frame_bytes + mebibyte);
  peer.followed.reset();
  CHECK(peer.shared.held == 0);
}

TEST_CASE("small pieces that wait are held as few") {
  hostile_stream peer;
  peer.send(1, "", 3000);
  CHECK(peer.shared.entries_in == 3000);
  CHECK(peer.held <= 3000 * 330 + 8 * 512);
}

TEST_CASE("known entries behind what waits are held as one") {
  hostile_stream peer;
  peer.send(1, "", 1);
  const revision known = peer.node.put("b", "known", "{}").rev;
  const uint64_t before = peer.shared.held;
  for (int i = 0; i < 1000; ++i) {
    activity more = peer.next(1, "");
    more.entries[0].id = "known";
    more.entries[0].changes[0] = {known};
    peer.followed->taken_in(std::move(more), ticks(1));
  }
  CHECK(peer.shared.held == before);
  CHECK(peer.shared.out.cut.empty());
}

TEST_CASE("where much is held for a peer, more of its buckets wait, and it is not cut") {
  hostile_stream peer;
  peer.shared.held = defaults::held_bytes;
  peer.send(1, "", 1);
  CHECK(peer.shared.out.cut.empty());
  CHECK(peer.followed->documents_on_their_way() == 0);
  CHECK(peer.shared.window() == defaults::small_window_bytes);
  peer.shared.held = 0;
  peer.followed->tick(ticks(10'000)); // asks again
  peer.sent = 0;
  const uint64_t held = peer.shared.held;
  peer.followed->taken_in(peer.next(1, ""), ticks(10'000));
  CHECK(peer.shared.held > held);
}

TEST_CASE("an honest peer that catches up is far from being cut") {
  link_world w;
  for (int i = 0; i < 3000; ++i) w.a.put("b", "d" + std::to_string(i), R"({"n":1})");
  w.run();
  CHECK(w.same("b"));
  CHECK(w.b.link->status(w.now).cuts == 0);
  CHECK(w.b.link->status(w.now).held_bytes == 0);
}

TEST_CASE("of the names that a peer announces a bounded number is asked for and kept") {
  link_context shared;
  bucket_making making(shared);
  for (int i = 0; i < 100'000; ++i) making.announced("b" + std::to_string(i), ticks(1));
  CHECK(shared.out.make_buckets.size() == defaults::making_buckets);
  size_t asked = 0;
  while (!shared.out.make_buckets.empty()) {
    const auto names = std::exchange(shared.out.make_buckets, {});
    asked += names.size();
    for (const std::string& name : names) making.made(name, ec::none, ticks(2));
  }
  CHECK(asked <= defaults::making_buckets + defaults::unmade_buckets);
  CHECK(making.refused() == 0);
  for (int i = 0; i < 100'000; ++i) making.announced("c" + std::to_string(i), ticks(3));
  making.made(shared.out.make_buckets.front(), ec::too_large, ticks(3));
  for (int i = 0; i < 100'000; ++i) making.announced("d" + std::to_string(i), ticks(4));
  CHECK(making.refused() == defaults::refused_buckets);
  CHECK(making.shown().size() == defaults::refused_shown);
  making.forget_refused();
  CHECK(making.refused() == 0);
}

TEST_CASE("a bucket that cannot be made now is asked for again when it is announced") {
  link_context shared;
  bucket_making making(shared);
  making.announced("b", ticks(1));
  making.announced("b", ticks(1));
  REQUIRE(std::exchange(shared.out.make_buckets, {}).size() == 1);
  making.made("b", ec::overloaded, ticks(1));
  making.announced("b", ticks(2));
  REQUIRE(std::exchange(shared.out.make_buckets, {}).size() == 1);
  making.made("b", ec::too_large, ticks(2));
  making.announced("b", ticks(3));
  CHECK(shared.out.make_buckets.empty());
  CHECK(making.shown() == std::vector<std::string>{"b"});
  making.announced("b", ticks(2) + defaults::retry_most);
  CHECK(shared.out.make_buckets.size() == 1);
  making.made("b", ec::none, ticks(9000));
  CHECK(making.refused() == 0);
}

TEST_CASE("buckets of the peer without a place here are named, also when the link begins anew") {
  link_world w;
  w.b.most_buckets = 5;
  w.b.open();
  w.b.greet();
  for (int i = 1; i <= 9; ++i) w.a.put("b" + std::to_string(i), "d", "{}");
  const auto told = [&] {
    const link_status shown = w.b.link->status(w.now);
    CHECK(shown.refused_bucket_count == 4);
    CHECK(shown.refused_buckets == std::vector<std::string>{"b6", "b7", "b8", "b9"});
    CHECK(w.a.link->status(w.now).peer_behind == 4); // and the peer knows that they are not there
  };
  w.run(ticks(5000));
  told();
  w.b.greet();
  w.run(ticks(10'000));
  told();
  REQUIRE(w.b.rows->drop_bucket("b1"));
  w.run(ticks(20'000));
  CHECK(w.b.link->status(w.now).refused_bucket_count == 3); // there is a place now
}

TEST_CASE("both sides show what the other one lacks") {
  link_world w;
  w.run();
  w.b.refuse_batches = ec::disk_full;
  for (int i = 0; i < 10; ++i) w.a.put("b", "d" + std::to_string(i), "{}");
  w.run(ticks(10'000));
  const link_status lacking = w.a.link->status(w.now);
  CHECK(lacking.behind == 0);
  CHECK(lacking.peer_behind == 10);
  REQUIRE(lacking.buckets.size() == 1);
  CHECK(lacking.buckets[0].peer_behind == 10);
  CHECK(w.b.link->status(w.now).peer_behind == 0);
  CHECK(w.b.link->status(w.now).reason == "b: received documents could not be written: disk_full");
  w.passes = [](const std::string&) { return false; };
  w.run(ticks(10'000));
  w.a.put("b", "more", "{}");
  w.run(ticks(10'000));
  CHECK(w.a.link->status(w.now).peer_behind == 11); // also while the peer is away
  w.passes = {};
  w.b.refuse_batches = ec::none;
  w.run(ticks(10'000));
  REQUIRE(w.same("b"));
  CHECK(w.a.link->status(w.now).peer_behind == 0);
  CHECK(w.b.link->status(w.now).reason.empty());
}

namespace {

void write_row(linked_node& node, std::string_view key, std::string_view value) {
  row_batch rows;
  rows.put(key, value);
  const row_batch* only = &rows;
  REQUIRE(node.rows->commit({&only, 1}, true));
}

} // namespace

TEST_CASE("a row of the log that cannot be read is named as the reason why a bucket rests") {
  link_world w;
  w.a.put("b", "first", "{}");
  w.run();
  w.a.link.reset();
  w.a.put("b", "second", "{}");
  write_row(w.a, keys::activity(w.a.rows->find_bucket("b")->number, 2), "nonsense");
  w.a.greet();
  w.run(ticks(9000));
  CHECK(w.a.link->status(w.now).peer_behind == 1);
  CHECK(w.a.link->status(w.now).reason.starts_with("b: "));
}

TEST_CASE("a damaged document is left out and named by the peer, which takes in all others") {
  link_world w;
  w.a.put("b", "first", "{}");
  w.run();
  w.a.link.reset();
  const std::string large = R"({"text":")" + std::string(2'000'000, 'x') + "\"}";
  for (const char* id : {"damaged", "second", "third"}) w.a.put("b", id, large);
  const uint32_t bucket = w.a.rows->find_bucket("b")->number;
  write_row(w.a, keys::document(bucket, "damaged"), "nonsense");
  std::vector<std::string> left_out{"b/damaged"};
  SUBCASE("and known there") {
    w.b.put("b", "damaged", large);
    left_out.clear();
  }
  SUBCASE("and not known there") {}
  w.a.greet();
  w.run(ticks(9000));
  w.a.put("b", "later", "{}");
  w.run(ticks(60'000));
  for (const char* id : {"second", "third", "later"})
    CHECK(w.b.winner("b", id) == w.a.winner("b", id));
  CHECK(w.a.link->status(w.now).peer_behind == 0);
  CHECK(w.b.link->status(w.now).behind == 0);
  CHECK(w.b.link->status(w.now).reason.empty());
  CHECK(w.b.link->status(w.now).refused == left_out);
  const uint64_t frames = w.frames;
  w.run(ticks(60'000));
  CHECK(w.frames - frames < 300); // signs of life
}

TEST_CASE("a body that is damaged while its parts are fetched is left out, too") {
  link_world w;
  const std::string large = R"({"text":")" + std::string(3'000'000, 'x') + "\"}";
  w.a.put("b", "d", large);
  bool damaged = false;
  w.passes = [&](const std::string& bytes) {
    const auto opened = decode_frame(bytes, defaults::frame_bytes);
    if (!opened || !std::holds_alternative<part>(opened->content) || damaged) return true;
    damaged = true;
    write_row(w.a, keys::document(w.a.rows->find_bucket("b")->number, "d"), "nonsense");
    return true;
  };
  w.run(ticks(9000));
  REQUIRE(damaged);
  w.a.put("b", "later", "{}");
  w.run(ticks(9000));
  CHECK(w.b.winner("b", "later") == w.a.winner("b", "later"));
  CHECK(w.b.winner("b", "d").empty());
  CHECK(w.b.link->status(w.now).refused == std::vector<std::string>{"b/d"});
}

TEST_CASE("where a document is damaged here, what comes of it is left out and named") {
  link_world w;
  w.a.put("b", "d", "{}");
  w.a.put("b", "e", "{}");
  w.run();
  REQUIRE(w.same("b"));
  w.a.put("b", "d", R"({"n":1})");
  w.a.put("b", "e", R"({"n":1})");
  const uint32_t bucket = w.b.rows->find_bucket("b")->number;
  bool damaged = false;
  w.b.applies = [&](const apply_batch&) { // between the link's look and the bucket's
    if (!std::exchange(damaged, true)) write_row(w.b, keys::document(bucket, "d"), "nonsense");
  };
  w.run(ticks(9000));
  REQUIRE(damaged);
  CHECK(w.b.winner("b", "e") == w.a.winner("b", "e"));
  CHECK(w.b.link->status(w.now).refused == std::vector<std::string>{"b/d"});
  CHECK(w.b.link->status(w.now).behind == 0);
}

TEST_CASE("time that a peer used up is paid back before its next frame") {
  using std::chrono::milliseconds;
  work_budget budget(0.5, milliseconds(100));
  CHECK(budget.wait(milliseconds(1000)) == milliseconds(0));
  budget.spend(milliseconds(99), milliseconds(1000));
  CHECK(budget.wait(milliseconds(1000)) == milliseconds(0));
  budget.spend(milliseconds(101), milliseconds(1000));
  const milliseconds wait = budget.wait(milliseconds(1000));
  CHECK(wait >= milliseconds(200));
  CHECK(wait <= milliseconds(202));
  CHECK(budget.wait(milliseconds(1100)) > milliseconds(0));
  CHECK(budget.wait(milliseconds(1000) + wait) == milliseconds(0));
  // What is not used is not saved up without end.
  CHECK(budget.wait(milliseconds(100'000)) == milliseconds(0));
  budget.spend(milliseconds(100), milliseconds(100'000));
  CHECK(budget.wait(milliseconds(100'000)) > milliseconds(0));
}

} // namespace treadmill::replication
