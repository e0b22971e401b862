#include "storage/json/json.hpp"
#include "tests/property/random_json.hpp"
#include "tests/property/reference_json.hpp"
#include "tests/property/seed.hpp"
#include <algorithm>
#include <cstring>
#include <string>

using treadmill::stored_form;

namespace {

std::string text_of(const json_value& value) {
  std::string text;
  write(text, value);
  return text;
}

json_value random_object(std::mt19937_64& random, int depth) {
  for (;;) {
    auto value = random_value(random, depth);
    if (value.is == json_value::type::object) return value;
  }
}

/// RFC 7396's own pseudocode, on values.
json_value patched(json_value target, const json_value& patch) {
  if (patch.is != json_value::type::object) return patch;
  if (target.is != json_value::type::object) {
    target = json_value();
    target.is = json_value::type::object;
  }
  for (size_t i = 0; i < patch.names.size(); ++i) {
    const auto at = std::find(target.names.begin(), target.names.end(), patch.names[i]);
    const auto value_at = target.elements.begin() + (at - target.names.begin());
    if (patch.elements[i].is == json_value::type::null) {
      if (at == target.names.end()) continue;
      target.elements.erase(value_at);
      target.names.erase(at);
    } else if (at != target.names.end()) {
      *value_at = patched(*value_at, patch.elements[i]);
    } else {
      target.names.push_back(patch.names[i]);
      target.elements.push_back(patched(json_value(), patch.elements[i]));
    }
  }
  return target;
}

} // namespace

TEST_CASE("the stored form is that of the value that was written, and its own stored form") {
  std::mt19937_64 random(property_seed("json.stored_form"));
  for (int round = 0; round < 30000; ++round) {
    const auto value = random_value(random, 4);
    const auto text = text_of(value);
    const auto stored = stored_form(text);
    std::string expected;
    reference_json::append_stored(expected, value);
    INFO(text);
    REQUIRE(stored);
    REQUIRE(*stored == expected);
    REQUIRE(stored_form(*stored).value() == *stored);
  }
}

TEST_CASE("numbers keep their exact double, and two spellings of one have one stored form") {
  std::mt19937_64 random(property_seed("json.numbers"));
  for (int round = 0; round < 100000; ++round) {
    const auto bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    char long_text[64];
    std::snprintf(long_text, sizeof long_text, "%.*e", static_cast<int>(16 + random() % 20), value);
    const auto stored = stored_form(long_text).value();
    REQUIRE(std::strtod(stored.c_str(), nullptr) == value);
    REQUIRE(stored_form(stored).value() == stored);
    REQUIRE(stored.size() <= 24);
    // Plain decimals of a few digits, of which most are stored as they stand.
    char plain[64];
    std::snprintf(plain, sizeof plain, "%.*f", static_cast<int>(random() % 8),
                  static_cast<double>(static_cast<int64_t>(random() % 2000000) - 1000000) /
                      std::pow(10.0, static_cast<double>(random() % 7)));
    char exponent[64];
    std::snprintf(exponent, sizeof exponent, "%.17e", std::strtod(plain, nullptr));
    INFO(plain);
    if (std::strchr(plain, '.') != nullptr)
      REQUIRE(stored_form(plain).value() == stored_form(exponent).value());
  }
}

TEST_CASE("what every double was stored as before long integers is still stored as that") {
  std::mt19937_64 random(property_seed("json.past"));
  int plain = 0;
  for (int round = 0; round < 100000; ++round) {
    // Of 2^60 to 2^80, where the shortest text may be one of digits alone.
    const double value = std::ldexp(static_cast<double>(random() | 1ULL << 63),
                                    static_cast<int>(random() % 20) - 3) *
                         (random() % 2 == 0 ? 1 : -1);
    std::string past;
    reference_json::append_double(past, value);
    INFO(past);
    REQUIRE(stored_form(past).value() == past);
    REQUIRE(treadmill::stored_form_of_doubles(past).value() == past);
    if (past.find('e') != past.npos) continue;
    ++plain;
    char exact[64];
    std::snprintf(exact, sizeof exact, "%.0f", value);
    REQUIRE(past == exact); // so that the integer and the double are one number
  }
  CHECK(plain > 1000);
}

TEST_CASE("what JavaScript writes of a double is stored as that double") {
  std::mt19937_64 random(property_seed("json.doubles"));
  for (int round = 0; round < 100000; ++round) {
    const double value = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 20));
    char shortest[64];
    int digits = 1;
    do std::snprintf(shortest, sizeof shortest, "%.*e", digits - 1, value);
    while (std::strtod(shortest, nullptr) != value && ++digits <= 17);
    // As ECMAScript writes it: the shortest digits, then zeros.
    const auto exponent =
        static_cast<size_t>(std::strtol(std::strchr(shortest, 'e') + 1, nullptr, 10));
    std::string text;
    for (const char* at = shortest; *at != 'e'; ++at)
      if (*at != '.') text += *at;
    if (exponent < 20 || text.size() > exponent + 1) continue;
    text.append(exponent + 1 - text.size(), '0');
    std::string expected;
    reference_json::append_double(expected, value);
    INFO(text);
    REQUIRE(treadmill::stored_form_of_doubles(text).value() == expected);
    REQUIRE(stored_form(text).value() == text);
  }
}

TEST_CASE("a text with a byte changed is read as the grammar has it, or refused by it") {
  std::mt19937_64 random(property_seed("json.damaged"));
  static constexpr std::string_view bytes = "{}[]\",:\\ue0129-+.eEntf \n\x01\x80\xc3\xff";
  int refused = 0;
  for (int round = 0; round < 60000; ++round) {
    std::string text = text_of(random_value(random, 3));
    if (random() % 2 == 0) text = stored_form(text).value();
    for (size_t changes = 1 + random() % 3; changes-- > 0;) {
      const size_t at = random() % (text.size() + 1);
      const char byte = bytes[random() % bytes.size()];
      const auto kind = random() % 3;
      if (kind == 0)
        text.insert(at, 1, byte);
      else if (at < text.size() && kind == 1)
        text[at] = byte;
      else
        text.erase(at, 1);
    }
    const auto stored = stored_form(text);
    INFO(text);
    REQUIRE(reference_json::agrees(text, stored));
    if (stored)
      REQUIRE(stored_form(*stored).value() == *stored);
    else
      ++refused;
  }
  CHECK(refused > 1000);
}

TEST_CASE("a merge patch gives what the RFC's pseudocode gives") {
  std::mt19937_64 random(property_seed("json.merge_patch"));
  for (int round = 0; round < 20000; ++round) {
    const auto target = random_object(random, 4);
    auto patch = random() % 2 == 0 ? changed(random, target) : random_object(random, 4);
    if (patch.is != json_value::type::object) continue;
    const auto a = stored_form(text_of(target)).value();
    const auto b = stored_form(text_of(patch)).value();
    INFO(a << " with " << b);
    const auto merged = treadmill::merge_patch(a, b);
    REQUIRE(merged);
    REQUIRE(*merged == stored_form(text_of(patched(target, patch))).value());
  }
}

TEST_CASE("a document that is shown and sent back is the same document") {
  std::mt19937_64 random(property_seed("json.documents"));
  for (int round = 0; round < 10000; ++round) {
    auto value = random_object(random, 3);
    const bool own = random() % 2 == 0; // a member of its own called id or rev
    if (own && !value.names.empty())
      value.names[random() % value.names.size()] = random() % 2 == 0 ? U"id" : U"rev";
    const auto body = stored_form(text_of(value)).value();
    std::string id;
    const auto id_text = stored_form([&] {
                           std::string text;
                           write_string(text, random_text(random));
                           return text;
                         }())
                             .value();
    id = treadmill::parse_document("{\"id\":" + id_text + "}", false)->id.value();
    std::string shown;
    treadmill::append_document(shown, id, "rev1-a", body, ",\"_conflicts\":[\"rev1-b\"]");
    const auto document = treadmill::parse_document(shown, false);
    INFO(shown);
    REQUIRE(document);
    REQUIRE(document->body == body);
    REQUIRE(document->id == id);
    REQUIRE(document->rev == "rev1-a");
    const auto bulk = treadmill::parse_bulk("{\"docs\":[1," + shown + ",{}]}");
    REQUIRE(bulk);
    REQUIRE((*bulk)[1]->body == body);
    const auto lines = treadmill::parse_bulk_lines("\n" + shown + "\n{}");
    REQUIRE(lines);
    REQUIRE((*lines)[0]->body == body);
    REQUIRE((*lines)[0]->id == id);
  }
}
