#include "net/couch/document_text.hpp"
#include "net/couch/document_writes.hpp"
#include "storage/documents/replicated.hpp"
#include <doctest/doctest.h>
#include <string>

namespace treadmill {

TEST_CASE("every replica that is taken passes the check of replicated documents") {
  const std::string native = make_revision({}, false, "{}").text().substr(3);
  size_t taken = 0;
  for (const std::string& text :
       {std::string(R"({"_rev":"1-a"})"), std::string(R"({"_rev":"1-a","_deleted":true})"),
        std::string(R"({"_rev":"3-c","_revisions":{"start":3,"ids":["c","b","a"]},"n":1.50})"),
        std::string(R"({"_revisions":{"start":3,"ids":["c","c"]},"s":"\u00e9\u0001\/"})"),
        std::string(R"({"_revisions":{"start":2147483647,"ids":["c","b"]},"a":{"id":1,"_x":2}})"),
        std::string(R"({"_rev":"4294967296-a"})"), std::string(R"({"_rev":"0-a"})"),
        std::string(R"({"_revisions":{"start":1,"ids":["c","b"]}})"),
        std::string(R"({"_revisions":{"start":2,"ids":["c","b/"]}})"),
        std::string(R"({"_rev":"1-a","n":1,"n":2,"n":[3,1e400]})"),
        std::string(R"({"_rev":"1-a","n":1,"n":2,"n":[3,1e40,18446744073709551615]})"),
        R"({"_rev":")" + native + "\"}", R"({"_rev":")" + native + R"(","other":"body"})",
        R"({"_rev":"1-a","s":")" + std::string(1000, 'x') + "\"}"}) {
    for (const size_t most : {size_t{500}, size_t{5000}}) {
      for (const std::string& id : {std::string("a"), std::string(512, 'i'), std::string(513, 'i'),
                                    std::string("_query/q"), std::string("a\n")}) {
        json_limits limits;
        limits.document_bytes = most;
        const auto stored = couch::read_json(text, limits);
        if (!stored) continue;
        auto document = couch::split_document(*stored, limits);
        if (!document) continue;
        const auto op = couch::write_of(id, std::move(*document), false);
        if (!op) continue;
        ++taken;
        INFO(text);
        const auto checked = check_replicated(*op->grafted, limits);
        CHECK_MESSAGE(checked.has_value(), checked.error().reason);
      }
    }
  }
  CHECK(taken == 34);
}

} // namespace treadmill
