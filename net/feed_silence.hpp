#pragma once
#include "net/exchange.hpp"
#include "storage/result.hpp"
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

/// What all feeds share: when they speak without having anything to say, when they end, and what is
/// sent between their entries.
namespace treadmill::rest {

enum class feed_mode : uint8_t { normal, longpoll, continuous, eventsource };
feed_mode feed_mode_of(std::string_view name); ///< of the parameter `feed`

struct feed_times {
  std::optional<std::chrono::milliseconds> heartbeat; ///< what is sent after so much silence
  std::optional<std::chrono::milliseconds> timeout;   ///< of having nothing to say; the feed ends
};

/// `heartbeat` and `timeout` of the request. As in CouchDB, a feed that was asked for a heartbeat
/// has no timeout.
feed_times read_feed_times(const exchange& x, feed_mode mode);

/// Where a feed, or an answer, goes on.
struct feed_start {
  std::optional<uint64_t> sequence; ///< after this; nothing: the request does not say
  bool foreign = false;             ///< that is no place in this log; its beginning is 0
};

/// Reads Last-Event-ID of an eventsource, else `since`, where `now` is `last`. Errors: bad_request;
/// those of the store.
result<feed_start> read_since(const exchange& x, feed_mode mode, const bucket_info& bucket,
                              uint64_t last);

/// Asking again, with a new view, is what helps: the store is closed until it can be reopened, or
/// was reopened just now. Anything else (damage, above all) ends a feed.
bool passes(const error& problem);

/// The answer that an endless feed is sent with: lines, or events.
void answer_feed(reply& to, feed_mode mode, const hash128& log,
                 std::unique_ptr<http::body_stream> stream);

/// Around an entry of an endless feed: its event's head with the place in the log, and its end.
void begin_entry(std::string& out, feed_mode mode, uint64_t sequence, const hash128& log);
void end_entry(std::string& out, feed_mode mode);

/// When a feed that has nothing to say gives a sign of life, when it ends, and when one that the
/// store could not answer looks again.
class feed_silence {
public:
  feed_silence(const feed_times& times, http::clock::time_point now)
      : heartbeat_(times.heartbeat), timeout_(times.timeout), sent_(now), spoke_(now) {}
  void spoke(http::clock::time_point now) { sent_ = spoke_ = now; }
  bool is_over(http::clock::time_point now) const { return timeout_ && now >= spoke_ + *timeout_; }
  /// True when a heartbeat is to be sent now; it counts as sent.
  bool beats(http::clock::time_point now);
  /// The store is closed for now: it is asked again a little later.
  void pause(http::clock::time_point now);
  void go_on() { again_.reset(); }
  http::clock::time_point due() const;

private:
  std::optional<http::clock::time_point> again_{}; ///< set during a pause
  std::optional<std::chrono::milliseconds> heartbeat_;
  std::optional<std::chrono::milliseconds> timeout_;
  http::clock::time_point sent_;
  http::clock::time_point spoke_; ///< the last entry, or the start
};

/// The sign of life of an endless feed.
void append_heartbeat(std::string& out, feed_mode mode);

} // namespace treadmill::rest
