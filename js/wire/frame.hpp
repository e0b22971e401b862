#pragma once
#include "js/wire/defaults.hpp"
#include "js/wire/jobs.hpp"
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The protocol of a pool and its workers: frames over a stream socket. A frame is a length (4
/// bytes, big-endian, of the rest of the frame), a type (1 byte) and a payload. js/README.md has
/// the table. Every decoder is total: any bytes give a value or an error, and no length is trusted
/// before that many bytes have arrived.
namespace treadmill::js {

/// The limits that a worker gets at its start.
struct worker_limits {
  uint32_t parent = 0; ///< process id of the pool's process
  bool jitless = false;
  uint64_t document_cpu_ms = 0;
  uint64_t heap_bytes = 0;
  uint64_t address_space_bytes = 0; ///< 0: no limit
  uint64_t array_buffer_bytes = 0;
  uint64_t rows_per_document = 0;
  uint64_t row_bytes = 0;
  uint64_t answer_bytes = 0;
  uint64_t document_rows_bytes = 0;
  bool operator==(const worker_limits&) const = default;
};

/// Requests: pool to worker. Views are into the frame.
struct start_request {
  worker_limits limits;
};
struct define_request {
  uint64_t function = 0;
  kind what = kind::map;
  std::string_view text;
};
struct forget_request {
  uint64_t function = 0;
};
struct map_request {
  uint64_t request = 0;
  uint64_t function = 0;
  std::vector<std::string_view> documents; ///< JSON texts with id and rev
};
struct reduce_request {
  struct call {
    bool rereduce = false;
    std::string_view keys;   ///< JSON text: an array, or null
    std::string_view values; ///< JSON text: an array
  };
  uint64_t request = 0;
  uint64_t function = 0;
  std::vector<call> calls;
};
using request_frame =
    std::variant<start_request, define_request, forget_request, map_request, reduce_request>;

void put_start(std::string& out, const worker_limits& limits);
void put_define(std::string& out, const function& what);
void put_forget(std::string& out, uint64_t function);
void put_map(std::string& out, uint64_t request, uint64_t function,
             std::span<const document> documents);
void put_reduce(std::string& out, uint64_t request, uint64_t function,
                std::span<const reduce_call> calls);

/// `frame`: type and payload. nullopt: it is not a valid request.
std::optional<request_frame> read_request(std::string_view frame);

/// Replies: worker to pool.
struct ready_reply {
  std::string engine; ///< version of V8
};
struct failed_reply { ///< the worker cannot start
  std::string message;
};
struct refused_reply { ///< the text is not a valid function
  uint64_t request = 0;
  std::string message;
};
struct answer_reply { ///< for the first items of a request; a reduction's value is the key of its
                      ///< row
  uint64_t request = 0;
  std::vector<mapped> items;
};
using reply_frame = std::variant<ready_reply, failed_reply, refused_reply, answer_reply>;

void put_ready(std::string& out, std::string_view engine);
void put_failed(std::string& out, std::string_view message);
void put_refused(std::string& out, uint64_t request, std::string_view message);

/// Writes an answer piece by piece, without intermediate copies.
class answer_writer {
public:
  answer_writer(std::string& out, uint64_t request);
  void fault_item(fault problem, std::string_view message);
  /// `rows`: as put_row wrote them.
  void rows_item(bool emitted, uint32_t count, std::string_view rows);
  void finish(); ///< call once, at the end
  static void put_row(std::string& rows, std::string_view key, std::string_view value);

private:
  std::string& out_;
  size_t begin_;
};

/// Most items and rows of a valid reply: short ones take more memory than their frame bytes.
struct reply_bounds {
  size_t items = 0; ///< of one answer
  size_t rows = 0;  ///< of one item
};
std::optional<reply_frame> read_reply(std::string_view frame, reply_bounds bounds);

/// Empties a buffer of written frames. To assign an empty string would keep the memory of a large
/// one.
inline void empty_buffer(std::string& out) {
  out.clear();
  if (out.capacity() > 4 * defaults::mebibyte) std::string().swap(out);
}

/// Cuts the bytes of a stream socket into frames.
class frame_buffer {
public:
  /// `limit`: bytes of the largest frame.
  explicit frame_buffer(size_t limit) : limit_(limit) {}

  enum class state : uint8_t { incomplete, frame, broken };

  /// Space for the next bytes; never empty. Invalidates the frame that next() gave.
  std::span<char> room();
  void filled(size_t bytes) { end_ += bytes; }
  /// The next frame (type and payload), valid until room() is called. `broken`: its length is 0 or
  /// over the limit; the buffer stays broken.
  state next(std::string_view& frame);
  void clear();
  /// The memory that it holds.
  size_t held_bytes() const { return bytes_.capacity(); }

private:
  void free_bytes();

  size_t limit_;
  std::vector<char> bytes_{};
  size_t begin_ = 0;
  size_t end_ = 0;
};

/// The text, cut to at most `limit` bytes at the end of a character.
std::string_view cut_text(std::string_view text, size_t limit);

} // namespace treadmill::js
