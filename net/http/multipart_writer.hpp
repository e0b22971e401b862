#pragma once
#include "net/http/multipart_reader.hpp"
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace treadmill::http {

/// Writes a body of parts, piece by piece: the caller appends the data of each part itself. It asks
/// for the same text twice if it announces a Content-Length: first for its size.
/// **Thread**: a plain value.
class multipart_writer {
public:
  /// A boundary that nobody can guess, so that no data contains it: 128 random bits, by default of
  /// the system.
  using random_bits = std::function<std::array<uint8_t, 16>()>;
  static std::string make_boundary(const random_bits& random = {});

  /// Precondition: a boundary that multipart_reader accepts, with no character that needs quotes.
  explicit multipart_writer(std::string boundary) : boundary_(std::move(boundary)) {}

  /// The Content-Type of the body; `subtype` is related or mixed.
  std::string content_type(std::string_view subtype) const;
  /// Appends the boundary and the head of the next part. Members of `head` that are empty are left
  /// out, and so is a value that no header can have.
  void begin_part(std::string& out, const part_head& head);
  /// Appends the last boundary.
  void end(std::string& out) const;

private:
  std::string boundary_;
  bool first_ = true;
};

} // namespace treadmill::http
