#pragma once
#include "storage/hash.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill::http {

/// How far an import got, and what that rests on.
struct import_position {
  uint64_t documents = 0; ///< of the file, faults counted, that were looked after
  uint64_t errors = 0;    ///< of these, that were left out
  hash128 read{};         ///< of all that was read up to there
  std::string id_begin{}; ///< of the ids that were made
  std::string log{};      ///< of the bucket
  std::string into{};     ///< the node and the bucket
  std::string as{};       ///< how the file is read and written
};

/// The position of an import, in a file beside the one that is imported. **Thread**: a plain value.
class import_resume {
public:
  /// `path`: empty: nothing is kept.
  explicit import_resume(std::string path) : path_(std::move(path)) {}
  /// Where an earlier import ended. Nothing: there was none, or it cannot be read.
  std::optional<import_position> find() const;
  bool there() const; ///< whether there is such a file, readable or not
  /// Replaces it; false where it cannot be written.
  bool keep(const import_position& position) const;
  void remove() const;
  const std::string& path() const { return path_; }

private:
  std::string path_;
};

/// Why an import cannot go on from there; empty: it can, as far as is known before the file is
/// read.
std::string_view why_begin_anew(const import_position& found, const import_position& now);

} // namespace treadmill::http
