#pragma once
#include "storage/base/result.hpp"
#include "storage/documents/revision.hpp"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The rows of indexes as plain values with their codecs (storage/README.md, "Indexes"). Every
/// decode is total: any bytes give a value or `corrupt`.
namespace treadmill {

struct index_id {
  uint32_t bucket = 0;
  uint32_t index = 0; ///< unique in the bucket, never reused
  friend bool operator==(const index_id&, const index_id&) = default;
};

/// The progress of the first build of an index.
enum class index_phase : uint8_t {
  mapping = 0,  ///< rows are being added; there are no partial results yet
  reducing = 1, ///< all rows exist; the partial results are being built
  complete = 2, ///< rows and partial results change together
};

/// The stored state of an index after its last batch.
struct index_state {
  uint64_t sequence = 0; ///< if position equals it, the index equals a fresh build at this sequence
  uint64_t position = 0; ///< how far the current run is; equal to sequence if no run is open
  uint64_t target = 0;   ///< the sequence at which the run ends
  uint64_t rows = 0;
  uint64_t documents = 0; ///< documents that have rows
  uint64_t errors = 0;    ///< map errors; a document counts each time its map fails
  std::string error_id{}; ///< the document of the last error, and its message
  std::string error_message{};
  uint32_t strikes = 0; ///< documents that exceeded the time limit or killed a worker
  bool emits = false;   ///< rows come from emit(), not from what the map returned
  index_phase phase = index_phase::mapping;
  unsigned levels = 0;       ///< of the block tree; 0: no partial results
  unsigned build_level = 0;  ///< while reducing: the level being built, …
  std::string build_from{};  ///< … and the start of its next block
  uint64_t changes = 0;      ///< number of stored change rows
  uint64_t change_bytes = 0; ///< bytes of their values
  uint64_t changes_from = 0; ///< all changes from this sequence on are stored

  bool consistent() const { return phase == index_phase::complete && position == sequence; }
  std::string encode() const;
  static result<index_state> decode(std::string_view bytes);
  friend bool operator==(const index_state&, const index_state&) = default;
};

/// The index that serves a query, and the index being built for it, with their definitions: the
/// query's document keeps only the newest definition.
struct query_row {
  uint32_t index = 0;       ///< 0: none yet
  std::string definition{}; ///< stored form (definition_body)
  uint32_t next = 0;        ///< 0: none
  std::string next_definition{};

  std::string encode() const;
  static result<query_row> decode(std::string_view bytes);
  friend bool operator==(const query_row&, const query_row&) = default;
};

/// One row that a map produced for a document.
struct mapped_row {
  std::string term{};  ///< encoded (term.hpp): the emitted key, or the returned value
  std::string value{}; ///< stored form; empty: the term is the value (a map that returns)
  friend bool operator==(const mapped_row&, const mapped_row&) = default;
};

/// The rows of one document by their terms, in the order of emission.
std::string encode_reverse(std::span<const mapped_row> rows);
result<std::vector<std::string>> decode_reverse(std::string_view bytes);

/// The rows that a change of one document removed and added.
struct index_change {
  uint64_t sequence = 0; ///< of the change; from the key
  std::string id{};
  std::vector<mapped_row> removed{};
  std::vector<mapped_row> added{};

  std::string encode() const;
  static result<index_change> decode(uint64_t sequence, std::string_view bytes);
};

/// The position of a row in its index, which also orders the rows: term, id, 0, emission (2 bytes).
std::string row_suffix(std::string_view term, std::string_view id, uint16_t emission);

/// A row as read: views into the bytes read.
struct index_row {
  std::string_view suffix;
  std::string_view term;
  std::string_view id;
  uint16_t emission = 0;
  std::string_view value; ///< stored form; empty: the term is the value

  static result<index_row> decode(std::string_view suffix, std::string_view value);
};

/// Appends the JSON of a row's key, and of its value. Errors: corrupt.
result<void> append_key(std::string& out, const index_row& row);
result<void> append_value(std::string& out, const index_row& row);

/// The codec of the last index number assigned in a bucket.
std::string encode_last_index(uint32_t number);
result<uint32_t> decode_last_index(std::string_view bytes);

} // namespace treadmill
