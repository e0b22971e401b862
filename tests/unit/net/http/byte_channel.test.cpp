#include "net/http/byte_channel.hpp"
#include "tests/unit/net/http/raw_client.hpp"
#include <array>
#include <doctest/doctest.h>
#include <string>

using treadmill::http::byte_channel;
using treadmill::test::eventually;
using treadmill::test::raw_client;
using outcome = byte_channel::outcome;

namespace {

// A channel and the client at its other end.
struct pair {
  explicit pair(int receive_buffer = 0) : client(listening(), receive_buffer) {
    channel.open(::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC));
    REQUIRE(channel.socket() >= 0);
  }
  ~pair() { ::close(socket_); }

  uint16_t listening() {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_, 1) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return ntohs(address.sin_port);
  }

  // Reads when something is there.
  byte_channel::transfer read(char* to, size_t room) {
    byte_channel::transfer got;
    CHECK(eventually([&] { return (got = channel.read(to, room)).what != outcome::again; }));
    return got;
  }

  int socket_ = -1;
  raw_client client;
  byte_channel channel;
};

} // namespace

TEST_CASE("a channel reads what the client sent, and says when nothing is left") {
  pair both;
  std::array<char, 8> room{};
  CHECK(both.channel.read(room.data(), room.size()).what == outcome::again);
  REQUIRE(both.client.send("0123456789"));
  CHECK(eventually([&] { return both.channel.look_at_peer() == byte_channel::peer::open; }));
  auto got = both.read(room.data(), room.size());
  REQUIRE(got.what == outcome::done);
  CHECK(got.bytes == 8);
  CHECK(!got.drained); // it filled the room
  got = both.read(room.data(), room.size());
  CHECK(got.bytes == 2);
  CHECK(got.drained);
  both.client.end_output();
  CHECK(both.read(room.data(), room.size()).what == outcome::ended);
  CHECK(both.channel.look_at_peer() == byte_channel::peer::ended);
}

TEST_CASE("a channel writes both parts in order, and ends its output") {
  pair both;
  const auto put = both.channel.write("head ", "body");
  CHECK(put.what == outcome::done);
  CHECK(put.bytes == 9);
  CHECK(both.channel.write("", " more").bytes == 5);
  CHECK(both.channel.write(" end", "").bytes == 4);
  both.channel.end_output();
  CHECK(both.client.wait_for_end());
  CHECK(both.client.buffer() == "head body more end");
  CHECK(!both.client.was_reset());
}

TEST_CASE("a channel whose client takes nothing knows how much is untaken") {
  pair both(4096);
  CHECK(both.channel.untaken() == 0u);
  const std::string much(1 << 20, 'x');
  CHECK(eventually([&] { return both.channel.write(much, {}).what == outcome::again; }));
  const auto before = both.channel.untaken();
  REQUIRE(before);
  CHECK(*before > 0);
  CHECK(eventually([&] {
    both.client.receive();
    return both.channel.untaken() < before;
  }));
}

TEST_CASE("a reset is no end, and a channel whose client is gone fails") {
  pair first;
  first.channel.write("part", {});
  first.channel.reset_at_close();
  first.channel.close();
  CHECK(first.channel.socket() == -1);
  CHECK(first.client.wait_for_end());
  CHECK(first.client.was_reset());

  pair second;
  {
    const raw_client gone = std::move(second.client);
    second.channel.write("unread", {});
  }
  CHECK(eventually([&] { return second.channel.look_at_peer() == byte_channel::peer::gone; }));
  CHECK(eventually([&] { return second.channel.write("x", {}).what == outcome::failed; }));
}

TEST_CASE("a channel knows the client's address without the port") {
  const pair both;
  CHECK(both.channel.peer_address() == "127.0.0.1");
  CHECK(byte_channel().peer_address().empty());
}
