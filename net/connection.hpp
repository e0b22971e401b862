#pragma once
#include "net/http_head.hpp"
#include "net/reactor.hpp"
#include "net/server_core.hpp"
#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace treadmill::http {

/// Bytes that stay where they are when the buffer is moved: views into it outlive the move.
class byte_buffer {
public:
  byte_buffer() = default;
  byte_buffer(byte_buffer&& from) noexcept
      : data_(std::move(from.data_)), capacity_(std::exchange(from.capacity_, 0)) {}
  byte_buffer& operator=(byte_buffer&& from) noexcept {
    data_ = std::move(from.data_);
    capacity_ = std::exchange(from.capacity_, 0);
    return *this;
  }
  char* data() const { return data_.get(); }
  size_t capacity() const { return capacity_; }
  void grow(size_t capacity, size_t keep_from,
            size_t keep_to); ///< what is kept is moved to the front
  void free() { *this = byte_buffer(); }

private:
  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
};

/// One request on its way to its answer, shared by its connection and its responder. It owns the
/// request's bytes, so that a handler that is late can read them although the connection has gone.
class exchange {
public:
  exchange(std::weak_ptr<server_core> core, connection& origin)
      : core_(std::move(core)), origin_(&origin) {}

  /// Takes the answer, if the connection still waits for it, and wakes the connection. **Thread**:
  /// any.
  void answer(response&& answer);
  /// Whether the answer is there. **Thread**: the connection.
  bool answered() const { return state_.load(std::memory_order_acquire) == state::answered; }
  /// The connection waits no longer. False: the answer is just being given. **Thread**: the
  /// connection.
  bool abandon();

  http::request request;
  std::string remote_address;
  byte_buffer bytes;
  body_charge charge;
  work_place work;
  response answer_given; ///< once `answered`

private:
  enum class state { waiting, answering, answered, abandoned };
  std::atomic<state> state_ = state::waiting;
  std::weak_ptr<server_core> core_;
  connection* origin_;
};

/// One client's connection: a state machine that reads requests, hands them over one at a time, and
/// sends the answers. It never waits: when it can go no further it returns, and the reactor runs it
/// again when a socket, an answer, a stream or a deadline moves it on.
class connection final : public strand {
public:
  static constexpr uint32_t opened = signal::first_own_signal;        ///< a socket was handed over
  static constexpr uint32_t answered = signal::first_own_signal << 1; ///< the responder was called
  static constexpr uint32_t woken = signal::first_own_signal << 2;    ///< the stream has something
  static constexpr uint32_t ending = signal::first_own_signal << 3;   ///< the server stops

  explicit connection(server_core& core) : core_(core) {}
  ~connection() override;

  /// Takes a socket, which it owns from here on. **Thread**: the accepting one; only while the
  /// connection is free.
  void hand_over(int socket);

private:
  enum class phase {
    closed,
    head,      ///< reading a request's head, or waiting for one
    body,      ///< reading its body
    admission, ///< it has come, and waits until there is memory to handle it
    handling,  ///< waiting for its answer
    streaming, ///< sending an answer that is made piece by piece
    finishing, ///< sending what is left, then no more requests
    lingering, ///< everything is sent; what the client still sends is thrown away, so that it is
               ///< not reset
  };

  /// How large buffers may stay between two requests.
  static constexpr size_t kept_buffer_bytes = 16 * 1024;
  /// Answers to pipelined requests are gathered up to this size before they are sent.
  static constexpr size_t gathered_bytes = 64 * 1024;

  void run(uint32_t signals) noexcept override;
  void open();
  void close();
  void reset_peer();
  void look_at_peer();

  void advance();
  bool read_head_step();
  bool read_body_step();
  bool handle_step();
  bool stream_step();
  bool stream_rest();
  bool finish_step();
  bool linger_step();

  bool receive();
  bool make_room();
  std::string_view received(size_t from, size_t to) const { return {in_.data() + from, to - from}; }
  result<void> begin_body(size_t head_size);
  result<bool> body_is_whole();
  void dispatch();
  bool admit_step();
  void hand_on();
  void take_back();

  void begin_answer(response&& answer);
  void begin_stream(std::unique_ptr<body_stream> stream);
  body_stream::state produce();
  void end_stream(bool complete);
  void refuse(const error& problem);
  void time_out_request();
  void note_record(int status, std::string_view route, std::string_view method,
                   std::string_view path) noexcept;
  void next_request();
  bool give_way();
  bool flush();
  bool send_some();
  bool unsent() const { return !out_.empty() || !body_.empty(); }
  bool client_took_some();

  void check_time();
  clock::time_point due() const;

  server_core& core_;
  std::atomic<int> inbox_ = -1;
  int socket_ = -1;
  phase phase_ = phase::closed;
  bool readable_ = false;
  bool writable_ = false;
  bool peer_ended_ = false; ///< it will send no more, though not all may be read yet
  bool read_all_ = false;   ///< and all that it sent is read
  bool counted_ = false;
  bool is_feed_ = false;
  std::string address_;
  clock::time_point now_{};

  // What was received. The request begins at begin_, what is filled ends at end_.
  byte_buffer in_;
  size_t begin_ = 0;
  size_t end_ = 0;
  head_scanner scanner_;
  request_head head_;
  const char* head_at_ = nullptr; ///< where the views of head_ point
  size_t head_size_ = 0;
  size_t body_size_ = 0; ///< of the whole body; while chunks are read, of what was decoded
  size_t next_ = 0;      ///< where what follows this request begins
  chunk_reader chunks_{0};
  body_charge charge_;
  bool waits_for_request_ = true; ///< no byte of it has come
  clock::time_point
      since_{}; ///< of the phase: idle, first byte of the head, window of the body's rate
  size_t window_bytes_ = 0;
  size_t requests_ = 0;
  std::shared_ptr<exchange> exchange_;
  client_presence client_; ///< of the request that is being handled, or to be used again

  // What is to be sent: out_ from out_sent_, then body_ from body_sent_.
  std::string out_;
  size_t out_sent_ = 0;
  std::string body_;
  size_t body_sent_ = 0;
  body_charge body_held_;           ///< of body_, which its client takes when it likes
  clock::time_point progress_at_{}; ///< the last time that the client took something
  int kernel_held_ = 0;             ///< bytes that the kernel still held then
  bool close_after_ = false;
  bool head_request_ = false;
  bool answer_1_0_ = false;
  bool line_feed_ = false; ///< ends the answer

  std::unique_ptr<body_stream> stream_;
  std::shared_ptr<std::atomic<bool>> stream_lives_;
  bool stream_waits_ = false;
  clock::time_point arrival_{};
  std::string record_method_, record_path_, record_route_;
  int record_status_ = 0;
  size_t slice_ = 0;      ///< work of this run
  size_t work_bytes_ = 0; ///< of the request that waits for its admission
  size_t drained_ = 0;
};

} // namespace treadmill::http
