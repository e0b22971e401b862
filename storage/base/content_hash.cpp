#include "storage/base/content_hash.hpp"
#include <cstdlib>
#include <openssl/evp.h>

namespace treadmill {

namespace {

/// OpenSSL fails here only if it has no memory or no default provider; the process cannot continue.
void require(bool ok) {
  if (!ok) std::abort();
}

/// One hash that is being computed.
class running_hash {
public:
  explicit running_hash(const char* algorithm)
      : algorithm_(EVP_MD_fetch(nullptr, algorithm, nullptr)), context_(EVP_MD_CTX_new()) {
    require(algorithm_ != nullptr && context_ != nullptr);
    begin();
  }
  ~running_hash() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(algorithm_);
  }
  running_hash(const running_hash&) = delete;
  running_hash& operator=(const running_hash&) = delete;

  void take(std::string_view bytes) {
    require(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
  }

  template<size_t Size>
  void end(std::array<uint8_t, Size>& hash) {
    unsigned size = 0;
    require(EVP_MD_get_size(algorithm_) == static_cast<int>(Size));
    require(EVP_DigestFinal_ex(context_, hash.data(), &size) == 1 && size == Size);
    begin();
  }

private:
  void begin() { require(EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1); }

  EVP_MD* algorithm_;
  EVP_MD_CTX* context_;
};

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

} // namespace

struct content_hasher::impl {
  running_hash sha256{"SHA256"};
  running_hash md5{"MD5"};
  uint64_t length = 0;
};

content_hasher::content_hasher() : impl_(std::make_unique<impl>()) {}
content_hasher::~content_hasher() = default;
content_hasher::content_hasher(content_hasher&&) noexcept = default;
content_hasher& content_hasher::operator=(content_hasher&&) noexcept = default;

void content_hasher::take(std::string_view bytes) {
  impl_->sha256.take(bytes);
  impl_->md5.take(bytes);
  impl_->length += bytes.size();
}

content_digest content_hasher::end() {
  content_digest digest;
  impl_->sha256.end(digest.sha256);
  impl_->md5.end(digest.md5);
  digest.length = impl_->length;
  impl_->length = 0;
  return digest;
}

std::string hex_of(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 0x0f];
  }
  return text;
}

bool bytes_of_hex(std::string_view hex, uint8_t* bytes, size_t size) {
  if (hex.size() != 2 * size) return false;
  for (size_t i = 0; i < size; ++i) {
    const int high = digit_of(hex[2 * i]);
    const int low = digit_of(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

} // namespace treadmill
