#pragma once
#include "net/api/exchange.hpp"
#include "net/api/feed_timers.hpp"
#include "storage/engine/store.hpp"
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace treadmill::api {

/// The options of a request for the activity.
struct activity_options {
  feed_mode mode = feed_mode::normal;
  uint64_t since = 0;
  uint64_t limit = std::numeric_limits<uint64_t>::max();
  std::optional<std::vector<std::string>> ids; ///< sorted; nothing: all
  bool include_docs = false;
  bool latest = false;
  bool active = false;
  feed_times times;
};

/// Shows the activity log of one bucket from a sequence on, in slices. Each slice may use another
/// view, because the log only grows. **Thread**: a plain value.
class activity_reader {
public:
  activity_reader(bucket_info bucket, activity_options options)
      : bucket_(std::move(bucket)), options_(std::move(options)), position_(options_.since) {}

  /// Appends entries up to `end`, in the format of the feed's mode. True: there are more up to
  /// `end`.
  /// Errors: those of the view.
  result<bool> read(const read_view& view, uint64_t end, std::string& out);
  bool at_limit() const { return shown_ >= options_.limit; }
  uint64_t shown() const { return shown_; }
  /// The sequence of the last entry that was shown; `since` if there was none.
  uint64_t last_shown() const { return last_shown_.value_or(options_.since); }

  const bucket_info& bucket() const { return bucket_; }
  const activity_options& options() const { return options_; }

private:
  /// Whether the document of an entry must be read before the entry can be shown.
  bool needs_document() const {
    return options_.include_docs || options_.latest || options_.active;
  }
  bool asked_for(const std::string& id) const;
  result<bool> scan(const read_view& view, uint64_t end, std::string& out);
  result<bool> show_pending(const read_view& view, std::string& out);
  result<void> show_with_document(const read_view& view, const activity_entry& entry,
                                  std::string& out);
  void show(const activity_entry& entry, std::string_view extra, std::string& out);

  bucket_info bucket_;
  activity_options options_;
  uint64_t position_ = 0; ///< the log was read up to here
  uint64_t shown_ = 0;
  std::optional<uint64_t> last_shown_{};
  std::vector<activity_entry>
      pending_{}; ///< read from the log, in order, and not yet shown or skipped
  size_t next_pending_ = 0;
};

/// Answers `_activity`, whole or as a feed.
void read_activity(exchange& x);

} // namespace treadmill::api
