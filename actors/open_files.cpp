#include "actors/open_files.hpp"
#include <algorithm>
#include <sys/resource.h>

namespace treadmill {

namespace {

/// What an idle node has open: 25 were counted, logs, epolls and listening sockets among them.
constexpr uint64_t own_files = 32;
/// LevelDB's own beside its readers: log, manifest, what a compaction reads and writes. (Tables up
/// to the thousandth are mapped, and need none once they are open.)
constexpr uint64_t store_files = 24;
/// A worker's socket and page, and what its start takes for a moment.
constexpr uint64_t files_of_worker = 2;
constexpr uint64_t files_of_start = 4;
/// A dialled peer's: its connection, and what libzmq needs to tell of it.
constexpr uint64_t files_of_peer = 4;
/// Of what is left, dialled peers get at most this part.
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
