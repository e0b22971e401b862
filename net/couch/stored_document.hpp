#pragma once
#include "net/couch/errors.hpp"
#include "storage/documents/revision_tree.hpp"
#include "storage/engine/rows.hpp"
#include "storage/engine/store.hpp"
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill::couch {

/// One revision of a stored document.
struct stored_revision {
  revision rev{};
  bool deleted = false;
  std::string body{}; ///< `{}` for a tombstone
};

/// A document in a view of the store, for the calls that read it. It keeps the trees that it has
/// decoded. **Thread**: one at a time.
class stored_document {
public:
  /// Errors: missing (never there, or hidden); those of reading.
  static outcome<stored_document> find(const read_view& view, uint32_t bucket, std::string_view id);

  const document_row& row() const { return row_; }
  const std::string& id() const { return id_; }
  /// Errors: those of reading.
  outcome<const revision_tree*> whole_tree() const;
  /// A part of the tree that has all leaves. Errors: those of reading.
  outcome<const revision_tree*> recent_tree() const;
  /// The winner. Errors: deleted.
  outcome<stored_revision> winner() const;
  /// A revision whose body is kept: a leaf, or a superseded one, if its bucket keeps such bodies.
  /// Errors: missing; those of reading.
  outcome<stored_revision> find_revision(const revision& rev) const;
  /// About the bytes that were read and decoded so far.
  size_t cost() const;

private:
  stored_document(const read_view& view, uint32_t bucket, std::string_view id)
      : view_(view), bucket_(bucket), id_(id) {}

  read_view view_;
  uint32_t bucket_;
  std::string id_;
  std::unique_ptr<const std::string> bytes_{}; ///< `row_` views into it
  document_row row_{};
  mutable std::unique_ptr<const revision_tree> recent_{};
  mutable std::unique_ptr<const revision_tree> whole_{};
};

} // namespace treadmill::couch
