#include "net/transport/peer_transport.hpp"
#include "tests/unit/net/transport/peer_recorder.hpp"
#include "tests/unit/net/transport/zmtp_client.hpp"
#include <doctest/doctest.h>
#include <fstream>
#include <iomanip>
#include <list>
#include <memory>
#include <random>
#include <sstream>
#include <thread>

using treadmill::replication::transport_options;
using treadmill::test::eventually;
using treadmill::test::peer_recorder;
using treadmill::test::raw_client;
using treadmill::test::raw_listener;
using treadmill::test::zmtp_client;
using treadmill::test::zmtp_frame;
using treadmill::test::zmtp_head;
using namespace std::chrono_literals;

namespace {

constexpr size_t mebibyte = 1024 * 1024;

// A node with a peer, to show that it goes on.
struct target {
  explicit target(const transport_options& options = peer_recorder::listening())
      : node(options), peer(transport_options{}), connection(peer.peer.dial(node.peer.endpoint())) {
    REQUIRE(peer.reaches(connection, node, "hello"));
    from_peer = node.sender_of("hello");
  }

  // Over the connection that was there before.
  bool goes_on() {
    const std::string word = "still there " + std::to_string(++asked);
    peer.peer.send(connection, word);
    if (!eventually([&] { return node.sender_of(word) == from_peer; })) return false;
    node.peer.send(from_peer, word);
    return eventually([&] { return peer.has(word); });
  }

  peer_recorder node;
  peer_recorder peer;
  uint64_t connection;
  uint64_t from_peer = 0;
  int asked = 0;
};

int64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  int64_t all = 0;
  int64_t resident = 0;
  in >> all >> resident;
  return resident * 4096;
}

// Bytes that a peer which never reads makes a node hold: of frames that are sent until it refuses.
void check_send_bound(peer_recorder& node, uint64_t connection) {
  const std::string frame(64 * 1024, 'a');
  size_t taken = 0;
  REQUIRE(eventually([&] {
    if (!node.peer.send(connection, frame)) return node.peer.counters().frames_out > 0;
    ++taken;
    return false;
  }));
  const auto counters = node.peer.counters();
  CHECK(counters.waiting_bytes >= 2 * mebibyte - frame.size());
  CHECK(counters.waiting_bytes <= 2 * mebibyte + frame.size() + 256);
  CHECK(counters.dropped_frames > 0);
}

transport_options small_queue() {
  transport_options options = peer_recorder::listening();
  options.connection_queued_bytes = 2 * mebibyte;
  options.handshake = 500ms;
  options.reconnect_first = 10ms;
  return options;
}

} // namespace

TEST_CASE("a peer that takes no frames makes a node hold no more than the bound") {
  peer_recorder node(small_queue());
  zmtp_client silent(node.port(), "", 4096);
  REQUIRE(silent.send(zmtp_frame("hello")));
  REQUIRE(eventually([&] { return node.has("hello"); }));
  const uint64_t connection = node.sender_of("hello");
  check_send_bound(node, connection);
  // It frees what it held as soon as the peer is gone.
  { const zmtp_client gone = std::move(silent); }
  CHECK(eventually([&] { return node.times_lost(connection) == 1; }));
  CHECK(eventually([&] { return node.peer.counters().waiting_bytes == 0; }));
}

TEST_CASE("nothing is kept for a dialled peer that never greets, and it is dialled again") {
  raw_listener deaf;
  peer_recorder node(small_queue());
  const uint64_t connection = node.peer.dial(deaf.endpoint());
  const std::string frame(64 * 1024, 'a');
  for (int attempt = 0; attempt < 3; ++attempt)
    CHECK(deaf.accept_until_end([&] {
      for (int i = 0; i < 100; ++i) node.peer.send(connection, frame);
    }));
  CHECK(eventually([&] { return node.peer.counters().waiting_bytes == 0; }));
  CHECK(node.peer.counters().frames_out == 0);
  CHECK(node.times_connected(connection) == 0);
  CHECK(node.times_lost(connection) == 0);
}

TEST_CASE("frames of all connections together are bounded") {
  transport_options options = small_queue();
  options.queued_bytes = 3 * mebibyte;
  peer_recorder node(options);
  std::list<zmtp_client> silent;
  for (int i = 0; i < 4; ++i) {
    silent.emplace_back(node.port(), "", 4096);
    const std::string name = "silent " + std::to_string(i);
    REQUIRE(silent.back().send(zmtp_frame(name)));
    REQUIRE(eventually([&] { return node.has(name); }));
  }
  const std::string frame(64 * 1024, 'a');
  for (int i = 0; i < 4; ++i)
    for (int count = 0; count < 200; ++count)
      node.peer.send(node.sender_of("silent " + std::to_string(i)), frame);
  CHECK(node.peer.counters().waiting_bytes <= 3 * mebibyte);
  CHECK(node.peer.counters().dropped_frames > 0);
}

TEST_CASE("a frame that claims to be too large costs its sender the connection") {
  target box;
  for (const uint64_t claim : {uint64_t{512} * mebibyte, uint64_t{65536} * mebibyte, ~uint64_t{0},
                               uint64_t{16} * mebibyte + 1}) {
    CAPTURE(claim);
    zmtp_client attacker(box.node.port());
    CHECK(attacker.send(zmtp_frame("I am")));
    CHECK(attacker.send(zmtp_head(2, claim)));
    CHECK(attacker.wait_for_end());
    CHECK(box.goes_on());
  }
  CHECK(box.node.times_lost(box.node.sender_of("I am")) == 1);
}

TEST_CASE("the largest frame that is taken is taken") {
  target box;
  zmtp_client largest(box.node.port());
  CHECK(largest.send(zmtp_frame(std::string(16 * mebibyte, 'a'))));
  CHECK(eventually([&] { return box.node.has(std::string(16 * mebibyte, 'a')); }));
}

TEST_CASE("what is not ZeroMQ does no harm") {
  using namespace std::string_literals;
  target box;
  std::minstd_rand random(20240817);
  std::vector<std::string> texts{
      "GET / HTTP/1.1\r\nHost: box1\r\n\r\n"s,
      "POST /bucket HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"s + std::string(100'000, 'a'),
      "\x01\0"s,                             // ZMTP 1: an anonymous peer
      "\x05\0abcd\x07\0hello!"s,             // ZMTP 1: with a name, and a frame
      "\xff\0\0\0\0\0\0\0\x01\x7f\x01\x05"s, // ZMTP 2
      "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0PLAIN"s + std::string(100, '\0'),
      "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE"s + std::string(100, '\0'),
      treadmill::test::zmtp_greeting(),
      treadmill::test::zmtp_greeting() + zmtp_frame("before the greeting is over"),
      treadmill::test::zmtp_greeting() + zmtp_head(4, 200) + std::string(200, '\xff'),
      treadmill::test::zmtp_greeting() + zmtp_head(6, ~uint64_t{0}),
      treadmill::test::zmtp_greeting() + treadmill::test::zmtp_ready(std::string(250, 'x')),
      ""s,
  };
  for (int i = 0; i < 100; ++i) {
    std::string bytes(random() % 3000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (i % 3 == 0) bytes.insert(0, treadmill::test::zmtp_greeting());
    texts.push_back(std::move(bytes));
  }
  std::list<raw_client> open;
  for (const std::string& text : texts) {
    open.emplace_back(box.node.port());
    open.back().send(text);
    raw_client(box.node.port()).send(text);
  }
  CHECK(box.goes_on());
  CHECK(box.node.times_lost(box.from_peer) == 0);
}

TEST_CASE("peers of old versions are refused, also while the node stops") {
  using namespace std::string_literals;
  for (const std::string& greeting :
       {"\x01\0"s, "\x05\0abcd\x07\0hello!"s, "\xff\0\0\0\0\0\0\0\x01\x7f\x01\x05\0\0"s}) {
    auto box = std::make_unique<target>();
    std::list<raw_client> old;
    for (int i = 0; i < 50; ++i) {
      old.emplace_back(box->node.port());
      if (i % 2 == 0) old.back().send(greeting);
    }
    CHECK(old.front().wait_for_end());
    CHECK(box->goes_on());
    std::thread stopping([&] { box.reset(); });
    for (raw_client& each : old) each.send(greeting);
    stopping.join();
  }
}

TEST_CASE("a connection that does not greet is closed in time") {
  transport_options options = peer_recorder::listening();
  options.handshake = 200ms;
  target box(options);
  raw_client silent(box.node.port());
  raw_client begun(box.node.port());
  CHECK(begun.send(treadmill::test::zmtp_greeting()));
  CHECK(silent.wait_for_end());
  CHECK(begun.wait_for_end());
  CHECK(box.goes_on());
}

TEST_CASE("a peer that takes nothing for long is lost") {
  transport_options options = small_queue();
  options.heartbeat = 1s;
  peer_recorder node(options);
  zmtp_client dead(node.port(), "", 4096);
  REQUIRE(dead.send(zmtp_frame("hello")));
  REQUIRE(eventually([&] { return node.has("hello"); }));
  const uint64_t connection = node.sender_of("hello");
  while (node.peer.send(connection, std::string(64 * 1024, 'a'))) {
  }
  CHECK(eventually([&] { return node.times_lost(connection) == 1; }));
}

TEST_CASE("the machine of a silent peer is asked for signs of life") {
  transport_options options = peer_recorder::listening();
  options.heartbeat = 10s;
  target box(options);
  // Of the system's table: addresses, state 1 (established), queues, a timer (2: keepalive) with
  // hundredths of seconds. Both ends of the connection have one.
  const auto has_timers = [&] {
    std::ostringstream port;
    port << std::hex << std::uppercase << std::setfill('0') << std::setw(4) << box.node.port();
    std::ifstream table("/proc/net/tcp");
    std::string line;
    size_t count = 0;
    while (std::getline(table, line)) {
      std::istringstream in(line);
      std::string index, own, peer, state, queues, timer;
      in >> index >> own >> peer >> state >> queues >> timer;
      if (state != "01" || timer.size() < 11 || !timer.starts_with("02:")) continue;
      const bool is_soon = std::stoul(timer.substr(3), nullptr, 16) <= 1000;
      if (is_soon && (own.ends_with(port.str()) || peer.ends_with(port.str()))) ++count;
    }
    return count == 2;
  };
  CHECK(eventually(has_timers));
}

TEST_CASE("a message of several parts is dropped and counted, and those after it are taken") {
  target box;
  zmtp_client odd(box.node.port());
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += zmtp_frame("part", true);
  CHECK(odd.send(zmtp_frame("one", true) + zmtp_frame("two")));
  CHECK(odd.send(zmtp_frame("", true) + zmtp_frame("as REQ sends it")));
  CHECK(odd.send(many + zmtp_frame("last")));
  CHECK(odd.send(zmtp_frame("single")));
  CHECK(eventually([&] { return box.node.has("single"); }));
  CHECK(box.node.peer.counters().refused_frames == 3);
  CHECK_FALSE(box.node.has("two"));
  CHECK_FALSE(box.node.has("last"));
  CHECK(box.goes_on());
}

TEST_CASE("a message without an end costs its sender the connection before it fills the memory") {
  transport_options options = peer_recorder::listening();
  options.message_bytes = mebibyte;
  options.connection_held_bytes = mebibyte;
  target box(options);
  uint64_t cut = 0;
  for (const size_t part : {size_t{0}, size_t{200}, mebibyte}) {
    CAPTURE(part);
    zmtp_client attacker(box.node.port());
    CHECK(attacker.send(zmtp_frame("I am")));
    std::string parts;
    while (parts.size() < 256 * 1024) parts += zmtp_frame(std::string(part, 'a'), true);
    const int64_t before = resident_bytes();
    // A part of no bytes costs 2 on the wire and 64 in memory.
    const size_t most = (part < 1000 ? 64 : 512) * mebibyte;
    size_t sent = 0;
    while (sent < most && attacker.send(parts)) sent += parts.size();
    CHECK(sent < most);
    ++cut;
    CHECK(eventually([&] { return box.node.peer.counters().cut_connections == cut; }));
    MESSAGE("parts of " << part << " bytes: cut after " << sent / 1024 << " KiB, "
                        << (resident_bytes() - before) / (1024 * 1024) << " MiB more in memory");
    CHECK(box.goes_on());
  }
  CHECK(box.node.times_lost(box.node.sender_of("I am")) == 1);
}

TEST_CASE("messages without an end are bounded together, too") {
  transport_options options = peer_recorder::listening();
  options.held_bytes = 4 * mebibyte;
  target box(options);
  std::list<zmtp_client> attackers;
  for (int i = 0; i < 8; ++i) attackers.emplace_back(box.node.port());
  // A mebibyte each: no one alone has too much.
  for (zmtp_client& each : attackers)
    CHECK(each.send(zmtp_head(2, 8 * mebibyte) + std::string(mebibyte, 'a')));
  CHECK(eventually([&] { return box.node.peer.counters().cut_connections >= 4; }));
  CHECK(box.node.peer.counters().cut_connections <= 5);
  CHECK(box.goes_on());
}

TEST_CASE("above the bound of connections those are cut that never sent a frame") {
  transport_options options = peer_recorder::listening();
  options.connections = 10;
  options.handshake = std::chrono::minutes(1); // the silent ones are to be there until they are cut
  target box(options);
  std::list<zmtp_client> talking;
  for (int i = 0; i < 4; ++i) {
    talking.emplace_back(box.node.port());
    CHECK(talking.back().send(zmtp_frame("talking " + std::to_string(i))));
    REQUIRE(eventually([&] { return box.node.has("talking " + std::to_string(i)); }));
  }
  std::list<raw_client> silent;
  for (int i = 0; i < 200; ++i) silent.emplace_back(box.node.port());
  CHECK(eventually([&] { return box.node.peer.counters().cut_connections == 195; }));
  CHECK(silent.front().wait_for_end());
  CHECK(box.goes_on());
  CHECK(box.node.peer.counters().connections == 5);
  // Among those that sent something, the one that has been silent for longest.
  for (int i = 0; i < 6; ++i) {
    // Until its frame is there it is one of those that never sent any.
    const std::string said = "talking, too " + std::to_string(i);
    talking.emplace_back(box.node.port());
    CHECK(talking.back().send(zmtp_frame(said)));
    REQUIRE(eventually([&] { return box.node.has(said); }));
    CHECK(box.goes_on());
  }
  CHECK(talking.front().wait_for_end());
  CHECK(box.goes_on());
}

TEST_CASE("a peer cannot take the identity of another one") {
  target box;
  zmtp_client first(box.node.port(), "me");
  REQUIRE(first.send(zmtp_frame("first")));
  REQUIRE(eventually([&] { return box.node.has("first"); }));
  const uint64_t connection = box.node.sender_of("first");
  zmtp_client second(box.node.port(), "me");
  CHECK(second.send(zmtp_frame("second")));
  CHECK(first.send(zmtp_frame("first again")));
  CHECK(eventually([&] { return box.node.sender_of("first again") == connection; }));
  CHECK(box.goes_on());
  CHECK_FALSE(box.node.has("second"));
  { const zmtp_client gone = std::move(first); }
  CHECK(eventually([&] { return box.node.times_lost(connection) == 1; }));
  zmtp_client third(box.node.port(), "me");
  CHECK(third.send(zmtp_frame("third")));
  CHECK(eventually([&] { return box.node.has("third"); }));
  CHECK(box.node.sender_of("third") != connection);
  CHECK(box.goes_on());
}

TEST_CASE("a peer with an identity that is too long is cut at its first frame") {
  target box;
  zmtp_client odd(box.node.port(), std::string(100'000, 'x'));
  CHECK(odd.send(zmtp_frame("odd")));
  CHECK(odd.wait_for_end());
  CHECK_FALSE(box.node.has("odd"));
  CHECK(box.node.peer.counters().refused_frames == 1);
  zmtp_client longest(box.node.port(), std::string(255, 'x'));
  CHECK(longest.send(zmtp_frame("longest")));
  CHECK(eventually([&] { return box.node.has("longest"); }));
}

TEST_CASE("what peers say about themselves is bounded together with their messages") {
  transport_options options = peer_recorder::listening();
  options.held_bytes = 4 * mebibyte;
  target box(options);
  std::list<zmtp_client> talkative;
  for (int i = 0; i < 8; ++i) {
    talkative.emplace_back(box.node.port(), std::string("name ") + std::to_string(i), 0,
                           std::string(mebibyte, 'a'));
    // May fail: this one may be cut already.
    talkative.back().send(zmtp_frame("hello from " + std::to_string(i)));
  }
  CHECK(eventually([&] { return box.node.peer.counters().cut_connections >= 5; }));
  CHECK(box.goes_on());
  CHECK(box.node.peer.counters().cut_connections == 5);
}

TEST_CASE("peers that come, send and go at once are all lost again") {
  target box;
  for (int i = 0; i < 200; ++i) {
    zmtp_client brief(box.node.port());
    brief.send(zmtp_frame("brief " + std::to_string(i)));
  }
  CHECK(eventually([&] { return box.node.has("brief 199"); }));
  CHECK(eventually([&] { return box.node.peer.counters().connections == 1; }));
  for (int i = 0; i < 200; ++i) {
    const uint64_t connection = box.node.sender_of("brief " + std::to_string(i));
    CHECK(connection != 0);
    CHECK(box.node.times_lost(connection) == 1);
  }
  CHECK(box.goes_on());
}
