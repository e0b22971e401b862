#pragma once
#include "storage/base/hash.hpp"
#include "storage/base/result.hpp"
#include "storage/documents/revision_tree.hpp"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The values of the store (storage/README.md, "Values"), as plain structs with their codecs. Every
/// decode is total: any bytes give a value or `corrupt`.
namespace treadmill {

/// The stored state of a bucket after its last batch.
struct bucket_state {
  uint64_t sequence = 0;  ///< of the last activity entry; 0: none
  hash128 chain{};        ///< chain value of that entry
  hash128 digest{};       ///< sum of document_digest, and of claim_digest for leaves made elsewhere
  uint64_t documents = 0; ///< live documents
  uint64_t deleted = 0;   ///< documents whose winner is a tombstone
  uint64_t conflicts = 0; ///< documents with at least one losing live leaf
  /// Live definitions of queries: they count in the digest and in `conflicts`, but neither in
  /// `documents` nor in `deleted`.
  uint64_t queries = 0;
  /// What the contents use that format 1 does not have (features.hpp). Set in the batch of the
  /// first document that needs it, and never cleared.
  uint64_t features = 0;

  std::string encode() const;
  /// Errors: corrupt; io_error (a feature that this version does not know: the contents cannot be
  /// judged).
  static result<bucket_state> decode(std::string_view bytes);
  friend bool operator==(const bucket_state&, const bucket_state&) = default;
};

/// A document's row: its winner with its body, and the recent part of its tree. Views point into
/// the row's bytes.
struct document_row {
  revision winner{};
  bool deleted = false;        ///< the winner is a tombstone
  bool conflicts = false;      ///< it has losing live leaves
  bool older = false;          ///< a separate row holds older ancestry
  uint64_t sequence = 0;       ///< of the last activity entry of this document
  std::string_view tree_bytes; ///< empty: the tree is only the winner, without a parent
  bool foreign = false;        ///< of the winner, if tree_bytes is empty
  std::string_view body;       ///< the winner's stored form

  static result<document_row> decode(std::string_view bytes);
  std::string encode() const;
  result<revision_tree> tree() const; ///< the recent part of the tree
};

/// The whole tree of a document that has older ancestry. Only the whole tree decides which nodes
/// are forgotten: a node of one row can be near a leaf of the other. Errors: corrupt.
result<revision_tree> whole_tree(const revision_tree& recent, std::string_view older_bytes);

/// One entry of the activity log.
struct activity_entry {
  uint64_t sequence = 0; ///< from the key
  std::string id;
  std::vector<revision> changes;
  bool deleted = false;   ///< the document is deleted after this entry
  bool from_peer = false; ///< merged from a peer, not written here
  hash128 chain{};

  std::string encode() const;
  /// Decodes a row into this entry. Reuses its memory, so that reading many rows does not allocate
  /// for each. After an error the entry is unspecified.
  result<void> assign(uint64_t sequence_of_key, std::string_view bytes);
  static result<activity_entry> decode(uint64_t sequence, std::string_view bytes);
};

struct catalogue_row {
  uint32_t number = 0;
  hash128 log_id{};
  std::string encode() const;
  static result<catalogue_row> decode(std::string_view bytes);
};

/// The chain value of an entry that follows an entry with the value `previous` (all zero before the
/// first).
hash128 next_chain(const hash128& previous, std::string_view id, std::span<const revision> changes);

/// The part of a bucket's digest that is due to one document: a hash of (id, its sorted leaf
/// revisions).
hash128 document_digest(std::string_view id, const revision_tree& tree);
/// The additional part for a leaf that was made elsewhere, since its hash does not prove its
/// content: a hash of (id, revision, claim). `body`: empty for a tombstone.
hash128 claim_digest(std::string_view id, const revision_tree::node& leaf, std::string_view body);

} // namespace treadmill
