#pragma once
#include "net/base/waker.hpp"
#include "net/http/http.hpp"
#include "storage/base/result.hpp"
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace treadmill::api {

/// A body of lines that is handled batch by batch while it arrives. It gathers whole lines, and
/// submits one batch at a time, in order: the next one gathers while the one before is handled, and
/// when that is full too, the client has to wait. So the body may have any length.
///
/// **Lifetime**: shared by its sink, the callbacks of its batches and the stream of its answer.
/// **Thread**: batch_done, memory and wake from any; all else from the connection, so that batches
/// are parsed on its threads and not on those that answer a batch.
/// **Errors**: the first batch that fails ends the upload; the batches before it stay applied.
/// **Units and limits**: a batch has at most `batch_lines` lines, and `batch_bytes` bytes with the
/// exception of its last line; a line has at most `line_limit` bytes.
class line_upload : public std::enable_shared_from_this<line_upload> {
public:
  static constexpr size_t batch_bytes = 512 * 1024;
  static constexpr size_t batch_lines = 1000;

  virtual ~line_upload() = default;
  line_upload(const line_upload&) = delete;
  line_upload& operator=(const line_upload&) = delete;

  virtual void start(http::responder answer) = 0;
  // As the members of body_sink:
  void wake_with(const waker& wake) { wake_ = wake; } ///< before `start`
  http::body_sink::state take(std::string_view piece);
  http::body_sink::state resume();
  void end();
  void fail(const error& problem); ///< drops what was not submitted
  size_t memory() const;
  /// Nobody waits for the answer: the upload drops what was not submitted, and answers nothing. The
  /// batch that is being handled may still be applied.
  void drop();

protected:
  struct batch {
    std::string text;
    size_t first_line = 1;
    size_t last_line = 1;

    /// The error of the whole batch, with its lines in the reason.
    error fault(const error& problem) const;
  };
  explicit line_upload(size_t line_limit) : line_limit_(line_limit) {}

  /// Handles a batch and calls `batch_done`, before or after it returns, from any thread.
  virtual void submit(batch lines) = 0;
  /// True: the next batch has to wait until `wake` is called. It must not call this object.
  virtual bool is_full() const { return false; }
  /// Bytes of memory that the results take. It must not call this object.
  virtual size_t result_bytes() const { return 0; }
  /// Called once, when no batch is being handled any more. `ec::none`: all lines were handled.
  virtual void finish(const error& problem) = 0;

  void batch_done(result<void> done);
  void wake() const { wake_(); }

private:
  void look_for_lines(size_t from);
  batch cut();
  void discard();
  void submit_next(std::unique_lock<std::mutex>& lock);
  http::body_sink::state state() const;

  const size_t line_limit_;
  waker wake_{};
  mutable std::mutex mutex_{};
  std::string gathered_{};
  size_t whole_ = 0;      ///< bytes of its whole lines
  size_t lines_ = 0;      ///< number of those
  size_t first_line_ = 1; ///< number of its first line
  error problem_{ec::none, {}};
  size_t work_ = 0;   ///< memory for the batch that is being handled
  bool busy_ = false; ///< a batch is being handled
  bool ended_ = false;
  bool dropped_ = false;
  bool finished_ = false;
};

/// The sink of an upload. `takes_small`: as body_sink::takes_small.
std::unique_ptr<http::body_sink> sink_of(std::shared_ptr<line_upload> upload, bool takes_small);

} // namespace treadmill::api
