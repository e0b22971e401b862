#include "net/rest/console_files.hpp"
#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>
#include <regex>
#include <set>

using treadmill::rest::console_files;
using treadmill::tests::rest_node;

namespace {

/// Everything that the files name: in attributes, in imports, in url() of style sheets.
std::set<std::string> references(std::string_view text) {
  static const std::regex pattern(
      R"re((?:href|src)="([^"#][^"]*)"|(?:from|import) '([^']+)'|url\(([^)]*)\))re");
  std::set<std::string> found;
  const std::string whole(text);
  for (std::sregex_iterator at(whole.begin(), whole.end(), pattern), end; at != end; ++at)
    for (size_t group = 1; group < at->size(); ++group)
      if ((*at)[group].matched) found.insert((*at)[group]);
  return found;
}

} // namespace

TEST_CASE("the console is a page of this node, with and without a slash at the end") {
  rest_node node;
  const auto page = node.get("/_console");
  CHECK(page.status == 200);
  CHECK(page.content_type == "text/html; charset=utf-8");
  CHECK(page.body.starts_with("<!doctype html>"));
  for (const std::string path : {"/_console/", "/_console/index.html"})
    CHECK(node.get(path).body == page.body);
  CHECK(node.send("HEAD", "/_console").status == 200);
}

TEST_CASE("every file has its type, may use this node alone, and is asked for again") {
  rest_node node;
  std::set<std::string> types;
  for (const auto& file : console_files()) {
    INFO(file.name);
    const auto got = node.get("/_console/" + std::string(file.name));
    CHECK(got.status == 200);
    CHECK(got.body == file.content);
    CHECK_FALSE(got.body.empty());
    types.insert(got.content_type);
    const std::string policy = got.header("Content-Security-Policy");
    CHECK(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    CHECK(policy.find("unsafe") == std::string::npos);
    CHECK(policy.find("frame-ancestors 'none'") != std::string::npos);
    CHECK(policy.find("require-trusted-types-for 'script'") != std::string::npos);
    CHECK(got.header("Cache-Control") == "no-cache");
    CHECK(got.header("ETag") == '"' + std::string(file.hash) + '"');
  }
  CHECK(types == std::set<std::string>{"text/html; charset=utf-8", "text/css; charset=utf-8",
                                       "text/javascript; charset=utf-8",
                                       "image/svg+xml; charset=utf-8"});
}

TEST_CASE("a file that has not changed is not sent again") {
  rest_node node;
  const auto first = node.get("/_console/console.js");
  const std::string tag = first.header("ETag");
  for (const std::string& header : {tag, "W/" + tag, "\"else\", " + tag, std::string("*")}) {
    INFO(header);
    const auto again = node.get("/_console/console.js", {{"If-None-Match", header}});
    CHECK(again.status == 304);
    CHECK(again.body.empty());
    CHECK(again.content_type.empty());
    CHECK(again.header("ETag") == tag);
    CHECK(again.header("Content-Security-Policy") == first.header("Content-Security-Policy"));
  }
  CHECK(node.get("/_console/console.js", {{"If-None-Match", "\"else\""}}).status == 200);
  CHECK(node.get("/_console/console.css").header("ETag") != tag);
}

TEST_CASE("what is no file of the console is 404") {
  rest_node node;
  for (const std::string path :
       {"/_console/nothing.js", "/_console/..%2Fconsole.js", "/_console/%2E%2E", "/_console/a/b",
        "/_console/CONSOLE.JS", "/_console/pictures"}) {
    INFO(path);
    const auto refused = node.get(path);
    CHECK(refused.status == 404);
    CHECK(refused.code() == "not_found");
  }
  CHECK(node.send("PUT", "/_console", "{}").status == 405);
  CHECK(node.send("DELETE", "/_console/console.js").status == 405);
}

TEST_CASE("no file of the console refers to anything but files of the console") {
  std::set<std::string> names;
  for (const auto& file : console_files()) names.insert(std::string(file.name));
  size_t found = 0;
  for (const auto& file : console_files()) {
    for (const std::string& one : references(file.content)) {
      INFO(file.name << " refers to " << one);
      ++found;
      const size_t slash = one.rfind('/');
      CHECK((one.starts_with("/_console/") || one.starts_with("./")));
      CHECK(names.contains(one.substr(slash + 1)));
    }
    // No address of anywhere else, but for the names that XML is known by.
    const std::string text =
        std::regex_replace(std::string(file.content), std::regex("http://www\\.w3\\.org/"), "");
    CHECK(text.find("http://") == std::string::npos);
    CHECK(text.find("https://") == std::string::npos);
  }
  CHECK(found > 20);
}

TEST_CASE("no file of the console writes markup, runs text, or has scripts or styles inside") {
  for (const auto& file : console_files()) {
    INFO(file.name);
    for (const std::string_view word :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(",
          "DOMParser", "createContextualFragment", "setHTML", "style=", "javascript:", "<style"})
      CHECK_MESSAGE(file.content.find(word) == std::string_view::npos, word);
    CHECK(std::regex_search(file.content.begin(), file.content.end(), std::regex("\\son[a-z]+=")) ==
          false);
  }
}
