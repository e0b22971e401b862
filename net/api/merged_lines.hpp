#pragma once
#include "storage/base/result.hpp"
#include "storage/documents/replicated.hpp"
#include "storage/json/json.hpp"
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace treadmill::api {

/// Collects the documents from the lines of an import (document_line.hpp). It combines the lines
/// about one document, so that each document is merged and logged once: the work grows with the
/// text, not with the square of its lines.
///
/// **Thread**: a plain value. **Errors**: after an error no function may be called. **Units and
/// limits**: a document whose lines have more nodes than `trees` allows is refused, at the latest
/// by `take`; the check also runs while lines are added, so that memory stays bounded.
class merged_lines {
public:
  merged_lines(const json_limits& limits, const tree_limits& trees)
      : limits_(limits), trees_(trees) {}

  /// Adds a line that is a document. Errors: those of parse_document_line and check_replicated,
  /// too_large (too many lines, or a document), bad_rev (a revision had another body in an earlier
  /// line); each names the line.
  result<void> add(size_t number, std::string_view line);
  /// The documents, in the order of their first lines; called once. Errors: as `add`.
  result<std::vector<replicated_document>> take();

  size_t lines() const { return lines_; }

private:
  struct gathered {
    replicated_document document{};
    size_t line = 0; ///< the first one
    /// If there are several lines: their nodes, with duplicates, and the index of each body.
    std::vector<revision_tree::node> nodes{};
    size_t united = 0; ///< number of nodes after duplicates were removed last
    std::map<revision, size_t> bodies{};
  };
  result<void> unite(gathered& all, replicated_document&& more);
  result<void> shrink(gathered& all) const;
  result<void> complete(gathered& all) const;

  json_limits limits_;
  tree_limits trees_;
  size_t lines_ = 0;
  std::vector<gathered> documents_{};
  std::unordered_map<std::string, size_t> by_id_{};
};

} // namespace treadmill::api
