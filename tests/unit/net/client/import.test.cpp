#include "net/client/import.hpp"
#include "net/client/backup.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/unit/net/client/served_node.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

namespace treadmill::http {
namespace {

using cluster::temporary_folder;
using tests::served_node;

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// An import and what it told.
struct imported {
  import_done done{};
  std::string problem{}; ///< why it ended early
  std::string told{};    ///< problems, a line each
  std::string notes{};

  imported(served_node& node, import_options options) {
    options.problem = [&](uint64_t line, const error& fault) {
      told += std::to_string(line) + " " + std::string(to_string(fault.code)) + "\n";
    };
    options.note = [&](const std::string& text) { notes += text + "\n"; };
    const auto all = import_file(*node.client, options);
    if (all) {
      done = *all;
    } else {
      problem = all.error().reason;
    }
  }
};

import_options into(const std::string& file, const std::string& bucket) {
  import_options options;
  options.file = file;
  options.bucket = bucket;
  return options;
}

std::string documents(size_t count, const std::string& mark = "") {
  std::string text;
  for (size_t i = 0; i < count; ++i)
    text += "{\"id\":\"d" + std::to_string(i) + "\",\"n\":" + std::to_string(i) + mark + "}\n";
  return text;
}

/// An import of that file that ends after so many requests that write, as if it was killed.
void interrupt(served_node& node, const import_options& options, int writes) {
  node.before = [&node, writes, left = writes](const http::request& request) mutable {
    if (request.method == "POST" && left-- == 0)
      node.node.backend.refuse_writes = error{ec::disk_full, "the disk is full"};
  };
  const imported first(node, options);
  CHECK(first.problem.find("the disk is full") != std::string::npos);
  CHECK(std::filesystem::exists(options.file + ".import"));
  node.before = nullptr;
  node.node.backend.refuse_writes.reset();
}

} // namespace

TEST_CASE("an import goes on where it was interrupted") {
  served_node node;
  const temporary_folder folder;
  write_file(folder / "f", documents(3500));
  interrupt(node, into(folder / "f", "b"), 2);
  CHECK(node.count("b", "documents") == 2000);
  SUBCASE("in the same file") {}
  SUBCASE("in one that was changed behind that place") {
    write_file(folder / "f", documents(2000) + documents(3500).substr(documents(2000).size()));
  }
  const imported rest(node, into(folder / "f", "b"));
  CHECK(rest.done.skipped == 2000);
  CHECK(rest.done.documents == 1500);
  CHECK(rest.notes.empty());
  CHECK(node.count("b", "documents") == 3500);
  CHECK_FALSE(std::filesystem::exists(folder / "f.import"));
}

TEST_CASE("an import begins anew where what it rests on is another") {
  served_node node;
  const temporary_folder folder;
  import_options options = into(folder / "f", "b");
  write_file(folder / "f", documents(3000));
  interrupt(node, options, 2);
  std::string why;
  uint64_t expected = 3000;
  SUBCASE("bucket, of the same name") {
    node.send("DELETE", "/b");
    why = "the bucket is not there any more";
    SUBCASE("that is there again") {
      node.send("PUT", "/b");
      why = "the bucket was dropped and made anew since";
    }
  }
  SUBCASE("file, before the place where it was") {
    write_file(folder / "f", documents(3000, ",\"m\":1"));
    why = "the file has changed since";
    expected = 1000; // the others are there with another content
  }
  SUBCASE("file, that is shorter") {
    write_file(folder / "f", documents(10));
    why = "the file has changed since";
    expected = 0;
  }
  SUBCASE("way to write") {
    options.update = true;
    why = "it had other options";
  }
  SUBCASE("bucket, of another name") {
    options.bucket = "c";
    why = "it was into another bucket or node";
  }
  SUBCASE("position, that cannot be read") {
    write_file(folder / "f.import", "2000 of an older version\n");
    why = "its position cannot be read";
    expected = 1000;
  }
  const imported again(node, options);
  CAPTURE(again.notes);
  CAPTURE(again.problem);
  CHECK(again.notes.find(why) != std::string::npos);
  CHECK(again.done.skipped == 0);
  CHECK(again.done.documents == expected);
  CHECK_FALSE(std::filesystem::exists(folder / "f.import"));
}

TEST_CASE("an import whose bucket is dropped meanwhile does not end as if all was there") {
  served_node node;
  const temporary_folder folder;
  write_file(folder / "f", documents(3000));
  int writes = 0;
  node.before = [&](const http::request& request) {
    if (request.method == "POST" && ++writes == 3) node.node.send("DELETE", "/b");
  };
  const imported cut(node, into(folder / "f", "b"));
  CHECK(cut.problem.find("was dropped meanwhile") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder / "f.import"));
  node.before = nullptr;
  CHECK(imported(node, into(folder / "f", "b")).done.errors == 0);
  CHECK(node.count("b", "documents") == 3000);
}

TEST_CASE("what a node refuses is left out alone, with its line") {
  api::api_options narrow;
  narrow.limits.depth = 5;
  narrow.limits.document_bytes = 1000;
  served_node node(narrow);
  const temporary_folder folder;
  const std::string large(2000, 'x');
  write_file(folder / "f", "{\"id\":\"a\"}\nnonsense\n{\"id\":\"b\",\"deep\":[[[[[[1]]]]]]}\n"
                           "{\"id\":\"_c\"}\n{\"id\":\"d\",\"t\":\"" +
                               large + "\"}\n{\"id\":\"e\",\"t\":\"\xff\"}\n{\"id\":\"f\"}\n");
  const imported some(node, into(folder / "f", "b"));
  CHECK(some.problem.empty());
  CHECK(some.done.documents == 2);
  CHECK(some.done.errors == 5);
  for (const char* one : {"2 bad_json", "3 too_deep", "4 bad_id", "5 too_large", "6 bad_encoding"})
    CHECK_MESSAGE(some.told.find(one) != std::string::npos, one, some.told);
  CHECK(node.count("b", "documents") == 2);
}

TEST_CASE("a file that is imported again is there already, and what differs is counted") {
  served_node node;
  const temporary_folder folder;
  write_file(folder / "f", documents(1500) + "{\"no\":\"id\"}\n");
  CHECK(imported(node, into(folder / "f", "b")).done.documents == 1501);
  const imported again(node, into(folder / "f", "b"));
  CHECK(again.done.documents == 0);
  CHECK(again.done.already_there == 1501);
  CHECK(again.done.errors == 0);
  CHECK(again.told.empty());
  node.send("PUT", "/b/d3", R"({"n":"changed"})");
  const imported third(node, into(folder / "f", "b"));
  CHECK(third.done.already_there == 1500);
  CHECK(third.done.conflicts == 1);
  CHECK(third.done.errors == 1);
  CHECK(third.told.empty());
}

TEST_CASE("a resumed import counts a document with other content as a conflict") {
  served_node node;
  const temporary_folder folder;
  write_file(folder / "f", documents(3000));
  interrupt(node, into(folder / "f", "b"), 2);
  node.send("PUT", "/b/d2005", R"({"n":"other"})");
  node.send("PUT", "/b/d2006", R"({"n":"other"})");
  node.send("PUT", "/b/d2006", R"({"n":2006})"); // as in the file, with another history
  const imported rest(node, into(folder / "f", "b"));
  CHECK(rest.problem.empty());
  CHECK(rest.done.documents == 998);
  CHECK(rest.done.already_there == 1);
  CHECK(rest.done.conflicts == 1);
  CHECK(rest.done.errors == 1);
}

TEST_CASE("a document without an id is a conflict if it changed since its import") {
  served_node node;
  const temporary_folder folder;
  write_file(folder / "f", "{\"no\":\"id\"}\n");
  CHECK(imported(node, into(folder / "f", "b")).done.documents == 1);
  const std::string listed = node.text("/b/_documents");
  const size_t at = listed.find("\"id\":\"") + 6;
  const std::string path = "/b/" + listed.substr(at, listed.find('"', at) - at);
  node.send("PUT", path, R"({"no":"longer"})");
  CHECK(imported(node, into(folder / "f", "b")).done.conflicts == 1);
  node.send("DELETE", path);
  node.send("PUT", path, R"({"no":"id"})");
  const imported same(node, into(folder / "f", "b"));
  CHECK(same.done.already_there == 1);
  CHECK(same.done.conflicts == 0);
}

TEST_CASE("a file that is no text, or no JSON and no CSV, is refused, and nothing is made of it") {
  served_node node;
  const temporary_folder folder;
  const auto refused = [&](const std::string& name, const std::string& text) {
    write_file(folder / name, text);
    const imported none(node, into(folder / name, "b"));
    CHECK(none.done.documents == 0);
    CHECK(node.text("/_system/buckets").find("\"b\"") == std::string::npos);
    return none.problem;
  };
  CHECK(refused("a", std::string("SQLite format 3\0", 16)) == "it is an SQLite database");
  CHECK(refused("b.csv", "<html>\n") == "it is HTML or XML");
  CHECK(refused("c.csv", "id;name\n1;Sam\n").find("separated by semicolons") != std::string::npos);
  CHECK(refused("d.csv", "id\tname\n1\tSam\n").find("separated by tabs") != std::string::npos);
  CHECK(refused("e.txt", "Dear Sam\n").find("neither JSON nor CSV") != std::string::npos);
  CHECK(refused("f.csv", "a,a\n1,2\n").find("line 1: column 2") == 0);
  write_file(folder / "none", "");
  CHECK(imported(node, into(folder / "none", "b")).done.empty);
  write_file(folder / "h.jsonl", "no, nothing\n{}\n");
  CHECK(imported(node, into(folder / "h.jsonl", "lines")).told == "1 bad_json\n");
  write_file(folder / "one.CSV", "id\nsam\n");
  CHECK(imported(node, into(folder / "one.CSV", "b")).done.documents == 1);
}

TEST_CASE(
    "an export is merged line by line, whatever its line ends, and its documents are counted") {
  served_node node;
  const temporary_folder folder;
  for (const char* id : {"x", "y", "z"}) node.send("PUT", std::string("/b/") + id, R"({"n":1})");
  node.send("PUT", "/b/y", R"({"n":2})"); // which wins
  node.node.backend.add_conflict("b", "y", R"({"other":true})");
  std::string text = node.text("/b/_export");
  uint64_t expected = 3;
  std::string told;
  SUBCASE("as it is") {}
  SUBCASE("with CR LF, a byte order mark and an empty line at its end") {
    for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
      text.replace(at, 1, "\r\n");
    text = "\xef\xbb\xbf" + text + "\r\n";
  }
  SUBCASE("twice, one behind the other") {
    text += text;
    expected = 6;
  }
  SUBCASE("with a line that is wrong") {
    const size_t at = text.find("{\"id\":\"z\"");
    text.replace(text.find("\"n\":1", at), 5, "\"n\":2"); // its hash is not that of the body
    expected = 2;
    told = "3 bad_rev\n";
  }
  write_file(folder / "f", text);
  const imported copy(node, into(folder / "f", "copy"));
  CHECK(copy.problem.empty());
  CHECK(copy.done.documents == expected);
  CHECK(copy.told == told);
  CHECK(copy.done.errors == (told.empty() ? 0 : 1));
  if (told.empty())
    CHECK(node.node.get("/copy").member("digest") == node.node.get("/b").member("digest"));
}

TEST_CASE("an export that goes on after a sequence is one of the same log") {
  served_node node;
  node.send("PUT", "/b/x", "{}");
  const std::string log = node.node.get("/b").member("log");
  node.send("PUT", "/b/y", "{}");
  std::string text;
  const auto take = [&](std::string_view piece) {
    text += piece;
    return true;
  };
  const auto rest = export_bucket(*node.client, "b", 1, log, take);
  REQUIRE(rest);
  CHECK(rest->count == 1);
  CHECK(text.find("\"y\"") != std::string::npos);
  node.send("DELETE", "/b");
  for (const char* id : {"p", "q", "r"}) node.send("PUT", std::string("/b/") + id, "{}");
  text.clear();
  const auto other = export_bucket(*node.client, "b", 1, log, take);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == ec::conflict);
  CHECK(text.empty());
}

TEST_CASE("a restore takes the files that its list means, and no others") {
  served_node node;
  const temporary_folder folder;
  for (const char* id : {"x", "y"}) node.send("PUT", std::string("/b/") + id, "{}");
  node.send("PUT", "/c/other", "{}");
  const auto quiet = [](const export_facts&, size_t, size_t) {};
  REQUIRE(back_up(*node.client, folder / "backup", quiet));
  std::filesystem::copy_file(folder / "backup/c.ndjson", folder / "backup/b.ndjson",
                             std::filesystem::copy_options::overwrite_existing);
  const auto wrong = restore(*node.client, folder / "backup", true, quiet);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == ec::corrupt);
  CHECK(node.count("b", "documents") == 2);
}

} // namespace treadmill::http
