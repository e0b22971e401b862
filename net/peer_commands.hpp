#pragma once
#include "net/peer_outbox.hpp"
#include "net/zmq_uri.hpp"
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace treadmill::replication {

struct dial_command {
  uint64_t connection = 0;
  zmq_address to{};
};
/// The addresses of a name that a dialled connection has asked for.
struct resolved_command {
  uint64_t connection = 0;
  std::vector<std::string> addresses{};
};
struct hang_up_command {
  uint64_t connection = 0;
  std::shared_ptr<waiting_bytes> waiting{}; ///< what was sent before it
};
struct send_command {
  uint64_t connection = 0;
  std::unique_ptr<waiting_frame> frame{};
};
using peer_command = std::variant<dial_command, resolved_command, hang_up_command, send_command>;

/// What other threads ask of the transport's own: a queue that wakes it, and the connections that
/// can be sent to.
///
/// **Thread**: any. Nothing blocks.
/// **Units and limits**: frames are bounded by their bytes (add_frame); other commands are as many
/// as their callers ask for.
class peer_commands {
public:
  struct limits {
    size_t frame_bytes = 0;      ///< of one frame
    size_t connection_bytes = 0; ///< waiting on one connection, before the last frame
    size_t bytes = 0;            ///< waiting on all
  };

  explicit peer_commands(limits most);
  ~peer_commands();
  peer_commands(const peer_commands&) = delete;
  peer_commands& operator=(const peer_commands&) = delete;

  /// An eventfd: readable while there are commands, or after the end. -1: there was none left.
  int descriptor() const { return wake_; }
  size_t waiting() const { return all_->now(); }

  /// A connection that a peer has made. 0: the end has come.
  uint64_t add_incoming();
  /// A connection over which nothing more comes or goes.
  void forget(uint64_t connection);

  uint64_t add_dial(zmq_address to);
  void add_resolved(uint64_t connection, std::vector<std::string> addresses);
  void add_hang_up(uint64_t connection);
  /// False: the connection is not known, or a limit is reached. The frame is gone then.
  bool add_frame(uint64_t connection, std::string bytes);
  /// From here on nothing is added.
  void end();

  /// Takes what there is, in order. True: the end has come, and no more will follow.
  bool take(std::vector<peer_command>& to);

private:
  void push(peer_command next);
  void wake();

  const limits most_;
  const int wake_;
  const std::shared_ptr<waiting_bytes> all_ = std::make_shared<waiting_bytes>();
  std::mutex mutex_;
  std::vector<peer_command> queue_;
  std::unordered_map<uint64_t, std::shared_ptr<waiting_bytes>> known_;
  uint64_t next_ = 1;
  bool is_awake_ = false;
  bool ended_ = false;
};

} // namespace treadmill::replication
