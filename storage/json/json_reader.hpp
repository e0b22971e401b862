#pragma once
#include "storage/base/result.hpp"
#include <memory>
#include <optional>
#include <string_view>

namespace treadmill {

/// Receives the positions of members and values while json_reader reads a text, if they lie in at
/// most `watched_depth` arrays and objects; `text` is the stored form written so far. If the
/// reading fails, the caller discards what the watcher collected.
class json_watcher {
public:
  explicit json_watcher(size_t depth) : watched_depth(depth) {}
  virtual ~json_watcher() = default;
  /// A member's name was written: `"name"`, from `at` to the end of `text`. (A duplicate name is
  /// reported twice; the reader refuses it at the end of its object.)
  virtual void member(size_t depth, std::string_view text, size_t at) = 0;
  /// A value was written completely, up to the end of `text`. Returns how many bytes of `text`
  /// stay: all, or fewer to remove an array's element again.
  virtual size_t value(size_t depth, bool in_array, std::string_view text) = 0;

  const size_t watched_depth;
  /// A watcher sets it to stop the reading with this error.
  std::optional<error> refused;
};

/// What an integer beyond the int64/uint64 range stands for: itself, or its nearest double.
enum class long_integers { exact, doubles };

/// Reads a JSON text and writes its stored form (json.hpp) in one pass, without an intermediate
/// tree. RapidJSON provides the grammar, the escapes, UTF-8 and the reasons of refusals; this class
/// adds the writing, exact numbers, duplicate members and the depth limit.
///
/// **Thread**: one. **Errors**: those of stored_form; `written` is then invalid. Reusing a reader
/// for many texts is faster.
/// **Units and limits**: texts of up to 2 GiB; memory for the longest text, plus 8 bytes (up to 24
/// while growing) for each member of the open objects. Recursion is as deep as the open arrays and
/// objects, so at most `depth`, with less than 200 bytes of stack each.
class json_reader {
public:
  /// `depth`: how deep arrays and objects may nest. `watcher` may be null, and is not owned.
  explicit json_reader(size_t depth, json_watcher* watcher = nullptr,
                       long_integers integers = long_integers::exact);
  ~json_reader();
  json_reader(const json_reader&) = delete;
  json_reader& operator=(const json_reader&) = delete;

  /// From now on, of several members of one object with the same name the last one counts, in place
  /// of an error. Precondition: there is no watcher.
  void keep_last_duplicates();
  result<void> read(std::string_view text);
  /// The stored form of the last text; valid until the next `read`.
  std::string_view written() const;

private:
  class handler;
  const std::unique_ptr<handler> handler_;
};

} // namespace treadmill
