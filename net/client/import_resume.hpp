#pragma once
#include "storage/base/hash.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill::http {

/// The position of an import, and the conditions under which it is valid.
struct import_position {
  uint64_t documents = 0; ///< of the file, including faulty ones, that are finished
  uint64_t errors = 0;    ///< the number of these that were left out
  hash128 read{};         ///< hash of everything read up to there
  std::string id_begin{}; ///< first part of the made ids
  std::string log{};      ///< id of the bucket's log
  std::string into{};     ///< the node and the bucket
  std::string as{};       ///< the options for reading and writing the file
};

/// Keeps the position of an import in a file beside the imported one. **Thread**: a plain value.
class import_resume {
public:
  /// `path`: of that file; empty: keep nothing.
  explicit import_resume(std::string path) : path_(std::move(path)) {}
  /// The position where an earlier import ended; empty if there was none or it cannot be read.
  std::optional<import_position> find() const;
  bool there() const; ///< whether the file exists, readable or not
  /// Replaces the stored position; returns false if the file cannot be written.
  bool keep(const import_position& position) const;
  void remove() const;
  const std::string& path() const { return path_; }

private:
  std::string path_;
};

/// Why an import cannot continue from `found`; empty if it can, as far as is known before reading
/// the imported file.
std::string_view why_begin_anew(const import_position& found, const import_position& now);

} // namespace treadmill::http
