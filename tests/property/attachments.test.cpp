#include "storage/documents/attachments.hpp"
#include "storage/json/json.hpp"
#include "tests/property/random_json.hpp"
#include "tests/property/seed.hpp"
#include <algorithm>
#include <map>

namespace treadmill {
using kind = attachment_edit::kind;

namespace {

class generator {
public:
  explicit generator(uint64_t seed) : random_(seed) {}

  size_t below(size_t bound) { return random_() % bound; }

  std::string name() {
    static const std::vector<std::string> parts{"a",  "b",  "/",        ".txt", "\"",
                                                "\\", "\n", "\xc3\xa9", "}}}",  "{"};
    std::string made = parts[below(2)];
    while (below(3) > 0) made += parts[below(parts.size())];
    return made;
  }

  attachment one(std::string of_name) {
    attachment made;
    made.name = std::move(of_name);
    made.content_type = below(4) == 0 ? "" : "text/\"plain\"; charset=utf-8";
    made.length = below(2) == 0 ? below(100) : random_();
    for (auto& byte : made.sha256) byte = static_cast<uint8_t>(random_());
    for (auto& byte : made.md5) byte = static_cast<uint8_t>(random_());
    made.revpos = static_cast<uint32_t>(1 + below(5));
    if (below(3) == 0) {
      made.encoding = "gzip";
      made.encoded_length = random_();
    }
    return made;
  }

  attachment_list list() {
    std::map<std::string, attachment> made;
    for (size_t count = below(6); count > 0; --count) {
      const std::string key = name();
      made.emplace(key, one(key));
    }
    attachment_list all;
    for (auto& item : made) all.push_back(item.second);
    return all;
  }

  std::string body() {
    for (;;) {
      const auto value = random_value(random_, 3);
      if (value.is != json_value::type::object) continue;
      std::string text;
      write(text, value);
      const auto stored = stored_form(text);
      if (stored) return *stored;
    }
  }

  std::string damaged(std::string text) {
    for (size_t changes = 1 + below(3); changes > 0 && !text.empty(); --changes) {
      const size_t at = below(text.size());
      switch (below(3)) {
      case 0: text[at] = static_cast<char>(random_()); break;
      case 1: text.erase(at, 1 + below(8)); break;
      default: text.insert(at, text.substr(below(text.size()), below(12)));
      }
    }
    return text;
  }

private:
  std::mt19937_64 random_;
};

/// The rules of a change, on a map: what change_attachments has to give.
std::optional<std::map<std::string, attachment>>
model_of(const attachment_list& before, const attachment_change& change, uint32_t number) {
  std::map<std::string, attachment> there;
  for (const attachment& one : before) there.emplace(one.name, one);
  std::map<std::string, attachment> after;
  if (change.keep_others) after = there;
  for (const attachment_edit& edit : change.edits) {
    if (edit.what == kind::remove) {
      after.erase(edit.name);
    } else if (edit.what == kind::put) {
      after[edit.name] = edit.content;
      if (edit.content.revpos == 0) after[edit.name].revpos = number;
    } else {
      const auto found = there.find(edit.name);
      if (found == there.end() || (edit.revpos && *edit.revpos != found->second.revpos))
        return std::nullopt;
      after[edit.name] = found->second;
    }
  }
  return after;
}

} // namespace

TEST_CASE("attachments of random documents are read as they were written") {
  generator any(property_seed("attachments"));
  for (int round = 0; round < 2000; ++round) {
    const std::string body = any.body();
    const attachment_list list = any.list();
    const std::string full = with_attachments(body, list);
    REQUIRE(stored_form(full).value() == full);
    REQUIRE(parse_attachments(attachments_text(full)).value() == list);
    REQUIRE(without_attachments(full) == body);
    REQUIRE(check_attachments(full));
  }
}

TEST_CASE("whatever bytes come as attachments, what is read is what would be written") {
  generator any(property_seed("damaged attachments"));
  for (int round = 0; round < 5000; ++round) {
    const std::string text = any.damaged(with_attachments(any.body(), any.list()));
    const auto found = attachments_text(text);
    const auto list = parse_attachments(found);
    static_cast<void>(parse_stubs(found, round % 2 == 0));
    static_cast<void>(parse_stubs(text, round % 2 == 0));
    const auto checked = check_attachments(text);
    if (!list || list->empty()) continue;
    for (const attachment& one : *list) REQUIRE(check_attachment(one));
    if (stored_form(text) != text) continue; // no body: only that nothing crashes counts
    REQUIRE(with_attachments(without_attachments(text), *list) == text);
    REQUIRE(checked);
  }
}

TEST_CASE("random changes of attachments follow the rules of stubs") {
  generator any(property_seed("changed attachments"));
  size_t refused = 0;
  for (int round = 0; round < 3000; ++round) {
    const attachment_list before = any.list();
    attachment_change change{{}, any.below(2) == 0};
    std::map<std::string, bool> named;
    for (size_t count = any.below(5); count > 0; --count) {
      attachment_edit edit;
      edit.name =
          before.empty() || any.below(3) == 0 ? any.name() : before[any.below(before.size())].name;
      if (!named.emplace(edit.name, true).second) continue;
      edit.what = static_cast<kind>(any.below(3));
      if (edit.what == kind::put) edit.content = any.one(edit.name);
      if (edit.what == kind::put && any.below(2) == 0) edit.content.revpos = 0;
      if (edit.what == kind::keep && any.below(2) == 0)
        edit.revpos = static_cast<uint32_t>(1 + any.below(5));
      change.edits.push_back(std::move(edit));
    }
    const auto expected = model_of(before, change, 9);
    const auto changed = change_attachments(before, change, 9);
    REQUIRE(changed.has_value() == expected.has_value());
    if (!changed) {
      REQUIRE(changed.error().code == ec::missing_stub);
      ++refused;
      continue;
    }
    attachment_list in_order;
    for (const auto& item : *expected) in_order.push_back(item.second);
    REQUIRE(*changed == in_order);
  }
  CHECK(refused > 100);
}

} // namespace treadmill
