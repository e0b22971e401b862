#include "net/transport/incoming_peers.hpp"
#include "net/transport/host_resolver.hpp"
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

namespace treadmill::replication {

namespace {

// ZMTP's limit for a routing identity; libzmq does not enforce it.
constexpr size_t longest_identity = 255;

// Time from the end of a frame inside libzmq until its last byte is in the system's buffer.
constexpr std::chrono::milliseconds writing_time{20};

std::string why_not_bound(const std::string& uri, int problem) {
  const std::string what = "cannot listen on " + uri + ": ";
  if (problem == EADDRINUSE) return what + "the address is already in use";
  if (problem == EADDRNOTAVAIL || problem == ENODEV)
    return what + "the address is none of this machine's";
  return what + std::generic_category().message(problem);
}

// The address to bind; libzmq accepts no host names.
std::optional<zmq_address> numeric(const zmq_address& address,
                                   const host_resolver::lookup& look_up) {
  if (address.host_kind != zmq_address::kind::name) return address;
  const auto found = look_up ? look_up(address.host) : look_up_host(address.host);
  if (found.empty()) return std::nullopt;
  // IPv4 first, like clients that connect to "localhost".
  const auto ipv4 = std::find_if(found.begin(), found.end(), [](const std::string& each) {
    return each.find(':') == std::string::npos;
  });
  if (ipv4 != found.end()) return zmq_address{zmq_address::kind::ipv4, *ipv4, address.port};
  return zmq_address{zmq_address::kind::ipv6, found.front(), address.port};
}

uint16_t port_of(const std::string& endpoint) {
  uint16_t port = 0;
  const size_t colon = endpoint.rfind(':');
  if (colon != std::string::npos)
    std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port);
  return port;
}

} // namespace

result<uint16_t> incoming_peers::bind(const zmq_address& to) {
  const auto address = numeric(to, context_.options.look_up);
  if (!address)
    return fail(ec::io_error, "cannot listen on " + to_string(to) + ": the name has no address");
  try {
    router_.emplace(context_, zmq::socket_type::router,
                    address->host_kind != zmq_address::kind::ipv4);
    // Makes sending to a peer that is gone an error, instead of silently dropping the frame.
    router_->zmq().set(zmq::sockopt::router_mandatory, true);
    router_->watch("incoming", ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
    router_->zmq().bind(to_string(*address));
    return port_of(router_->zmq().get(zmq::sockopt::last_endpoint));
  } catch (const zmq::error_t& problem) {
    router_.reset();
    return fail(ec::io_error, why_not_bound(to_string(to), problem.num()));
  }
}

void incoming_peers::add_poll_items(std::vector<zmq_pollitem_t>& items) {
  poll_index_ = items.size();
  if (!router_) return;
  items.push_back({router_->monitor().handle(), 0, ZMQ_POLLIN, 0});
  items.push_back({router_->zmq().handle(), 0, ZMQ_POLLIN, 0});
}

void incoming_peers::read(const std::vector<zmq_pollitem_t>& items) {
  if (!router_) return;
  if (items[poll_index_].revents != 0) read_events();
  if (items[poll_index_ + 1].revents != 0 || !gone_.empty()) read_frames();
}

void incoming_peers::read_events() {
  while (const auto event = router_->read_event()) {
    const int descriptor = static_cast<int>(event->value);
    if (event->what == ZMQ_EVENT_ACCEPTED) {
      accepted_[descriptor] = {peer_intake(descriptor, context_.now), 0};
      bound_accepted(descriptor);
    } else if (const auto found = accepted_.find(descriptor); found != accepted_.end()) {
      if (found->second.connection != 0) mark_gone(found->second.connection);
      accepted_.erase(found);
    }
  }
}

void incoming_peers::read_frames() {
  turn done;
  while (!done.is_over()) {
    if (router_->receive(identity_)) {
      done.took(take_message());
      continue;
    }
    // All frames that the lost connections had sent are delivered by now.
    for (const uint64_t connection : std::exchange(gone_, {})) lose(connection);
    return;
  }
}

// Takes the message whose identity part was just read. Returns its bytes on the wire.
uint64_t incoming_peers::take_message() {
  // This cannot happen: libzmq delivers the parts of a message together.
  if (!router_->receive(frame_)) return 0;
  const int descriptor = zmq_msg_get(frame_.handle(), ZMQ_SRCFD);
  const uint64_t rest = router_->skip_rest(frame_);
  const uint64_t bytes = bytes_of_part(frame_.size()) + rest;
  if (rest != 0 || identity_.size() > longest_identity) {
    ++context_.counters.refused_frames;
    if (identity_.size() > longest_identity)
      refuse(descriptor);
    else
      count_taken(identity_.to_string(), descriptor, bytes);
    return bytes;
  }
  const std::string identity = identity_.to_string();
  const uint64_t connection = connection_of(identity, descriptor);
  count_taken(identity, descriptor, bytes);
  if (connection != 0) forward(context_, connection, frame_);
  return bytes;
}

// Counts only for the identity's current TCP connection: the descriptor may already belong to
// another one.
void incoming_peers::count_taken(const std::string& identity, int descriptor, uint64_t bytes) {
  const auto known = identities_.find(identity);
  const auto socket = accepted_.find(descriptor);
  if (known != identities_.end() && socket != accepted_.end() &&
      socket->second.connection == known->second)
    socket->second.intake.took(bytes, context_.now);
}

// Returns 0 if the connection was hung up, or the transport is stopping.
uint64_t incoming_peers::connection_of(const std::string& identity, int descriptor) {
  if (const auto found = identities_.find(identity); found != identities_.end()) {
    const uint64_t connection = found->second;
    const incoming& known = incoming_.at(connection);
    if (known.descriptor == descriptor) return known.is_hung_up ? 0 : connection;
    lose(connection); // another connection has taken its identity
  }
  // If the descriptor belonged to another connection before, that one is gone and its event is
  // already queued.
  read_events();
  return add(identity, descriptor);
}

uint64_t incoming_peers::add(const std::string& identity, int descriptor) {
  const uint64_t connection = context_.commands.add_incoming();
  if (connection == 0) return 0;
  incoming_.emplace(connection, incoming{identity, descriptor, false, false});
  identities_.emplace(identity, connection);
  const auto found = accepted_.find(descriptor);
  if (found == accepted_.end()) {
    mark_gone(connection); // the peer sent this frame and disconnected
  } else {
    if (found->second.connection != 0) mark_gone(found->second.connection);
    found->second.connection = connection;
  }
  return connection;
}

void incoming_peers::refuse(int descriptor) {
  read_events(); // the connection may be new
  const auto found = accepted_.find(descriptor);
  if (found == accepted_.end() || found->second.intake.is_cut()) return;
  found->second.intake.cut();
  ++context_.counters.cut_connections;
}

// Above the limit, cuts one connection: the one silent for longest among those that have not sent a
// frame, or else among all. So a flood of connections cuts its own.
void incoming_peers::bound_accepted(int newest) {
  if (accepted_.size() <= context_.options.connections) return;
  size_t count = 0;
  accepted* chosen = nullptr;
  const auto key = [](const accepted& each) {
    return std::pair(each.connection != 0, each.intake.last_heard());
  };
  for (auto& [descriptor, each] : accepted_) {
    if (each.intake.is_cut()) continue;
    ++count;
    if (descriptor != newest && (chosen == nullptr || key(each) < key(*chosen))) chosen = &each;
  }
  if (chosen == nullptr || count <= context_.options.connections) return;
  chosen->intake.cut();
  ++context_.counters.cut_connections;
}

void incoming_peers::mark_gone(uint64_t connection) {
  const auto found = incoming_.find(connection);
  if (found == incoming_.end() || std::exchange(found->second.is_gone, true)) return;
  gone_.push_back(connection);
}

void incoming_peers::lose(uint64_t connection) {
  const auto found = incoming_.find(connection);
  if (found == incoming_.end()) return;
  const bool is_hung_up = found->second.is_hung_up;
  identities_.erase(found->second.identity);
  incoming_.erase(found);
  context_.commands.forget(connection);
  if (!is_hung_up) context_.handlers.lost(connection);
}

bool incoming_peers::send(uint64_t connection, std::unique_ptr<waiting_frame> frame) {
  const auto found = incoming_.find(connection);
  if (found == incoming_.end() || found->second.is_gone) return false;
  const std::string& identity = found->second.identity;
  if (zmq_send(router_->zmq().handle(), identity.data(), identity.size(),
               ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
    mark_gone(connection);
    return false;
  }
  return router_->send(std::move(frame));
}

void incoming_peers::hang_up(uint64_t connection, std::shared_ptr<waiting_bytes> waiting) {
  const auto found = incoming_.find(connection);
  if (found == incoming_.end()) return;
  found->second.is_hung_up = true;
  leaving_.push_back(
      {connection, std::move(waiting), context_.now + context_.options.linger, std::nullopt});
}

void incoming_peers::end_leaving() {
  std::erase_if(leaving_, [this](leaving& each) {
    const auto found = incoming_.find(each.connection);
    if (found == incoming_.end()) return true;
    const auto socket = accepted_.find(found->second.descriptor);
    if (socket == accepted_.end() || socket->second.connection != each.connection) return true;
    // libzmq may still have to write frames that it has taken. It writes as soon as the system
    // accepts more, so if nothing is in flight for `writing_time`, libzmq has written everything.
    const bool empty = each.waiting->now() == 0 && socket->second.intake.is_idle();
    if (!empty) {
      each.empty_since.reset();
    } else if (!each.empty_since) {
      each.empty_since = context_.now;
    } else if (context_.now - *each.empty_since >= writing_time) {
      socket->second.intake.end();
      return true;
    }
    if (context_.now < each.until) return false;
    socket->second.intake.cut();
    return true;
  });
}

void incoming_peers::add_intakes(std::vector<peer_intake*>& to) {
  for (auto& [descriptor, each] : accepted_) to.push_back(&each.intake);
}

} // namespace treadmill::replication
