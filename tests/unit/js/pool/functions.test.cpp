#include "tests/unit/js/pool/pool_world.hpp"
#include <string>
#include <vector>

using namespace std::string_literals;
using treadmill::js::defaults::kibibyte;
namespace js = treadmill::js;
namespace test = treadmill::js::test;
using js::outcome;

namespace {

// One pool for all: what a function does must not reach another. A processor that the machine takes
// away counts as time, so that there is some to spare.
js::map_pool& pool() {
  static js::map_pool shared([] {
    auto options = test::quick_options(1);
    options.document_cpu = std::chrono::milliseconds(500);
    return options;
  }());
  return shared;
}

std::string run(const std::string& text, const std::string& body = "{}") {
  return test::run(pool(), text, body);
}

bool refused(const std::string& text) {
  return test::check(pool(), text).how == outcome::bad_function;
}

} // namespace

TEST_CASE("a returning map gives one row, undefined none") {
  CHECK(run("doc => doc.n", R"({"n":7})") == "7");
  CHECK(run("function (doc) { return doc.name }", R"({"name":"Zo\u00eb"})") == "\"Zoë\"");
  CHECK(run("function named(doc) { return [doc.id, doc.rev, Object.keys(doc)] }", R"({"a":1})") ==
        R"(["id1","1-abc",["id","rev","a"]])");
  CHECK(run("(doc) => { }").empty());
  CHECK(run("() => undefined").empty());
  CHECK(run("() => null") == "null");
  CHECK(run("() => 0") == "0");
  CHECK(run("() => NaN") == "null");
  CHECK(run("() => () => 1").empty());
  CHECK(run("() => Symbol()").empty());
  CHECK(run("() => ({toJSON() { return undefined }})").empty());
  CHECK(run("() => 'undefined'") == "\"undefined\"");
}

TEST_CASE("an emitting map gives its rows, and its result is ignored") {
  CHECK(run("doc => { emit(1, 2); emit([doc.id], {a: 1}); return 3 }") == R"(1=2 ["id1"]={"a":1})");
  CHECK(run("doc => emit()") == "null=null");
  CHECK(run("doc => emit(undefined, () => 1)") == "null=null");
  CHECK(run("doc => emit({toJSON() { emit('in', 1); return 'out' }}, 2)") == R"("in"=1 "out"=2)");
  CHECK(run("doc => ({toJSON() { emit(1, 1); return 2 }})") == "2");
  CHECK(run("doc => { try { emit(1n) } catch (e) { emit('caught') } }") == R"("caught"=null)");
}

TEST_CASE("ids and revisions are quoted, and text of all kinds comes through") {
  const auto what = test::make_function("doc => [doc.id, doc.text]");
  const auto answer =
      test::map(pool(), what,
                {{"a\"b\\c\n\x01é😀", "1-a", R"( { "text" : "\u0000\ud83d\ude00ÿ" } )"},
                 {"b", "1-a", " {\n } "},
                 {"c", "1-a", "{\"text\":\"\\ud800\"}"}});
  REQUIRE(answer.documents.size() == 3);
  CHECK(test::show(answer.documents[0]) == "[\"a\\\"b\\\\c\\n\\u0001é😀\",\"\\u0000😀ÿ\"]");
  CHECK(test::show(answer.documents[1]) == R"(["b",null])");
  CHECK(test::show(answer.documents[2]) == R"(["c","\ud800"])");
}

TEST_CASE("what throws costs the document its rows and says what was thrown, and where") {
  CHECK(run("doc => doc.a.b") ==
        "fault 1: TypeError: Cannot read properties of undefined (reading 'b') (line 1)");
  CHECK(run("doc => {\n\n throw new RangeError('far') }") == "fault 1: RangeError: far (line 3)");
  CHECK(run("doc => { emit(1); throw 'late' }") == "fault 1: late (line 1)");
  CHECK(run("doc => 1n").starts_with("fault 1: TypeError: Do not know how to serialize a BigInt"));
  CHECK(run("doc => { doc.doc = doc; return doc }")
            .starts_with("fault 1: TypeError: Converting circular structure"));
  CHECK(run("doc => { throw {toString() { while (true) {} }} }").starts_with("fault 1: "));
  CHECK(run("doc => { throw 'é'.repeat(100000) }").size() < 540);
  CHECK(run("doc => { throw '\\ud800' }") == "fault 1: \xef\xbf\xbd (line 1)");
  CHECK(run("doc => { throw undefined }").starts_with("fault 1: undefined"));
  CHECK(run("doc => doc", "not JSON").starts_with("fault 1: SyntaxError"));
}

TEST_CASE("the text is one function or arrow expression") {
  for (const auto& good :
       {"doc => 1", "(doc) => 1", "({a, b}) => a", "async => 1", "function(doc){}",
        "function f(d){}", "  // first\n /* then */ function(doc) { return ')' } // last",
        "x => 1 /* end */ \n", "\xef\xbb\xbfx => x", "class_ => 1",
        "(a, b = 2) => { 'use strict'.length }"}) {
    CAPTURE(std::string(good));
    CHECK(test::check(pool(), good).how == outcome::done);
  }
  for (const auto& bad : {"",
                          "   ",
                          "1",
                          "a)(b",
                          "1),alert(",
                          "x => 1),(y => 2",
                          "x => 1, y => 2",
                          "x => 1; y => 2",
                          "x => 1] , [y => 2",
                          "f:0,0?x => 1",
                          "x => 1:0, 0?y => 2",
                          "...[x => 1]",
                          "(function () {})()",
                          "(() => { let n = 0; return doc => n++ })()",
                          "(x => 1)",
                          "function (doc) {} ;",
                          "class { constructor() {} }",
                          "class A { static x = 1 }",
                          "async function (doc) {}",
                          "async doc => 1",
                          "async (doc) => 1",
                          "function* (doc) {}",
                          "async function* () {}",
                          "({m() {}}).m",
                          "new Function('return 1')",
                          "Object",
                          "emit",
                          "x => { with (x) { } }",
                          "x => 010",
                          "x => await x",
                          "() => import.meta",
                          "function (doc) {",
                          "x => 1 //\n) + (1",
                          "/* never ends",
                          "`${x => 1}`",
                          "x => 1 <!-- y\n",
                          "\\u0063lass A { static {} }",
                          "class/**/A { static { for (;;); } }",
                          "(() => { for (;;); })()"}) {
    CAPTURE(std::string(bad));
    CHECK(refused(bad));
  }
  const auto answer = test::check(pool(), "doc => {\n return (\n}");
  CHECK(answer.message == "SyntaxError: Unexpected token '}' (line 3)");
  CHECK(refused("x => '" + std::string(70 * kibibyte, 'x') + "'"));
  CHECK(refused(std::string(30000, '(') + "x => 1"));
  CHECK(refused("x => " + std::string(60000, '[')));
}

TEST_CASE("what is not reproducible is gone or throws") {
  for (const auto* name :
       {"Intl", "WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics", "WebAssembly",
        "performance", "console", "gc", "process", "require", "setTimeout", "queueMicrotask"}) {
    CAPTURE(std::string(name));
    CHECK(run("() => typeof "s + name) == "\"undefined\"");
  }
  for (const auto* call : {"eval('1')",
                           "(0, eval)('1')",
                           "new Function('return 1')()",
                           "Function('return 1')()",
                           "(async () => {}).constructor('return 1')",
                           "(function*(){}).constructor('yield 1')",
                           "(() => {}).constructor('return 1')()",
                           "Math.random()",
                           "Date.now()",
                           "Date()",
                           "new Date()",
                           "Reflect.construct(Date, [])",
                           "new (Object.getPrototypeOf(new Date(0)).constructor)()",
                           "new (class extends Date {})()",
                           "Date.call(new Date(0), 5)",
                           "'a'.localeCompare('b')",
                           "(1).toLocaleString()",
                           "'i'.toLocaleUpperCase()",
                           "'I'.toLocaleLowerCase()",
                           "[1].toLocaleString()",
                           "({}).toLocaleString()",
                           "new Date(0).toLocaleDateString()",
                           "new Date(0).toLocaleTimeString()",
                           "new Date(0).toLocaleString()",
                           "(1n).toLocaleString()",
                           "new Uint8Array(1).toLocaleString()"}) {
    CAPTURE(std::string(call));
    CHECK(run("() => "s + call).starts_with("fault 1: "));
  }
  CHECK(run("() => new Date(2020, 1, 29, 12).toString()") ==
        "\"Sat Feb 29 2020 12:00:00 GMT+0000 (Coordinated Universal Time)\"");
  CHECK(run("() => [Date.UTC(2020, 0), Date.parse('2020-01-01'), new Date(5).getTime(), new "
            "Date(0) "
            "instanceof Date, new (class extends Date { a() { return 3 } })(1).a()]") ==
        "[1577836800000,1577836800000,5,true,3]");
  CHECK(run("() => { try { null.x } catch (e) { return [e.stack, Error.captureStackTrace] } }") ==
        "[\"TypeError: Cannot read properties of null (reading 'x')\",null]");
  CHECK(run("() => { /(a)/.test('a'); return [RegExp.$1, RegExp.lastMatch, RegExp['$&'], "
            "RegExp.input] }") == "[null,null,null,null]");
}

TEST_CASE("nothing that a function does to its world stays") {
  for (const auto* attempt :
       {"Object.prototype.x = 1",
        "Array.prototype.map = 1",
        "JSON.parse = 1",
        "globalThis.x = 1",
        "x = 1",
        "emit.x = 1",
        "emit = 1",
        "Math.x = 1",
        "Object.setPrototypeOf(Array.prototype, {})",
        "Object.defineProperty(String.prototype, 'x', {value: 1})",
        "delete Array.prototype.map",
        "Reflect.getPrototypeOf([][Symbol.iterator]()).next = 1",
        "Reflect.getPrototypeOf(function* () {}).x = 1",
        "Reflect.getPrototypeOf(Reflect.getPrototypeOf(new Uint8Array(1))).x = 1",
        "Reflect.getPrototypeOf(async function* () {}).prototype.x = 1",
        "Reflect.getPrototypeOf(''.matchAll(/a/g)).next = 1",
        "Reflect.getPrototypeOf(new Map()[Symbol.iterator]()).next = 1",
        "Error.stackTraceLimit = 5",
        "Object.prototype.toString = 1",
        "Object.prototype.__proto__ = {}",
        "Array.prototype.push(1)",
        "Array.prototype[Symbol.unscopables].x = 1",
        "Function.prototype.x = 1",
        "Promise.prototype.then = 1",
        "Date.prototype.getTime = 1",
        "Date.x = 1",
        "RegExp.prototype.exec = 1",
        "Symbol.prototype.x = 1"}) {
    CAPTURE(std::string(attempt));
    CHECK(run("() => { "s + attempt + " }").starts_with("fault 1: "));
  }
  const auto self = test::make_function("function me(doc) { me.n = (me.n || 0) + 1; return me.n }");
  const auto answer = test::map(pool(), self, test::numbered(2));
  REQUIRE(answer.documents.size() == 2);
  CHECK(test::show(answer.documents[1]).starts_with("fault 1: TypeError"));
  CHECK(run("function f() { f.prototype.x = 1 }").starts_with("fault 1: "));
  CHECK(run("function f() { f.prototype.constructor = 1 }").starts_with("fault 1: "));
  CHECK(run("() => typeof this + typeof globalThis.emit") == R"("objectfunction")");
  CHECK(run("function f() { return this }").empty());
}

TEST_CASE("what is ordinary in a function works although everything is frozen") {
  CHECK(run("doc => { const n = {}; for (const w of ['constructor', 'a', 'toString', 'a']) n[w] = "
            "(typeof n[w] === 'number' ? n[w] : 0) + 1; return n }") ==
        R"({"constructor":1,"a":2,"toString":1})");
  CHECK(run("doc => { doc.toString = () => 'mine'; return `${doc}` }") == R"("mine")");
  CHECK(run("doc => { const a = [3, 1, 2]; a.sort(); a.push(4); return a.map(x => x * 2).reverse() "
            "}") == "[8,6,4,2]");
  CHECK(run("doc => [...'ab'.matchAll(/./g)].map(m => m[0])") == R"(["a","b"])");
  CHECK(run("doc => { class A { #x = 1; get x() { return this.#x } } return new A().x }") == "1");
  CHECK(
      run("doc => Object.prototype.hasOwnProperty.call(doc, 'id') && doc.hasOwnProperty('rev')") ==
      "true");
  CHECK(run("doc => { function* g() { yield 1; yield 2 } return [...g()] }") == "[1,2]");
  CHECK(run("doc => [...new Map([[1, 2]])].concat([...new Set([3])])") == "[[1,2],3]");
  CHECK(run("doc => { const e = new Error('a'); e.message = 'b'; return String(e) }") ==
        R"("Error: b")");
  CHECK(run("doc => '\\u0131stanbul'.toUpperCase().normalize('NFD') + /\\p{L}/u.test('\\u03b1')") ==
        R"("ISTANBULtrue")");
  CHECK(run("doc => { try { return doc.a.b } catch { return 'none' } }") == R"("none")");
  CHECK(run("doc => new Uint8Array([1, 2, 300]).join()") == R"("1,2,44")");
}

TEST_CASE("what a function left waiting in promises is gone when it is cut off") {
  auto options = test::quick_options(1);
  options.document_cpu = std::chrono::seconds(1);
  js::map_pool pool(options);
  // Each leaves about a third of the worker's heap waiting; all are known to the same worker.
  std::vector<std::shared_ptr<const js::function>> known;
  for (int i = 0; i < 6; ++i) {
    known.push_back(test::make_function(
        "doc => { for (let i = 0; i < 50000; ++i) Promise.resolve().then(() => " +
        std::to_string(i) + "); for (;;); }"));
    const auto rows = test::map_all(pool, known.back(), test::numbered(1));
    REQUIRE(rows.size() == 1);
    CHECK(rows.front().problem == js::fault::timed_out);
  }
  CHECK(pool.counters().started == 1);
}

TEST_CASE("what a text that is refused left waiting in promises is gone") {
  js::map_pool pool(test::quick_options(1));
  std::vector<std::shared_ptr<const js::function>> known;
  for (int i = 0; i < 8; ++i) {
    known.push_back(
        test::make_function("Array.from({ length: 50000 }, () => Promise.resolve().then(() => " +
                            std::to_string(i) + "))"));
    CHECK(test::map(pool, known.back(), test::numbered(1)).how == outcome::bad_function);
  }
  CHECK(pool.counters().started == 1);
}

TEST_CASE("promises never run, and leave nothing behind") {
  const auto what = test::make_function("doc => { Promise.resolve().then(() => { for (;;); }); "
                                        "(async () => { await 1; emit(1) })(); return doc.n }");
  for (const auto& one : test::map_all(pool(), what, test::numbered(50)))
    CHECK(one.problem == js::fault::none);
}

TEST_CASE("each document is parsed anew for each function") {
  const auto what = test::make_function("doc => { doc.n.push(1); return doc.n.length }");
  const auto answer =
      test::map(pool(), what, {{"a", "1-a", R"({"n":[]})"}, {"a", "1-a", R"({"n":[]})"}});
  for (const auto& one : answer.documents) CHECK(test::show(one) == "1");
}

TEST_CASE("a reduction gets keys, values and rereduce") {
  const auto what = test::make_function(
      "function (keys, values, rereduce) { return [keys, values, rereduce] }", js::kind::reduce);
  const auto answer = test::reduce(pool(), what,
                                   {{false, {R"(["a","d1"])", R"([1,"d2"])"}, {"5", R"({"x":1})"}},
                                    {true, {}, {"1", "2"}},
                                    {false, {}, {}}});
  REQUIRE(answer.values.size() == 3);
  CHECK(answer.values[0].value == R"([[["a","d1"],[1,"d2"]],[5,{"x":1}],false])");
  CHECK(answer.values[1].value == "[null,[1,2],true]");
  CHECK(answer.values[2].value == "[[],[],false]");
  const auto odd = test::make_function("(k, v) => { if (v[0] === 1) return; if (v[0] === 2) throw "
                                       "'two'; if (v[0] === 3) return 'x'.repeat(70000); "
                                       "if (v[0] === 4) for (;;); return typeof emit }",
                                       js::kind::reduce);
  std::vector<js::reduce_call> calls;
  for (int i = 1; i <= 5; ++i) calls.push_back({true, {}, {std::to_string(i)}});
  const auto odds = test::reduce(pool(), odd, calls);
  REQUIRE(odds.values.size() == 4); // the strike ends the answer
  CHECK(odds.values[0].value == "null");
  CHECK(odds.values[1].message.starts_with("two"));
  CHECK(odds.values[2].problem == js::fault::too_large);
  CHECK(odds.values[3].problem == js::fault::timed_out);
  CHECK(test::reduce(pool(), odd, {calls.back()}).values.at(0).value == R"("undefined")");
}

TEST_CASE("rows are bounded in number and size") {
  CHECK(test::map(pool(), test::make_function("d => { for (let i = 0; i < 1000; ++i) emit(i) }"),
                  test::numbered(1))
            .documents.at(0)
            .rows.size() == 1000);
  CHECK(run("d => { for (let i = 0; i < 1001; ++i) try { emit(i) } catch {} }")
            .starts_with("fault 5"));
  CHECK(run("d => { for (;;) try { emit(1) } finally { continue } }").starts_with("fault 5"));
  const std::string most = std::to_string(64 * kibibyte - 2);
  CHECK(run("d => 'x'.repeat(" + most + ")").size() == 64 * kibibyte);
  CHECK(run("d => 'x'.repeat(" + most + " + 1)").starts_with("fault 6"));
  CHECK(run("d => emit('x'.repeat(" + most + " - 4), null)").size() > 64 * kibibyte - 4);
  CHECK(run("d => emit('x'.repeat(" + most + " - 3), null)").starts_with("fault 6"));
  CHECK(run("d => emit(1, 'x'.repeat(5e6))").starts_with("fault 6"));
  CHECK(run("d => 'é'.repeat(40000)").starts_with("fault 6"));
}
