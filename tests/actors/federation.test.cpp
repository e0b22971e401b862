// In one file: it compiles for a minute whatever its size, and its tests share one world.
#include "net/replication/peer_frames.hpp"
#include "tests/actors/log_file.hpp"
#include "tests/actors/peer_world.hpp"
#include <doctest/doctest.h>
#include <thread>

using namespace std::chrono_literals;

namespace treadmill::test {
namespace {
using how = peer_added::how;
using strings = std::vector<std::string>;

bool lists(peer_world& world, const std::string& at, const strings& names) {
  const auto all = world[at].board->all();
  strings found;
  for (const auto& peer : all) found.push_back(peer.name);
  return found == names;
}

bool linked(peer_world& world, const std::string& a, const std::string& b) {
  return world[a].state_of(b) == link_state::live && world[b].state_of(a) == link_state::live;
}

/// Both know each other, and are up to date.
void federate(peer_world& world, const std::string& a, const std::string& b) {
  REQUIRE(world.federate(a, world[b]));
  REQUIRE(world.eventually([&] { return linked(world, a, b); }));
}

strings sorted_peers(const strings& names, const std::string& but) {
  strings out;
  for (const std::string& name : names)
    if (name != but) out.push_back(name);
  return out;
}

/// What a node of another kind would say, over a connection that it dials.
uint64_t stranger_greets(peer_world& world, const std::string& to, replication::hello greeting,
                         const std::shared_ptr<peer_wire>& wire) {
  world.network.up("tcp://stranger:1", wire);
  const uint64_t id = world.network.dial("tcp://stranger:1", world[to].uri);
  world.network.connect();
  world.network.send(id, replication::encode_frame({0, std::move(greeting)}, false));
  world.run();
  return id;
}

} // namespace

// Adding
// -------------------------------------------------------------------------------------------------

TEST_CASE("one call federates two nodes, both ways") {
  peer_world world({"a", "b"});
  REQUIRE(world.put("a", "people", "sam", R"({"n":1})"));
  REQUIRE(world.put("b", "people", "eva", R"({"n":2})"));
  const auto added = world.federate("a", world["b"].uri);
  REQUIRE(added);
  CHECK(added->what == how::made);
  CHECK(added->name == "b");
  CHECK(added->zmq_uri == "tcp://b:1445");
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }));
  CHECK(lists(world, "a", {"b"}));
  CHECK(lists(world, "b", {"a"}));
  CHECK(world["a"].body("people", "eva") == R"({"n":2})");
  CHECK(world["b"].body("people", "sam") == R"({"n":1})");
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }));
  CHECK(world["a"].peer("b")->status.sequence_number == world["b"].sequence("people"));
  CHECK(world["a"].peer("b")->node_id == world["b"].rows->node_id());
  CHECK(world["a"].peer("b")->last_seen.has_value());
  // Live: without waiting for any time to pass.
  REQUIRE(world.put("a", "people", "sam", R"({"n":3})"));
  CHECK(world["b"].body("people", "sam") == R"({"n":3})");
  REQUIRE(world.put("b", "people", "tim", R"({"n":4})"));
  CHECK(world["a"].body("people", "tim") == R"({"n":4})");
}

TEST_CASE("a bucket that is new on one side is made on the other") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  REQUIRE(world.put("a", "fresh", "x", "{}"));
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "fresh"); }, 3s));
}

TEST_CASE("asked for again, a peer is known; by another address of it, too") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  const auto again = world.federate("a", world["b"].uri);
  REQUIRE(again);
  CHECK(again->what == how::known);
  CHECK(again->name == "b");
  const auto back = world.federate("b", world["a"].uri);
  REQUIRE(back);
  CHECK(back->what == how::known);
  CHECK(lists(world, "a", {"b"}));
  CHECK(lists(world, "b", {"a"}));
}

TEST_CASE("a second address of a known peer becomes its address, and there is one peer") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  world.network.up("tcp://alias:1", world["b"].wire);
  const auto again = world.federate("a", "tcp://alias:1");
  REQUIRE(again);
  CHECK(again->what == how::known);
  CHECK(again->name == "b");
  CHECK(again->zmq_uri == "tcp://alias:1");
  world.advance(10s);
  CHECK(lists(world, "a", {"b"}));
  CHECK(world["a"].peer("b")->zmq_uri == "tcp://alias:1");
  CHECK(linked(world, "a", "b"));
  CHECK(world.network.connections() == 1);
}

TEST_CASE("a peer that does not answer is kept, and federated when it does") {
  peer_world world({"a", "b"});
  world.stop("b", false);
  const auto added = world.federate("a", world["b"].uri);
  REQUIRE(added);
  CHECK(added->what == how::waiting);
  CHECK(added->name == "b:1445");
  CHECK(lists(world, "a", {"b:1445"}));
  world.advance(6s);
  CHECK(world["a"].state_of("b:1445") == link_state::unreachable);
  CHECK(world["a"].peer("b:1445")->status.reason == "the peer does not answer");
  world["b"].start();
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
}

TEST_CASE("an answer does not wait beyond its request's deadline") {
  peer_world world({"a", "b"});
  world.stop("b", false);
  std::optional<result<peer_added>> got;
  world["a"].gateway->add_peer({world["b"].uri, true, {}}, std::chrono::steady_clock::now() + 500ms,
                               [&](result<peer_added> answer) { got = answer; });
  world.run();
  CHECK_FALSE(got.has_value());
  world.advance(500ms);
  REQUIRE(got.has_value());
  CHECK((*got)->what == how::waiting);
}

TEST_CASE("the gateway does not add a peer after the deadline of the call") {
  peer_world world({"a", "b"});
  std::optional<result<peer_added>> got;
  world["a"].gateway->add_peer({world["b"].uri, true, {}}, std::chrono::steady_clock::now() - 1ms,
                               [&](result<peer_added> answer) { got = answer; });
  world.advance(1s);
  REQUIRE(got.has_value());
  REQUIRE_FALSE(*got);
  CHECK(got->error().code == ec::deadline_exceeded);
  CHECK(world["a"].board->all().empty());
}

TEST_CASE("a node does not federate with itself, by whatever address") {
  peer_world world({"a", "b"});
  const auto own = world.federate("a", world["a"].uri);
  REQUIRE_FALSE(own);
  CHECK(own.error().code == ec::bad_request);
  world.network.up("tcp://alias:1", world["a"].wire);
  const auto alias = world.federate("a", "tcp://alias:1");
  REQUIRE_FALSE(alias);
  CHECK(alias.error().code == ec::bad_request);
  CHECK(alias.error().reason == "the address is this node's own");
  world.advance(2s);
  CHECK(lists(world, "a", {}));
  CHECK(world.network.connections() == 0);
}

TEST_CASE("an address of a peer that leads to this node does no harm, and the peer stays") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  federate(world, "b", "a");
  // The name means another machine by now: this one.
  world.network.closed.insert(world["b"].uri);
  world.network.drop(world["a"].uri, world["b"].uri);
  world.advance(2s);
  CHECK(linked(world, "a", "b")); // the peer has dialled
  const auto wire = world["a"].wire;
  world.network.up("tcp://alias:1", wire);
  const auto again = world.federate("a", "tcp://alias:1");
  CHECK_FALSE(again);
  world.advance(5s);
  CHECK(lists(world, "a", {"b"}));
  CHECK(linked(world, "a", "b"));
}

TEST_CASE("no more peers than the limit, and as many that come by themselves") {
  peer_world world({"b", "c", "d", "e"});
  world.add("a").start({{}, "own", 1});
  world.run();
  federate(world, "a", "b");
  const auto more = world.federate("a", world["c"].uri);
  REQUIRE_FALSE(more);
  CHECK(more.error().code == ec::bad_request);
  CHECK(world.federate("d", world["a"].uri));
  const auto asked = world.federate("e", world["a"].uri);
  REQUIRE_FALSE(asked);
  CHECK(asked.error().code == ec::conflict);
  CHECK(asked.error().reason == "the peer has reached its --max-peers");
  CHECK(lists(world, "e", {}));
  CHECK(lists(world, "a", {"b", "d"}));
}

TEST_CASE("a peer whose record cannot be written is not added, and one is not removed") {
  peer_world world({"a", "b", "c"});
  federate(world, "a", "b");
  world["a"].space.free_bytes = 1;
  world.eventually([&] { return !world["a"].rows->writable() || !world["a"].rows->check_space(); });
  for (int i = 0; i < 200 && world["a"].rows->writable(); ++i) {
    std::this_thread::sleep_for(10ms);
    world["a"].rows->check_space();
    world.put("a", "b", "x", "{}");
  }
  REQUIRE_FALSE(world["a"].rows->writable());
  const auto added = world.federate("a", world["c"].uri);
  REQUIRE_FALSE(added);
  CHECK(added.error().code == ec::disk_full);
  CHECK(lists(world, "a", {"b"}));
  const auto parted = world.part("a", "b");
  REQUIRE_FALSE(parted);
  CHECK(parted.error().code == ec::disk_full);
  CHECK(lists(world, "a", {"b"}));
  CHECK(lists(world, "b", {"a"}));
}

TEST_CASE("peers that were chosen at the start are added, this node itself left out") {
  peer_world world({"b"});
  world.add("a").start({{"tcp://a:1445", "tcp://b:1445"}});
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }));
  CHECK(lists(world, "a", {"b"}));
  CHECK(lists(world, "b", {"a"}));
}

TEST_CASE("peers and how far they are survive restarts") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  REQUIRE(world.put("a", "people", "sam", "{}"));
  world.advance(2s);
  world.stop("a");
  world.stop("b");
  world["a"].start();
  world["b"].start();
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
  const auto entries = world["b"].peer("a")->status.entries_in;
  CHECK(entries == 0); // the checkpoint was kept
  REQUIRE(world.put("a", "people", "sam", R"({"n":2})"));
  CHECK(world.agree({"a", "b"}, "people"));
}

// Connections
// -------------------------------------------------------------------------------------------------

TEST_CASE("two nodes that dial each other at once come to one connection") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    peer_world world({}, seed);
    world.add("a").start({{"tcp://b:1445"}});
    world.add("b").start({{"tcp://a:1445"}});
    REQUIRE(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
    world.advance(10s);
    CHECK(world.network.connections() == 1);
    CHECK(world.network.dialled() == 1);
    CHECK(linked(world, "a", "b"));
  }
}

TEST_CASE("a node that cannot be dialled takes part") {
  peer_world world({"a"});
  world.network.closed.insert("tcp://b:1445");
  world.add("b").start({{"tcp://a:1445"}, "", 32});
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }));
  CHECK(world["a"].peer("b")->zmq_uri.empty());
  REQUIRE(world.put("a", "people", "sam", "{}"));
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 3s));
  world.network.drop(world["a"].uri, world["b"].uri);
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }));
}

TEST_CASE("one that says it can be dialled, and cannot, takes part as well") {
  peer_world world({"a"});
  world.network.closed.insert("tcp://b:1445");
  world.add("b").start({{"tcp://a:1445"}});
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }));
  for (int round = 0; round < 5; ++round) {
    world.network.drop(world["a"].uri, world["b"].uri);
    world.advance(500ms);
    CHECK(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
    world.advance(6s);
    CHECK(world.network.connections() == 1);
    CHECK(world.network.dialled() == 1);
  }
}

TEST_CASE("a lost connection is made again, and what was written meanwhile arrives") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  world.network.cut(world["a"].uri, world["b"].uri);
  REQUIRE(world.put("a", "people", "sam", R"({"n":1})"));
  REQUIRE(world.put("b", "people", "sam", R"({"n":2})"));
  world.advance(8s);
  CHECK(world["a"].state_of("b") == link_state::unreachable);
  CHECK_FALSE(world.agree({"a", "b"}, "people"));
  world.network.heal_all();
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 10s));
  CHECK(world["a"].body("people", "sam") == world["b"].body("people", "sam"));
}

TEST_CASE("a connection that is silent without being lost is replaced") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  world.network.silenced = {world["b"].uri};
  world.advance(10s);
  CHECK(world["a"].state_of("b") == link_state::unreachable);
  world.network.heal_all();
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
  REQUIRE(world.put("a", "people", "sam", "{}"));
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 5s));
}

TEST_CASE("a peer that was restarted behind a connection that nobody lost is taken again") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  // Its machine lost its power, and came back: the old connection looks alive from here.
  world.network.silenced = {world["b"].uri};
  world.advance(500ms);
  world.stop("b", false);
  world.network.heal_all();
  world["b"].start();
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
}

// Removing
// -------------------------------------------------------------------------------------------------

TEST_CASE("a removed peer is removed on both sides, and can be added again") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  CHECK(world.part("a", "b"));
  world.run();
  CHECK(lists(world, "a", {}));
  CHECK(lists(world, "b", {}));
  CHECK(world.part("a", "b").error().code == ec::not_found);
  world.advance(5s);
  CHECK(lists(world, "b", {}));
  CHECK(world.network.connections() == 0);
  CHECK(world.network.dialled() == 0);
  REQUIRE(world.put("a", "people", "sam", "{}"));
  world.advance(2s);
  CHECK(world["b"].digest("people").empty());
  federate(world, "b", "a");
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 5s));
}

TEST_CASE("by its address a peer is removed, too") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  CHECK(world.part("a", "b:1445"));
  CHECK(lists(world, "a", {}));
}

TEST_CASE("a peer that was down when it was removed learns it when it greets") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  world.stop("b", false);
  CHECK(world.part("a", "b"));
  world.stop("a");
  world["a"].start(); // it is remembered
  world["b"].start();
  CHECK(world.eventually([&] { return lists(world, "b", {}); }, 10s));
  CHECK(lists(world, "a", {}));
  world.advance(5s);
  CHECK(world.network.connections() == 0);
}

TEST_CASE(
    "removed on the other side while it was down, a chosen peer is added again at the start") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  world.stop("b", false);
  CHECK(world.part("a", "b"));
  world["b"].start({{"tcp://a:1445"}});
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
  CHECK(lists(world, "a", {"b"}));
}

TEST_CASE("a peer that was never reached is removed without a trace") {
  peer_world world({"a", "b"});
  world.stop("b", false);
  REQUIRE(world.federate("a", world["b"].uri));
  CHECK(world.part("a", "b:1445"));
  CHECK(world.network.dialled() == 0);
  world["b"].start();
  world.advance(5s);
  CHECK(lists(world, "b", {}));
}

TEST_CASE("a link that was established does not invite any more: its end is for good") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  world.network.cut(world["a"].uri, world["b"].uri);
  CHECK(world.part("b", "a")); // the goodbye is lost
  world.advance(6s);
  world.network.heal_all();
  CHECK(world.eventually([&] { return lists(world, "a", {}); }, 20s));
  CHECK(lists(world, "b", {}));
}

// Identities
// -------------------------------------------------------------------------------------------------

TEST_CASE("a copy of a peer's store is told so, and takes no part") {
  peer_world world({"a", "b"});
  federate(world, "b", "a"); // whose store remembers a
  REQUIRE(world.put("a", "people", "sam", "{}"));
  world.run();
  world.stop("b");
  peer_node& copy = world.add("copy");
  copy.copy_store(world["b"]);
  world["b"].start();
  REQUIRE(world.eventually([&] { return linked(world, "a", "b"); }));
  copy.start();
  CHECK(world.eventually(
      [&] {
        const auto shown = copy.peer("a");
        return shown &&
               shown->status.reason == "another node has the same identity: a copied store";
      },
      10s));
  world.advance(5s);
  CHECK(linked(world, "a", "b"));
  CHECK(lists(world, "a", {"b"}));
  // Asked for by an operator, it says so.
  const auto asked = world.federate("copy", world["a"].uri);
  REQUIRE_FALSE(asked);
  CHECK(asked.error().code == ec::conflict);
}

TEST_CASE("two nodes of one name: the second is told so") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  auto wire = std::make_shared<peer_wire>(world.network.carrier("tcp://stranger:1"));
  replication::hello greeting;
  greeting.session = 5;
  greeting.node_id = "another";
  greeting.name = "b";
  stranger_greets(world, "a", greeting, wire);
  world.advance(1s);
  CHECK(lists(world, "a", {"b"}));
  CHECK(world["a"].peer("b")->node_id == world["b"].rows->node_id());
  CHECK(linked(world, "a", "b"));
  world.network.down("tcp://stranger:1");
}

TEST_CASE("a peer that is asked for under the name of another one is refused, and says why") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  peer_node& other = world.add("c");
  other.rename("b");
  other.start();
  world.run();
  const auto asked = world.federate("a", other.uri);
  REQUIRE_FALSE(asked);
  CHECK(asked.error().code == ec::conflict);
  CHECK(asked.error().reason == "another node of its name is known here");
  CHECK(lists(world, "a", {"b"}));
  const auto back = world.federate("c", world["a"].uri);
  REQUIRE_FALSE(back);
  CHECK(back.error().code == ec::conflict);
  CHECK(back.error().reason == "the peer knows another node of this name");
  CHECK(lists(world, "c", {}));
  world.advance(3s);
  CHECK(linked(world, "a", "b"));
}

TEST_CASE("a peer whose store was wiped comes back under its name, and gets everything again") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  REQUIRE(world.put("a", "people", "sam", "{}"));
  REQUIRE(world.put("b", "people", "eva", "{}"));
  world.run();
  world.stop("b", false);
  world["b"].wipe();
  world["b"].start();
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 20s));
  CHECK(lists(world, "a", {"b"}));
  CHECK(lists(world, "b", {"a"}));
  CHECK(world["a"].peer("b")->node_id == world["b"].rows->node_id());
}

TEST_CASE("frames of nobody, or that are none, do nothing") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  auto wire = std::make_shared<peer_wire>(world.network.carrier("tcp://stranger:1"));
  world.network.up("tcp://stranger:1", wire);
  const uint64_t id = world.network.dial("tcp://stranger:1", world["a"].uri);
  world.network.connect();
  std::mt19937_64 random(3);
  for (int i = 0; i < 300; ++i) {
    std::string frame(random() % 60, '\0');
    for (char& c : frame) c = static_cast<char>(random());
    if (i % 3 == 0) frame.insert(0, "\xd7\x01\x00", 3);
    replication::seal_frame(frame);
    world.network.send(id, frame);
  }
  world.network.send(id, std::string(2 << 20, 'x'));
  world.network.send(id, replication::encode_frame({0, replication::goodbye{}}, false));
  world.network.send(id, replication::encode_frame({0, replication::bucket_digests{}}, false));
  world.run();
  world.advance(2s);
  CHECK(lists(world, "a", {"b"}));
  CHECK(linked(world, "a", "b"));
  world.network.down("tcp://stranger:1");
}

// Data
// -------------------------------------------------------------------------------------------------

TEST_CASE("three nodes in a chain: what is written at one end arrives at the other") {
  peer_world world({"a", "b", "c"});
  federate(world, "a", "b");
  federate(world, "b", "c");
  REQUIRE(world.put("a", "people", "sam", R"({"n":1})"));
  CHECK(world.eventually([&] { return world.agree({"a", "b", "c"}, "people"); }, 5s));
  REQUIRE(world.put("c", "people", "sam", R"({"n":2})"));
  CHECK(world.eventually([&] { return world.agree({"a", "b", "c"}, "people"); }, 5s));
  CHECK(world["a"].body("people", "sam") == R"({"n":2})");
}

TEST_CASE("three nodes in a mesh: each change is applied once on each node") {
  const strings names{"a", "b", "c"};
  peer_world world(names);
  federate(world, "a", "b");
  federate(world, "b", "c");
  federate(world, "a", "c");
  for (const std::string& name : names) {
    CHECK(lists(world, name, sorted_peers(names, name)));
    for (int i = 0; i < 5; ++i)
      REQUIRE(world.put(name, "people", name + std::to_string(i), R"({"from":")" + name + "\"}"));
  }
  CHECK(world.eventually([&] { return world.agree(names, "people"); }, 5s));
  for (const std::string& name : names) CHECK(world[name].sequence("people") == 15);
  world.advance(3s);
  // At rest there are heartbeats and nothing else: three links, both ways, once a second.
  const uint64_t before = world.network.frames;
  world.advance(5s);
  CHECK(world.network.frames - before <= 40);
}

TEST_CASE("checkpoints move behind what was known already, without a commit of their own") {
  peer_world world({"a", "b", "c"});
  federate(world, "a", "b");
  federate(world, "b", "c");
  federate(world, "a", "c");
  REQUIRE(world.put("a", "people", "sam", "{}"));
  world.advance(5s);
  // c has it from a; what b says of it is known.
  const auto from_b = world["c"].stored_checkpoint("people", world["b"].rows->node_id());
  REQUIRE(from_b.has_value());
  CHECK(from_b->sequence == 1);
  CHECK(world["c"].counters->commits.load() ==
        1); // the document; making the bucket is none of them
}

TEST_CASE("a bucket's actor that dies while documents come is found again") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  REQUIRE(world.put("a", "people", "d0", "{}"));
  for (int i = 1; i < 30; ++i) {
    answer_box box;
    world["a"].write(box, "people", {put("d" + std::to_string(i), "{}")});
    for (int n = 0; n < 7; ++n) world.scheduler().try_run_once();
    if (i % 5 == 0) {
      bucket_actor found;
      caf::anon_send(world["b"].subject,
                     open_bucket{"people", false,
                                 std::make_shared<reply<result<bucket_started>>>(
                                     [&](result<bucket_started> got) { found = got->actor; },
                                     fail(ec::internal, ""))});
      world.run();
      REQUIRE(found);
      caf::anon_send_exit(found, caf::exit_reason::kill);
    }
    world.run();
  }
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 10s));
  CHECK(world["b"].counters->restarts.load() == 5);
}

TEST_CASE("a link's actor that dies is started again, and so is the gateway with all links") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  REQUIRE(world.put("a", "people", "sam", R"({"n":1})"));
  caf::anon_send_exit(world["a"].peers_now, caf::exit_reason::kill);
  world.run();
  CHECK(world["a"].counters->restarts.load() == 1);
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
  CHECK(world.network.connections() == 1);
  REQUIRE(world.put("a", "people", "sam", R"({"n":2})"));
  CHECK(world.agree({"a", "b"}, "people"));
  const auto added = world.federate("a", world["b"].uri);
  REQUIRE(added);
  CHECK(added->what == how::known);
}

TEST_CASE("storage that dies on one side costs nothing") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  REQUIRE(world.put("a", "people", "sam", R"({"n":1})"));
  caf::anon_send_exit(world["b"].storage_now, caf::exit_reason::kill);
  REQUIRE(world.put("a", "people", "sam", R"({"n":2})"));
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 10s));
}

TEST_CASE("a full disk of the receiver: nothing is lost, and it goes on when there is space") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  REQUIRE(world.put("a", "people", "d0", "{}"));
  REQUIRE(world.agree({"a", "b"}, "people"));
  world["b"].space.free_bytes = 1;
  for (int i = 1; i < 400 && world["b"].rows->writable(); ++i) {
    std::this_thread::sleep_for(10ms);
    world["b"].rows->check_space();
    REQUIRE(world.put("a", "people", "d" + std::to_string(i), "{}"));
  }
  REQUIRE_FALSE(world["b"].rows->writable());
  REQUIRE(world.put("a", "people", "last", "{}"));
  world.advance(3s);
  CHECK_FALSE(world.agree({"a", "b"}, "people"));
  CHECK(world["b"].peer("a")->status.behind > 0);
  CHECK(world["b"].peer("a")->status.lag > 1s);
  world["b"].space.free_bytes = uint64_t{1} << 40;
  for (int i = 0; i < 400 && !world["b"].rows->writable(); ++i) {
    std::this_thread::sleep_for(10ms);
    world.advance(100ms);
  }
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 20s));
  CHECK(world["b"].body("people", "last") == "{}");
}

TEST_CASE("definitions of queries replicate, and each node builds its own index") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  REQUIRE(world.put("a", "people", "sam", R"({"n":7})"));
  REQUIRE(world.put("a", "people", "_query/q", R"({"map":"m"})"));
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 5s));
  const uint32_t number = world["b"].rows->find_bucket("people")->number;
  CHECK(world.eventually(
      [&] {
        const auto shown = world["b"].queries->find(number, "q");
        return shown && shown->phase == query_phase::ready && shown->state.rows == 1;
      },
      5s));
  REQUIRE(world.put("a", "people", "eva", R"({"n":8})"));
  CHECK(
      world.eventually([&] { return world["b"].queries->find(number, "q")->state.rows == 2; }, 5s));
}

TEST_CASE("a bucket that is dropped on one node is not made again by the other") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  REQUIRE(world.put("a", "people", "sam", "{}"));
  REQUIRE(world.agree({"a", "b"}, "people"));
  std::optional<result<void>> dropped;
  world["b"].gateway->drop_bucket("people", soon(), [&](result<void> done) { dropped = done; });
  world.run();
  REQUIRE((dropped && *dropped));
  REQUIRE(world.put("a", "people", "sam", R"({"n":2})"));
  world.advance(5s);
  CHECK_FALSE(world["b"].rows->find_bucket("people").has_value());
  CHECK(world["b"].peer("a")->status.buckets.empty());
  CHECK(linked(world, "a", "b"));
  // Made again there, it is followed again, from the beginning.
  world["b"].gateway->create_bucket("people", soon(), [](result<bool>) {});
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 5s));
}

TEST_CASE("a link can be limited to some buckets, by either side") {
  peer_world world({"a", "b"});
  REQUIRE(world.put("a", "people", "sam", "{}"));
  REQUIRE(world.put("a", "secret", "x", "{}"));
  REQUIRE(world.put("b", "other", "y", "{}"));
  REQUIRE(world.federate("a", world["b"].uri, {"people"}));
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 5s));
  world.advance(3s);
  CHECK(world["b"].digest("secret").empty());
  CHECK(world["a"].digest("other").empty());
  // It is kept over restarts.
  world.stop("a");
  world["a"].start();
  REQUIRE(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
  world.advance(3s);
  CHECK(world["b"].digest("secret").empty());
  // And lifted by asking again.
  REQUIRE(world.federate("a", world["b"].uri));
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "secret"); }, 10s));
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "other"); }, 10s));
}

TEST_CASE("with an interval, peers are told after the sync") {
  peer_world world({"b"});
  world.add("a");
  world["a"].sync_interval = 1ms;
  world["a"].start();
  world.run();
  federate(world, "a", "b");
  REQUIRE(world.put("a", "people", "sam", "{}"));
  world.run();
  CHECK(world["b"].body("people", "sam").empty());
  std::this_thread::sleep_for(5ms);
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 5s));
}

TEST_CASE("after a failed commit a link begins anew from what is stored") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  REQUIRE(world.put("a", "people", "sam", "{}"));
  world["b"].fail_commit();
  REQUIRE(world.put("a", "people", "eva", "{}"));
  world.run();
  CHECK(world.eventually([&] { return world.agree({"a", "b"}, "people"); }, 10s));
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
  // What was counted before is not forgotten.
  CHECK(world.eventually([&] { return world["b"].peer("a")->status.entries_in >= 2; }, 10s));
}

TEST_CASE("who ends says goodbye, and is shown as unreachable at once") {
  peer_world world({"a", "b"});
  federate(world, "a", "b");
  world.stop("b");
  world.advance(200ms);
  CHECK(world["a"].state_of("b") == link_state::unreachable);
  CHECK(world["a"].peer("b")->status.reason == "the peer is shutting down");
  world["b"].start();
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }, 10s));
}

} // namespace treadmill::test
