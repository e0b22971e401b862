#pragma once
#include "net/http/byte_buffer.hpp"
#include "net/http/byte_channel.hpp"
#include "net/http/exchange.hpp"
#include "net/http/http_head.hpp"
#include "net/http/reactor.hpp"
#include "net/http/server_core.hpp"
#include <atomic>
#include <memory>
#include <string>

namespace treadmill::http {

/// One client's connection: a state machine that reads requests, submits them to the handler one at
/// a time, and sends the answers. It never blocks: when it cannot make progress it returns, and the
/// reactor runs it again on a socket event, an answer, a stream's wake-up or a deadline.
class connection final : public strand {
public:
  static constexpr uint32_t opened = signal::first_own_signal;        ///< a socket was assigned
  static constexpr uint32_t answered = signal::first_own_signal << 1; ///< answer or admission
  static constexpr uint32_t woken = signal::first_own_signal << 2;    ///< the stream has data
  static constexpr uint32_t ending = signal::first_own_signal << 3;   ///< the server stops

  explicit connection(server_core& core) : core_(core) {}
  ~connection() override;

  /// Takes ownership of a socket that came in at a door. **Thread**: the accepting one, and only
  /// while the connection is free.
  void submit(int socket, size_t door);

private:
  enum class phase {
    closed,
    head,      ///< reading a request's head, or waiting for one
    body,      ///< reading its body
    uploading, ///< giving its body to a sink, before the answer begins
    admission, ///< the body is complete; waiting until there is memory to handle the request
    handling,  ///< waiting for its answer
    streaming, ///< sending an answer that a stream produces piece by piece; the body may still go
               ///< to a sink
    finishing, ///< sending the remaining bytes; no more requests are read
    lingering, ///< everything is sent; discarding further input, so that closing does not reset the
               ///< connection
  };

  /// What the sink of the current body does.
  enum class sink_phase {
    open,    ///< takes pieces
    waiting, ///< has no room
    done,    ///< gets no more: it has the whole body, refused the rest, or the body broke off
  };

  /// Largest buffer that is kept between two requests.
  static constexpr size_t kept_buffer_bytes = 16 * 1024;
  /// Answers to pipelined requests are gathered up to this size before they are sent.
  static constexpr size_t gathered_bytes = 64 * 1024;

  void run(uint32_t signals) noexcept override;
  void open();
  void close();
  void reset_peer();
  void look_at_peer();
  void note_wake();

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
  void send_continue();
  void fill(http::request& request);
  void dispatch();
  bool admit_step();
  void hand_on();
  void take_back();
  void rest_buffer();
  void answer_unread(response&& answer);

  void offer_body();
  void begin_upload();
  bool upload_step();
  bool duplex_step();
  bool feed_sink();
  void give(std::string_view piece);
  void resume_sink();
  void heed(body_sink::state state);
  void charge_sink();
  result<void> decode();
  bool receive_more();
  void end_body();
  void cut_body();
  void fail_body(const error& problem);
  void end_sink();

  static response internal_error();
  void begin_answer(response&& answer);
  void begin_stream(std::unique_ptr<body_stream> stream);
  body_stream::state produce();
  void end_stream(bool complete);
  void refuse(const error& problem);
  void note_record(int status, std::string_view route, std::string_view method,
                   std::string_view path) noexcept;
  void next_request();
  bool give_way();
  bool flush();
  bool send_some();
  bool unsent() const { return !out_.empty() || !body_.empty(); }
  bool client_took_some();

  bool awaits_body() const;
  bool awaits_answer() const;
  bool awaits_results() const;
  clock::time_point answer_due() const;
  void check_time();
  void check_head_time();
  void check_body_time();
  void check_answer_time();
  clock::time_point due() const;

  server_core& core_;
  std::atomic<int> inbox_ = -1;
  std::atomic<size_t> door_ = 0; ///< set before inbox_
  byte_channel channel_;
  phase phase_ = phase::closed;
  bool readable_ = false;
  bool writable_ = false;
  bool peer_ended_ = false; ///< the client will send no more; unread input may remain
  bool read_all_ = false;   ///< all of the client's input was read
  bool counted_ = false;
  bool is_feed_ = false;
  std::string address_;
  clock::time_point now_{};

  // Received bytes: the current request begins at begin_, the valid bytes end at end_.
  byte_buffer in_;
  size_t begin_ = 0;
  size_t end_ = 0;
  head_scanner scanner_;
  request_head head_;
  const char* head_at_ = nullptr; ///< the address that the views of head_ point to
  size_t head_size_ = 0;
  size_t body_size_ = 0; ///< bytes of the body that have arrived; if chunked, decoded bytes
  size_t next_ = 0;      ///< where the bytes after this request begin
  chunk_reader chunks_{0};
  body_charge charge_;
  bool waits_for_request_ = true; ///< no byte of it has arrived
  clock::time_point
      since_{}; ///< when the current timeout began: idle, head, window of the body's rate, linger
  size_t window_bytes_ = 0;
  size_t requests_ = 0;
  std::shared_ptr<exchange> exchange_;
  client_presence client_; ///< of the current request; the next one reuses it if it is unused()

  // Bytes to send: out_ from out_sent_, then body_ from body_sent_.
  std::string out_;
  size_t out_sent_ = 0;
  std::string body_;
  size_t body_sent_ = 0;
  body_charge body_held_;           ///< of body_, until the client has taken it
  clock::time_point progress_at_{}; ///< when the client last took bytes, or sending began
  size_t untaken_ = 0;              ///< of the channel, at the last check
  bool close_after_ = false;
  bool head_request_ = false;
  bool answer_1_0_ = false;
  bool line_feed_ = false; ///< the answer ends with a line feed

  // The body that a sink takes: in_ holds decoded bytes from begin_ to ready_end_, and bytes that
  // are not decoded from next_ on.
  std::unique_ptr<body_sink> sink_;
  std::shared_ptr<std::atomic<bool>> sink_lives_;
  sink_phase sink_phase_ = sink_phase::open;
  bool sink_woken_ = false;
  clock::time_point sink_due_{}; ///< the work of the sink has to make progress by then
  size_t ready_end_ = 0;
  size_t body_left_ = 0; ///< bytes to come, if there is a Content-Length
  bool body_ended_ = false;

  std::unique_ptr<body_stream> stream_;
  std::shared_ptr<std::atomic<bool>> stream_lives_;
  bool stream_waits_ = false;
  clock::time_point arrival_{};
  std::string record_method_, record_path_, record_route_;
  int record_status_ = 0;
  size_t slice_ = 0;      ///< units of work done in this run
  size_t work_bytes_ = 0; ///< memory that the request in admission needs beside its body
  size_t drained_ = 0;
};

} // namespace treadmill::http
