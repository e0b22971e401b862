#include "storage/base/hash.hpp"
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <openssl/evp.h>

namespace treadmill {

namespace {

constexpr size_t length_bytes = 8;

/// OpenSSL fails here only if it has no memory or no default provider; the process cannot continue.
void require(bool ok) {
  if (!ok) std::abort();
}

const EVP_MD* sha256() {
  // Fetched once: a fetch per hash costs more than hashing a small document. It is never freed, so
  // that threads that end after main() can still hash.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  require(algorithm != nullptr);
  return algorithm;
}

/// The thread's context, ready for a new hash.
EVP_MD_CTX* thread_context() {
  struct deleter {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_MD_CTX, deleter> context(EVP_MD_CTX_new());
  require(context != nullptr);
  // Restarting with the context's current algorithm costs less than setting it again.
  const bool fresh = EVP_MD_CTX_get0_md(context.get()) == nullptr;
  require(EVP_DigestInit_ex2(context.get(), fresh ? sha256() : nullptr, nullptr) == 1);
  return context.get();
}

/// A hash as a big-endian number.
struct number128 {
  uint64_t high = 0;
  uint64_t low = 0;
};

uint64_t big_endian(uint64_t word) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
}

number128 to_number(const hash128& hash) {
  const auto [high, low] = std::bit_cast<std::array<uint64_t, 2>>(hash);
  return {big_endian(high), big_endian(low)};
}

hash128 to_hash(const number128& number) {
  return std::bit_cast<hash128>(std::array{big_endian(number.high), big_endian(number.low)});
}

} // namespace

hash128 hash_parts(std::initializer_list<std::string_view> parts) {
  EVP_MD_CTX* context = thread_context();
  // Gather small parts: each OpenSSL call costs as much as hashing some hundred bytes.
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
  const number128 x = to_number(a);
  const number128 y = to_number(b);
  const uint64_t low = x.low + y.low;
  return to_hash({x.high + y.high + (low < x.low ? 1 : 0), low});
}

hash128 subtract(const hash128& a, const hash128& b) {
  const number128 x = to_number(a);
  const number128 y = to_number(b);
  return to_hash({x.high - y.high - (x.low < y.low ? 1 : 0), x.low - y.low});
}

} // namespace treadmill
