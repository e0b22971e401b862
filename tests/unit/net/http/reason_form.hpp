#pragma once
#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

namespace treadmill::tests {

inline bool is_between(char c, char first, char last) { return c >= first && c <= last; }

/// Whether `word` is one that is written as it is: the name of a header, a method, HTTP/1.1.
inline bool is_code_word(std::string_view word) {
  return word.find_first_of("-/") != std::string_view::npos ||
         std::all_of(word.begin(), word.end(), [](char c) { return is_between(c, 'A', 'Z'); });
}

/// A reason is a phrase: it begins with a small letter or a code word and ends without a full stop.
inline bool is_phrase(std::string_view reason) {
  if (reason.empty() || reason.ends_with('.') || reason.find(". ") != std::string_view::npos)
    return false;
  return !is_between(reason.front(), 'A', 'Z') ||
         is_code_word(reason.substr(0, reason.find_first_of(" :")));
}

/// Throws where a reason in the body of an answer, or of one of its results, is no phrase.
inline void check_reasons(std::string_view body) {
  constexpr std::string_view before = R"({"status":"error","error":")";
  constexpr std::string_view name = R"(","reason":")";
  for (size_t at = body.find(before); at != std::string_view::npos; at = body.find(before, at)) {
    const size_t named = body.find(name, at);
    if (named == std::string_view::npos) throw std::runtime_error("an error has no reason");
    at = named + name.size();
    size_t end = at;
    while (end < body.size() && body[end] != '"') end += body[end] == '\\' ? 2 : 1;
    const std::string_view reason = body.substr(at, end - at);
    if (!is_phrase(reason))
      throw std::runtime_error("a reason is no phrase: " + std::string(reason));
  }
}

} // namespace treadmill::tests
