#include "net/couch/shown_members.hpp"
#include "net/api/answer_text.hpp"
#include "net/couch/parameters.hpp"
#include "net/couch/revisions.hpp"
#include <span>

namespace treadmill::couch {

namespace {

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

} // namespace

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

outcome<std::string> extra_members(const shown_members& shown, const stored_document& document,
                                   const revision& rev, uint64_t revs_limit) {
  std::string extra;
  if (!shown.any()) return extra;
  const auto found = document.whole_tree();
  if (!found) return fault(found.error());
  const revision_tree& tree = **found;
  const auto history = shown_history(tree, rev, revs_limit);
  if (shown.revs && !history.empty()) append_revs(extra, history);
  if (shown.revs_info) append_revs_info(extra, tree, history);
  if (shown.conflicts) append_losers(extra, R"(,"_conflicts":)", tree, false);
  if (shown.deleted_conflicts) append_losers(extra, R"(,"_deleted_conflicts":)", tree, true);
  if (shown.local_seq) api::append_fact(extra, "_local_seq", document.row().sequence);
  return extra;
}

} // namespace treadmill::couch
