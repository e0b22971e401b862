#include "net/transport/peer_transport.hpp"
#include "net/transport/dialled_peers.hpp"
#include "net/transport/incoming_peers.hpp"
#include "net/transport/peer_commands.hpp"
#include "net/transport/zmq_sockets.hpp"
#include <algorithm>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

namespace treadmill::replication {

namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

// How often the loop checks how much peers make libzmq hold, while some are connected; and how
// often if that is much.
constexpr milliseconds look_interval{100};
constexpr milliseconds close_look_interval{10};
constexpr size_t much = size_t{256} * 1024;
// How often the loop checks whether the last frames of a connection that was hung up have left.
constexpr milliseconds leaving_interval{10};
// Maximum number of sockets of one context: each dialled connection needs three.
constexpr int most_sockets = 4096;

} // namespace

class transport::loop {
public:
  loop(transport_options options, transport_handlers handlers)
      : options_(std::move(options)), handlers_(std::move(handlers)) {
    zmq_.set(zmq::ctxopt::max_sockets, most_sockets);
  }
  ~loop() { stop(); }
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;

  result<void> start();
  void stop();

  std::string endpoint() const { return endpoint_; }
  peer_commands& commands() { return commands_; }
  atomic_counters& counters() { return counters_; }

private:
  void run();
  void wait();
  milliseconds poll_timeout() const;
  void look();
  bool run_commands();
  void apply(dial_command& next) { dialled_->dial(next.connection, std::move(next.to)); }
  void apply(resolved_command& next) { dialled_->resolved(next.connection, next.addresses); }
  void apply(hang_up_command& next);
  void apply(send_command& next);

  const transport_options options_;
  const transport_handlers handlers_;
  peer_commands commands_{
      {options_.message_bytes, options_.connection_queued_bytes, options_.queued_bytes}};
  atomic_counters counters_{};
  zmq::context_t zmq_{1};
  transport_context context_{options_, handlers_, commands_, counters_, zmq_, clock::now()};
  // Empty before start and after the end.
  std::optional<incoming_peers> incoming_{};
  std::optional<dialled_peers> dialled_{};
  std::vector<zmq_pollitem_t> items_{};
  std::vector<peer_command> taken_{};
  clock::time_point next_look_ = clock::now();
  std::string endpoint_{};
  std::thread thread_{};
};

result<void> transport::loop::start() {
  if (commands_.descriptor() < 0)
    return fail(ec::io_error, "cannot reach peers: there are no file descriptors left");
  incoming_.emplace(context_);
  dialled_.emplace(context_);
  if (!options_.listen.empty()) {
    auto address = parse_zmq_listen(options_.listen);
    if (!address) return tl::unexpected<error>(std::move(address.error()));
    const auto port = incoming_->bind(*address);
    if (!port) return tl::unexpected<error>(port.error());
    address->port = *port;
    endpoint_ = to_string(*address);
  }
  // A new thread inherits the signal mask: block all signals, which other threads handle.
  sigset_t all{};
  sigset_t before{};
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return {};
}

void transport::loop::stop() {
  commands_.end();
  if (thread_.joinable()) thread_.join();
}

void transport::loop::run() {
  for (bool goes_on = true; goes_on;) {
    wait();
    context_.now = clock::now();
    incoming_->read(items_);
    dialled_->read(items_);
    // After receiving, so that a frame that a handler sends in answer leaves in the same turn.
    goes_on = run_commands();
    dialled_->try_again();
    look();
    counters_.connections = incoming_->count() + dialled_->count();
  }
  // Each socket stays open until its sent frames have left, or for `linger`: closing the context
  // waits for them.
  dialled_.reset();
  incoming_.reset();
  zmq_.close();
  counters_.connections = 0;
}

void transport::loop::wait() {
  if (items_.empty() || dialled_->take_changed()) {
    items_.assign(1, {nullptr, commands_.descriptor(), ZMQ_POLLIN, 0});
    incoming_->add_poll_items(items_);
    dialled_->add_poll_items(items_);
  }
  // The poll was interrupted: nothing is ready.
  if (zmq_poll(items_.data(), static_cast<int>(items_.size()), poll_timeout().count()) < 0)
    for (zmq_pollitem_t& each : items_) each.revents = 0;
}

// How long to wait for events if none arrive. -1: forever.
milliseconds transport::loop::poll_timeout() const {
  if (incoming_->has_gone()) return milliseconds(0);
  auto next = dialled_->next_try();
  const auto sooner = [&next](clock::time_point when) {
    next = std::min(next.value_or(when), when);
  };
  if (incoming_->has_accepted() || dialled_->has_intakes()) sooner(next_look_);
  if (incoming_->has_leaving()) sooner(clock::now() + leaving_interval);
  if (!next) return milliseconds(-1);
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(*next - clock::now()));
}

void transport::loop::look() {
  if (incoming_->has_leaving()) incoming_->end_leaving();
  if (context_.now < next_look_) return;
  next_look_ = context_.now + look_interval;
  std::vector<peer_intake*> intakes;
  incoming_->add_intakes(intakes);
  dialled_->add_intakes(intakes);
  counters_.cut_connections += cut_holding(
      intakes, options_.message_bytes + options_.connection_held_bytes, options_.held_bytes);
  if (std::any_of(intakes.begin(), intakes.end(),
                  [](const peer_intake* each) { return each->held() > much; }))
    next_look_ = context_.now + close_look_interval;
}

// Runs the queued commands. Returns false after the last ones.
bool transport::loop::run_commands() {
  const bool ended = commands_.take(taken_);
  for (peer_command& each : taken_) std::visit([this](auto& next) { apply(next); }, each);
  taken_.clear();
  return !ended;
}

void transport::loop::apply(hang_up_command& next) {
  dialled_->hang_up(next.connection);
  incoming_->hang_up(next.connection, std::move(next.waiting));
}

void transport::loop::apply(send_command& next) {
  const size_t size = next.frame->bytes().size();
  const bool is_sent = dialled_->has(next.connection)
                           ? dialled_->send(next.connection, std::move(next.frame))
                           : incoming_->send(next.connection, std::move(next.frame));
  if (!is_sent) {
    ++counters_.dropped_frames;
    return;
  }
  ++counters_.frames_out;
  counters_.bytes_out += size;
}

transport::transport(transport_options options, transport_handlers handlers)
    : loop_(std::make_unique<loop>(std::move(options), std::move(handlers))) {}
transport::~transport() = default;

result<void> transport::start() { return loop_->start(); }
void transport::stop() { loop_->stop(); }
std::string transport::endpoint() const { return loop_->endpoint(); }

uint64_t transport::dial(const std::string& uri) {
  auto address = parse_zmq_uri(uri);
  return address ? loop_->commands().add_dial(std::move(*address)) : 0;
}

void transport::hang_up(uint64_t connection) { loop_->commands().add_hang_up(connection); }

bool transport::send(uint64_t connection, std::string frame) {
  if (loop_->commands().add_frame(connection, std::move(frame))) return true;
  ++loop_->counters().dropped_frames;
  return false;
}

transport_counters transport::counters() const {
  const atomic_counters& now = loop_->counters();
  return {now.connections,    now.frames_in,       now.frames_out,
          now.bytes_in,       now.bytes_out,       now.dropped_frames,
          now.refused_frames, now.cut_connections, loop_->commands().waiting()};
}

} // namespace treadmill::replication
