#pragma once
#include "net/node/zmq_uri.hpp"
#include "net/transport/peer_outbox.hpp"
#include "storage/base/lock_rules.hpp"
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace treadmill::replication {

struct dial_command {
  uint64_t connection = 0;
  zmq_address to{};
};
/// The addresses of a host name that a dialled connection asked for.
struct resolved_command {
  uint64_t connection = 0;
  std::vector<std::string> addresses{};
};
struct hang_up_command {
  uint64_t connection = 0;
  std::shared_ptr<waiting_bytes> waiting{}; ///< bytes that were sent before and still wait
};
struct send_command {
  uint64_t connection = 0;
  std::unique_ptr<waiting_frame> frame{};
};
using peer_command = std::variant<dial_command, resolved_command, hang_up_command, send_command>;

/// Commands of other threads to the transport's thread: a queue that wakes it, and the connections
/// that accept frames.
///
/// **Thread**: any. No call blocks. **Units and limits**: frames are bounded in bytes (add_frame);
/// the number of other commands is not bounded.
class peer_commands {
public:
  struct limits {
    size_t frame_bytes = 0;      ///< of one frame
    size_t connection_bytes = 0; ///< waiting on one connection, not counting the last frame
    size_t bytes = 0;            ///< waiting on all connections
  };

  explicit peer_commands(limits most);
  ~peer_commands();
  peer_commands(const peer_commands&) = delete;
  peer_commands& operator=(const peer_commands&) = delete;

  /// An eventfd: readable while there are commands, or after `end`. -1: the process had no
  /// descriptor left.
  int descriptor() const { return wake_; }
  size_t waiting() const { return all_->now(); }

  /// Registers a connection that a peer made. Returns 0 after `end`.
  uint64_t add_incoming();
  /// Unregisters a connection that is over.
  void forget(uint64_t connection);

  uint64_t add_dial(zmq_address to);
  void add_resolved(uint64_t connection, std::vector<std::string> addresses);
  void add_hang_up(uint64_t connection);
  /// Returns false and drops the frame if the connection is unknown, a limit is reached, or after
  /// `end`.
  bool add_frame(uint64_t connection, std::string bytes);
  /// From now on, the queue accepts no connections and no frames.
  void end();

  /// Takes all commands, in order. Returns true after `end`: the transport takes no more.
  bool take(std::vector<peer_command>& to);

private:
  void push(peer_command next) NEEDS_LOCK(mutex_);
  void wake() NEEDS_LOCK(mutex_);

  const limits most_;
  const int wake_;
  const std::shared_ptr<waiting_bytes> all_ = std::make_shared<waiting_bytes>();
  checked_mutex mutex_;
  std::vector<peer_command> queue_ GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, std::shared_ptr<waiting_bytes>> known_ GUARDED_BY(mutex_);
  uint64_t next_ GUARDED_BY(mutex_) = 1;
  bool is_awake_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
};

} // namespace treadmill::replication
