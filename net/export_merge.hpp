#pragma once
#include "net/document_source.hpp"
#include "net/node_client.hpp"
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace treadmill::http {

/// Whether this is the first line of an export.
bool is_export_head(std::string_view line);

struct merged_export {
  uint64_t documents = 0; ///< a document with several leaves has several lines, and counts once
  uint64_t errors = 0;    ///< lines that were left out
};

struct merge_options {
  std::string bucket{}; ///< made where it is missing
  /// Of one line; empty: the first fault ends it all, as an error that names the line.
  std::function<void(uint64_t line, const error&)> problem{};
  std::function<void(const merged_export&)> progress{}; ///< after each request
};

/// Merges the lines of an export that follow its first one, which was read already, into a bucket;
/// what is known there changes nothing. Several exports may follow each other. Line ends may be CR
/// LF, and empty lines are none.
/// **Errors**: those of the client; corrupt (it does not come to its end: what came before is
/// merged); conflict (the bucket was dropped meanwhile); those of a line, without `problem`.
result<merged_export> merge_export(node_client& node, document_source& lines,
                                   const merge_options& options);

} // namespace treadmill::http
