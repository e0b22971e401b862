#include "net/api/merged_lines.hpp"
#include "storage/documents/document_line.hpp"
#include <ctime>
#include <doctest/doctest.h>

namespace treadmill::api {
namespace {

std::string line_of(const replicated_document& document) {
  std::string line;
  const auto bodies = bodies_by_revision(document);
  const auto appended = append_document_line(
      line, document.id, 1, document.tree,
      [&](const revision& rev) -> result<std::string_view> { return bodies.at(rev); });
  REQUIRE(appended);
  return line;
}

/// A leaf of its own, made elsewhere.
std::string leaf_line(const std::string& id, const std::string& hash, const std::string& more) {
  return R"({"id":")" + id + R"(","revs":[{"rev":"rev1-)" + hash + R"(","foreign":true,)" + more +
         "}]}";
}

struct taken {
  ec code = ec::none;
  std::string reason{};
  std::vector<replicated_document> documents{};
};

taken take(const std::vector<std::string>& lines, const tree_limits& trees = imported_tree,
           const json_limits& limits = {}) {
  merged_lines all(limits, trees);
  for (size_t i = 0; i < lines.size(); ++i)
    if (auto added = all.add(i + 1, lines[i]); !added)
      return {added.error().code, added.error().reason, {}};
  CHECK(all.lines() == lines.size());
  auto documents = all.take();
  if (!documents) return {documents.error().code, documents.error().reason, {}};
  return {ec::none, {}, std::move(*documents)};
}

} // namespace

TEST_CASE("the lines of one document are one document, and the others keep their order") {
  const revision first = make_revision({}, false, R"({"n":1})");
  const revision second = make_revision(first, false, R"({"n":2})");
  const revision other = make_revision(first, false, R"({"n":3})");
  replicated_document older{"x", revision_tree(), {{first, R"({"n":1})"}}};
  older.tree.add(first, {}, false);
  replicated_document newer{"x", revision_tree(), {{second, R"({"n":2})"}}};
  newer.tree.add(second, first, false);
  replicated_document side{"x", revision_tree(), {{other, R"({"n":3})"}}};
  side.tree.add(first, {}, false);
  side.tree.add(other, first, false);
  const auto done = take({line_of(older), leaf_line("z", "a", R"("deleted":true)"), line_of(newer),
                          leaf_line("a", "a", R"("document":{})"), line_of(side), line_of(newer)});
  REQUIRE_MESSAGE(done.code == ec::none, done.reason);
  REQUIRE(done.documents.size() == 3);
  CHECK(done.documents[0].id == "x");
  CHECK(done.documents[1].id == "z");
  CHECK(done.documents[2].id == "a");
  revision_tree expected = older.tree;
  expected.merge(newer.tree);
  expected.merge(side.tree);
  CHECK(done.documents[0].tree == expected);
  // The body of what another line shows as an ancestor is of no use.
  const auto bodies = bodies_by_revision(done.documents[0]);
  CHECK(bodies.size() == 2);
  CHECK(bodies.at(second) == R"({"n":2})");
  CHECK(bodies.at(other) == R"({"n":3})");
}

TEST_CASE("lines that contradict each other are refused, and the line is named") {
  CHECK(take({leaf_line("x", "a", R"("document":{"n":1})"),
              leaf_line("x", "a", R"("document":{"n":1})")})
            .code == ec::none);
  const auto two = take(
      {leaf_line("x", "a", R"("document":{"n":1})"), leaf_line("x", "a", R"("document":{"n":2})")});
  CHECK(two.code == ec::bad_rev);
  CHECK(two.reason.starts_with("line 2: "));
  // A body that is taken on trust in one line, under a hash that another does not call foreign.
  const std::string hash(32, 'a');
  const auto forged =
      take({leaf_line("y", "b", R"("document":{})"), leaf_line("x", hash, R"("document":{"n":1})"),
            R"({"id":"x","revs":[{"rev":"rev1-)" + hash + R"("}]})"});
  CHECK(forged.code == ec::bad_rev);
  CHECK(forged.reason.starts_with("line 2: "));
}

TEST_CASE("a document with more leaves, or nodes, than an import may have is refused") {
  std::vector<std::string> lines;
  for (int n = 0; n < 11; ++n)
    lines.push_back(leaf_line("x", std::to_string(n), R"("deleted":true)"));
  CHECK(take(lines, {11, 100}).code == ec::none);
  const auto leaves = take(lines, {10, 100});
  CHECK(leaves.code == ec::too_large);
  CHECK(leaves.reason.starts_with("line 1: "));
  CHECK(take(lines, {100, 10}).code == ec::too_large);
  std::string one = R"({"id":"x","revs":[)";
  for (int n = 0; n < 11; ++n)
    one += R"({"rev":"rev1-)" + std::to_string(n) + R"(","foreign":true,"deleted":true},)";
  one.back() = ']';
  CHECK(take({one + "}"}, {11, 11}).code == ec::none);
  CHECK(take({one + "}"}, {10, 11}).code == ec::too_large);
  CHECK(take({one + "}"}, {11, 10}).code == ec::too_large);
  json_limits few;
  few.items = 10;
  CHECK(take(lines, {}, few).code == ec::too_large);
}

TEST_CASE("many lines of one document take a time that does not grow with their square") {
  constexpr size_t count = 20'000;
  std::vector<std::string> lines;
  for (size_t n = 0; n < count; ++n)
    lines.push_back(leaf_line("x", std::to_string(n), R"("deleted":true)"));
  const std::clock_t start = std::clock();
  const auto done = take(lines, {count, count});
  CHECK((std::clock() - start) / CLOCKS_PER_SEC < 5);
  REQUIRE(done.documents.size() == 1);
  CHECK(done.documents[0].tree.leaf_count() == count);
}

} // namespace treadmill::api
