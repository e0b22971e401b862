#pragma once
#include "storage/defaults.hpp"
#include "storage/json.hpp"
#include "storage/result.hpp"
#include "storage/revision_tree.hpp"
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// The body of one live leaf, in its stored form.
struct leaf_body {
  revision rev{};
  std::string body{};
  friend bool operator==(const leaf_body&, const leaf_body&) = default;
};

/// A document as a peer sends it: its revision tree or the newest part of that, and the bodies of
/// those live leaves that the receiver may not have.
struct replicated_document {
  std::string id{};
  revision_tree tree{};
  std::vector<leaf_body> bodies{};
};

/// How large the revision tree of a document may become by a merge.
struct tree_limits {
  /// Deleted ones included. A merge that adds none is not refused where there are more.
  size_t leaves = defaults::merged_leaves;
  size_t nodes = defaults::merged_nodes;
};
/// Those of an import.
inline constexpr tree_limits imported_tree{defaults::imported_leaves, defaults::imported_nodes};

/// The document's bodies by their revisions; of several for one, the first. Views into it.
std::map<revision, std::string_view> bodies_by_revision(const replicated_document& document);

/// Holds what came from outside against the rules that every document here keeps: the id (or the
/// name of a query), each revision's form, each body's stored form, and every hash that Treadmill
/// made, recomputed over its parent and body. (Ancestors have no body any more, and a leaf may come
/// without its own: their hashes are taken as they are. So are those that are marked as foreign.)
/// Errors: bad_id, bad_query (the name of one), bad_rev (no leaf; what is no revision; a parent
/// that is not older; a hash or an edit count that does not fit; a body of no live leaf, or two of
/// one), too_large, bad_json (a body that is not in its stored form) and all others of
/// parse_document, parse_definition and check_definition.
result<void> check_replicated(const replicated_document& document, const json_limits& limits);

/// True for what check_replicated or a merge refuses because of a limit of this node, or because no
/// client could define such a query here: another node may have taken it in good faith. Its
/// document is left out, and named. Anything else breaks the protocol.
bool is_own_limit(std::string_view id, ec code);

/// Whether a merge that failed leaves one document out, named, and goes on with the others: where
/// is_own_limit, or what is stored of it here is damaged.
bool is_left_out(std::string_view id, ec code);

} // namespace treadmill
