#include "net/api/query_feed.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/feed_timers.hpp"
#include "net/api/query_request.hpp"
#include "net/api/query_rows.hpp"
#include "net/api/query_source.hpp"
#include "storage/index/index_reader.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <vector>

namespace treadmill::api {

namespace {

struct followed_query {
  bucket_info bucket;
  std::string name;
  feed_mode mode = feed_mode::continuous;
  feed_times times;
  index_range range; ///< the rows that are shown
  index_id where;
  uint64_t since = 0;
};

/// Streams the durable changes of a query's rows, for as long as the query keeps its index.
class query_changes : public http::body_stream {
public:
  query_changes(context& node, followed_query asked)
      : node_(node), asked_(std::move(asked)), text_(asked_.name),
        silence_(asked_.times, node.now()), position_(asked_.since),
        shown_to_(node.backend.queries().follow(asked_.bucket.number, asked_.name)) {}

  void start(const waker& wake) override {
    following_ = node_.backend.follow(asked_.bucket.number, wake);
  }
  clock::time_point due() const override { return silence_.due(); }
  bool is_feed() const override { return true; }

  state next(std::string& out) override {
    const auto now = node_.now();
    if (has_ended()) return state::done;
    const size_t begin = out.size();
    silence_.go_on();
    const auto more = read(node_.backend.rows().synced(), out);
    if (!more && !passes(more.error())) return state::cut;
    if (!more) silence_.pause(now);
    if (out.size() != begin) silence_.spoke(now);
    if (silence_.beats(now)) append_heartbeat(out, asked_.mode);
    if (more.value_or(false)) return state::more;
    return silence_.is_over(now) ? state::done : state::wait;
  }

private:
  /// True: the query has another index, or none. The changes between two indexes are recorded
  /// nowhere, so the feed cannot continue.
  bool has_ended() const {
    const auto bucket = asked_.bucket.number;
    if (node_.backend.stopping() || !node_.backend.rows().alive(bucket)) return true;
    const auto query = node_.backend.queries().find(bucket, asked_.name);
    if (query) return query->where != asked_.where || query->phase == query_phase::suspended;
    // The query's actor is restarting, or the query was deleted.
    const auto defined = read_definition(node_.backend.rows().latest(), bucket, asked_.name);
    return !defined && !passes(defined.error());
  }

  /// True: there is more. Errors: those of the view; not_found (the index no longer keeps changes
  /// that were not shown yet).
  result<bool> read(const read_view& view, std::string& out) {
    const index_reader reader(view, asked_.where);
    const auto kept = reader.state();
    if (!kept) return tl::unexpected(kept.error());
    if (!*kept) return false;
    if (position_ < (*kept)->position && position_ + 1 < (*kept)->changes_from)
      return fail(ec::not_found, "changes are not kept any more");
    slice_bounds bounds{out.size()};
    bool more = false;
    result<void> failed;
    const auto done = reader.changes(position_, [&](const index_change& change) {
      if (bounds.reached(out.size(), size_of(change))) {
        more = true;
        return false;
      }
      failed = show(change, out);
      position_ = change.sequence;
      return failed.has_value();
    });
    if (!failed) return tl::unexpected(std::move(failed.error()));
    if (!done) return tl::unexpected(done.error());
    // Entries that changed no row count as seen, too.
    if (!more) position_ = std::max(position_, (*kept)->position);
    return more;
  }

  static size_t size_of(const index_change& change) {
    size_t bytes = change.id.size();
    for (const auto* rows : {&change.removed, &change.added})
      for (const mapped_row& row : *rows) bytes += row.term.size() + row.value.size();
    return bytes;
  }

  result<void> show(const index_change& change, std::string& out) {
    std::string removed;
    std::string added;
    if (auto done = append_rows(removed, change.id, change.removed); !done) return done;
    if (auto done = append_rows(added, change.id, change.added); !done) return done;
    if (removed.empty() && added.empty()) return {};
    begin_entry(out, asked_.mode, change.sequence, asked_.bucket.log_id);
    out += R"({"seq":)";
    append_number(out, change.sequence);
    out += R"(,"id":)";
    append_json_string(out, change.id);
    out += R"(,"removed":[)" + removed + R"(],"added":[)" + added + "]}";
    end_entry(out, asked_.mode);
    return {};
  }

  result<void> append_rows(std::string& out, std::string_view id,
                           const std::vector<mapped_row>& rows) const {
    for (const mapped_row& row : rows) {
      // Ranges end between terms, so the number of the emission does not matter.
      const std::string suffix = row_suffix(row.term, id, 0);
      if (suffix < asked_.range.from || suffix >= asked_.range.to) continue;
      if (!out.empty()) out += ',';
      if (auto done = text_.append(out, id, row); !done) return done;
    }
    return {};
  }

  context& node_;
  followed_query asked_;
  query_row_text text_;
  feed_timers silence_;
  uint64_t position_; ///< all changes up to here were shown
  std::shared_ptr<void> shown_to_;
  std::shared_ptr<void> following_{};
};

/// Stands for the sequence that the index covers when the feed begins.
constexpr uint64_t from_now = UINT64_MAX;

result<followed_query> read_follower(const exchange& x, const bucket_info& bucket) {
  followed_query asked;
  asked.bucket = bucket;
  asked.name = x.id();
  asked.mode = feed_mode_of(x.text("feed").value_or("continuous"));
  asked.times = read_feed_times(x, asked.mode);
  const auto since = read_since(x, asked.mode, bucket, from_now);
  if (!since) return tl::unexpected(since.error());
  if (since->foreign)
    return fail(ec::bad_request,
                "since is no sequence of this bucket's log, which was begun anew: read "
                "the query, then follow it from the sequence of the answer");
  asked.since = since->sequence.value_or(from_now);
  auto request = read_query_request(x.query, x.node.options.limits);
  if (!request) return tl::unexpected(std::move(request.error()));
  auto ranges = asked_ranges::make(*request);
  if (!ranges) return tl::unexpected(std::move(ranges.error()));
  asked.range = ranges->next().value_or(index_range{});
  return asked;
}

void answer_follower(context& node, reply& answer, followed_query asked,
                     const query_source& source) {
  if (asked.since == from_now) asked.since = source.state.sequence;
  if (asked.since < source.state.sequence && asked.since + 1 < source.state.changes_from)
    return answer.refuse({ec::bad_request,
                          "since is before the changes that are kept: read the query, then follow "
                          "it from the sequence of the answer"});
  asked.where = source.where;
  const feed_mode mode = asked.mode;
  const hash128 log = asked.bucket.log_id;
  answer_feed(answer, mode, log, std::make_unique<query_changes>(node, std::move(asked)));
}

} // namespace

void follow_query(exchange& x, const bucket_info& bucket) {
  auto asked = read_follower(x, bucket);
  if (!asked) return x.answer.refuse(asked.error());
  with_source(
      x, bucket, false,
      [&node = x.node, asked = std::move(*asked)](reply& answer, const query_source& source) {
        answer_follower(node, answer, asked, source);
      });
}

} // namespace treadmill::api
