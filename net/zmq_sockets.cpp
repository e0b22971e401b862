#include "net/zmq_sockets.hpp"
#include "net/peer_intake.hpp"
#include <cstring>
#include <utility>

namespace treadmill::replication {

namespace {

using std::chrono::milliseconds;

// Intervals without a sign of life, after which a connection is given up.
constexpr int missed_heartbeats = 3;

int count_of(milliseconds time) { return static_cast<int>(time.count()); }

bool receive_from(zmq::socket_t& socket, zmq::message_t& to) {
  // Not cppzmq's: an interrupted system call is no exception here, the next turn tries again.
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
  socket_.set(zmq::sockopt::linger, 0); // until it has something to send
  socket_.set(zmq::sockopt::ipv6, ipv6);
  socket_.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(options.message_bytes));
  // What waits is bounded in bytes instead, on its way out (peer_outbox.hpp) and in
  // (peer_intake.hpp). Besides, libzmq (4.3.4 as 4.3.5) ends the process where a connection that it
  // has stopped reading at its bound is reset, and a ZMTP heartbeat of either side follows. So it
  // has no bound, and the system gives the heartbeats.
  socket_.set(zmq::sockopt::rcvhwm, 0);
  socket_.set(zmq::sockopt::sndhwm, 0);
  socket_.set(zmq::sockopt::handshake_ivl, count_of(options.handshake));
  const int interval =
      static_cast<int>(std::chrono::ceil<std::chrono::seconds>(options.heartbeat).count());
  socket_.set(zmq::sockopt::tcp_keepalive, 1);
  socket_.set(zmq::sockopt::tcp_keepalive_idle, interval);
  socket_.set(zmq::sockopt::tcp_keepalive_intvl, interval);
  socket_.set(zmq::sockopt::tcp_keepalive_cnt, missed_heartbeats - 1);
  // The same for a connection on which something is on its way.
  socket_.set(zmq::sockopt::tcp_maxrt, interval * missed_heartbeats * 1000);
  // Nobody answers for this domain, which libzmq takes for a yes. But it then refuses peers of ZMTP
  // 1 and 2, at whose greeting it ends the process (4.3.4) where the socket is being closed.
  socket_.set(zmq::sockopt::zap_domain, "treadmill");
}

peer_socket::~peer_socket() {
  // The monitor first, at the end that libzmq writes to: without a reader that would wait for ever.
  if (monitor_) zmq_socket_monitor(socket_.handle(), nullptr, 0);
  const int linger = count_of(linger_);
  zmq_setsockopt(socket_.handle(), ZMQ_LINGER, &linger, sizeof linger);
}

void peer_socket::watch(const std::string& name, int events) {
  const std::string address = "inproc://" + name;
  if (zmq_socket_monitor(socket_.handle(), address.c_str(), events) != 0) throw zmq::error_t();
  monitor_ = zmq::socket_t(context_, zmq::socket_type::pair);
  // Without a bound: at one, the thread of libzmq that tells events would wait for this one.
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
  while (part.more() && receive_from(monitor_, part)) { // the address
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

void hand_over(transport_context& context, uint64_t connection, const zmq::message_t& frame) {
  ++context.counters.frames_in;
  context.counters.bytes_in += frame.size();
  context.handlers.received(connection,
                            std::string(static_cast<const char*>(frame.data()), frame.size()));
}

} // namespace treadmill::replication
