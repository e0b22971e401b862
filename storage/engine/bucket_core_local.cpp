#include "storage/documents/features.hpp"
#include "storage/engine/bucket_core_impl.hpp"
#include "storage/engine/keys.hpp"
#include <utility>

/// What a bucket keeps on this node alone: local rows, and the bodies of superseded revisions.
namespace treadmill {

result<write_outcome> bucket_core::write_local(const write_op& op) {
  if (op.id.empty() || op.id.size() > defaults::local_name_bytes)
    return fail(ec::bad_id, "the name of a local row has 1 to " +
                                std::to_string(defaults::local_name_bytes) + " bytes");
  if (op.body.size() > limits_.json.document_bytes)
    return fail(ec::too_large, "a local row is larger than a document may be");
  std::string key = keys::local_row(bucket_, op.id);
  if (op.before) {
    const auto stored = read(key);
    if (!stored) return tl::unexpected(stored.error());
    if (*stored != *op.before) return fail(ec::conflict, "the row has changed");
  }
  unlogged_ = true;
  if (op.deleted) {
    remove(std::move(key));
  } else {
    put(std::move(key), op.body);
  }
  write_outcome outcome;
  outcome.id = op.id;
  return outcome;
}

write_outcome bucket_core::keep_superseded(const write_op& op) {
  write_outcome outcome;
  outcome.id = op.id;
  if ((state_.features & feature::superseded_bodies) != 0) return outcome;
  state_.features |= feature::superseded_bodies;
  unlogged_ = true;
  rows_.put(keys::bucket_state(bucket_), state_.encode()); // take_batch writes it again
  return outcome;
}

/// The bodies of the leaves of before that have children now, if the bucket keeps them.
/// Precondition: the caller called `doc.note_before`.
result<std::vector<bucket_core::revision_body>>
bucket_core::superseded_bodies(const document& doc) const {
  std::vector<revision_body> kept;
  if ((state_.features & feature::superseded_bodies) == 0) return kept;
  for (const revision& rev : doc.live_before) {
    const revision_tree::node* now = doc.recent.find(rev);
    if (now == nullptr || now->leaf) continue;
    auto body = body_of(doc, rev);
    if (!body) return tl::unexpected(body.error());
    kept.emplace_back(rev, std::move(*body));
  }
  return kept;
}

} // namespace treadmill
