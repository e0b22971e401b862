#include "storage/base/base64.hpp"
#include <algorithm>
#include <openssl/evp.h>

namespace treadmill {

namespace {

constexpr size_t group = 4; ///< characters, for 3 bytes
/// Bytes of one call of OpenSSL, which counts in int.
constexpr size_t encoded_at_once = size_t{3} * 16 * 1024;
constexpr size_t decoded_at_once = size_t{4} * 16 * 1024;

constexpr auto alphabet = [] {
  std::array<bool, 256> in{};
  for (unsigned char c = '0'; c <= '9'; ++c) in[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) in[c] = true;
  for (unsigned char c = 'A'; c <= 'Z'; ++c) in[c] = true;
  in['+'] = in['/'] = true;
  return in;
}();

bool is_of_alphabet(char c) { return alphabet[static_cast<unsigned char>(c)]; }

tl::unexpected<error> bad(const char* reason) { return fail(ec::bad_encoding, reason); }

const unsigned char* as_unsigned(const char* text) {
  return reinterpret_cast<const unsigned char*>(text);
}

unsigned char* as_unsigned(char* text) { return reinterpret_cast<unsigned char*>(text); }

} // namespace

void append_base64(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, encoded_at_once);
    const size_t before = out.size();
    out.resize(before + base64_size(piece.size()) + 1); // OpenSSL appends a NUL
    EVP_EncodeBlock(as_unsigned(out.data() + before), as_unsigned(piece.data()),
                    static_cast<int>(piece.size()));
    out.pop_back();
    bytes.remove_prefix(piece.size());
  }
}

result<std::string> decode_base64(std::string_view text) {
  base64_decoder decoder;
  std::string bytes;
  bytes.reserve(text.size() / group * 3);
  if (auto taken = decoder.take(bytes, text); !taken) return tl::unexpected(taken.error());
  if (auto complete = decoder.end(); !complete) return tl::unexpected(complete.error());
  return bytes;
}

void base64_encoder::take(std::string& out, std::string_view bytes) {
  while (size_ > 0 && size_ < held_.size() && !bytes.empty()) {
    held_[size_++] = bytes.front();
    bytes.remove_prefix(1);
  }
  if (size_ == held_.size()) end(out);
  const size_t rest = size_ > 0 ? 0 : bytes.size() % held_.size();
  append_base64(out, bytes.substr(0, bytes.size() - rest));
  for (const char byte : bytes.substr(bytes.size() - rest)) held_[size_++] = byte;
}

void base64_encoder::end(std::string& out) {
  append_base64(out, {held_.data(), size_});
  size_ = 0;
}

result<void> base64_decoder::take(std::string& out, std::string_view text) {
  while (!text.empty()) {
    if (padded_) return bad("base64 goes on after its end");
    const bool whole_groups = size_ == 0 && text.size() > group;
    if (whole_groups) {
      // The last group may be padded, so it goes through `held_`.
      const size_t size = (text.size() - 1) / group * group;
      if (auto taken = take_groups(out, text.substr(0, size)); !taken) return taken;
      text.remove_prefix(size);
      continue;
    }
    held_[size_++] = text.front();
    text.remove_prefix(1);
    if (size_ == group)
      if (auto taken = take_last(out); !taken) return taken;
  }
  return {};
}

result<void> base64_decoder::end() const {
  if (size_ > 0) return bad("base64 ends in the middle of a group");
  return {};
}

result<void> base64_decoder::take_groups(std::string& out, std::string_view groups) {
  if (!std::all_of(groups.begin(), groups.end(), is_of_alphabet))
    return bad("a character that base64 does not have, or padding before its end");
  while (!groups.empty()) {
    const std::string_view piece = groups.substr(0, decoded_at_once);
    const size_t before = out.size();
    const size_t size = piece.size() / group * 3;
    out.resize(before + size);
    const int made = EVP_DecodeBlock(as_unsigned(out.data() + before), as_unsigned(piece.data()),
                                     static_cast<int>(piece.size()));
    if (made != static_cast<int>(size)) return bad("text that is not base64");
    groups.remove_prefix(piece.size());
  }
  return {};
}

/// Decodes the group in `held_`, which may be the padded last one.
result<void> base64_decoder::take_last(std::string& out) {
  size_ = 0;
  const size_t padding = held_[3] != '=' ? 0 : held_[2] != '=' ? 1 : 2;
  std::array<char, group> plain = held_;
  std::fill(plain.end() - static_cast<ptrdiff_t>(padding), plain.end(), 'A'); // decodes as zeros
  std::string bytes;
  if (auto taken = take_groups(bytes, {plain.data(), plain.size()}); !taken) return taken;
  const size_t size = bytes.size() - padding;
  if (padding > 0 && bytes[size] != '\0') return bad("base64 whose last bits belong to no byte");
  padded_ = padding > 0;
  out.append(bytes, 0, size);
  return {};
}

} // namespace treadmill
