#pragma once
#include "storage/result.hpp"
#include "storage/revision.hpp"
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

/// How far the first build of an index is.
enum class index_phase : uint8_t {
  mapping = 0,  ///< rows come in; there are no partial results yet
  reducing = 1, ///< all rows are there; the partial results are being made
  complete = 2, ///< rows and partial results change together
};

/// What an index knows of itself after its last batch.
struct index_state {
  uint64_t sequence = 0; ///< the index equals a fresh build over the documents at this sequence …
  uint64_t position = 0; ///< … where this is the same; else a run is under way, this far
  uint64_t target = 0;   ///< the sequence that the run goes to
  uint64_t rows = 0;
  uint64_t documents = 0; ///< documents that have rows
  uint64_t errors = 0;    ///< documents that cost the map an error, each time counted
  std::string error_id{}; ///< the last of these, and what it said
  std::string error_message{};
  uint32_t strikes = 0; ///< documents that ran into the limit of time or killed a worker
  bool emits = false;   ///< rows come from emit(), not from what the map returned
  index_phase phase = index_phase::mapping;
  unsigned levels = 0;       ///< of the block tree; 0: no partial results
  unsigned build_level = 0;  ///< while reducing: the level that is made, …
  std::string build_from{};  ///< … and the block of it that comes next
  uint64_t changes = 0;      ///< rows of changes that are kept
  uint64_t change_bytes = 0; ///< of their values
  uint64_t changes_from = 0; ///< all changes from this sequence on are there

  bool consistent() const { return phase == index_phase::complete && position == sequence; }
  std::string encode() const;
  static result<index_state> decode(std::string_view bytes);
  friend bool operator==(const index_state&, const index_state&) = default;
};

/// Which index serves a query, and which one is being built for it; with the definitions that they
/// are of, because the query's document keeps the newest alone.
struct query_row {
  uint32_t index = 0;       ///< 0: none yet
  std::string definition{}; ///< stored form (definition_body)
  uint32_t next = 0;        ///< 0: none
  std::string next_definition{};

  std::string encode() const;
  static result<query_row> decode(std::string_view bytes);
  friend bool operator==(const query_row&, const query_row&) = default;
};

/// One row that a map made of a document.
struct mapped_row {
  std::string term{};  ///< encoded (term.hpp): what was emitted as key, or what the map returned
  std::string value{}; ///< stored form; empty: the value is what the term says (a returning map)
  friend bool operator==(const mapped_row&, const mapped_row&) = default;
};

/// The rows of one document by their terms, in the order of emission.
std::string encode_reverse(std::span<const mapped_row> rows);
result<std::vector<std::string>> decode_reverse(std::string_view bytes);

/// What the change of one document did to the rows.
struct index_change {
  uint64_t sequence = 0; ///< of the change; from the key
  std::string id{};
  std::vector<mapped_row> removed{};
  std::vector<mapped_row> added{};

  std::string encode() const;
  static result<index_change> decode(uint64_t sequence, std::string_view bytes);
};

/// Where a row lies in its index, and what orders it there: term, id, 0, emission (2 bytes).
std::string row_suffix(std::string_view term, std::string_view id, uint16_t emission);

/// A row as it is read; views into the bytes read.
struct index_row {
  std::string_view suffix;
  std::string_view term;
  std::string_view id;
  uint16_t emission = 0;
  std::string_view value; ///< stored form; empty: what the term says

  static result<index_row> decode(std::string_view suffix, std::string_view value);
};

/// Appends the JSON of a row's key, and of its value. Errors: corrupt.
result<void> append_key(std::string& out, const index_row& row);
result<void> append_value(std::string& out, const index_row& row);

/// The last number that was given to an index of a bucket.
std::string encode_last_index(uint32_t number);
result<uint32_t> decode_last_index(std::string_view bytes);

} // namespace treadmill
