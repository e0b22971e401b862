#pragma once
#include "net/client/node_client.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <functional>
#include <string>

namespace treadmill::http {

struct import_done {
  uint64_t documents = 0; ///< written by this run
  /// Existed with the same content. Includes documents of requests whose answers were lost.
  uint64_t already_there = 0;
  uint64_t conflicts = 0; ///< left out, because they existed with other content
  uint64_t skipped = 0;   ///< that an earlier run has finished
  uint64_t errors = 0;    ///< left out for any reason, by earlier runs too
  bool empty = false;     ///< the file has no documents
  double seconds = 0;
};

struct import_progress {
  import_done done{};
  double part = 0; ///< of the file, 0 to 1; 0: unknown
  double seconds = 0;
};

struct import_options {
  std::string file{};   ///< "-": standard input
  std::string bucket{}; ///< created if it is missing
  std::string format{}; ///< "ndjson", "json", "csv"; empty: detected (document_source.hpp)
  bool text_only = false;
  bool update = false;  ///< true: replace existing documents; false: count them as conflicts
  bool restart = false; ///< ignore the position where an earlier run ended
  std::function<void(const import_progress&)> progress{}; ///< called a few times a second
  /// Called for each document that is left out; conflicts are only counted.
  std::function<void(uint64_t line, const error&)> problem{};
  std::function<void(const std::string&)> note{}; ///< other messages for the user
};

/// Writes the documents of a file into a bucket of a running node, in order.
///
/// gzip and zstd are decompressed. A file that is not text, or neither JSON nor CSV, is refused
/// with the name of its format. A document that cannot be imported is reported to `problem`, and
/// the import continues. Until the import is complete, its position is kept in `<file>.import`
/// beside the file. The next run continues there if the bucket is the same, the file is unchanged
/// up to there and the options are the same (import_resume.hpp); otherwise it starts over and says
/// so. A document without an id gets one made of the beginning of the file, the document's position
/// and its text. So no run of the same file writes it twice, and the made ids keep the order of the
/// file. An export of a bucket is recognised by its first line and merged with its revisions
/// (export_merge.hpp).
///
/// Errors: io_error (the file, or a node that does not answer for a minute); corrupt (damaged or
/// truncated compressed data); bad_json (a text that cannot be split any further);
/// unsupported_media_type (not text, or neither JSON nor CSV); bad_request (an unknown format);
/// conflict (the bucket was dropped meanwhile); those of the node.
result<import_done> import_file(node_client& node, const import_options& options);

} // namespace treadmill::http
