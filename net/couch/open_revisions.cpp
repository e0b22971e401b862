#include "net/couch/open_revisions.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/databases.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/json_values.hpp"
#include "net/couch/revisions.hpp"
#include "net/couch/version.hpp"
#include "storage/json/json.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

constexpr std::string_view mixed = "multipart/mixed";

void append_missing(std::string& out, const revision& rev) {
  out += R"({"missing":")";
  append_revision(out, rev);
  out += "\"}";
}

/// What is around each revision.
class revision_form {
public:
  /// `boundary`: empty for a JSON array.
  explicit revision_form(std::string boundary) : boundary_(std::move(boundary)) {}

  std::string content_type() const {
    if (boundary_.empty()) return "application/json";
    return std::string(mixed) + "; boundary=\"" + boundary_ + '"';
  }
  void open(std::string& out) const {
    if (boundary_.empty()) out += '[';
  }
  void begin(std::string& out, bool first, bool is_missing) const {
    if (boundary_.empty()) {
      if (!first) out += ',';
      if (!is_missing) out += R"({"ok":)";
      return;
    }
    if (!first) out += "\r\n";
    ((out += "--") += boundary_) += "\r\nContent-Type: application/json";
    if (is_missing) out += "; error=\"true\"";
    out += "\r\n\r\n";
  }
  void end(std::string& out, bool is_missing) const {
    if (boundary_.empty() && !is_missing) out += '}';
  }
  void close(std::string& out, bool is_empty) const {
    if (boundary_.empty()) {
      out += ']';
      return;
    }
    if (!is_empty) out += "\r\n";
    ((out += "--") += boundary_) += "--";
  }

private:
  std::string boundary_;
};

/// The revisions of one document that were asked for. Without a document all of them are missing.
class open_revisions : public api::row_stream {
public:
  open_revisions(std::optional<stored_document> document, std::vector<revision> asked,
                 shown_members shown, uint64_t revs_limit, revision_form form)
      : document_(std::move(document)), asked_(std::move(asked)), shown_(shown),
        revs_limit_(revs_limit), form_(std::move(form)) {}

protected:
  state slice(std::string& out) override {
    api::slice_bounds bounds{out.size()};
    if (next_ == 0) form_.open(out);
    for (; next_ < asked_.size(); ++next_) {
      if (bounds.reached(out.size(), 0)) return state::more;
      if (auto done = append_part(out, asked_[next_]); !done)
        return give_up({ec::corrupt, done.error().reason});
    }
    form_.close(out, asked_.empty());
    return state::done;
  }

private:
  outcome<void> append_part(std::string& out, const revision& rev) {
    outcome<void> shown = fault(missing());
    std::string text;
    if (document_) shown = append_shown(text, *document_, rev, shown_, revs_limit_);
    if (!shown && shown.error().status != 404) return shown;
    form_.begin(out, next_ == 0, !shown);
    if (shown)
      out += text;
    else
      append_missing(out, rev);
    form_.end(out, !shown);
    return {};
  }

  std::optional<stored_document> document_;
  std::vector<revision> asked_;
  shown_members shown_;
  uint64_t revs_limit_;
  revision_form form_;
  size_t next_ = 0;
};

/// The revisions of `open_revs`: a JSON array of strings.
outcome<std::vector<revision>> read_revisions(std::string_view text, const json_limits& limits) {
  const auto stored = stored_form(text, limits);
  const auto list = stored ? strings_of(*stored, limits.items) : std::nullopt;
  if (!list) return fault(bad_request("open_revs must be all, or a JSON array of revisions"));
  std::vector<revision> asked;
  for (const std::string& item : *list) {
    auto rev = parse_revision(item);
    if (!rev) return fault(std::move(rev.error()));
    if (std::find(asked.begin(), asked.end(), *rev) == asked.end()) asked.push_back(*rev);
  }
  return asked;
}

/// All leaves for `all`, else the asked revisions; with `latest` the leaves of their branches.
outcome<std::vector<revision>> asked_leaves(std::string_view text,
                                            const std::optional<stored_document>& document,
                                            bool latest, const json_limits& limits) {
  if (text == "all") {
    if (!document) return fault(missing());
    return all_leaves(*document);
  }
  auto asked = read_revisions(text, limits);
  if (!asked || !latest || !document) return asked;
  const auto tree = document->whole_tree();
  if (!tree) return fault(tree.error());
  const branch_leaves branches(**tree);
  std::vector<revision> leaves;
  for (const revision& rev : *asked) {
    const revision leaf = branches.leaf_of(rev);
    const revision& shown = leaf.empty() ? rev : leaf;
    if (std::find(leaves.begin(), leaves.end(), shown) == leaves.end()) leaves.push_back(shown);
  }
  return leaves;
}

/// JSON unless parts are named: a client that takes anything can read JSON.
bool wants_parts(const api::exchange& x) {
  const std::string_view accept = x.request.header("Accept");
  return accept.find(mixed) != std::string_view::npos ||
         accept.find("multipart/*") != std::string_view::npos;
}

} // namespace

outcome<void> append_shown(std::string& out, const stored_document& document, const revision& rev,
                           const shown_members& shown, uint64_t revs_limit) {
  const auto found = document.find_revision(rev);
  if (!found) return fault(found.error());
  const auto extra = extra_members(shown, document, rev, revs_limit);
  if (!extra) return fault(extra.error());
  append_document(out, document.id(), rev, found->deleted, found->body, *extra);
  return {};
}

outcome<std::vector<revision>> all_leaves(const stored_document& document) {
  const auto tree = document.recent_tree();
  if (!tree) return fault(tree.error());
  std::vector<revision> leaves;
  for (const revision_tree::node& leaf : (*tree)->leaves()) leaves.push_back(leaf.rev);
  return leaves;
}

void answer_open_revisions(api::exchange& x, const database& from, std::string_view id,
                           shown_members shown, std::string_view asked) {
  const auto view = x.node.backend.rows().snapshot();
  auto found = stored_document::find(view, from.bucket.number, id);
  if (!found && found.error().status != 404) return refuse(x.answer, found.error());
  std::optional<stored_document> document;
  if (found) document = std::move(*found);
  auto leaves = asked_leaves(asked, document, shown.latest, x.node.options.limits);
  if (!leaves) return refuse(x.answer, leaves.error());
  const auto limit = revs_limit(x.node.backend, from.bucket.number);
  if (!limit) return x.answer.refuse(limit.error());
  shown.conflicts = shown.deleted_conflicts = false;
  revision_form form(wants_parts(x) ? make_id() : std::string());
  const std::string type = form.content_type();
  api::answer_rows(x.answer,
                   std::make_unique<open_revisions>(std::move(document), std::move(*leaves), shown,
                                                    *limit, std::move(form)),
                   type);
}

} // namespace treadmill::couch
