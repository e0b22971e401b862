#include "net/http/http_server.hpp"
#include "net/http/connection.hpp"
#include "net/http/server_core.hpp"
#include <algorithm>
#include <fcntl.h>
#include <new>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace treadmill::http {

namespace {

head_limits limits_of(const server_options& options) {
  head_limits limits;
  limits.header_bytes = options.header_bytes;
  limits.header_count = options.header_count;
  limits.target_bytes = options.target_bytes;
  limits.request_bytes = options.open_sink ? any_body_bytes : options.request_bytes;
  return limits;
}

} // namespace

body_charge& body_charge::operator=(body_charge&& other) noexcept {
  if (this != &other) {
    release();
    budget_ = std::move(other.budget_);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

bool body_charge::grow(const std::shared_ptr<std::atomic<size_t>>& budget, size_t bytes,
                       size_t most) {
  if (bytes <= bytes_) return true;
  const size_t more = bytes - bytes_;
  if (budget->fetch_add(more) + more > most) {
    budget->fetch_sub(more);
    return false;
  }
  budget_ = budget;
  bytes_ = bytes;
  return true;
}

void body_charge::set(const std::shared_ptr<std::atomic<size_t>>& budget, size_t bytes) {
  // In one step, so that the budget never looks smaller than it is. Unsigned: this may subtract.
  budget->fetch_add(bytes - bytes_);
  budget_ = budget;
  bytes_ = bytes;
}

work_place& work_place::operator=(work_place&& other) noexcept {
  if (this != &other) {
    leave();
    core_ = std::move(other.core_);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

void work_place::leave() {
  const size_t bytes = std::exchange(bytes_, 0);
  if (bytes == 0) return;
  if (const auto core = core_.lock()) core->end_work(bytes);
}

void body_charge::release() {
  if (bytes_ > 0) budget_->fetch_sub(bytes_);
  bytes_ = 0;
}

server_core::server_core(server_options settings, treadmill::http::handler handle_request,
                         std::function<void(const request_record&)> record_request)
    : options(std::move(settings)), limits(limits_of(options)), handle(std::move(handle_request)),
      record(std::move(record_request)) {
  std::vector<std::string_view> lenient{options.lenient_below};
  for (const listen_address& more : options.more_doors) lenient.push_back(more.lenient_below);
  for (size_t door = 0; door < lenient.size(); ++door) {
    doors.push_back(
        std::make_unique<listener>([this, door](int socket) { incoming(socket, door); }));
    door_limits_.push_back(limits);
    door_limits_.back().lenient_below = lenient[door];
  }
}

server_core::~server_core() { workers.stop(); }

void server_core::incoming(int socket, size_t door) {
  ++accepted_;
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  connection* taker = nullptr;
  try {
    const checked_lock lock(mutex_);
    const size_t open = connections_.size() - free_.size();
    if (!stopping && open < options.connections + options.feed_clients + options.refusals) {
      if (free_.empty()) {
        connections_.push_back(std::make_unique<connection>(*this));
        free_.reserve(connections_.size()); // so that released() cannot fail
        workers.add(*connections_.back());
        taker = connections_.back().get();
      } else {
        taker = free_.back();
        free_.pop_back();
      }
    }
  } catch (const std::bad_alloc&) {
    // Out of memory: refuse this connection and keep the accepting thread.
  }
  if (taker) return taker->submit(socket, door);
  ++refused;
  ::close(socket);
}

bool server_core::enter(const std::string& address) {
  const checked_lock lock(mutex_);
  if (counted_ >= options.connections) return false;
  if (options.connections_per_address > 0) {
    size_t& count = addresses_[address];
    if (count >= options.connections_per_address) return false;
    ++count;
  }
  ++counted_;
  return true;
}

void server_core::leave(const std::string& address) {
  const checked_lock lock(mutex_);
  --counted_;
  if (options.connections_per_address == 0) return;
  if (const auto found = addresses_.find(address);
      found != addresses_.end() && --found->second == 0)
    addresses_.erase(found);
}

bool server_core::become_feed() {
  const checked_lock lock(mutex_);
  if (feeds_ >= options.feed_clients) return false;
  ++feeds_;
  --counted_;
  return true;
}

void server_core::end_feed() {
  const checked_lock lock(mutex_);
  --feeds_;
  ++counted_;
}

// Admitted work gets at most half of the memory, so that there is room for the bodies of small
// requests. If no other work is admitted, a request is admitted whatever it needs: every request
// within its limits is answered.
std::optional<work_place> server_core::begin_work(connection& who, size_t bytes) {
  const size_t all = options.total_request_bytes;
  bytes = std::min(bytes, all / 2);
  const checked_lock lock(work_mutex_);
  const bool is_next = work_queue_.empty() || work_queue_.front() == &who;
  const bool fits = work_bytes_ + bytes <= all / 2 && *body_bytes + bytes <= all;
  if (!is_next || (works_ > 0 && !fits)) {
    if (std::find(work_queue_.begin(), work_queue_.end(), &who) == work_queue_.end())
      work_queue_.push_back(&who);
    return std::nullopt;
  }
  if (!work_queue_.empty()) work_queue_.pop_front();
  ++works_;
  work_bytes_ += bytes;
  *body_bytes += bytes;
  // The next one in the queue may fit too.
  if (!work_queue_.empty()) workers.signal(*work_queue_.front(), connection::answered);
  return work_place(weak_from_this(), bytes);
}

void server_core::forget_work(connection& who) {
  const checked_lock lock(work_mutex_);
  const auto found = std::find(work_queue_.begin(), work_queue_.end(), &who);
  if (found == work_queue_.end()) return;
  const bool was_next = found == work_queue_.begin();
  work_queue_.erase(found);
  if (was_next && !work_queue_.empty()) workers.signal(*work_queue_.front(), connection::answered);
}

void server_core::end_work(size_t bytes) {
  const checked_lock lock(work_mutex_);
  --works_;
  work_bytes_ -= bytes;
  *body_bytes -= bytes;
  if (!work_queue_.empty()) workers.signal(*work_queue_.front(), connection::answered);
}

void server_core::released(connection& closed) {
  const checked_lock lock(mutex_);
  free_.push_back(&closed);
  if (free_.size() == connections_.size()) closed_.notify_all();
}

void server_core::begin_stop() {
  const checked_lock lock(mutex_);
  stopping = true;
  for (const auto& one : connections_) workers.signal(*one, connection::ending);
}

void server_core::abort() {
  const checked_lock lock(mutex_);
  aborting = true;
  for (const auto& one : connections_) workers.signal(*one, connection::ending);
}

bool server_core::wait_until_closed(clock::time_point deadline) {
  checked_lock lock(mutex_);
  while (free_.size() != connections_.size()) {
    if (lock.wait_until(closed_, deadline) == std::cv_status::timeout)
      return free_.size() == connections_.size();
  }
  return true;
}

server_counters server_core::counters() const {
  server_counters now;
  now.accepted = accepted_;
  now.refused = refused;
  now.bad_requests = bad_requests;
  now.timeouts = timeouts;
  now.request_bytes = *body_bytes;
  {
    const checked_lock lock(work_mutex_);
    now.waiting = work_queue_.size();
  }
  const checked_lock lock(mutex_);
  now.connections = connections_.size() - free_.size();
  now.feed_clients = feeds_;
  return now;
}

class server::impl {
public:
  explicit impl(std::shared_ptr<server_core> core) : core_(std::move(core)) {}

  result<void> start() {
    const auto& options = core_->options;
    std::vector<listen_address> addresses{{options.host, options.port, {}}};
    addresses.insert(addresses.end(), options.more_doors.begin(), options.more_doors.end());
    for (size_t door = 0; door < addresses.size(); ++door) {
      const auto& [host, port, lenient] = addresses[door];
      auto bound = core_->doors[door]->bind(host, port, defaults::listen_backlog);
      if (!bound) return tl::unexpected(std::move(bound.error()));
      ports_.push_back(*bound);
    }
    if (auto started = core_->workers.start(options.threads); !started) return started;
    for (const auto& door : core_->doors)
      accepting_.emplace_back([listening = door.get()] { listening->run(); });
    return {};
  }

  void stop(std::chrono::milliseconds grace) {
    const auto begun = clock::now();
    for (const auto& door : core_->doors) door->close();
    for (std::thread& accepting : accepting_) accepting.join();
    accepting_.clear();
    core_->begin_stop();
    // The last part of the grace period is for cutting connections that do not close by themselves.
    if (!core_->wait_until_closed(begun + grace -
                                  std::min(grace / 4, std::chrono::milliseconds(250)))) {
      core_->abort();
      core_->wait_until_closed(begun + grace);
    }
    core_->workers.stop();
  }

  const std::shared_ptr<server_core> core_;
  std::vector<uint16_t> ports_; ///< one a door, after start

private:
  std::vector<std::thread> accepting_; ///< one a door
};

server::server(server_options options, handler handle,
               std::function<void(const request_record&)> record)
    : impl_(std::make_unique<impl>(std::make_shared<server_core>(
          std::move(options), std::move(handle), std::move(record)))) {}

server::~server() { stop(); }

result<void> server::start() { return impl_->start(); }
uint16_t server::port(size_t door) const {
  return door < impl_->ports_.size() ? impl_->ports_[door] : uint16_t{0};
}
void server::stop(std::chrono::milliseconds grace) { impl_->stop(grace); }
server_counters server::counters() const { return impl_->core_->counters(); }

} // namespace treadmill::http
