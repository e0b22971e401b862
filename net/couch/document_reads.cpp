#include "net/api/answer_text.hpp"
#include "net/api/preconditions.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/databases.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/names.hpp"
#include "net/couch/parameters.hpp"
#include "net/couch/revisions.hpp"
#include "net/couch/stored_document.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

/// What a request wants to see beside a document.
struct shown_members {
  bool revs = false;
  bool revs_info = false;
  bool conflicts = false;
  bool deleted_conflicts = false;
  bool local_seq = false;
  bool latest = false;
  bool any() const { return revs || revs_info || conflicts || deleted_conflicts || local_seq; }
};

outcome<shown_members> read_shown(const api::exchange& x) {
  shown_members shown;
  bool meta = false;
  const std::pair<std::string_view, bool*> flags[] = {
      {"revs", &shown.revs},
      {"revs_info", &shown.revs_info},
      {"conflicts", &shown.conflicts},
      {"deleted_conflicts", &shown.deleted_conflicts},
      {"latest", &shown.latest},
      {"local_seq", &shown.local_seq},
      {"meta", &meta}};
  for (const auto& [name, flag] : flags) {
    const auto read = read_flag(x, name);
    if (!read) return fault(read.error());
    *flag = *read;
  }
  if (meta) shown.revs_info = shown.conflicts = shown.deleted_conflicts = true;
  return shown;
}

/// The revision and its ancestors, newest first, as far as `limit` and without a gap between their
/// numbers: `_revisions` can name no gap.
std::vector<revision> shown_history(const revision_tree& tree, const revision& rev,
                                    uint64_t limit) {
  std::vector<revision> history = tree.history(rev);
  size_t kept = 0;
  while (kept < history.size() && kept < limit && history[kept].number() + kept == rev.number())
    ++kept;
  history.resize(kept);
  return history;
}

void append_revs(std::string& out, std::span<const revision> history) {
  out += R"(,"_revisions":{"start":)";
  api::append_number(out, history.front().number());
  out += R"(,"ids":[)";
  for (const revision& rev : history) {
    if (!out.ends_with('[')) out += ',';
    ((out += '"') += rev.hash()) += '"';
  }
  out += "]}";
}

void append_revs_info(std::string& out, const revision_tree& tree,
                      std::span<const revision> history) {
  out += R"(,"_revs_info":[)";
  for (const revision& rev : history) {
    const revision_tree::node* node = tree.find(rev);
    const bool is_leaf = node != nullptr && node->leaf;
    out += out.ends_with('[') ? R"({"rev":")" : R"(,{"rev":")";
    append_revision(out, rev);
    out += R"(","status":")";
    out += !is_leaf ? "missing" : node->deleted ? "deleted" : "available";
    out += "\"}";
  }
  out += ']';
}

/// The losing leaves that are tombstones, or those that are live, best first.
void append_losers(std::string& out, std::string_view name, const revision_tree& tree,
                   bool tombstones) {
  std::vector<revision> losing;
  const auto leaves = tree.leaves();
  for (size_t i = 1; i < leaves.size(); ++i)
    if (leaves[i].deleted == tombstones) losing.push_back(leaves[i].rev);
  if (losing.empty()) return;
  out += name;
  append_revisions(out, losing);
}

/// The members that `shown` asks for; empty: none.
outcome<std::string> extra_members(const shown_members& shown, const stored_document& document,
                                   const revision& rev, uint64_t revs_limit) {
  std::string extra;
  if (!shown.any()) return extra;
  const auto tree = document.whole_tree();
  if (!tree) return fault(tree.error());
  const auto history = shown_history(*tree, rev, revs_limit);
  if (shown.revs && !history.empty()) append_revs(extra, history);
  if (shown.revs_info) append_revs_info(extra, *tree, history);
  if (shown.conflicts) append_losers(extra, R"(,"_conflicts":)", *tree, false);
  if (shown.deleted_conflicts) append_losers(extra, R"(,"_deleted_conflicts":)", *tree, true);
  if (shown.local_seq) api::append_fact(extra, "_local_seq", document.row().sequence);
  return extra;
}

/// The revision that the request names, or the winner.
outcome<stored_revision> asked_revision(const api::exchange& x, const stored_document& document,
                                        bool latest) {
  const auto text = x.text("rev");
  if (!text) return document.winner();
  auto rev = parse_revision(*text);
  if (!rev) return fault(std::move(rev.error()));
  if (latest) {
    const auto tree = document.whole_tree();
    if (!tree) return fault(tree.error());
    rev = latest_of(*tree, *rev);
    if (rev->empty()) return fault(missing());
  }
  return document.find_revision(*rev);
}

/// The answer of `open_revs`: a JSON array with the leaves that were asked for.
class open_revisions : public api::row_stream {
public:
  open_revisions(stored_document document, std::vector<revision> asked, shown_members shown,
                 uint64_t revs_limit)
      : document_(std::move(document)), asked_(std::move(asked)), shown_(shown),
        revs_limit_(revs_limit) {}

protected:
  state slice(std::string& out) override {
    api::slice_bounds bounds{out.size()};
    if (next_ == 0) out += '[';
    for (; next_ < asked_.size(); ++next_) {
      if (bounds.reached(out.size(), 0)) return state::more;
      if (next_ > 0) out += ',';
      if (auto done = append_row(out, asked_[next_]); !done)
        return give_up({ec::corrupt, done.error().reason});
    }
    out += ']';
    return state::done;
  }

private:
  outcome<void> append_row(std::string& out, const revision& rev) {
    const auto found = document_.find_revision(rev);
    if (!found) {
      if (found.error().status != 404) return fault(found.error());
      out += R"({"missing":")";
      append_revision(out, rev);
      out += "\"}";
      return {};
    }
    const auto extra = extra_members(shown_, document_, rev, revs_limit_);
    if (!extra) return fault(extra.error());
    out += R"({"ok":)";
    append_document(out, document_.id(), rev, found->deleted, found->body, *extra);
    out += '}';
    return {};
  }

  stored_document document_;
  std::vector<revision> asked_;
  shown_members shown_;
  uint64_t revs_limit_;
  size_t next_ = 0;
};

/// The revisions of `open_revs`: a JSON array of strings.
outcome<std::vector<revision>> read_revisions(std::string_view text, const json_limits& limits) {
  const auto list = parse_string_list("{\"revs\":" + std::string(text) + "}", "revs", limits);
  if (!list) return fault(bad_request("open_revs must be all, or a JSON array of revisions"));
  std::vector<revision> asked;
  for (const std::string& item : *list) {
    auto rev = parse_revision(item);
    if (!rev) return fault(std::move(rev.error()));
    if (std::find(asked.begin(), asked.end(), *rev) == asked.end()) asked.push_back(*rev);
  }
  return asked;
}

/// All leaves for `all`, else the asked ones; with `latest` the leaves of their branches.
outcome<std::vector<revision>> asked_leaves(std::string_view text, const stored_document& document,
                                            bool latest, const json_limits& limits) {
  const auto tree = document.whole_tree();
  if (!tree) return fault(tree.error());
  if (text == "all") {
    std::vector<revision> leaves;
    for (const revision_tree::node& leaf : tree->leaves()) leaves.push_back(leaf.rev);
    return leaves;
  }
  auto asked = read_revisions(text, limits);
  if (!asked || !latest) return asked;
  std::vector<revision> leaves;
  for (const revision& rev : *asked) {
    const revision leaf = latest_of(*tree, rev);
    const revision& shown = leaf.empty() ? rev : leaf;
    if (std::find(leaves.begin(), leaves.end(), shown) == leaves.end()) leaves.push_back(shown);
  }
  return leaves;
}

/// `open_revs` of a document that is not there.
void answer_no_leaves(api::exchange& x, std::string_view text) {
  std::string body = "[";
  if (text != "all") {
    const auto asked = read_revisions(text, x.node.options.limits);
    if (!asked) return refuse(x.answer, asked.error());
    for (const revision& rev : *asked) {
      body += body.size() > 1 ? R"(,{"missing":")" : R"({"missing":")";
      append_revision(body, rev);
      body += "\"}";
    }
  }
  answer_json(x.answer, body + ']');
}

void answer_open_revisions(api::exchange& x, const database& from, std::string_view id,
                           shown_members shown, std::string_view asked) {
  const auto view = x.node.backend.rows().snapshot();
  auto document = stored_document::find(view, from.bucket.number, id);
  if (!document) {
    if (document.error().status == 404) return answer_no_leaves(x, asked);
    return refuse(x.answer, document.error());
  }
  auto leaves = asked_leaves(asked, *document, shown.latest, x.node.options.limits);
  if (!leaves) return refuse(x.answer, leaves.error());
  const auto limit = revs_limit(x.node.backend, from.bucket.number);
  if (!limit) return x.answer.refuse(limit.error());
  shown.conflicts = shown.deleted_conflicts = false;
  api::answer_rows(x.answer, std::make_unique<open_revisions>(std::move(*document),
                                                              std::move(*leaves), shown, *limit));
}

void answer_document(api::exchange& x, const stored_document& document, const stored_revision& rev,
                     bool is_plain, std::string_view extra) {
  http::response answer = json_answer();
  std::string tag = etag_of(rev.rev);
  if (is_plain && api::none_match_names(x.request.header("If-None-Match"),
                                        std::string_view(tag).substr(1, tag.size() - 2))) {
    answer.status = 304;
    answer.content_type.clear();
    answer.headers.emplace_back("ETag", std::move(tag));
    return x.answer(std::move(answer));
  }
  if (is_plain) answer.headers.emplace_back("ETag", std::move(tag));
  answer.body.reserve(rev.body.size() + document.id().size() + extra.size() + 96);
  append_document(answer.body, document.id(), rev.rev, rev.deleted, rev.body, extra);
  x.answer(std::move(answer));
}

void read_named(api::exchange& x, std::string_view id) {
  const auto from = find_database(x);
  if (!from) return;
  auto shown = read_shown(x);
  if (!shown) return refuse(x.answer, shown.error());
  if (const auto open = x.text("open_revs"))
    return answer_open_revisions(x, *from, id, *shown, *open);
  // Without parameters, one row says everything.
  const store& rows = x.node.backend.rows();
  const auto view = x.query.all().empty() ? rows.latest() : rows.snapshot();
  const auto document = stored_document::find(view, from->bucket.number, id);
  if (!document) return refuse(x.answer, document.error());
  const auto rev = asked_revision(x, *document, shown->latest);
  if (!rev) return refuse(x.answer, rev.error());
  if (x.text("rev")) shown->conflicts = shown->deleted_conflicts = false;
  const auto limit = shown->any() ? revs_limit(x.node.backend, from->bucket.number)
                                  : result<uint64_t>(uint64_t{0});
  if (!limit) return x.answer.refuse(limit.error());
  const auto extra = extra_members(*shown, *document, rev->rev, *limit);
  if (!extra) return refuse(x.answer, extra.error());
  answer_document(x, *document, *rev, !shown->any() && !x.text("rev"), *extra);
}

} // namespace

void read_document(api::exchange& x) { read_named(x, x.values.others[0]); }

void read_design_document(api::exchange& x) {
  read_named(x, "_design/" + std::string(x.values.others[0]));
}

void read_attachment(api::exchange& x) {
  if (find_database(x)) refuse(x.answer, {404, "not_found", "Document is missing attachment"});
}

} // namespace treadmill::couch
