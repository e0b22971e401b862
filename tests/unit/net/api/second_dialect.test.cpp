#include "net/api/exchange.hpp"
#include "net/api/openapi.hpp"
#include "net/api/parameters.hpp"
#include "tests/unit/net/api/api_client.hpp"
#include <array>
#include <doctest/doctest.h>
#include <rapidjson/document.h>

namespace http = treadmill::http;
namespace api = treadmill::api;
using api::verb;
using treadmill::ec;
using treadmill::error;
using treadmill::result;
using treadmill::tests::api_node;

// A dialect of three calls with rules that are not the native ones: errors are plain text, a slash
// at the end of a path, unknown parameters and bodies that nobody asked for are passed over.
namespace {

void list_buckets(api::exchange& x) {
  http::response answer;
  answer.content_type = "text/plain";
  for (const auto& bucket : x.node.backend.rows().buckets()) answer.body += bucket.name + "\n";
  x.answer(std::move(answer));
}

void show_pieces(api::exchange& x) {
  http::response answer;
  answer.body = std::string(x.bucket()) + "|" + std::string(x.values.others[0]) + "|" +
                std::string(x.id()) + "|" + std::string(x.text("limit").value_or("none"));
  x.answer(std::move(answer));
}

void make_bucket(api::exchange& x) {
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  x.node.backend.create_bucket(std::string(x.bucket()), x.request.deadline,
                               [to](result<bool> created) {
                                 if (!created) return to->refuse(created.error());
                                 (*to)(http::response{});
                               });
}

constexpr std::array limited{api::parameter{"limit", &api::takes::limit, "The most."}};
constexpr std::array plain{api::described_answer{200, "Anything", "It."}};
const std::array table{
    api::route{verb::get, "/_all", "all", "All buckets", {}, {}, plain, list_buckets},
    api::route{verb::put, "/{bucket}", "make", "Make a bucket", {}, {}, plain, make_bucket},
    api::route{
        verb::get, "/{bucket}/{id}/{part}", "part", "A part", limited, {}, plain, show_pieces},
};
constexpr std::array variables{api::path_variable{"bucket", true}, api::path_variable{"id"},
                               api::path_variable{"part"}};

const api::dialect second{
    .routes = table,
    .variables = variables,
    .trailing_slash = http::trailing_slash::ignored,
    .parameters = api::unknown::ignored,
    .bodies = api::unknown::ignored,
    .conditions = api::unknown::ignored,
    .info = R"({"title":"second","version":"1"})",
    .components = "{}",
    .error_answer =
        [](const error& problem, std::string_view) {
          http::response answer;
          answer.status = problem.code == ec::method_not_allowed ? 405 : 418;
          answer.content_type = "text/plain";
          answer.body = "no: " + problem.reason;
          return answer;
        },
    .read_content_type = api::check_content_type,
    .no_route = [](std::span<const std::string_view>) -> error {
      return {ec::not_found, "nothing here"};
    },
};

} // namespace

TEST_CASE("a second dialect has its own paths, on the same node") {
  api_node node(second);
  CHECK(node.send("PUT", "/one").status == 200);
  CHECK(node.send("PUT", "/two/").status == 200);
  const auto got = node.get("/_all");
  CHECK(got.content_type == "text/plain");
  CHECK(got.body == "one\ntwo\n");
  CHECK(got.route == "all");
  CHECK(node.get("/one/_d/p%2Fq/").body == "one|_d|p/q|none");
}

TEST_CASE("a second dialect has its own form of errors") {
  api_node node(second);
  auto got = node.get("/one/two/three/four");
  CHECK(got.status == 418);
  CHECK(got.body == "no: nothing here");
  got = node.send("PUT", "/UPPER");
  CHECK(got.status == 418);
  CHECK(got.content_type == "text/plain");
  got = node.send("DELETE", "/one");
  CHECK(got.status == 405);
  CHECK(got.header("Allow") == "PUT, OPTIONS");
  CHECK(node.get("/one/two/three?limit=x").body == "no: limit must be a number from 0 to 10000000");
}

TEST_CASE("a second dialect passes over what the native one refuses") {
  api_node node(second);
  CHECK(node.send("PUT", "/one?batch=ok", "{}", {{"If-Match", "x"}}).status == 200);
  CHECK(node.get("/one/a/b?limit=3&other=1").body == "one|a|b|3");
}

TEST_CASE("the metrics and the description of a second dialect are made of its table") {
  api_node node(second);
  rapidjson::Document described;
  const std::string text = api::openapi_text(second);
  described.Parse(text.data(), text.size());
  REQUIRE_FALSE(described.HasParseError());
  CHECK(described["info"]["title"] == "second");
  CHECK(described["paths"].MemberCount() == 3);
  CHECK(described["paths"]["/{bucket}/{id}/{part}"]["get"]["parameters"].Size() == 4);
}
