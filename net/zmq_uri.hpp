#pragma once
#include "storage/result.hpp"
#include <cstdint>
#include <string>
#include <string_view>

/// The addresses of peers: `tcp://HOST:PORT`, where HOST is a DNS name, an IPv4 address or an IPv6
/// address in brackets. All of it is pure: no name is looked up.
namespace treadmill::replication {

/// The longest text of an address, in bytes.
inline constexpr size_t longest_zmq_uri = 255;

struct zmq_address {
  enum class kind : uint8_t { name, ipv4, ipv6, any };

  kind host_kind = kind::name;
  std::string host{}; ///< without brackets; "*": every address of this machine
  uint16_t port = 0;

  bool operator==(const zmq_address&) const = default;
};

/// As libzmq takes it, with the brackets of IPv6.
std::string to_string(const zmq_address& address);

/// Where a peer can be dialled. Errors: bad_request with what is wrong with the text. It refuses
/// other transports, a missing port or one that is 0, user information, paths, spaces and control
/// characters; unspecified addresses (they name no machine) and link-local ones (they are another
/// machine's on every network, and that of the cloud's own service).
result<zmq_address> parse_zmq_uri(std::string_view uri);
result<void> check_zmq_uri(std::string_view uri);

/// Where a node listens: besides the above `*`, unspecified and link-local addresses, and port 0,
/// which takes a free one.
result<zmq_address> parse_zmq_listen(std::string_view uri);
result<void> check_zmq_listen(std::string_view uri);

/// Whether an IPv4 or IPv6 address, as text, is one that no peer can be dialled at: unspecified or
/// link-local, also where IPv6 carries IPv4. True for what is no address.
bool is_undialable(const std::string& address);

} // namespace treadmill::replication
