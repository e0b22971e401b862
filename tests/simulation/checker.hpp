#pragma once
#include "tests/simulation/participant.hpp"
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace treadmill::simulation {

using participants = std::vector<std::unique_ptr<participant>>;

/// Judges nodes by what clients were told, with rules of its own: revision trees, winners, digests,
/// chains and merge patches are worked out here anew.
class checker {
public:
  checker(const plan& planned, const history& told, const participants& nodes)
      : plan_(planned), told_(told), nodes_(nodes) {}

  std::vector<std::string> bucket_names() const;
  /// Nodes that have the bucket, and are joined by links with others that have it.
  std::vector<std::vector<size_t>> components(const std::string& bucket) const;
  /// Whether all that can have the same have it: by digest.
  bool converged() const;
  /// Whether every checkpoint is at the end of its log.
  bool checkpoints_at_end() const;

  /// Holds a node's checkpoints against what it has. Empty: all is right.
  std::string check_checkpoints(size_t node) const;
  /// Takes note of where each revision is, when all is healed.
  void note_holders() { read_holders(held_); }
  /// When all is quiet.
  std::string check_all();

private:
  using document_key = history::document_key;
  using holders = std::map<document_key, std::map<rev_id, std::set<size_t>>>;
  void read_holders(holders& made) const;
  static bool any_of(const holders& noted, const document_key& key, const rev_id& rev,
                     const std::function<bool(size_t node)>& which);
  std::string check_bucket(const std::string& bucket) const;
  std::string check_component(const std::string& bucket, const std::vector<size_t>& members) const;
  std::string check_presence(const std::string& bucket) const;
  std::string check_rows(const std::string& bucket, const bucket_facts& of) const;
  std::string check_log(const bucket_facts& of) const;
  std::string check_reached(const std::string& bucket, const bucket_facts& of) const;
  bool same(const std::string& bucket, const std::string& id, const document_facts& one,
            const document_facts& other) const;
  std::string check_ends(const std::string& bucket, const std::vector<size_t>& members) const;
  std::string check_state(const bucket_facts& of) const;
  std::string check_document(const document_key& key, const document_facts& document) const;
  std::string check_edits(const document_key& key, const document_facts& document) const;
  std::string check_kept(const std::string& bucket, const std::vector<size_t>& members,
                         const bucket_facts& of) const;

  const plan& plan_;
  const history& told_;
  const participants& nodes_;
  /// Which nodes had a revision when all was healed, and which have it in the end.
  holders held_{};
  holders holding_{};
};

} // namespace treadmill::simulation
