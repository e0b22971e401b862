#include "net/api/activity_answers.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/parameters.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/changes_filter.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/parameters.hpp"
#include "net/couch/revisions.hpp"
#include "net/couch/sequences.hpp"
#include "storage/base/json_string.hpp"
#include "storage/engine/keys.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

using api::feed_mode;

constexpr std::chrono::milliseconds true_heartbeat{60'000}; ///< of `heartbeat=true`

/// Steps of a selector (selector.hpp) after which a slice ends: some 50 ms.
constexpr uint64_t slice_steps = 400'000;
/// Superseded entries that are counted to tell `pending`.
constexpr size_t counted_marks = 10'000;

struct shown_changes {
  feed_mode mode = feed_mode::normal;
  bool all_docs = false; ///< every leaf, not the winner alone
  bool include_docs = false;
  bool conflicts = false;
};

/// `{"results":[…],"last_seq":…,"pending":n}`, or lines, or events.
class changes_form : public api::activity_form {
public:
  changes_form(const bucket_info& bucket, const shown_changes& shown, changes_filter filter)
      : bucket_(bucket.number), log_(bucket.log_id), shown_(shown), designs_(filter.designs) {
    if (filter.matching) matcher_.emplace(std::move(*filter.matching));
  }

  bool needs_document() const override { return true; }
  bool takes(std::string_view id) const override {
    return designs_ ? id.starts_with("_design/") : !is_hidden(id);
  }
  bool is_costly() override {
    if (steps_ < slice_steps) return false;
    steps_ = 0;
    return true;
  }

  result<bool> append(std::string& out, const read_view& view, const activity_entry& entry,
                      const document_row* document) override {
    const document_row& row = *document;
    leaves_.clear();
    if (auto found = find_leaves(row); !found) return tl::unexpected(std::move(found.error()));
    if (matcher_)
      if (auto kept = keep_matching(view, entry.id, row); !kept)
        return tl::unexpected(std::move(kept.error()));
    if (leaves_.empty()) return false;
    begin_row(out);
    append_row(out, entry, row);
    if (shown_.include_docs)
      if (auto added = append_winner(out, entry.id, row); !added)
        return tl::unexpected(std::move(added.error()));
    out += '}';
    end_row(out, entry);
    return true;
  }

  void open(std::string& out) override {
    if (!is_endless()) out += "{\"results\":[\n";
  }
  void close(std::string& out, const read_view* view, const api::activity_end& end) override {
    if (shown_.mode == feed_mode::eventsource) return;
    out += is_endless() ? "{\"last_seq\":" : "\n],\n\"last_seq\":";
    append_sequence(out, log_, end.last);
    api::append_fact(out, "pending", pending(view, end));
    out += is_endless() ? "}\n" : "}";
  }
  void beat(std::string& out) override {
    out += shown_.mode == feed_mode::eventsource ? "event: heartbeat\ndata: \n\n" : "\n";
  }

private:
  struct leaf {
    revision rev;
    bool deleted;
  };

  bool is_endless() const {
    return shown_.mode == feed_mode::continuous || shown_.mode == feed_mode::eventsource;
  }

  result<void> find_leaves(const document_row& row) {
    if (!shown_.all_docs || row.tree_bytes.empty()) {
      leaves_.push_back({row.winner, row.deleted});
      return {};
    }
    const auto tree = row.tree(); // has all leaves
    if (!tree) return tl::unexpected(tree.error());
    for (const revision_tree::node& node : tree->leaves())
      leaves_.push_back({node.rev, node.deleted});
    return {};
  }

  /// Leaves the leaves out that do not match.
  result<void> keep_matching(const read_view& view, const std::string& id,
                             const document_row& row) {
    result<void> failed;
    std::erase_if(leaves_, [&](const leaf& one) {
      if (!failed) return false;
      result<std::string> losing;
      std::string_view body = row.body;
      if (one.rev != row.winner) {
        losing = one.deleted ? result<std::string>("{}") : view.leaf_body(bucket_, id, one.rev);
        if (!losing) {
          failed = tl::unexpected(losing.error());
          return false;
        }
        body = *losing;
      }
      if (body.empty()) body = "{}";
      const auto matches = matcher_->matches({body, id, to_text(one.rev), one.deleted});
      steps_ += matcher_->steps();
      if (!matches) failed = tl::unexpected(matches.error());
      return matches && !*matches;
    });
    return failed;
  }

  void begin_row(std::string& out) {
    if (shown_.mode == feed_mode::eventsource) out += "data: ";
    if (!is_endless() && std::exchange(has_rows_, true)) out += ",\n";
  }
  void end_row(std::string& out, const activity_entry& entry) const {
    if (!is_endless()) return;
    if (shown_.mode == feed_mode::eventsource) {
      out += "\nid: ";
      append_sequence(out, log_, {entry.sequence, entry.chain});
      out += '\n';
    }
    out += '\n';
  }

  void append_row(std::string& out, const activity_entry& entry, const document_row& row) const {
    out += R"({"seq":)";
    append_sequence(out, log_, {entry.sequence, entry.chain});
    out += R"(,"id":)";
    append_json_string(out, entry.id);
    out += R"(,"changes":[)";
    for (const leaf& one : leaves_) {
      out += out.ends_with('[') ? R"({"rev":")" : R"(,{"rev":")";
      append_revision(out, one.rev);
      out += "\"}";
    }
    out += ']';
    if (row.deleted) out += R"(,"deleted":true)";
  }

  result<void> append_winner(std::string& out, const std::string& id, const document_row& row) {
    std::string extra;
    if (shown_.conflicts && row.conflicts) {
      const auto tree = row.tree();
      if (!tree) return tl::unexpected(tree.error());
      extra = R"(,"_conflicts":)";
      append_revisions(extra, api::conflicts_of(*tree));
    }
    out += R"(,"doc":)";
    append_document(out, id, row.winner, row.deleted, row.body, extra);
    return {};
  }

  /// The rows that a client has not seen yet. Exact as long as there are few superseded entries
  /// among them, else an upper bound.
  uint64_t pending(const read_view* view, const api::activity_end& end) const {
    if (end.log <= end.last.sequence) return 0;
    const uint64_t entries = end.log - end.last.sequence;
    uint64_t marks = 0;
    if (view != nullptr) {
      const auto counted = view->scan(
          keys::superseded(bucket_, end.last.sequence + 1), keys::superseded(bucket_, end.log + 1),
          [&](std::string_view, std::string_view) { return ++marks < counted_marks; });
      if (!counted) marks = 0;
    }
    return entries - std::min(entries, marks);
  }

  uint32_t bucket_;
  hash128 log_;
  shown_changes shown_;
  bool designs_;
  std::optional<selector_matcher> matcher_{};
  uint64_t steps_ = 0; ///< of the selector, since a slice ended for them
  std::vector<leaf> leaves_{};
  bool has_rows_ = false;
};

struct changes_request {
  shown_changes shown{};
  api::activity_range range{};
  api::feed_times times{};
};

outcome<feed_mode> read_mode(const api::exchange& x) {
  const std::string_view name = x.text("feed").value_or("normal");
  const feed_mode mode = api::feed_mode_of(name == "live" ? "continuous" : name);
  if (mode == feed_mode::normal && name != "normal")
    return fault(bad_request("feed must be normal, longpoll, continuous or eventsource"));
  return mode;
}

/// As in CouchDB, a feed that was asked for a heartbeat has no timeout, and every other one has.
outcome<api::feed_times> read_times(const api::exchange& x) {
  using std::chrono::milliseconds;
  const auto& options = x.node.options;
  const auto bounded = [&](uint64_t asked) {
    const auto most = static_cast<uint64_t>(options.feed_timeout_most.count());
    return milliseconds(std::min(asked, most));
  };
  api::feed_times times;
  if (const auto text = x.text("heartbeat"); text && *text != "false") {
    const auto asked = *text == "true" ? std::nullopt : api::read_number(*text);
    if (*text != "true" && asked.value_or(0) == 0)
      return fault(bad_request("heartbeat must be true, or milliseconds above 0"));
    times.heartbeat = asked ? std::max(bounded(*asked), api::shortest_heartbeat) : true_heartbeat;
    return times;
  }
  const auto timeout = read_count(x, "timeout");
  if (!timeout) return fault(timeout.error());
  times.timeout = *timeout ? bounded(**timeout) : options.feed_timeout;
  return times;
}

outcome<shown_changes> read_shown(const api::exchange& x) {
  shown_changes shown;
  const auto mode = read_mode(x);
  if (!mode) return fault(mode.error());
  shown.mode = *mode;
  const std::string_view style = x.text("style").value_or("main_only");
  if (style != "main_only" && style != "all_docs")
    return fault(bad_request("style must be main_only or all_docs"));
  shown.all_docs = style == "all_docs";
  const std::pair<std::string_view, bool*> flags[] = {{"include_docs", &shown.include_docs},
                                                      {"conflicts", &shown.conflicts}};
  for (const auto& [name, flag] : flags) {
    const auto read = read_flag(x, name);
    if (!read) return fault(read.error());
    *flag = *read;
  }
  return shown;
}

outcome<api::activity_range> read_range(const api::exchange& x, const database& from,
                                        feed_mode mode) {
  api::activity_range range;
  range.latest = true;
  std::string_view since = x.text("since").value_or("0");
  if (mode == feed_mode::eventsource) {
    if (const auto last = x.text("last-event-id")) since = *last;
    if (const auto last = x.request.header("Last-Event-ID"); !last.empty()) since = last;
  }
  auto point = read_sequence(since, from.bucket, x.node.backend.rows());
  if (!point) return fault(std::move(point.error()));
  range.since = *point;
  const auto limit = read_count(x, "limit");
  if (!limit) return fault(limit.error());
  if (*limit) range.limit = **limit;
  const auto descending = read_flag(x, "descending");
  if (!descending) return fault(descending.error());
  range.descending = *descending;
  if (*descending && mode != feed_mode::normal)
    return fault(bad_request("descending needs the feed normal"));
  if (const auto interval = read_count(x, "seq_interval"); !interval)
    return fault(interval.error()); // every row has its sequence: here it costs nothing
  return range;
}

outcome<changes_request> read_request(const api::exchange& x, const database& from) {
  const auto shown = read_shown(x);
  if (!shown) return fault(shown.error());
  auto range = read_range(x, from, shown->mode);
  if (!range) return fault(std::move(range.error()));
  const auto times = read_times(x);
  if (!times) return fault(times.error());
  return changes_request{*shown, std::move(*range), *times};
}

void answer_lines(api::reply& to, feed_mode mode, std::unique_ptr<http::body_stream> lines) {
  http::response answer = json_answer();
  if (mode == feed_mode::eventsource) answer.content_type = "text/event-stream";
  answer.stream = std::move(lines);
  to(std::move(answer));
}

} // namespace

void read_changes(api::exchange& x) {
  const auto from = find_database(x);
  if (!from) return;
  auto asked = read_request(x, *from);
  if (!asked) return refuse(x.answer, asked.error());
  auto filter = read_changes_filter(x, *from);
  if (!filter) return refuse(x.answer, filter.error());
  asked->range.ids = std::move(filter->ids);
  const feed_mode mode = asked->shown.mode;
  const store& rows = x.node.backend.rows();
  read_view view = mode == feed_mode::normal ? rows.snapshot() : rows.synced();
  const auto state = view.state(from->bucket.number);
  if (!state) return x.answer.refuse(state.error());
  auto form = std::make_unique<changes_form>(from->bucket, asked->shown, std::move(*filter));
  api::activity_reader reader(from->bucket, std::move(asked->range), std::move(form));
  if (mode == feed_mode::continuous || mode == feed_mode::eventsource)
    return answer_lines(x.answer, mode,
                        api::endless_activity(x.node, std::move(reader), asked->times));
  api::answer_rows(x.answer, api::whole_activity(x.node, std::move(reader), mode, asked->times,
                                                 std::move(view), {state->sequence, state->chain}));
}

} // namespace treadmill::couch
