#pragma once
#include "tests/unit/net/http/reason_form.hpp"
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <map>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

/// A client that sends bytes as they are told and reads answers with a deadline: for tests of what
/// no library would send.
namespace treadmill::test {

using namespace std::chrono_literals;

/// Polls `holds` until it is true or the time is over.
template<typename Condition>
bool eventually(Condition holds, std::chrono::milliseconds within = 20s) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

struct answer {
  int status = 0;                                  ///< 0: none came
  std::multimap<std::string, std::string> headers; ///< names in lower case
  std::string body;
  bool complete = false;

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  bool has(std::string_view text) const { return body.find(text) != std::string::npos; }
};

class raw_client {
public:
  /// `receive_buffer`: of the socket, where a test needs a small one.
  explicit raw_client(uint16_t port, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0)
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    connect(port);
  }
  /// A socket that connect() is to connect.
  static raw_client unconnected() { return raw_client(); }
  void connect(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (socket_ < 0 ||
        ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      if (socket_ >= 0) ::close(std::exchange(socket_, -1));
      throw std::runtime_error("cannot connect");
    }
  }
  raw_client(raw_client&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), buffer_(std::move(other.buffer_)) {}
  raw_client& operator=(raw_client&&) = delete;
  ~raw_client() {
    if (socket_ >= 0) ::close(socket_);
  }

  int socket() const { return socket_; }
  void end_output() { ::shutdown(socket_, SHUT_WR); }

  /// False: the server has closed the connection, or takes nothing for too long.
  bool send(std::string_view text, std::chrono::milliseconds within = 20s) {
    const auto end = std::chrono::steady_clock::now() + within;
    while (!text.empty()) {
      const ssize_t size = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size > 0) {
        text.remove_prefix(static_cast<size_t>(size));
      } else if (errno != EAGAIN && errno != EINTR) {
        return false;
      } else if (!wait(POLLOUT, end)) {
        return false;
      }
    }
    return true;
  }

  /// Reads what is there, waiting for at least a byte. False: the connection ended, or the time is
  /// over.
  bool receive(std::chrono::milliseconds within = 20s) {
    const auto end = std::chrono::steady_clock::now() + within;
    char piece[65536];
    for (;;) {
      const ssize_t size = ::recv(socket_, piece, sizeof piece, MSG_DONTWAIT);
      if (size > 0) {
        buffer_.append(piece, static_cast<size_t>(size));
        return true;
      }
      if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        was_reset_ = size < 0;
        ended_ = true;
        return false;
      }
      if (!wait(POLLIN, end)) return false;
    }
  }
  bool ended() const { return ended_; }
  bool was_reset() const { return was_reset_; }
  /// What has been received and not been read as an answer.
  std::string& buffer() { return buffer_; }

  /// True: the server closed the connection in time. What came before it is in the buffer.
  bool wait_for_end(std::chrono::milliseconds within = 20s) {
    const auto end = std::chrono::steady_clock::now() + within;
    while (std::chrono::steady_clock::now() < end)
      if (!receive(std::chrono::duration_cast<std::chrono::milliseconds>(
              end - std::chrono::steady_clock::now())))
        return ended_;
    return false;
  }

  bool receive_until(std::string_view text, std::chrono::milliseconds within = 20s) {
    const auto end = std::chrono::steady_clock::now() + within;
    while (buffer_.find(text) == std::string::npos) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      if (left <= 0ms || !receive(left)) return false;
    }
    return true;
  }

  /// Reads one answer with its body. `to_head`: to a HEAD request, so that no body follows.
  answer read(bool to_head = false, std::chrono::milliseconds within = 20s) {
    answer got;
    if (!receive_until("\r\n\r\n", within)) return got;
    const size_t end = buffer_.find("\r\n\r\n") + 4;
    read_head(got, buffer_.substr(0, end));
    buffer_.erase(0, end);
    if (to_head || got.status == 304 || got.status == 204 || got.status == 100) {
      got.complete = true;
    } else if (got.header("transfer-encoding") == "chunked") {
      got.complete = read_chunks(got.body, within);
    } else if (got.headers.count("content-length")) {
      const size_t size = std::stoul(got.header("content-length"));
      while (buffer_.size() < size && receive(within)) {
      }
      got.body = buffer_.substr(0, size);
      got.complete = got.body.size() == size;
      buffer_.erase(0, got.body.size());
    } else {
      got.complete = wait_for_end(within) && !was_reset_;
      got.body = std::exchange(buffer_, {});
    }
    tests::check_reasons(got.body);
    return got;
  }

  answer request(std::string_view text, bool to_head = false) {
    send(text);
    return read(to_head);
  }
  answer get(const std::string& path) {
    return request("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
  }

  /// Reads the next chunk of an answer. "": the last one, or none came.
  std::string read_chunk(std::chrono::milliseconds within = 20s) {
    if (!receive_until("\r\n", within)) return {};
    const size_t line = buffer_.find("\r\n") + 2;
    const size_t size = std::stoul(buffer_.substr(0, line), nullptr, 16);
    while (buffer_.size() < line + size + 2)
      if (!receive(within)) return {};
    std::string chunk = buffer_.substr(line, size);
    buffer_.erase(0, line + size + 2);
    last_chunk_ = size == 0;
    return chunk;
  }
  bool had_last_chunk() const { return last_chunk_; }

private:
  raw_client() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}

  bool wait(short events, std::chrono::steady_clock::time_point end) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd wanted{socket_, events, 0};
    return left > 0ms && ::poll(&wanted, 1, static_cast<int>(left.count()) + 1) > 0;
  }

  static void read_head(answer& got, const std::string& head) {
    if (head.size() > 12) got.status = std::atoi(head.c_str() + 9);
    size_t at = head.find("\r\n") + 2;
    while (at < head.size() - 2) {
      const size_t end = head.find("\r\n", at);
      const size_t colon = head.find(": ", at);
      std::string name = head.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      got.headers.emplace(name, head.substr(colon + 2, end - colon - 2));
      at = end + 2;
    }
  }

  bool read_chunks(std::string& body, std::chrono::milliseconds within) {
    last_chunk_ = false;
    for (;;) {
      const std::string chunk = read_chunk(within);
      if (last_chunk_) return true;
      if (chunk.empty()) return false;
      body += chunk;
    }
  }

  int socket_;
  std::string buffer_;
  bool ended_ = false;
  bool was_reset_ = false;
  bool last_chunk_ = false;
};

} // namespace treadmill::test
