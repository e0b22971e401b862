#pragma once
#include "storage/base/defaults.hpp"
#include "storage/base/result.hpp"
#include "storage/documents/revision_tree.hpp"
#include "storage/json/json.hpp"
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

/// A document as a peer sends it: its revision tree or the newest part of it, and the bodies of the
/// live leaves that the receiver may lack.
struct replicated_document {
  std::string id{};
  revision_tree tree{};
  std::vector<leaf_body> bodies{};
};

/// The limits of a document's revision tree after a merge.
struct tree_limits {
  /// Including deleted leaves. A merge that adds no leaves is allowed above the limit.
  size_t leaves = defaults::merged_leaves;
  size_t nodes = defaults::merged_nodes;
};
/// The limits of an import.
inline constexpr tree_limits imported_tree{defaults::imported_leaves, defaults::imported_nodes};

/// The document's bodies by revision; if a revision has several, the first. Views into the
/// document.
std::map<revision, std::string_view> bodies_by_revision(const replicated_document& document);

/// Checks a received document against the rules of all stored documents: the id (or the name of a
/// query), each revision's form, each body's stored form (in which no top-level member begins with
/// `_`), and every hash that Treadmill made, which it recomputes over parent and body. (It accepts
/// the hashes of ancestors, which have no body, of leaves without a body, and of foreign revisions
/// unchecked.) Errors: bad_id, bad_query (the name of a query), bad_rev (no leaf; an invalid
/// revision; a parent that is not older; a hash or edit count that does not match; a body without a
/// live leaf, or two bodies for one), too_large, bad_json (a body that is not in stored form) and
/// all errors of parse_document, parse_definition and check_definition.
result<void> check_replicated(const replicated_document& document, const json_limits& limits);

/// True if check_replicated or a merge refused the document because of a limit of this node, or
/// because no client could define such a query here: another node may have accepted it
/// legitimately. The caller skips the document and reports its name. Any other refusal is a
/// protocol violation.
bool is_own_limit(std::string_view id, ec code);

/// True if, after a failed merge, the caller skips and reports this document and continues with the
/// others: is_own_limit is true, or the stored document is damaged.
bool is_left_out(std::string_view id, ec code);

} // namespace treadmill
