#include "actors/defaults.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/index/index_reader.hpp"
#include "tests/actors/node_world.hpp"
#include "tests/seeds.hpp"
#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <doctest/doctest.h>
#include <random>

/// Random histories of writes, deletes, redefinitions and deaths of actors at any message. Whenever
/// the query has caught up, its index is what a plain evaluation of the stored documents gives.
/// TREADMILL_SEEDS=FROM:TO chooses others.
namespace treadmill::test {
namespace {

/// One row as text: term, document, emission, value.
std::string row_text(const std::string& term, std::string_view id, size_t emission,
                     const std::string& value) {
  return term + '|' + std::string(id) + '|' + std::to_string(emission) + '|' + value;
}

int number_of(std::string_view body) {
  return static_cast<int>(std::strtol(body.data() + body.find(':') + 1, nullptr, 10));
}

/// The functions that the pool knows, by their texts.
js::mapped map(const js::function& what, const js::document& of) {
  const int n = number_of(of.body);
  js::mapped made;
  if (what.text == "number") made.rows.push_back({std::to_string(n), {}});
  if (what.text == "even" && n % 2 == 0) made.rows.push_back({"\"even\"", {}});
  if (what.text == "two") {
    made.emitted = true;
    made.rows.push_back({std::to_string(n % 3), std::to_string(n)});
    made.rows.push_back({"[1,\"x\"]", "null"});
  }
  return made;
}

/// What an index by that function has of a document.
std::vector<std::string> evaluated(const std::string& text, std::string_view id,
                                   std::string_view body) {
  const std::string n = std::to_string(number_of(body));
  if (text == "number") return {row_text(n, id, 0, n)};
  if (text == "even")
    return number_of(body) % 2 == 0 ? std::vector{row_text("\"even\"", id, 0, "\"even\"")}
                                    : std::vector<std::string>();
  return {row_text(std::to_string(number_of(body) % 3), id, 0, n),
          row_text("[1,\"x\"]", id, 1, "null")};
}

class history : node_world {
public:
  explicit history(uint64_t seed) : random_(seed) { pool->map = map; }

  void play() {
    write({put("d0", R"({"n":0})")});
    define();
    run();
    for (int i = 0; i < 24; ++i) {
      act();
      if (below(6) == 0) check();
    }
    check();
  }

private:
  size_t below(size_t bound) { return random_() % bound; }

  void act() {
    switch (below(14)) {
    case 0: return define();
    case 1: return remove(query_document_id("q"));
    case 2: pool->hold = true; return;
    case 3: caf::anon_send(pool_now, job_done{1 + below(3), {}, {}}); return;
    case 4: pool->documents_an_answer = 1 + below(5); return;
    case 5: return die();
    case 6: broken = below(3) == 0; return;
    case 7: return advance(defaults::tick_interval);
    case 8: return run();
    case 9: return remove("d" + std::to_string(below(12)));
    default: write_some();
    }
    for (size_t messages = below(30); messages > 0 && step(); --messages) {
    }
  }
  void write_some() {
    std::vector<write_op> ops;
    for (size_t i = 1 + below(4); i > 0; --i)
      ops.push_back(
          put("d" + std::to_string(below(12)), R"({"n":)" + std::to_string(below(100)) + "}"));
    write(std::move(ops));
  }
  /// An answer that says OK is believed by nobody here: what counts is what is stored.
  void write(std::vector<write_op> ops) {
    node_world::write(answers_.emplace_back(), "b", std::move(ops));
  }
  void remove(const std::string& id) {
    write_op op;
    op.what = write_op::kind::remove;
    op.id = id;
    write({std::move(op)});
  }
  void define() {
    static constexpr std::array maps{"number", "even", "two"};
    static constexpr std::array reductions{"", "_count", "_stats"};
    write({put(query_document_id("q"),
               definition_body({maps.at(below(3)), reductions.at(below(3))}))});
  }
  void die() {
    const auto kill = [](const auto& actor) { caf::anon_send_exit(actor, caf::exit_reason::kill); };
    switch (below(3)) {
    case 0: return kill(storage_now);
    case 1: // and the views with it
      pool->held.clear();
      pool->hold = false;
      return kill(pool_now);
    default:
      caf::anon_send(subject, open_bucket{"b", false,
                                          std::make_shared<reply<result<bucket_started>>>(
                                              [kill](result<bucket_started> found) {
                                                if (found) kill(found->actor);
                                              },
                                              fail(ec::internal, ""))});
    }
  }

  /// Lets everything come to rest, and compares.
  void check() {
    broken = false;
    run();
    for (int i = 0; i < 15; ++i) { // reopening, views that pause, cleaning up
      release();
      advance(defaults::tick_interval);
    }
    const auto wanted = stored_definition();
    const auto shown = board->find(bucket(), "q");
    REQUIRE((shown != nullptr) == wanted.has_value());
    if (!wanted) return;
    REQUIRE(catch_up("b", "q"));
    const auto now = board->find(bucket(), "q");
    REQUIRE(now->phase == query_phase::ready);
    CHECK(now->answering == *wanted);
    CHECK(now->state.sequence == sequence("b"));
    REQUIRE(indexed(*now) == expected(*wanted));
    CHECK(now->state.rows == expected(*wanted).size());
  }
  uint32_t bucket() const { return rows->find_bucket("b")->number; }
  std::optional<query_definition> stored_definition() const {
    const auto bytes = rows->latest().read(keys::document(bucket(), query_document_id("q")));
    REQUIRE(bytes);
    if (!*bytes) return std::nullopt;
    const auto row = document_row::decode(**bytes);
    REQUIRE(row);
    if (row->deleted) return std::nullopt;
    return *parse_definition(row->body, {});
  }
  std::vector<std::string> indexed(const shown_query& query) const {
    std::vector<std::string> all;
    const auto read = index_reader(rows->latest(), query.where).rows({}, [&](const index_row& row) {
      std::string term;
      std::string value;
      REQUIRE(append_key(term, row));
      REQUIRE(append_value(value, row));
      all.push_back(row_text(term, row.id, row.emission, value));
      return true;
    });
    REQUIRE(read);
    std::sort(all.begin(), all.end()); // their order is another test's
    return all;
  }
  std::vector<std::string> expected(const query_definition& definition) const {
    std::vector<std::string> all;
    const auto read = rows->latest().scan(
        keys::document(bucket(), ""), keys::documents_end(bucket()),
        [&](std::string_view key, std::string_view value) {
          const auto row = document_row::decode(value);
          REQUIRE(row);
          if (row->deleted || is_query_document(keys::id_of(key))) return true;
          for (std::string& one : evaluated(definition.map, keys::id_of(key), row->body))
            all.push_back(std::move(one));
          return true;
        });
    REQUIRE(read);
    std::sort(all.begin(), all.end());
    return all;
  }

  std::mt19937_64 random_;
  std::deque<answer_box> answers_{};
};

} // namespace

TEST_CASE("an index is what its documents give, whatever was killed while it was built") {
  const auto [from, to] = seeds_asked_for(1, 2000);
  for (uint64_t seed = from; seed <= to; ++seed) {
    CAPTURE(seed);
    history(seed).play();
  }
}

} // namespace treadmill::test
