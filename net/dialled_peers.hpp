#pragma once
#include "net/host_resolver.hpp"
#include "net/peer_intake.hpp"
#include "net/zmq_sockets.hpp"
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace treadmill::replication {

/// The peers that this node dials: a DEALER socket each, which libzmq connects again and again. A
/// frame to one that is not connected is dropped, not kept (ZMQ_IMMEDIATE).
///
/// Names are looked up beside it (host_resolver.hpp). An attempt that fails asks for the addresses
/// again and goes on with the next of them, with pauses that double: a machine that comes back
/// with another address is found, and one that has several is reached at the one that works.
///
/// **Thread**: the transport's.
class dialled_peers {
public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit dialled_peers(transport_context& context);

  void add_poll_items(std::vector<zmq_pollitem_t>& items);
  /// True once after sockets were made or closed: the poll items are to be made again.
  bool take_changed() { return std::exchange(is_changed_, false); }
  /// A bounded turn of what is there: `items` are those of the last poll.
  void read(const std::vector<zmq_pollitem_t>& items);

  void dial(uint64_t connection, zmq_address to);
  void resolved(uint64_t connection, const std::vector<std::string>& addresses);
  bool has(uint64_t connection) const { return peers_.count(connection) > 0; }
  /// False: it is not connected. The frame is then gone.
  bool send(uint64_t connection, std::unique_ptr<waiting_frame> frame);
  void hang_up(uint64_t connection);

  /// What was to be tried again by now is, and when it is for the next time.
  void try_again();
  std::optional<time_point> next_try() const;

  void add_intakes(std::vector<peer_intake*>& to);
  bool has_intakes() const;
  size_t count() const; ///< of those that are connected

private:
  struct peer {
    zmq_address to{};
    std::unique_ptr<peer_socket> socket{};
    std::string endpoint{};              ///< that the socket dials
    std::optional<peer_intake> intake{}; ///< of its TCP connection, while there is one
    bool is_connected = false;           ///< both sides have greeted
    bool is_asking = false;              ///< for the addresses of a name
    size_t turn = 0;                     ///< which of them
    std::chrono::milliseconds pause{};   ///< until the next question
    time_point next{};
    bool is_due = false; ///< to be tried again at `next`, whatever libzmq does
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
