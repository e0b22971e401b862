#pragma once
#include "storage/index/index.hpp"
#include "storage/index/index_run.hpp"
#include "storage/verify/verify.hpp"
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace treadmill {

/// Compares the rows of one index with the rows that its map produces now (verify.hpp).
///
/// Operation: call `next_part` until it returns nullopt; pass the rows of each part's documents to
/// `mapped` before the next call. **Thread**: a plain value over a snapshot. **Errors**: those of
/// the view; problems go to the report.
class map_verifier {
public:
  /// `below`: the name of the query in problems.
  map_verifier(read_view view, index_id index, std::string below, bucket_report& report);

  /// Documents that have not changed since the index processed them; the list may be empty while
  /// the scan continues. nullopt: the end.
  result<std::optional<std::vector<run_document>>> next_part();
  result<void> mapped(std::span<const run_rows> rows);
  bool has_rows() const { return state_.rows > 0; }

private:
  result<bool> read_state();
  result<std::vector<mapped_row>> stored_rows(const std::string& id) const;

  read_view view_;
  index_id index_;
  std::string below_;
  bucket_report& report_;
  index_state state_{};
  bool begun_ = false;
  bool ended_ = false;
  std::string from_;                 ///< the next document's key is at or above it
  std::vector<std::string> asked_{}; ///< ids of the part being mapped
};

} // namespace treadmill
