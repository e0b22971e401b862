#include "net/api/activity_reader.hpp"
#include "net/api/exchange.hpp"
#include "storage/engine/current_entries.hpp"
#include "storage/engine/keys.hpp"
#include <algorithm>

namespace treadmill::api {

namespace {

/// Entries that wait for their documents to be read.
constexpr size_t pending_entries = 512;

} // namespace

bool activity_reader::asked_for(const std::string& id) const {
  if (range_.ids && !std::binary_search(range_.ids->begin(), range_.ids->end(), id)) return false;
  return form_->takes(id);
}

result<bool> activity_reader::read(const read_view& view, uint64_t end, std::string& out) {
  if (at_limit()) return false;
  if (next_pending_ == pending_count_) {
    if (reached(end)) return false;
    auto more = scan(view, end, out);
    if (!more || !needs_document() || at_limit()) return more;
    auto waiting = show_pending(view, out);
    if (!waiting) return waiting;
    return *more || *waiting;
  }
  auto waiting = show_pending(view, out);
  if (!waiting) return waiting;
  return *waiting || !reached(end);
}

result<bool> activity_reader::scan(const read_view& view, uint64_t end, std::string& out) {
  slice_bounds bounds{out.size()};
  bool more = false;
  result<void> failed;
  const auto row = [&](std::string_view key, std::string_view value) {
    if (bounds.reached(out.size(), value.size()) || pending_count_ >= pending_entries) {
      more = true;
      return false;
    }
    if (needs_document() && pending_count_ == pending_.size()) pending_.emplace_back();
    activity_entry& entry = needs_document() ? pending_[pending_count_] : entry_;
    failed = entry.assign(keys::sequence_of(key), value);
    if (!failed) return false;
    position_ = entry.sequence;
    if (!asked_for(entry.id)) return true;
    if (needs_document()) {
      ++pending_count_;
      return true;
    }
    failed = show(view, entry, nullptr, out);
    return failed.has_value() && !at_limit();
  };
  const auto up_to = scan_rows(view, end, row);
  if (!up_to) return tl::unexpected(up_to.error());
  if (!failed) return tl::unexpected(std::move(failed.error()));
  if (!more && !at_limit()) position_ = *up_to;
  return more || !reached(end);
}

/// Answers how far the scan goes if the callback does not end it.
result<uint64_t>
activity_reader::scan_rows(const read_view& view, uint64_t end,
                           const std::function<bool(std::string_view, std::string_view)>& row) {
  const uint32_t bucket = bucket_.number;
  if (range_.descending) {
    const uint64_t above = std::min(position_, end + 1);
    const auto read = view.scan_back(keys::activity(bucket, 1), keys::activity(bucket, above), row);
    if (!read) return tl::unexpected(read.error());
    return uint64_t{1};
  }
  if (range_.latest) {
    const auto looked = scan_current_entries(view, bucket, position_ + 1, end, row);
    if (!looked) return tl::unexpected(looked.error());
    return looked->up_to;
  }
  const auto read =
      view.scan(keys::activity(bucket, position_ + 1), keys::activity(bucket, end + 1), row);
  if (!read) return tl::unexpected(read.error());
  return end;
}

result<bool> activity_reader::show_pending(const read_view& view, std::string& out) {
  const size_t begin = out.size();
  row_finder documents(view);
  while (next_pending_ < pending_count_ && !at_limit()) {
    if (out.size() - begin >= slice_bytes || form_->is_costly()) return true;
    const activity_entry& entry = pending_[next_pending_];
    const auto stored = documents.read(keys::document(bucket_.number, entry.id));
    if (!stored) return tl::unexpected(stored.error());
    if (!*stored) return fail(ec::corrupt, "the activity names a document that is missing");
    const auto row = document_row::decode(**stored);
    if (!row) return tl::unexpected(row.error());
    if (!range_.latest || row->sequence == entry.sequence)
      if (auto shown = show(view, entry, &*row, out); !shown)
        return tl::unexpected(std::move(shown.error()));
    ++next_pending_; // only now, so that an entry that could not be read is tried again
  }
  pending_count_ = next_pending_ = 0;
  return false;
}

result<void> activity_reader::show(const read_view& view, const activity_entry& entry,
                                   const document_row* document, std::string& out) {
  const auto shown = form_->append(out, view, entry, document);
  if (!shown) return tl::unexpected(shown.error());
  if (!*shown) return {};
  ++shown_;
  last_shown_ = {entry.sequence, entry.chain};
  return {};
}

} // namespace treadmill::api
