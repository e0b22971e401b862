#include "tests/simulation/history.hpp"

namespace treadmill::simulation {

void history::began(const document_key& document, const rev_id& made, edit::kind what,
                    std::string text) {
  const auto [place, fresh] = documents_[document].try_emplace(made);
  // The same edit of another node, or a retry. (One that was only told of has no text.)
  if (!fresh && place->second.text != nullptr) return;
  place->second.what = what;
  place->second.text = std::make_shared<const std::string>(std::move(text));
}

void history::acknowledged(const document_key& document, const rev_id& rev) {
  edit& of = documents_[document][rev];
  // Told anew after it was lost for good reason: it has to stay from now on.
  of.excused = false;
  if (of.acknowledged) return;
  of.acknowledged = true;
  ++acknowledged_;
}

void history::excuse(const document_key& document, const rev_id& rev) {
  edit& of = documents_[document][rev];
  of.kept = false; // told anew, it may be lost before it is on a disk again
  if (of.excused) return;
  of.excused = true;
  ++excused_;
}

std::shared_ptr<told_claim> history::told(const document_key& document, const rev_id& rev,
                                          told_claim claim) {
  return claims_[document][rev].emplace_back(std::make_shared<told_claim>(std::move(claim)));
}

const history::claims* history::claims_of(const document_key& document) const {
  const auto found = claims_.find(document);
  return found == claims_.end() ? nullptr : &found->second;
}

const edit* history::find(const document_key& document, const rev_id& rev) const {
  const auto found = documents_.find(document);
  if (found == documents_.end()) return nullptr;
  const auto of = found->second.find(rev);
  return of == found->second.end() ? nullptr : &of->second;
}

void history::lost_unsynced(const document_key& document, const rev_id& rev) {
  if (!documents_[document][rev].kept) excuse(document, rev);
}

uint64_t history::shown(const hash_bytes& log_id) const {
  const auto found = shown_.find(log_id);
  return found == shown_.end() ? 0 : found->second.size();
}

std::string history::logged(const std::string& bucket, const hash_bytes& log_id, uint64_t sequence,
                            const hash_bytes& before, const entry_facts& entry) {
  for (const rev_id& rev : entry.changes) {
    edit& of = documents_[{bucket, entry.id}][rev];
    of.kept = true;
    of.excused = false;
  }
  std::vector<hash_bytes>& shown = shown_[log_id];
  if (sequence <= shown.size()) {
    if (shown[static_cast<size_t>(sequence - 1)] == entry.chain) return {};
    return "sequence " + std::to_string(sequence) + " is used again for something else";
  }
  if (sequence != shown.size() + 1) {
    return "sequence " + std::to_string(sequence) + " comes after " + std::to_string(shown.size());
  }
  if (chain_after(before, entry.id, entry.changes) != entry.chain)
    return "sequence " + std::to_string(sequence) + " has a wrong chain value";
  shown.push_back(entry.chain);
  chain_.try_emplace(entry.chain, link_of_chain{before, sequence, entry.id, entry.changes});
  return {};
}

hash_bytes history::shown_at(const hash_bytes& log_id, uint64_t sequence) const {
  return shown_.at(log_id).at(static_cast<size_t>(sequence - 1));
}

void history::set_back(const hash_bytes& log_id, uint64_t sequence) {
  std::vector<hash_bytes>& shown = shown_[log_id];
  if (sequence < shown.size()) shown.resize(static_cast<size_t>(sequence));
}

const history::link_of_chain* history::chain(const hash_bytes& value) const {
  const auto found = chain_.find(value);
  return found == chain_.end() ? nullptr : &found->second;
}

} // namespace treadmill::simulation
