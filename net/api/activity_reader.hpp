#pragma once
#include "storage/base/hash.hpp"
#include "storage/base/result.hpp"
#include "storage/engine/rows.hpp"
#include "storage/engine/store.hpp"
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::api {

/// A place in a log: after the entry with that sequence. All zero: before the first one.
struct log_point {
  uint64_t sequence = 0;
  hash128 chain{}; ///< of that entry
};

/// The entries of a log that a reader shows.
struct activity_range {
  log_point since{};
  uint64_t limit = std::numeric_limits<uint64_t>::max();
  std::optional<std::vector<std::string>> ids{}; ///< sorted; nothing: of all documents
  bool latest = false;     ///< leaves out what a later entry of the same document has superseded
  bool descending = false; ///< newest first; `since` does not count
};

/// The end of an answer, or of a feed.
struct activity_end {
  uint64_t shown = 0; ///< entries
  log_point last{};   ///< the answer covers the log up to here
  uint64_t log = 0;   ///< last sequence of the log, as far as the reader knows
};

/// How a dialect writes entries and what is around them, whole or as a feed. The reader that it
/// belongs to calls it, one call at a time.
class activity_form {
public:
  virtual ~activity_form() = default;
  /// Whether entries are shown together with the rows of their documents.
  virtual bool needs_document() const = 0;
  /// False: entries of this document are not shown.
  virtual bool takes(std::string_view) const { return true; }
  /// Appends an entry. `document`: nullptr if `needs_document` is false. False: this entry is not
  /// shown, and nothing was appended.
  virtual result<bool> append(std::string& out, const read_view& view, const activity_entry& entry,
                              const document_row* document) = 0;
  /// True: the calls of `append` since the last time cost so much that the slice ends.
  virtual bool is_costly() { return false; }

  virtual void open(std::string& out) = 0; ///< before all entries
  /// After all entries. `view`: nullptr if the store cannot be read now.
  virtual void close(std::string& out, const read_view* view, const activity_end& end) = 0;
  virtual void beat(std::string& out) = 0; ///< while there is nothing to show
};

/// Shows the activity log of one bucket, in slices. Each slice may use another view, because the
/// log only grows. **Thread**: one at a time.
class activity_reader {
public:
  activity_reader(bucket_info bucket, activity_range range, std::unique_ptr<activity_form> form)
      : bucket_(std::move(bucket)), range_(std::move(range)), form_(std::move(form)),
        position_(range_.descending ? std::numeric_limits<uint64_t>::max() : range_.since.sequence),
        last_shown_(range_.since) {}

  /// Appends entries up to `end`. True: there are more up to `end`. Errors: those of the view and
  /// of the form.
  result<bool> read(const read_view& view, uint64_t end, std::string& out);
  bool at_limit() const { return shown_ >= range_.limit; }
  uint64_t shown() const { return shown_; }
  /// The last entry that was shown; `since` if there was none.
  const log_point& last_shown() const { return last_shown_; }

  const bucket_info& bucket() const { return bucket_; }
  bool descending() const { return range_.descending; }
  activity_form& form() { return *form_; }

private:
  bool reached(uint64_t end) const { return range_.descending ? position_ <= 1 : position_ >= end; }
  /// Whether the document of an entry must be read before the entry can be shown.
  bool needs_document() const { return range_.latest || form_->needs_document(); }
  bool asked_for(const std::string& id) const;
  result<bool> scan(const read_view& view, uint64_t end, std::string& out);
  result<uint64_t> scan_rows(const read_view& view, uint64_t end,
                             const std::function<bool(std::string_view, std::string_view)>& row);
  result<bool> show_pending(const read_view& view, std::string& out);
  result<void> show(const read_view& view, const activity_entry& entry,
                    const document_row* document, std::string& out);

  bucket_info bucket_;
  activity_range range_;
  std::unique_ptr<activity_form> form_;
  uint64_t position_; ///< the log was read up to here; if descending, down to here
  uint64_t shown_ = 0;
  log_point last_shown_;
  activity_entry entry_{};
  /// Read from the log, in order; those before next_pending_ are shown or skipped. Entries from
  /// pending_count_ on are kept for their memory.
  std::vector<activity_entry> pending_{};
  size_t pending_count_ = 0;
  size_t next_pending_ = 0;
};

} // namespace treadmill::api
