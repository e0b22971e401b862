#pragma once
#include "net/replication/peer_frames.hpp"
#include "storage/base/coding.hpp"
#include "storage/documents/names.hpp"
#include "storage/documents/query_definition.hpp"
#include <cstdint>
#include <string>
#include <string_view>

/// The fields of frames (net/README.md): written one by one, and read from bytes that a peer chose.
namespace treadmill::replication {

/// Most items of all lists of a frame together.
inline constexpr uint64_t most_items = 32'768;
inline constexpr size_t most_text = 512; ///< bytes of a node's name, its id and its address

inline void put_flag(std::string& out, bool value) { out += value ? '\1' : '\0'; }

/// Bytes of a hash that is not written as text.
inline constexpr size_t packed_bytes = 16;

/// A native hash is encoded as a zero byte and its 16 bytes, any other as text, which is never
/// empty.
inline void put_hash_of(std::string& out, const revision& rev) {
  if (rev.is_native()) {
    out += '\0';
    put_hash(out, rev.native_hash());
  } else {
    put_bytes(out, rev.hash());
  }
}

inline void put_rev(std::string& out, const revision& rev) {
  put_varint(out, rev.number());
  if (!rev.empty()) put_hash_of(out, rev);
}

/// Reads fields from the front of a payload; after the first invalid field every read fails.
class fields {
public:
  explicit fields(std::string_view in) : in_(in) {}

  bool ok() const { return ok_; }
  bool more() const { return ok_ && !in_.empty(); } ///< a payload of an older version may end here
  bool require(bool holds) { return ok_ = ok_ && holds; }

  uint64_t number() {
    uint64_t value = 0;
    require(take_varint(in_, value));
    return value;
  }
  uint64_t word() {
    uint64_t value = 0;
    require(take_fixed64_be(in_, value));
    return value;
  }
  uint32_t half_word() {
    uint32_t value = 0;
    require(take_fixed32_be(in_, value));
    return value;
  }
  hash128 hash() {
    hash128 value{};
    require(take_hash(in_, value));
    return value;
  }
  std::string_view bytes() {
    std::string_view value;
    require(take_bytes(in_, value));
    return value;
  }
  uint8_t byte() {
    if (!require(!in_.empty())) return 0;
    const auto value = static_cast<uint8_t>(in_.front());
    in_.remove_prefix(1);
    return value;
  }
  bool flag() { return byte() != 0; }
  std::string text() {
    const std::string_view value = bytes();
    require(value.size() <= most_text && is_utf8(value));
    return std::string(value);
  }
  std::string bucket() {
    const std::string_view value = bytes();
    require(check_bucket_name(value).has_value());
    return std::string(value);
  }
  std::string id() {
    const std::string_view value = bytes();
    require(is_query_document(value) ? check_query_name(query_name_of(value)).has_value()
                                     : check_id(value).has_value());
    return std::string(value);
  }
  revision rev_or_none() {
    const uint64_t count = number();
    if (count == 0 || !require(count <= defaults::revision_number)) return {};
    const auto edits = static_cast<uint32_t>(count);
    if (!in_.empty() && in_.front() == '\0') {
      byte();
      return revision(edits, hash());
    }
    const std::string_view hash_text = bytes();
    // Checks the rules for hashes.
    const auto parsed = parse_revision("rev1-" + std::string(hash_text));
    if (!require(parsed && !is_native_hash(hash_text))) return {};
    return revision(edits, hash_text);
  }
  revision rev() {
    const revision value = rev_or_none();
    require(!value.empty());
    return value;
  }
  /// How many items follow, each of at least `smallest` bytes. The bound allocates memory only for
  /// items that the payload can contain, and for at most `most_items` in all lists of a frame
  /// together.
  size_t count(size_t smallest) {
    const uint64_t value = number();
    if (!require(value <= in_.size() / smallest && value <= items_left_)) return 0;
    items_left_ -= value;
    return static_cast<size_t>(value);
  }

private:
  std::string_view in_;
  uint64_t items_left_ = most_items;
  bool ok_ = true;
};

inline void put_checkpoint(std::string& out, const checkpoint& at) {
  put_hash(out, at.log_id);
  put_varint(out, at.sequence);
  put_hash(out, at.chain);
}

inline checkpoint take_checkpoint(fields& in) {
  checkpoint at;
  at.log_id = in.hash();
  at.sequence = in.number();
  at.chain = in.hash();
  return at;
}

} // namespace treadmill::replication
