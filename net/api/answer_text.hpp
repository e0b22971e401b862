#pragma once
#include "storage/documents/revision.hpp"
#include "storage/documents/revision_tree.hpp"
#include "storage/engine/store.hpp"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Pieces of the JSON of answers, appended in place.
namespace treadmill::api {

void append_number(std::string& out, uint64_t number);
/// `,"name":value`. Precondition: nothing in the name needs an escape.
void append_fact(std::string& out, std::string_view name, uint64_t value);
/// With three places after the point. Precondition: finite.
void append_decimal(std::string& out, double number);
/// As a JSON string; `null` if it is empty.
void append_string_or_null(std::string& out, std::string_view text);
/// The text of a revision, without quotes: nothing in it needs an escape.
void append_revision(std::string& out, const revision& rev);
/// `["rev2-…","rev1-…"]`
void append_revisions(std::string& out, std::span<const revision> revisions);
/// `{"seq":1,"id":…,"changes":[…]}` with `"deleted":true` if the document is deleted, then `extra`.
void append_entry(std::string& out, const activity_entry& entry, std::string_view extra = {});
/// Appends the winner of the document as the view has it; `null` if it is deleted. False: the view
/// has no such document, and nothing is appended.
result<bool> append_winner(std::string& out, const read_view& view, uint32_t bucket,
                           std::string_view id);
/// The quoted revision.
std::string etag_of(const revision& rev);
/// The tag of a revision that was made elsewhere: the quoted revision, `body_mark`, and a hash of
/// the body, because such a revision does not determine its body.
std::string etag_of(const revision& rev, std::string_view body);
inline constexpr char body_mark = '+'; ///< occurs in no revision
/// The losing live leaves, best first.
std::vector<revision> conflicts_of(const revision_tree& tree);

} // namespace treadmill::api
