#include "net/replication/peer_connections.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace treadmill::replication::test {
namespace {

using level = step::write_log::level;

// One node, by hand
// -------------------------------------------------------------------------------------------------

hello greeting(const std::string& name, uint64_t instance = 1) {
  hello made;
  made.session = 5;
  made.instance = instance;
  made.node_id = "id-" + name;
  made.name = name;
  return made;
}

/// The node m. The test calls its peer_connections, and looks at the steps.
struct lone_node {
  ticks now{1'000'000};
  peer_registry registry;
  std::map<uint64_t, uint64_t> heard{};
  std::set<uint64_t> awaited{};
  peer_connections subject;
  std::vector<connection_step> steps{};
  uint64_t last_id = 0;

  explicit lone_node(size_t most = 32) : registry(most), subject(options(), registry) {}

  peer_connections_options options() {
    return {{"id-m", 7, "m"},
            [] { return 0; },
            [this](uint64_t id) { return heard[id]; },
            [this](uint64_t key) { return awaited.count(key) > 0; }};
  }
  /// Takes the steps and answers those that dial.
  void settle() {
    steps = subject.take();
    for (const auto& one : std::vector(steps)) {
      const auto* dial = std::get_if<step::dial>(&one);
      if (dial != nullptr) subject.dialled(dial->peer, dial->uri, ++last_id);
    }
    CHECK(subject.take().empty());
  }
  template<class Step>
  std::vector<Step> all() const {
    std::vector<Step> found;
    for (const auto& one : steps)
      if (const auto* is = std::get_if<Step>(&one)) found.push_back(*is);
    return found;
  }
  template<class Step>
  Step only() const {
    const auto found = all<Step>();
    REQUIRE(found.size() == 1);
    return found.front();
  }
  bool hung_up(uint64_t id) const {
    const auto found = all<step::hang_up>();
    return std::any_of(found.begin(), found.end(),
                       [&](const step::hang_up& one) { return one.connection == id; });
  }
  bool says(disconnect_reason why, uint64_t id) const {
    const auto found = all<step::send_goodbye>();
    return found.size() == 1 && found.front().connection == id && found.front().why == why;
  }

  /// Returns its key. The connection that is dialled for it is `last_id`.
  uint64_t add(const std::string& uri) {
    peer_record asked;
    asked.zmq_uri = uri;
    const uint64_t key = registry.add(asked).value();
    subject.added(key, now);
    settle();
    return key;
  }
  void receive(uint64_t id, const frame& what) {
    subject.received(id, encode_frame({0, what}, false), now);
    settle();
  }
  /// Also makes a dialled connection.
  void greet(uint64_t id, const hello& what) {
    if (id <= last_id) subject.made(id, now);
    receive(id, what);
  }
  void establish(uint64_t key) {
    subject.link_changed(link_of(key), true, registry.find(key)->node_id, now);
    settle();
  }
  /// A peer that this node dialled, over which a link is established. Returns its key.
  uint64_t linked(const std::string& name) {
    const uint64_t key = add("tcp://" + name + ":1");
    greet(last_id, greeting(name));
    establish(key);
    return key;
  }
  uint64_t link_of(uint64_t key) const {
    for (uint64_t link = 1; link < 100; ++link)
      if (subject.peer_of_link(link) == key) return link;
    return 0;
  }
  void pass(ticks time) {
    now += time;
    subject.tick(now);
    settle();
  }
  /// Time in which frames come over these connections.
  void pass_hearing(ticks time, const std::vector<uint64_t>& ids) {
    for (; time > ticks(0); time -= ticks(500)) {
      for (const uint64_t id : ids) ++heard[id];
      pass(ticks(500));
    }
  }
};

constexpr uint64_t incoming = 1000; ///< the id of a connection that a peer dialled

} // namespace

TEST_CASE("the first greeting decides whose a connection is, and starts the link") {
  lone_node node;
  const uint64_t key = node.add("tcp://a:1");
  CHECK(node.only<step::dial>().uri == "tcp://a:1");
  CHECK(node.subject.peer_of(1) == key);
  CHECK(node.subject.chosen(key) == 0);
  node.subject.made(1, node.now);
  node.settle();
  CHECK(node.only<step::choose>().connection == 1);
  const std::string frame = encode_frame({0, greeting("a")}, false);
  node.subject.received(1, frame, node.now);
  node.settle();
  const uint64_t link = node.link_of(key);
  CHECK(node.only<step::route>().connection == 1);
  CHECK(node.only<step::route>().link == link);
  CHECK(node.only<step::forward>().frame == frame);
  CHECK(node.registry.find(key)->node_id == "id-a");
  // Frames that arrived before it was routed follow.
  node.receive(1, bucket_digests{});
  CHECK(node.only<step::forward>().link == link);
  node.establish(key);
  CHECK(node.only<step::answer_requests>().peer == key);
  CHECK(node.subject.is_established(key));
}

TEST_CASE("a stranger takes part, is never dialled, and is forgotten when it was away for long") {
  lone_node node;
  node.greet(incoming, greeting("s"));
  const uint64_t key = node.subject.peer_of(incoming);
  REQUIRE(key != 0);
  CHECK(node.all<step::start_link>().size() == 1);
  node.establish(key);
  node.pass_hearing(ticks(5000), {incoming});
  CHECK(node.all<step::dial>().empty());
  node.subject.lost(incoming, node.now);
  node.settle();
  CHECK(node.hung_up(incoming));
  CHECK(node.subject.connections().empty());
  node.pass(defaults::stranger_memory - ticks(1));
  CHECK(node.subject.is_running(key));
  node.pass(ticks(1));
  CHECK_FALSE(node.subject.is_running(key));
  CHECK(node.registry.find(key) == nullptr);
}

TEST_CASE("a stranger that only greeted is forgotten once it has gone") {
  lone_node node;
  node.greet(incoming, greeting("s"));
  node.subject.lost(incoming, node.now);
  node.pass(ticks(500));
  CHECK(node.subject.peers() == 0);
  CHECK(node.registry.peers().empty());
}

TEST_CASE("a stranger makes room for the next one when it is not in use any more") {
  lone_node node(1);
  node.greet(incoming, greeting("s"));
  node.greet(incoming + 1, greeting("t"));
  CHECK(node.says(disconnect_reason::too_many, incoming + 1));
  node.now += defaults::connection_settled;
  const uint64_t link = node.link_of(node.subject.peer_of(incoming));
  node.greet(incoming + 1, greeting("t"));
  CHECK(node.only<step::end_link>().why == disconnect_reason::too_many);
  CHECK(node.subject.peer_of(incoming) == 0);
  CHECK_FALSE(node.hung_up(incoming)); // the link says goodbye over it
  CHECK_FALSE(node.subject.link_ended(link, node.now));
  node.settle();
  CHECK(node.hung_up(incoming));
  CHECK(node.subject.peer_of(incoming + 1) != 0);
}

TEST_CASE("a connection of nobody is hung up after so many frames") {
  lone_node node;
  for (size_t n = 0; n < defaults::frames_of_nobody; ++n) node.receive(incoming, bucket_digests{});
  CHECK(node.steps.empty());
  node.receive(incoming, bucket_digests{});
  CHECK(node.hung_up(incoming));
  CHECK(node.all<step::count_cut>().size() == 1);
  CHECK(node.subject.connections().empty());
}

TEST_CASE("frames that arrive after their connection was hung up leave nothing behind") {
  lone_node node;
  SUBCASE("it was nobody's") {
    for (size_t n = 0; n <= defaults::frames_of_nobody; ++n)
      node.receive(incoming, bucket_digests{});
  }
  SUBCASE("it was a peer's") {
    node.greet(incoming, greeting("s"));
    node.subject.link_cut(node.link_of(node.subject.peer_of(incoming)), "it flooded", node.now);
  }
  SUBCASE("its peer's link is ending") {
    node.greet(incoming, greeting("s"));
    const uint64_t key = node.subject.peer_of(incoming);
    node.registry.forget(key);
    node.subject.removed(key, node.now);
    node.pass(defaults::late_frames); // the link has not ended yet
  }
  node.settle();
  node.greet(incoming, greeting("t"));
  CHECK(node.steps.empty());
  CHECK(node.subject.connections().empty());
  CHECK(node.registry.peers().empty());
}

TEST_CASE("a greeting is not read from a frame that is too long") {
  lone_node node;
  hello large = greeting("s");
  large.all_buckets = false;
  large.buckets.assign(20'000, std::string(64, 'x'));
  node.greet(incoming, large);
  CHECK(node.registry.peers().empty());
}

TEST_CASE("another process with a connected peer's identity is refused while that one is heard") {
  lone_node node;
  const uint64_t key = node.linked("a");
  node.greet(incoming, greeting("a", 2));
  CHECK(node.only<step::probe>().connection == incoming);
  CHECK(node.subject.peer_of(incoming) == 0);
  ++node.heard[1];
  node.now += defaults::identity_probe;
  node.subject.probe_over(incoming, node.now);
  node.settle();
  CHECK(node.says(disconnect_reason::same_identity, incoming));
  CHECK(node.only<step::write_log>().value == "id-a");
  CHECK(node.subject.connections_of(key) == std::vector<uint64_t>{1});
}

TEST_CASE("it replaces a connected peer that is silent, with its last greeting") {
  lone_node node;
  const uint64_t key = node.linked("a");
  node.greet(incoming, greeting("a", 2));
  node.greet(incoming, greeting("a", 3));
  CHECK(node.all<step::probe>().empty()); // one at a time
  node.now += defaults::identity_probe;
  node.subject.probe_over(incoming, node.now);
  node.settle();
  CHECK(node.hung_up(1));
  CHECK(node.subject.connections_of(key) == std::vector<uint64_t>{incoming});
  CHECK(node.subject.chosen(key) == incoming);
  // The third process is the one that is connected now.
  node.greet(incoming + 1, greeting("a", 3));
  CHECK(node.subject.peer_of(incoming + 1) == key);
}

TEST_CASE("a probe ends with its connection, and with its peer") {
  lone_node node;
  const uint64_t key = node.linked("a");
  node.greet(incoming, greeting("a", 2));
  SUBCASE("the connection is lost") { node.subject.lost(incoming, node.now); }
  SUBCASE("the peer is removed") {
    node.registry.remove(key);
    node.subject.removed(key, node.now);
  }
  node.settle();
  node.now += defaults::identity_probe;
  node.subject.probe_over(incoming, node.now);
  node.settle();
  CHECK(node.steps.empty());
}

TEST_CASE("greetings that wait for their probes are bounded in bytes") {
  lone_node node;
  node.linked("a");
  hello large = greeting("a", 2);
  large.all_buckets = false;
  large.buckets.assign(10'000, std::string(64, 'x'));
  const size_t most = defaults::probed_bytes / encode_frame({0, large}, false).size();
  size_t probes = 0;
  for (uint64_t n = 0; n < 2 * most; ++n) {
    node.greet(incoming + n, large);
    probes += node.all<step::probe>().size();
  }
  CHECK(probes == most);
  // A shorter one takes the place of a longer one, whose probe is over.
  large.buckets.resize(9'500); // more than what is left of the room
  node.greet(incoming + 2 * most, large);
  CHECK(node.all<step::probe>().size() == 1);
  node.now += defaults::identity_probe;
  ++node.heard[1];
  size_t answered = 0;
  for (uint64_t n = 0; n <= 2 * most; ++n) {
    node.subject.probe_over(incoming + n, node.now);
    node.settle();
    answered += node.all<step::send_goodbye>().size();
  }
  CHECK(answered == most);
}

TEST_CASE("a probe of a connection that was lost does not end the next one before its time") {
  lone_node node;
  node.linked("a");
  node.add("tcp://alias:1");
  node.greet(2, greeting("a", 2));
  REQUIRE(node.all<step::probe>().size() == 1);
  node.subject.lost(2, node.now);
  node.now += defaults::identity_probe / 2;
  node.greet(2, greeting("a", 2));
  REQUIRE(node.all<step::probe>().size() == 1);
  node.now += defaults::identity_probe / 2;
  node.subject.probe_over(2, node.now);
  node.settle();
  CHECK(node.steps.empty());
  node.now += defaults::identity_probe / 2;
  node.subject.probe_over(2, node.now);
  node.settle();
  CHECK(node.hung_up(1));
}

TEST_CASE("a peer that greets its link under another identity loses its connections") {
  lone_node node;
  const uint64_t key = node.linked("a");
  node.subject.link_changed(node.link_of(key), true, "id-b", node.now);
  node.settle();
  CHECK(node.hung_up(1));
  CHECK(node.only<step::choose>().lost);
  CHECK(node.only<step::choose>().connection == 0);
  CHECK(node.subject.connections_of(key).empty());
}

TEST_CASE("a connection whose address now leads to another peer changes its owner") {
  lone_node node;
  const uint64_t a = node.linked("a");
  node.subject.lost(1, node.now);
  node.greet(1, greeting("b"));
  const uint64_t b = node.subject.peer_of(1);
  CHECK(b == a); // the store of the node at this address was deleted
  const uint64_t c = node.linked("c");
  node.subject.lost(2, node.now);
  node.subject.made(2, node.now);
  node.greet(2, greeting("b"));
  CHECK(node.subject.peer_of(2) == b);
  CHECK(node.subject.chosen(c) == 0);
  CHECK(node.subject.connections_of(c).empty());
}

TEST_CASE("an address that leads to the node itself is forgotten, unless its peer is known") {
  lone_node node;
  hello own = greeting("m", 7);
  SUBCASE("it was never reached") {
    const uint64_t key = node.add("tcp://me:1");
    node.greet(node.last_id, own);
    CHECK(node.says(disconnect_reason::itself, 1));
    CHECK(node.only<step::answer_requests>().problem.code == ec::bad_request);
    CHECK_FALSE(node.subject.is_running(key));
    CHECK(node.registry.find(key) == nullptr);
    CHECK_FALSE(node.subject.link_ended(node.only<step::end_link>().link, node.now));
    node.settle();
    CHECK(node.hung_up(1));
  }
  SUBCASE("the peer was there before") {
    const uint64_t key = node.linked("a");
    node.subject.lost(1, node.now);
    node.subject.link_changed(node.link_of(key), false, {}, node.now);
    node.greet(1, own);
    CHECK(node.hung_up(1));
    CHECK(node.subject.is_running(key));
    node.pass(defaults::cut_pause - ticks(1));
    CHECK(node.all<step::dial>().empty());
    node.pass(ticks(1));
    CHECK(node.all<step::dial>().size() == 1);
  }
}

TEST_CASE(
    "one address of a peer that leads to the node itself does not end the attempt at another") {
  lone_node node;
  const uint64_t key = node.linked("a");
  node.add("tcp://alias:1");
  node.greet(2, greeting("a"));
  node.subject.lost(1, node.now);
  node.subject.lost(2, node.now);
  node.subject.link_changed(node.link_of(key), false, {}, node.now);
  node.subject.made(1, node.now);
  node.subject.made(2, node.now);
  SUBCASE("it is told") { node.receive(2, goodbye{disconnect_reason::itself}); }
  SUBCASE("it sees its own greeting") { node.receive(2, greeting("m", 7)); }
  CHECK(node.hung_up(2));
  CHECK(node.subject.connections_of(key) == std::vector<uint64_t>{1});
  node.greet(1, greeting("a"));
  CHECK(node.only<step::forward>().link == node.link_of(key));
}

TEST_CASE("two records that turn out to be one peer become one, with one link") {
  lone_node node;
  const uint64_t a = node.linked("a");
  const uint64_t alias = node.add("tcp://alias:1");
  const uint64_t link = node.link_of(alias);
  REQUIRE(node.subject.peer_of(2) == alias);
  node.greet(2, greeting("a"));
  CHECK(node.only<step::merge>().from == alias);
  CHECK(node.only<step::merge>().into == a);
  CHECK(node.all<step::end_link>().front().link == link);
  CHECK(node.only<step::answer_requests>().problem.code == ec::none);
  CHECK_FALSE(node.subject.is_running(alias));
  CHECK(node.subject.connections_of(a) == std::vector<uint64_t>{1, 2});
  CHECK(node.registry.find(a)->zmq_uri == "tcp://alias:1");
  for (const auto& ended : node.all<step::end_link>())
    CHECK_FALSE(node.subject.link_ended(ended.link, node.now));
  node.settle();
  CHECK(node.steps.empty()); // the connections stay
}

TEST_CASE("a removed peer is told by its link; then its connections are hung up") {
  lone_node node;
  const uint64_t key = node.linked("a");
  const uint64_t link = node.link_of(key);
  node.registry.remove(key);
  node.subject.removed(key, node.now);
  node.settle();
  CHECK(node.only<step::end_link>().why == disconnect_reason::removed);
  CHECK(node.only<step::show>().gone);
  CHECK(node.only<step::route>().link == 0);
  CHECK(node.all<step::hang_up>().empty());
  CHECK(node.subject.connections().empty());
  CHECK_FALSE(node.subject.link_ended(link, node.now));
  node.settle();
  CHECK(node.hung_up(1));
  // It is told again when it greets.
  node.greet(incoming, greeting("a"));
  CHECK(node.says(disconnect_reason::removed, incoming));
  // Messages of the ended link are too late.
  node.subject.link_changed(link, true, "id-a", node.now);
  node.subject.link_refused(link, disconnect_reason::version, node.now);
  node.subject.link_cut(link, "flooded", node.now);
  node.settle();
  CHECK(node.steps.empty());
}

TEST_CASE("a peer that refuses this node is shown; a removal, and a request, end it") {
  lone_node node;
  const uint64_t key = node.add("tcp://a:1");
  SUBCASE("it stays where nobody waits for it") {
    node.subject.link_refused(node.link_of(key), disconnect_reason::version, node.now);
    node.settle();
    CHECK(node.subject.refusal(key) == to_string(disconnect_reason::version));
    CHECK(node.only<step::write_log>().at == level::warn);
    CHECK(node.subject.is_running(key));
  }
  SUBCASE("the request that added it is refused") {
    node.awaited.insert(key);
    node.subject.link_refused(node.link_of(key), disconnect_reason::version, node.now);
    node.settle();
    CHECK(node.only<step::answer_requests>().problem.code == ec::conflict);
    CHECK_FALSE(node.subject.is_running(key));
  }
  SUBCASE("this node was removed there") {
    node.subject.link_refused(node.link_of(key), disconnect_reason::removed, node.now);
    node.settle();
    CHECK(node.registry.find(key) == nullptr);
    CHECK_FALSE(node.only<step::end_link>().why.has_value());
  }
}

TEST_CASE("of two connections the one of the smaller node id is chosen, and the other hung up") {
  lone_node node; // id-m
  bool own_first = false;
  SUBCASE("the peer's") {}
  SUBCASE("this node's") { own_first = true; }
  const std::string name = own_first ? "z" : "a";
  const uint64_t key = node.linked(name);
  node.greet(incoming, greeting(name));
  REQUIRE(node.subject.peer_of(incoming) == key);
  const uint64_t kept = own_first ? 1 : incoming;
  CHECK(node.subject.chosen(key) == kept);
  node.pass_hearing(defaults::connection_settled - ticks(500), {1, incoming});
  CHECK(node.subject.connections_of(key).size() == 2);
  node.pass_hearing(ticks(1500), {1, incoming});
  CHECK(node.subject.chosen(key) == kept);
  // A node hangs up what it dialled itself; the other one is the peer's to hang up.
  CHECK(node.subject.connections_of(key).size() == (own_first ? 2 : 1));
}

TEST_CASE("a silent connection is neither chosen nor kept beside one that is alive") {
  lone_node node;
  const uint64_t key = node.linked("a");
  node.greet(incoming, greeting("a"));
  node.greet(incoming + 1, greeting("a"));
  CHECK(node.subject.chosen(key) == incoming + 1);
  node.pass_hearing(defaults::connection_silence, {incoming});
  CHECK(node.subject.chosen(key) == incoming);
  node.pass_hearing(defaults::connection_settled, {incoming});
  CHECK(node.subject.connections_of(key) == std::vector<uint64_t>{incoming});
}

TEST_CASE("while a peer is not reached, its connections take turns and it is dialled") {
  lone_node node;
  const uint64_t key = node.linked("a");
  node.greet(incoming, greeting("a"));
  node.subject.link_changed(node.link_of(key), false, {}, node.now);
  std::set<uint64_t> tried;
  for (int n = 0; n < 8; ++n) {
    node.pass(ticks(500));
    tried.insert(node.subject.chosen(key));
  }
  CHECK(tried == std::set<uint64_t>{1, incoming});
  CHECK(node.all<step::dial>().empty()); // 1 is being dialled
  node.subject.lost(incoming, node.now);
  node.settle();
  CHECK(node.subject.connections_of(key) == std::vector<uint64_t>{1});
}

TEST_CASE("a peer that was cut is hung up, and dialled again after a pause") {
  lone_node node;
  const uint64_t key = node.linked("a");
  node.subject.link_cut(node.link_of(key), "it flooded", node.now);
  node.settle();
  CHECK(node.hung_up(1));
  CHECK(node.all<step::count_cut>().size() == 1);
  CHECK(node.subject.refusal(key) == "it was cut: it flooded");
  node.subject.link_changed(node.link_of(key), false, {}, node.now);
  node.pass(defaults::cut_pause - ticks(1));
  CHECK(node.all<step::dial>().empty());
  node.pass(ticks(1));
  CHECK(node.all<step::dial>().size() == 1);
}

TEST_CASE("a link that died is started again at the next tick, with its connections") {
  lone_node node;
  const uint64_t key = node.linked("a");
  CHECK(node.subject.link_ended(node.link_of(key), node.now));
  node.settle();
  CHECK(node.only<step::route>().link == 0);
  CHECK_FALSE(node.subject.is_established(key));
  node.pass(ticks(500));
  CHECK(node.only<step::start_link>().peer == key);
  CHECK(node.only<step::route>().link == node.link_of(key));
  CHECK(node.only<step::choose>().connection == 1);
}

TEST_CASE("a goodbye over a second connection of a reached peer ends that connection alone") {
  lone_node node;
  const uint64_t key = node.linked("a");
  node.add("tcp://alias:1");
  node.greet(2, greeting("a"));
  node.subject.lost(2, node.now);
  node.subject.made(2, node.now);
  node.receive(2, goodbye{disconnect_reason::same_name});
  CHECK(node.hung_up(2));
  CHECK(node.subject.connections_of(key) == std::vector<uint64_t>{1});
  CHECK(node.subject.is_established(key));
}

} // namespace treadmill::replication::test
