#pragma once
#include "storage/base/content_hash.hpp"
#include "storage/base/defaults.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The attachments of a document. The stored body names them in its last member, `_attachments`, so
/// hashes of revisions, digests, exports and ETags cover them; their contents lie elsewhere, under
/// their SHA-256. storage/README.md ("Attachments") has the form, of which each list has exactly
/// one.
namespace treadmill {

struct attachment {
  std::string name{};
  std::string content_type{};
  uint64_t length = 0;  ///< bytes after decoding
  sha256_hash sha256{}; ///< of the stored bytes, as md5
  md5_hash md5{};
  uint32_t revpos = 0;         ///< the number of the revision that brought the content
  std::string encoding{};      ///< of the stored bytes: "" or "gzip"
  uint64_t encoded_length = 0; ///< the number of stored bytes, if they have an encoding
  uint64_t stored_length() const { return encoding.empty() ? length : encoded_length; }
  friend bool operator==(const attachment&, const attachment&) = default;
};
using attachment_list = std::vector<attachment>; ///< in the order of the names' bytes

/// 1 to 512 bytes of valid UTF-8, not beginning with `_`. Errors: bad_id.
result<void> check_attachment_name(std::string_view name);
/// Up to 255 bytes of valid UTF-8 without control characters: it becomes a header.
/// Errors: bad_request.
result<void> check_attachment_type(std::string_view content_type);
/// Checks all members. Errors: as above; bad_request (revpos, encoding).
result<void> check_attachment(const attachment& one);

/// The attachments in a stored body: the value of its last member, an object; empty: it has none.
std::string_view attachments_text(std::string_view body);
/// The body without that member.
std::string without_attachments(std::string_view body);
/// The body, which has no such member, with these attachments. Precondition: each is valid, and the
/// names are in order.
std::string with_attachments(std::string_view body, std::span<const attachment> list);

/// Reads the text of the member; an empty one is the empty list. Errors: bad_request (anything that
/// with_attachments would not write), too_large (too many).
result<attachment_list> parse_attachments(std::string_view text);
/// Checks a body in stored form that another node sent: a top-level member `_attachments` is the
/// last one and has its only form. Errors: as parse_attachments.
result<void> check_attachments(std::string_view body);

/// One change of a list of attachments.
struct attachment_edit {
  enum class kind : uint8_t {
    keep,   ///< a stub: the document has the content already
    remove, ///< whether or not it is there
    put,    ///< new content
  };
  kind what = kind::keep;
  std::string name{};
  /// Of a stub: what it must have.
  std::optional<uint32_t> revpos{};
  std::optional<sha256_hash> sha256{};
  std::optional<md5_hash> md5{};
  /// Of new content: all of it, valid, with the same name. A revpos of 0 is the new revision's.
  attachment content{};
};

/// What a write does to the attachments of the revision that it extends.
struct attachment_change {
  std::vector<attachment_edit> edits{};
  bool keep_others = true; ///< false: attachments without an edit are removed
};

/// The attachments after a change; `number` is that of the new revision. Errors: missing_stub (a
/// stub names an attachment that is not there, or another one), too_large (too many), bad_request
/// (two edits of one name).
result<attachment_list> change_attachments(const attachment_list& before,
                                           const attachment_change& change, uint32_t number);

/// Reads the member `_attachments` of a document that a client sends back, in stored form: an
/// object of stubs as the node shows them (of which only revpos, sha256 and md5 count), or null for
/// an attachment to remove; or null for all. With `patch`, attachments that it does not name are
/// kept. Errors: bad_request (not such an object, or `data`), bad_id (a name), too_large.
result<attachment_change> parse_stubs(std::string_view value, bool patch);

} // namespace treadmill
