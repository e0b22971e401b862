#pragma once
#include "storage/json.hpp"
#include "storage/replicated.hpp"
#include "storage/result.hpp"
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace treadmill::rest {

/// The documents of the lines of an import (document_line.hpp). What several lines say of one
/// document is united, so that each is merged, and logged, once: the work grows with the text, not
/// with the square of its lines.
///
/// **Errors**: one ends it; nothing is to be taken then. **Thread**: a plain value. **Units and
/// limits**: a document is refused as soon as its lines have more nodes than `limits` allow.
class merged_lines {
public:
  merged_lines(const json_limits& limits, const tree_limits& trees)
      : limits_(limits), trees_(trees) {}

  /// Takes a line that is a document. Errors: those of parse_document_line and check_replicated,
  /// too_large (the lines, or a document), bad_rev (a revision that came with another body before);
  /// each names the line.
  result<void> add(size_t number, std::string_view line);
  /// The documents, in the order of their first lines; called once. Errors: as `add`.
  result<std::vector<replicated_document>> take();

  size_t lines() const { return lines_; }

private:
  struct gathered {
    replicated_document document{};
    size_t line = 0; ///< the first one
    /// Where there are several: their nodes, some of them several times, and where the bodies are.
    std::vector<revision_tree::node> nodes{};
    size_t united = 0; ///< nodes when they were united last
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

} // namespace treadmill::rest
