#include "net/node/zmq_uri.hpp"
#include "tests/unit/net/http/reason_form.hpp"
#include <doctest/doctest.h>

namespace treadmill::replication {

namespace {

void check_refused(std::string_view uri) {
  CAPTURE(uri);
  const auto checked = check_zmq_uri(uri);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().code == ec::bad_request);
  CHECK(treadmill::tests::is_phrase(checked.error().reason));
}

} // namespace

TEST_CASE("the address of a peer is tcp://host:port with a name, IPv4 or IPv6 in brackets") {
  using kind = zmq_address::kind;
  const auto is = [](std::string_view uri, kind host_kind, std::string_view host, uint16_t port) {
    const auto address = parse_zmq_uri(uri);
    return address && *address == zmq_address{host_kind, std::string(host), port} &&
           to_string(*address) == uri && check_zmq_uri(uri);
  };
  CHECK(is("tcp://box1:1445", kind::name, "box1", 1445));
  CHECK(is("tcp://box1.example.com:1", kind::name, "box1.example.com", 1));
  CHECK(is("tcp://project_box-1_1:65535", kind::name, "project_box-1_1", 65535));
  CHECK(is("tcp://1box.2and3:1445", kind::name, "1box.2and3", 1445));
  CHECK(is("tcp://localhost:1445", kind::name, "localhost", 1445));
  CHECK(is("tcp://192.0.2.7:1445", kind::ipv4, "192.0.2.7", 1445));
  CHECK(is("tcp://127.0.0.1:1445", kind::ipv4, "127.0.0.1", 1445));
  CHECK(is("tcp://[::1]:1445", kind::ipv6, "::1", 1445));
  CHECK(is("tcp://[2001:db8::a]:1445", kind::ipv6, "2001:db8::a", 1445));
  CHECK(is("tcp://[::ffff:192.0.2.7]:1445", kind::ipv6, "::ffff:192.0.2.7", 1445));
  CHECK(is("tcp://" + std::string(63, 'a') + ":1445", kind::name, std::string(63, 'a'), 1445));
}

// Whole, because it is a table.
TEST_CASE("what is no address of a peer is refused") {
  using namespace std::string_literals;
  for (const std::string& uri : {
           ""s,
           "box1"s,
           "box1:1445"s,
           "tcp:box1:1445"s,
           "tcp:/box1:1445"s,
           "TCP://box1:1445"s,
           "tcp://"s,
           "tcp://:1445"s,
           "tcp://:"s,
           "http://box1:1445"s,
           "udp://box1:1445"s,
           "ipc:///tmp/box1"s,
           "ipc://box1:1445"s,
           "inproc://box1:1445"s,
           "pgm://eth0;224.0.0.1:1"s,
           "tcp://box1"s,
           "tcp://box1:"s,
           "tcp://box1:0"s,
           "tcp://box1:65536"s,
           "tcp://box1:99999999999999999999"s,
           "tcp://box1:-1"s,
           "tcp://box1:+1"s,
           "tcp://box1:01445"s,
           "tcp://box1:0x5a5"s,
           "tcp://box1:1445a"s,
           "tcp://box1:*"s,
           "tcp://box1:1445/"s,
           "tcp://box1:1445/path"s,
           "tcp://box1/:1445"s,
           "tcp://box1:1445?a=b"s,
           "tcp://box1:1445#a"s,
           "tcp://eth0;box1:1445"s,
           "tcp://user@box1:1445"s,
           "tcp://user:secret@box1:1445"s,
           "tcp://box1:1444:1445"s,
           " tcp://box1:1445"s,
           "tcp://box1:1445 "s,
           "tcp://box 1:1445"s,
           "tcp://box1:1445\n"s,
           "tcp://bo\tx1:1445"s,
           "tcp://box1:14\0005"s,
           "tcp://b\x7fx:1445"s,
           "tcp://b\xc3\xbcx:1"s,
           "tcp://-box1:1445"s,
           "tcp://box1-:1445"s,
           "tcp://box..1a:1445"s,
           "tcp://.box1:1445"s,
           "tcp://box1.:1445"s,
           "tcp://b%31:1445"s,
           "tcp://box1,box2:1445"s,
           "tcp://b\\x:1445"s,
           "tcp://1.2.3:1445"s,
           "tcp://1.2.3.4.5:1445"s,
           "tcp://256.1.1.1:1445"s,
           "tcp://127.1:1445"s,
           "tcp://2130706433:1445"s,
           "tcp://0x7f000001:1445"s,
           "tcp://0177.0.0.1:1445"s,
           "tcp://box1.0x7f:1445"s,
           "tcp://::1:1445"s,
           "tcp://[::1:1445"s,
           "tcp://::1]:1445"s,
           "tcp://[]:1445"s,
           "tcp://[::1]"s,
           "tcp://[::1]1445"s,
           "tcp://[::g]:1445"s,
           "tcp://[127.0.0.1]:1445"s,
           "tcp://[box1]:1445"s,
           "tcp://[2001:db8::1%25eth0]:1445"s,
       })
    check_refused(uri);
  check_refused("tcp://" + std::string(64, 'a') + ":1445");
  std::string longest = "tcp://";
  while (longest.size() < 249) longest += "a.";
  longest.resize(249);
  longest.back() = 'a';
  CHECK(check_zmq_uri(longest + ":65535"));
  check_refused(longest + "a:65535");
}

TEST_CASE("an address at which no machine can be reached, or another one everywhere, is refused") {
  for (const char* uri :
       {"tcp://*:1445", "tcp://0.0.0.0:1445", "tcp://0.1.2.3:1445", "tcp://[::]:1445",
        "tcp://[0:0:0:0:0:0:0:0]:1445", "tcp://[::ffff:0.0.0.0]:1445", "tcp://169.254.0.1:1445",
        "tcp://169.254.169.254:80", "tcp://[::ffff:169.254.169.254]:80",
        "tcp://[::ffff:a9fe:a9fe]:80", "tcp://[fe80::1]:1445", "tcp://[febf::1]:1445",
        "tcp://[fe80::1%eth0]:1445"})
    check_refused(uri);
  CHECK(check_zmq_uri("tcp://169.253.0.1:1445"));
  CHECK(check_zmq_uri("tcp://[fec0::1]:1445"));
  CHECK(check_zmq_uri("tcp://[fd00::1]:1445"));
}

TEST_CASE("a node listens also on all addresses, and on a free port") {
  for (const char* uri : {"tcp://*:1445", "tcp://*:0", "tcp://0.0.0.0:1445", "tcp://[::]:0",
                          "tcp://box1:1445", "tcp://127.0.0.1:0", "tcp://169.254.0.1:1445"})
    CHECK(check_zmq_listen(uri));
  CHECK(parse_zmq_listen("tcp://*:0")->host_kind == zmq_address::kind::any);
  for (const char* uri : {"", "tcp://*", "tcp://:0", "tcp://*:*", "ipc:///tmp/a", "tcp://**:1"})
    CHECK_FALSE(check_zmq_listen(uri));
}

TEST_CASE("addresses that names may not stand for are known in every form") {
  for (const char* address : {"0.0.0.0", "169.254.169.254", "::", "fe80::1", "::ffff:169.254.1.1",
                              "", "box1", "1.2.3", "fe80::1%eth0"})
    CHECK(is_undialable(address));
  for (const char* address : {"127.0.0.1", "10.0.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.1"})
    CHECK_FALSE(is_undialable(address));
}

} // namespace treadmill::replication
