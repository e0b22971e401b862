#pragma once
#include "tests/simulation/history.hpp"
#include <functional>
#include <string>
#include <utility>

namespace treadmill::simulation {

/// Judges a document of which imports told something: whatever they told, in whatever order and on
/// whichever node, one claim holds of each revision (storage/README.md, "Contradictions").
class claim_judge {
public:
  /// `is_somewhere`: whether some node has a revision of the document.
  claim_judge(const history& told, const history::document_key& key, const document_facts& document,
              std::function<bool(const rev_id&)> is_somewhere)
      : told_(told), key_(key), document_(document), claims_(*told.claims_of(key)),
        is_somewhere_(std::move(is_somewhere)) {}

  /// Empty: all is right. `unsynced`: what was acknowledged can be lost.
  std::string judge(bool unsynced) const;

private:
  bool is_displaced(const tree_node& node) const;
  std::string judge_node(const tree_node& node) const;
  std::string judge_claim(const rev_id& rev, const told_claim& claim) const;
  std::string judge_edits() const;

  const history& told_;
  const history::document_key& key_;
  const document_facts& document_;
  const history::claims& claims_;
  std::function<bool(const rev_id&)> is_somewhere_;
};

} // namespace treadmill::simulation
