#pragma once
#include "net/transport/peer_intake.hpp"
#include "net/transport/zmq_sockets.hpp"
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace treadmill::replication {

/// The peers that dialled this node: one ROUTER socket. A TCP connection becomes a connection of
/// the transport when its first frame arrives.
///
/// libzmq identifies a peer by its routing identity, and reports opened and closed TCP connections
/// by their descriptors; each message carries both. So a connection is lost when its TCP connection
/// is.
///
/// **Thread**: the transport's, but bind before that thread starts.
class incoming_peers {
public:
  explicit incoming_peers(transport_context& context) : context_(context) {}

  /// Returns the port. Errors: io_error.
  result<uint16_t> bind(const zmq_address& to);

  void add_poll_items(std::vector<zmq_pollitem_t>& items);
  /// Reads all events and a bounded number of frames. `items`: the result of the last poll.
  void read(const std::vector<zmq_pollitem_t>& items);

  bool has(uint64_t connection) const { return incoming_.count(connection) > 0; }
  /// Returns false and drops the frame if the connection is gone.
  bool send(uint64_t connection, std::unique_ptr<waiting_frame> frame);
  /// Closes a connection when its waiting frames have left, or after `linger`.
  void hang_up(uint64_t connection, std::shared_ptr<waiting_bytes> waiting);

  /// True if the next read will report lost connections.
  bool has_gone() const { return !gone_.empty(); }
  /// True while connections are being hung up: the caller then has to call end_leaving often.
  bool has_leaving() const { return !leaving_.empty(); }
  void end_leaving();

  void add_intakes(std::vector<peer_intake*>& to);
  bool has_accepted() const { return !accepted_.empty(); }
  size_t count() const { return incoming_.size(); }

private:
  using time_point = peer_intake::time_point;

  struct accepted {
    peer_intake intake{};
    uint64_t connection = 0; ///< 0: no frame so far
  };

  struct incoming {
    std::string identity{};
    int descriptor = -1;
    bool is_gone = false; ///< its TCP connection is closed; its frames may still be queued
    bool is_hung_up = false;
  };

  struct leaving {
    uint64_t connection = 0;
    std::shared_ptr<waiting_bytes> waiting{};
    time_point until{};
    std::optional<time_point> empty_since{}; ///< since when nothing is in flight
  };

  void read_events();
  void read_frames();
  uint64_t take_message();
  void count_taken(const std::string& identity, int descriptor, uint64_t bytes);
  uint64_t connection_of(const std::string& identity, int descriptor);
  uint64_t add(const std::string& identity, int descriptor);
  void refuse(int descriptor);
  void bound_accepted(int newest);
  void mark_gone(uint64_t connection);
  void lose(uint64_t connection);

  transport_context& context_;
  std::optional<peer_socket> router_{};
  size_t poll_index_ = 0;
  std::unordered_map<int, accepted> accepted_{}; ///< by descriptor
  std::unordered_map<uint64_t, incoming> incoming_{};
  std::unordered_map<std::string, uint64_t> identities_{};
  std::vector<uint64_t> gone_{};
  std::vector<leaving> leaving_{};
  zmq::message_t identity_{};
  zmq::message_t frame_{};
};

} // namespace treadmill::replication
