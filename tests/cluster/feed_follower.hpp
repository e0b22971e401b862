#pragma once
#include "tests/cluster/bucket_model.hpp"
#include "tests/cluster/http_client.hpp"
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace treadmill::cluster {

/// Where the node is now; nothing while it is down. **Thread**: any.
class address_board {
public:
  void set(std::optional<address> where);
  /// Waits until there is a node, or `end` was called: then nothing.
  std::optional<address> wait();
  void end();

private:
  std::mutex mutex_{};
  std::condition_variable news_{};
  std::optional<address> where_{};
  bool ended_ = false;
};

/// A client that follows the activity of one bucket through all restarts of its node: it connects
/// again with the last sequence that it saw.
class feed_follower {
public:
  enum class kind : uint8_t { continuous, eventsource };

  feed_follower(address_board& board, std::string bucket, kind how);
  ~feed_follower(); ///< the board must have ended, or the node be there

  /// Everything that it was shown since the last call.
  std::vector<seen_entry> take();
  uint64_t last() const { return last_; }
  /// The first gap or unreadable line; empty: none.
  std::string problem() const;
  uint64_t connections() const { return connections_; }
  void stop() { stopped_ = true; }

private:
  void run();
  void follow(const address& where);
  void take_line(std::string_view line);

  address_board& board_;
  std::string bucket_;
  kind how_;
  std::atomic<bool> stopped_{false};
  std::atomic<uint64_t> last_{0};
  std::atomic<uint64_t> connections_{0};
  mutable std::mutex mutex_{};
  std::vector<seen_entry> seen_{};
  std::string problem_{};
  std::thread thread_{};
};

} // namespace treadmill::cluster
