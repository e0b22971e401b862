#include "tests/simulation/original_node.hpp"
#include <sstream>

namespace treadmill::simulation {

namespace {

/// An entry with its document, a line each.
std::string entry_text(const std::string& bucket, uint64_t sequence, const std::string& id,
                       bool deleted, const std::string& body, const std::vector<rev_id>& history) {
  std::ostringstream out;
  out << bucket << "\n" << sequence << "\n" << id << "\n" << deleted << "\n" << body << "\n";
  for (const rev_id& rev : history) out << to_text(rev) << "\n";
  return out.str();
}

} // namespace

original_node::original_node(surroundings& around, size_t index, size_t)
    : around_(around), index_(index), id_("original" + std::to_string(index)) {}

void original_node::write(const std::string& name, write_group group) {
  for (const write_op& op : group.ops) write_one(name, op);
}

void original_node::write_one(const std::string& name, const write_op& op) {
  bucket& of = buckets_[name];
  const auto found = of.documents.find(op.id);
  const bool live = found != of.documents.end() && !found->second.deleted;
  const bool removes = op.what == write_op::kind::remove;
  if (op.what == write_op::kind::patch || op.rev) return; // neither was thought of yet
  if (removes ? !live : op.what == write_op::kind::create && live) return;
  document& made = of.documents[op.id];
  // A document that is made again begins anew.
  if (made.deleted) made.history.clear();
  made.deleted = removes;
  made.body = op.body;
  const rev_id parent = made.history.empty() ? rev_id{} : made.history.front();
  made.history.insert(made.history.begin(), rev_of_edit(parent, removes, op.body));
  around_.notes().began({name, op.id}, made.history.front(),
                        removes ? edit::kind::tombstone : edit::kind::body, op.body);
  around_.notes().acknowledged({name, op.id}, made.history.front());
  const std::string entry =
      entry_text(name, ++of.sequence, op.id, made.deleted, made.body, made.history);
  for (const size_t peer : peers_) around_.send(index_, peer, entry);
}

void original_node::receive(size_t, std::string frame) {
  if (!up_) return;
  std::istringstream in(frame);
  std::string name;
  std::string id;
  std::string line;
  document received;
  std::getline(in, name);
  std::getline(in, line);
  const uint64_t sequence = std::stoull(line);
  std::getline(in, id);
  std::getline(in, line);
  received.deleted = line == "1";
  std::getline(in, received.body);
  while (std::getline(in, line)) received.history.push_back(*rev_of(line));

  bucket& of = buckets_[name];
  if (sequence != of.sequence + 1) return; // out of sequence: ignored
  document& here = of.documents[id];
  const bool there = !here.history.empty() && !here.deleted;
  if (received.deleted || !there || received.history.front() > here.history.front())
    here = std::move(received);
  of.sequence = sequence;
}

std::optional<bucket_facts> original_node::facts(const std::string& name, bool) const {
  bucket_facts made;
  const auto of = buckets_.find(name);
  if (of == buckets_.end()) return made;
  for (const auto& [id, held] : of->second.documents) {
    document_facts& shown = made.documents[id];
    shown.deleted = held.deleted;
    shown.winner = held.history.front();
    for (size_t i = 0; i < held.history.size(); ++i) {
      const bool last = i + 1 == held.history.size();
      shown.nodes.push_back(
          {held.history[i], last ? rev_id{} : held.history[i + 1], i == 0 && held.deleted, i == 0});
    }
    if (!held.deleted) shown.bodies[shown.winner] = held.body;
  }
  return made;
}

std::optional<state_facts> original_node::state(const std::string& name) const {
  state_facts made;
  const auto shown = facts(name, true);
  for (const auto& [id, held] : shown->documents)
    made.digest = sum(made.digest, hash_of({id, to_text(held.winner)}));
  return made;
}

} // namespace treadmill::simulation
