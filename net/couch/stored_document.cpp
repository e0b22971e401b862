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

outcome<revision_tree> stored_document::whole_tree() const {
  auto tree = row_.older ? view_.full_tree(bucket_, id_) : row_.tree();
  if (!tree) return fault(of(tree.error()));
  return std::move(*tree);
}

outcome<stored_revision> stored_document::winner() const {
  if (row_.deleted) return fault(deleted());
  return stored_revision{row_.winner, false, std::string(row_.body)};
}

outcome<stored_revision> stored_document::find_revision(const revision& rev) const {
  if (rev == row_.winner && !row_.deleted) return winner();
  const auto tree = row_.tree(); // has all leaves
  if (!tree) return fault(of(tree.error()));
  const revision_tree::node* leaf = tree->find(rev);
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
