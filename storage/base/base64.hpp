#pragma once
#include "storage/base/result.hpp"
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

/// Base64 with `+`, `/` and padding (RFC 4648, section 4), whole or piece by piece. OpenSSL
/// converts the groups. Its decoder accepts white space, dashes and misplaced padding; this one
/// refuses them.
namespace treadmill {

/// The length of the text for that many bytes.
constexpr size_t base64_size(size_t bytes) { return (bytes + 2) / 3 * 4; }

/// Appends the text of `bytes` to `out`.
void append_base64(std::string& out, std::string_view bytes);

/// The bytes of a text. Errors: bad_encoding (a character that is not of the alphabet, an
/// incomplete group, padding before the end, bits of the last character that belong to no byte).
result<std::string> decode_base64(std::string_view text);

/// Encodes bytes that arrive in pieces. **Thread**: a plain value.
class base64_encoder {
public:
  void take(std::string& out, std::string_view bytes);
  void end(std::string& out); ///< appends the last group; the encoder can be used again

private:
  std::array<char, 3> held_{};
  size_t size_ = 0; ///< of `held_`: less than a group
};

/// Decodes a text that arrives in pieces; `out` receives the bytes of its whole groups.
/// **Errors**: as decode_base64. After an error the decoder must not be used.
/// **Thread**: a plain value.
class base64_decoder {
public:
  result<void> take(std::string& out, std::string_view text);
  result<void> end() const; ///< the text is complete

private:
  result<void> take_groups(std::string& out, std::string_view groups);
  result<void> take_last(std::string& out);

  std::array<char, 4> held_{};
  size_t size_ = 0;     ///< of `held_`
  bool padded_ = false; ///< the last group is complete, and nothing may follow
};

} // namespace treadmill
