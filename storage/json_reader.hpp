#pragma once
#include "storage/result.hpp"
#include <memory>
#include <optional>
#include <string_view>

namespace treadmill {

/// What wants to know, while a text is read, which part of it is which. Told of members and values
/// that lie in at most `watched_depth` arrays and objects; `text` is what has been written so far.
/// What it learned is of no use where the reading fails in the end.
class json_watcher {
public:
  explicit json_watcher(size_t depth) : watched_depth(depth) {}
  virtual ~json_watcher() = default;
  /// A member's name was written: `"name"`, from `at` to the end of `text`. (One that is named
  /// twice is told of twice: that is refused at the end of its object.)
  virtual void member(size_t depth, std::string_view text, size_t at) = 0;
  /// A value was written completely, up to the end of `text`. Returns how much of `text` stays: all
  /// of it, or less where an array's element is taken out again.
  virtual size_t value(size_t depth, bool in_array, std::string_view text) = 0;

  const size_t watched_depth;
  /// Set by a watcher that wants no more of the text: the reading ends with it.
  std::optional<error> refused;
};

/// Reads a JSON text and writes its stored form (json.hpp) in one pass, without a tree of it in
/// between. The grammar, the escapes, UTF-8 and the reasons of refusals are RapidJSON's; its own
/// are the writing, the exact numbers, members named twice and the depth.
///
/// **Thread**: one. **Errors**: those of stored_form; what is written is then of no use. A reader
/// can be used for many texts, and is faster so. **Limits**: texts of up to 2 GiB; memory is
/// that of the longest text, and 8 bytes (while they grow, up to 24) for each member of the objects
/// that are open. Recursion goes as deep as the arrays and objects that are
/// open, so at most `depth`, with less than 200 bytes of stack each.
class json_reader {
public:
  /// `depth`: how deep arrays and objects may nest. `watcher` may be null, and is not owned.
  explicit json_reader(size_t depth, json_watcher* watcher = nullptr);
  ~json_reader();
  json_reader(const json_reader&) = delete;
  json_reader& operator=(const json_reader&) = delete;

  result<void> read(std::string_view text);
  /// What the last text became; valid until the next one is read.
  std::string_view written() const;

private:
  class handler;
  const std::unique_ptr<handler> handler_;
};

} // namespace treadmill
