#pragma once
#include "js/pool/map_pool.hpp"
#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// What the tests of the pool share: options with low limits, and calls that wait for their answer.
namespace treadmill::js::test {

using namespace std::chrono_literals;

inline pool_options quick_options(size_t workers = 2) {
  pool_options options;
  options.executable = TREADMILL_MAP_BINARY;
  options.workers = workers;
  options.document_cpu = 60ms;
  options.heap_bytes = 32 * defaults::mebibyte;
  return options;
}

inline std::shared_ptr<const function> make_function(std::string text, kind what = kind::map) {
  static std::atomic<uint64_t> last = 0;
  auto made = std::make_shared<function>();
  made->id = ++last;
  made->what = what;
  made->text = std::move(text);
  return made;
}

/// Documents with the ids d0, d1, … and the bodies {"n":0}, {"n":1}, …
inline std::vector<document> numbered(size_t count, size_t from = 0) {
  std::vector<document> made;
  for (size_t i = from; i < from + count; ++i)
    made.push_back({"d" + std::to_string(i), "1-a", R"({"n":)" + std::to_string(i) + "}"});
  return made;
}

template<typename Answer>
Answer get(std::future<Answer>& waiting) {
  REQUIRE(waiting.wait_for(120s) == std::future_status::ready);
  return waiting.get();
}

inline std::future<map_answer> start(map_pool& pool, map_job job) {
  auto promise = std::make_shared<std::promise<map_answer>>();
  auto answer = promise->get_future();
  // A second call would throw, out of a noexcept function.
  pool.map(std::move(job),
           [promise](map_answer made) noexcept { promise->set_value(std::move(made)); });
  return answer;
}

/// One answer, which may be of the first documents only.
inline map_answer map(map_pool& pool, std::shared_ptr<const function> what,
                      std::vector<document> documents, bool suspect = false) {
  auto waiting = start(pool, {std::move(what), std::move(documents), suspect});
  return get(waiting);
}

/// All documents, in as many jobs as it takes.
inline std::vector<mapped> map_all(map_pool& pool, const std::shared_ptr<const function>& what,
                                   std::vector<document> documents) {
  std::vector<mapped> all;
  bool suspect = false;
  while (!documents.empty()) {
    auto answer = map(pool, what, documents, suspect);
    REQUIRE(answer.how == outcome::done);
    REQUIRE(!answer.documents.empty());
    REQUIRE(answer.documents.size() <= documents.size());
    documents.erase(documents.begin(),
                    documents.begin() + static_cast<std::ptrdiff_t>(answer.documents.size()));
    for (mapped& one : answer.documents) {
      suspect |= is_strike(one.problem);
      all.push_back(std::move(one));
    }
  }
  return all;
}

inline reduce_answer reduce(map_pool& pool, std::shared_ptr<const function> what,
                            std::vector<reduce_call> calls) {
  std::promise<reduce_answer> promise;
  auto waiting = promise.get_future();
  pool.reduce({std::move(what), std::move(calls), false},
              [&](reduce_answer made) { promise.set_value(std::move(made)); });
  return get(waiting);
}

inline map_answer check(map_pool& pool, std::string text, kind what = kind::map) {
  std::promise<map_answer> promise;
  auto waiting = promise.get_future();
  pool.check(make_function(std::move(text), what),
             [&](map_answer made) { promise.set_value(std::move(made)); });
  return get(waiting);
}

/// What a map gives for one document: "key" of a returning map, "key=value …" of an emitting one,
/// or the fault and its message.
inline std::string show(const mapped& made) {
  if (made.problem != fault::none)
    return "fault " + std::to_string(static_cast<int>(made.problem)) + ": " + made.message;
  std::string text;
  for (const row& one : made.rows) {
    if (!text.empty()) text += ' ';
    text += made.emitted ? one.key + "=" + one.value : one.key;
  }
  return text;
}

inline std::string run(map_pool& pool, std::string text, std::string body = "{}") {
  const auto answer =
      map(pool, make_function(std::move(text)), {{"id1", "1-abc", std::move(body)}});
  if (answer.how != outcome::done)
    return "outcome " + std::to_string(static_cast<int>(answer.how)) + ": " + answer.message;
  REQUIRE(answer.documents.size() == 1);
  return show(answer.documents.front());
}

template<typename Condition>
bool eventually(Condition holds, std::chrono::milliseconds limit = 20s) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

} // namespace treadmill::js::test
