#include "net/couch/answers.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/json_values.hpp"
#include "net/couch/names.hpp"
#include "net/couch/revisions.hpp"
#include "net/couch/stored_document.hpp"
#include "storage/base/json_string.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

/// `_revs_diff`: `{"id":{"missing":[…],"possible_ancestors":[…]}}`; or `_missing_revs`:
/// `{"missing_revs":{"id":[…]}}`.
enum class diff_form : uint8_t { diff, missing };

/// Revisions of one document that a request may name: more than a document can have leaves.
constexpr size_t most_revisions = 20'000;

/// The revisions of one document that a request names.
struct named_revisions {
  std::string id;
  std::vector<revision> revisions{};
};

/// Takes the next member of the request. Errors: bad_request.
outcome<named_revisions> take_named(json_cursor& in) {
  std::string_view name;
  std::string_view list;
  if (!in.take_string(name) || !in.take(':') || !in.take_value(list))
    return fault(of({ec::internal, "a stored form cannot be read"}));
  in.take(',');
  named_revisions named{unquoted(name)};
  const auto texts = strings_of(list, most_revisions);
  if (!texts)
    return fault(bad_request("the revisions of a document must be an array of strings, at most " +
                             std::to_string(most_revisions)));
  for (const std::string& text : *texts) {
    auto rev = parse_revision(text);
    if (!rev) return fault(std::move(rev.error()));
    named.revisions.push_back(*rev);
  }
  return named;
}

/// Checks the whole request, so that nothing in it fails once the answer has begun.
outcome<void> check_request(std::string_view stored) {
  json_cursor in(stored);
  if (!in.take('{')) return fault(bad_request("the body must be an object"));
  while (!in.take('}'))
    if (auto named = take_named(in); !named) return fault(std::move(named.error()));
  return {};
}

/// Whatever is anywhere in the tree is known; leaves with a smaller number than a missing revision
/// may be its ancestors.
struct difference {
  std::vector<revision> missing{};
  std::vector<revision> ancestors{};
};

outcome<difference> difference_of(const stored_document& document,
                                  const std::vector<revision>& asked) {
  difference found;
  auto tree = document.recent_tree();
  if (!tree) return fault(tree.error());
  const auto is_known = [&](const revision& rev) { return (*tree)->find(rev) != nullptr; };
  if (document.row().older && !std::all_of(asked.begin(), asked.end(), is_known)) {
    tree = document.whole_tree();
    if (!tree) return fault(tree.error());
  }
  uint32_t newest = 0;
  for (const revision& rev : asked) {
    if (is_known(rev)) continue;
    found.missing.push_back(rev);
    newest = std::max(newest, rev.number());
  }
  if (found.missing.empty()) return found;
  for (const revision_tree::node& leaf : (*tree)->leaves())
    if (leaf.rev.number() < newest) found.ancestors.push_back(leaf.rev);
  return found;
}

class diff_stream : public api::row_stream {
public:
  diff_stream(read_view view, uint32_t bucket, std::string stored, diff_form form)
      : view_(std::move(view)), bucket_(bucket), stored_(std::move(stored)), form_(form) {}

protected:
  state slice(std::string& out) override {
    api::slice_bounds bounds{out.size()};
    if (at_ == 0) {
      out += form_ == diff_form::diff ? "{" : R"({"missing_revs":{)";
      at_ = 1;
    }
    json_cursor in(std::string_view(stored_).substr(at_));
    size_t cost = 0;
    while (in.peek() != '}') {
      if (bounds.reached(out.size(), cost)) return state::more;
      const auto asked = take_named(in);
      if (!asked) return give_up({ec::internal, asked.error().reason});
      const auto read = append(out, *asked);
      if (!read) return give_up({ec::corrupt, read.error().reason});
      cost = *read;
      at_ = stored_.size() - in.rest().size();
    }
    out += form_ == diff_form::diff ? "}" : "}}";
    return state::done;
  }

private:
  /// Answers what it cost.
  outcome<size_t> append(std::string& out, const named_revisions& asked) {
    difference found{asked.revisions, {}};
    size_t cost = asked.revisions.size() * sizeof(revision);
    const auto document = stored_document::find(view_, bucket_, asked.id);
    if (!document && document.error().status != 404) return fault(document.error());
    if (document) {
      auto differs = difference_of(*document, asked.revisions);
      if (!differs) return fault(std::move(differs.error()));
      found = std::move(*differs);
      cost += document->cost();
    }
    if (found.missing.empty()) return cost;
    if (std::exchange(has_rows_, true)) out += ',';
    append_json_string(out, asked.id);
    out += form_ == diff_form::diff ? R"(:{"missing":)" : ":";
    append_revisions(out, found.missing);
    if (form_ == diff_form::missing) return cost;
    if (!found.ancestors.empty())
      append_revisions(out += R"(,"possible_ancestors":)", found.ancestors);
    out += '}';
    return cost;
  }

  read_view view_;
  uint32_t bucket_;
  std::string stored_; ///< the request
  diff_form form_;
  size_t at_ = 0; ///< of stored_
  bool has_rows_ = false;
};

void answer_diff(api::exchange& x, diff_form form) {
  const auto from = find_database(x);
  if (!from) return;
  auto stored = read_json(x.request.body, x.node.options.limits);
  if (!stored) return refuse(x.answer, stored.error());
  if (const auto checked = check_request(*stored); !checked)
    return refuse(x.answer, checked.error());
  api::answer_rows(x.answer,
                   std::make_unique<diff_stream>(x.node.backend.rows().snapshot(),
                                                 from->bucket.number, std::move(*stored), form));
}

} // namespace

void read_revs_diff(api::exchange& x) { answer_diff(x, diff_form::diff); }
void read_missing_revs(api::exchange& x) { answer_diff(x, diff_form::missing); }

} // namespace treadmill::couch
