#pragma once
#include "net/api/exchange.hpp"
#include "net/couch/errors.hpp"
#include "storage/engine/store.hpp"
#include "storage/json/json.hpp"
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Lists of documents in the order of their ids: `_all_docs` and its kin.
namespace treadmill::couch {

/// The rows that one list has.
struct listing {
  std::optional<std::string> start{}; ///< the first id, in the direction of the list
  std::optional<std::string> end{};   ///< the last one
  bool inclusive_end = true;
  bool descending = false;
  uint64_t limit = std::numeric_limits<uint64_t>::max();
  uint64_t skip = 0;
  bool include_docs = false;
  bool conflicts = false;
  bool update_seq = false;
  std::optional<std::vector<std::string>> keys{}; ///< the rows of these ids, in this order
};

/// Finds the value of a parameter as JSON text.
using listing_parameters = std::function<std::optional<std::string_view>(std::string_view name)>;

/// Errors: query_parse_error (the form of a value; `keys` beside a range).
outcome<listing> read_listing(const listing_parameters& find, const json_limits& limits);

/// The documents that a list is of.
struct listed_documents {
  read_view view;
  bucket_info bucket;
  std::string prefix{}; ///< of their ids; empty: all
};

/// Writes one list, `{"total_rows":…,"offset":…,"rows":[…]}`, in slices.
class id_listing {
public:
  id_listing(const listed_documents& from, listing asked);
  /// Appends a slice. True: there is more.
  result<bool> slice(std::string& out);

private:
  struct key_range {
    std::string from; ///< inclusive
    std::string to;   ///< exclusive
  };

  key_range whole() const;
  key_range asked_range() const;
  key_range rows_before() const;
  result<bool> count_before();
  result<bool> scan_rows(std::string& out);
  result<bool> look_up_keys(std::string& out);
  result<void> take_row(std::string& out, std::string_view id, std::string_view value);
  result<void> append_key(std::string& out, const std::string& id);
  result<void> append_document_of(std::string& out, std::string_view id, const document_row& row);
  result<void> open(std::string& out);
  void begin_row(std::string& out);
  bool is_shown(std::string_view id) const;
  bool at_limit() const { return shown_ >= asked_.limit; }

  const listed_documents& from_;
  listing asked_;
  key_range before_;
  key_range rest_;
  uint64_t rows_before_ = 0;
  bool counts_ = true;     ///< rows before the first one, for `offset`
  bool uncounted_ = false; ///< there are too many of them
  uint64_t skipped_ = 0;
  uint64_t shown_ = 0;
  size_t next_key_ = 0;
  bool opened_ = false;
};

} // namespace treadmill::couch
