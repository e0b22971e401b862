#include "net/transport/zmq_sockets.hpp"
#include "net/transport/peer_intake.hpp"
#include <cstring>
#include <utility>

namespace treadmill::replication {

namespace {

using std::chrono::milliseconds;

// A connection is closed after this many heartbeat intervals without an answer.
constexpr int missed_heartbeats = 3;

int count_of(milliseconds time) { return static_cast<int>(time.count()); }

bool receive_from(zmq::socket_t& socket, zmq::message_t& to) {
  // Not cppzmq's receive, which throws if a system call is interrupted; here the next turn tries
  // again.
  return zmq_msg_recv(to.handle(), socket.handle(), ZMQ_DONTWAIT) >= 0;
}

void end_frame(void*, void* frame) {
  const std::unique_ptr<waiting_frame> own(static_cast<waiting_frame*>(frame));
  [[maybe_unused]] const bool ordered = own->was_given_away();
}

} // namespace

peer_socket::peer_socket(transport_context& context, zmq::socket_type type, bool ipv6)
    : context_(context.zmq), linger_(context.options.linger), socket_(context.zmq, type) {
  const transport_options& options = context.options;
  socket_.set(zmq::sockopt::linger, 0); // the destructor sets the final value
  socket_.set(zmq::sockopt::ipv6, ipv6);
  socket_.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(options.message_bytes));
  // No high-water mark: waiting frames are bounded in bytes instead, outgoing by peer_outbox.hpp
  // and incoming by peer_intake.hpp. Besides, libzmq (4.3.4 and 4.3.5) aborts the process if it has
  // stopped reading a connection at that mark, the connection is reset, and a ZMTP heartbeat of
  // either side follows. So TCP keepalive replaces ZMTP heartbeats.
  socket_.set(zmq::sockopt::rcvhwm, 0);
  socket_.set(zmq::sockopt::sndhwm, 0);
  socket_.set(zmq::sockopt::handshake_ivl, count_of(options.handshake));
  const int interval =
      static_cast<int>(std::chrono::ceil<std::chrono::seconds>(options.heartbeat).count());
  socket_.set(zmq::sockopt::tcp_keepalive, 1);
  socket_.set(zmq::sockopt::tcp_keepalive_idle, interval);
  socket_.set(zmq::sockopt::tcp_keepalive_intvl, interval);
  socket_.set(zmq::sockopt::tcp_keepalive_cnt, missed_heartbeats - 1);
  // The same limit for a connection with unconfirmed data.
  socket_.set(zmq::sockopt::tcp_maxrt, interval * missed_heartbeats * 1000);
  // No ZAP handler exists for this domain, which libzmq treats as permission. But with a domain
  // set, libzmq refuses peers of ZMTP 1 and 2, whose greeting aborts the process (4.3.4) if the
  // socket is being closed.
  socket_.set(zmq::sockopt::zap_domain, "treadmill");
}

peer_socket::~peer_socket() {
  // Stop the monitor first, at libzmq's end: without a reader that end would wait forever.
  if (monitor_) zmq_socket_monitor(socket_.handle(), nullptr, 0);
  const int linger = count_of(linger_);
  zmq_setsockopt(socket_.handle(), ZMQ_LINGER, &linger, sizeof linger);
}

void peer_socket::watch(const std::string& name, int events) {
  const std::string address = "inproc://" + name;
  if (zmq_socket_monitor(socket_.handle(), address.c_str(), events) != 0) throw zmq::error_t();
  monitor_ = zmq::socket_t(context_, zmq::socket_type::pair);
  // No high-water mark: at one, libzmq's thread would block until this thread reads the events.
  monitor_.set(zmq::sockopt::rcvhwm, 0);
  monitor_.set(zmq::sockopt::linger, 0);
  monitor_.connect(address);
}

std::optional<monitor_event> peer_socket::read_event() {
  zmq::message_t part;
  if (!receive_from(monitor_, part)) return std::nullopt;
  monitor_event event;
  if (part.size() >= sizeof event.what + sizeof event.value) {
    const char* bytes = static_cast<const char*>(part.data());
    std::memcpy(&event.what, bytes, sizeof event.what);
    std::memcpy(&event.value, bytes + sizeof event.what, sizeof event.value);
  }
  while (part.more() && receive_from(monitor_, part)) { // skip the address
  }
  return event;
}

bool peer_socket::receive(zmq::message_t& to) { return receive_from(socket_, to); }

uint64_t peer_socket::skip_rest(const zmq::message_t& last) {
  uint64_t bytes = 0;
  zmq::message_t part;
  for (bool more = last.more(); more && receive_from(socket_, part); more = part.more())
    bytes += bytes_of_part(part.size());
  return bytes;
}

bool peer_socket::send(std::unique_ptr<waiting_frame> frame) {
  char* const bytes = frame->bytes().data();
  const size_t size = frame->bytes().size();
  frame->give_away();
  zmq::message_t message(bytes, size, end_frame, frame.get());
  [[maybe_unused]] const waiting_frame* const given = frame.release();
  return zmq_msg_send(message.handle(), socket_.handle(), ZMQ_DONTWAIT) >= 0;
}

void forward(transport_context& context, uint64_t connection, const zmq::message_t& frame) {
  ++context.counters.frames_in;
  context.counters.bytes_in += frame.size();
  context.handlers.received(connection,
                            std::string(static_cast<const char*>(frame.data()), frame.size()));
}

} // namespace treadmill::replication
