#include "storage/hash.hpp"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <openssl/evp.h>

namespace treadmill {

namespace {

constexpr size_t length_bytes = 8;

/// OpenSSL fails here only without memory or without its default provider: there is no going on.
void require(bool ok) {
  if (!ok) std::abort();
}

const EVP_MD* sha256() {
  // Looked up once: a fetch for every hash costs more than hashing a small document.
  // It is never freed, so that threads that end after main() can still hash.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  require(algorithm != nullptr);
  return algorithm;
}

EVP_MD_CTX* thread_context() {
  struct deleter {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_MD_CTX, deleter> context(EVP_MD_CTX_new());
  require(context != nullptr);
  return context.get();
}

} // namespace

hash128 hash_parts(std::initializer_list<std::string_view> parts) {
  EVP_MD_CTX* context = thread_context();
  require(EVP_DigestInit_ex2(context, sha256(), nullptr) == 1);
  // Small parts are gathered: each call of OpenSSL's costs as much as hashing some hundred bytes.
  std::array<char, 1024> gathered; // NOLINT: filled before it is read
  size_t used = 0;
  const auto flush = [&] {
    require(EVP_DigestUpdate(context, gathered.data(), used) == 1);
    used = 0;
  };
  for (const auto part : parts) {
    if (used + length_bytes > gathered.size()) flush();
    for (size_t i = 0; i < length_bytes; ++i)
      gathered[used++] = static_cast<char>(uint64_t{part.size()} >> (8 * i));
    if (used + part.size() <= gathered.size()) {
      used = static_cast<size_t>(std::copy(part.begin(), part.end(), gathered.begin() + used) -
                                 gathered.begin());
      continue;
    }
    flush();
    require(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  }
  flush();
  std::array<uint8_t, 32> full{};
  unsigned size = 0;
  require(EVP_DigestFinal_ex(context, full.data(), &size) == 1 && size == full.size());
  hash128 hash{};
  std::copy_n(full.begin(), hash.size(), hash.begin());
  return hash;
}

void write_hex(const hash128& hash, char* out) {
  // The two digits of each byte.
  static constexpr auto pairs = [] {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<char, 512> made{};
    for (size_t byte = 0; byte < 256; ++byte) {
      made[2 * byte] = digits[byte >> 4];
      made[2 * byte + 1] = digits[byte & 0x0f];
    }
    return made;
  }();
  for (const uint8_t byte : hash) {
    std::memcpy(out, pairs.data() + size_t{2} * byte, 2);
    out += 2;
  }
}

std::string to_hex(const hash128& hash) {
  std::string text(2 * hash.size(), '0');
  write_hex(hash, text.data());
  return text;
}

hash128 add(const hash128& a, const hash128& b) {
  hash128 sum{};
  unsigned carry = 0;
  for (size_t i = sum.size(); i-- > 0;) {
    carry += unsigned{a[i]} + unsigned{b[i]};
    sum[i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  return sum;
}

hash128 subtract(const hash128& a, const hash128& b) {
  hash128 difference{};
  unsigned borrow = 0;
  for (size_t i = difference.size(); i-- > 0;) {
    const unsigned value = 0x100U + a[i] - b[i] - borrow;
    difference[i] = static_cast<uint8_t>(value);
    borrow = value < 0x100U ? 1 : 0;
  }
  return difference;
}

} // namespace treadmill
