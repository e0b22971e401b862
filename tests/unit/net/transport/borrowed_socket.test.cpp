#include "net/transport/borrowed_socket.hpp"
#include "tests/unit/net/http/raw_client.hpp"
#include <doctest/doctest.h>

using treadmill::replication::borrowed_socket;
using treadmill::test::eventually;
using treadmill::test::raw_client;

namespace {

class listener {
public:
  listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_, 8) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
  }
  ~listener() { ::close(socket_); }
  int accept() const { return ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC); }

  uint16_t port = 0;

private:
  int socket_;
};

} // namespace

TEST_CASE("a connection knows what has been read from it, and what has not arrived") {
  const listener at;
  raw_client client(at.port);
  const int socket = at.accept();
  const borrowed_socket lent(socket);
  CHECK(client.send("hello"));
  char bytes[8];
  CHECK(::recv(socket, bytes, 3, 0) == 3);
  CHECK(lent.bytes_given() == 3);
  CHECK(::recv(socket, bytes, sizeof bytes, 0) == 2);
  CHECK(lent.bytes_given() == 5);
  CHECK(lent.bytes_unconfirmed() == 0);
  const std::string much(64 * 1024, 'a');
  while (::send(socket, much.data(), much.size(), MSG_DONTWAIT) > 0) {
  }
  CHECK(lent.bytes_unconfirmed() > 0);
  ::close(socket);
}

TEST_CASE("a connection that is ended still delivers what was written") {
  const listener at;
  raw_client client(at.port);
  const int socket = at.accept();
  const borrowed_socket lent(socket);
  CHECK(::send(socket, "goodbye", 7, 0) == 7);
  lent.end();
  char byte = 0;
  CHECK(::recv(socket, &byte, 1, 0) == 0);
  ::close(socket);
  CHECK(client.wait_for_end());
  CHECK(client.buffer() == "goodbye");
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("a connection that is cut is reset when its owner closes it") {
  const listener at;
  raw_client client(at.port);
  const int socket = at.accept();
  const borrowed_socket lent(socket);
  lent.cut();
  char byte = 0;
  CHECK(::recv(socket, &byte, 1, 0) == 0);
  ::close(socket);
  CHECK(eventually([&] { return !client.send("hello"); }));
}

TEST_CASE("a descriptor that has become something else is left alone") {
  const listener at;
  const raw_client client(at.port);
  const int socket = at.accept();
  const borrowed_socket lent(socket);
  raw_client other(at.port);
  const int other_socket = at.accept();
  REQUIRE(::dup2(other_socket, socket) == socket);
  lent.end();
  lent.cut();
  CHECK(::send(other_socket, "hello", 5, 0) == 5);
  CHECK(other.receive_until("hello"));
  ::close(socket);
  lent.cut();
  CHECK(lent.bytes_given() == 0);
  CHECK(::send(other_socket, "again", 5, 0) == 5);
  CHECK(other.receive_until("again"));
  ::close(other_socket);
  const borrowed_socket never(-1);
  CHECK(never.bytes_given() == 0);
  never.cut();
  CHECK(never.bytes_unconfirmed() == 0);
  borrowed_socket().cut();
}
