#include "storage/index/term.hpp"
#include "storage/json/json.hpp"
#include "tests/fuzz/require.hpp"
#include <limits>
#include <optional>
#include <rapidjson/document.h>
#include <string>

namespace {

using value = rapidjson::Value;

int rank(const value& v) {
  switch (v.GetType()) {
  case rapidjson::kNullType: return 0;
  case rapidjson::kFalseType: return 1;
  case rapidjson::kTrueType: return 2;
  case rapidjson::kNumberType: return 3;
  case rapidjson::kStringType: return 4;
  case rapidjson::kArrayType: return 5;
  case rapidjson::kObjectType: return 6;
  }
  return -1;
}

int sign(int order) { return (order > 0) - (order < 0); }

/// Exact: 64 bits of fraction hold integers and doubles alike.
long double number(const value& v) {
  static_assert(std::numeric_limits<long double>::digits >= 64);
  if (v.IsUint64()) return static_cast<long double>(v.GetUint64());
  if (v.IsInt64()) return static_cast<long double>(v.GetInt64());
  return static_cast<long double>(v.GetDouble());
}

int compare_strings(const value& a, const value& b) {
  const std::string_view x(a.GetString(), a.GetStringLength());
  const std::string_view y(b.GetString(), b.GetStringLength());
  return sign(x.compare(y)); // of unsigned bytes, which is the order of code points
}

int compare(const value& a, const value& b) {
  if (rank(a) != rank(b)) return sign(rank(a) - rank(b));
  if (a.IsNumber()) return (number(a) > number(b)) - (number(a) < number(b));
  if (a.IsString()) return compare_strings(a, b);
  if (a.IsArray()) {
    for (rapidjson::SizeType i = 0; i < a.Size() && i < b.Size(); ++i)
      if (const int order = compare(a[i], b[i]); order != 0) return order;
    return (a.Size() > b.Size()) - (a.Size() < b.Size());
  }
  if (a.IsObject()) {
    auto x = a.MemberBegin();
    auto y = b.MemberBegin();
    for (; x != a.MemberEnd() && y != b.MemberEnd(); ++x, ++y) {
      if (const int order = compare_strings(x->name, y->name); order != 0) return order;
      if (const int order = compare(x->value, y->value); order != 0) return order;
    }
    return (x != a.MemberEnd()) - (y != b.MemberEnd());
  }
  return 0;
}

void parse(rapidjson::Document& document, const std::string& stored) {
  document.Parse<rapidjson::kParseFullPrecisionFlag>(stored.data(), stored.size());
  REQUIRE_THAT(!document.HasParseError());
}

/// The term of a stored form, which must come back.
std::string term_of(const std::string& stored) {
  std::string term;
  REQUIRE_THAT(treadmill::append_term(term, stored));
  std::string_view in = term;
  std::string back;
  REQUIRE_THAT(treadmill::take_term(back, in) && in.empty());
  std::string again;
  REQUIRE_THAT(treadmill::append_term(again, back) && again == term);
  REQUIRE_THAT(treadmill::stored_form(back).value() == back);
  return term;
}

void check_bytes(std::string_view bytes) {
  auto in = bytes;
  std::string back;
  if (!treadmill::take_term(back, in)) {
    REQUIRE_THAT(in == bytes);
    return;
  }
  std::string term;
  REQUIRE_THAT(treadmill::append_term(term, back));
  REQUIRE_THAT(term == bytes.substr(0, bytes.size() - in.size()));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto input = as_text(data, size);
  check_bytes(input);
  std::string ignored;
  treadmill::append_term(ignored, input);
  const auto left = treadmill::stored_form(take_first(input));
  const auto right = treadmill::stored_form(input);
  if (left) term_of(*left);
  if (!left || !right) return 0;
  const auto a = term_of(*left);
  const auto b = term_of(*right);
  rapidjson::Document x;
  rapidjson::Document y;
  parse(x, *left);
  parse(y, *right);
  const int order = compare(x, y);
  REQUIRE_THAT(sign(a.compare(b)) == order);
  if (order != 0) REQUIRE_THAT(b.substr(0, a.size()) != a && a.substr(0, b.size()) != b);
  return 0;
}
