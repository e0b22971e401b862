#include "tests/actors/actor_world.hpp"
// The type ids come first.
#include "actors/defaults.hpp"
#include "actors/peer_wire.hpp"
#include <doctest/doctest.h>

namespace treadmill::test {
namespace {

/// A carrier that notes what it is asked.
struct noting_carrier {
  uint64_t last = 0;
  std::vector<uint64_t> hung_up{};
  std::vector<std::string> sent{};

  frame_carrier carrier() {
    return {[this](const std::string&) { return ++last; },
            [this](uint64_t connection) { hung_up.push_back(connection); },
            [this](uint64_t, std::string frame) {
              sent.push_back(std::move(frame));
              return true;
            }};
  }
};

peer_link_actor::behavior_type note_frames(peer_link_actor::pointer,
                                           std::vector<frame_received>* frames) {
  return {
      [](const activity_advanced&) { FAIL("the wire tells of frames alone"); },
      [=](const frame_received& came) { frames->push_back(came); },
      [](const connection_chosen&) { FAIL("the wire tells of frames alone"); },
      [](const others_linked&) { FAIL("the wire tells of frames alone"); },
      [](const disconnect_link&) { FAIL("the wire tells of frames alone"); },
      [](const documents_merged&) { FAIL("the wire tells of frames alone"); },
      [](const bucket_found&) { FAIL("the wire tells of frames alone"); },
      [](tick) { FAIL("the wire tells of frames alone"); },
  };
}

struct noted_news {
  std::vector<frame_received> frames{};
  std::vector<uint64_t> lost{};
  std::vector<uint64_t> made{};
};

zmq_gateway_actor::behavior_type note_news(zmq_gateway_actor::pointer, noted_news* news) {
  return {
      [](const add_peer&) { FAIL("the wire adds no peer"); },
      [](const remove_peer&) { FAIL("the wire removes no peer"); },
      [=](const frame_received& came) { news->frames.push_back(came); },
      [=](const connection_lost& which) { news->lost.push_back(which.connection); },
      [=](const connection_made& which) { news->made.push_back(which.connection); },
      [](const link_changed&) { FAIL("the wire is no link"); },
      [](const link_refused&) { FAIL("the wire is no link"); },
      [](const link_cut&) { FAIL("the wire is no link"); },
      [](const wait_over&) { FAIL("only the gateway waits"); },
      [](const probe_over&) { FAIL("only the gateway waits"); },
      [](tick) { FAIL("only the gateway ticks"); },
  };
}

struct wire_world : actor_world {
  wire_world() {
    link = system.spawn(note_frames, &frames);
    gateway = system.spawn(note_news, &news);
    wire.attach(gateway);
  }
  ~wire_world() {
    wire.detach();
    caf::anon_send_exit(link, caf::exit_reason::kill);
    caf::anon_send_exit(gateway, caf::exit_reason::kill);
    run();
  }

  noting_carrier carrier{};
  peer_wire wire{carrier.carrier()};
  std::vector<frame_received> frames{};
  noted_news news{};
  peer_link_actor link{};
  zmq_gateway_actor gateway{};
};

} // namespace

TEST_CASE("frames of a connection that is routed go to its link, all others to the gateway") {
  wire_world world;
  const uint64_t dialled = world.wire.dial("tcp://box2:1445");
  world.wire.received(dialled, "greeting");
  world.wire.received(99, "of a stranger");
  world.wire.route(dialled, world.link);
  world.wire.received(dialled, "more");
  world.wire.lost(dialled);
  world.wire.made(dialled);
  world.run();
  REQUIRE(world.news.frames.size() == 2);
  CHECK(world.news.frames[0].frame == "greeting");
  CHECK(world.news.frames[1].connection == 99);
  REQUIRE(world.frames.size() == 1);
  CHECK(world.frames[0].frame == "more");
  CHECK(world.frames[0].routed);
  CHECK(world.wire.heard(dialled) == 1);
  CHECK(world.wire.heard(99) == 0);
  CHECK(world.news.lost == std::vector<uint64_t>{dialled});
  CHECK(world.news.made == std::vector<uint64_t>{dialled});
  world.wire.unroute(dialled);
  world.wire.received(dialled, "again");
  world.run();
  CHECK(world.news.frames.size() == 3);
}

TEST_CASE("frames that wait are bounded for each connection, and what is over is dropped") {
  wire_world world;
  const size_t size = size_t{4} * 1024 * 1024;
  world.wire.route(1, world.link);
  for (int i = 0; i < 40; ++i) world.wire.received(1, std::string(size, 'x'));
  world.wire.received(2, "another connection's");
  world.run();
  CHECK(world.frames.size() == defaults::frames_waiting / (size + defaults::frame_overhead));
  CHECK(world.news.frames.size() == 1);
  const size_t before = world.frames.size();
  world.wire.handled(world.frames.front());
  world.wire.received(1, std::string(size, 'x'));
  world.wire.received(1, std::string(size, 'x'));
  world.run();
  CHECK(world.frames.size() == before + 1);
  // A frame that is larger than the bound comes through alone.
  world.wire.route(3, world.link);
  world.wire.received(3, std::string(defaults::frames_waiting + 1, 'x'));
  world.run();
  CHECK(world.frames.size() == before + 2);
}

TEST_CASE("so are those of connections that belong to nobody, all together") {
  wire_world world;
  const size_t size = size_t{4} * 1024 * 1024;
  for (uint64_t connection = 1; connection <= 40; ++connection)
    world.wire.received(connection, std::string(size, 'x'));
  world.run();
  const size_t most = defaults::frames_waiting / (size + defaults::frame_overhead);
  CHECK(world.news.frames.size() == most);
  for (const frame_received& came : world.news.frames) world.wire.handled(came);
  world.wire.received(1, "x");
  world.run();
  CHECK(world.news.frames.size() == most + 1);
}

TEST_CASE("a new gateway hangs up what the one before it had") {
  wire_world world;
  const uint64_t dialled = world.wire.dial("tcp://box2:1445");
  world.wire.route(50, world.link);
  world.wire.attach(world.gateway);
  CHECK(world.carrier.hung_up == std::vector<uint64_t>{dialled, 50});
  world.wire.received(50, "late");
  world.run();
  CHECK(world.frames.empty());
  CHECK(world.news.frames.size() == 1);
}

TEST_CASE("without a gateway what comes is dropped, and what goes goes") {
  wire_world world;
  world.wire.route(1, world.link);
  world.wire.detach();
  world.wire.received(1, "x");
  world.wire.lost(1);
  world.run();
  CHECK(world.frames.empty());
  CHECK(world.news.lost.empty());
  CHECK(world.wire.send(1, "goodbye"));
  CHECK(world.carrier.sent == std::vector<std::string>{"goodbye"});
}

} // namespace treadmill::test
