#pragma once
#include "net/api/activity_reader.hpp"
#include "net/api/exchange.hpp"
#include "net/api/feed_timers.hpp"
#include "storage/engine/store.hpp"
#include <memory>

/// The activity as an answer, or as a feed. A dialect gives a reader with its form.
namespace treadmill::api {

/// One answer: of `normal` mode the entries of one snapshot up to `end`; of `longpoll` those that
/// are durable, and if there are none to show it waits for some.
std::unique_ptr<row_stream> whole_activity(context& node, activity_reader reader, feed_mode mode,
                                           const feed_times& times, read_view view, log_point end);

/// The endless feeds, as lines or as events: they show durable entries. A feed that reaches its
/// limit or its timeout closes its form; one that ends with its node or its bucket just ends.
std::unique_ptr<http::body_stream> endless_activity(context& node, activity_reader reader,
                                                    const feed_times& times);

} // namespace treadmill::api
