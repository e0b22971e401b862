#include "net/http/http_listener.hpp"
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <httplib.h>
#include <netdb.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace treadmill::http {

namespace {

// Runs each task on the accepting thread, which therefore passes the sockets on itself.
class inline_queue final : public httplib::TaskQueue {
public:
  void enqueue(std::function<void()> task) override { task(); }
  void shutdown() override {}
};

std::string why_not_bound(const std::string& host, uint16_t port, int problem) {
  const bool is_v6 = host.find(':') != std::string::npos;
  const std::string address = (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int unresolved = getaddrinfo(host.c_str(), nullptr, &hints, &found); unresolved != 0)
    return "cannot listen on " + address + ": " + gai_strerror(unresolved);
  freeaddrinfo(found);
  if (problem == EADDRINUSE)
    return "cannot listen on " + address + ": the address is already in use";
  if (problem == 0) return "cannot listen on " + address;
  return "cannot listen on " + address + ": " + std::generic_category().message(problem);
}

} // namespace

class listener::library final : public httplib::Server {
public:
  explicit library(std::function<void(int)> accepted) : accepted_(std::move(accepted)) {
    new_task_queue = [] { return new inline_queue; };
    set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
  }

  ~library() override {
    if (socket_ >= 0) ::close(socket_);
    if (!ran_ && svr_sock_ != INVALID_SOCKET) ::close(svr_sock_);
  }

  result<uint16_t> bind(const std::string& host, uint16_t port, int backlog) {
    errno = 0;
    const int bound = port == 0 ? bind_to_any_port(host) : (bind_to_port(host, port) ? port : -1);
    const int problem = errno;
    if (bound <= 0) return fail(ec::io_error, why_not_bound(host, port, problem));
    // The library's own backlog is 5.
    ::listen(svr_sock_, backlog);
    // A second descriptor of the same socket: the library closes its own even on transient errors.
    socket_ = ::fcntl(svr_sock_, F_DUPFD_CLOEXEC, 0);
    if (socket_ < 0) {
      ::close(svr_sock_.exchange(INVALID_SOCKET));
      return fail(ec::io_error, "cannot listen: there are no file descriptors left");
    }
    return static_cast<uint16_t>(bound);
  }

  void run() {
    ran_ = true;
    while (!closed_) {
      listen_after_bind(); // returns, with its descriptor closed, on any error of accept
      if (closed_) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      // The library itself waits when accept() finds no free descriptor. socket_ stays open here,
      // because close() calls shutdown() on it.
      for (int again = -1; again < 0 && !closed_;) {
        again = ::fcntl(socket_, F_DUPFD_CLOEXEC, 0);
        if (again >= 0)
          svr_sock_ = again;
        else
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
  }

  // Does not call the library's stop(), which closes a descriptor that another thread is using.
  // After the shutdown accept() fails and run() returns.
  void close() {
    closed_ = true;
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
  }

private:
  bool process_and_close_socket(socket_t socket) override {
    accepted_(socket);
    return true;
  }

  std::function<void(int)> accepted_;
  int socket_ = -1;
  bool ran_ = false;
  std::atomic<bool> closed_ = false;
};

listener::listener(std::function<void(int)> accepted)
    : library_(std::make_unique<library>(std::move(accepted))) {}
listener::~listener() = default;

result<uint16_t> listener::bind(const std::string& host, uint16_t port, int backlog) {
  return library_->bind(host, port, backlog);
}
void listener::run() { library_->run(); }
void listener::close() { library_->close(); }

} // namespace treadmill::http
