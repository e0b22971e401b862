#pragma once
#include "storage/engine/store.hpp"
#include <string>
#include <vector>

namespace treadmill::test {

/// What a look at all rows of a bucket found.
struct bucket_check {
  std::string problem{}; ///< empty: all is right
  std::vector<activity_entry> activity{};
};

/// Holds a bucket's rows against each other: the activity is gapless with the right chain, and
/// those entries are marked that are superseded; every document has its bodies and marks, and no
/// more; counts and digest are those of a recomputation.
bucket_check check_bucket(const read_view& view, uint32_t bucket);

/// Holds the documents' trees against the activity: each has the revisions that were logged, and no
/// more, but for ancestors that came along with an entry from a peer. (Not for histories that are
/// long enough to be forgotten.) Empty: all is right.
std::string check_revisions(const read_view& view, uint32_t bucket,
                            const std::vector<activity_entry>& activity);

} // namespace treadmill::test
