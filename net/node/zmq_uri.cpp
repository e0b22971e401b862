#include "net/node/zmq_uri.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <optional>

namespace treadmill {

namespace {

constexpr std::string_view scheme = "tcp://";
constexpr size_t longest_name = 253;
constexpr size_t longest_label = 63;

using kind = zmq_address::kind;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_graphic(char c) { return c > ' ' && c < 0x7f; }

// Underscores are not valid in host names, but names of containers have them.
bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= longest_label && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return is_digit(c) || is_letter(c) || c == '-' || c == '_';
         });
}

// Resolvers read 127.1, 2130706433 and 0x7f000001 as IPv4 addresses. If the last label were a
// number, a text would be a name here and an address there.
bool is_number(std::string_view label) {
  const bool is_hexadecimal =
      label.size() >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');
  return is_hexadecimal || std::all_of(label.begin(), label.end(), is_digit);
}

bool is_name(std::string_view host) {
  if (host.empty() || host.size() > longest_name) return false;
  for (;;) {
    const size_t dot = host.find('.');
    const std::string_view label = host.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) return !is_number(label);
    host.remove_prefix(dot + 1);
  }
}

using ipv6_bytes = std::array<uint8_t, 16>;
constexpr ipv6_bytes mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// The bytes of an address of either family; IPv4 is mapped to IPv6.
std::optional<ipv6_bytes> bytes_of(const std::string& address) {
  ipv6_bytes bytes{};
  if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return bytes;
  bytes = mapped_prefix;
  if (::inet_pton(AF_INET, address.c_str(), bytes.data() + 12) == 1) return bytes;
  return std::nullopt;
}

bool is_undialable(const ipv6_bytes& bytes) {
  if (bytes == ipv6_bytes{}) return true;
  if (std::equal(bytes.begin(), bytes.begin() + 12, mapped_prefix.begin()))
    return bytes[12] == 0 || (bytes[12] == 169 && bytes[13] == 254);
  return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

result<void> read_host(std::string_view text, zmq_address& to) {
  if (text.empty()) return fail(ec::bad_request, "the address has no host");
  if (text.front() == '[') {
    if (text.size() < 3 || text.back() != ']')
      return fail(ec::bad_request, "the address has a bracket too many or too few");
    to.host = text.substr(1, text.size() - 2);
    to.host_kind = kind::ipv6;
    ipv6_bytes bytes{};
    if (::inet_pton(AF_INET6, to.host.c_str(), bytes.data()) != 1)
      return fail(ec::bad_request, "the text in brackets is not an IPv6 address");
    return {};
  }
  to.host = text;
  if (text == "*") {
    to.host_kind = kind::any;
    return {};
  }
  in_addr ipv4{};
  if (::inet_pton(AF_INET, to.host.c_str(), &ipv4) == 1) {
    to.host_kind = kind::ipv4;
    return {};
  }
  if (text.find(':') != std::string_view::npos)
    return fail(ec::bad_request, "an IPv6 address stands in brackets: tcp://[HOST]:PORT");
  if (!is_name(text))
    return fail(ec::bad_request, "the host is neither a name nor an IPv4 nor an IPv6 address");
  to.host_kind = kind::name;
  return {};
}

result<void> read_port(std::string_view text, zmq_address& to) {
  const auto end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, to.port);
  if (problem != std::errc{} || stop != end || (text.size() > 1 && text.front() == '0'))
    return fail(ec::bad_request, "the port is no number from 1 to 65535");
  return {};
}

result<zmq_address> parse(std::string_view uri) {
  if (uri.size() > longest_zmq_uri)
    return fail(ec::bad_request,
                "the address is longer than " + std::to_string(longest_zmq_uri) + " bytes");
  if (!std::all_of(uri.begin(), uri.end(), is_graphic))
    return fail(ec::bad_request,
                "the address has a space, a control character or one that is not ASCII");
  if (!uri.starts_with(scheme)) return fail(ec::bad_request, "the address is not tcp://HOST:PORT");
  uri.remove_prefix(scheme.size());
  if (uri.find('@') != std::string_view::npos)
    return fail(ec::bad_request, "the address has a user name, where none is taken");
  if (uri.find_first_of("/?#;") != std::string_view::npos)
    return fail(ec::bad_request, "the address goes on after its port, where nothing is taken");
  const size_t colon = uri.rfind(':');
  // The last colon of [::1] belongs to the address.
  if (colon == std::string_view::npos || uri.back() == ']')
    return fail(ec::bad_request, "the address has no port");
  zmq_address address;
  if (auto port = read_port(uri.substr(colon + 1), address); !port)
    return tl::unexpected<error>(std::move(port.error()));
  if (auto host = read_host(uri.substr(0, colon), address); !host)
    return tl::unexpected<error>(std::move(host.error()));
  return address;
}

} // namespace

std::string to_string(const zmq_address& address) {
  const bool bracketed = address.host_kind == kind::ipv6;
  return std::string(scheme) + (bracketed ? "[" + address.host + "]" : address.host) + ":" +
         std::to_string(address.port);
}

result<zmq_address> parse_zmq_uri(std::string_view uri) {
  auto address = parse(uri);
  if (!address) return address;
  if (address->port == 0) return fail(ec::bad_request, "the port is no number from 1 to 65535");
  if (address->host_kind == kind::any)
    return fail(ec::bad_request, "the address names no machine: * is for listening");
  if (address->host_kind != kind::name && is_undialable(address->host))
    return fail(ec::bad_request,
                "the address is unspecified or link-local: no peer can be reached there");
  return address;
}

result<zmq_address> parse_zmq_listen(std::string_view uri) { return parse(uri); }

result<void> check_zmq_uri(std::string_view uri) {
  return parse_zmq_uri(uri).map([](const zmq_address&) {});
}

result<void> check_zmq_listen(std::string_view uri) {
  return parse_zmq_listen(uri).map([](const zmq_address&) {});
}

bool is_undialable(const std::string& address) {
  const auto bytes = bytes_of(address);
  return !bytes || is_undialable(*bytes);
}

} // namespace treadmill
