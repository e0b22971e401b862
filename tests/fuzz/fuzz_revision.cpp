#include "storage/documents/revision_tree.hpp"
#include "tests/fuzz/require.hpp"
#include <algorithm>
#include <string>

using treadmill::revision_tree;

namespace {

constexpr uint32_t whole = 0xffffffff;

void check_text(std::string_view text) {
  const auto rev = treadmill::parse_revision(text);
  if (!rev) return;
  REQUIRE_THAT(rev->text() == text && rev->number() >= 1 && !rev->hash().empty());
  REQUIRE_THAT(treadmill::parse_revision(rev->text()).value() == *rev);
}

/// Whatever decodes is in canonical order, keeps its rules and encodes to the same bytes.
void check_tree(const revision_tree& tree, std::string_view bytes) {
  REQUIRE_THAT(tree.encode() == bytes);
  const auto nodes = tree.nodes();
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (i > 0) REQUIRE_THAT(nodes[i].rev < nodes[i - 1].rev);
    REQUIRE_THAT(nodes[i].parent.number() < nodes[i].rev.number());
    REQUIRE_THAT(nodes[i].leaf || !nodes[i].deleted);
    REQUIRE_THAT(tree.find(nodes[i].rev) == &nodes[i]);
    const bool is_parent = std::any_of(nodes.begin(), nodes.end(),
                                       [&](const auto& n) { return n.parent == nodes[i].rev; });
    REQUIRE_THAT(nodes[i].leaf == !is_parent);
    REQUIRE_THAT(treadmill::parse_revision(nodes[i].rev.text()));
    REQUIRE_THAT(tree.history(nodes[i].rev).size() >= 1);
  }
  REQUIRE_THAT((tree.winner() == nullptr) == nodes.empty());
  if (!nodes.empty()) REQUIRE_THAT(tree.leaves().front() == *tree.winner());
}

void check_merge(std::string_view left, std::string_view right, uint32_t depth) {
  const auto a = revision_tree::decode(left, depth);
  const auto b = revision_tree::decode(right, depth);
  if (!a || !b) return;
  auto ab = *a;
  auto ba = *b;
  REQUIRE_THAT(ab.merge(*b) == !(ab == *a));
  ba.merge(*a);
  REQUIRE_THAT(ab == ba);
  const auto copy = ab;
  REQUIRE_THAT(!ab.merge(copy) && ab == copy);
  REQUIRE_THAT(revision_tree::decode(ab.encode(), depth).value() == ab);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto input = as_text(data, size);
  check_text(input);
  check_text("rev" + std::string(input));
  if (const auto tree = revision_tree::decode(input, whole)) check_tree(*tree, input);
  const auto left = take_first(input);
  for (uint32_t depth : {uint32_t{1}, uint32_t{3}, whole}) check_merge(left, input, depth);
  return 0;
}
