#include "tests/unit/js/pool/pool_world.hpp"
#include <fstream>
#include <set>
#include <string>

// Limits that a function can meet are the same for each document, in each worker; those of the
// machine it cannot meet and go on.

using namespace std::string_literals;
using treadmill::js::defaults::kibibyte;
using treadmill::js::defaults::mebibyte;
namespace js = treadmill::js;
namespace test = treadmill::js::test;
using js::fault;

namespace {

js::pool_options patient_options() {
  auto options = test::quick_options(1);
  options.document_cpu = std::chrono::milliseconds(1000);
  return options;
}

/// What a function gives for some documents, in a worker that has run it before and in another one.
std::set<std::string> answers(const std::string& text) {
  static js::map_pool first(patient_options());
  static js::map_pool second(patient_options());
  std::set<std::string> found;
  for (auto* pool : {&first, &second}) {
    const auto what = test::make_function(text);
    for (const auto& one : test::map_all(*pool, what, test::numbered(pool == &first ? 3 : 1)))
      found.insert(test::show(one));
  }
  return found;
}

size_t address_space_of(const js::map_pool& pool) {
  std::ifstream in("/proc/" + std::to_string(pool.processes().at(0)) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("VmPeak:")) return std::strtoull(line.c_str() + 7, nullptr, 10) * kibibyte;
  return 0;
}

} // namespace

TEST_CASE("a function that asks how deep it can call gets one answer everywhere") {
  for (const std::string text :
       {"d => { let n = 0; const f = () => { ++n; f() }; try { f() } catch { } return n }",
        "d => { let n = 0; const f = () => { try { ++n; f() } catch { n += 1000 } }; f(); return n "
        "}",
        // Compiled by then, and each call takes less of the stack.
        "d => { const f = n => n ? 1 + f(n - 1) : 0; for (let i = 0; i < 3000; ++i) f(10); "
        "let low = 1, high = 3e4; while (low < high - 1) { const n = (low + high) >> 1; "
        "try { f(n); low = n } catch { high = n } } return low }",
        "d => { let low = 0, high = 1e6; while (low < high - 1) { const n = (low + high) >> 1; "
        "try { Math.max(...new Array(n)); low = n } catch { high = n } } return low }",
        "d => { let n = 0; const f = () => { ++n; [2, 1].sort(f) }; try { f() } catch { } return n "
        "}",
        "d => { let n = 0; const p = new Proxy({}, { get() { ++n; return p.x } }); try { p.x } "
        "catch { } return n }",
        "d => { let low = 0, high = 2e4; while (low < high - 1) { const n = (low + high) >> 1; "
        "let a = 0; for (let i = 0; i < n; ++i) a = [a]; try { JSON.stringify(a); low = n } "
        "catch { high = n } } return low }"}) {
    CAPTURE(text);
    const auto found = answers(text);
    REQUIRE(found.size() == 1);
    CHECK(std::stoi(*found.begin()) > 400);
  }
}

TEST_CASE("what calls deep, but not too deep, gives its rows") {
  js::map_pool pool(patient_options());
  CHECK(test::run(pool, "d => { const f = n => n ? 1 + f(n - 1) : 0; return f(5000) }") == "5000");
  CHECK(test::run(pool, "d => { const f = n => n ? 1 + f(n - 1) : 0; emit(f(5000), 1) }") ==
        "5000=1");
  const auto deep = test::make_function(
      "(k, v) => { const f = n => n ? 1 + f(n - 1) : 0; return f(v[0]) }", js::kind::reduce);
  const auto values = test::reduce(pool, deep, {{true, {}, {"5"}}, {true, {}, {"5000"}}}).values;
  REQUIRE(values.size() == 2);
  CHECK(values[0].value == "5");
  CHECK(values[1].value == "5000");
  const auto without_end = test::make_function("d => { const f = () => f(); if (d.n % 2) f(); "
                                               "return d.n }");
  const auto rows = test::map_all(pool, without_end, test::numbered(10));
  for (size_t i = 0; i < rows.size(); ++i)
    CHECK(rows[i].problem == (i % 2 == 1 ? fault::threw : fault::none));
  CHECK(pool.counters().started == 1);
}

TEST_CASE("a function that asks how many buffers it gets has one answer everywhere") {
  const auto found = answers("d => { const all = []; let n = 0; try { for (;;) { all.push(new "
                             "ArrayBuffer(1e5)); ++n } } catch { } return n }");
  CHECK(found == std::set<std::string>{"335"}); // 32 MiB
  // What is freed counts: when that is, is the machine's affair.
  const auto freed = answers("d => { let n = 0; try { for (;;) { new ArrayBuffer(1e5); ++n } } "
                             "catch { } return n }");
  CHECK(freed == std::set<std::string>{"335"});
  js::map_pool pool(patient_options());
  const auto most = test::make_function("d => new Uint8Array(20e6).length");
  for (const auto& one : test::map_all(pool, most, test::numbered(10)))
    CHECK(test::show(one) == "20000000");
}

TEST_CASE("where the address space ends in the midst of V8's or our own work, memory is to blame") {
  size_t most = 0;
  const std::string rows = "d => { const v = 'x'.repeat(64000); for (let i = 0; i < 120; ++i) "
                           "emit(i, v) }";
  {
    js::map_pool pool(patient_options());
    REQUIRE(test::run(pool, "d => 1") == "1");
    most = address_space_of(pool);
  }
  size_t ended = 0;
  for (size_t more = 1; more <= 10; more += 3) {
    auto options = patient_options();
    options.address_space_bytes = most + more * mebibyte;
    js::map_pool pool(options);
    const auto shown = test::run(pool, rows);
    CAPTURE(shown.substr(0, 100));
    const bool no_memory = shown.starts_with("fault 3: ");
    ended += no_memory ? 1 : 0;
    CHECK((no_memory || shown.starts_with("0=\"xxx")));
  }
  CHECK(ended > 0);
}

TEST_CASE("all rows of a document together are bounded, too, and an answer by its rows' memory") {
  auto options = patient_options();
  options.document_rows_bytes = 100 * kibibyte;
  options.answer_bytes = 100 * kibibyte;
  js::map_pool pool(options);
  const auto emits = [](int rows) {
    return "d => { for (let i = 0; i < " + std::to_string(rows) +
           "; ++i) try { emit(1, 'x'.repeat(10000)) } catch { } }";
  };
  CHECK(test::run(pool, emits(10)).size() > 100'000);
  CHECK(test::run(pool, emits(11)) == "fault 7: emitted more bytes of rows than a document may");
  const auto small = test::make_function("d => { for (let i = 0; i < 1000; ++i) emit(0, 0) }");
  CHECK(test::map(pool, small, test::numbered(10)).documents.size() == 2);
}

TEST_CASE("a message names the line of the function's own text") {
  js::map_pool pool(patient_options());
  for (const auto* refused : {"Date.now()", "Math.random()", "new Date()", "Date()", "eval('1')",
                              "'a'.localeCompare('b')", "(1).toLocaleString()",
                              "Object.prototype.toString = 1", "new Date(Symbol())", "emit(1n)"}) {
    CAPTURE(std::string(refused));
    const auto shown = test::run(pool, "d => {\n\n  emit(" + std::string(refused) + ", 1)\n}");
    CHECK(shown.ends_with("(line 3)"));
    const auto deeper =
        test::run(pool, "d => [1].map(x => {\n  return " + std::string(refused) + "\n})");
    CHECK(deeper.ends_with("(line 2)"));
  }
  const auto reduces = test::make_function("(k, v) => {\n return Date.now()\n}", js::kind::reduce);
  CHECK(
      test::reduce(pool, reduces, {{true, {}, {"1"}}}).values.at(0).message.ends_with("(line 2)"));
  CHECK(test::check(pool, "d => {\n return (\n}").message.ends_with("(line 3)"));
  CHECK(test::check(pool, "d => {\n return 1").message.ends_with("(line 2)"));
  CHECK(test::check(pool, "d => { let a\n let a\n}").message.ends_with("(line 2)"));
}
