#pragma once
#include "net/api/query_source.hpp"
#include "net/node/node_backend.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/store.hpp"
#include "storage/index/index_range.hpp"
#include "storage/index/index_reader.hpp"
#include "storage/index/index_run.hpp"
#include "storage/index/term.hpp"
#include "storage/json/json.hpp"
#include "storage/json/json_cursor.hpp"
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace treadmill::tests {

template<typename Value>
Value need(result<Value> got) {
  if (!got) throw std::runtime_error(got.error().reason);
  return std::move(*got);
}
inline void need(const result<void>& done) {
  if (!done) throw std::runtime_error(done.error().reason);
}

/// The stored form of a top-level member of a stored form; empty where there is none.
inline std::string member_of(std::string_view object, std::string_view name) {
  json_cursor in(object);
  std::string_view key;
  std::string_view value;
  in.take('{');
  while (in.take_string(key) && in.take(':') && in.take_value(value)) {
    if (key.substr(1, key.size() - 2) == name) return std::string(value);
    in.take(',');
  }
  return {};
}

inline std::string encoded_term(std::string_view stored) {
  std::string term;
  need(append_term(term, stored));
  return term;
}

/// Stands for map functions: `returns` returns the member `n` of a document, `emits` emits the
/// pairs of its member `e`. Both fail where it has a member `bad`, with what that says.
inline run_rows map_document(const std::string& map, const run_document& document) {
  run_rows rows;
  rows.problem = member_of(document.body, "bad");
  if (!rows.problem.empty()) return rows;
  if (map == "returns") {
    const std::string value = member_of(document.body, "n");
    if (!value.empty()) rows.rows.push_back({encoded_term(value), {}});
    return rows;
  }
  const std::string pairs = member_of(document.body, "e");
  if (pairs.empty()) return rows;
  for (const std::string& pair : need(elements_of(pairs, 1000))) {
    const auto both = need(elements_of(pair, 2));
    rows.rows.push_back({encoded_term(both.at(0)), both.at(1)});
    rows.emitted = true;
  }
  return rows;
}

/// Stands for reductions in JavaScript: `add` adds integers, `count` counts rows, anything else
/// fails.
inline result<std::string> reduce_values(const std::string& function,
                                         const std::vector<std::string>& values, bool rereduce) {
  if (function != "add" && function != "count") return fail(ec::bad_reduce, "it always fails");
  int64_t sum = 0;
  for (const std::string& value : values)
    sum += function == "add" || rereduce ? std::stoll(value) : 1;
  return std::to_string(sum);
}

/// The views of a node without actors, and without JavaScript: each runs when it is told to.
/// **Thread**: one.
class local_queries {
public:
  explicit local_queries(store& rows) : rows_(rows) {}

  mutable query_board board;
  bool holds_builds = false; ///< new definitions are not built until this is false
  bool syncs = true;         ///< false: what is committed is not durable, see `sync` of the backend
  int awaited = 0;
  size_t reduced = 0; ///< inputs that were given to `reduce`

  /// The definition of the query was written.
  void look_at(const bucket_info& bucket, const std::string& name) {
    auto definition = api::read_definition(rows_.latest(), bucket.number, name);
    const place where{bucket.number, name};
    if (!definition) {
      views_.erase(where);
      board.remove(bucket.number, name, 0);
      return;
    }
    view& mine = views_[where];
    build made;
    made.where = {bucket.number, ++last_index_};
    made.how = reduction_of(definition->reduce);
    made.source = std::move(*definition);
    if (mine.current && mine.current->state.phase == index_phase::complete) {
      mine.next = std::move(made);
    } else {
      mine.current = std::move(made);
    }
    show(where, mine);
  }

  /// Brings the query to where its bucket is; with fewer batches, in the middle of its run.
  void catch_up(const bucket_info& bucket, const std::string& name, size_t batches = SIZE_MAX) {
    const place where{bucket.number, name};
    view& mine = views_.at(where);
    const bool first = mine.current->state.phase != index_phase::complete;
    if (!first || !holds_builds) run(where, mine, *mine.current, batches);
    if (mine.next && !holds_builds) {
      run(where, mine, *mine.next, SIZE_MAX);
      mine.current = std::move(mine.next);
      mine.next.reset();
    }
    show(where, mine);
  }

  result<void> await(const bucket_info& bucket, const std::string& name) {
    ++awaited;
    const auto mine = views_.find({bucket.number, name});
    if (mine == views_.end()) return fail(ec::not_found, "the query is missing");
    catch_up(bucket, name);
    if (!mine->second.current->state.consistent())
      return fail(ec::overloaded, "the index is at 0 of 7: retry");
    return {};
  }

  void suspend(const bucket_info& bucket, const std::string& name, std::string problem) {
    view& mine = views_.at({bucket.number, name});
    mine.problem = std::move(problem);
    show({bucket.number, name}, mine);
  }

  result<std::vector<std::string>> reduce(const std::string& function,
                                          const std::vector<reduce_input>& inputs) {
    std::vector<std::string> values;
    for (const auto& input : inputs) {
      ++reduced;
      auto value = reduce_values(function, input.values, input.rereduce);
      if (!value) return tl::unexpected(value.error());
      values.push_back(std::move(*value));
    }
    return values;
  }

private:
  using place = std::pair<uint32_t, std::string>;
  struct build {
    index_id where{};
    query_definition source{};
    reduction how = reduction::none;
    index_state state{};
    std::unique_ptr<index_run> run{};
    std::optional<read_view> before{};
  };
  struct view {
    std::optional<build> current{};
    std::optional<build> next{};
    std::string problem{};
  };

  void show(const place& where, const view& mine) {
    const build& last = mine.next ? *mine.next : *mine.current;
    shown_query shown;
    shown.name = where.second;
    shown.definition = last.source;
    shown.phase = !mine.problem.empty()                                ? query_phase::suspended
                  : mine.next                                          ? query_phase::redefining
                  : mine.current->state.phase == index_phase::complete ? query_phase::ready
                                                                       : query_phase::building;
    shown.where = mine.current->where;
    shown.answering = mine.current->source;
    shown.how = mine.current->how;
    shown.state = mine.current->state;
    if (mine.next) shown.next = mine.next->state;
    shown.before = mine.current->before;
    shown.problem = mine.problem;
    shown.rate = 2.5;
    board.show(where.first, std::move(shown));
  }

  void run(const place& where, const view& mine, build& of, size_t batches) {
    if (!of.run) {
      const read_view at = rows_.snapshot();
      const uint64_t target = need(at.state(of.where.bucket)).sequence;
      if (of.state.consistent() && of.state.sequence == target) return;
      if (of.state.consistent()) of.before = at;
      of.run = std::make_unique<index_run>(rows_, at, target, of.where, of.state, of.how);
    }
    while (true) {
      while (of.run->parts_out() < 4) {
        const auto part = need(of.run->next_part());
        if (!part) break;
        std::vector<run_rows> rows;
        for (const run_document& document : part->documents)
          rows.push_back(map_document(of.source.map, document));
        if (!rows.empty()) of.run->mapped(part->number, std::move(rows));
      }
      if (batches == 0) break;
      auto step = need(of.run->next_step());
      if (step.what == index_run::step::kind::reduce) {
        of.run->reduced(reduce_blocks(of, step.blocks));
      } else if (step.what == index_run::step::kind::commit) {
        commit(step.rows);
        of.state = of.run->state();
        --batches;
      } else {
        of.run.reset();
        of.before.reset();
        break;
      }
    }
    show(where, mine);
  }

  static std::vector<reduced_value> reduce_blocks(const build& of,
                                                  const std::vector<reduce_block>& blocks) {
    std::vector<reduced_value> values;
    for (const reduce_block& block : blocks) {
      auto made = reduce_values(of.source.reduce, block.values, block.rereduce());
      values.push_back({!made, made ? *made : made.error().reason});
    }
    return values;
  }

  void commit(const row_batch& batch) {
    const row_batch* const batches[] = {&batch};
    need(rows_.commit(batches, syncs));
  }

  store& rows_;
  std::map<place, view> views_{};
  uint32_t last_index_ = 0;
};

} // namespace treadmill::tests
