#pragma once
#include "net/api/activity_reader.hpp"
#include "net/api/exchange.hpp"
#include "net/api/feed_timers.hpp"
#include <memory>

namespace treadmill::api {

/// What `_activity` shows of an entry.
struct shown_activity {
  bool include_docs = false;
  bool active = false; ///< leaves out documents that are deleted
};

/// The form of `_activity`. `log`: the id of the bucket's log.
std::unique_ptr<activity_form> native_activity(feed_mode mode, const hash128& log,
                                               shown_activity shown);

/// Answers `_activity`, whole or as a feed.
void read_activity(exchange& x);

} // namespace treadmill::api
