#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The heads of answers as text: pure functions, no socket, no clock.
namespace treadmill::http {

/// The status line and the headers of an answer.
struct answer_head {
  int status = 200;
  std::string_view date;         ///< as http_date.hpp writes it
  std::string_view content_type; ///< "": none
  const std::vector<std::pair<std::string, std::string>>* headers = nullptr; ///< nullptr: none
  std::optional<size_t> content_length; ///< absent: none is sent
  bool chunked = false;
  bool close = false;
  bool http_1_0 = false; ///< the request's version; keep-alive is then sent explicitly
};

/// The reason phrase of a status (RFC 9110, 15), that of 500 for a status without one.
std::string_view status_text(int status);

/// Appends a head, with the empty line that ends it. Headers are sorted by name, case ignored;
/// Date comes last. A header that is_sendable_header() refuses is left out, so that no value can
/// add a line.
void append_head(std::string& out, const answer_head& head);

} // namespace treadmill::http
