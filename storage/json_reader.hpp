#pragma once
#include "storage/result.hpp"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// What wants to know, while a text is read, which part of it is which. Told of members and values
/// that lie in at most `watched_depth` arrays and objects; `text` is what has been written so far.
class json_watcher {
public:
  explicit json_watcher(size_t depth) : watched_depth(depth) {}
  virtual ~json_watcher() = default;
  /// A member's name was written: `"name"`, from `at` to the end of `text`.
  virtual void member(size_t depth, std::string_view text, size_t at) = 0;
  /// A value was written completely, up to the end of `text`. Returns how much of `text` stays: all
  /// of it, or less where an array's element is taken out again.
  virtual size_t value(size_t depth, bool in_array, std::string_view text) = 0;

  const size_t watched_depth;
};

/// Reads a JSON text and writes its stored form (json.hpp) in one pass, without a tree of it in
/// between.
///
/// **Thread**: one. **Errors**: those of stored_form; what is written is then of no use. A reader
/// can be used for many texts, and is faster so. **Limits**: no recursion; memory is proportional
/// to the longest text.
class json_reader {
public:
  /// `depth`: how deep arrays and objects may nest. `watcher` may be null, and is not owned.
  explicit json_reader(size_t depth, json_watcher* watcher = nullptr);

  result<void> read(std::string_view text);
  /// What the last text became; valid until the next one is read.
  std::string_view written() const { return {out_.data(), size_}; }

private:
  struct level {
    bool is_array = false;
    bool has_table = false;
    size_t first_key = 0;
  };
  struct key {
    uint64_t hash = 0;
    size_t at = 0; ///< where it is written, with its quotes
    size_t size = 0;
  };
  enum class step { failed, value_follows, value_complete };

  bool read_text();
  step start_value();
  bool finish_value(bool& more);
  bool open(bool is_array);
  void close();
  bool read_key();
  bool read_string();
  bool read_escape();
  bool read_hex(unsigned& unit);
  bool read_number();
  bool read_literal(std::string_view word);
  bool is_duplicate(const key& added);
  bool is_in_table(size_t first_key, const key& added);
  bool is_same(const key& a, const key& b) const {
    return a.hash == b.hash && name_of(a) == name_of(b);
  }
  std::string_view name_of(const key& k) const { return {out_.data() + k.at, k.size}; }
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  char peek() const { return at_ == end_ ? '\0' : *at_; } ///< a NUL is not allowed anywhere either
  void put(char c) { out_[size_++] = c; }
  void put(const char* begin, const char* end);
  void put_double(double value);
  bool fault(ec code, const char* what);

  const size_t depth_;
  json_watcher* const watcher_;
  std::string out_; ///< a buffer with room for what is written; only doubles can become longer
  size_t size_ = 0;
  std::vector<level> levels_;
  std::vector<key> keys_; ///< of all objects that are open, the innermost one's last
  /// Hash tables of the open objects with many members, the innermost one's last in use: indexes
  /// into that object's keys, plus 1.
  std::vector<std::vector<uint32_t>> tables_;
  size_t tables_used_ = 0;
  const char* begin_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  error error_;
};

} // namespace treadmill
