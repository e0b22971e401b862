#pragma once
#include "net/node_client.hpp"
#include "storage/result.hpp"
#include <cstdint>
#include <functional>
#include <string>

namespace treadmill::http {

struct import_done {
  uint64_t documents = 0;     ///< written by this run
  uint64_t already_there = 0; ///< that an earlier run, or an answer that got lost, had written
  uint64_t skipped = 0;       ///< that an earlier run is known to have written
  uint64_t errors = 0;
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
  std::function<void(const import_progress&)> progress{};     ///< some times a second
  std::function<void(uint64_t line, const error&)> problem{}; ///< of one document
};

/// Writes the documents of a file into a bucket of a running node, in order.
///
/// One that cannot be taken is told to `problem`, and the others go on. How far it got is kept in a
/// file beside it, `<file>.import`, until all is done: the next run goes on there. A document
/// without an id gets one that is made of the file's beginning, its place and its text, so that no
/// run of the same file writes it twice, and those of one file are in its order. An export of a
/// bucket (backup.hpp) is known by its first line and merged with its revisions; its faults end the
/// run. Errors: io_error (the file, or a node that does not answer for a minute); bad_json (a text
/// that cannot be taken apart); bad_request (a format that is none); those of the node.
result<import_done> import_file(node_client& node, const import_options& options);

} // namespace treadmill::http
