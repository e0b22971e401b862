#pragma once
#include "net/transport/host_resolver.hpp"
#include "net/transport/peer_intake.hpp"
#include "net/transport/zmq_sockets.hpp"
#include "storage/base/back_off.hpp"
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace treadmill::replication {

/// The peers that this node dials: one DEALER socket each, which libzmq reconnects again and again.
/// A frame to a peer that is not connected is dropped, not queued (ZMQ_IMMEDIATE).
///
/// host_resolver looks up host names on its own thread. After a failed attempt the class looks the
/// name up again and tries the next address, with pauses that double. So it finds a machine that
/// returns with another address, and reaches a machine with several addresses at one that works.
///
/// **Thread**: the transport's.
class dialled_peers {
public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit dialled_peers(transport_context& context);

  void add_poll_items(std::vector<zmq_pollitem_t>& items);
  /// Returns true once after sockets were made or closed: the caller has to rebuild the poll items.
  bool take_changed() { return std::exchange(is_changed_, false); }
  /// Reads all events and a bounded number of frames. `items`: the result of the last poll.
  void read(const std::vector<zmq_pollitem_t>& items);

  void dial(uint64_t connection, zmq_address to);
  void resolved(uint64_t connection, const std::vector<std::string>& addresses);
  bool has(uint64_t connection) const { return peers_.count(connection) > 0; }
  /// Returns false and drops the frame if the peer is not connected.
  bool send(uint64_t connection, std::unique_ptr<waiting_frame> frame);
  void hang_up(uint64_t connection);

  /// try_again starts all attempts that are due; next_try says when the next one is.
  void try_again();
  std::optional<time_point> next_try() const;

  void add_intakes(std::vector<peer_intake*>& to);
  bool has_intakes() const;
  size_t count() const; ///< of connected peers

private:
  struct peer {
    explicit peer(back_off<std::chrono::milliseconds> between) : pause(between) {}
    zmq_address to{};
    std::unique_ptr<peer_socket> socket{};
    std::string endpoint{};                    ///< the endpoint that the socket dials
    std::optional<peer_intake> intake{};       ///< of its TCP connection, while one exists
    bool is_connected = false;                 ///< both sides have greeted
    bool is_asking = false;                    ///< waits for the addresses of a host name
    size_t turn = 0;                           ///< index of the address to try
    back_off<std::chrono::milliseconds> pause; ///< until the next attempt
    time_point next{};
    bool is_due = false; ///< try again at `next`, regardless of libzmq's own attempts
  };

  void connect(peer& to, const zmq_address& address);
  void close(peer& of);
  void ask(uint64_t connection, peer& of);
  void try_later(peer& of);
  void read_events(uint64_t connection, peer& from);
  bool read_message(uint64_t connection, peer& from, turn& done);
  void on_disconnected(uint64_t connection, peer& from);

  transport_context& context_;
  std::map<uint64_t, peer> peers_{};
  std::vector<uint64_t> polled_{};
  size_t poll_index_ = 0;
  bool is_changed_ = false;
  uint64_t sockets_made_ = 0;
  std::minstd_rand random_;
  zmq::message_t frame_{};
  host_resolver resolver_;
};

} // namespace treadmill::replication
