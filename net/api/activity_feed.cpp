#include "net/api/activity_feed.hpp"
#include "net/api/activity_answers.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/parameters.hpp"
#include "storage/json/json.hpp"

namespace treadmill::api {

namespace {

/// `{"log":…,"activity":[…],"count":n,"last_seq":s}`, or lines, or events.
class native_form : public activity_form {
public:
  native_form(feed_mode mode, const hash128& log, shown_activity shown)
      : mode_(mode), log_(log), shown_(shown) {}

  bool needs_document() const override { return shown_.include_docs || shown_.active; }

  result<bool> append(std::string& out, const read_view&, const activity_entry& entry,
                      const document_row* document) override {
    if (shown_.active && document->deleted) return false;
    std::string extra;
    if (shown_.include_docs && !document->deleted) {
      extra.reserve(document->body.size() + entry.id.size() + 80);
      extra += R"(,"document":)";
      append_document(extra, entry.id, document->winner.text(), document->body);
    }
    if (is_endless()) {
      begin_entry(out, mode_, entry.sequence, log_);
      append_entry(out, entry, extra);
      end_entry(out, mode_);
    } else {
      if (std::exchange(has_rows_, true)) out += ',';
      append_entry(out, entry, extra);
    }
    return true;
  }

  void open(std::string& out) override {
    if (is_endless()) return;
    out += R"({"log":")";
    out += to_hex(log_);
    out += R"(","activity":[)";
  }
  void close(std::string& out, const read_view*, const activity_end& end) override {
    if (is_endless()) return;
    out += R"(],"count":)";
    append_number(out, end.shown);
    out += R"(,"last_seq":)";
    append_number(out, end.last.sequence);
    out += '}';
  }
  void beat(std::string& out) override { append_heartbeat(out, mode_); }

private:
  bool is_endless() const {
    return mode_ == feed_mode::continuous || mode_ == feed_mode::eventsource;
  }

  feed_mode mode_;
  hash128 log_;
  shown_activity shown_;
  bool has_rows_ = false;
};

result<activity_range> range_of(const exchange& x, feed_mode mode, const bucket_info& bucket,
                                uint64_t last) {
  activity_range range;
  const auto since = read_since(x, mode, bucket, last);
  if (!since) return tl::unexpected(since.error());
  range.since.sequence = since->sequence.value_or(0);
  if (const auto limit = x.number("limit")) range.limit = *limit;
  if (const auto text = x.text("ids")) {
    auto ids = read_ids(*text);
    if (!ids) return tl::unexpected(std::move(ids.error()));
    range.ids = std::move(*ids);
  }
  range.latest = x.flag("latest");
  return range;
}

} // namespace

std::unique_ptr<activity_form> native_activity(feed_mode mode, const hash128& log,
                                               shown_activity shown) {
  return std::make_unique<native_form>(mode, log, shown);
}

void read_activity(exchange& x) {
  auto bucket = x.existing_bucket();
  if (!bucket) return;
  // A normal answer shows all acknowledged writes, as other reads do. A feed shows only durable
  // ones, so that a follower is never ahead of the state after a crash.
  const feed_mode mode = feed_mode_of(x.text("feed").value_or("normal"));
  const store& rows = x.node.backend.rows();
  const read_view view = mode == feed_mode::normal ? rows.snapshot() : rows.synced();
  const auto state = view.state(bucket->number);
  if (!state) return x.answer.refuse(state.error());
  auto range = range_of(x, mode, *bucket, state->sequence);
  if (!range) return x.answer.refuse(range.error());
  const feed_times times = read_feed_times(x, mode);
  const hash128 log = bucket->log_id;
  activity_reader reader(std::move(*bucket), std::move(*range),
                         native_activity(mode, log, {x.flag("include_docs"), x.flag("active")}));
  if (mode == feed_mode::continuous || mode == feed_mode::eventsource)
    return answer_feed(x.answer, mode, log, endless_activity(x.node, std::move(reader), times));
  answer_rows(x.answer, whole_activity(x.node, std::move(reader), mode, times, view,
                                       {state->sequence, state->chain}));
}

} // namespace treadmill::api
