#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// What identifies the bytes of an attachment.
namespace treadmill {

using sha256_hash = std::array<uint8_t, 32>;
using md5_hash = std::array<uint8_t, 16>;

struct content_digest {
  sha256_hash sha256{}; ///< the name of the content
  md5_hash md5{};       ///< CouchDB's clients check it; nothing here relies on it
  uint64_t length = 0;
  friend bool operator==(const content_digest&, const content_digest&) = default;
};

/// Computes the digest of bytes that arrive in pieces. **Thread**: a plain value, move-only.
class content_hasher {
public:
  content_hasher();
  ~content_hasher();
  content_hasher(content_hasher&&) noexcept;
  content_hasher& operator=(content_hasher&&) noexcept;

  void take(std::string_view bytes);
  content_digest end(); ///< the hasher can be used again, for other bytes

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// Lower-case hex.
std::string hex_of(std::string_view bytes);
/// Writes the bytes of `size` pairs of lower-case hex digits; false: the text is something else.
bool bytes_of_hex(std::string_view hex, uint8_t* bytes, size_t size);

template<size_t Size>
std::string hex_of(const std::array<uint8_t, Size>& bytes) {
  return hex_of({reinterpret_cast<const char*>(bytes.data()), Size});
}

/// The hash with that lower-case hex; nullopt: the text is something else.
template<typename Hash>
std::optional<Hash> hash_of_hex(std::string_view hex) {
  Hash hash{};
  if (!bytes_of_hex(hex, hash.data(), hash.size())) return std::nullopt;
  return hash;
}

} // namespace treadmill
