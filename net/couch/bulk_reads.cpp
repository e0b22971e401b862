#include "net/couch/databases.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/json_values.hpp"
#include "net/couch/open_revisions.hpp"
#include "net/couch/revisions.hpp"
#include "storage/base/json_string.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

/// One document of `_bulk_get`.
struct asked_document {
  std::string id;
  std::string rev_text; ///< as it was sent; empty: all leaves are asked for
  revision rev{};       ///< empty: the text is none of a revision
};

outcome<asked_document> read_asked(std::string_view stored) {
  if (!stored.starts_with('{')) return fault(bad_request("each of docs must be an object"));
  asked_document asked;
  bool has_id = false;
  std::optional<couch_error> wrong;
  const auto read = each_member(stored, [&](std::string_view name, std::string_view value) {
    if (name != "\"id\"" && name != "\"rev\"") return result<void>();
    if (!is_string(value)) {
      wrong = bad_request("id and rev must be strings");
    } else if (name == "\"id\"") {
      asked.id = unquoted(value);
      has_id = true;
    } else {
      asked.rev_text = unquoted(value);
    }
    return result<void>();
  });
  if (!read) return fault(of(read.error()));
  if (wrong) return fault(std::move(*wrong));
  if (!has_id) return fault(bad_request("each of docs needs an id"));
  if (const auto rev = parse_revision(asked.rev_text)) asked.rev = *rev;
  return asked;
}

/// The next element of an array. Errors: bad_request.
outcome<asked_document> take_asked(json_cursor& in) {
  std::string_view one;
  if (!in.take_value(one)) return fault(of({ec::internal, "a stored form cannot be read"}));
  in.take(',');
  return read_asked(one);
}

/// The elements of `docs` in stored form, with the bracket after them. They are read again one by
/// one when they are answered, so they are checked here and not kept.
outcome<std::string> read_request(std::string_view body, const json_limits& limits) {
  const auto stored = read_json(body, limits);
  if (!stored) return fault(stored.error());
  std::string_view docs;
  if (stored->starts_with('{')) {
    const auto read = each_member(*stored, [&](std::string_view name, std::string_view value) {
      if (name == "\"docs\"") docs = value;
      return result<void>();
    });
    if (!read) return fault(of(read.error()));
  }
  json_cursor in(docs);
  if (!in.take('[')) return fault(bad_request("the body must have an array docs"));
  while (in.peek() != ']')
    if (auto asked = take_asked(in); !asked) return fault(std::move(asked.error()));
  return std::string(docs.substr(1));
}

/// `{"results":[{"id":…,"docs":[{"ok":{…}}]}]}` and no other member: CouchDB's replicator takes no
/// other form.
class bulk_get_stream : public api::row_stream {
public:
  bulk_get_stream(read_view view, uint32_t bucket, std::string docs, shown_members shown,
                  uint64_t revs_limit)
      : view_(std::move(view)), bucket_(bucket), docs_(std::move(docs)), shown_(shown),
        revs_limit_(revs_limit) {}

protected:
  state slice(std::string& out) override {
    api::slice_bounds bounds{out.size()};
    if (!std::exchange(opened_, true)) out += R"({"results":[)";
    while (asked_ || docs_[at_] != ']') {
      if (bounds.reached(out.size(), std::exchange(cost_, 0))) return state::more;
      if (!asked_)
        if (auto begun = begin_result(out); !begun)
          return give_up({ec::corrupt, begun.error().reason});
      const auto more = append_piece(out);
      if (!more) return give_up({ec::corrupt, more.error().reason});
      if (!*more) end_result(out);
    }
    out += "]}";
    return state::done;
  }

private:
  /// Appends one revision. True: the document has more.
  outcome<bool> append_piece(std::string& out) {
    if (leaves_.empty()) {
      append_error(out, *asked_, missing());
      return false;
    }
    std::string text;
    const auto shown = append_shown(text, *document_, leaves_[next_leaf_], shown_, revs_limit_);
    if (!shown && shown.error().status != 404) return fault(shown.error());
    if (next_leaf_ > 0) out += ',';
    if (shown)
      ((out += R"({"ok":)") += text) += '}';
    else
      append_error(out, *asked_, shown.error());
    return ++next_leaf_ < leaves_.size();
  }

  outcome<void> begin_result(std::string& out) {
    json_cursor in(std::string_view(docs_).substr(at_));
    auto asked = take_asked(in);
    if (!asked) return fault(std::move(asked.error()));
    out += at_ == 0 ? R"({"id":)" : R"(,{"id":)";
    at_ = docs_.size() - in.rest().size();
    asked_ = std::move(*asked);
    append_json_string(out, asked_->id);
    out += R"(,"docs":[)";
    auto found = stored_document::find(view_, bucket_, asked_->id);
    if (found) {
      document_ = std::move(*found);
      return find_leaves();
    }
    if (found.error().status == 404) return {};
    return fault(std::move(found.error()));
  }

  outcome<void> find_leaves() {
    if (asked_->rev_text.empty()) {
      auto leaves = all_leaves(*document_);
      if (!leaves) return fault(std::move(leaves.error()));
      leaves_ = std::move(*leaves);
    } else if (!asked_->rev.empty()) {
      auto leaf = leaf_of(asked_->rev);
      if (!leaf) return fault(std::move(leaf.error()));
      leaves_ = {*leaf};
    }
    return {};
  }

  outcome<revision> leaf_of(const revision& rev) const {
    if (!shown_.latest) return rev;
    const auto tree = document_->whole_tree();
    if (!tree) return fault(tree.error());
    const revision leaf = branch_leaves(**tree).leaf_of(rev);
    return leaf.empty() ? rev : leaf;
  }

  void end_result(std::string& out) {
    out += "]}";
    if (document_) cost_ = document_->cost();
    document_.reset();
    asked_.reset();
    leaves_.clear();
    next_leaf_ = 0;
  }

  static void append_error(std::string& out, const asked_document& asked,
                           const couch_error& problem) {
    append_json_string(out += R"({"error":{"id":)", asked.id);
    append_json_string(out += R"(,"rev":)",
                       asked.rev_text.empty() ? std::string_view("undefined") : asked.rev_text);
    append_json_string(out += R"(,"error":)", problem.word);
    append_json_string(out += R"(,"reason":)", problem.reason);
    out += "}}";
  }

  read_view view_;
  uint32_t bucket_;
  std::string docs_; ///< of the request
  shown_members shown_;
  uint64_t revs_limit_;
  bool opened_ = false;
  size_t at_ = 0;                         ///< of docs_
  size_t cost_ = 0;                       ///< of the last document
  std::optional<asked_document> asked_{}; ///< the one that is being answered
  std::optional<stored_document> document_{};
  std::vector<revision> leaves_{}; ///< of document_, that are shown
  size_t next_leaf_ = 0;
};

} // namespace

void read_bulk(api::exchange& x) {
  const auto from = find_database(x);
  if (!from) return;
  auto shown = read_shown(x);
  if (!shown) return refuse(x.answer, shown.error());
  shown->conflicts = shown->deleted_conflicts = shown->revs_info = false;
  auto asked = read_request(x.request.body, x.node.options.limits);
  if (!asked) return refuse(x.answer, asked.error());
  const auto limit = revs_limit(x.node.backend, from->bucket.number);
  if (!limit) return x.answer.refuse(limit.error());
  api::answer_rows(x.answer, std::make_unique<bulk_get_stream>(x.node.backend.rows().snapshot(),
                                                               from->bucket.number,
                                                               std::move(*asked), *shown, *limit));
}

} // namespace treadmill::couch
