#pragma once
#include <cstddef>
#include <cstdint>

namespace treadmill {

/// The most open files that parts of a node need, according to its settings.
struct open_file_needs {
  size_t connections = 0;      ///< of HTTP
  size_t feeds = 0;            ///< in addition to `connections`
  size_t refusals = 0;         ///< connections that get 503, in addition to both
  size_t peer_connections = 0; ///< made by peers
  size_t dialled_peers = 0;
  size_t workers = 0; ///< of queries
  size_t threads = 0; ///< threads that read the store
};

/// The shares of the process's limit of open files. The files of the store, its readers, the
/// workers and the dialled peers are reserved, so that clients or strangers cannot exhaust them.
struct open_file_shares {
  uint64_t limit = 0;
  uint64_t kept = 0; ///< reserved for everything except incoming connections
  size_t connections = 0;
  size_t feeds = 0;
  size_t refusals = 0;
  size_t peer_connections = 0;
  bool lowered = false; ///< some shares are less than asked
  bool too_low = false; ///< the limit is too low even for the least shares
};

/// Pure. If the limit has room for all, the shares are as asked; otherwise in proportion, with
/// minimums (8 connections, 2 feeds, 2 refusals, 4 peer connections).
open_file_shares share_open_files(uint64_t limit, const open_file_needs& asked);

/// Raises the soft limit of open files, which is often 1,024, to the hard limit, and answers the
/// new soft limit.
uint64_t raise_open_files();

} // namespace treadmill
