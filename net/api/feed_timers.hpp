#pragma once
#include "net/api/exchange.hpp"
#include "storage/base/result.hpp"
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

/// The parts that all feeds share: start position, heartbeats, timeouts, and the text around
/// entries.
namespace treadmill::api {

enum class feed_mode : uint8_t { normal, longpoll, continuous, eventsource };
feed_mode feed_mode_of(std::string_view name); ///< of the parameter `feed`

struct feed_times {
  std::optional<std::chrono::milliseconds> heartbeat; ///< sent after this long without output
  std::optional<std::chrono::milliseconds> timeout;   ///< feed ends after this long without entry
};

/// A feed's shortest heartbeat; a request for a shorter one gets this.
inline constexpr std::chrono::milliseconds shortest_heartbeat{100};

/// `heartbeat` and `timeout` of the request. As in CouchDB, a feed that was asked for a heartbeat
/// has no timeout.
feed_times read_feed_times(const exchange& x, feed_mode mode);

/// Where a feed, or an answer, continues.
struct feed_start {
  std::optional<uint64_t> sequence; ///< after this entry; nothing: the request names none
  bool foreign = false;             ///< the position is not in this log; `sequence` is then 0
};

/// Reads Last-Event-ID of an eventsource, else `since`, whose value `now` means `last`. Errors:
/// bad_request; those of the store.
result<feed_start> read_since(const exchange& x, feed_mode mode, const bucket_info& bucket,
                              uint64_t last);

/// True: the error is transient (the store is closed until it can be reopened, or was reopened just
/// now), so a feed retries with a new view. Any other error (damage, above all) ends a feed.
bool passes(const error& problem);

/// Answers with an endless feed, as lines or as events.
void answer_feed(reply& to, feed_mode mode, const hash128& log,
                 std::unique_ptr<http::body_stream> stream);

/// Append the text before and after an entry of an endless feed. For events, the text before it has
/// the position in the log.
void begin_entry(std::string& out, feed_mode mode, uint64_t sequence, const hash128& log);
void end_entry(std::string& out, feed_mode mode);

/// The timers of a feed: when it sends a heartbeat, when it ends for lack of entries, and when it
/// retries after the store could not answer.
class feed_timers {
public:
  feed_timers(const feed_times& times, clock::time_point now)
      : heartbeat_(times.heartbeat), timeout_(times.timeout), sent_(now), spoke_(now) {}
  void spoke(clock::time_point now) { sent_ = spoke_ = now; }
  bool is_over(clock::time_point now) const { return timeout_ && now >= spoke_ + *timeout_; }
  /// True when a heartbeat is to be sent now; it counts as sent.
  bool beats(clock::time_point now);
  /// Sets the time of a retry, because the store is closed for now.
  void pause(clock::time_point now);
  void go_on() { again_.reset(); }
  clock::time_point due() const;

private:
  std::optional<clock::time_point> again_{}; ///< set during a pause
  std::optional<std::chrono::milliseconds> heartbeat_;
  std::optional<std::chrono::milliseconds> timeout_;
  clock::time_point sent_;
  clock::time_point spoke_; ///< the last entry, or the start
};

/// Appends the heartbeat of an endless feed.
void append_heartbeat(std::string& out, feed_mode mode);

} // namespace treadmill::api
