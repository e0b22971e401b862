#include "net/http/http.hpp"
#include <doctest/doctest.h>
#include <optional>

namespace http = treadmill::http;
using treadmill::waker;

namespace {

struct recorder {
  int calls = 0;
  int status = 0;
  std::string body;
  http::responder responder() {
    return http::responder([this](http::response&& answer) {
      ++calls;
      status = answer.status;
      body = answer.body;
    });
  }
};

http::response with_status(int status) {
  http::response answer;
  answer.status = status;
  return answer;
}

} // namespace

TEST_CASE("a header is found whatever its case, and is empty where it is absent") {
  http::request request;
  request.headers = {{"Content-Type", "text/plain"}, {"x-b", "1"}, {"X-B", "2"}};
  CHECK(request.header("content-type") == "text/plain");
  CHECK(request.header("X-B") == "1");
  CHECK(request.header("X-").empty());
  CHECK(request.header("X-C").empty());
}

TEST_CASE("a responder answers once") {
  recorder got;
  auto answer = got.responder();
  answer(with_status(201));
  answer(with_status(202));
  CHECK(got.calls == 1);
  CHECK(got.status == 201);
}

TEST_CASE("a responder that is destroyed without an answer answers 500 ambiguous") {
  recorder got;
  { const auto answer = got.responder(); }
  CHECK(got.calls == 1);
  CHECK(got.status == 500);
  CHECK(got.body.find(R"("error":"ambiguous")") != std::string::npos);
}

TEST_CASE("a responder that was moved from answers nothing") {
  recorder got;
  std::optional<http::responder> first(got.responder());
  http::responder second(std::move(*first));
  first.reset();
  CHECK(got.calls == 0);
  second(with_status(204));
  CHECK(got.calls == 1);
  CHECK(got.status == 204);
}

TEST_CASE("a responder that is assigned over answers 500 ambiguous first") {
  recorder lost, kept;
  auto answer = lost.responder();
  answer = kept.responder();
  CHECK(lost.status == 500);
  CHECK(kept.calls == 0);
  answer(with_status(200));
  CHECK(kept.status == 200);
}

TEST_CASE("a waker can be copied, called often, and called when there is nothing to wake") {
  int woken = 0;
  const waker wake([&] { ++woken; });
  const auto copy = wake; // NOLINT(performance-unnecessary-copy-initialization)
  wake();
  copy();
  CHECK(woken == 2);
  waker()();
}
