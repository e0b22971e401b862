#pragma once
#include "storage/base/result.hpp"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace treadmill::http {

/// Bytes that are read once, from beginning to end. **Thread**: a plain value.
class byte_source {
public:
  virtual ~byte_source() = default;
  /// Reads some bytes, at most `size`; returns 0 only at the end. Errors: io_error, corrupt
  /// (invalid compressed data); after an error, nothing more can be read.
  virtual result<size_t> read(char* to, size_t size) = 0;
};

/// The bytes of a file, or of standard input ("-").
class file_source final : public byte_source {
public:
  /// Errors: io_error.
  static result<std::unique_ptr<file_source>> open(const std::string& path);
  ~file_source() override;
  file_source(const file_source&) = delete;
  file_source& operator=(const file_source&) = delete;

  result<size_t> read(char* to, size_t size) override;
  uint64_t bytes_read() const { return bytes_read_; }
  /// Size of a regular file; 0 for anything else, whose size is unknown and which can be read only
  /// once.
  uint64_t bytes() const { return bytes_; }
  bool regular() const { return regular_; }

private:
  file_source(int descriptor, bool owned) : descriptor_(descriptor), owned_(owned) {}
  int descriptor_;
  bool owned_;
  bool regular_ = false;
  uint64_t bytes_ = 0;
  uint64_t bytes_read_ = 0;
};

/// A text in memory; `text` outlives it.
class memory_source final : public byte_source {
public:
  explicit memory_source(std::string_view text) : rest_(text) {}
  result<size_t> read(char* to, size_t size) override;

private:
  std::string_view rest_;
};

/// The name of the format that the first bytes identify, if it cannot be imported: for example "an
/// SQLite database". Empty: it may be text.
std::string name_of_binary(std::string_view first);

/// The text of a file. Decompresses gzip and zstd, which their first bytes identify, in bounded
/// memory. Errors: io_error; corrupt; unsupported_media_type (not text; the reason names the
/// format). `packed` outlives the result.
result<std::unique_ptr<byte_source>> open_text(byte_source& packed);

/// A window over a text that is read in order.
class text_window {
public:
  explicit text_window(byte_source& from) : from_(from) {}
  /// The bytes read and not dropped; valid until `more` or `drop`.
  std::string_view rest() const { return std::string_view(bytes_).substr(begin_); }
  /// Reads more; returns false at the end of the text.
  result<bool> more();
  void drop(size_t bytes) { begin_ += bytes; }
  bool at_end() const { return ended_; } ///< nothing follows `rest`

private:
  byte_source& from_;
  std::string bytes_{};
  size_t begin_ = 0;
  bool ended_ = false;
};

} // namespace treadmill::http
