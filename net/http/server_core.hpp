#pragma once
#include "net/http/http_head.hpp"
#include "net/http/http_listener.hpp"
#include "net/http/http_server.hpp"
#include "net/http/reactor.hpp"
#include "storage/base/lock_rules.hpp"
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace treadmill::http {

class connection;
class server_core;

/// A share of the byte budget of all request bodies. The destructor gives it back, possibly after
/// the server is gone.
class body_charge {
public:
  body_charge() = default;
  body_charge(body_charge&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  body_charge& operator=(body_charge&& other) noexcept;
  ~body_charge() { release(); }
  /// Raises the share to `bytes` in total. False: the budget would exceed `most`; the share is
  /// unchanged.
  bool grow(const std::shared_ptr<std::atomic<size_t>>& budget, size_t bytes, size_t most);
  /// Sets the share to exactly `bytes`, even if that exceeds the budget.
  void set(const std::shared_ptr<std::atomic<size_t>>& budget, size_t bytes);
  void release();

private:
  std::shared_ptr<std::atomic<size_t>> budget_;
  size_t bytes_ = 0;
};

/// Reserves the memory of a request that is being handled, as long as this object lives. It limits
/// how many requests that need much memory are handled at one time.
class work_place {
public:
  work_place() = default;
  work_place(std::weak_ptr<server_core> core, size_t bytes)
      : core_(std::move(core)), bytes_(bytes) {}
  work_place(work_place&& other) noexcept
      : core_(std::move(other.core_)), bytes_(std::exchange(other.bytes_, 0)) {}
  work_place& operator=(work_place&& other) noexcept;
  ~work_place() { leave(); }
  void leave();

private:
  std::weak_ptr<server_core> core_;
  size_t bytes_ = 0;
};

/// The shared state of one server's connections. It owns the connections: it makes them when they
/// are needed, reuses them, and keeps them at the same address until the server is gone.
///
/// **Thread**: incoming from the accepting thread; begin_stop, wait_until_closed and abort from the
/// stopping one; all else from any.
class server_core : public std::enable_shared_from_this<server_core> {
public:
  server_core(server_options options, handler handle,
              std::function<void(const request_record&)> record);
  ~server_core();

  /// Takes ownership of a socket that was accepted at a door.
  void incoming(int socket, size_t door);
  /// The limits of heads that come in at a door.
  const head_limits& limits_at(size_t door) const { return door_limits_[door]; }

  /// Counts one more connection from that address until `leave`. False: a limit is reached; nothing
  /// is counted.
  bool enter(const std::string& address);
  void leave(const std::string& address);
  /// Counts a connection as a feed instead, until `end_feed`. False: the limit of feeds is reached.
  bool become_feed();
  void end_feed();
  /// Reserves memory for a request that needs `bytes` beside its body. Nothing: other requests hold
  /// the memory; the connection is queued and gets the signal connection::answered when its turn
  /// comes.
  std::optional<work_place> begin_work(connection& who, size_t bytes);
  /// Removes the connection from the queue of `begin_work`.
  void forget_work(connection& who);
  void end_work(size_t bytes);
  /// The connection has closed its socket and may be used again.
  void released(connection& closed);

  /// Tells all connections to finish their work and close.
  void begin_stop();
  /// Tells all connections to close now.
  void abort();
  /// False: some are still open at `deadline`.
  bool wait_until_closed(clock::time_point deadline);

  server_counters counters() const;

  const server_options options;
  const head_limits limits; ///< without that of bodies if a body may have a sink
  const handler handle;
  const std::function<void(const request_record&)> record;
  std::vector<std::unique_ptr<listener>> doors;
  reactor workers;
  const std::shared_ptr<std::atomic<size_t>> body_bytes = std::make_shared<std::atomic<size_t>>(0);
  std::atomic<bool> stopping = false;
  std::atomic<bool> aborting = false;
  std::atomic<uint64_t> refused = 0;
  std::atomic<uint64_t> bad_requests = 0;
  std::atomic<uint64_t> timeouts = 0;

private:
  std::atomic<uint64_t> accepted_ = 0;
  std::vector<head_limits> door_limits_; ///< one a door; they view `options`

  mutable checked_mutex mutex_;
  std::condition_variable closed_;
  std::vector<std::unique_ptr<connection>> connections_ GUARDED_BY(mutex_);
  std::vector<connection*> free_ GUARDED_BY(mutex_);
  size_t counted_ GUARDED_BY(mutex_) = 0; // connections that count against the limit
  size_t feeds_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, size_t> addresses_ GUARDED_BY(mutex_);

  mutable checked_mutex work_mutex_;
  std::deque<connection*> work_queue_ GUARDED_BY(work_mutex_);
  size_t works_ GUARDED_BY(work_mutex_) = 0;
  size_t work_bytes_ GUARDED_BY(work_mutex_) = 0;
};

} // namespace treadmill::http
