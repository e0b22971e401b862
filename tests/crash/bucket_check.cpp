#include "tests/crash/bucket_check.hpp"
#include "storage/documents/body_format.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/engine/checkpoint.hpp"
#include "storage/engine/keys.hpp"
#include <map>
#include <set>

namespace treadmill::test {
namespace {

/// Thrown by nothing but this file's checks, to leave them at the first that fails.
struct wrong {
  std::string what;
};

void require(bool right, const std::string& what) {
  if (!right) throw wrong{what};
}

template<typename Value>
Value value_of(result<Value> got, const std::string& what) {
  if (!got) throw wrong{what + ": " + got.error().reason};
  return std::move(*got);
}

struct found_rows {
  std::set<std::string> losing_bodies{}; ///< keys
  std::set<std::string> older{};         ///< ids
  std::set<std::string> conflicts{};     ///< ids
  std::set<uint64_t> superseded{};       ///< sequences
};

std::vector<activity_entry> read_activity(const read_view& view, uint32_t bucket,
                                          const bucket_state& state) {
  std::vector<activity_entry> entries;
  hash128 chain{};
  std::string problem;
  const auto scanned = view.scan(keys::activity(bucket, 0), keys::activity_end(bucket),
                                 [&](std::string_view key, std::string_view value) {
                                   auto entry =
                                       activity_entry::decode(keys::sequence_of(key), value);
                                   if (!entry) {
                                     problem = "an entry cannot be read";
                                     return false;
                                   }
                                   if (entry->sequence != entries.size() + 1)
                                     problem = "the activity has a gap";
                                   chain = next_chain(chain, entry->id, entry->changes);
                                   if (chain != entry->chain) problem = "the chain is wrong";
                                   entries.push_back(std::move(*entry));
                                   return problem.empty();
                                 });
  require(scanned.has_value(), "the activity cannot be read");
  require(problem.empty(), problem + " at " + std::to_string(entries.size()));
  require(state.sequence == entries.size(),
          "the state's sequence is " + std::to_string(state.sequence) + ", the log ends at " +
              std::to_string(entries.size()));
  require(state.chain == chain, "the state's chain is not the last entry's");
  return entries;
}

/// What a leaf adds to the digest whose hash proves nothing.
hash128 claim_sum(const std::string& id, const revision_tree::node& leaf, const std::string& body) {
  const std::string parent = leaf.parent.empty() ? std::string() : leaf.parent.text();
  const hash128 claim = hash_parts({parent, leaf.deleted ? "1" : "0", body});
  return hash_parts({id, leaf.rev.text(), as_bytes(claim)});
}

/// Answers what the leaves add to the digest that were made elsewhere.
hash128 check_bodies(const read_view& view, uint32_t bucket, const std::string& id,
                     const revision_tree& tree, found_rows& rows, uint64_t& features) {
  hash128 claims{};
  for (const revision_tree::node& leaf : tree.leaves()) {
    const bool made_here = !leaf.foreign && leaf.rev.is_native();
    if (leaf.deleted && !made_here) claims = add(claims, claim_sum(id, leaf, ""));
    if (leaf.deleted) continue;
    const std::string body = value_of(view.leaf_body(bucket, id, leaf.rev), id + "'s leaf");
    require(!made_here || make_revision(leaf.parent, false, body) == leaf.rev,
            id + " has a wrong body");
    features |= features_of(body);
    if (!made_here) claims = add(claims, claim_sum(id, leaf, body));
    if (leaf.rev != tree.winner()->rev) {
      require(rows.losing_bodies.erase(keys::losing_body(bucket, id, leaf.rev.text())) == 1,
              id + " lacks the body of a conflict");
    }
  }
  return claims;
}

/// Checks one document; adds it to the recomputed state.
void check_document(const read_view& view, uint32_t bucket, const std::string& id,
                    const document_row& row, found_rows& rows, bucket_state& sum) {
  const revision_tree tree = value_of(view.full_tree(bucket, id), id + "'s tree");
  const revision_tree::node* winner = tree.winner();
  require(winner != nullptr && winner->rev == row.winner && winner->deleted == row.deleted,
          id + " has a wrong winner");
  const bool conflicts = tree.live_leaves() > 1;
  require(value_of(row.tree(), id + "'s recent tree").leaves() == tree.leaves(),
          id + " has leaves in its row that are none in its whole tree, or lacks some");
  require(row.conflicts == conflicts, id + " has a wrong mark of conflicts");
  require((rows.conflicts.erase(id) == 1) == conflicts, id + " has a wrong row of conflicts");
  require((rows.older.erase(id) == 1) == row.older, id + " has a wrong row of older ancestry");
  sum.digest = add(sum.digest, check_bodies(view, bucket, id, tree, rows, sum.features));
  sum.digest = add(sum.digest, document_digest(id, tree));
  if (is_query_document(id)) {
    sum.queries += row.deleted ? 0 : 1;
  } else {
    ++(row.deleted ? sum.deleted : sum.documents);
  }
  sum.conflicts += conflicts ? 1 : 0;
}

/// All rows that belong to documents, but for the documents themselves.
found_rows read_rows(const read_view& view, uint32_t bucket) {
  found_rows rows;
  std::string unknown;
  const auto scanned = view.scan(keys::bucket_begin(bucket), keys::bucket_end(bucket),
                                 [&](std::string_view key, std::string_view value) {
                                   const std::string rest(keys::id_of(key));
                                   namespace kind = keys::row_kind;
                                   switch (key[keys::document_prefix - 1]) {
                                   case kind::local:
                                   case kind::superseded_body:
                                   case kind::state:
                                   case kind::document:
                                   case kind::activity: break;
                                   case kind::losing_body:
                                     rows.losing_bodies.insert(std::string(key));
                                     break;
                                   case kind::older_ancestry: rows.older.insert(rest); break;
                                   case kind::conflict: rows.conflicts.insert(rest); break;
                                   case kind::superseded:
                                     rows.superseded.insert(keys::sequence_of(key));
                                     break;
                                   case kind::checkpoint:
                                     if (!checkpoint::decode(value)) unknown = "a bad checkpoint";
                                     break;
                                   default: unknown = "a row of an unknown kind";
                                   }
                                   return unknown.empty();
                                 });
  require(scanned.has_value(), "the bucket cannot be read");
  require(unknown.empty(), unknown);
  return rows;
}

std::vector<activity_entry> check_all(const read_view& view, uint32_t bucket) {
  const bucket_state state = value_of(view.state(bucket), "the state");
  const std::vector<activity_entry> activity = read_activity(view, bucket, state);
  std::map<std::string, uint64_t> last;
  for (const activity_entry& entry : activity) last[entry.id] = entry.sequence;
  found_rows rows = read_rows(view, bucket);
  for (const activity_entry& entry : activity) {
    const bool superseded = last[entry.id] != entry.sequence;
    require((rows.superseded.erase(entry.sequence) == 1) == superseded,
            "the entry " + std::to_string(entry.sequence) + " has a wrong mark of superseded ones");
  }
  require(rows.superseded.empty(), "an entry that is not there is marked as superseded");
  bucket_state sum;
  sum.sequence = state.sequence;
  sum.chain = state.chain;
  size_t documents = 0;
  std::string problem;
  const auto scanned = view.scan(
      keys::document(bucket, ""), keys::documents_end(bucket),
      [&](std::string_view key, std::string_view value) {
        const std::string id(keys::id_of(key));
        try {
          const document_row row = value_of(document_row::decode(value), id);
          require(row.sequence == last[id], id + " names a wrong sequence");
          require(activity[row.sequence - 1].deleted == row.deleted, id + ": wrong `deleted`");
          check_document(view, bucket, id, row, rows, sum);
        } catch (const wrong& found) {
          problem = found.what;
        }
        ++documents;
        return problem.empty();
      });
  require(problem.empty(), problem);
  require(scanned.has_value(), "the documents cannot be read");
  require(documents == last.size(), "a logged document is not there");
  require(rows.losing_bodies.empty() && rows.older.empty() && rows.conflicts.empty(),
          "a row belongs to no document");
  require((sum.features & ~state.features) == 0, "a feature is not noted");
  sum.features = state.features; // it is never cleared
  require(sum == state, "the digest or the counts are wrong");
  return activity;
}

} // namespace

bucket_check check_bucket(const read_view& view, uint32_t bucket) {
  bucket_check check;
  try {
    check.activity = check_all(view, bucket);
  } catch (const wrong& found) {
    check.problem = "bucket " + std::to_string(bucket) + ": " + found.what;
  }
  return check;
}

std::string check_revisions(const read_view& view, uint32_t bucket,
                            const std::vector<activity_entry>& activity) {
  std::map<std::string, std::set<revision>> logged;
  std::set<std::string> from_peers;
  for (const activity_entry& entry : activity) {
    logged[entry.id].insert(entry.changes.begin(), entry.changes.end());
    if (entry.from_peer) from_peers.insert(entry.id);
  }
  for (const auto& [id, revisions] : logged) {
    const auto tree = view.full_tree(bucket, id);
    if (!tree) return id + " cannot be read: " + tree.error().reason;
    for (const revision& rev : revisions) {
      if (tree->find(rev) == nullptr) return id + " has lost " + rev.text();
    }
    for (const revision_tree::node& node : tree->nodes()) {
      const bool brought_along = !node.leaf && from_peers.count(id) != 0;
      if (!brought_along && revisions.count(node.rev) == 0) {
        return id + " has a revision that was never logged";
      }
    }
  }
  return {};
}

} // namespace treadmill::test
