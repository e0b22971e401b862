#include "storage/documents/attachments.hpp"
#include <doctest/doctest.h>

namespace treadmill {
using kind = attachment_edit::kind;

namespace {

attachment plain(std::string name, uint32_t revpos = 1) {
  attachment one;
  one.name = std::move(name);
  one.content_type = "text/plain";
  one.length = 3;
  one.sha256.fill(0xab);
  one.md5.fill(0xcd);
  one.revpos = revpos;
  return one;
}

attachment packed(std::string name) {
  attachment one = plain(std::move(name));
  one.encoding = "gzip";
  one.encoded_length = 23;
  return one;
}

const std::string sha = [] {
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += "ab";
  return hex;
}();
const std::string md5 = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
const std::string text_of_a = R"({"a":{"content_type":"text/plain","length":3,"sha256":")" + sha +
                              R"(","md5":")" + md5 + R"(","revpos":1}})";

attachment_edit edit(kind what, std::string name) {
  attachment_edit made;
  made.what = what;
  made.name = std::move(name);
  return made;
}

std::vector<std::string> names(const attachment_list& list) {
  std::vector<std::string> all;
  for (const attachment& one : list) all.push_back(one.name);
  return all;
}

} // namespace

TEST_CASE("attachments are the last member of a body, in one form, and are read back") {
  const attachment_list list{plain("a"), packed("b\"\xc3\xa9")};
  CHECK(with_attachments("{}", std::span(list).first(1)) ==
        R"({"_attachments":)" + text_of_a + "}");
  for (const std::string body : {"{}", R"({"a":1})", R"({"a":{"b":{"c":{}}}})",
                                 R"({"a":"x,\"_attachments\":{\"b\":{}}"})"}) {
    CAPTURE(body);
    const std::string full = with_attachments(body, list);
    CHECK(parse_attachments(attachments_text(full)).value() == list);
    CHECK(without_attachments(full) == body);
    CHECK(check_attachments(full));
    CHECK(with_attachments(body, {}) == body);
    CHECK(without_attachments(body) == body);
    CHECK(attachments_text(body).empty());
    CHECK(check_attachments(body));
  }
  CHECK(parse_attachments("").value().empty());
}

TEST_CASE("a member of that name inside of another value is the user's") {
  const std::string inner = R"({"_attachments":)" + text_of_a + "}";
  for (const std::string& body : {R"({"a":)" + inner + "}", R"({"a":[)" + inner + "]}",
                                  R"({"a":{"x":1,)" + inner.substr(1) + "}",
                                  std::string(R"({"a":"{\"_attachments\":{\"}}}"})"),
                                  std::string(R"({"b":{"x":{"y":{}}}})")}) {
    CAPTURE(body);
    CHECK(attachments_text(body).empty());
    CHECK(without_attachments(body) == body);
    CHECK(check_attachments(body));
  }
}

TEST_CASE("a body of another node has its attachments last, and in their only form") {
  const std::string member = R"("_attachments":)";
  CHECK(check_attachments("{" + member + text_of_a + "}"));
  for (const std::string& body :
       {"{" + member + text_of_a + R"(,"x":1})", "{" + member + "{}}", "{" + member + "null}",
        "{" + member + "[]}", "{" + member + R"({"a":{}}})",
        "{" + member + R"({"a":1},"x":{"y":{}}})", R"({"x":{"y":{}},)" + member + "1}"}) {
    CAPTURE(body);
    const auto checked = check_attachments(body);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == ec::bad_request);
  }
}

TEST_CASE("any other form of attachments is refused") {
  const auto with = [](std::string_view old, std::string_view replacement) {
    std::string text = text_of_a;
    return text.replace(text.find(old), old.size(), replacement);
  };
  CHECK(parse_attachments(text_of_a));
  CHECK(parse_attachments(with("text/plain", "")));
  for (const std::string& text : {std::string("{}"),
                                  std::string("{"),
                                  std::string("null"),
                                  std::string("[]"),
                                  text_of_a + "}",
                                  text_of_a.substr(1),
                                  text_of_a.substr(0, text_of_a.size() - 1),
                                  with("\"a\"", "\"_a\""),
                                  with("\"a\"", "\"\""),
                                  with("\"a\"", "\"\\u0061\""),
                                  with("\"a\"", "\"\xff\""),
                                  with("\"a\"", "\"" + std::string(513, 'a') + "\""),
                                  with("text/plain", "text/\\nplain"),
                                  with("text/plain", std::string(256, 'a')),
                                  with(":3,", ":03,"),
                                  with(":3,", ":-3,"),
                                  with(":3,", ":3.0,"),
                                  with(":3,", ":\"3\","),
                                  with(":3,", ":18446744073709551616,"),
                                  with("\"length\":3,", ""),
                                  with("\"length\":3,", "\"length\":3,\"length\":3,"),
                                  with("ab\"", "aB\""),
                                  with(md5, "cd"),
                                  with(md5, md5 + "cd"),
                                  with(":1}", ":0}"),
                                  with(":1}", ":2147483648}"),
                                  with(":1}", R"(:1,"encoding":"gzip"})"),
                                  with(":1}", R"(:1,"encoding":"br","encoded_length":4})"),
                                  with(":1}", R"(:1,"encoded_length":4})"),
                                  with(":1}", R"(:1,"stub":true})"),
                                  with(":1}", ":1 }"),
                                  with("\"md5\"", "\"sha1\"")}) {
    CAPTURE(text);
    const auto read = parse_attachments(text);
    REQUIRE_FALSE(read);
    CHECK((read.error().code == ec::bad_request || read.error().code == ec::bad_id));
  }
}

TEST_CASE("names are in the order of their bytes, each once, and not too many") {
  const auto text = [](const attachment_list& list) {
    const std::string body = with_attachments("{}", list);
    return body.substr(body.find(':') + 1, body.size() - body.find(':') - 2);
  };
  CHECK(parse_attachments(text({plain("B"), plain("a"), plain("\xc3\xa9")})));
  CHECK_FALSE(parse_attachments(text({plain("b"), plain("a")})));
  CHECK_FALSE(parse_attachments(text({plain("a"), plain("a")})));
  attachment_list many;
  for (size_t i = 0; i <= defaults::attachments; ++i)
    many.push_back(plain(std::to_string(10'000 + i)));
  CHECK(parse_attachments(text(many)).error().code == ec::too_large);
  many.pop_back();
  CHECK(parse_attachments(text(many)).value() == many);
}

TEST_CASE("a stub keeps the attachment that it names, and no other") {
  const attachment_list before{plain("a", 4), plain("b")};
  attachment_change change{{edit(kind::keep, "a")}, false};
  CHECK(names(change_attachments(before, change, 9).value()) == std::vector<std::string>{"a"});
  CHECK(change_attachments(before, change, 9).value()[0].revpos == 4);
  change.edits[0].revpos = 4;
  change.edits[0].sha256 = before[0].sha256;
  change.edits[0].md5 = before[0].md5;
  CHECK(change_attachments(before, change, 9));
  const auto refused = [&](auto spoil) {
    attachment_change wrong = change;
    spoil(wrong.edits[0]);
    const auto changed = change_attachments(before, wrong, 9);
    return !changed && changed.error().code == ec::missing_stub;
  };
  CHECK(refused([](attachment_edit& stub) { stub.revpos = 3; }));
  CHECK(refused([](attachment_edit& stub) { stub.sha256 = sha256_hash{}; }));
  CHECK(refused([](attachment_edit& stub) { stub.md5 = md5_hash{}; }));
  CHECK(refused([](attachment_edit& stub) { stub.name = "c"; }));
}

TEST_CASE("new content has the new revision's number, and others are kept or removed") {
  const attachment_list before{plain("a"), plain("c"), plain("d")};
  attachment_change change{{edit(kind::put, "b"), edit(kind::remove, "c"), edit(kind::remove, "x")},
                           true};
  change.edits[0].content = plain("b", 0);
  const auto kept = change_attachments(before, change, 7).value();
  CHECK(names(kept) == std::vector<std::string>{"a", "b", "d"});
  CHECK(kept[1].revpos == 7);
  change.keep_others = false;
  change.edits[0].content.revpos = 2;
  const auto alone = change_attachments(before, change, 7).value();
  CHECK(names(alone) == std::vector<std::string>{"b"});
  CHECK(alone[0].revpos == 2);
  change.edits.push_back(edit(kind::keep, "b"));
  CHECK(change_attachments(before, change, 7).error().code == ec::bad_request);
}

TEST_CASE("a change does not make more attachments than a document may have") {
  attachment_list before;
  for (size_t i = 0; i < defaults::attachments; ++i)
    before.push_back(plain(std::to_string(10'000 + i)));
  attachment_change change{{edit(kind::put, "a")}, true};
  change.edits[0].content = plain("a", 0);
  CHECK(change_attachments(before, change, 2).error().code == ec::too_large);
  change.edits.push_back(edit(kind::remove, "10000"));
  CHECK(change_attachments(before, change, 2));
}

TEST_CASE("a document that comes back names what it keeps, a patch what it changes") {
  const auto put = parse_stubs(text_of_a, false).value();
  CHECK_FALSE(put.keep_others);
  REQUIRE(put.edits.size() == 1);
  CHECK(put.edits[0].what == kind::keep);
  CHECK(put.edits[0].revpos == 1);
  CHECK(put.edits[0].sha256 == plain("a").sha256);
  CHECK(put.edits[0].md5 == plain("a").md5);
  const auto patch = parse_stubs(R"({"a":null,"b":{"stub":true,"other":[1]}})", true).value();
  CHECK(patch.keep_others);
  REQUIRE(patch.edits.size() == 2);
  CHECK(patch.edits[0].what == kind::remove);
  CHECK(patch.edits[1].what == kind::keep);
  CHECK_FALSE(patch.edits[1].revpos);
  for (const bool is_patch : {false, true}) {
    const auto none = parse_stubs("null", is_patch).value();
    CHECK_FALSE(none.keep_others);
    CHECK(none.edits.empty());
  }
  CHECK(parse_stubs("{}", true).value().keep_others);
}

TEST_CASE("stubs that cannot be are refused") {
  const auto code = [](std::string_view text) {
    const auto read = parse_stubs(text, true);
    return read ? ec::none : read.error().code;
  };
  for (const auto text :
       {"1", "[]", "\"a\"", "", R"({"a":1})", R"({"a":"b"})", R"({"a":{"data":"Zg=="}})",
        R"({"a":{"revpos":0}})", R"({"a":{"revpos":"1"}})", R"({"a":{"sha256":"ab"}})",
        R"({"a":{"md5":null}})"}) {
    CAPTURE(text);
    CHECK(code(text) == ec::bad_request);
  }
  CHECK(code(R"({"_a":null})") == ec::bad_id);
  CHECK(code(R"({"":null})") == ec::bad_id);
}

} // namespace treadmill
