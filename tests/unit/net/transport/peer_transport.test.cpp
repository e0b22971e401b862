#include "net/transport/peer_transport.hpp"
#include "tests/unit/net/transport/peer_recorder.hpp"
#include "tests/unit/net/transport/zmtp_client.hpp"
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <doctest/doctest.h>
#include <memory>
#include <thread>

using treadmill::ec;
using treadmill::replication::transport;
using treadmill::replication::transport_counters;
using treadmill::replication::transport_options;
using treadmill::test::eventually;
using treadmill::test::peer_recorder;
using treadmill::test::zmtp_client;
using treadmill::test::zmtp_frame;
using namespace std::chrono_literals;

#ifdef __SANITIZE_THREAD__
// libzmq is not instrumented: what it does to memory that it lends us looks like a race.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:libzmq.so\n"; }
#endif

namespace {

transport_options dialling() {
  transport_options options;
  options.reconnect_first = 10ms;
  options.reconnect_most = 50ms;
  return options;
}

transport_options listening_at(const std::string& endpoint) {
  transport_options options = peer_recorder::listening();
  options.listen = endpoint;
  return options;
}

// What is sent last is given the time that a slow machine needs.
transport_options patient(transport_options options) {
  options.linger = 10s;
  return options;
}

// An address at which nobody listens, until someone does.
std::string free_endpoint() { return peer_recorder().peer.endpoint(); }

} // namespace

TEST_CASE("frames go both ways over a connection that one side dialled") {
  peer_recorder box1;
  peer_recorder box2(dialling());
  const uint64_t to_box1 = box2.peer.dial(box1.peer.endpoint());
  REQUIRE(to_box1 != 0);
  REQUIRE(box2.reaches(to_box1, box1, "hello"));
  CHECK(box2.times_connected(to_box1) == 1);
  const uint64_t to_box2 = box1.sender_of("hello");
  CHECK(box1.reaches(to_box2, box2, "and back"));
  CHECK(box2.sender_of("and back") == to_box1);
  CHECK(box1.reaches(to_box2, box2, std::string("\0binary\xff", 8)));
  CHECK(box1.peer.send(to_box2, ""));
  CHECK(eventually([&] { return box2.has(""); }));
  const transport_counters counters = box1.peer.counters();
  CHECK(counters.connections == 1);
  CHECK(counters.frames_in >= 1);
  CHECK(counters.bytes_in == 5 * counters.frames_in);
  CHECK(counters.frames_out >= 3);
  CHECK(counters.refused_frames == 0);
}

TEST_CASE("two peers of a node are two connections") {
  peer_recorder box1;
  peer_recorder box2(dialling());
  peer_recorder box3(dialling());
  REQUIRE(box2.reaches(box2.peer.dial(box1.peer.endpoint()), box1, "two"));
  REQUIRE(box3.reaches(box3.peer.dial(box1.peer.endpoint()), box1, "three"));
  const uint64_t two = box1.sender_of("two");
  const uint64_t three = box1.sender_of("three");
  CHECK(two != three);
  CHECK(box1.reaches(two, box2, "for two"));
  CHECK(box1.reaches(three, box3, "for three"));
  CHECK_FALSE(box3.has("for two"));
  CHECK(box1.peer.counters().connections == 2);
}

TEST_CASE("a frame of a mebibyte arrives whole") {
  peer_recorder box1;
  peer_recorder box2(dialling());
  std::string large(1024 * 1024, ' ');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 >> 3);
  const uint64_t connection = box2.peer.dial(box1.peer.endpoint());
  REQUIRE(box2.reaches(connection, box1, "hello"));
  CHECK(box2.peer.send(connection, large));
  CHECK(eventually([&] { return box1.has(large); }));
}

TEST_CASE("ten thousand frames that are sent at once arrive in order, none missing") {
  peer_recorder box1;
  peer_recorder box2(dialling());
  const uint64_t connection = box2.peer.dial(box1.peer.endpoint());
  REQUIRE(eventually([&] { return box2.times_connected(connection) == 1; }));
  for (int i = 0; i < 10'000; ++i) REQUIRE(box2.peer.send(connection, std::to_string(i)));
  REQUIRE(eventually([&] { return box1.frame_count() == 10'000; }));
  const auto frames = box1.frames();
  bool in_order = true;
  for (int i = 0; i < 10'000; ++i)
    in_order = in_order && frames[static_cast<size_t>(i)].second == std::to_string(i);
  CHECK(in_order);
  CHECK(box2.peer.counters().dropped_frames == 0);
}

TEST_CASE("a peer that is down at first is reached when it comes up") {
  const std::string endpoint = free_endpoint();
  peer_recorder box2(dialling());
  const uint64_t connection = box2.peer.dial(endpoint);
  REQUIRE(box2.peer.send(connection, "too early"));
  REQUIRE(eventually([&] { return box2.peer.counters().dropped_frames == 1; }));
  peer_recorder box1(listening_at(endpoint));
  CHECK(box2.reaches(connection, box1, "hello"));
  // Nothing is kept for a peer that is not connected.
  CHECK_FALSE(box1.has("too early"));
  CHECK(box2.times_lost(connection) == 0);
}

TEST_CASE("a peer that dies is lost, and one that comes back is reached on the same connection") {
  auto box1 = std::make_unique<peer_recorder>();
  const std::string endpoint = box1->peer.endpoint();
  peer_recorder box2(dialling());
  const uint64_t connection = box2.peer.dial(endpoint);
  REQUIRE(box2.reaches(connection, *box1, "hello"));
  box1.reset();
  CHECK(eventually([&] { return box2.times_lost(connection) == 1; }));
  CHECK(eventually([&] { return box2.peer.counters().connections == 0; }));
  box1 = std::make_unique<peer_recorder>(listening_at(endpoint));
  CHECK(box2.reaches(connection, *box1, "hello again"));
  CHECK(box2.times_connected(connection) == 2);
  CHECK(box1->reaches(box1->sender_of("hello again"), box2, "welcome"));
  CHECK(box2.sender_of("welcome") == connection);
  CHECK(box2.times_lost(connection) == 1);
}

TEST_CASE("a peer that dialled and goes is lost, and comes back as another connection") {
  peer_recorder box1;
  auto box2 = std::make_unique<peer_recorder>(dialling());
  REQUIRE(box2->reaches(box2->peer.dial(box1.peer.endpoint()), box1, "hello"));
  const uint64_t connection = box1.sender_of("hello");
  box2.reset();
  CHECK(eventually([&] { return box1.times_lost(connection) == 1; }));
  CHECK_FALSE(box1.peer.send(connection, "anyone?"));
  CHECK(eventually([&] { return box1.peer.counters().connections == 0; }));
  box2 = std::make_unique<peer_recorder>(dialling());
  REQUIRE(box2->reaches(box2->peer.dial(box1.peer.endpoint()), box1, "hello again"));
  CHECK(box1.sender_of("hello again") != connection);
  CHECK(box1.times_lost(connection) == 1);
}

TEST_CASE("a frame for a connection that is not known is refused") {
  peer_recorder box1;
  CHECK_FALSE(box1.peer.send(0, "a"));
  CHECK_FALSE(box1.peer.send(1, "a"));
  CHECK(box1.peer.counters().dropped_frames == 2);
  const uint64_t connection = box1.peer.dial(free_endpoint());
  CHECK(box1.peer.send(connection, "a"));
  box1.peer.hang_up(connection);
  CHECK_FALSE(box1.peer.send(connection, "a"));
  box1.peer.hang_up(connection);
  box1.peer.hang_up(12345);
  CHECK(box1.peer.dial(free_endpoint()) > connection);
}

TEST_CASE("a frame that the peer would refuse for its size is not sent") {
  peer_recorder box1;
  transport_options options = dialling();
  options.message_bytes = 1000;
  peer_recorder box2(options);
  const uint64_t connection = box2.peer.dial(box1.peer.endpoint());
  REQUIRE(box2.reaches(connection, box1, "hello"));
  CHECK_FALSE(box2.peer.send(connection, std::string(1001, 'a')));
  CHECK(box2.peer.send(connection, std::string(1000, 'a')));
  CHECK(eventually([&] { return box1.has(std::string(1000, 'a')); }));
}

TEST_CASE("what is sent before a dialled connection is hung up arrives, and its peer loses it") {
  peer_recorder box1(patient(peer_recorder::listening()));
  peer_recorder box2(patient(dialling()));
  const uint64_t connection = box2.peer.dial(box1.peer.endpoint());
  REQUIRE(box2.reaches(connection, box1, "hello"));
  const std::string large(256 * 1024, 'a');
  CHECK(box2.peer.send(connection, large));
  CHECK(box2.peer.send(connection, "goodbye"));
  box2.peer.hang_up(connection);
  CHECK(eventually([&] { return box1.has("goodbye"); }));
  CHECK(box1.has(large));
  CHECK(eventually([&] { return box1.times_lost(box1.sender_of("hello")) == 1; }));
  CHECK(box2.peer.counters().connections == 0);
  CHECK(box2.times_lost(connection) == 0);
}

TEST_CASE("what is sent before an incoming connection is hung up arrives, and it is dialled anew") {
  peer_recorder box1(patient(peer_recorder::listening()));
  peer_recorder box2(patient(dialling()));
  const uint64_t connection = box2.peer.dial(box1.peer.endpoint());
  REQUIRE(box2.reaches(connection, box1, "hello"));
  const uint64_t incoming = box1.sender_of("hello");
  const std::string large(256 * 1024, 'a');
  CHECK(box1.peer.send(incoming, large));
  CHECK(box1.peer.send(incoming, "goodbye"));
  box1.peer.hang_up(incoming);
  CHECK_FALSE(box1.peer.send(incoming, "more"));
  CHECK(eventually([&] { return box2.has("goodbye"); }));
  CHECK(eventually([&] { return box2.times_lost(connection) == 1; }));
  CHECK(box2.reaches(connection, box1, "hello again"));
  CHECK(box1.sender_of("hello again") != incoming);
  CHECK(box1.times_lost(incoming) == 0);
}

TEST_CASE("what is sent before a node stops arrives") {
  peer_recorder box1(patient(peer_recorder::listening()));
  auto box2 = std::make_unique<peer_recorder>(patient(dialling()));
  const uint64_t connection = box2->peer.dial(box1.peer.endpoint());
  REQUIRE(box2->reaches(connection, box1, "hello"));
  for (int i = 0; i < 100; ++i) box2->peer.send(connection, std::string(10'000, 'a'));
  box2->peer.send(connection, "goodbye");
  box2->peer.stop();
  CHECK_FALSE(box2->peer.send(connection, "more"));
  CHECK(box2->peer.dial(box1.peer.endpoint()) == 0);
  CHECK(eventually([&] { return box1.has("goodbye"); }));
}

TEST_CASE("a node that stops does not wait for a peer that takes nothing") {
  peer_recorder box1;
  zmtp_client silent(box1.port(), "", 4096);
  REQUIRE(silent.send(zmtp_frame("hello")));
  REQUIRE(eventually([&] { return box1.has("hello"); }));
  for (int i = 0; i < 100; ++i) box1.peer.send(box1.sender_of("hello"), std::string(100'000, 'a'));
  const auto begin = std::chrono::steady_clock::now();
  box1.peer.stop();
  CHECK(std::chrono::steady_clock::now() - begin < 3s);
}

TEST_CASE("a port that a node listens on is not given to a second one") {
  peer_recorder box1;
  transport second(listening_at(box1.peer.endpoint()), {.received = {}, .lost = {}});
  const auto started = second.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == ec::io_error);
  CHECK(started.error().reason ==
        "cannot listen on " + box1.peer.endpoint() + ": the address is already in use");
  CHECK(second.endpoint().empty());
  CHECK_FALSE(transport(listening_at("tcp://*:" + std::to_string(box1.port())), {}).start());
}

TEST_CASE("an address that cannot be listened on is refused with the reason") {
  const auto why = [](const std::string& address) {
    transport_options options = listening_at(address);
    options.look_up = [](const std::string&) { return std::vector<std::string>{}; };
    const auto started = transport(options, {}).start();
    return started ? "" : started.error().reason;
  };
  CHECK(why("tcp://192.0.2.1:0") ==
        "cannot listen on tcp://192.0.2.1:0: the address is none of this machine's");
  CHECK(why("tcp://nowhere.invalid:0") ==
        "cannot listen on tcp://nowhere.invalid:0: the name has no address");
  CHECK(why("ipc:///tmp/a") == "the address is not tcp://HOST:PORT");
}

TEST_CASE("a node listens on all addresses, on IPv6 and on a name") {
  const auto reached = [](const std::string& listen, const std::string& host) {
    peer_recorder box1(listening_at(listen));
    CHECK(box1.peer.endpoint().starts_with(listen.substr(0, listen.size() - 1)));
    CHECK(box1.port() != 0);
    peer_recorder box2(dialling());
    return box2.reaches(box2.peer.dial("tcp://" + host + ":" + std::to_string(box1.port())), box1,
                        "hello");
  };
  CHECK(reached("tcp://*:0", "127.0.0.1"));
  CHECK(reached("tcp://0.0.0.0:0", "127.0.0.1"));
  CHECK(reached("tcp://localhost:0", "localhost"));
  const int socket = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  const bool has_ipv6 =
      ::bind(socket, reinterpret_cast<sockaddr*>(&loopback), sizeof loopback) == 0;
  ::close(socket);
  if (!has_ipv6) return;
  CHECK(reached("tcp://[::1]:0", "[::1]"));
  CHECK(reached("tcp://*:0", "[::1]"));
  CHECK(reached("tcp://[::]:0", "127.0.0.1"));
}

TEST_CASE("an address that is none is not dialled") {
  peer_recorder box1;
  for (const char* uri : {"", "tcp://", "box1:1445", "ipc:///tmp/a", "tcp://0.0.0.0:1445"})
    CHECK(box1.peer.dial(uri) == 0);
}

TEST_CASE("a name with several addresses is reached at the one that works") {
  peer_recorder box1;
  transport_options options = dialling();
  options.look_up = [](const std::string&) {
    return std::vector<std::string>{"127.0.0.3", "127.0.0.2", "127.0.0.1"};
  };
  peer_recorder box2(options);
  const uint64_t connection = box2.peer.dial("tcp://box1.test:" + std::to_string(box1.port()));
  CHECK(box2.reaches(connection, box1, "hello"));
}

TEST_CASE("a name that is not known at first, or moves to another address, is reached") {
  struct name_server {
    std::mutex mutex;
    std::vector<std::string> addresses;
  };
  const auto server = std::make_shared<name_server>(); // a lookup may outlive this test
  transport_options options = dialling();
  options.look_up = [server](const std::string& name) {
    const std::scoped_lock lock(server->mutex);
    return name == "box1.test" ? server->addresses : std::vector<std::string>{};
  };
  const auto now_at = [&](const std::string& address) {
    const std::scoped_lock lock(server->mutex);
    server->addresses = {address};
  };
  auto box1 = std::make_unique<peer_recorder>();
  const std::string port = std::to_string(box1->port());
  peer_recorder box2(options);
  const uint64_t connection = box2.peer.dial("tcp://box1.test:" + port);
  box2.peer.send(connection, "too early");
  REQUIRE(eventually([&] { return box2.peer.counters().dropped_frames == 1; }));
  now_at("127.0.0.1");
  REQUIRE(box2.reaches(connection, *box1, "hello"));
  box1 = std::make_unique<peer_recorder>(listening_at("tcp://127.0.0.2:" + port));
  now_at("127.0.0.2");
  CHECK(box2.reaches(connection, *box1, "hello again"));
  CHECK(box2.times_lost(connection) == 1);
}

TEST_CASE("a name that takes long to look up holds nothing up") {
  struct name_server {
    std::atomic<bool> is_over{false};
    std::atomic<bool> has_begun{false};
  };
  const auto slow = std::make_shared<name_server>(); // a lookup may outlive this test
  peer_recorder box1;
  transport_options options = dialling();
  options.look_up = [slow](const std::string&) {
    slow->has_begun = true;
    while (!slow->is_over) std::this_thread::sleep_for(1ms);
    return std::vector<std::string>{};
  };
  auto box2 = std::make_unique<peer_recorder>(options);
  box2->peer.dial("tcp://slow.test:1445");
  REQUIRE(eventually([&] { return slow->has_begun.load(); }));
  CHECK(box2->reaches(box2->peer.dial(box1.peer.endpoint()), box1, "hello"));
  box2.reset(); // does not wait for it either
  slow->is_over = true;
}

TEST_CASE("a frame and its answer take less than a millisecond: nothing waits for a poll") {
  peer_recorder box1(peer_recorder::listening(), true);
  std::mutex mutex;
  std::condition_variable came;
  size_t count = 0;
  transport box2(dialling(), {.received =
                                  [&](uint64_t, const std::string&) {
                                    const std::scoped_lock lock(mutex);
                                    ++count;
                                    came.notify_one();
                                  },
                              .lost = [](uint64_t) {}});
  REQUIRE(box2.start());
  const uint64_t connection = box2.dial(box1.peer.endpoint());
  REQUIRE(eventually([&] {
    box2.send(connection, "hello");
    const std::scoped_lock lock(mutex);
    return count > 0;
  }));
  std::vector<std::chrono::nanoseconds> times;
  for (int i = 0; i < 500; ++i) {
    std::unique_lock lock(mutex);
    const size_t before = count;
    const auto begin = std::chrono::steady_clock::now();
    box2.send(connection, "ping");
    REQUIRE(came.wait_for(lock, 20s, [&] { return count > before; }));
    times.push_back(std::chrono::steady_clock::now() - begin);
  }
  std::sort(times.begin(), times.end());
  MESSAGE("round trip p50 " << times[250].count() / 1000 << " us, p99 " << times[495].count() / 1000
                            << " us");
#ifndef __SANITIZE_THREAD__
  CHECK(times[250] < 1ms);
#endif
}

TEST_CASE("a peer that sends without end does not keep another from being heard") {
  peer_recorder box1;
  peer_recorder loud(dialling());
  peer_recorder quiet(dialling());
  const uint64_t from_loud = loud.peer.dial(box1.peer.endpoint());
  const uint64_t from_quiet = quiet.peer.dial(box1.peer.endpoint());
  REQUIRE(loud.reaches(from_loud, box1, "loud"));
  REQUIRE(quiet.reaches(from_quiet, box1, "quiet"));
  std::atomic<bool> is_over{false};
  std::thread talker([&] {
    const std::string noise(1000, 'a');
    while (!is_over)
      if (!loud.peer.send(from_loud, noise)) std::this_thread::sleep_for(1ms);
  });
  const size_t before = box1.frame_count();
  for (int i = 0; i < 20; ++i) {
    const std::string word = "word " + std::to_string(i);
    CHECK(quiet.peer.send(from_quiet, word));
    CHECK(eventually([&] { return box1.has(word); }));
  }
  CHECK(box1.frame_count() > before + 100);
  is_over = true;
  talker.join();
}

TEST_CASE("a node can be stopped while other threads use it") {
  for (int round = 0; round < 5; ++round) {
    peer_recorder box1(peer_recorder::listening(), true);
    auto box2 = std::make_unique<peer_recorder>(dialling(), true);
    const uint64_t connection = box2->peer.dial(box1.peer.endpoint());
    REQUIRE(box2->reaches(connection, box1, "hello"));
    std::atomic<bool> is_over{false};
    std::vector<std::thread> users;
    for (int i = 0; i < 3; ++i)
      users.emplace_back([&] {
        while (!is_over) {
          box2->peer.send(connection, std::string(100, 'a'));
          box2->peer.hang_up(box2->peer.dial(box1.peer.endpoint()));
          box2->peer.counters();
          std::this_thread::yield();
        }
      });
    REQUIRE(eventually([&] { return box1.frame_count() > 50; }));
    box2->peer.stop();
    is_over = true;
    for (std::thread& user : users) user.join();
    box2.reset();
  }
}

TEST_CASE("the transport's thread takes no signals") {
  std::atomic<int> blocked{-1};
  transport box1(peer_recorder::listening(), {.received =
                                                  [&](uint64_t, const std::string&) {
                                                    sigset_t now{};
                                                    ::pthread_sigmask(SIG_BLOCK, nullptr, &now);
                                                    blocked = ::sigismember(&now, SIGTERM) &
                                                              ::sigismember(&now, SIGINT);
                                                  },
                                              .lost = [](uint64_t) {}});
  REQUIRE(box1.start());
  peer_recorder box2(dialling());
  const uint64_t connection = box2.peer.dial(box1.endpoint());
  CHECK(eventually([&] {
    box2.peer.send(connection, "hello");
    return blocked == 1;
  }));
  sigset_t now{};
  ::pthread_sigmask(SIG_BLOCK, nullptr, &now);
  CHECK(::sigismember(&now, SIGTERM) == 0);
}
