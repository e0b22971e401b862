#pragma once
#include "net/node_client.hpp"
#include "storage/result.hpp"
#include <cstdint>
#include <functional>
#include <string>

namespace treadmill::http {

struct import_done {
  uint64_t documents = 0;     ///< written by this run
  uint64_t already_there = 0; ///< that were there as they are in the file
  uint64_t conflicts = 0;     ///< left out: that were there, and are not as in the file
  uint64_t skipped = 0;       ///< that an earlier run is known to have looked after
  uint64_t errors = 0;        ///< left out for whatever reason, by an earlier run, too
  bool empty = false;         ///< there was nothing in the file
  double seconds = 0;
};

struct import_progress {
  import_done done{};
  double part = 0; ///< of the file, 0 to 1; 0: not known
  double seconds = 0;
};

struct import_options {
  std::string file{};   ///< "-": standard input
  std::string bucket{}; ///< made where it is missing
  std::string format{}; ///< "ndjson", "json", "csv"; empty: as it looks (document_source.hpp)
  bool text_only = false;
  bool update = false;  ///< replace documents that are there; else they are conflicts
  bool restart = false; ///< do not go on where an earlier run ended
  std::function<void(const import_progress&)> progress{}; ///< some times a second
  /// Of one document that is left out; conflicts are counted alone.
  std::function<void(uint64_t line, const error&)> problem{};
  std::function<void(const std::string&)> note{}; ///< what else its user should know
};

/// Writes the documents of a file into a bucket of a running node, in order.
///
/// gzip and zstd are unpacked; a file that is no text, or no JSON and no CSV, is refused by its
/// name. A document that cannot be taken is told to `problem`, and the others go on. How far it got
/// is kept in a file beside it, `<file>.import`, until all is done: the next run goes on there,
/// where the bucket is the same one, the file is the same up to there and is read in the same way
/// (import_resume.hpp); else it begins anew and says so. A document without an id gets one that is
/// made of the file's beginning, its place and its text, so that no run of the same file writes it
/// twice, and those of one file are in their order. An export of a bucket is known by its first
/// line and merged with its revisions (export_merge.hpp).
/// Errors: io_error (the file, or a node that does not answer for a minute); corrupt (packed data
/// that is damaged or cut); bad_json (a text that cannot be taken apart any further);
/// unsupported_media_type (no text, no JSON and no CSV); bad_request (a format that is none);
/// conflict (the bucket was dropped meanwhile); those of the node.
result<import_done> import_file(node_client& node, const import_options& options);

} // namespace treadmill::http
