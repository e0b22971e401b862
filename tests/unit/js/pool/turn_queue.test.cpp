#include "js/pool/turn_queue.hpp"
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <vector>

namespace js = treadmill::js;

namespace {

/// A job of the function `id`, of `documents` documents: that tells jobs of a function apart.
std::unique_ptr<js::pool_job> job_of(uint64_t id, size_t documents) {
  auto what = std::make_shared<js::function>();
  what->id = id;
  return std::make_unique<js::pool_job>(
      std::make_shared<const js::map_job>(
          js::map_job{std::move(what), std::vector<js::document>(documents), false}),
      [](const js::map_answer&) {});
}

/// The jobs that pop() gives, as function:documents.
std::string popped(js::turn_queue& queue, uint64_t not_of = 0) {
  std::string text;
  while (auto job = queue.pop([&](const js::pool_job& one) { return one.what().id != not_of; }))
    text += std::to_string(job->what().id) + ":" + std::to_string(job->size()) + " ";
  return text;
}

} // namespace

TEST_CASE("functions take turns, and the jobs of each keep their order") {
  js::turn_queue queue;
  for (const size_t n : {1, 2, 3}) queue.push(job_of(7, n));
  queue.push(job_of(8, 1));
  queue.push(job_of(9, 1));
  queue.push(job_of(9, 2));
  CHECK(queue.size() == 6);
  CHECK(popped(queue) == "7:1 8:1 9:1 7:2 9:2 7:3 ");
  CHECK(queue.empty());
}

TEST_CASE(
    "a job that a worker had goes before the others of its function, not of other functions") {
  js::turn_queue queue;
  queue.push(job_of(1, 1));
  queue.push(job_of(2, 5));
  queue.push_back_in_front(job_of(2, 4));
  CHECK(popped(queue) == "1:1 2:4 2:5 ");
}

TEST_CASE("a function whose first job may not go keeps its turn") {
  js::turn_queue queue;
  queue.push(job_of(1, 1));
  queue.push(job_of(2, 1));
  queue.push(job_of(2, 2));
  CHECK(popped(queue, 1) == "2:1 2:2 ");
  queue.push(job_of(2, 3));
  CHECK(popped(queue) == "1:1 2:3 ");
}

TEST_CASE("take gives all jobs of one function") {
  js::turn_queue queue;
  for (const size_t n : {1, 2}) queue.push(job_of(1, n));
  queue.push(job_of(2, 1));
  CHECK(queue.take(1).size() == 2);
  CHECK(queue.take(1).empty());
  CHECK(queue.size() == 1);
  queue.push(job_of(1, 3));
  CHECK(popped(queue) == "2:1 1:3 ");
}
