#pragma once
#include "storage/base/hash.hpp"
#include "storage/base/result.hpp"
#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace treadmill {

/// One revision of a document: `rev<N>-<hash>`. N counts the edits of its branch from 1; the hash
/// is 32 lower-case hex digits if Treadmill made it, else 1 to 64 of `[0-9A-Za-z_.-]`. A plain
/// value without heap memory. Ordered by N, then by the hash as a string: this order decides the
/// winner among leaves of equal rank.
class revision {
public:
  static constexpr size_t hash_bytes = 64;
  static constexpr size_t text_bytes = 3 + 10 + 1 + hash_bytes; ///< the longest text

  revision() = default;
  /// Precondition: `hash` has at most 64 bytes.
  revision(uint32_t number, std::string_view hash);
  /// A revision with a native hash: 32 hex digits made from `hash`.
  revision(uint32_t number, const hash128& hash);

  uint32_t number() const { return number_; } ///< 0 only for "no revision".
  std::string_view hash() const { return {hash_.data(), size_}; }
  bool empty() const { return number_ == 0; }
  /// True if the hash is 32 lower-case hex digits: the form that Treadmill makes and receivers
  /// check.
  bool is_native() const { return native_; }
  hash128 native_hash() const; ///< Precondition: is_native().
  std::string text() const;    ///< "rev3-0123…"
  /// The same without a string: written to the front of `buffer` (at least `text_bytes`). The
  /// result is a view into it.
  std::string_view text(std::span<char> buffer) const;

  friend std::strong_ordering operator<=>(const revision& a, const revision& b) {
    if (auto order = a.number_ <=> b.number_; order != 0) return order;
    return a.hash() <=> b.hash();
  }
  friend bool operator==(const revision& a, const revision& b) { return (a <=> b) == 0; }

private:
  uint32_t number_ = 0;
  uint8_t size_ = 0;
  bool native_ = false;
  std::array<char, hash_bytes> hash_{};
};

/// The text of a revision. Errors: bad_rev (not `rev<N>-<hash>`, N of 0, with leading zeros or
/// above 2^31-1).
result<revision> parse_revision(std::string_view text);

/// The revision that an edit makes: the number is the parent's plus one, the hash the first 128
/// bits of SHA-256 over (parent's text or "", deleted, body exactly as stored). The same edit on
/// two nodes gives the same revision.
revision make_revision(const revision& parent, bool deleted, std::string_view body);

/// A hash of the claim about a revision (parent, deleted, body): the hash that make_revision would
/// give it. A revision is Treadmill's own exactly if its hash equals its claim. If two nodes hold a
/// revision that was made elsewhere, unequal claims show that their content differs.
hash128 claim_of(const revision& parent, bool deleted, std::string_view body);

/// The tombstone that a merge adds below `parent` if one claim names `parent` as the parent of
/// `child` and another claim names a different one. Its name is derived from both, so it is the
/// same on every node.
revision displaced_revision(const revision& child, const revision& parent);

/// True for 32 lower-case hex digits, the form that Treadmill makes and receivers check.
bool is_native_hash(std::string_view hash);

} // namespace treadmill
