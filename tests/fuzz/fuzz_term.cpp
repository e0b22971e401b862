#include "storage/index/term.hpp"
#include "storage/json/json.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/property/random_json.hpp"
#include <cerrno>
#include <cstdlib>
#include <string>

namespace {

int sign(int order) { return (order > 0) - (order < 0); }

/// Reads a stored form, which has no white space and few escapes, into a value.
class value_reader {
public:
  explicit value_reader(std::string_view stored) : rest_(stored) {}

  json_value read() {
    json_value value;
    const char first = rest_.front();
    if (first == '"') {
      value.is = json_value::type::string;
      value.text = string();
    } else if (first == '[' || first == '{') {
      value.is = first == '[' ? json_value::type::array : json_value::type::object;
      elements(value);
    } else {
      scalar(value, rest_.substr(0, rest_.find_first_of(",]}")));
    }
    return value;
  }

private:
  bool take(char c) {
    if (rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void scalar(json_value& value, std::string_view text) {
    rest_.remove_prefix(text.size());
    if (text == "null") return;
    value.is = text == "false" ? json_value::type::boolean_false : json_value::type::boolean_true;
    if (text == "false" || text == "true") return;
    value.is = json_value::type::number;
    auto& number = value.of_number;
    number.integer = text.find_first_of(".e") == text.npos;
    number.negative = text.front() == '-';
    if (number.integer)
      number.digits = text.substr(number.negative ? 1 : 0);
    else
      number.value = std::strtod(std::string(text).c_str(), nullptr);
    errno = 0;
    number.magnitude = std::strtoull(number.digits.c_str(), nullptr, 10);
    if (errno == 0) number.digits.clear();
  }
  void elements(json_value& value) {
    rest_.remove_prefix(1);
    while (!take(']') && !take('}')) {
      take(',');
      if (value.is == json_value::type::object) {
        value.names.push_back(string());
        take(':');
      }
      value.elements.push_back(read());
    }
  }
  /// The bytes of a string: their order is that of its code points.
  std::u32string string() {
    static constexpr std::string_view letters = "bfnrt";
    static constexpr std::string_view characters = "\b\f\n\r\t";
    std::u32string text;
    const auto add = [&](char c) { text += static_cast<unsigned char>(c); };
    for (take('"'); !take('"'); rest_.remove_prefix(1)) {
      if (!take('\\')) {
        add(rest_.front());
      } else if (rest_.front() == 'u') {
        add(static_cast<char>(std::stoi(std::string(rest_.substr(1, 4)), nullptr, 16)));
        rest_.remove_prefix(4);
      } else {
        const size_t at = letters.find(rest_.front());
        add(at == letters.npos ? rest_.front() : characters[at]);
      }
    }
    return text;
  }

  std::string_view rest_;
};

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
  const int order = sign(compare(value_reader(*left).read(), value_reader(*right).read()));
  REQUIRE_THAT(sign(a.compare(b)) == order);
  if (order != 0) REQUIRE_THAT(b.substr(0, a.size()) != a && a.substr(0, b.size()) != b);
  return 0;
}
