#include "js/pool/map_pool.hpp"
#include "tests/unit/js/pool/pool_world.hpp"
#include <algorithm>
#include <array>
#include <csignal>
#include <dirent.h>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
namespace js = treadmill::js;
namespace test = treadmill::js::test;
using js::outcome;

namespace {

/// Where the process that a test starts says which worker it has.
constexpr int report_descriptor = 9;

std::string of_process(int process, const std::string& file) {
  std::ifstream in("/proc/" + std::to_string(process) + "/" + file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The value of a line "Name:\tvalue" or "Name   value   …".
std::string field(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    std::istringstream words(line.substr(name.size()));
    std::string value;
    words >> value;
    return value;
  }
  return {};
}

int first_worker(js::map_pool& pool) {
  REQUIRE(test::run(pool, "doc => 1") == "1");
  REQUIRE(pool.processes().size() == 1);
  return pool.processes().front();
}

bool is_there(int process) {
  const std::string state = field(of_process(process, "status"), "State:");
  return !state.empty() && state != "Z" && state != "X";
}

} // namespace

TEST_CASE("a pool that is never used starts nothing") {
  const std::string before = field(of_process(getpid(), "status"), "Threads:");
  js::map_pool pool(test::quick_options());
  pool.forget(1);
  CHECK(field(of_process(getpid(), "status"), "Threads:") == before);
  CHECK(pool.counters().started == 0);
  pool.stop();
  CHECK(test::run(pool, "doc => 1") == "outcome 1: ");
}

TEST_CASE("one job needs one worker, many use all") {
  js::map_pool pool(test::quick_options(2));
  first_worker(pool);
  const auto what =
      test::make_function("doc => { let n = 0; for (let i = 0; i < 1e5; ++i) n += i; return n }");
  std::vector<std::future<js::map_answer>> waiting;
  for (int i = 0; i < 40; ++i)
    waiting.push_back(test::start(pool, {what, test::numbered(50), false}));
  for (auto& one : waiting) CHECK(test::get(one).documents.size() == 50);
  CHECK(pool.processes().size() == 2);
  const auto counters = pool.counters();
  CHECK(counters.started == 2);
  CHECK(counters.died + counters.killed + counters.faults + counters.failed_starts == 0);
  CHECK(counters.cpu > 1ms);
}

TEST_CASE("what is given is answered once, also by stop") {
  std::atomic<int> calls = 0;
  std::atomic<int> stopped = 0;
  {
    js::map_pool pool(test::quick_options(2));
    const auto slow = test::make_function("doc => { for (;;); }");
    const auto quick = test::make_function("doc => doc.n");
    for (int i = 0; i < 20; ++i) {
      for (const auto& what : {slow, quick}) {
        pool.map({what, test::numbered(10), false}, [&](const js::map_answer& answer) {
          ++calls;
          if (answer.how == outcome::stopped) ++stopped;
        });
      }
    }
    std::this_thread::sleep_for(200ms);
    pool.stop();
    CHECK(calls == 40);
    pool.stop();
  }
  CHECK(calls == 40);
  CHECK(stopped > 0);
}

TEST_CASE("functions take turns, and a suspect one leaves a worker to the others") {
  auto options = test::quick_options(2);
  options.document_cpu = 400ms;
  js::map_pool pool(options);
  const auto bad = test::make_function("doc => { for (;;); }");
  const auto worse = test::make_function("doc => { while (true); }");
  const auto good = test::make_function("doc => doc.n");
  first_worker(pool);
  std::vector<std::future<js::map_answer>> bads;
  for (int i = 0; i < 3; ++i) {
    bads.push_back(test::start(pool, {bad, test::numbered(2), true}));
    bads.push_back(test::start(pool, {worse, test::numbered(2), true}));
  }
  for (int i = 0; i < 20; ++i)
    CHECK(test::map(pool, good, test::numbered(100)).documents.size() == 100);
  // Six answers of a suspect take 0.8 s of CPU time each: all others were there before them.
  CHECK(bads.back().wait_for(0s) == std::future_status::timeout);
  for (auto& one : bads) CHECK(test::get(one).documents.size() == 1);
}

TEST_CASE("a job that must be alone gets its turn among many others") {
  for (const size_t workers : {1, 2}) {
    js::map_pool pool(test::quick_options(workers));
    const auto good =
        test::make_function("doc => { let n = 0; for (let i = 0; i < 1e5; ++i) n += i; return n }");
    std::atomic<bool> done = false;
    std::atomic<int> in_flight = 0;
    std::thread others([&] {
      while (!done) {
        if (in_flight > 10) {
          std::this_thread::sleep_for(1ms);
          continue;
        }
        ++in_flight;
        pool.map({good, test::numbered(100), false}, [&](const js::map_answer&) { --in_flight; });
      }
    });
    const auto what = test::make_function("doc => doc.n");
    for (int i = 0; i < 5; ++i)
      CHECK(test::map(pool, what, test::numbered(3), true).documents.size() == 3);
    done = true;
    others.join();
    pool.stop();
  }
}

TEST_CASE("more functions than a worker holds, and forgotten ones, all answer") {
  js::map_pool pool(test::quick_options(1));
  std::vector<std::shared_ptr<const js::function>> all;
  for (int i = 0; i < 40; ++i)
    all.push_back(test::make_function("doc => doc.n + " + std::to_string(i)));
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < all.size(); ++i) {
      CHECK(test::show(test::map(pool, all[i], test::numbered(1)).documents.at(0)) ==
            std::to_string(i));
      if (i % 3 == 0) pool.forget(all[i]->id);
    }
  }
}

TEST_CASE("large documents and batches go through, and one that is too large is told so") {
  auto options = test::quick_options(1);
  options.heap_bytes = js::defaults::heap_bytes;
  options.document_cpu = 2000ms;
  js::map_pool pool(options);
  const auto what = test::make_function("doc => doc.text.length");
  const std::string body = R"({"text":")" + std::string(9'000'000, 'x') + "\"}";
  std::vector<js::document> documents(4, {"d", "1-a", body});
  for (const auto& one : test::map_all(pool, what, documents)) CHECK(test::show(one) == "9000000");
  const std::string huge = R"({"text":")" + std::string(40'000'000, 'x') + "\"}";
  const auto answer = test::map(pool, what, {{"d", "1-a", huge}, {"e", "1-a", "{}"}});
  REQUIRE(answer.documents.size() == 1);
  CHECK(answer.documents.front().problem == js::fault::too_large);
}

TEST_CASE("a worker that cannot be started is told with the reason, and tried again later") {
  auto options = test::quick_options(2);
  std::atomic<int> warnings = 0;
  options.warn = [&](std::string_view) { ++warnings; };
  SUBCASE("no such file") { options.executable = "/nonexistent/treadmill-map"; }
  SUBCASE("it ends at once") { options.executable = "/bin/false"; }
  SUBCASE("it has no memory") { options.address_space_bytes = 100 * js::defaults::mebibyte; }
  SUBCASE("it says nothing") {
    options.executable = "/usr/bin/yes";
    options.start_time = 100ms;
  }
  js::map_pool pool(options);
  for (int i = 0; i < 3; ++i) {
    const auto answer = test::map(pool, test::make_function("doc => 1"), test::numbered(1));
    CHECK(answer.how == outcome::unavailable);
    CHECK(!answer.message.empty());
  }
  CHECK(warnings > 0);
  CHECK(pool.counters().failed_starts > 0);
}

TEST_CASE("workers killed at random under load: every callback once, every row right") {
  js::map_pool pool(test::quick_options(2));
  std::vector<std::shared_ptr<const js::function>> functions;
  for (int i = 0; i < 5; ++i)
    functions.push_back(
        test::make_function("doc => { let s = 0; for (let i = 0; i < 2000; ++i) s ^= i; "
                            "emit(doc.n * " +
                            std::to_string(i) + ", doc.id) }"));
  // Seldom enough for workers to start in between: how long that takes is the machine's.
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(test::map(pool, functions.front(), test::numbered(1)).how == outcome::done);
  const auto one_start = std::chrono::steady_clock::now() - begin;
  std::atomic<bool> done = false;
  std::atomic<int> killed = 0;
  std::thread killer([&] {
    std::mt19937 random(42);
    while (!done) {
      std::this_thread::sleep_for(one_start + std::chrono::milliseconds(20 + random() % 100));
      const auto processes = pool.processes();
      if (processes.empty()) continue;
      // Never another process: it is ours, and not yet waited for, or gone.
      if (::kill(processes[random() % processes.size()], SIGKILL) == 0) ++killed;
    }
  });
  constexpr int jobs = 1500;
  std::atomic<int> answered = 0;
  std::array<std::atomic<int>, jobs> calls{};
  std::atomic<int> wrong = 0;
  std::mutex mutex;
  std::string first_wrong;
  for (int i = 0; i < jobs; ++i) {
    const size_t which = static_cast<size_t>(i) % functions.size();
    pool.map({functions[which], test::numbered(100, static_cast<size_t>(i)), false},
             [&, i, which](const js::map_answer& answer) {
               if (calls[static_cast<size_t>(i)]++ == 0) ++answered;
               bool right = answer.how == outcome::done && answer.documents.size() == 100;
               for (size_t k = 0; right && k < 100; ++k) {
                 const size_t n = static_cast<size_t>(i) + k;
                 right = test::show(answer.documents[k]) ==
                         std::to_string(n * which) + "=\"d" + std::to_string(n) + "\"";
               }
               if (!right) {
                 ++wrong;
                 const std::lock_guard lock(mutex);
                 first_wrong = answer.message + " of " + std::to_string(answer.documents.size());
                 for (const auto& one : answer.documents)
                   if (one.problem != js::fault::none) first_wrong += " " + test::show(one);
               }
             });
  }
  CHECK(test::eventually([&] { return answered == jobs; }, 120s));
  done = true;
  killer.join();
  CAPTURE(first_wrong);
  CHECK(wrong == 0);
  for (const auto& count : calls) CHECK(count == 1);
  CHECK(killed > 3);
  CHECK(pool.counters().died > 0);
  MESSAGE("workers killed: " << killed.load());
}

TEST_CASE("a worker that is stopped does not hold its jobs for ever") {
  auto options = test::quick_options(1);
  options.stall_time = 300ms;
  js::map_pool pool(options);
  const int worker = first_worker(pool);
  ::kill(worker, SIGSTOP);
  // The signal stops it a moment later, on a busy machine late enough for an answer.
  REQUIRE(test::eventually([&] { return field(of_process(worker, "status"), "State:") == "T"; }));
  CHECK(test::run(pool, "doc => 2") == "2");
  CHECK(pool.counters().killed == 1);
}

// Started by the next test, as a process of its own.
TEST_CASE("a process with an endless function" * doctest::skip()) {
  auto options = test::quick_options(1);
  options.document_cpu = 1h;
  js::map_pool pool(options);
  pool.map({test::make_function("doc => { for (;;); }"), test::numbered(1), false},
           [](const js::map_answer&) {});
  while (pool.counters().working == 0) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(100ms);
  const int worker = pool.processes().front();
  [[maybe_unused]] const ssize_t written = ::write(report_descriptor, &worker, sizeof worker);
  for (;;) ::pause();
}

TEST_CASE("a worker dies with the process that started it") {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t parent = ::fork();
  REQUIRE(parent >= 0);
  if (parent == 0) {
    ::dup2(pipe[1], report_descriptor);
    ::execl("/proc/self/exe", "unit_js", "--no-skip", "-tc=a process with an endless function",
            nullptr);
    ::_exit(1);
  }
  ::close(pipe[1]);
  int worker = 0;
  REQUIRE(::read(pipe[0], &worker, sizeof worker) == sizeof worker);
  CHECK(is_there(worker));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  CHECK(test::eventually([&] { return !is_there(worker); }, 2s));
  ::close(pipe[0]);
}

TEST_CASE("a worker ends with its pool") {
  int worker = 0;
  {
    js::map_pool pool(test::quick_options(1));
    worker = first_worker(pool);
    CHECK(is_there(worker));
  }
  CHECK(!is_there(worker));
}

TEST_CASE("a worker is as its sandbox says, seen from outside") {
  std::array<int, 2> ours{};
  REQUIRE(::pipe(ours.data()) == 0); // would be inherited, if anything were
  auto options = test::quick_options(1);
  js::map_pool pool(options);
  const int worker = first_worker(pool);
  const std::string status = of_process(worker, "status");
  CHECK(field(status, "Seccomp:") == "2");
  CHECK(field(status, "NoNewPrivs:") == "1");
  CHECK(field(status, "Threads:") ==
        "3"); // one that waits for the one that works, and the watchdog
  const std::string limits = of_process(worker, "limits");
  CHECK(field(limits, "Max core file size") == "0");
  CHECK(field(limits, "Max file size") == "0");
  CHECK(field(limits, "Max processes") == "0");
  CHECK(field(limits, "Max open files") == "4");
  CHECK(field(limits, "Max address space") == std::to_string(options.address_space_bytes));
  // Who may look at the descriptors and the environment of a process that cannot be dumped is root.
  const std::string folder = "/proc/" + std::to_string(worker);
  if (DIR* open = ::opendir((folder + "/fd").c_str())) {
    std::vector<std::string> names;
    while (const dirent* one = ::readdir(open))
      if (one->d_name[0] != '.') names.emplace_back(one->d_name);
    ::closedir(open);
    std::sort(names.begin(), names.end());
    CHECK(names == std::vector<std::string>{"0", "1", "2", "3"});
    CHECK(of_process(worker, "environ") == std::string("TZ=UTC\0LC_ALL=C\0", 16));
  }
  ::close(ours[0]);
  ::close(ours[1]);
}

TEST_CASE("jobs that are cancelled end at once, and those of others go on") {
  auto options = test::quick_options(1);
  options.document_cpu = 60s;
  js::map_pool pool(options);
  const auto endless = test::make_function("doc => { for (;;); }");
  const auto good = test::make_function("doc => doc.n");
  auto first = test::start(pool, {endless, test::numbered(5), true, true});
  auto second = test::start(pool, {endless, test::numbered(5), true, true});
  auto third = test::start(pool, {good, test::numbered(3)});
  REQUIRE(test::eventually([&] { return pool.counters().working == 1; }));
  pool.cancel(endless->id);
  CHECK(test::get(first).how == outcome::cancelled);
  CHECK(test::get(second).how == outcome::cancelled);
  const auto answer = test::get(third);
  REQUIRE(answer.documents.size() == 3);
  CHECK(test::show(answer.documents[2]) == "2");
  CHECK(pool.counters().cancelled == 2);
  CHECK(pool.counters().killed + pool.counters().died == 0);
  pool.cancel(endless->id); // nothing is left
  CHECK(test::run(pool, "doc => 1") == "1");
}

TEST_CASE("a job that is tried once reports its first strike") {
  js::map_pool pool(test::quick_options(1));
  const auto what = test::make_function("doc => { for (; doc.n === 1;); return doc.n }");
  auto waiting = test::start(pool, {what, test::numbered(3), true, true});
  const auto answer = test::get(waiting);
  REQUIRE(answer.documents.size() == 2);
  CHECK(test::show(answer.documents[0]) == "0");
  CHECK(answer.documents[1].problem == js::fault::timed_out);
}

TEST_CASE("workers with nothing to do end after a while") {
  auto options = test::quick_options(1);
  options.idle_time = 50ms;
  js::map_pool pool(options);
  CHECK(test::run(pool, "doc => 1") == "1");
  CHECK(test::eventually([&] { return pool.processes().empty(); }));
  CHECK(test::run(pool, "doc => 2") == "2");
  CHECK(pool.counters().started == 2);
  CHECK(pool.counters().killed + pool.counters().died == 0);
}
