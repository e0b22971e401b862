#include "storage/documents/features.hpp"
#include "tests/unit/net/replication/link_world.hpp"
#include <doctest/doctest.h>
#include <fstream>
#include <set>

/// version_1_session.txt has the frames of a session that the last version 1 of the protocol held
/// with itself, a line each: who sent it (`a`, which has documents, or `b`, which has none), and
/// its bytes in hex.
namespace treadmill::replication {
namespace {

using test::link_world;
using test::linked_node;

constexpr size_t most = 16 * ::treadmill::defaults::mebibyte;

struct recorded_frame {
  char from = 0;
  std::string bytes{};
};

std::vector<recorded_frame> recorded_session() {
  std::vector<recorded_frame> frames;
  std::ifstream in(TREADMILL_SOURCE "/tests/unit/net/replication/version_1_session.txt");
  for (std::string line; std::getline(in, line);) {
    recorded_frame& one = frames.emplace_back();
    one.from = line.at(0);
    for (size_t at = 2; at + 1 < line.size(); at += 2)
      one.bytes += static_cast<char>(std::stoi(line.substr(at, 2), nullptr, 16));
  }
  return frames;
}

std::string large(char c, size_t size) { return R"({"large":")" + std::string(size, c) + "\"}"; }

/// What the node `a` of the recorded session had in its bucket `b`.
void fill(linked_node& a) {
  a.put("b", "small", R"({"n":1})");
  a.put("b", "small", R"({"n":2})");
  a.put("b", "gone", "{}");
  a.remove("b", "gone");
  a.put("b", "fetched", large('f', 100'000));
  a.put("b", "in parts", large('p', 2'500'000));
  replicated_document torn;
  torn.id = "torn";
  torn.tree.add(revision(2, "w"), revision(1, "p"), false, true);
  torn.tree.add(revision(1, "l"), {}, false, true);
  torn.tree.add(revision(1, "t"), {}, true, true);
  torn.bodies = {{revision(2, "w"), R"({"w":1})"}, {revision(1, "l"), R"({"l":1})"}};
  REQUIRE(a.core("b").merge(torn));
  a.commit(a.core("b"));
}

} // namespace

TEST_CASE("the frames of a session of version 1 are read, and written as they were") {
  std::set<size_t> types;
  for (const recorded_frame& one : recorded_session()) {
    const auto opened = decode_frame(one.bytes, most);
    REQUIRE(opened);
    types.insert(opened->content.index());
    if (const auto* greeting = std::get_if<hello>(&opened->content)) CHECK(greeting->newest == 1);
    const bool packed = one.bytes[2] != 0;
    CHECK((encode_frame(*opened, packed) == one.bytes || packed)); // zstd may pack otherwise
  }
  CHECK(types.size() == std::variant_size_v<frame> - 2); // all but leave and goodbye
}

TEST_CASE("what a peer of version 1 sends is taken in") {
  linked_node b("b", 3);
  b.greet();
  uint64_t session = 0;
  uint64_t stream = 0;
  const auto note = [&](const std::string& bytes) {
    const auto sent = decode_frame(bytes, most);
    if (const auto* greeting = std::get_if<hello>(&sent->content)) session = greeting->session;
    if (const auto* asked = std::get_if<follow>(&sent->content)) stream = asked->stream;
  };
  const auto run = [&] {
    for (int i = 0; i < 5; ++i) {
      b.now += ticks(10);
      if (b.link->due() <= b.now) b.link->tick(b.now);
      b.settle(note);
    }
  };
  run();
  for (const recorded_frame& one : recorded_session()) {
    if (one.from != 'a') continue;
    addressed_frame sent = *decode_frame(one.bytes, most);
    sent.session = session; // of this session instead of the recorded one
    if (auto* news = std::get_if<activity>(&sent.content)) news->stream = stream;
    b.link->received(encode_frame(sent, false), b.now);
    run();
  }
  linked_node a("a", 4);
  fill(a);
  CHECK(b.state("b").digest == a.state("b").digest);
  CHECK(b.state("b").documents == a.state("b").documents);
  CHECK(b.link->status(b.now).rejected == 0);
}

namespace {

link_options of_version_1() {
  link_options options;
  options.newest = 1;
  return options;
}

/// Two nodes, of which `b` speaks version 1.
struct mixed_world : link_world {
  mixed_world() { b.greet(of_version_1()); }
};

constexpr auto new_body = R"({"n":123456789012345678901234567890})";

std::string reason_of(const linked_node& node, const std::string& bucket, ticks now) {
  for (const bucket_progress& each : node.link->status(now).buckets)
    if (each.bucket == bucket) return each.reason;
  return {};
}

} // namespace

TEST_CASE("nodes of both versions federate") {
  mixed_world w;
  w.a.put("b", "x", R"({"n":1})");
  w.b.put("b", "y", R"({"n":2})");
  w.run();
  CHECK(w.same("b"));
  CHECK(w.a.state("b").documents == 2);
  CHECK(w.a.link->status(w.now).state == link_state::live);
  CHECK(reason_of(w.a, "b", w.now).empty());
}

TEST_CASE(
    "a bucket that version 1 cannot carry is kept from such a peer, and the status says why") {
  mixed_world w;
  std::set<std::string> sent;
  w.passes = [&](const std::string& bytes) {
    const auto opened = decode_frame(bytes, most);
    if (const auto* told = std::get_if<bucket_digests>(&opened->content))
      for (const auto& item : told->buckets) sent.insert(item.bucket);
    return true;
  };
  w.a.put("plain", "x", "{}");
  w.a.put("new", "x", new_body);
  w.run();
  CHECK(w.same("plain"));
  CHECK(!w.b.rows->find_bucket("new"));
  CHECK(sent == std::set<std::string>{"plain"});
  CHECK(reason_of(w.a, "new", w.now) ==
        "it has long_integers, which version 1 of the protocol cannot carry: it is not sent until "
        "the peer is upgraded");
  CHECK(w.a.link->status(w.now).reason == "new: " + reason_of(w.a, "new", w.now));
  CHECK(reason_of(w.a, "plain", w.now).empty());

  w.b.greet(); // the peer is upgraded
  w.run();
  CHECK(w.same("new"));
  CHECK(w.a.link->status(w.now).reason.empty());
}

TEST_CASE("a bucket that gets a new feature is not sent on, but what the old peer writes arrives") {
  mixed_world w;
  w.a.put("b", "x", R"({"n":1})");
  w.run();
  REQUIRE(w.same("b"));
  w.a.put("b", "x", new_body);
  w.a.put("b", "later", "{}");
  w.run();
  CHECK(w.b.state("b").documents == 1);
  CHECK(w.b.body("b", "x", w.b.winner("b", "x")) == R"({"n":1})");
  CHECK(w.a.link->status(w.now).peer_behind > 0);
  w.b.put("b", "of b", "{}");
  w.run(ticks(20'000));
  CHECK(w.a.state("b").documents == 3);
  CHECK(w.b.state("b").documents == 2);
  CHECK(w.a.link->status(w.now).rejected == 0);
  CHECK(w.a.link->status(w.now).rescans == 0);

  w.b.greet();
  w.run();
  CHECK(w.same("b"));
  CHECK(w.b.body("b", "x", w.b.winner("b", "x")) == new_body);
}

TEST_CASE("a peer of version 1 that asks for such a bucket gets none of it") {
  link_world w;
  w.a.put("b", "x", new_body);
  w.a.put("b", "large", large('l', 2'000'000));
  std::vector<addressed_frame> asked; // what a node of version 2 asks
  w.passes = [&](const std::string& bytes) {
    auto opened = *decode_frame(bytes, most);
    if (std::holds_alternative<follow>(opened.content) ||
        std::holds_alternative<fetch_documents>(opened.content) ||
        std::holds_alternative<fetch_part>(opened.content))
      asked.push_back(std::move(opened));
    return true;
  };
  w.run();
  REQUIRE(w.same("b"));
  REQUIRE(asked.size() >= 3);

  mixed_world old;
  old.a.put("b", "x", new_body);
  old.a.put("b", "large", large('l', 2'000'000));
  uint64_t session = 0;
  size_t left = 0;
  old.passes = [&](const std::string& bytes) {
    const auto opened = decode_frame(bytes, most);
    const auto* greeting = std::get_if<hello>(&opened->content);
    if (greeting != nullptr && greeting->newest == 2) session = greeting->session;
    if (std::holds_alternative<leave>(opened->content)) ++left;
    CHECK(!std::holds_alternative<activity>(opened->content));
    CHECK(!std::holds_alternative<documents>(opened->content));
    CHECK(!std::holds_alternative<part>(opened->content));
    return true;
  };
  old.run();
  for (addressed_frame& one : asked) {
    one.session = session;
    old.a.link->received(encode_frame(one, false), old.now);
  }
  old.run();
  CHECK(left >= asked.size());
}

} // namespace treadmill::replication
