#include "storage/documents/replicated.hpp"
#include "storage/documents/query_definition.hpp"
#include <ctime>
#include <doctest/doctest.h>

using namespace std::string_literals;

namespace treadmill {
namespace {

const std::string first_body = R"({"n":1})";
const std::string second_body = R"({"n":2})";
const revision first = make_revision({}, false, first_body);
const revision second = make_revision(first, false, second_body);

ec problem(const replicated_document& document, const json_limits& limits = {}) {
  const auto checked = check_replicated(document, limits);
  return checked ? ec::none : checked.error().code;
}

/// One revision, without a parent.
replicated_document alone(std::string id, const std::string& body) {
  replicated_document made;
  made.id = std::move(id);
  const revision rev = make_revision({}, false, body);
  made.tree.add(rev, {}, false);
  made.bodies.push_back({rev, body});
  return made;
}

/// Two edits.
replicated_document document() {
  replicated_document made;
  made.id = "x";
  made.tree.add(first, {}, false);
  made.tree.add(second, first, false);
  made.bodies.push_back({second, second_body});
  return made;
}

/// One node, and a body where it is given.
replicated_document node(const revision& rev, const revision& parent, bool deleted, bool foreign,
                         const char* body = nullptr) {
  replicated_document made;
  made.id = "x";
  made.tree.add(rev, parent, deleted, foreign);
  if (body != nullptr) made.bodies.push_back({rev, body});
  return made;
}

revision_tree decoded(const std::string& bytes) { return revision_tree::decode(bytes).value(); }

} // namespace

TEST_CASE("what a node sends of a document is taken: its whole tree, or a part with its bodies") {
  CHECK(problem(document()) == ec::none);
  CHECK(problem(alone("an id/with \xf0\x9f\x98\x80", "{}")) == ec::none);
  CHECK(problem(node(second, first, false, false, second_body.c_str())) == ec::none);
  CHECK(problem(node(make_revision(second, true, ""), second, true, false)) == ec::none);
  replicated_document conflict = document();
  const revision other = make_revision(first, false, "{}");
  conflict.tree.add(other, first, false);
  conflict.bodies.push_back({other, "{}"});
  CHECK(problem(conflict) == ec::none);
  replicated_document known = document();
  known.bodies.clear(); // the receiver has it
  CHECK(problem(known) == ec::none);
}

TEST_CASE("a body with integers of any length is taken, also as the doubles of before") {
  for (const std::string& number :
       {"12345678901234567890123"s, "-10000000000000000000"s, "18446744073709551616"s, "1e+22"s,
        "123456789012345683968"s, std::string(1000, '7')})
    CHECK(problem(alone("x", R"({"n":)" + number + "}")) == ec::none);
  for (const std::string& number : {"1e22"s, "12345678901234567890123.0"s, "-00"s})
    CHECK(problem(alone("x", R"({"n":)" + number + "}")) == ec::bad_json);
}

TEST_CASE("an id that no document can have is refused") {
  for (const std::string& id : {""s, "_x"s, "_query"s, "_Query/a"s, "a\nb"s, "\xff"s, "a\0b"s,
                                std::string(513, 'a'), "_local/x"s}) {
    CHECK(problem(alone(id, "{}")) == ec::bad_id);
  }
  CHECK(problem(alone(std::string(512, 'a'), "{}")) == ec::none);
}

TEST_CASE("a query's definition is held against the rules of queries") {
  const std::string body = definition_body({"d => d.a", "_count"});
  CHECK(problem(alone("_query/by-a", body)) == ec::none);
  CHECK(problem(alone("_query/", body)) == ec::bad_query);
  CHECK(problem(alone("_query/-a", body)) == ec::bad_query);
  CHECK(problem(alone("_query/a/b", body)) == ec::bad_query);
  CHECK(problem(alone("_query/" + std::string(129, 'a'), body)) == ec::bad_query);
  CHECK(problem(alone("_query/a", "{}")) == ec::bad_request);
  CHECK(problem(alone("_query/a", R"({"map":1})")) == ec::bad_request);
  CHECK(problem(alone("_query/a", R"({"map":"d => d.a","more":1})")) == ec::bad_request);
  CHECK(problem(alone("_query/a", R"({"reduce":"_count","map":"d => d.a"})")) == ec::bad_json);
  CHECK(problem(alone("_query/a", R"({"map":"d => d.a","reduce":""})")) == ec::bad_json);
  CHECK(problem(alone("_query/a", "[]")) == ec::not_object);
  json_limits small;
  small.document_bytes = body.size() - 1;
  CHECK(problem(alone("_query/by-a", body), small) == ec::too_large);
  CHECK(problem(alone("a", body)) == ec::none); // a document like any other
}

TEST_CASE("a document without a revision is refused") {
  replicated_document empty;
  empty.id = "x";
  CHECK(problem(empty) == ec::bad_rev);
}

TEST_CASE("a hash of Treadmill's that is not that of its body is refused") {
  replicated_document wrong = document();
  wrong.bodies.front().body = R"({"n":3})";
  CHECK(problem(wrong) == ec::bad_rev);
  replicated_document elsewhere = node(revision(2, second.hash()), make_revision({}, false, "{}"),
                                       false, false, second_body.c_str());
  CHECK(problem(elsewhere) == ec::bad_rev); // the parent is in the hash
  replicated_document second_of_two = document();
  const revision other = make_revision(first, false, "{}");
  second_of_two.tree.add(other, first, false);
  second_of_two.bodies.push_back({other, R"({"n":0})"});
  CHECK(problem(second_of_two) == ec::bad_rev);
}

TEST_CASE("a hash of Treadmill's that is not that of a tombstone is refused") {
  CHECK(problem(node(make_revision(second, true, ""), second, true, false)) == ec::none);
  CHECK(problem(node(second, first, true, false)) == ec::bad_rev); // a live one said to be deleted
  const revision tombstone = make_revision(second, true, "");
  CHECK(problem(node(tombstone, second, false, false, "{}")) == ec::bad_rev); // the reverse
  CHECK(problem(node(revision(3, std::string(32, 'a')), second, true, false)) == ec::bad_rev);
}

TEST_CASE("the hash of an ancestor cannot be told and is taken as it is") {
  replicated_document made;
  made.id = "x";
  const revision grandparent(7, std::string(32, 'b'));
  const revision parent(8, std::string(32, 'a'));
  const revision leaf = make_revision(parent, false, "{}");
  made.tree.add(grandparent, revision(6, std::string(32, 'c')), false);
  made.tree.add(parent, grandparent, false);
  made.tree.add(leaf, parent, false);
  made.bodies.push_back({leaf, "{}"});
  CHECK(problem(made) == ec::none);
}

TEST_CASE("a revision of Treadmill's counts on from its parent") {
  const std::string hash(32, 'a');
  const auto in_between = [&](uint32_t number, const revision& parent) {
    replicated_document made = node(make_revision(revision(number, hash), false, "{}"),
                                    revision(number, hash), false, false, "{}");
    made.tree.add(revision(number, hash), parent, false);
    return problem(made);
  };
  CHECK(in_between(5, revision(4, "theirs")) == ec::none);
  CHECK(in_between(5, revision(3, "theirs")) == ec::bad_rev);
  CHECK(in_between(5, {}) == ec::bad_rev);
  CHECK(in_between(1, {}) == ec::none);
  const revision leaf = make_revision(second, false, "{}");
  CHECK(problem(node(revision(4, leaf.hash()), second, false, false, "{}")) == ec::bad_rev);
  CHECK(problem(node(revision(3, hash), {}, false, false)) == ec::bad_rev); // though without a body
}

TEST_CASE("a revision that is not younger than its parent is refused, whoever made it") {
  for (const std::string& hash : {"theirs"s, std::string(32, 'a')}) {
    for (const uint32_t number : {5U, 6U, defaults::revision_number}) {
      const auto backwards = node(revision(5, hash), revision(number, "parent"), false, true, "{}");
      CHECK(problem(backwards) == ec::bad_rev);
    }
    CHECK(problem(node(revision(5, hash), revision(5, hash), false, true, "{}")) == ec::bad_rev);
    CHECK(problem(node(revision(5, hash), revision(4, "parent"), false, true, "{}")) == ec::none);
  }
}

TEST_CASE("what is no revision is refused, as a node and as a parent") {
  const revision fine(3, "theirs");
  for (const revision& none :
       {revision(2, ""), revision(2, "a b"), revision(2, "\xc3\xa9"), revision(0, "a"),
        revision(0, std::string(32, 'a')), revision(2, "a\n")}) {
    CHECK(problem(node(none, {}, false, true)) == ec::bad_rev);
    if (!none.empty()) CHECK(problem(node(fine, none, false, true)) == ec::bad_rev);
  }
  const uint32_t above = defaults::revision_number + 1;
  CHECK(problem(node(revision(above, "a"), fine, true, true)) == ec::bad_rev);
  CHECK(problem(node(revision(above, std::string(32, 'a')), fine, true, true)) == ec::bad_rev);
  CHECK(problem(node(revision(above - 1, "a"), fine, true, true)) == ec::none);
}

TEST_CASE("every tree that is taken can be stored") {
  // What check_replicated lets through, revision_tree::decode reads again.
  const std::vector<revision> some{revision(1, "a"),
                                   revision(2, std::string(64, '-')),
                                   revision(3, std::string(32, 'f')),
                                   revision(3, std::string(32, 'F')),
                                   revision(4, "."),
                                   revision(defaults::revision_number, "z")};
  for (const revision& rev : some) {
    for (const revision& parent : some) {
      const replicated_document made = node(rev, parent, true, true);
      if (problem(made) != ec::none) continue;
      CHECK(decoded(made.tree.encode()) == made.tree);
    }
  }
}

TEST_CASE("hashes made elsewhere are taken as they are, 32 hex digits only where they are marked") {
  const char* body = R"({"a":1})";
  CHECK(problem(node(revision(2, "967a00dff5e02add4181"), {}, false, true, body)) == ec::none);
  CHECK(problem(node(revision(2, "967a00dff5e02add4181"), {}, false, false, body)) == ec::none);
  CHECK(problem(node(revision(9, "x"), revision(2, "y"), false, false, body)) == ec::none); // a gap
  const revision hex(2, std::string(32, 'a'));
  CHECK(problem(node(hex, {}, false, true, body)) == ec::none);
  CHECK(problem(node(hex, first, false, false, body)) == ec::bad_rev);
  CHECK(problem(node(revision(9, std::string(32, 'a')), hex, true, true)) == ec::none);
  CHECK(problem(node(revision(2, std::string(32, 'A')), {}, false, false, body)) == ec::none);
  // The rules of bodies are those of all documents.
  CHECK(problem(node(hex, {}, false, true, R"({"a": 1})")) == ec::bad_json);
  CHECK(problem(node(hex, {}, false, true, R"({"_id":"y"})")) == ec::bad_request);
}

TEST_CASE("a body that is not in its stored form is refused, though its hash is right") {
  for (const char* body : {R"({"a": 1})", R"({"a":1.0})", R"({"a":"\u0041"})", R"({ })",
                           R"({"a":"\/"})", "{}\n", R"({"a":1E5})"}) {
    CHECK(problem(alone("x", body)) == ec::bad_json);
  }
  CHECK(problem(alone("x", "{")) == ec::bad_json);
  CHECK(problem(alone("x", "")) == ec::bad_json);
  CHECK(problem(alone("x", "[]")) == ec::not_object);
  CHECK(problem(alone("x", R"({"a":1,"a":2})")) == ec::duplicate_key);
  CHECK(problem(alone("x", "{\"a\":\"\xff\"}")) == ec::bad_encoding);
}

TEST_CASE("a body with members that are not the user's is refused") {
  for (const char* body : {R"({"_conflicts":[]})", R"({"_history":[]})", R"({"_x":1})",
                           R"({"_deleted":true})", R"({"_members":{"id":1}})", R"({"a":1,"_":2})"})
    CHECK(problem(alone("x", body)) == ec::bad_request);
  CHECK(problem(alone("x", R"({"a":{"id":"x","_x":1}})")) == ec::none);
}

TEST_CASE("a body has members id and rev of its own, of any value and in any place") {
  for (const char* body :
       {R"({"id":"x"})", R"({"id":1})", R"({"rev":"rev1-a"})", R"({"rev":{"a":[]}})",
        R"({"a":1,"id":"x"})", R"({"id":null,"a":1,"rev":[1]})"})
    CHECK(problem(alone("x", body)) == ec::none);
  CHECK(problem(alone("x", R"({"id":1,"id":2})")) == ec::duplicate_key);
  CHECK(problem(alone("x", R"({"id":1.0})")) == ec::bad_json);
}

TEST_CASE("a body that belongs to no live leaf is refused") {
  replicated_document of_ancestor = document();
  of_ancestor.bodies.push_back({first, first_body});
  CHECK(problem(of_ancestor) == ec::bad_rev);
  replicated_document of_none = document();
  of_none.bodies.push_back({make_revision(second, false, "{}"), "{}"});
  CHECK(problem(of_none) == ec::bad_rev);
  const revision tombstone = make_revision(second, true, "");
  replicated_document of_tombstone = node(tombstone, second, true, false);
  of_tombstone.bodies.push_back({tombstone, "{}"});
  CHECK(problem(of_tombstone) == ec::bad_rev);
  of_tombstone.bodies.front().body = "";
  CHECK(problem(of_tombstone) == ec::bad_rev);
}

TEST_CASE("a leaf with two bodies is refused, though the first is right") {
  replicated_document twice = document();
  twice.bodies.push_back(twice.bodies.front());
  CHECK(problem(twice) == ec::bad_rev);
  twice.bodies.back().body = "{}";
  CHECK(problem(twice) == ec::bad_rev);
}

TEST_CASE("a body above this node's limits is refused") {
  json_limits limits;
  limits.document_bytes = second_body.size();
  limits.depth = 2;
  CHECK(problem(document(), limits) == ec::none);
  --limits.document_bytes;
  CHECK(problem(document(), limits) == ec::too_large);
  limits.document_bytes = 100;
  CHECK(problem(alone("x", R"({"a":[]})"), limits) == ec::none);
  CHECK(problem(alone("x", R"({"a":[{}]})"), limits) == ec::too_deep);
}

TEST_CASE("a tree with many leaves is checked in a time that does not grow with its square") {
  constexpr int count = 60'000; // each is looked up, none by going through all the others
  replicated_document made;
  made.id = "x";
  std::vector<revision_tree::node> leaves;
  for (int n = 0; n < count; ++n) {
    const std::string body = R"({"n":)" + std::to_string(n) + "}";
    leaves.emplace_back().rev = make_revision({}, false, body);
    made.bodies.push_back({leaves.back().rev, body});
  }
  made.tree = revision_tree::of(std::move(leaves));
  REQUIRE(made.tree.live_leaves() == count);
  const std::clock_t start = std::clock();
  CHECK(problem(made) == ec::none);
  CHECK((std::clock() - start) / CLOCKS_PER_SEC < 10);
}

} // namespace treadmill
