#pragma once
#include "storage/base/result.hpp"
#include <cstdint>
#include <string>
#include <string_view>

/// The addresses of peers: `tcp://HOST:PORT`, where HOST is a DNS name, an IPv4 address or an IPv6
/// address in brackets. All functions are pure: none looks up a name.
namespace treadmill {

/// The longest text of an address, in bytes.
inline constexpr size_t longest_zmq_uri = 255;

struct zmq_address {
  enum class kind : uint8_t { name, ipv4, ipv6, any };

  kind host_kind = kind::name;
  std::string host{}; ///< without brackets; "*": all addresses of this machine
  uint16_t port = 0;

  bool operator==(const zmq_address&) const = default;
};

/// The form that libzmq accepts, with brackets around IPv6.
std::string to_string(const zmq_address& address);

/// Parses an address to dial. Errors: bad_request with the problem in the text. It refuses other
/// transports, a missing port or port 0, user information, paths, spaces and control characters;
/// unspecified addresses (they identify no machine) and link-local ones (on every network they
/// belong to another machine, or to the metadata service of a cloud).
result<zmq_address> parse_zmq_uri(std::string_view uri);
result<void> check_zmq_uri(std::string_view uri);

/// Parses an address to listen on: also allows `*`, unspecified and link-local addresses, and port
/// 0, which selects a free port.
result<zmq_address> parse_zmq_listen(std::string_view uri);
result<void> check_zmq_listen(std::string_view uri);

/// Whether an IPv4 or IPv6 address, as text, cannot be dialled: unspecified or link-local,
/// including IPv4 mapped to IPv6. True for text that is not an address.
bool is_undialable(const std::string& address);

} // namespace treadmill
