#include "net/http/http.hpp"
#include "net/http/error_body.hpp"
#include "net/http/header_text.hpp"

namespace treadmill::http {

namespace {

// If a responder is destroyed without an answer, the work on its request was lost.
void answer_ambiguous(const responder::function& answer) noexcept {
  try {
    answer(error_response(
        {ec::ambiguous, "the work on this request was lost; it may or may not have been applied"}));
  } catch (...) {
    // There is no memory for an answer; the server's deadline ends the request.
  }
}

} // namespace

std::string_view request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) return value;
  return {};
}

responder& responder::operator=(responder&& other) noexcept {
  if (this != &other) {
    if (auto mine = std::exchange(answer_, nullptr)) answer_ambiguous(mine);
    answer_ = std::exchange(other.answer_, nullptr);
  }
  return *this;
}

responder::~responder() {
  if (answer_) answer_ambiguous(answer_);
}

void responder::operator()(response&& answer) {
  // Clear answer_ before the call, so that nothing that runs during the call can answer again.
  if (auto mine = std::exchange(answer_, nullptr)) mine(std::move(answer));
}

} // namespace treadmill::http
