#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// What must hold for any input: libFuzzer keeps the input that ends the process.
#define REQUIRE_THAT(condition)                                                                    \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);          \
      std::abort();                                                                                \
    }                                                                                              \
  } while (false)

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Two inputs in one: what is before the first 0xfe, which no UTF-8 has, and what is after it.
inline std::string_view take_first(std::string_view& input) {
  const auto first = input.substr(0, input.find('\xfe'));
  input.remove_prefix(first.size() < input.size() ? first.size() + 1 : first.size());
  return first;
}
