#pragma once
#include "storage/result.hpp"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// What wants to know, while a text is read, which part of it is which. Told of members and values
/// that lie in at most `watched_depth` arrays and objects, and only by what has been written of
/// them so far.
class json_watcher {
public:
  explicit json_watcher(size_t depth) : watched_depth(depth) {}
  virtual ~json_watcher() = default;
  /// A member's name was written: `"name"`, from `at` to the end of `text`.
  virtual void member(size_t depth, const std::string& text, size_t at) = 0;
  /// A value was written completely, up to the end of `text`. An array's element may be taken out
  /// of `text` again.
  virtual void value(size_t depth, bool in_array, std::string& text) = 0;

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
  explicit json_reader(size_t depth, json_watcher* watcher = nullptr)
      : depth_(depth), watcher_(watcher) {}

  result<void> read(std::string_view text);
  std::string& written() { return out_; }

private:
  struct level {
    bool is_array = false;
    bool has_table = false;
    size_t first_key = 0;
  };
  struct key {
    uint64_t tag = 0; ///< length and some letters: unequal tags are unequal names
    size_t at = 0;    ///< where it is written, with its quotes
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
  bool is_in_table(const level& object, const key& added);
  void enter(std::vector<uint32_t>& table, size_t first_key, size_t index);
  uint64_t hash_of(const key& k) const;
  std::string_view name_of(const key& k) const { return {out_.data() + k.at, k.size}; }
  void skip_space();
  char peek() const { return at_ == end_ ? '\0' : *at_; } ///< a NUL is not allowed anywhere either
  bool fault(ec code, const char* what);

  const size_t depth_;
  json_watcher* const watcher_;
  std::string out_;
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
