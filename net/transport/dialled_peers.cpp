#include "net/transport/dialled_peers.hpp"
#include <algorithm>
#include <utility>

namespace treadmill::replication {

namespace {

constexpr int watched_events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                               ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED;

bool is_ipv6(const std::string& address) { return address.find(':') != std::string::npos; }

} // namespace

dialled_peers::dialled_peers(transport_context& context)
    : context_(context), random_(std::random_device{}()), resolver_(context.options.look_up) {}

void dialled_peers::add_poll_items(std::vector<zmq_pollitem_t>& items) {
  poll_index_ = items.size();
  polled_.clear();
  for (auto& [connection, each] : peers_) {
    if (!each.socket) continue;
    items.push_back({each.socket->monitor().handle(), 0, ZMQ_POLLIN, 0});
    items.push_back({each.socket->zmq().handle(), 0, ZMQ_POLLIN, 0});
    polled_.push_back(connection);
  }
}

// Only commands make and close sockets, so every polled socket still exists here.
void dialled_peers::read(const std::vector<zmq_pollitem_t>& items) {
  for (size_t i = 0; i < polled_.size(); ++i) {
    const auto found = peers_.find(polled_[i]);
    if (found == peers_.end() || !found->second.socket) continue;
    auto& [connection, from] = *found;
    const bool has_frames = items[poll_index_ + 2 * i + 1].revents != 0;
    // Report a peer as connected before delivering its first frame.
    if (items[poll_index_ + 2 * i].revents != 0 || (has_frames && !from.is_connected))
      read_events(connection, from);
    turn done;
    while (has_frames && !done.is_over() && read_message(connection, from, done)) {
    }
  }
}

void dialled_peers::read_events(uint64_t connection, peer& from) {
  while (const auto event = from.socket->read_event()) {
    switch (event->what) {
    case ZMQ_EVENT_CONNECTED:
      from.intake.emplace(static_cast<int>(event->value), context_.now);
      break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      from.is_connected = true;
      from.pause.reset();
      if (context_.handlers.connected) context_.handlers.connected(connection);
      break;
    case ZMQ_EVENT_DISCONNECTED: on_disconnected(connection, from); break;
    default: // an attempt failed; libzmq retries the same address
      if (from.to.host_kind == zmq_address::kind::name && context_.now >= from.next) {
        ++from.turn;
        ask(connection, from);
      }
    }
  }
}

void dialled_peers::on_disconnected(uint64_t connection, peer& from) {
  from.intake.reset();
  if (!std::exchange(from.is_connected, false)) return;
  // First deliver frames that the peer had sent: at most this many bytes.
  const uint64_t most = context_.options.message_bytes + context_.options.connection_held_bytes;
  turn done;
  while (done.bytes <= most && read_message(connection, from, done)) {
  }
  context_.handlers.lost(connection);
}

// Returns false if there is no message.
bool dialled_peers::read_message(uint64_t connection, peer& from, turn& done) {
  if (!from.socket->receive(frame_)) return false;
  const uint64_t rest = from.socket->skip_rest(frame_);
  const uint64_t bytes = bytes_of_part(frame_.size()) + rest;
  done.took(bytes);
  if (from.intake) from.intake->took(bytes, context_.now);
  if (rest == 0)
    forward(context_, connection, frame_);
  else
    ++context_.counters.refused_frames;
  return true;
}

void dialled_peers::dial(uint64_t connection, zmq_address to) {
  const transport_options& options = context_.options;
  peer& added =
      peers_.try_emplace(connection, back_off(options.reconnect_first, options.reconnect_most))
          .first->second;
  added.to = std::move(to);
  if (added.to.host_kind == zmq_address::kind::name)
    ask(connection, added);
  else
    connect(added, added.to);
}

void dialled_peers::connect(peer& to, const zmq_address& address) {
  const std::string endpoint = to_string(address);
  if (to.socket && to.endpoint == endpoint) return;
  close(to);
  const transport_options& options = context_.options;
  try {
    auto made = std::make_unique<peer_socket>(context_, zmq::socket_type::dealer,
                                              address.host_kind == zmq_address::kind::ipv6);
    zmq::socket_t& socket = made->zmq();
    socket.set(zmq::sockopt::immediate, true);
    socket.set(zmq::sockopt::connect_timeout, static_cast<int>(options.handshake.count()));
    socket.set(zmq::sockopt::reconnect_ivl, static_cast<int>(options.reconnect_first.count()));
    socket.set(zmq::sockopt::reconnect_ivl_max, static_cast<int>(options.reconnect_most.count()));
    made->watch("dialled-" + std::to_string(++sockets_made_), watched_events);
    socket.connect(endpoint);
    to.socket = std::move(made);
    to.endpoint = endpoint;
    is_changed_ = true;
  } catch (const zmq::error_t&) {
    try_later(to); // the process has no descriptors left
  }
}

void dialled_peers::close(peer& of) {
  if (!of.socket) return;
  of.socket.reset();
  of.intake.reset();
  of.is_connected = false;
  is_changed_ = true;
}

void dialled_peers::ask(uint64_t connection, peer& of) {
  if (std::exchange(of.is_asking, true)) return;
  of.is_due = false;
  resolver_.ask(of.to.host,
                [&commands = context_.commands, connection](std::vector<std::string> addresses) {
                  commands.add_resolved(connection, std::move(addresses));
                });
}

void dialled_peers::resolved(uint64_t connection, const std::vector<std::string>& addresses) {
  const auto found = peers_.find(connection);
  if (found == peers_.end()) return;
  peer& to = found->second;
  to.is_asking = false;
  if (to.intake) return; // connected or connecting meanwhile
  try_later(to);
  if (addresses.empty()) return;
  to.is_due = false; // libzmq reports a failed attempt
  to.pause.cap(context_.options.reconnect_most / static_cast<int>(addresses.size()));
  const std::string& address = addresses[to.turn % addresses.size()];
  const auto kind = is_ipv6(address) ? zmq_address::kind::ipv6 : zmq_address::kind::ipv4;
  connect(to, {kind, address, to.to.port});
}

void dialled_peers::try_later(peer& of) {
  of.next = context_.now + of.pause.next(random_());
  of.is_due = true;
}

void dialled_peers::try_again() {
  for (auto& [connection, each] : peers_) {
    if (!each.is_due || each.next > context_.now) continue;
    each.is_due = false;
    if (each.to.host_kind == zmq_address::kind::name)
      ask(connection, each);
    else
      connect(each, each.to);
  }
}

std::optional<dialled_peers::time_point> dialled_peers::next_try() const {
  std::optional<time_point> first;
  for (const auto& [connection, each] : peers_)
    if (each.is_due && (!first || each.next < *first)) first = each.next;
  return first;
}

bool dialled_peers::send(uint64_t connection, std::unique_ptr<waiting_frame> frame) {
  const auto found = peers_.find(connection);
  return found != peers_.end() && found->second.socket &&
         found->second.socket->send(std::move(frame));
}

void dialled_peers::hang_up(uint64_t connection) {
  const auto found = peers_.find(connection);
  if (found == peers_.end()) return;
  close(found->second);
  peers_.erase(found);
}

void dialled_peers::add_intakes(std::vector<peer_intake*>& to) {
  for (auto& [connection, each] : peers_)
    if (each.intake) to.push_back(&*each.intake);
}

bool dialled_peers::has_intakes() const {
  return std::any_of(peers_.begin(), peers_.end(),
                     [](const auto& each) { return each.second.intake.has_value(); });
}

size_t dialled_peers::count() const {
  return static_cast<size_t>(std::count_if(
      peers_.begin(), peers_.end(), [](const auto& each) { return each.second.is_connected; }));
}

} // namespace treadmill::replication
