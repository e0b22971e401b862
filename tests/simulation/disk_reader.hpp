#pragma once
#include "tests/simulation/disk.hpp"
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What lies on a node's disk, read by the book (storage/README.md) and by nothing of what wrote
/// it: keys, values, revision trees and hashes are read with code of their own.
namespace treadmill::simulation {

/// Number and hash: ordered as the winner is chosen among equals.
using rev_id = std::pair<uint32_t, std::string>;
std::string to_text(const rev_id& rev); ///< "rev3-0123…"; empty for none
std::optional<rev_id> rev_of(std::string_view text);

/// 16 bytes.
using hash_bytes = std::string;
/// The hash of all of Treadmill's: the first half of SHA-256 over the parts, each after its length.
hash_bytes hash_of(const std::vector<std::string_view>& parts);
std::string hex_of(std::string_view bytes);
/// The revision that an edit makes.
rev_id rev_of_edit(const rev_id& parent, bool deleted, std::string_view body);
/// The tombstone below a parent that a claim about `child` named and that did not hold.
rev_id displaced(const rev_id& child, const rev_id& parent);

struct tree_node {
  rev_id rev{};
  rev_id parent{}; ///< number 0: none
  bool deleted = false;
  bool leaf = true;
  bool foreign = false;
  /// Its name says nothing of what it is.
  bool elsewhere() const;
  friend bool operator==(const tree_node&, const tree_node&) = default;
};

struct document_facts {
  std::vector<tree_node> nodes{}; ///< newest first
  rev_id winner{};
  bool deleted = false;
  bool conflicts = false;
  uint64_t sequence = 0;
  std::map<rev_id, std::string> bodies{}; ///< of live leaves

  const tree_node* find(const rev_id& rev) const;
  /// All that has to be the same on every node.
  bool same(const document_facts& other) const;
};

struct entry_facts {
  std::string id{};
  std::vector<rev_id> changes{};
  bool deleted = false;
  bool from_peer = false;
  hash_bytes chain{};
};

struct checkpoint_facts {
  hash_bytes log_id{};
  uint64_t sequence = 0;
  hash_bytes chain{};
};

struct state_facts {
  uint64_t sequence = 0;
  hash_bytes chain = hash_bytes(16, '\0');
  hash_bytes digest = hash_bytes(16, '\0');
  uint64_t documents = 0;
  uint64_t deleted = 0;
  uint64_t conflicts = 0;
  uint64_t queries = 0;
  friend bool operator==(const state_facts&, const state_facts&) = default;
};

struct bucket_facts {
  hash_bytes log_id{};
  state_facts state{};
  std::map<std::string, document_facts> documents{};
  std::vector<entry_facts> log{};                        ///< from sequence 1
  std::map<std::string, checkpoint_facts> checkpoints{}; ///< by the peer's node id
  std::string problem{};                                 ///< the first row that is wrong
};

/// A bucket's number and log id; nothing where it is not there.
std::optional<std::pair<uint32_t, hash_bytes>> find_bucket(const disk& rows, std::string_view name);
bool is_left(const disk& rows, std::string_view name);
state_facts read_state(const disk& rows, uint32_t bucket);
/// As it is committed: it need not be synced.
std::optional<checkpoint_facts> read_checkpoint(const disk& rows, uint32_t bucket,
                                                std::string_view peer);
std::optional<entry_facts> read_entry(const disk& rows, uint32_t bucket, uint64_t sequence);
/// All that is durable, or committed, of a bucket; nothing where it is not there.
std::optional<bucket_facts> read_bucket(const disk& rows, std::string_view name, bool durable);

/// The sum of two digests.
hash_bytes sum(const hash_bytes& a, const hash_bytes& b);
hash_bytes chain_after(const hash_bytes& before, std::string_view id,
                       const std::vector<rev_id>& changes);

} // namespace treadmill::simulation
