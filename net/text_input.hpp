#pragma once
#include "storage/result.hpp"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace treadmill::http {

/// Bytes that are read once, from their beginning to their end. **Thread**: a plain value.
class byte_source {
public:
  virtual ~byte_source() = default;
  /// Reads some bytes, at most `size`; 0 only at the end. Errors: io_error, corrupt (packed bytes
  /// that cannot be unpacked); after one, nothing more can be read.
  virtual result<size_t> read(char* to, size_t size) = 0;
};

/// The bytes of a file, or of the standard input ("-").
class file_source final : public byte_source {
public:
  /// Errors: io_error.
  static result<std::unique_ptr<file_source>> open(const std::string& path);
  ~file_source() override;
  file_source(const file_source&) = delete;
  file_source& operator=(const file_source&) = delete;

  result<size_t> read(char* to, size_t size) override;
  uint64_t bytes_read() const { return bytes_read_; }
  /// Bytes of a regular file; 0 of anything else: its end is not known, and it is read once only.
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

/// For a text that is in memory; `text` outlives it.
class memory_source final : public byte_source {
public:
  explicit memory_source(std::string_view text) : rest_(text) {}
  result<size_t> read(char* to, size_t size) override;

private:
  std::string_view rest_;
};

/// What the first bytes of a file say that it is, where that is nothing to import: "an SQLite
/// database", say. Empty: it may be a text.
std::string name_of_binary(std::string_view first);

/// The text of a file: of gzip and zstd what is packed in them, which their first bytes tell, in
/// bounded memory whatever they unpack to. Errors: io_error; unsupported_media_type: it is
/// something else than a text, which the reason names. `packed` outlives the answer.
result<std::unique_ptr<byte_source>> open_text(byte_source& packed);

/// The part of a text that is looked at.
class text_window {
public:
  explicit text_window(byte_source& from) : from_(from) {}
  /// What was read and not dropped; valid until `more` or `drop`.
  std::string_view rest() const { return std::string_view(bytes_).substr(begin_); }
  /// Reads on; false at the end of the text.
  result<bool> more();
  void drop(size_t bytes) { begin_ += bytes; }
  bool at_end() const { return ended_; } ///< nothing comes behind `rest`

private:
  byte_source& from_;
  std::string bytes_{};
  size_t begin_ = 0;
  bool ended_ = false;
};

} // namespace treadmill::http
