#include "net/couch/stored_document.hpp"
#include "net/couch/names.hpp"
#include "storage/engine/keys.hpp"

namespace treadmill::couch {

outcome<stored_document> stored_document::find(const read_view& view, uint32_t bucket,
                                               std::string_view id) {
  if (is_hidden(id)) return fault(missing());
  auto bytes = view.read(keys::document(bucket, id));
  if (!bytes) return fault(of(bytes.error()));
  if (!*bytes) return fault(missing());
  stored_document found(view, bucket, id);
  found.bytes_ = std::make_unique<const std::string>(std::move(**bytes));
  auto row = document_row::decode(*found.bytes_);
  if (!row) return fault(of(row.error()));
  found.row_ = *row;
  return found;
}

outcome<const revision_tree*> stored_document::recent_tree() const {
  if (!recent_) {
    auto tree = row_.tree();
    if (!tree) return fault(of(tree.error()));
    recent_ = std::make_unique<const revision_tree>(std::move(*tree));
  }
  return recent_.get();
}

outcome<const revision_tree*> stored_document::whole_tree() const {
  if (!row_.older) return recent_tree();
  if (!whole_) {
    auto tree = view_.full_tree(bucket_, id_);
    if (!tree) return fault(of(tree.error()));
    whole_ = std::make_unique<const revision_tree>(std::move(*tree));
  }
  return whole_.get();
}

size_t stored_document::cost() const {
  size_t nodes = 0;
  if (recent_) nodes += recent_->nodes().size();
  if (whole_) nodes += whole_->nodes().size();
  return bytes_->size() + nodes * sizeof(revision_tree::node);
}

outcome<stored_revision> stored_document::winner() const {
  if (row_.deleted) return fault(deleted());
  return stored_revision{row_.winner, false, std::string(row_.body)};
}

outcome<stored_revision> stored_document::find_revision(const revision& rev) const {
  if (rev == row_.winner && !row_.deleted) return winner();
  const auto tree = recent_tree();
  if (!tree) return fault(tree.error());
  const revision_tree::node* leaf = (*tree)->find(rev);
  if (leaf == nullptr || !leaf->leaf) {
    auto kept = view_.superseded_body(bucket_, id_, rev);
    if (!kept) return fault(of(kept.error()));
    if (!*kept) return fault(missing());
    return stored_revision{rev, false, std::move(**kept)};
  }
  if (leaf->deleted) return stored_revision{rev, true, "{}"};
  auto body = view_.leaf_body(bucket_, id_, rev);
  if (!body) return fault(of(body.error()));
  return stored_revision{rev, false, std::move(*body)};
}

} // namespace treadmill::couch
