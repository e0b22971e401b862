#pragma once
#include "storage/bucket_core.hpp"

/// What the files of bucket_core share; included by them alone.
namespace treadmill {

const revision_tree::node* live_leaf(const revision_tree& tree, const revision& rev);
std::vector<revision> live_leaves(const revision_tree& tree);
/// Those leaves whose hash proves nothing, newest first.
std::vector<revision_tree::node> leaves_elsewhere(const revision_tree& tree);

/// What is logged of a change that grew `before` into `after`: the leaves that are new and all that
/// is told otherwise than before (`rewritten`: known leaves whose body changed, newest first).
/// Where it only brought what lies between (which can end a conflict): all that is new.
std::vector<revision> news_of(const revision_tree& before, const revision_tree& after,
                              std::span<const revision> rewritten);

/// A document while it is changed. `row` views into `bytes`, so that lies at a fixed place; `id` is
/// that of the op.
struct bucket_core::document {
  std::string_view id{};
  std::string key{};
  std::unique_ptr<const std::string> bytes{}; ///< nullptr: it was never there
  document_row row{};                         ///< as it was
  revision_tree recent{};                     ///< as it will be; the whole tree where `whole`
  bool whole = false;                         ///< the older ancestry was taken in
  std::vector<revision> live_before{};
  std::vector<revision_tree::node> elsewhere_before{}; ///< leaves, newest first
  hash128 digest_before{};

  bool there() const { return bytes != nullptr; }
  bool live() const { return there() && !row.deleted; }
  /// To be called before `recent` is changed.
  void note_before() {
    if (!there()) return;
    live_before = live_leaves(recent);
    elsewhere_before = leaves_elsewhere(recent);
    digest_before = document_digest(id, recent);
  }
};

} // namespace treadmill
