#include "net/http/http_listener.hpp"
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <httplib.h>
#include <netdb.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace treadmill::http {

namespace {

// The library reads a request from `in` and writes the head of its answer to `out`: no socket is
// involved.
class memory_stream final : public httplib::Stream {
public:
  memory_stream(std::string_view in, std::string& out) : in_(in), out_(out) {}
  using httplib::Stream::write;

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    size = std::min(size, in_.size());
    std::memcpy(to, in_.data(), size);
    in_.remove_prefix(size);
    return static_cast<ssize_t>(size);
  }
  ssize_t write(const char* from, size_t size) override {
    out_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int& port) const override { port = 0; }
  void get_local_ip_and_port(std::string&, int& port) const override { port = 0; }
  // The library refuses sockets that do not fit in a select(); 0 always fits.
  socket_t socket() const override { return 0; }

private:
  std::string_view in_;
  std::string& out_;
};

// Runs each task on the accepting thread, which therefore passes the sockets on itself.
class inline_queue final : public httplib::TaskQueue {
public:
  void enqueue(std::function<void()> task) override { task(); }
  void shutdown() override {}
};

constexpr std::string_view line_end = "\r\n";

// The head that the library is writing on this thread: the library passes no context to its
// handlers.
thread_local const answer_head* current_head = nullptr;

void fill(httplib::Response& answer) {
  const answer_head& head = *current_head;
  answer.status = head.status;
  answer.set_header("X-Content-Type-Options", "nosniff");
  if (!head.content_type.empty()) answer.set_header("Content-Type", std::string(head.content_type));
  if (head.headers)
    for (const auto& [name, value] : *head.headers) answer.set_header(name, value);
  if (head.content_length)
    answer.set_header("Content-Length", std::to_string(*head.content_length));
  if (head.chunked) answer.set_header("Transfer-Encoding", "chunked");
}

// Corrects the headers that the library adds. It sees no body (the connection sends that), and it
// is always told to close, so that it adds no Keep-Alive header.
void correct(httplib::Response& answer) {
  const answer_head& head = *current_head;
  if (!head.content_length) answer.headers.erase("Content-Length");
  answer.headers.erase("Accept-Ranges");
  if (head.close) return;
  answer.headers.erase("Connection");
  if (head.http_1_0) answer.set_header("Connection", "keep-alive");
}

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
    set_pre_routing_handler([](const httplib::Request&, httplib::Response& answer) {
      fill(answer);
      return HandlerResponse::Handled;
    });
    set_post_routing_handler(
        [](const httplib::Request&, httplib::Response& answer) { correct(answer); });
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

  void write_head(std::string& out, const answer_head& head) {
    // http_head.hpp has read the real request. The library needs some request to answer, and it
    // adds nothing to the answer of this one.
    memory_stream stream("GET / HTTP/1.1\r\n\r\n", out);
    bool closed = false;
    current_head = &head;
    process_request(stream, true, closed, nullptr);
    current_head = nullptr;
    // Insert Date before the empty line: this takes a tenth of the time that the library takes for
    // a header.
    out.resize(out.size() - line_end.size());
    out.append("Date: ").append(head.date).append(line_end).append(line_end);
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
void listener::write_head(std::string& out, const answer_head& head) {
  library_->write_head(out, head);
}

} // namespace treadmill::http
