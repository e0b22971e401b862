#pragma once
#include "net/client/document_source.hpp"
#include "net/client/node_client.hpp"
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace treadmill::http {

/// Whether this is the first line of an export.
bool is_export_head(std::string_view line);

struct merged_export {
  uint64_t documents = 0; ///< a document with several leaves, and so several lines, counts once
  uint64_t errors = 0;    ///< lines left out
};

struct merge_options {
  std::string bucket{}; ///< created if it is missing
  /// Called for each faulty line. Empty: the first fault ends the merge, with an error that gives
  /// the line number.
  std::function<void(uint64_t line, const error&)> problem{};
  std::function<void(const merged_export&)> progress{}; ///< after each request
};

/// Merges the lines of an export after the first one, which the caller has read, into a bucket;
/// revisions that the bucket has change nothing. Several exports may follow each other. Lines may
/// end in CR LF, and empty lines are ignored. **Errors**: those of the client; corrupt (the export
/// is incomplete: lines before that point are merged); conflict (the bucket was dropped meanwhile);
/// those of a line, without `problem`.
result<merged_export> merge_export(node_client& node, document_source& lines,
                                   const merge_options& options);

} // namespace treadmill::http
