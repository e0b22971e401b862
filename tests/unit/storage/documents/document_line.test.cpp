#include "storage/documents/document_line.hpp"
#include <doctest/doctest.h>

namespace treadmill {
namespace {

const std::string first_body = R"({"n":1})";
const std::string second_body = R"({"big":12345678901234567890,"s":"a\"b"})";
const revision first = make_revision({}, false, first_body);
const revision second = make_revision(first, false, second_body);
const revision gone = make_revision(first, true, {});
const revision foreign(4, "made-elsewhere");

/// A document with a live leaf, a tombstone and a leaf of somebody else.
replicated_document with_leaves() {
  replicated_document made;
  made.id = "a \"b\" \xc3\xa9";
  made.tree.add(first, {}, false);
  made.tree.add(second, first, false);
  made.tree.add(gone, first, true);
  made.tree.add(foreign, revision(2, "not-here"), false, true);
  made.bodies.push_back({foreign, first_body});
  made.bodies.push_back({second, second_body});
  return made;
}

std::string line_of(const replicated_document& document) {
  std::string line;
  const auto bodies = bodies_by_revision(document);
  const auto body_of = [&](const revision& rev) -> result<std::string_view> {
    return bodies.at(rev);
  };
  REQUIRE(append_document_line(line, document.id, 7, document.tree, body_of));
  return line;
}

ec problem(const std::string& line) {
  const auto read = parse_document_line(line);
  return read ? ec::none : read.error().code;
}

/// A line whose `revs` is that.
std::string with_revs(const std::string& revs) { return R"({"id":"x","revs":)" + revs + "}"; }

} // namespace

TEST_CASE("a document with all its leaves is the same after its way through a line") {
  const replicated_document document = with_leaves();
  const std::string line = line_of(document);
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line.find(R"("document":{"big":12345678901234567890,"s":"a\"b"})") != std::string::npos);
  const auto read = parse_document_line(line);
  REQUIRE(read);
  CHECK(read->id == document.id);
  CHECK(read->tree == document.tree);
  CHECK(read->bodies == document.bodies);
  CHECK(check_replicated(*read, {}));
}

TEST_CASE("a document of one edit is a short line") {
  replicated_document document;
  document.id = "sam";
  document.tree.add(first, {}, false);
  document.bodies.push_back({first, first_body});
  CHECK(line_of(document) ==
        R"({"id":"sam","seq":7,"revs":[{"rev":")" + first.text() + R"(","document":{"n":1}}]})");
}

TEST_CASE("white space and other spellings of a document are read as its stored form") {
  const auto read = parse_document_line(
      R"( {"revs" : [ {"document": {"n": 1.0e0}, "rev": "rev1-x", "foreign": true} ], "id":"x"} )");
  REQUIRE(read);
  CHECK(read->bodies.front().body == R"({"n":1})");
}

TEST_CASE("a line that is none is refused") {
  CHECK(problem("") == ec::bad_json);
  CHECK(problem("[]") == ec::not_object);
  CHECK(problem(R"({"id":"x"})") == ec::bad_rev);
  CHECK(problem(R"({"id":7,"revs":[{"rev":"rev1-x"}]})") == ec::bad_id);
  CHECK(problem(R"({"id":"x","more":1,"revs":[]})") == ec::bad_request);
  CHECK(problem(with_revs("{}")) == ec::bad_request);
  CHECK(problem(with_revs("[]")) == ec::bad_rev);
  CHECK(problem(with_revs("[1]")) == ec::bad_request);
  CHECK(problem(with_revs("[{}]")) == ec::bad_rev);
  CHECK(problem(with_revs(R"([{"rev":1}])")) == ec::bad_rev);
  CHECK(problem(with_revs(R"([{"rev":"1-x"}])")) == ec::bad_rev);
  CHECK(problem(with_revs(R"([{"rev":"rev1-x","more":1}])")) == ec::bad_request);
  CHECK(problem(with_revs(R"([{"rev":"rev1-x","deleted":1}])")) == ec::bad_request);
  CHECK(problem(with_revs(R"([{"rev":"rev1-x","document":[]}])")) == ec::not_object);
  CHECK(problem(with_revs(R"([{"rev":"rev2-x","parent":"rev2-y"}])")) == ec::bad_rev);
  CHECK(problem(with_revs(R"([{"rev":"rev1-x"},{"rev":"rev1-x"}])")) == ec::bad_rev);
  // A tombstone that something was built on.
  CHECK(problem(
            with_revs(R"([{"rev":"rev2-y","parent":"rev1-x"},{"rev":"rev1-x","deleted":true}])")) ==
        ec::bad_rev);
  CHECK(problem(with_revs(R"([{"rev":"rev1-x"}])")) == ec::none);
}

TEST_CASE("a document may nest as deep as it may alone, and no deeper") {
  const auto nested = [](size_t depth) {
    return with_revs(R"([{"rev":"rev1-x","document":{"a":)" + std::string(depth, '[') +
                     std::string(depth, ']') + "}}]");
  };
  CHECK(problem(nested(json_limits{}.depth - 1)) == ec::none);
  CHECK(problem(nested(json_limits{}.depth)) == ec::too_deep);
}

} // namespace treadmill
