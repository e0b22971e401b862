#pragma once
#include "net/transport/peer_transport.hpp"
#include "tests/unit/net/http/raw_client.hpp"
#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

/// A transport that writes down what it is told: for tests of the transport.
namespace treadmill::test {

class peer_recorder {
public:
  using options = replication::transport_options;

  static options listening() {
    options made;
    made.listen = "tcp://127.0.0.1:0";
    return made;
  }

  /// `answers`: every frame is sent back.
  explicit peer_recorder(options with = listening(), bool answers = false)
      : peer(std::move(with),
             {.received =
                  [this, answers](uint64_t connection, std::string frame) {
                    if (answers) peer.send(connection, frame);
                    note_frame(connection, std::move(frame));
                  },
              .lost = [this](uint64_t connection) { note(lost_, connection); },
              .connected = [this](uint64_t connection) { note(connected_, connection); }}) {
    const auto started = peer.start();
    if (!started) throw std::runtime_error(started.error().reason);
  }
  ~peer_recorder() { peer.stop(); }
  peer_recorder(const peer_recorder&) = delete;
  peer_recorder& operator=(const peer_recorder&) = delete;

  uint16_t port() const {
    const std::string endpoint = peer.endpoint();
    return static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
  }

  std::vector<std::pair<uint64_t, std::string>> frames() {
    const std::scoped_lock lock(mutex_);
    return frames_;
  }
  size_t frame_count() {
    const std::scoped_lock lock(mutex_);
    return frames_.size();
  }
  /// 0: it has not come.
  uint64_t sender_of(const std::string& frame) {
    const std::scoped_lock lock(mutex_);
    for (const auto& [connection, each] : frames_)
      if (each == frame) return connection;
    return 0;
  }
  bool has(const std::string& frame) { return sender_of(frame) != 0; }
  size_t times_lost(uint64_t connection) { return count(lost_, connection); }
  size_t times_connected(uint64_t connection) { return count(connected_, connection); }

  /// Sends until the other side has it: for a connection that is being made.
  bool reaches(uint64_t connection, peer_recorder& other, const std::string& frame) {
    return eventually([&] {
      if (other.has(frame)) return true;
      peer.send(connection, frame);
      return false;
    });
  }

private:
  void note_frame(uint64_t connection, std::string frame) {
    const std::scoped_lock lock(mutex_);
    frames_.emplace_back(connection, std::move(frame));
  }
  void note(std::vector<uint64_t>& in, uint64_t connection) {
    const std::scoped_lock lock(mutex_);
    in.push_back(connection);
  }
  size_t count(const std::vector<uint64_t>& in, uint64_t connection) {
    const std::scoped_lock lock(mutex_);
    return static_cast<size_t>(std::count(in.begin(), in.end(), connection));
  }

  std::mutex mutex_;
  std::vector<std::pair<uint64_t, std::string>> frames_;
  std::vector<uint64_t> lost_;
  std::vector<uint64_t> connected_;

public:
  replication::transport peer; // last: its thread uses the others
};

} // namespace treadmill::test
