#pragma once
#include "storage/engine/bucket_core.hpp"

/// Shared by the files of bucket_core; only they include it.
namespace treadmill {

const revision_tree::node* live_leaf(const revision_tree& tree, const revision& rev);
std::vector<revision> live_leaves(const revision_tree& tree);
/// The leaves whose hash proves nothing about their content, newest first.
std::vector<revision_tree::node> leaves_elsewhere(const revision_tree& tree);

/// The revisions to log for a change from `before` to `after`: new leaves, and known revisions
/// whose claim changed (`rewritten`: known leaves whose body changed, newest first). If the change
/// only added ancestry (which can end a conflict): all new revisions.
std::vector<revision> news_of(const revision_tree& before, const revision_tree& after,
                              std::span<const revision> rewritten);

/// A document during a change. `row` views into `bytes`, which therefore has a fixed address; `id`
/// views the id of the op.
struct bucket_core::document {
  std::string_view id{};
  std::string key{};
  std::unique_ptr<const std::string> bytes{}; ///< nullptr: the document never existed
  document_row row{};                         ///< before the change
  revision_tree recent{};                     ///< after the change; the whole tree if `whole`
  bool whole = false;                         ///< `recent` includes the older ancestry
  std::vector<revision> live_before{};
  std::vector<revision_tree::node> elsewhere_before{}; ///< leaves, newest first
  hash128 digest_before{};

  bool there() const { return bytes != nullptr; }
  bool live() const { return there() && !row.deleted; }
  /// Call it before changing `recent`.
  void note_before() {
    if (!there()) return;
    live_before = live_leaves(recent);
    elsewhere_before = leaves_elsewhere(recent);
    digest_before = document_digest(id, recent);
  }
};

} // namespace treadmill
