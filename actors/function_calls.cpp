#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/function_calls.hpp"
#include "storage/reduction.hpp"
#include "storage/term.hpp"
#include <atomic>
#include <caf/send.hpp>
#include <utility>

namespace treadmill {
namespace {

/// How many reductions are kept; then all are forgotten.
constexpr size_t kept_reductions = 64;

const error no_pool{ec::overloaded, "the isolate pool starts over: try again"};

} // namespace

std::shared_ptr<const js::function> make_function(js::kind what, std::string text) {
  static std::atomic<uint64_t> last_id{0};
  return std::make_shared<js::function>(js::function{++last_id, what, std::move(text)});
}

error problem_of(js::outcome how, const std::string& message) {
  switch (how) {
  case js::outcome::bad_function: return {ec::bad_map, message};
  case js::outcome::stopped: return {ec::shutting_down, "the node is ending"};
  default: return {ec::overloaded, message.empty() ? "no worker can be started" : message};
  }
}

js::map_job map_job_of(std::shared_ptr<const js::function> map,
                       std::span<const run_document> documents, bool suspect) {
  js::map_job job{std::move(map), {}, suspect};
  for (const run_document& document : documents)
    job.documents.push_back({document.id, document.rev, document.body});
  return job;
}

run_rows checked_rows(const js::mapped& made, const json_limits& limits) {
  run_rows rows;
  rows.emitted = made.emitted;
  if (made.problem != js::fault::none) {
    rows.problem = made.message.empty() ? "the map failed" : made.message;
    rows.strike = js::is_strike(made.problem);
    return rows;
  }
  for (const js::row& row : made.rows) {
    auto key = stored_form(row.key, limits);
    auto value = made.emitted ? stored_form(row.value, limits) : result<std::string>{};
    mapped_row one;
    if (!key || !value || !append_term(one.term, *key)) {
      rows.rows.clear();
      rows.problem = "a row cannot be stored";
      if (!key || !value) rows.problem += ": " + (key ? value : key).error().reason;
      return rows;
    }
    if (made.emitted) one.value = std::move(*value);
    rows.rows.push_back(std::move(one));
  }
  return rows;
}

reduced_value checked_value(const js::reduced& made, const json_limits& limits) {
  if (made.problem != js::fault::none)
    return {true, made.message.empty() ? "the reduction failed" : made.message};
  auto value = stored_form(made.value, limits);
  if (!value) return {true, "a reduced value cannot be stored: " + value.error().reason};
  return {false, std::move(*value)};
}

void function_calls::connect(isolate_pool_actor pool) {
  const std::lock_guard lock(mutex_);
  pool_ = std::move(pool);
}

isolate_pool_actor function_calls::pool() const {
  const std::lock_guard lock(mutex_);
  return pool_;
}

// Compiling
// -------------------------------------------------------------------------------------------------

void function_calls::check(const query_definition& definition,
                           std::function<void(result<void>)> answer) {
  auto functions = std::make_shared<std::vector<std::shared_ptr<const js::function>>>();
  if (reduction_of(definition.reduce) == reduction::javascript)
    functions->push_back(make_function(js::kind::reduce, definition.reduce));
  functions->push_back(make_function(js::kind::map, definition.map));
  check_all(std::move(functions), std::move(answer));
}

/// From the back on, the map first.
void function_calls::check_all(
    std::shared_ptr<std::vector<std::shared_ptr<const js::function>>> rest,
    std::function<void(result<void>)> answer) {
  if (rest->empty()) return answer({});
  const auto to = pool();
  if (!to) return answer(tl::unexpected(no_pool));
  const auto what = rest->back();
  rest->pop_back();
  auto checked = [this, rest, answer = std::move(answer)](const js::map_answer& made) {
    if (made.how != js::outcome::done)
      return answer(tl::unexpected(problem_of(made.how, made.message)));
    check_all(rest, answer);
  };
  caf::anon_send(to, check_function{what, std::make_shared<reply<js::map_answer>>(
                                              std::move(checked),
                                              js::map_answer{js::outcome::unavailable, {}, {}})});
}

// Trying
// -------------------------------------------------------------------------------------------------

struct function_calls::trial {
  std::shared_ptr<const js::function> map{};
  std::vector<run_document> documents{};
  std::vector<run_rows> rows{};
  std::function<void(result<std::vector<run_rows>>)> answer{};
};

void function_calls::try_map(std::string map, std::vector<run_document> documents,
                             std::function<void(result<std::vector<run_rows>>)> answer) {
  auto made = std::make_shared<trial>();
  made->map = make_function(js::kind::map, std::move(map));
  made->documents = std::move(documents);
  made->answer = std::move(answer);
  go_on(std::move(made));
}

/// Asks for what is not answered yet. A trial has no second life: its function is forgotten.
void function_calls::go_on(std::shared_ptr<trial> of) {
  const auto to = pool();
  if (!to) return of->answer(tl::unexpected(no_pool));
  auto job = std::make_shared<js::map_job>(
      map_job_of(of->map, std::span(of->documents).subspan(of->rows.size()), true));
  auto mapped = [this, of, to](const js::map_answer& made) {
    if (made.how != js::outcome::done) {
      of->answer(tl::unexpected(problem_of(made.how, made.message)));
    } else {
      for (const js::mapped& one : made.documents) of->rows.push_back(checked_rows(one, limits_));
      if (of->rows.size() < of->documents.size()) return go_on(of);
      of->answer(std::move(of->rows));
    }
    caf::anon_send(to, forget_function{of->map->id});
  };
  caf::anon_send(
      to, try_documents{std::move(job),
                        std::make_shared<reply<js::map_answer>>(
                            std::move(mapped), js::map_answer{js::outcome::unavailable, {}, {}})});
}

// Reducing
// -------------------------------------------------------------------------------------------------

struct function_calls::reducing {
  std::shared_ptr<const js::function> what{};
  std::vector<js::reduce_call> calls{};
  std::vector<std::string> values{};
  std::function<void(result<std::vector<std::string>>)> answer{};
};

std::shared_ptr<const js::function> function_calls::known_reduction(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (reductions_.size() >= kept_reductions && reductions_.count(text) == 0) {
    for (const auto& [known, function] : reductions_)
      if (pool_) caf::anon_send(pool_, forget_function{function->id});
    reductions_.clear();
  }
  auto& function = reductions_[text];
  if (!function) function = make_function(js::kind::reduce, text);
  return function;
}

void function_calls::reduce(const std::string& function, std::vector<rest::reduce_input> inputs,
                            std::function<void(result<std::vector<std::string>>)> answer) {
  auto made = std::make_shared<reducing>();
  made->what = known_reduction(function);
  for (rest::reduce_input& input : inputs)
    made->calls.push_back({input.rereduce, std::move(input.keys), std::move(input.values)});
  made->answer = std::move(answer);
  go_on(std::move(made));
}

void function_calls::go_on(std::shared_ptr<reducing> of) {
  const auto to = pool();
  if (!to) return of->answer(tl::unexpected(no_pool));
  auto job = std::make_shared<js::reduce_job>();
  job->what = of->what;
  job->calls.assign(of->calls.begin() + static_cast<std::ptrdiff_t>(of->values.size()),
                    of->calls.end());
  auto reduced = [this, of](const js::reduce_answer& made) {
    if (made.how != js::outcome::done)
      return of->answer(tl::unexpected(problem_of(made.how, made.message)));
    for (const js::reduced& one : made.values) {
      reduced_value value = checked_value(one, limits_);
      if (value.failed) return of->answer(fail(ec::bad_reduce, std::move(value.text)));
      of->values.push_back(std::move(value.text));
    }
    if (of->values.size() < of->calls.size()) return go_on(of);
    of->answer(std::move(of->values));
  };
  caf::anon_send(
      to, reduce_once{std::move(job), std::make_shared<reply<js::reduce_answer>>(
                                          std::move(reduced),
                                          js::reduce_answer{js::outcome::unavailable, {}, {}})});
}

} // namespace treadmill
