#include "actors/process/open_files.hpp"
#include <algorithm>
#include <sys/resource.h>

namespace treadmill {

namespace {

/// Open files of an idle node: 25 were counted, including logs, epolls and listening sockets.
constexpr uint64_t own_files = 32;
/// LevelDB's own files besides its readers: log, manifest, and the files of a compaction. (LevelDB
/// maps the first 1,000 tables; mapped tables need no open file.)
constexpr uint64_t store_files = 24;
/// A worker's socket and page, and the files that its start needs for a moment.
constexpr uint64_t files_of_worker = 2;
constexpr uint64_t files_of_start = 4;
/// Files of a dialled peer: its connection, and the files of libzmq that report its events.
constexpr uint64_t files_of_peer = 4;
/// Dialled peers get at most one part in this many of the remaining files.
constexpr uint64_t part_of_peers = 4;

size_t share(size_t asked, uint64_t left, uint64_t all_asked, size_t least) {
  if (left >= all_asked) return asked;
  return std::min(asked, std::max(least, static_cast<size_t>(asked * left / all_asked)));
}

} // namespace

open_file_shares share_open_files(uint64_t limit, const open_file_needs& asked) {
  open_file_shares shares;
  shares.limit = limit;
  shares.kept = own_files + store_files + asked.threads + asked.workers * files_of_worker +
                (asked.workers > 0 ? files_of_start : 0);
  uint64_t left = limit - std::min(limit, shares.kept);
  const uint64_t dialled = std::min(asked.dialled_peers * files_of_peer, left / part_of_peers);
  shares.kept += dialled;
  left -= dialled;
  const uint64_t all = asked.connections + asked.feeds + asked.refusals + asked.peer_connections;
  shares.connections = share(asked.connections, left, all, 8);
  shares.feeds = share(asked.feeds, left, all, 2);
  shares.refusals = share(asked.refusals, left, all, 2);
  shares.peer_connections = share(asked.peer_connections, left, all, 4);
  shares.lowered = left < all;
  shares.too_low =
      shares.connections + shares.feeds + shares.refusals + shares.peer_connections > left;
  return shares;
}

uint64_t raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

} // namespace treadmill
