#include "tests/unit/js/pool/pool_world.hpp"
#include <fstream>
#include <string>

using namespace std::chrono_literals;
namespace js = treadmill::js;
namespace test = treadmill::js::test;
using js::fault;

namespace {

constexpr int rounds = 5;

/// What our memory may grow by over all rounds but the first.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t allowance_kib = 320 * 1024; // sanitizers keep what is freed
#else
constexpr size_t allowance_kib = 16 * 1024;
#endif

struct hostile {
  const char* name;
  const char* text;
  std::vector<fault> expected; ///< any of them; none: it gives rows or none, and that is all
};

// Each row of the catalogue of hostile functions in the reliability notes, and more.
const std::vector<hostile>& catalogue() {
  static const std::vector<hostile> all = {
      {"an endless loop", "doc => { while (true) {} }", {fault::timed_out}},
      {"an endless loop that catches",
       "doc => { for (;;) try { for (;;); } catch {} }",
       {fault::timed_out}},
      {"an endless loop in finally",
       "doc => { const f = () => { try { for (;;); } finally { f() } }; f() }",
       {fault::timed_out}},
      {"an endless comparator", "doc => [2, 1].sort(() => { for (;;); })", {fault::timed_out}},
      {"a regular expression that backtracks",
       "doc => /^(a+)+$/.test('a'.repeat(40) + 'b')",
       {fault::timed_out}},
      {"multiplication of big integers",
       "doc => { let n = 3n; for (;;) n = n * n }",
       {fault::timed_out, fault::threw, fault::out_of_memory}},
      {"an endless generator",
       "doc => { for (const x of (function* () { for (;;) yield 1 })()); }",
       {fault::timed_out}},
      {"an endless getter", "doc => ({ get a() { for (;;); } })", {fault::timed_out}},
      {"an endless toJSON", "doc => ({ toJSON() { for (;;); } })", {fault::timed_out}},
      {"an endless toJSON of an emitted key",
       "doc => emit({ toJSON() { for (;;); } })",
       {fault::timed_out}},
      {"an endless proxy", "doc => new Proxy({}, { ownKeys() { for (;;); } })", {fault::timed_out}},
      {"an array-like without end",
       "doc => Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)",
       {fault::timed_out}},
      {"a sparse join", "doc => { const a = []; a.length = 2 ** 32 - 1; return a.join('') }", {}},
      {"objects without end",
       "doc => { const a = []; for (;;) a.push({ a: [1, 2, 3] }) }",
       {fault::out_of_memory, fault::timed_out, fault::crashed}},
      {"objects until caught",
       "doc => { const a = []; for (;;) try { for (;;) a.push(new Array(1000).fill({})) } catch {} "
       "}",
       {fault::out_of_memory, fault::timed_out, fault::crashed}},
      {"a huge filled array",
       "doc => new Array(1e9).fill(0)",
       {fault::crashed, fault::out_of_memory, fault::timed_out}},
      {"a huge join",
       "doc => new Array(2 ** 25).join('abcdefghij')",
       {fault::timed_out, fault::out_of_memory, fault::too_large, fault::crashed}},
      {"strings that double", "doc => { let s = 'ab'; for (;;) s += s }", {fault::threw}},
      {"a flattened giant",
       "doc => { let s = 'ab'; while (s.length < 2 ** 28) s += s; return s.charCodeAt(5) + "
       "s.replace(/a/g, 'bb') }",
       {fault::timed_out, fault::out_of_memory, fault::threw, fault::crashed}},
      {"byte arrays without end",
       "doc => { const a = []; for (;;) a.push(new Uint8Array(1e6)) }",
       {fault::threw}},
      {"byte arrays until caught",
       "doc => { const a = []; for (;;) try { a.push(new Uint8Array(1e6)) } catch {} }",
       {fault::timed_out}},
      {"one huge buffer", "doc => new ArrayBuffer(2 ** 40)", {fault::threw}},
      {"a promise that loops", "doc => { Promise.resolve().then(() => { for (;;); }) }", {}},
      {"promises without end",
       "doc => { for (;;) Promise.resolve().then(() => 1) }",
       {fault::timed_out, fault::out_of_memory, fault::crashed}},
      {"recursion without end", "doc => { const f = () => f(); f() }", {fault::threw}},
      {"a result too deep",
       "doc => { let a = []; for (let i = 0; i < 1e5; ++i) a = [a]; return a }",
       {fault::threw, fault::timed_out}},
      {"a cyclic result", "doc => { doc.self = doc; return doc }", {fault::threw}},
      {"code from a string", "doc => eval('1')", {fault::threw}},
      {"code from a constructor", "doc => (() => {}).constructor('for (;;);')()", {fault::threw}},
      {"another prototype for all", "doc => { Object.prototype.name = 'x' }", {fault::threw}},
      {"another JSON.parse", "doc => { JSON.parse = () => ({}) }", {fault::threw}},
      {"another Array.map", "doc => { Array.prototype.map = () => [] }", {fault::threw}},
      {"chance", "doc => Math.random()", {fault::threw}},
      {"the time", "doc => Date.now()", {fault::threw}},
      {"WebAssembly", "doc => new WebAssembly.Memory({ initial: 1 })", {fault::threw}},
      {"Atomics.wait",
       "doc => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
       {fault::threw}},
      {"rows without end", "doc => { for (;;) emit(1, 1) }", {fault::too_many_rows}},
      {"rows without end that catch",
       "doc => { for (;;) try { emit(1, 1) } catch {} }",
       {fault::too_many_rows}},
      {"a huge row",
       "doc => emit('x'.repeat(1e8), 1)",
       {fault::too_large, fault::timed_out, fault::out_of_memory}},
      {"a huge result", "doc => new Array(1e5).fill('abc')", {fault::too_large}},
      {"throwing what loops as text",
       "doc => { throw { toString() { for (;;); }, get message() { for (;;); } } }",
       {fault::threw}},
      {"a huge message", "doc => { throw new Error('x'.repeat(1e7)) }", {fault::threw}},
      {"a module", "doc => { import('fs') }", {}},
      {"a regular expression of huge ranges",
       "doc => new RegExp('(?:a{1,1000}){1,1000}').test('b')",
       {}},
      {"a huge padding",
       "doc => 'a'.padEnd(2 ** 29 - 30).split('')",
       {fault::threw, fault::timed_out, fault::out_of_memory, fault::crashed}},
      {"a huge sort",
       "doc => { const a = new Array(5e6); for (let i = 0; i < 5e6; ++i) a[i] = -i; a.sort(); }",
       {fault::timed_out, fault::out_of_memory, fault::crashed}},
  };
  return all;
}

size_t memory_kib() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
  return 0;
}

bool is_expected(const hostile& one, const js::mapped& made) {
  if (one.expected.empty()) return made.problem == fault::none;
  return std::find(one.expected.begin(), one.expected.end(), made.problem) != one.expected.end();
}

} // namespace

TEST_CASE("hostile functions fail alone: others stay right and quick, and our memory flat") {
  auto options = test::quick_options(2);
  options.document_cpu = 150ms; // some to spare: a processor that is taken away counts as time
  SUBCASE("compiled") {}
  SUBCASE("jitless") { options.jitless = true; }
  options.array_buffer_bytes = 8 * js::defaults::mebibyte;
  js::map_pool pool(options);
  const auto good = test::make_function("doc => doc.n * 2");
  const auto numbers = test::numbered(100);
  size_t memory = 0;
  auto slowest = 0ms;
  const int times = options.jitless ? 1 : rounds;
  for (int round = 0; round < times; ++round) {
    for (const hostile& one : catalogue()) {
      CAPTURE(std::string(one.name));
      auto bad = test::start(pool, {test::make_function(one.text), test::numbered(1), round > 0});
      const auto began = std::chrono::steady_clock::now();
      const auto rows = test::map_all(pool, good, numbers);
      slowest = std::max(slowest, std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::steady_clock::now() - began));
      for (size_t i = 0; i < rows.size(); ++i)
        REQUIRE(test::show(rows[i]) == std::to_string(2 * i));
      const auto answer = test::get(bad);
      REQUIRE(answer.how == js::outcome::done);
      REQUIRE(answer.documents.size() == 1);
      CAPTURE(test::show(answer.documents.front()).substr(0, 200));
      CHECK(is_expected(one, answer.documents.front()));
      CHECK(answer.documents.front().message.size() <= js::defaults::message_bytes);
    }
    if (round == 0) memory = memory_kib();
  }
  // Allocators keep what they had; what leaks grows with each round.
  CHECK(memory_kib() < memory + allowance_kib);
  CHECK(slowest < 10s);
  MESSAGE("slowest good batch beside a hostile one: " << slowest.count() << " ms");
  CHECK(test::eventually([&] { return pool.counters().working + pool.counters().waiting == 0; }));
}

TEST_CASE("documents around one that kills its worker get their rows") {
  js::map_pool pool(test::quick_options(2));
  for (const auto* deed :
       {"for (;;);", "new Array(1e9).fill(0)", "const a = []; for (;;) a.push([1, 2, 3])"}) {
    const auto what = test::make_function(std::string("doc => { if (doc.n % 10 === 7) { ") + deed +
                                          " } return doc.n }");
    const auto rows = test::map_all(pool, what, test::numbered(30));
    REQUIRE(rows.size() == 30);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i % 10 == 7) {
        CHECK(js::is_strike(rows[i].problem));
      } else {
        CHECK(test::show(rows[i]) == std::to_string(i));
      }
    }
  }
}

TEST_CASE("an answer ends after a strike, and when its rows are many bytes") {
  auto options = test::quick_options(1);
  options.answer_bytes = 100'000;
  js::map_pool pool(options);
  const auto loops = test::make_function("doc => { if (doc.n === 3) for (;;); return doc.n }");
  const auto answer = test::map(pool, loops, test::numbered(10));
  REQUIRE(answer.documents.size() == 4);
  CHECK(answer.documents.back().problem == fault::timed_out);
  const auto large = test::make_function("doc => 'x'.repeat(30000)");
  CHECK(test::map(pool, large, test::numbered(10)).documents.size() == 4);
  CHECK(test::map_all(pool, large, test::numbered(10)).size() == 10);
}

TEST_CASE("a document that only fails with others before it gets its rows") {
  auto options = test::quick_options(1);
  options.document_cpu = 1000ms;
  js::map_pool pool(options);
  // Grows for as long as its worker lives; alone, in a new worker, it is small enough.
  const auto what = test::make_function("doc => { const a = []; for (let i = 0; i < 150000; ++i) "
                                        "a.push([i, doc.n]); return a.length }");
  for (const auto& one : test::map_all(pool, what, test::numbered(20)))
    CHECK(test::show(one) == "150000");
}

TEST_CASE("a function that kills the compiler is refused, and a good one works after it") {
  js::map_pool pool(test::quick_options(1));
  const auto answer = test::check(pool, "(() => { new Array(1e9).fill(0) })()");
  CHECK(answer.how == js::outcome::bad_function);
  CHECK(answer.message == "the function killed the process that compiled it");
  const auto hoards = test::check(pool, "(() => { const a = []; for (;;) a.push([1, 2]) })()");
  CHECK(hoards.how == js::outcome::bad_function);
  CHECK(test::run(pool, "doc => 1") == "1");
}
