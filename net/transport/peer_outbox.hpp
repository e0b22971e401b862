#pragma once
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace treadmill::replication {

/// Bytes waiting to be sent: of one connection, or of all.
///
/// **Thread**: any.
class waiting_bytes {
public:
  void add(size_t bytes) { bytes_ += bytes; }
  void remove(size_t bytes) { bytes_ -= bytes; }
  size_t now() const { return bytes_; }

private:
  std::atomic<size_t> bytes_ = 0;
};

/// A frame between send() and the network. It counts as waiting until it is destroyed. libzmq
/// destroys it on its own thread when the system has taken the frame, or when its connection is
/// gone. So the bytes waiting inside libzmq are bounded, although libzmq's own bounds count frames.
class waiting_frame {
public:
  /// Approximate cost of a frame besides its bytes: its place in queues, and the heap's overhead.
  static constexpr size_t overhead = 256;
  static size_t cost(const std::string& bytes) { return bytes.size() + overhead; }

  waiting_frame(std::string bytes, std::shared_ptr<waiting_bytes> of_connection,
                std::shared_ptr<waiting_bytes> of_all)
      : bytes_(std::move(bytes)), of_connection_(std::move(of_connection)),
        of_all_(std::move(of_all)) {
    of_connection_->add(cost(bytes_));
    of_all_->add(cost(bytes_));
  }
  ~waiting_frame() {
    of_connection_->remove(cost(bytes_));
    of_all_->remove(cost(bytes_));
  }
  waiting_frame(const waiting_frame&) = delete;
  waiting_frame& operator=(const waiting_frame&) = delete;

  std::string& bytes() { return bytes_; }

  /// Called on the thread that gives the frame to libzmq, before the thread that destroys it there
  /// calls was_given_away. libzmq orders the two calls by itself; this pair shows the order to
  /// ThreadSanitizer, which cannot see into the library.
  void give_away() { given_away_.store(true, std::memory_order_release); }
  bool was_given_away() const { return given_away_.load(std::memory_order_acquire); }

private:
  std::string bytes_;
  std::shared_ptr<waiting_bytes> of_connection_;
  std::shared_ptr<waiting_bytes> of_all_;
  std::atomic<bool> given_away_ = false;
};

} // namespace treadmill::replication
