#include "tests/simulation/checker.hpp"
#include "tests/simulation/claim_judge.hpp"
#include <algorithm>

namespace treadmill::simulation {

namespace {

using member_list = std::vector<std::pair<std::string, std::string>>;

/// The members of a flat object of numbers and strings without escapes: all that clients write
/// here.
member_list members_of(std::string_view object) {
  member_list made;
  size_t at = 1;
  while (at + 1 < object.size()) {
    const size_t colon = object.find(':', at);
    size_t end = colon + 1;
    if (object[end] == '"') end = object.find('"', end + 1);
    end = object.find_first_of(",}", end);
    made.emplace_back(object.substr(at, colon - at), object.substr(colon + 1, end - colon - 1));
    at = end + 1;
  }
  return made;
}

std::string patched(std::string_view target, std::string_view patch) {
  member_list members = members_of(target);
  for (auto& [name, value] : members_of(patch)) {
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&](const auto& member) { return member.first == name; });
    if (value == "null") {
      if (found != members.end()) members.erase(found);
    } else if (found != members.end()) {
      found->second = value;
    } else {
      members.emplace_back(name, value);
    }
  }
  std::string made = "{";
  for (const auto& [name, value] : members)
    made += (made.size() > 1 ? "," : "") + name + ":" + value;
  return made + "}";
}

bool better(const tree_node& a, const tree_node& b) {
  if (a.deleted != b.deleted) return b.deleted;
  return a.rev > b.rev;
}

hash_bytes digest_of(const std::string& id, const document_facts& document) {
  std::vector<rev_id> leaves;
  for (const tree_node& node : document.nodes)
    if (node.leaf) leaves.push_back(node.rev);
  std::sort(leaves.begin(), leaves.end());
  std::string lines;
  for (const rev_id& rev : leaves) lines += to_text(rev) + "\n";
  hash_bytes made = hash_of({id, lines});
  for (const tree_node& leaf : document.nodes) {
    if (!leaf.leaf || !leaf.elsewhere()) continue;
    const auto body = document.bodies.find(leaf.rev);
    const std::string text = body == document.bodies.end() ? std::string() : body->second;
    const hash_bytes claim = hash_of({to_text(leaf.parent), leaf.deleted ? "1" : "0", text});
    made = sum(made, hash_of({id, to_text(leaf.rev), claim}));
  }
  return made;
}

bool is_query(const std::string& id) { return id.substr(0, 7) == "_query/"; }

} // namespace

std::vector<std::string> checker::bucket_names() const {
  std::vector<std::string> names;
  for (size_t i = 0; i < plan_.content.buckets; ++i) names.push_back("b" + std::to_string(i));
  return names;
}

std::vector<std::vector<size_t>> checker::components(const std::string& bucket) const {
  std::vector<size_t> of(nodes_.size());
  for (size_t i = 0; i < of.size(); ++i) of[i] = i;
  for (size_t round = 0; round < nodes_.size(); ++round) {
    for (const auto& [a, b] : plan_.edges()) {
      if (!nodes_[a]->has_bucket(bucket) || !nodes_[b]->has_bucket(bucket)) continue;
      of[a] = of[b] = std::min(of[a], of[b]);
    }
  }
  std::map<size_t, std::vector<size_t>> grouped;
  for (size_t i = 0; i < of.size(); ++i)
    if (nodes_[i]->has_bucket(bucket)) grouped[of[i]].push_back(i);
  std::vector<std::vector<size_t>> made;
  for (auto& [first, members] : grouped) made.push_back(std::move(members));
  return made;
}

bool checker::converged() const {
  for (const std::string& bucket : bucket_names()) {
    if (!check_presence(bucket).empty()) return false;
    for (const auto& members : components(bucket)) {
      const auto first = nodes_[members.front()]->state(bucket);
      for (const size_t node : members)
        if (nodes_[node]->state(bucket)->digest != first->digest) return false;
    }
  }
  return true;
}

bool checker::checkpoints_at_end() const {
  for (const std::string& bucket : bucket_names())
    for (const auto& members : components(bucket))
      if (!check_ends(bucket, members).empty()) return false;
  return true;
}

// Checkpoints
// -------------------------------------------------------------------------------------------------

/// Everything up to a checkpoint is known: the chain value names all entries before it.
std::string checker::check_reached(const std::string& bucket, const bucket_facts& of) const {
  for (const auto& [peer, reached] : of.checkpoints) {
    hash_bytes chain = reached.chain;
    for (uint64_t sequence = reached.sequence; sequence > 0; --sequence) {
      const history::link_of_chain* entry = told_.chain(chain);
      if (entry == nullptr || entry->sequence != sequence)
        return "a checkpoint at " + std::to_string(reached.sequence) + " is on no log";
      const auto document = of.documents.find(entry->id);
      // The ancestry of what was made up need not be known where the leaf was known before.
      if (document != of.documents.end() && told_.claims_of({bucket, entry->id}) != nullptr) {
        chain = entry->before;
        continue;
      }
      for (const rev_id& rev : entry->changes) {
        if (document == of.documents.end() || document->second.find(rev) == nullptr)
          return "a checkpoint is at " + std::to_string(reached.sequence) + " of " + peer +
                 ", but " + entry->id + " " + to_text(rev) + " of its entry " +
                 std::to_string(sequence) + " is not known";
      }
      chain = entry->before;
    }
  }
  return {};
}

std::string checker::check_checkpoints(size_t node) const {
  for (const std::string& bucket : bucket_names()) {
    const auto of = nodes_[node]->facts(bucket, true);
    if (!of) continue;
    std::string wrong = of->problem.empty() ? check_reached(bucket, *of) : of->problem;
    if (!wrong.empty()) return "node" + std::to_string(node) + " " + bucket + ": " + wrong;
  }
  return {};
}

/// At rest each checkpoint is that of the peer's last entry.
std::string checker::check_ends(const std::string& bucket,
                                const std::vector<size_t>& members) const {
  const auto is_member = [&](size_t node) {
    return std::find(members.begin(), members.end(), node) != members.end();
  };
  for (const auto& [a, b] : plan_.edges()) {
    if (!is_member(a) || !is_member(b)) continue;
    for (const auto& [here, there] : {std::pair{a, b}, std::pair{b, a}}) {
      const auto end = nodes_[there]->state(bucket);
      if (end->sequence == 0) continue;
      const auto reached = nodes_[here]->reached(bucket, *nodes_[there]);
      if (!reached || reached->sequence != end->sequence || reached->chain != end->chain)
        return "node" + std::to_string(here) + " " + bucket + ": its checkpoint is at " +
               std::to_string(reached ? reached->sequence : 0) + " of node" +
               std::to_string(there) + ", whose log ends at " + std::to_string(end->sequence);
    }
  }
  return {};
}

// Documents
// -------------------------------------------------------------------------------------------------

void checker::read_holders(holders& made) const {
  for (const std::string& bucket : bucket_names()) {
    for (size_t node = 0; node < nodes_.size(); ++node) {
      const auto of = nodes_[node]->facts(bucket, true);
      if (!of) continue;
      for (const auto& [id, document] : of->documents)
        for (const tree_node& one : document.nodes) made[{bucket, id}][one.rev].insert(node);
    }
  }
}

/// Where a node has no bucket although a peer has it: it must have left it.
std::string checker::check_presence(const std::string& bucket) const {
  for (const auto& [a, b] : plan_.edges()) {
    for (const auto& [here, there] : {std::pair{a, b}, std::pair{b, a}}) {
      if (nodes_[there]->has_bucket(bucket) && !nodes_[here]->has_bucket(bucket) &&
          !nodes_[here]->has_left(bucket))
        return "node" + std::to_string(here) + " has not made " + bucket;
    }
  }
  return {};
}

/// Each node of a tree is an edit that a client asked for, or a tombstone of a delete; its hash is
/// that of its parent and body.
std::string checker::check_edits(const document_key& key, const document_facts& document) const {
  if (told_.claims_of(key) != nullptr) {
    const auto is_somewhere = [&](const rev_id& rev) {
      return any_of(holding_, key, rev, [](size_t) { return true; });
    };
    return claim_judge(told_, key, document, is_somewhere).judge(plan_.interval);
  }
  std::map<rev_id, std::string> bodies;
  for (auto node = document.nodes.rbegin(); node != document.nodes.rend(); ++node) {
    const edit* known = told_.find(key, node->rev);
    const std::string name = key.second + " " + to_text(node->rev);
    if (known == nullptr) return name + " was never written";
    if (node->parent.first != 0 && document.find(node->parent) == nullptr)
      return name + " names a parent that is not there";
    const bool tombstone = known->text == nullptr || known->what == edit::kind::tombstone;
    std::string body = tombstone ? std::string() : *known->text;
    if (!tombstone && known->what == edit::kind::patch) body = patched(bodies[node->parent], body);
    if (rev_of_edit(node->parent, tombstone, body) != node->rev) return name + " has a wrong hash";
    if (node->leaf && node->deleted != tombstone) return name + " has a wrong `deleted`";
    const auto stored = document.bodies.find(node->rev);
    if (node->leaf && !tombstone && (stored == document.bodies.end() || stored->second != body))
      return name + " has a wrong body, or none";
    bodies[node->rev] = std::move(body);
  }
  return {};
}

std::string checker::check_document(const document_key& key, const document_facts& document) const {
  const tree_node* winner = nullptr;
  size_t live = 0;
  for (const tree_node& node : document.nodes) {
    if (!node.leaf) continue;
    live += node.deleted ? 0 : 1;
    if (winner == nullptr || better(node, *winner)) winner = &node;
  }
  if (winner == nullptr || winner->rev != document.winner || winner->deleted != document.deleted)
    return key.second + " has a wrong winner";
  if (document.conflicts != (live > 1)) return key.second + " has a wrong mark of conflicts";
  if (document.bodies.size() != live)
    return key.second + " has bodies of no live leaf, or lacks one";
  return check_edits(key, document);
}

std::string checker::check_state(const bucket_facts& of) const {
  state_facts made;
  made.sequence = of.state.sequence;
  made.chain = of.state.chain;
  for (const auto& [id, document] : of.documents) {
    made.digest = sum(made.digest, digest_of(id, document));
    made.conflicts += document.conflicts ? 1 : 0;
    if (is_query(id)) {
      made.queries += document.deleted ? 0 : 1;
    } else {
      ++(document.deleted ? made.deleted : made.documents);
    }
  }
  if (made.digest != of.state.digest) return "the digest is wrong";
  return made == of.state ? std::string() : "the counts are wrong";
}

/// Gapless from 1, the chain right, nothing else than what others were told; the last entry of a
/// document is its state.
std::string checker::check_log(const bucket_facts& of) const {
  if (of.log.size() != of.state.sequence) return "the log does not end at the state's sequence";
  if (of.log.size() != told_.shown(of.log_id)) return "the log is not as long as it was told";
  hash_bytes chain(16, '\0');
  std::map<std::string, uint64_t> last;
  for (size_t i = 0; i < of.log.size(); ++i) {
    const entry_facts& entry = of.log[i];
    const std::string name = "entry " + std::to_string(i + 1);
    chain = chain_after(chain, entry.id, entry.changes);
    if (chain != entry.chain) return name + " has a wrong chain value";
    if (told_.shown_at(of.log_id, i + 1) != chain) return name + " was told as another one";
    const auto document = of.documents.find(entry.id);
    if (document == of.documents.end()) return name + " is of no document";
    for (const rev_id& rev : entry.changes)
      if (document->second.find(rev) == nullptr) return name + " is of an unknown revision";
    if (entry.changes.empty()) return name + " has no revision";
    last[entry.id] = i + 1;
  }
  if (chain != of.state.chain) return "the state's chain value is not that of the last entry";
  for (const auto& [id, document] : of.documents) {
    if (document.sequence != last[id]) return id + " names another sequence than its last";
    if (of.log[static_cast<size_t>(document.sequence - 1)].deleted != document.deleted)
      return id + "'s last entry is not its state";
  }
  return {};
}

bool checker::any_of(const holders& noted, const document_key& key, const rev_id& rev,
                     const std::function<bool(size_t node)>& which) {
  const auto document = noted.find(key);
  if (document == noted.end()) return false;
  const auto found = document->second.find(rev);
  return found != document->second.end() &&
         std::any_of(found->second.begin(), found->second.end(), which);
}

/// What clients were told of, or was durable anywhere, is there, unless it was on one lost disk
/// alone.
std::string checker::check_kept(const std::string& bucket, const std::vector<size_t>& members,
                                const bucket_facts& of) const {
  const auto is_member = [&](size_t node) {
    return std::find(members.begin(), members.end(), node) != members.end();
  };
  for (const auto& [key, edits] : told_.documents()) {
    if (key.first != bucket) continue;
    const auto document = of.documents.find(key.second);
    for (const auto& [rev, known] : edits) {
      if (known.excused || (!known.acknowledged && !known.kept)) continue;
      const bool there = document != of.documents.end() && document->second.find(rev) != nullptr;
      const std::string name =
          key.second + " " + to_text(rev) + (known.acknowledged ? ", which was acknowledged," : "");
      if (!there && told_.claims_of(key) != nullptr) continue; // see claim_judge
      if (!there && any_of(held_, key, rev, is_member)) return name + " is lost";
      if (!any_of(holding_, key, rev, [](size_t) { return true; })) return name + " is nowhere";
    }
  }
  return {};
}

std::string checker::check_rows(const std::string& bucket, const bucket_facts& of) const {
  if (plan_.original) return {}; // it has no such things
  if (std::string wrong = check_state(of); !wrong.empty()) return wrong;
  if (std::string wrong = check_log(of); !wrong.empty()) return wrong;
  return check_reached(bucket, of);
}

/// Of what was made up the leaves have to be the same, and all that they are.
bool checker::same(const std::string& bucket, const std::string& id, const document_facts& one,
                   const document_facts& other) const {
  if (told_.claims_of({bucket, id}) == nullptr) return one.same(other);
  const auto leaves = [](document_facts of) {
    std::erase_if(of.nodes, [](const tree_node& node) { return !node.leaf; });
    return of;
  };
  return leaves(one).same(leaves(other));
}

std::string checker::check_component(const std::string& bucket,
                                     const std::vector<size_t>& members) const {
  const auto first = nodes_[members.front()]->facts(bucket, false);
  for (const size_t node : members) {
    const auto of = node == members.front() ? first : nodes_[node]->facts(bucket, false);
    const auto wrong = [&](const std::string& what) {
      return "node" + std::to_string(node) + " " + bucket + ": " + what;
    };
    if (!of->problem.empty()) return wrong(of->problem);
    for (const auto& [id, document] : of->documents) {
      const auto other = first->documents.find(id);
      if (other == first->documents.end() || !same(bucket, id, document, other->second))
        return wrong(id + " differs from that of node" + std::to_string(members.front()));
    }
    if (of->documents.size() != first->documents.size()) return wrong("a document is not there");
    if (std::string what = check_rows(bucket, *of); !what.empty()) return wrong(what);
    if (node != members.front()) continue;
    for (const auto& [id, document] : of->documents)
      if (std::string what = check_document({bucket, id}, document); !what.empty())
        return wrong(what);
    if (std::string what = check_kept(bucket, members, *of); !what.empty()) return wrong(what);
  }
  return check_ends(bucket, members);
}

std::string checker::check_bucket(const std::string& bucket) const {
  if (std::string wrong = check_presence(bucket); !wrong.empty()) return wrong;
  for (const auto& members : components(bucket))
    if (std::string wrong = check_component(bucket, members); !wrong.empty()) return wrong;
  return {};
}

std::string checker::check_all() {
  holding_.clear();
  read_holders(holding_);
  for (const std::string& bucket : bucket_names())
    if (std::string wrong = check_bucket(bucket); !wrong.empty()) return wrong;
  return {};
}

} // namespace treadmill::simulation
