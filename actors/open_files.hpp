#pragma once
#include <cstddef>
#include <cstdint>

namespace treadmill {

/// What of a node takes open files, at most, as its settings say.
struct open_file_needs {
  size_t connections = 0;      ///< of HTTP
  size_t feeds = 0;            ///< beside them
  size_t refusals = 0;         ///< connections that are told 503, beside both
  size_t peer_connections = 0; ///< that peers make
  size_t dialled_peers = 0;
  size_t workers = 0; ///< of queries
  size_t threads = 0; ///< that read the store
};

/// How the process's limit of open files is shared. What the store, its readers, the workers and
/// the dialled peers need is kept for them, so that no crowd of clients or strangers can take it.
struct open_file_shares {
  uint64_t limit = 0;
  uint64_t kept = 0; ///< for all but connections that others make
  size_t connections = 0;
  size_t feeds = 0;
  size_t refusals = 0;
  size_t peer_connections = 0;
  bool lowered = false; ///< less than was asked for
  bool too_low = false; ///< the limit has no room even for the least shares
};

/// Pure. Shares are as asked where the limit has room for all of it, else in proportion, and never
/// below some (8 connections, 2 feeds, 2 refusals, 4 of peers).
open_file_shares share_open_files(uint64_t limit, const open_file_needs& asked);

/// Raises the soft limit of open files, which is often 1,024, to the hard one, and answers what it
/// is then.
uint64_t raise_open_files();

} // namespace treadmill
