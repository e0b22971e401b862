#pragma once
#include "storage/base/result.hpp"
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill::http {

/// What the headers of a part say.
struct part_head {
  std::string content_type; ///< "" if it is absent
  std::string encoding;     ///< Content-Encoding, lower case; "" if it is absent
  std::string file_name;    ///< of Content-Disposition; "" if there is none, or it cannot be read
  std::optional<uint64_t> length{}; ///< Content-Length
  friend bool operator==(const part_head&, const part_head&) = default;
};

/// Receives the parts of a body, in order. An error ends the reading.
class part_receiver {
public:
  virtual ~part_receiver() = default;
  virtual result<void> begin_part(const part_head& head) = 0;
  virtual result<void> part_data(std::string_view bytes) = 0; ///< never empty
  virtual result<void> end_part() = 0;
};

struct multipart_limits {
  size_t header_bytes = 8192; ///< of one part, with its boundary's line
  size_t headers = 32;        ///< of one part
  size_t parts = 1000;
  bool nested =
      false; ///< a part may itself be multipart: the receiver reads it with another reader
};

/// Reads a body of parts (RFC 2046, 5.1) while it arrives, strictly: lines end with CRLF, nothing
/// is before the first boundary and after the last, and a part is as long as its Content-Length
/// says. Unknown headers of parts are ignored.
///
/// **Errors**: bad_request for every broken form, too_large for a limit; the reason says which.
/// After an error, of the receiver too, the reader must not be used.
/// **Units and limits**: it holds one line of a head, and no data; each byte is looked at once.
/// **Thread**: a plain value.
class multipart_reader {
public:
  /// Reads the Content-Type of the body: `type` (multipart/related, say), and a boundary of 1 to 70
  /// of the characters that RFC 2046 allows. Errors: unsupported_media_type (another type),
  /// bad_request (the boundary).
  static result<multipart_reader> open(std::string_view content_type, std::string_view type,
                                       multipart_limits limits = {});

  result<void> take(std::string_view bytes, part_receiver& to);
  result<void> end() const; ///< the body is complete
  size_t parts() const { return parts_; }

private:
  enum class place : uint8_t { opening, boundary_end, head, data, epilogue };

  multipart_reader(const std::string& boundary, multipart_limits limits)
      : delimiter_("\r\n--" + boundary), limits_(limits) {}

  result<void> take_some(std::string_view& bytes, part_receiver& to);
  result<void> take_opening(std::string_view& bytes);
  result<void> take_boundary_end(std::string_view& bytes);
  result<void> take_head(std::string_view& bytes, part_receiver& to);
  result<void> take_data(std::string_view& bytes, part_receiver& to);
  result<void> take_epilogue(std::string_view& bytes);
  result<void> take_header(std::string_view line);
  result<void> begin(part_receiver& to);
  result<void> pass_on(std::string_view data, part_receiver& to);
  result<void> finish_part(part_receiver& to);

  std::string delimiter_; ///< with the line break before it
  multipart_limits limits_;
  place place_ = place::opening;
  size_t matched_ =
      2; ///< bytes of the delimiter that the last bytes are; a body begins like a line
  bool line_break_ = false; ///< before the first boundary
  std::string line_{};
  size_t head_bytes_ = 0; ///< of the lines before `line_`
  size_t headers_ = 0;
  size_t parts_ = 0;
  size_t epilogue_ = 0; ///< bytes
  part_head part_{};
  uint64_t received_ = 0; ///< bytes of the part
};

} // namespace treadmill::http
