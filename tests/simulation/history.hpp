#pragma once
#include "tests/simulation/disk_reader.hpp"
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace treadmill::simulation {

/// One edit that a client asked for, and that a node began.
struct edit {
  enum class kind : uint8_t { body, patch, tombstone };
  kind what = kind::body;
  std::shared_ptr<const std::string> text{}; ///< the body, or the patch
  bool acknowledged = false;
  bool kept = false; ///< it was durable on some node at some time
  /// It was on one disk alone when that was wiped, set back, or left its bucket.
  bool excused = false;
};

/// What an import told of one revision.
struct told_claim {
  rev_id parent{};
  std::optional<std::string> body{}; ///< nothing: a tombstone, or no leaf
  bool leaf = true;
  bool own = false; ///< as Treadmill's own, or its hash computes
  bool acknowledged = false;
};

/// All that clients asked for and were told, and what nodes told each other of their logs: what the
/// checker judges by.
class history {
public:
  using document_key = std::pair<std::string, std::string>; ///< bucket, id
  using edits = std::map<rev_id, edit>;

  /// A node began an edit; it may or may not come to something.
  void began(const document_key& document, const rev_id& made, edit::kind what, std::string text);
  void acknowledged(const document_key& document, const rev_id& rev);
  void excuse(const document_key& document, const rev_id& rev);
  /// An import was begun that tells this; `acknowledged` of it is set when it was.
  std::shared_ptr<told_claim> told(const document_key& document, const rev_id& rev,
                                   told_claim claim);
  using claims = std::map<rev_id, std::vector<std::shared_ptr<told_claim>>>;
  /// What imports told of a document; nullptr: nothing.
  const claims* claims_of(const document_key& document) const;
  /// What was told on one node alone can be gone.
  void note_loss() { lossy_ = true; }
  bool lossy() const { return lossy_; }
  /// It was acknowledged without a sync, and its node has lost what was not synced.
  void lost_unsynced(const document_key& document, const rev_id& rev);

  const std::map<document_key, edits>& documents() const { return documents_; }
  const edit* find(const document_key& document, const rev_id& rev) const;
  uint64_t acknowledged_count() const { return acknowledged_; }
  uint64_t excused_count() const { return excused_; }

  /// An entry of a log became durable, so that others may be told of it. Empty: all is right; else
  /// what is wrong.
  std::string logged(const std::string& bucket, const hash_bytes& log_id, uint64_t sequence,
                     const hash_bytes& before, const entry_facts& entry);
  uint64_t shown(const hash_bytes& log_id) const; ///< how many entries of it are known
  hash_bytes shown_at(const hash_bytes& log_id, uint64_t sequence) const;
  /// A store was set back: its logs go on from there.
  void set_back(const hash_bytes& log_id, uint64_t sequence);

  struct link_of_chain {
    hash_bytes before{};
    uint64_t sequence = 0;
    std::string id{};
    std::vector<rev_id> changes{};
  };
  /// The entry with this chain value, of whichever log.
  const link_of_chain* chain(const hash_bytes& value) const;

private:
  std::map<document_key, edits> documents_{};
  std::map<document_key, claims> claims_{};
  bool lossy_ = false;
  uint64_t acknowledged_ = 0;
  uint64_t excused_ = 0;
  std::map<hash_bytes, link_of_chain> chain_{};
  std::map<hash_bytes, std::vector<hash_bytes>> shown_{}; ///< chain values by log id and sequence
};

} // namespace treadmill::simulation
