#include "net/replication/peer_registry.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <random>
#include <string>

namespace treadmill::replication {

using kind = greeting_verdict::kind;

namespace {

const own_identity own{"node-own", 7, "box1"};

hello greeting(const std::string& node_id, const std::string& name, const std::string& uri = {}) {
  hello made;
  made.session = 1;
  made.instance = 100;
  made.node_id = node_id;
  made.name = name;
  made.zmq_uri = uri;
  return made;
}

peer_record asked(const std::string& uri) {
  peer_record record;
  record.zmq_uri = uri;
  return record;
}

/// A registry and who is connected.
struct world {
  peer_registry peers;
  std::map<uint64_t, uint64_t> instances{};

  explicit world(size_t most = 32) : peers(most) {}
  peer_registry::connected now() const {
    return [this](uint64_t key) -> std::optional<uint64_t> {
      const auto found = instances.find(key);
      if (found == instances.end()) return std::nullopt;
      return found->second;
    };
  }
  greeting_verdict judge(const hello& what, uint64_t dialled = 0) const {
    return peers.judge(what, dialled, own, now());
  }
  /// Accepts what has to be acceptable, and takes it for connected.
  peer_registry::acceptance greet(const hello& what, uint64_t dialled = 0) {
    const auto verdict = judge(what, dialled);
    REQUIRE(verdict.what == kind::accept);
    const auto done = peers.accept(verdict, what, dialled);
    instances[done.key] = what.instance;
    return done;
  }
  uint64_t add(const std::string& uri) { return peers.add(asked(uri)).value(); }
  bool refuses(const hello& what, disconnect_reason why, uint64_t dialled = 0) const {
    const auto verdict = judge(what, dialled);
    return verdict.what == kind::refuse && verdict.why == why;
  }
};

} // namespace

TEST_CASE("a peer that is asked for invites, and is named by its address until it greets") {
  world here;
  const uint64_t key = here.add("tcp://box2:1445");
  const peer_record* record = here.peers.find(key);
  REQUIRE(record != nullptr);
  CHECK(record->name == "box2:1445");
  CHECK(record->invites);
  CHECK(record->given);
  CHECK(record->all_buckets);
  CHECK(here.peers.find_uri("tcp://box2:1445") == key);
  CHECK(here.peers.find_name("box2:1445") == key);
  CHECK(here.peers.find_node("") == 0);
  CHECK(here.peers.find_uri("") == 0);
  CHECK(here.add("tcp://box2:1445") == key);
  CHECK(here.peers.peers().size() == 1);
  CHECK(here.peers.established(key));
  CHECK_FALSE(here.peers.find(key)->invites);
  CHECK_FALSE(here.peers.established(key));
  here.add("tcp://box2:1445");
  CHECK(here.peers.find(key)->invites);
}

TEST_CASE("asked for again, a peer takes on the filter that is asked for") {
  world here;
  peer_record limited = asked("tcp://box2:1445");
  limited.all_buckets = false;
  limited.buckets = {"places"};
  const uint64_t key = here.add("tcp://box2:1445");
  CHECK(here.peers.add(limited).value() == key);
  CHECK_FALSE(here.peers.find(key)->all_buckets);
  CHECK(here.peers.find(key)->buckets == limited.buckets);
  here.add("tcp://box2:1445");
  CHECK(here.peers.find(key)->all_buckets);
}

TEST_CASE("there are no more peers than the limit, nor more strangers, and neither takes the "
          "others' places") {
  world here(2);
  here.greet(greeting("node-3", "box3"));
  here.greet(greeting("node-4", "box4"));
  CHECK(here.refuses(greeting("node-5", "box5"), disconnect_reason::too_many));
  here.add("tcp://box1:1445");
  const uint64_t given = here.add("tcp://box2:1445");
  const auto more = here.peers.add(asked("tcp://box6:1445"));
  REQUIRE_FALSE(more);
  CHECK(more.error().code == ec::bad_request);
  CHECK(here.peers.add(asked("tcp://box2:1445")));
  CHECK(here.judge(greeting("node-3", "box3")).what == kind::accept);
  CHECK(here.judge(greeting("node-5", "box5"), given).what == kind::accept);
  CHECK(here.refuses(greeting("node-5", "box5"), disconnect_reason::too_many));
}

TEST_CASE("strangers that are not in use make place for others, the one of longest ago first") {
  world here(3);
  const auto first = here.greet(greeting("node-1", "one"));
  here.greet(greeting("node-2", "two"));
  here.greet(greeting("node-3", "three"));
  here.greet(greeting("node-1", "one"));
  here.instances.clear();
  const auto verdict = here.judge(greeting("node-4", "four"));
  REQUIRE(verdict.what == kind::accept);
  CHECK(verdict.evict == here.peers.find_node("node-2"));
  const auto unused = here.peers.judge(greeting("node-4", "four"), 0, own, here.now(),
                                       [&](uint64_t key) { return key != first.key; });
  CHECK(unused.evict == first.key);
  for (int i = 0; i < 1000; ++i) {
    here.greet(greeting("stranger-" + std::to_string(i), "s" + std::to_string(i)));
    here.instances.clear();
  }
  CHECK(here.peers.peers().size() == 3);
  CHECK(here.peers.add(asked("tcp://box2:1445")));
  CHECK(here.peers.encode().size() < 50); // none of them is stored
}

TEST_CASE("a node that comes by itself is a peer, and is not dialled where it says") {
  world here;
  const auto done = here.greet(greeting("node-2", "box2", "tcp://box2:1445"));
  CHECK(done.changed);
  CHECK(done.merged == 0);
  const peer_record* record = here.peers.find(done.key);
  CHECK(record->name == "box2");
  CHECK(record->node_id == "node-2");
  CHECK(record->zmq_uri == "tcp://box2:1445");
  CHECK_FALSE(record->given);
  CHECK(record->dialled().empty());
  CHECK_FALSE(record->invites);
  const auto again = here.greet(greeting("node-2", "box2", "tcp://box2:1445"));
  CHECK(again.key == done.key);
  CHECK_FALSE(again.changed);
}

TEST_CASE("an address that is none, or is not given, is not taken") {
  world here;
  for (const char* uri : {"", "tcp://*:1445", "ipc:///tmp/x", "tcp://0.0.0.0:1", "nonsense"}) {
    world other;
    const auto done = other.greet(greeting("node-2", "box2", uri));
    CHECK(other.peers.find(done.key)->zmq_uri.empty());
    CHECK(other.peers.find_name("box2") == done.key);
  }
}

TEST_CASE("what an operator gave stays, what a peer said moves with the peer") {
  world here;
  const uint64_t given = here.add("tcp://box2:1445");
  here.greet(greeting("node-2", "box2", "tcp://inside:1445"), given);
  CHECK(here.peers.find(given)->zmq_uri == "tcp://box2:1445");
  here.greet(greeting("node-2", "box2", "tcp://inside:1445"));
  CHECK(here.peers.find(given)->zmq_uri == "tcp://box2:1445");
  const auto came = here.greet(greeting("node-3", "box3", "tcp://old:1445"));
  here.instances.clear();
  here.greet(greeting("node-3", "box3", "tcp://new:1445"));
  CHECK(here.peers.find(came.key)->zmq_uri == "tcp://new:1445");
  here.greet(greeting("node-3", "box3"));
  CHECK(here.peers.find(came.key)->zmq_uri == "tcp://new:1445");
}

TEST_CASE("an address that another record has is not taken") {
  world here;
  const uint64_t given = here.add("tcp://box2:1445");
  here.greet(greeting("node-2", "box2"), given);
  const auto other = here.greet(greeting("node-3", "box3", "tcp://box2:1445"));
  CHECK(other.key != given);
  CHECK(here.peers.find(other.key)->zmq_uri.empty());
}

TEST_CASE("this node itself, and a copy of its store, are told so") {
  world here;
  hello self = greeting("node-own", "box1");
  self.instance = own.instance;
  CHECK(here.refuses(self, disconnect_reason::itself));
  self.instance = 8;
  CHECK(here.refuses(self, disconnect_reason::same_identity));
  const uint64_t dialled = here.add("tcp://box2:1445");
  CHECK(here.refuses(self, disconnect_reason::same_identity, dialled));
}

TEST_CASE("no common version") {
  world here;
  hello newer = greeting("node-2", "box2");
  newer.oldest = protocol_version + 1;
  newer.newest = protocol_version + 5;
  CHECK(here.refuses(newer, disconnect_reason::version));
  newer.oldest = protocol_version;
  CHECK(here.judge(newer).what == kind::accept);
}

TEST_CASE("names and node ids that no node has are not answered") {
  world here;
  for (const std::string name : {"", "box 2", "box:1", "b\xc3\xb6x", "a/b"})
    CHECK_MESSAGE(here.judge(greeting("node-2", name)).what == kind::ignore, name);
  for (const std::string id : {"", "node 2", "node/2", "a.b"})
    CHECK_MESSAGE(here.judge(greeting(id, "box2")).what == kind::ignore, id);
  CHECK(here.judge(greeting("node-2", std::string(65, 'a'))).what == kind::ignore);
  CHECK(here.judge(greeting(std::string(65, 'a'), "box2")).what == kind::ignore);
  CHECK(here.judge(greeting("node-2", "Box_2.b-c")).what == kind::accept);
}

TEST_CASE("a removed node stays removed, until one of the two sides invites") {
  world here;
  const auto done = here.greet(greeting("node-2", "box2", "tcp://box2:1445"));
  here.peers.remove(done.key);
  here.instances.clear();
  CHECK(here.peers.removed("node-2"));
  CHECK(here.peers.peers().empty());
  CHECK(here.refuses(greeting("node-2", "box2"), disconnect_reason::removed));
  SUBCASE("the other side") {
    hello invites = greeting("node-2", "box2");
    invites.invites = true;
    CHECK(here.greet(invites).changed);
  }
  SUBCASE("this side") {
    const uint64_t dialled = here.add("tcp://box2:1445");
    CHECK(here.refuses(greeting("node-2", "box2"),
                       disconnect_reason::removed)); // it dialled by itself
    CHECK(here.greet(greeting("node-2", "box2"), dialled).key == dialled);
  }
  CHECK_FALSE(here.peers.removed("node-2"));
  here.instances.clear();
  CHECK(here.judge(greeting("node-2", "box2")).what == kind::accept);
}

TEST_CASE("one that was never reached leaves nothing behind when it is removed") {
  world here;
  here.peers.remove(here.add("tcp://box2:1445"));
  CHECK(here.peers.encode() == peer_registry().encode());
  here.peers.remove(99);
}

TEST_CASE("the oldest removed peers are forgotten beyond the bound") {
  world here;
  for (size_t i = 0; i <= removed_peers; ++i) {
    const auto done = here.greet(greeting("node-" + std::to_string(i), "box2"));
    here.peers.remove(done.key);
    here.instances.clear();
  }
  CHECK_FALSE(here.peers.removed("node-0"));
  CHECK(here.peers.removed("node-1"));
  CHECK(here.peers.removed("node-" + std::to_string(removed_peers)));
}

TEST_CASE("a peer that ended the federation itself is forgotten, and may come again") {
  world here;
  const auto done = here.greet(greeting("node-2", "box2"));
  here.peers.forget(done.key);
  here.instances.clear();
  CHECK_FALSE(here.peers.removed("node-2"));
  CHECK(here.judge(greeting("node-2", "box2")).what == kind::accept);
}

TEST_CASE("a known name belongs to its node, whether that is there or not") {
  world here;
  CHECK(here.refuses(greeting("node-2", "box1"), disconnect_reason::same_name)); // this node's own
  bool given = false;
  SUBCASE("of an operator's peer") { given = true; }
  SUBCASE("of a stranger") {}
  const auto first =
      here.greet(greeting("node-2", "box2"), given ? here.add("tcp://box2:1445") : 0);
  const auto third = here.greet(greeting("node-3", "box3"));
  for (int round = 0; round < 2; ++round) {
    hello other = greeting("node-4", "box2");
    CHECK(here.refuses(other, disconnect_reason::same_name));
    other.invites = true;
    CHECK(here.refuses(other, disconnect_reason::same_name));
    CHECK(
        here.refuses(greeting("node-3", "box2"), disconnect_reason::same_name)); // a known one, too
    here.instances.clear();
  }
  CHECK(here.greet(greeting("node-2", "box2")).key == first.key);
  here.peers.forget(first.key);
  CHECK(here.greet(greeting("node-3", "box2")).key == third.key);
}

TEST_CASE("a node without its store is taken for the one that it was where it is dialled") {
  world here;
  const uint64_t given = here.add("tcp://box2:1445");
  here.greet(greeting("node-2", "box2"), given);
  here.peers.established(given);
  CHECK(here.refuses(greeting("node-3", "box2"), disconnect_reason::same_name, given));
  here.instances.clear();
  CHECK(here.refuses(greeting("node-3", "box2"), disconnect_reason::same_name));
  CHECK(here.greet(greeting("node-3", "box2"), given).key == given);
  CHECK(here.peers.find(given)->node_id == "node-3");
  // Or where an operator gives another address of it.
  here.instances.clear();
  const uint64_t moved = here.add("tcp://new:1445");
  const auto done = here.greet(greeting("node-4", "box2"), moved);
  CHECK(done.key == given);
  CHECK(done.merged == moved);
}

TEST_CASE("a stranger yields its name to an operator's peer") {
  world here;
  const auto stranger = here.greet(greeting("node-9", "box2", "tcp://box2:1445"));
  const uint64_t given = here.add("tcp://box2:1445");
  CHECK(given != stranger.key);
  CHECK(here.peers.find_name("box2:1445") == given);
  CHECK(here.greet(greeting("node-2", "box2"), given).key == given);
  CHECK(here.peers.find_name("box2") == given);
  CHECK(here.peers.find(stranger.key)->name == "node-9");
}

TEST_CASE("another process with the identity of a connected peer is probed, the same is not") {
  world here;
  const auto done = here.greet(greeting("node-2", "box2"));
  CHECK(here.judge(greeting("node-2", "box2")).what == kind::accept);
  hello copy = greeting("node-2", "box2");
  copy.instance = 200;
  const auto verdict = here.judge(copy);
  CHECK(verdict.what == kind::probe);
  CHECK(verdict.key == done.key);
  CHECK(verdict.why == disconnect_reason::same_identity);
  here.instances.clear();
  CHECK(here.judge(copy).what == kind::accept);
}

TEST_CASE("an address that turns out to be a known peer's becomes that peer's") {
  world here;
  const auto known = here.greet(greeting("node-2", "box2", "tcp://inside:1445"));
  peer_record limited = asked("tcp://box2:1445");
  limited.all_buckets = false;
  limited.buckets = {"places"};
  const uint64_t dialled = here.peers.add(limited).value();
  const auto done = here.greet(greeting("node-2", "box2"), dialled);
  CHECK(done.key == known.key);
  CHECK(done.merged == dialled);
  CHECK(done.changed);
  CHECK(here.peers.peers().size() == 1);
  const peer_record* record = here.peers.find(known.key);
  CHECK(record->zmq_uri == "tcp://box2:1445");
  CHECK(record->given);
  CHECK(record->invites);
  CHECK(record->buckets == limited.buckets);
  // Another address of it is one more.
  const uint64_t more = here.peers.add(asked("tcp://alias:1445")).value();
  here.greet(greeting("node-2", "box2"), more);
  CHECK(here.peers.find(known.key)->dialled() ==
        std::vector<std::string>{"tcp://alias:1445", "tcp://box2:1445"});
  CHECK(here.peers.find_name("box2:1445") == known.key);
  CHECK(here.add("tcp://box2:1445") == known.key);
  const auto read = peer_registry::decode(here.peers.encode());
  REQUIRE(read);
  CHECK(read->peers().size() == 1);
  CHECK(read->peers().begin()->second.dialled() == here.peers.find(known.key)->dialled());
}

TEST_CASE("a peer that was asked for and comes by itself first is one peer when it is dialled") {
  world here;
  const uint64_t waits = here.add("tcp://box2:1445");
  const auto came = here.greet(greeting("node-2", "box2", "tcp://box2:1445"));
  CHECK(came.key != waits); // anybody can say so
  CHECK(here.greet(greeting("node-2", "box2"), waits).key == came.key);
  CHECK(here.peers.peers().size() == 1);
  CHECK(here.peers.find(came.key)->given);
}

TEST_CASE("peers that change addresses with each other are found again") {
  world here;
  const std::string uris[] = {"tcp://box1:1445", "tcp://box2:1445", "tcp://box3:1445"};
  uint64_t keys[3];
  for (size_t i = 0; i < 3; ++i) {
    keys[i] = here.add(uris[i]);
    here.greet(greeting("node-" + std::to_string(i), "peer" + std::to_string(i)), keys[i]);
    here.peers.established(keys[i]);
  }
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    here.instances.clear();
    size_t at[] = {0, 1, 2}; // who is where
    std::shuffle(std::begin(at), std::end(at), random);
    const bool away = random() % 3 == 0; // one of them
    for (int tries = 0; tries < 4; ++tries) {
      for (size_t i = 0; i < 3; ++i) {
        if (away && at[i] == 0) continue;
        const uint64_t dialled = here.peers.find_given(uris[i]);
        REQUIRE(dialled != 0); // each address is dialled, whatever happens
        here.greet(greeting("node-" + std::to_string(at[i]), "peer" + std::to_string(at[i])),
                   dialled);
      }
    }
    CHECK(here.peers.peers().size() == 3);
    for (size_t i = 0; i < 3; ++i) {
      if (away && at[i] == 0) continue;
      CHECK(here.peers.find(here.peers.find_given(uris[i]))->node_id ==
            "node-" + std::to_string(at[i]));
    }
  }
}

TEST_CASE("another node at the address of a known one") {
  world here;
  const uint64_t dialled = here.add("tcp://box2:1445");
  here.greet(greeting("node-2", "box2"), dialled);
  here.peers.established(dialled);
  SUBCASE("replaces it where it is not connected") {
    here.instances.clear();
    const auto done = here.greet(greeting("node-3", "box3"), dialled);
    CHECK(done.key == dialled);
    CHECK(here.peers.find(dialled)->node_id == "node-3");
    CHECK(here.peers.peers().size() == 1);
  }
  SUBCASE("takes the address along where it is") {
    const auto done = here.greet(greeting("node-3", "box3"), dialled);
    CHECK(done.key != dialled);
    CHECK(done.merged == 0);
    CHECK(here.peers.find(dialled)->zmq_uri.empty());
    CHECK(here.peers.find(dialled)->node_id == "node-2");
    CHECK(here.peers.find(done.key)->zmq_uri == "tcp://box2:1445");
  }
  SUBCASE("takes it along where it is a known one, too") {
    const auto other = here.greet(greeting("node-3", "box3"));
    const auto done = here.greet(greeting("node-3", "box3"), dialled);
    CHECK(done.key == other.key);
    CHECK(here.peers.find(other.key)->zmq_uri == "tcp://box2:1445");
    CHECK(here.peers.find(dialled)->node_id == "node-2");
  }
}

TEST_CASE("an address that leads to this node is kept for a peer that was there") {
  world here;
  const uint64_t never = here.add("tcp://box2:1445");
  CHECK_FALSE(here.peers.led_here(never));
  CHECK(here.peers.peers().empty());
  const uint64_t once = here.add("tcp://box3:1445");
  here.greet(greeting("node-3", "box3"), once);
  CHECK(here.peers.led_here(once));
  CHECK(here.peers.find(once)->zmq_uri == "tcp://box3:1445"); // it may be there again
  CHECK(here.peers.find_name("box3") == once);
  CHECK_FALSE(here.peers.led_here(99));
}

TEST_CASE("what was removed can be put back") {
  world here;
  const auto done = here.greet(greeting("node-2", "box2"), here.add("tcp://box2:1445"));
  const std::string before = here.peers.encode();
  const peer_record record = *here.peers.find(done.key);
  here.peers.remove(done.key);
  here.peers.restore(done.key, record);
  CHECK(here.peers.encode() == before);
}

TEST_CASE("a registry is stored and read as it was") {
  world here;
  peer_record limited = asked("tcp://box2:1445");
  limited.all_buckets = false;
  limited.buckets = {"a", "b"};
  CHECK(here.peers.add(limited));
  here.greet(greeting("node-3", "box3"), here.add("tcp://box3:1445"));
  here.greet(greeting("stranger", "box7"));
  here.peers.remove(here.greet(greeting("node-4", "box4")).key);
  const std::string bytes = here.peers.encode();
  const auto read = peer_registry::decode(bytes);
  REQUIRE(read);
  CHECK(read->encode() == bytes);
  CHECK(read->removed("node-4"));
  REQUIRE(read->peers().size() == 2);
  CHECK(read->peers().begin()->second == here.peers.peers().begin()->second);
  CHECK(peer_registry::decode(peer_registry().encode())->peers().empty());
  // Keys go on after what was read.
  auto more = *read;
  CHECK(more.add(asked("tcp://box5:1445")).value() == 3);
}

TEST_CASE("any bytes are a registry or corrupt") {
  world here;
  here.add("tcp://box2:1445");
  here.greet(greeting("node-3", "box3"), here.add("tcp://box3:1445"));
  here.peers.remove(here.greet(greeting("node-4", "box4")).key);
  const std::string bytes = here.peers.encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = peer_registry::decode(std::string_view(bytes).substr(0, size));
    REQUIRE_FALSE(cut);
    CHECK(cut.error().code == ec::corrupt);
  }
  CHECK_FALSE(peer_registry::decode(bytes + '\0'));
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = bytes;
    for (uint64_t n = 1 + random() % 3; n > 0; --n)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto read = peer_registry::decode(damaged);
    if (read) CHECK(peer_registry::decode(read->encode()).has_value());
  }
}

} // namespace treadmill::replication
