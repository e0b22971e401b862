#include "net/api/line_upload.hpp"
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

using treadmill::ec;
using treadmill::error;
using treadmill::fail;
using treadmill::result;
using treadmill::waker;
using treadmill::api::line_upload;
using state = treadmill::http::body_sink::state;

namespace {

// An upload whose batches a test handles itself, or that are done at once.
class held_upload final : public line_upload {
public:
  explicit held_upload(bool holds, size_t line_limit = 100)
      : line_upload(line_limit), holds_(holds) {
    wake_with(waker([this] { ++wakes; }));
  }
  void start(treadmill::http::responder) override {}
  void batch_is_done() { batch_done({}); }
  /// The batch is done, and the server heeds the waker.
  void done(result<void> how = {}) {
    batch_done(std::move(how));
    resume();
  }

  std::vector<std::string> texts;
  std::vector<size_t> first_lines;
  std::string fault; ///< of the last batch
  std::vector<ec> finished;
  std::string reason;
  int wakes = 0;
  bool full = false;

protected:
  void submit(batch lines) override {
    texts.push_back(std::move(lines.text));
    first_lines.push_back(lines.first_line);
    fault = lines.fault({ec::overloaded, "no"}).reason;
    if (!holds_) batch_done({});
  }
  bool is_full() const override { return full; }
  void finish(const error& problem) override {
    finished.push_back(problem.code);
    reason = problem.reason;
  }

private:
  bool holds_;
};

using held = std::shared_ptr<held_upload>;

} // namespace

TEST_CASE("whole lines are submitted as soon as nothing is being handled") {
  const auto upload = std::make_shared<held_upload>(true);
  CHECK(upload->take("on") == state::ok);
  CHECK(upload->texts.empty());
  CHECK(upload->take("e\ntwo\nth") == state::ok);
  CHECK(upload->texts == std::vector<std::string>{"one\ntwo\n"});
  CHECK(upload->take("ree\nfour\n") == state::ok);
  CHECK(upload->texts.size() == 1); // they gather
  upload->done();
  CHECK(upload->texts.back() == "three\nfour\n");
  CHECK(upload->first_lines == std::vector<size_t>{1, 3});
  upload->take("five");
  upload->end();
  upload->done();
  CHECK(upload->texts.back() == "five");
  CHECK(upload->first_lines.back() == 5);
  CHECK(upload->finished.empty());
  upload->done();
  CHECK(upload->finished == std::vector{ec::none});
}

TEST_CASE("an upload without lines is finished with its end") {
  const auto upload = std::make_shared<held_upload>(true);
  upload->end();
  CHECK(upload->finished == std::vector{ec::none});
}

TEST_CASE("a batch has a bounded number of lines, and the client waits while one is full") {
  const auto upload = std::make_shared<held_upload>(true);
  std::string many;
  for (size_t i = 0; i < 2 * line_upload::batch_lines + 5; ++i) many += "x\n";
  CHECK(upload->take(many) == state::wait);
  CHECK(upload->texts.front().size() == 2 * line_upload::batch_lines);
  CHECK(upload->resume() == state::wait);
  const int before = upload->wakes;
  upload->done();
  CHECK(upload->wakes > before);
  CHECK(upload->resume() == state::ok);
  upload->end();
  upload->done();
  CHECK(upload->texts.back() == "x\nx\nx\nx\nx\n");
  CHECK(upload->first_lines.back() == 2 * line_upload::batch_lines + 1);
  upload->done();
  CHECK(upload->finished == std::vector{ec::none});
}

TEST_CASE("a batch has a bounded number of bytes") {
  const auto upload = std::make_shared<held_upload>(true, 2 * line_upload::batch_bytes);
  const std::string line(100'000, 'x');
  auto answered = state::ok;
  for (int i = 0; i < 20; ++i) {
    answered = upload->take(line + "\n");
    if (i > 1 && answered == state::wait) break;
  }
  CHECK(answered == state::wait);
  upload->done();
  upload->done();
  for (const std::string& text : upload->texts)
    CHECK(text.size() <= line_upload::batch_bytes + line.size());
  // One line may be larger than a batch.
  const auto wide = std::make_shared<held_upload>(false, 2 * line_upload::batch_bytes);
  CHECK(wide->take(std::string(line_upload::batch_bytes + 1, 'x')) == state::ok);
  CHECK(wide->take("\n") == state::ok);
  CHECK(wide->texts.size() == 1);
}

TEST_CASE("batches that are done at once are all handled") {
  const auto upload = std::make_shared<held_upload>(false);
  std::string many;
  for (size_t i = 0; i < 10 * line_upload::batch_lines; ++i) many += "x\n";
  CHECK(upload->take(many) == state::ok);
  CHECK(upload->texts.size() == 10);
  upload->end();
  CHECK(upload->finished == std::vector{ec::none});
}

TEST_CASE("the first batch that fails ends the upload") {
  const auto upload = std::make_shared<held_upload>(true);
  upload->take("a\n");
  upload->take("b\n");
  upload->done(fail(ec::overloaded, "not now"));
  CHECK(upload->finished == std::vector{ec::overloaded});
  CHECK(upload->reason == "not now");
  CHECK(upload->texts.size() == 1);
  CHECK(upload->take("c\n") == state::refused);
  upload->end();
  CHECK(upload->finished.size() == 1);
}

TEST_CASE("a line above the limit ends the upload, and its number is told") {
  const auto upload = std::make_shared<held_upload>(true, 10);
  CHECK(upload->take("a\nb\n0123456789") == state::ok);
  CHECK(upload->take("x") == state::refused);
  CHECK(upload->finished.empty()); // the lines before it are being handled
  upload->done();
  CHECK(upload->finished == std::vector{ec::too_large});
  CHECK(upload->reason == "line 3: the line is longer than the limit");
}

TEST_CASE("an upload that is full submits nothing until it has room") {
  const auto upload = std::make_shared<held_upload>(true);
  upload->full = true;
  CHECK(upload->take("a\n") == state::ok);
  CHECK(upload->texts.empty());
  CHECK(upload->resume() == state::ok);
  CHECK(upload->texts.empty());
  upload->full = false;
  CHECK(upload->resume() == state::ok);
  CHECK(upload->texts.size() == 1);
}

TEST_CASE("nothing more is submitted for a client that is gone") {
  const auto upload = std::make_shared<held_upload>(true);
  upload->take("a\n");
  upload->take("b\n");
  upload->drop();
  upload->done();
  CHECK(upload->texts.size() == 1);
  CHECK(upload->finished.empty());
}

TEST_CASE("a batch is submitted by the server's thread alone, which the waker calls") {
  const auto upload = std::make_shared<held_upload>(true);
  upload->take("a\n");
  upload->take("b\n");
  const int before = upload->wakes;
  upload->batch_is_done();
  CHECK(upload->wakes == before + 1);
  CHECK(upload->texts.size() == 1);
  CHECK(upload->resume() == state::ok);
  CHECK(upload->texts.size() == 2);
}

TEST_CASE("the fault of a batch names its lines") {
  const auto upload = std::make_shared<held_upload>(true);
  upload->take("a\n");
  CHECK(upload->fault == "line 1: no");
  upload->take("b\n\nd\n");
  upload->done();
  CHECK(upload->fault == "lines 2 to 4: no");
  upload->take("e\nf");
  upload->end();
  upload->done();
  CHECK(upload->fault == "lines 5 to 6: no");
}

TEST_CASE("a body that breaks off is answered after the batch that is being handled") {
  const auto upload = std::make_shared<held_upload>(true);
  upload->take("a\n");
  upload->take("b\n");
  upload->fail({ec::request_timeout, "too slow"});
  CHECK(upload->finished.empty());
  CHECK(upload->resume() == state::refused);
  upload->done();
  CHECK(upload->texts.size() == 1);
  CHECK(upload->finished == std::vector{ec::request_timeout});
  upload->fail({ec::bad_request, "once more"});
  upload->end();
  CHECK(upload->finished.size() == 1);
  // What failed first counts.
  const auto faulty = std::make_shared<held_upload>(true);
  faulty->take("a\n");
  faulty->done(fail(ec::ambiguous, "nobody knows"));
  faulty->fail({ec::request_timeout, "too slow"});
  CHECK(faulty->finished == std::vector{ec::ambiguous});
}

TEST_CASE("an upload tells the memory of its lines, and of the work on them") {
  const auto upload = std::make_shared<held_upload>(true, 4'000'000);
  CHECK(upload->memory() < 100);
  std::string line(1'000'000, ',');
  upload->take(line);
  CHECK(upload->memory() >= 4 * line.size()); // while it is gathered
  CHECK(upload->memory() <= 6 * line.size());
  upload->take("\n");
  REQUIRE(upload->texts.size() == 1);
  CHECK(upload->memory() >= 25 * line.size()); // 24 bytes for each member
  upload->done();
  CHECK(upload->memory() < 100);
  upload->take(line);
  upload->fail({ec::bad_request, "broken"});
  CHECK(upload->memory() < 100);
}

TEST_CASE("a line of many pieces is looked at once") {
  const auto upload = std::make_shared<held_upload>(true, 2'000'000);
  for (int i = 0; i < 1'000'000; ++i) upload->take("x"); // at 1 MB a piece this would take minutes
  upload->take("\n");
  CHECK(upload->texts.size() == 1);
}
