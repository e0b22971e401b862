#include "tests/actors/peer_world.hpp"
// The type ids come first.
#include "actors/defaults.hpp"
#include <algorithm>
#include <doctest/doctest.h>

/// Strangers at the peer port: what they may have of a node, and what they may not.
namespace treadmill::test {

using namespace std::chrono_literals;
using replication::encode_frame;
using replication::hello;

namespace {

std::vector<std::string> names_at(peer_world& world, const std::string& at) {
  std::vector<std::string> names;
  for (const auto& peer : world[at].board->all()) names.push_back(peer.name);
  return names;
}

bool linked(peer_world& world, const std::string& a, const std::string& b) {
  return world[a].state_of(b) == link_state::live && world[b].state_of(a) == link_state::live;
}

/// Somebody who is no node of ours, at an address of its own.
class stranger {
public:
  stranger(peer_world& world, std::string name)
      : world_(world), name_(std::move(name)), uri_("tcp://" + name_ + ":1"),
        wire_(std::make_shared<peer_wire>(world.network.carrier(uri_))) {
    world.network.up(uri_, wire_);
  }
  ~stranger() { leave(); }
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;

  hello greeting() const {
    hello made;
    made.session = 5;
    made.instance = 6;
    made.node_id = name_ + "-id";
    made.name = name_;
    made.invites = true;
    return made;
  }
  void greet(const std::string& to, const hello& with) {
    connection_ = world_.network.dial(uri_, world_[to].uri);
    world_.network.connect();
    send({0, with});
    world_.run();
  }
  void send(const replication::addressed_frame& frame) {
    world_.network.send(connection_, encode_frame(frame, false));
  }
  void leave() {
    world_.network.down(uri_);
    world_.run();
  }

private:
  peer_world& world_;
  const std::string name_;
  const std::string uri_;
  std::shared_ptr<peer_wire> wire_;
  uint64_t connection_ = 0;
};

} // namespace

TEST_CASE("strangers that greet and leave take no place, and nothing of them is kept") {
  peer_world world({"b", "c"});
  world.add("a").start({{}, "own", 2});
  world.run();
  const auto stored = [&] {
    const auto bytes = world["a"].rows->latest().read(keys::meta("peers"));
    return *bytes ? **bytes : std::string();
  };
  const std::string before = stored();
  for (int i = 0; i < 20; ++i) {
    stranger other(world, "evil" + std::to_string(i));
    other.greet("a", other.greeting());
  }
  CHECK(stored() == before);
  CHECK(world.federate("a", world["b"].uri));
  CHECK(world.federate("c", world["a"].uri));
  world.advance(2s);
  CHECK(names_at(world, "a") == std::vector<std::string>{"b", "c"});
  world.stop("a");
  world["a"].start({{}, "own", 2});
  CHECK(world.eventually([&] { return linked(world, "a", "b") && linked(world, "a", "c"); }));
}

TEST_CASE("one that takes part without being asked is forgotten when it was away for long") {
  peer_world world({"a", "b"});
  REQUIRE(world.federate("b", world["a"].uri));
  world.stop("b");
  world.advance(60s);
  CHECK(names_at(world, "a") == std::vector<std::string>{"b"});
  CHECK(world["a"].state_of("b") == link_state::unreachable);
  world.advance(replication::defaults::stranger_memory);
  CHECK(names_at(world, "a").empty());
  world["b"].start();
  CHECK(world.eventually([&] { return linked(world, "a", "b"); }));
}

TEST_CASE("an address that a stranger names is not dialled") {
  peer_world world({"a"});
  auto inside = std::make_shared<peer_wire>(world.network.carrier("tcp://inside:1445"));
  world.network.up("tcp://inside:1445", inside);
  {
    stranger other(world, "evil");
    hello greeting = other.greeting();
    greeting.zmq_uri = "tcp://inside:1445";
    other.greet("a", greeting);
    world.advance(10s);
    CHECK(world.network.dialled() == 1); // its own
  }
  world.advance(10s);
  CHECK(world.network.dialled() == 0);
  world.stop("a");
  world["a"].start();
  world.advance(10s);
  CHECK(world.network.dialled() == 0);
}

TEST_CASE("the name of a peer that is away is not given to another node") {
  bool asked_by_peer = false;
  SUBCASE("this node's operator added it") {}
  SUBCASE("it came by itself") { asked_by_peer = true; }
  peer_world world({"shop", "till"});
  REQUIRE(
      world.federate(asked_by_peer ? "till" : "shop", world[asked_by_peer ? "shop" : "till"].uri));
  world.stop("till");
  stranger other(world, "evil");
  hello greeting = other.greeting();
  greeting.name = "till";
  other.greet("shop", greeting);
  world.advance(2s);
  CHECK(world["shop"].peer("till")->node_id != "evil-id");
  REQUIRE(world.put("shop", "t", "2", "{}"));
  world["till"].start();
  CHECK(world.eventually([&] { return linked(world, "shop", "till"); }, 10s));
  CHECK(world.eventually([&] { return world.agree({"shop", "till"}, "t"); }, 5s));
}

TEST_CASE("peers that cannot dial, and change addresses with each other, are reached again") {
  peer_world world({"hub"});
  for (const char* name : {"till1", "till2"}) world.add(name).start({{}, ""});
  REQUIRE(world.federate("hub", "tcp://till1:1445"));
  REQUIRE(world.federate("hub", "tcp://till2:1445"));
  for (int round = 0; round < 3; ++round) {
    world.network.down("tcp://till1:1445");
    world.network.down("tcp://till2:1445");
    world.advance(1s);
    const bool swapped = round % 2 == 0;
    world.network.up("tcp://till1:1445", world[swapped ? "till2" : "till1"].wire);
    world.network.up("tcp://till2:1445", world[swapped ? "till1" : "till2"].wire);
    CHECK(world.eventually(
        [&] { return linked(world, "hub", "till1") && linked(world, "hub", "till2"); }, 15s));
    world.advance(5s);
    CHECK(linked(world, "hub", "till1"));
    CHECK(linked(world, "hub", "till2"));
    CHECK(names_at(world, "hub") == std::vector<std::string>{"till1", "till2"});
  }
}

TEST_CASE("a stranger that asks for more than it has time for waits, and is cut when it goes on") {
  std::chrono::microseconds spent{0}; // the world's end still asks
  peer_world world({"b"});
  peer_node& a = world.add("a");
  a.thread_time = [&] { return spent += 500us; }; // for each frame, as it is asked twice
  a.start();
  world.run();
  REQUIRE(world.federate("a", world["b"].uri));
  REQUIRE(world.put("a", "t", "x", "{}"));
  stranger other(world, "evil");
  other.greet("a", other.greeting());
  const auto flood = [&](size_t frames) {
    // Of another session: looking at it is work, too.
    for (size_t n = 0; n < frames; ++n) other.send({1, replication::leave{"t"}});
    world.run();
  };
  flood(1500);
  world.advance(100ms);
  REQUIRE(a.peer("evil"));
  CHECK(a.peer("evil")->status.waited == 0); // 1 s
  flood(4000);
  world.advance(100ms);
  REQUIRE(a.peer("evil"));
  CHECK(a.peer("evil")->status.waited > 0);
  CHECK(a.peer("evil")->status.cuts == 0);
  // Nobody else waits for it.
  REQUIRE(world.put("b", "t", "y", "{}"));
  CHECK(world.agree({"a", "b"}, "t"));
  CHECK(a.peer("b")->status.waited == 0);
  flood(20'000);
  world.advance(1s);
  CHECK_FALSE(a.peer("evil"));
  CHECK(a.counters->cut_peers == 1);
  CHECK(linked(world, "a", "b"));
}

TEST_CASE("a connection that belongs to nobody is hung up when it goes on without greeting") {
  peer_world world({"a"});
  stranger other(world, "evil");
  hello nobody = other.greeting();
  nobody.name = "no name";
  other.greet("a", nobody);
  CHECK(world.network.connections() == 1);
  for (size_t n = 0; n < replication::defaults::frames_of_nobody; ++n) other.send({0, nobody});
  world.run();
  CHECK(world["a"].counters->cut_peers == 1);
}

/// What became of changes that were asked for.
struct asked_changes {
  std::optional<ec> added{};
  std::optional<ec> removed{};

  void ask(rest_gateway& gateway) {
    gateway.add_peer({"tcp://b:1445", true, {}}, soon(),
                     [this](const auto& got) { added = got.error().code; });
    gateway.remove_peer("b", soon(), [this](const auto& got) { removed = got.error().code; });
  }
};

TEST_CASE("before the peers' actor runs, a change of them that goes is not in doubt") {
  peer_world world({"a"});
  rest_gateway_options options;
  options.rows = world["a"].rows;
  options.counters = world["a"].counters;
  options.peers = world["a"].board;
  options.board = world["a"].queries;
  asked_changes changes;
  rest_gateway early(world.system, options);
  changes.ask(early);
  std::optional<ec> dropped;
  early.drop_bucket("t", soon(), [&](const auto& got) { dropped = got.error().code; });
  caf::anon_send_exit(early.actor(), caf::exit_reason::kill);
  world.run();
  CHECK(changes.added == ec::overloaded);
  CHECK(changes.removed == ec::overloaded);
  CHECK(dropped == ec::overloaded);
}

TEST_CASE("a change whose message was thrown away is not in doubt") {
  peer_world world({"a"});
  asked_changes changes;
  caf::anon_send_exit(world["a"].peers_now, caf::exit_reason::kill);
  changes.ask(*world["a"].gateway);
  world.run();
  CHECK(changes.added == ec::overloaded);
  CHECK(changes.removed == ec::overloaded);
}

TEST_CASE("no session is drawn twice, though the peers' actor or a link begins anew") {
  peer_world world({"a", "b"});
  std::vector<uint64_t> sessions;
  const auto note = [&](const std::string& frame) {
    const auto opened = replication::decode_frame(frame, 1 << 20);
    const auto* greeting = opened ? std::get_if<hello>(&opened->content) : nullptr;
    if (greeting != nullptr && greeting->name == "a" &&
        (sessions.empty() || sessions.back() != greeting->session))
      sessions.push_back(greeting->session);
    return false;
  };
  world.network.spoil = note;
  REQUIRE(world.federate("a", world["b"].uri));
  for (int round = 0; round < 3; ++round) {
    if (round == 1) world["a"].fail_commit();
    if (round != 1) caf::anon_send_exit(world["a"].peers_now, caf::exit_reason::kill);
    world.advance(1s);
    REQUIRE(world.eventually([&] { return linked(world, "a", "b"); }));
  }
  CHECK(sessions.size() >= 4);
  std::sort(sessions.begin(), sessions.end());
  CHECK(std::adjacent_find(sessions.begin(), sessions.end()) == sessions.end());
}

} // namespace treadmill::test
