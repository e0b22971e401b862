#include "net/replication/replication_defaults.hpp"
#include "storage/documents/names.hpp"
#include "tests/unit/net/replication/link_world.hpp"
#include <doctest/doctest.h>
#include <random>

namespace treadmill::replication {

using test::link_world;
using test::linked_node;

TEST_CASE("what is written on either side arrives on the other, and its bucket is made there") {
  link_world w;
  const auto made = w.a.put("places", "oslo", R"({"n":1})");
  w.run();
  CHECK(w.same("places"));
  CHECK(w.b.body("places", "oslo", made.rev) == R"({"n":1})");
  const auto changed = w.b.put("places", "oslo", R"({"n":2})");
  w.run();
  CHECK(w.a.winner("places", "oslo") == changed.rev);
  CHECK(w.a.link->status(w.now).state == link_state::live);
  CHECK(w.a.link->status(w.now).sequence_number == w.b.state("places").sequence);
  CHECK(w.a.link->status(w.now).behind == 0);
  CHECK(w.a.link->status(w.now).fetched == 0); // small bodies travelled along
}

TEST_CASE("a change circles in no link: each side logs it once") {
  link_world w;
  for (int i = 0; i < 50; ++i) w.a.put("b", "d" + std::to_string(i), "{}");
  w.run();
  CHECK(w.a.state("b").sequence == 50);
  CHECK(w.b.state("b").sequence == 50);
  w.run(ticks(20'000));
  CHECK(w.a.state("b").sequence == 50);
  CHECK(w.b.state("b").sequence == 50);
}

TEST_CASE(
    "writes of both sides at once become conflicts with the same winner, which a delete ends") {
  link_world w;
  w.a.put("b", "d", R"({"from":"a"})");
  w.b.put("b", "d", R"({"from":"b"})");
  w.run();
  REQUIRE(w.same("b"));
  CHECK(w.a.state("b").conflicts == 1);
  CHECK(w.b.state("b").conflicts == 1);
  CHECK(w.a.winner("b", "d") == w.b.winner("b", "d"));
  const auto tree = w.a.rows->latest().full_tree(w.a.rows->find_bucket("b")->number, "d");
  for (const auto& leaf : tree->leaves())
    CHECK(w.a.body("b", "d", leaf.rev) == w.b.body("b", "d", leaf.rev));
  write_op drop;
  drop.what = write_op::kind::remove;
  drop.id = "d";
  drop.rev = tree->leaves().back().rev;
  CHECK(w.b.write("b", drop).ok());
  w.run();
  REQUIRE(w.same("b"));
  CHECK(w.a.state("b").conflicts == 0);
}

TEST_CASE("what was written while they were apart is caught up, however much it is") {
  link_world w;
  w.run();
  w.passes = [](const std::string&) { return false; };
  for (int i = 0; i < 3000; ++i) w.a.put("b", "a" + std::to_string(i), R"({"i":1})");
  for (int i = 0; i < 3000; ++i) w.b.put("b", "b" + std::to_string(i), R"({"i":2})");
  w.run(ticks(10'000));
  CHECK(w.a.link->status(w.now).state == link_state::unreachable);
  CHECK(w.a.state("b").documents == 3000);
  w.passes = nullptr;
  w.run(ticks(8000));
  CHECK(w.same("b"));
  CHECK(w.a.state("b").documents == 6000);
  CHECK(w.b.stored_checkpoint("b", w.a).sequence == w.a.state("b").sequence);
}

TEST_CASE("a history of many edits of one document travels as one") {
  link_world w;
  for (int i = 0; i < 500; ++i) w.a.put("b", "d", "{\"i\":" + std::to_string(i) + "}");
  w.run();
  REQUIRE(w.same("b"));
  CHECK(w.b.link->status(w.now).entries_in == 1);
  CHECK(w.b.link->status(w.now).fetched == 1);
  const auto tree = w.b.rows->latest().full_tree(w.b.rows->find_bucket("b")->number, "d");
  CHECK(tree->history(w.b.winner("b", "d")).size() == 500);
}

TEST_CASE("lost frames delay, and nothing else") {
  link_world w;
  std::mt19937_64 random(1);
  w.passes = [&](const std::string&) { return random() % 3 != 0; };
  for (int i = 0; i < 100; ++i) {
    w.a.put("b", "a" + std::to_string(i % 30), "{\"i\":" + std::to_string(i) + "}");
    w.b.put("b", "b" + std::to_string(i % 30), "{\"i\":" + std::to_string(i) + "}");
    w.run(ticks(50));
  }
  w.run(ticks(60'000));
  CHECK(w.same("b"));
}

TEST_CASE("where answers take long nothing is asked for twice for long") {
  link_world w;
  // Documents with two leaves: they are fetched whole.
  for (int i = 0; i < 3000; ++i) {
    const std::string id = "d" + std::to_string(i);
    w.a.put("b", id, "{}");
    w.a.remove("b", id);
    w.a.put("b", id, "{\"n\":" + std::to_string(i) + "}");
  }
  w.delay = ticks(1500);
  size_t wants = 0;
  w.passes = [&](const std::string& bytes) {
    const auto opened = decode_frame(bytes, defaults::frame_bytes);
    if (std::holds_alternative<fetch_documents>(opened->content)) ++wants;
    return true;
  };
  w.run(ticks(60'000));
  CHECK(w.same("b"));
  CHECK(w.b.state("b").documents == 3000);
  CHECK(wants <= 10);
  CHECK(w.bytes < 2'000'000);
}

TEST_CASE("where answers take long what comes in many small frames is fetched at once, too") {
  link_world w;
  w.run();
  w.delay = ticks(1000);
  // A history that b does not have in between: each is fetched whole, and comes alone.
  for (int i = 0; i < 400; ++i) {
    const std::string id = "d" + std::to_string(i);
    w.a.put("b", id, "{}");
    w.a.remove("b", id);
    w.a.put("b", id, "{\"n\":" + std::to_string(i) + "}");
    w.run(ticks(10));
  }
  w.run(ticks(15'000));
  CHECK(w.same("b"));
}

TEST_CASE("a checkpoint is written with what it covers, and survives a restart") {
  link_world w;
  for (int i = 0; i < 10; ++i) w.a.put("b", "d" + std::to_string(i), "{}");
  w.run();
  const checkpoint before = w.b.stored_checkpoint("b", w.a);
  CHECK(before.sequence == 10);
  CHECK(before.chain == w.a.state("b").chain);
  w.b.greet(); // a new process over the same store
  w.a.put("b", "d10", "{}");
  w.run(ticks(8000));
  CHECK(w.same("b"));
  CHECK(w.b.link->status(w.now).entries_in == 1); // only what was new
}

TEST_CASE("a checkpoint that moved over known entries is written at leisure") {
  link_world w;
  w.a.put("b", "d", "{}");
  w.run(ticks(5000));
  // b's own log has the entry that came from a, which a knows.
  CHECK(w.a.stored_checkpoint("b", w.b).sequence == 1);
  CHECK(w.a.state("b").sequence == 1);
}

TEST_CASE("batches that cannot be applied move no checkpoint, and are asked for again") {
  link_world w;
  w.run();
  w.b.refuse_batches = ec::disk_full;
  for (int i = 0; i < 10; ++i) w.a.put("b", "d" + std::to_string(i), "{}");
  w.run(ticks(10'000));
  CHECK(w.b.state("b").sequence == 0);
  CHECK(w.b.stored_checkpoint("b", w.a).sequence == 0);
  CHECK(w.b.link->status(w.now).behind == 10);
  CHECK(w.b.link->status(w.now).lag > ticks(5000));
  CHECK(w.b.link->status(w.now).state == link_state::catching_up);
  w.b.refuse_batches = ec::none;
  w.run(ticks(8000));
  CHECK(w.same("b"));
}

TEST_CASE("an older store put back is followed again from 0") {
  link_world w;
  for (int i = 0; i < 10; ++i) w.a.put("b", "d" + std::to_string(i), "{}");
  w.run();
  // a's bucket is another one now: its log has another id.
  REQUIRE(w.a.rows->drop_bucket("b"));
  w.a.put("b", "e", "{}");
  w.run(ticks(5000));
  CHECK(w.same("b"));
  CHECK(w.a.state("b").documents == 11);
  CHECK(w.b.link->status(w.now).restarts == 1);
}

TEST_CASE("digests of a log that the peer has given up, coming late, leave nothing to wait for") {
  link_world w;
  for (int i = 0; i < 10; ++i) w.b.put("b", "d" + std::to_string(i), "{}");
  for (int i = 0; i < 10; ++i) w.a.put("b", "d" + std::to_string(i), "{}");
  w.a.put("b", "d0", "{\"n\":2}");
  std::string old_heads;
  std::string began_again;
  w.passes = [&](const std::string& bytes) {
    const auto opened = decode_frame(bytes, defaults::frame_bytes);
    const auto* told = std::get_if<bucket_digests>(&opened->content);
    if (told != nullptr && !told->buckets.empty() && told->buckets[0].sequence == 11 &&
        old_heads.empty())
      old_heads = bytes;
    const auto* sent = std::get_if<activity>(&opened->content);
    if (sent == nullptr || !sent->restart || !began_again.empty()) return true;
    began_again = bytes;
    w.to_b.push_back(old_heads);
    w.to_b.push_back(bytes);
    return false;
  };
  w.run(ticks(5000));
  REQUIRE(!old_heads.empty());
  REQUIRE(w.a.rows->drop_bucket("b"));
  w.a.put("b", "e", "{}");
  w.run(ticks(5000));
  REQUIRE(!began_again.empty());
  const uint64_t frames = w.frames;
  w.run(ticks(20'000));
  CHECK(w.frames - frames <= 42); // one a second, each way
  CHECK(w.b.link->status(w.now).state == link_state::live);
}

TEST_CASE("that a log begins again is told although the first frame of it is lost") {
  link_world w;
  for (int i = 0; i < 30; ++i) w.a.put("b", "d" + std::to_string(i), "{}");
  w.run();
  // The same log again, shorter and with other entries, as of a store that was put back.
  const auto forge = [&](const checkpoint& at) {
    row_batch forged;
    forged.put(keys::checkpoint(w.b.rows->find_bucket("b")->number, w.a.rows->node_id()),
               at.encode());
    const row_batch* only = &forged;
    REQUIRE(w.b.rows->commit({&only, 1}, true));
  };
  forge({w.a.rows->find_bucket("b")->log_id, 500, {}});
  w.b.greet();
  uint64_t lost = 0;
  w.passes = [&](const std::string& bytes) {
    const auto opened = decode_frame(bytes, defaults::frame_bytes);
    const auto* sent = std::get_if<activity>(&opened->content);
    return sent == nullptr || !sent->restart || sent->after != 0 || ++lost > 1;
  };
  w.run(ticks(6000));
  w.a.put("b", "later", "{}");
  w.run(ticks(10'000));
  CHECK(lost > 1);
  CHECK(w.same("b"));
  CHECK(w.b.link->status(w.now).restarts == 1);
  CHECK(w.b.stored_checkpoint("b", w.a).sequence == 31);
}

TEST_CASE("what rests on a batch that was not taken in is not taken in either") {
  link_world w;
  w.a.put("b", "d", "{}");
  w.run();
  bucket_core& core = w.b.core("b");
  CHECK(core.continue_run("peer", 1, true));
  CHECK(core.continue_run("peer", 1, false));
  CHECK(!core.continue_run("peer", 2, false));
  CHECK(!core.continue_run("other", 1, false));
  core.end_run("peer");
  CHECK(!core.continue_run("peer", 1, false));
  CHECK(core.continue_run("peer", 2, true));
}

TEST_CASE("a bucket that was dropped here is not taken from the peer until it is made again") {
  link_world w;
  w.a.put("b", "d", "{}");
  w.run();
  REQUIRE(w.b.rows->drop_bucket("b"));
  w.a.put("b", "e", "{}");
  w.run(ticks(5000));
  CHECK(!w.b.rows->find_bucket("b"));
  w.b.put("b", "f", "{}");
  w.run(ticks(8000));
  CHECK(w.same("b"));
  CHECK(w.b.state("b").documents == 3);
}

TEST_CASE("large documents travel in parts") {
  link_world w;
  const std::string body = "{\"text\":\"" + std::string(5 * 1024 * 1024, 'x') + "\"}";
  w.a.put("b", "large", body);
  w.a.put("b", "after", "{}");
  w.run(ticks(5000));
  REQUIRE(w.same("b"));
  CHECK(w.b.body("b", "large", w.b.winner("b", "large")) == body);
}

TEST_CASE("a document above this node's limit is shown, and does not block the others") {
  link_world w;
  link_options small;
  small.limits.document_bytes = 1000;
  w.b.greet(small);
  const std::string large = "{\"text\":\"" + std::string(2000, 'x') + "\"}";
  w.a.put("b", "large", large);
  w.a.put("b", "larger", "{\"text\":\"" + std::string(200'000, 'x') + "\"}");
  w.a.put("b", "small", "{}");
  w.run(ticks(10'000));
  CHECK(w.b.state("b").documents == 1);
  const link_status shown = w.b.link->status(w.now);
  CHECK(shown.refused_documents == 2);
  CHECK(shown.refused == std::vector<std::string>{"b/large", "b/larger"});
  CHECK(shown.behind == 0);
}

TEST_CASE("a link that is limited to some buckets takes those alone, in both directions") {
  link_world w;
  link_options some;
  some.all_buckets = false;
  some.buckets = {"one"};
  w.a.greet(some);
  w.a.put("one", "d", "{}");
  w.a.put("two", "d", "{}");
  w.b.put("three", "d", "{}");
  w.run(ticks(5000));
  CHECK(w.same("one"));
  CHECK(!w.b.rows->find_bucket("two"));
  CHECK(!w.a.rows->find_bucket("three"));
}

TEST_CASE("a bucket of a local name stays on its node, also where a peer announces one") {
  link_world w;
  const std::string local = std::string(local_bucket_prefix) + "1";
  w.a.greet();
  w.a.put("one", "d", "{}");
  w.a.put(local, "d", "{}");
  w.run(ticks(5000));
  CHECK(w.same("one"));
  CHECK(!w.b.rows->find_bucket(local));
  w.b.put(local, "other", "{}");
  w.run(ticks(5000));
  CHECK(w.a.state(local).documents == 1);
  CHECK(w.b.state(local).documents == 1);
  REQUIRE(w.a.rows->drop_bucket(local));
  CHECK_FALSE(*w.a.rows->latest().read(keys::left_bucket(local))); // nothing stays of it
}

TEST_CASE("a node that meets itself, and a copy of its store, ends the link and says why") {
  link_world w;
  linked_node& a = w.a;
  link_options same;
  same.instance = 7;
  a.greet(same);
  const auto own = make_local_rows(a.rows);
  link_options mirror;
  mirror.node_id = a.rows->node_id();
  mirror.name = "a";
  mirror.random = [] { return uint64_t{5}; };
  mirror.instance = 7;
  link self(mirror, *own);
  self.tick(ticks(1));
  a.link->received(self.take().frames.at(0), ticks(1));
  CHECK(a.link->take().ended == disconnect_reason::itself);
  mirror.instance = 8;
  link copy(mirror, *own);
  copy.tick(ticks(1));
  a.link->received(copy.take().frames.at(0), ticks(1));
  CHECK(a.link->take().ended == disconnect_reason::same_identity);
}

TEST_CASE("frames that are broken or of another session are dropped and move nothing") {
  link_world w;
  w.a.put("b", "d", "{}");
  w.run();
  const checkpoint before = w.b.stored_checkpoint("b", w.a);
  w.b.link->received("", w.now);
  w.b.link->received("GET / HTTP/1.1\r\n\r\n", w.now);
  activity foreign;
  foreign.bucket = "b";
  foreign.stream = 1;
  foreign.through = foreign.last = 1000;
  w.b.link->received(encode_frame({12345, foreign}, false), w.now);
  CHECK(w.b.link->status(w.now).rejected == 2);
  w.run(ticks(5000));
  CHECK(w.b.stored_checkpoint("b", w.a) == before);
  CHECK(w.same("b"));
}

TEST_CASE("a body whose hash is not its revision's is refused, and the right one taken later") {
  link_world w;
  w.run();
  bool lie = true;
  uint64_t lies = 0;
  w.passes = [&](const std::string& bytes) {
    auto opened = decode_frame(bytes, defaults::frame_bytes);
    auto* sent = std::get_if<activity>(&opened->content);
    if (!lie || sent == nullptr || sent->entries.empty()) return true;
    for (auto& entry : sent->entries)
      for (auto& change : entry.changes) change.body = R"({"forged":true})";
    ++lies;
    w.to_b.push_back(encode_frame(*opened, false));
    return false;
  };
  w.a.put("b", "d", "{}");
  w.run(ticks(5000));
  CHECK(lies > 0);
  CHECK(w.b.state("b").sequence == 0);
  CHECK(w.b.link->status(w.now).rejected == lies);
  lie = false;
  w.run(ticks(8000));
  CHECK(w.same("b"));
}

TEST_CASE("at rest a link only gives signs of life") {
  link_world w;
  for (int i = 0; i < 100; ++i) w.a.put("b", "d" + std::to_string(i), "{}");
  w.run(ticks(5000));
  const uint64_t frames = w.frames;
  const uint64_t bytes = w.bytes;
  w.run(ticks(20'000));
  CHECK(w.frames - frames <= 42); // one a second, each way
  CHECK(w.bytes - bytes < 42 * 100);
}

TEST_CASE("buckets that differ although both logs were taken in are looked at again from 0") {
  link_world w;
  w.a.put("b", "d", "{}");
  w.run(ticks(3000));
  // b claims to have taken in what it has not: an entry behind the checkpoint.
  w.passes = [](const std::string&) { return false; };
  w.a.put("b", "lost", "{}");
  row_batch forged;
  const auto state = w.a.state("b");
  const checkpoint ahead{w.a.rows->find_bucket("b")->log_id, state.sequence, state.chain};
  forged.put(keys::checkpoint(w.b.rows->find_bucket("b")->number, w.a.rows->node_id()),
             ahead.encode());
  const row_batch* only = &forged;
  REQUIRE(w.b.rows->commit({&only, 1}, true));
  w.b.greet();
  w.passes = nullptr;
  w.run(ticks(15'000));
  CHECK(w.same("b"));
  CHECK(w.b.link->status(w.now).rescans == 1);
}

TEST_CASE("a bucket that is not synced yet does not differ") {
  link_world w;
  w.run(ticks(2000));
  w.b.syncs = false;
  w.a.put("b", "d", "{}");
  w.run(ticks(20'000));
  REQUIRE(w.same("b"));
  CHECK(w.b.link->status(w.now).rescans == 0);
  REQUIRE(w.b.rows->sync());
  w.run(ticks(20'000));
  CHECK(w.b.link->status(w.now).rescans == 0);
}

TEST_CASE("a bucket that the peer has dropped does not differ") {
  link_world w;
  w.a.put("b", "d", "{}");
  w.run(ticks(2000));
  const hash128 log_of_a = w.a.rows->find_bucket("b")->log_id;
  w.passes = [&](const std::string& bytes) { // a tells nothing of what it takes in
    const auto opened = decode_frame(bytes, 1 << 20);
    const auto* logged = opened ? std::get_if<activity>(&opened->content) : nullptr;
    return opened && !std::holds_alternative<bucket_digests>(opened->content) &&
           (logged == nullptr || logged->log_id != log_of_a);
  };
  w.b.put("b", "e", "{}");
  w.run(ticks(900)); // taken in, and acknowledged
  REQUIRE(w.a.state("b").documents == 2);
  REQUIRE(w.a.rows->drop_bucket("b"));
  w.passes = nullptr;
  w.run(ticks(20'000));
  CHECK(w.b.link->status(w.now).rescans == 0);
}

TEST_CASE("a request of an earlier link, coming late, does not hold up the new one") {
  link_world w;
  w.a.put("b", "d", "{}");
  w.run(ticks(2000));
  const hash128 log_of_a = w.a.rows->find_bucket("b")->log_id;
  std::string late;
  w.passes = [&](const std::string& bytes) {
    const auto opened = decode_frame(bytes, 1 << 20);
    if (!opened) return true;
    const auto* asked = std::get_if<follow>(&opened->content);
    if (asked != nullptr && asked->from.log_id == log_of_a) late = bytes;
    return asked == nullptr && !std::holds_alternative<activity>(opened->content);
  };
  w.a.put("b", "e", "{}");
  w.run(ticks(60'000)); // asked for again and again
  REQUIRE(!late.empty());
  w.passes = nullptr;
  w.b.greet();
  w.run(ticks(20));
  w.to_a.push_back(late);
  w.run(ticks(20));
  w.a.put("b", "f", "{}");
  w.run(ticks(3000));
  CHECK(w.same("b"));
}

} // namespace treadmill::replication
