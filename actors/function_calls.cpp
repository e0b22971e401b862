#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/defaults.hpp"
#include "actors/function_calls.hpp"
#include "net/base/clock.hpp"
#include "storage/index/partial_result.hpp"
#include "storage/index/term.hpp"
#include <algorithm>
#include <atomic>
#include <caf/send.hpp>
#include <chrono>
#include <utility>

namespace treadmill {
namespace {

/// How many reduce functions are kept; then all are forgotten.
constexpr size_t kept_reductions = 64;

const error no_pool{ec::overloaded, "the isolate pool is restarting: retry"};

} // namespace

std::shared_ptr<const js::function> make_function(js::kind what, std::string text) {
  static std::atomic<uint64_t> last_id{0};
  return std::make_shared<js::function>(js::function{++last_id, what, std::move(text)});
}

error problem_of(js::outcome how, const std::string& message) {
  switch (how) {
  case js::outcome::bad_function: return {ec::bad_map, message};
  case js::outcome::stopped: return {ec::shutting_down, "the node is ending"};
  case js::outcome::cancelled: return {ec::overloaded, "the client has left"};
  default:
    if (message.empty()) return no_pool;
    return {ec::unavailable, message};
  }
}

js::map_job map_job_of(std::shared_ptr<const js::function> map,
                       std::span<const run_document> documents, bool suspect) {
  js::map_job job{std::move(map), {}, suspect};
  std::string buffer;
  for (const run_document& document : documents)
    job.documents.push_back(
        {document.id, document.rev, std::string(shown_body(document.body, buffer))});
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
    auto key = stored_form_of_doubles(row.key, limits);
    auto value = made.emitted ? stored_form_of_doubles(row.value, limits) : result<std::string>{};
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
  auto value = stored_form_of_doubles(made.value, limits);
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

/// Checks the functions from the back: the map first.
void function_calls::check_all(
    std::shared_ptr<std::vector<std::shared_ptr<const js::function>>> rest,
    std::function<void(result<void>)> answer) {
  if (rest->empty()) return answer({});
  if (!lane_) return answer(tl::unexpected(no_pool));
  const auto what = rest->back();
  rest->pop_back();
  lane_->check(what, [this, rest, what, answer = std::move(answer)](const js::map_answer& made) {
    lane_->forget(what->id);
    if (made.how == js::outcome::done) return check_all(rest, answer);
    error problem = problem_of(made.how, made.message);
    if (what->what == js::kind::reduce) problem.reason = "reduce: " + problem.reason;
    answer(tl::unexpected(std::move(problem)));
  });
}

// Trials
// -------------------------------------------------------------------------------------------------

struct function_calls::trial {

  trial_request asked{};
  std::shared_ptr<const js::function> map{};
  trial_rows tried{};
  size_t bytes = 0; ///< of the rows
  size_t strikes = 0;
  size_t piece = 1; ///< documents of the next piece
  clock::time_point began = clock::now();
  clock::time_point asked_at{};
  std::shared_ptr<std::atomic<size_t>> counted{}; ///< the running trials; nullptr: not a trial
  std::function<void(result<trial_rows>)> answer{};

  ~trial() {
    if (counted) --*counted;
  }
  bool complete() const { return tried.rows.size() == asked.documents.size(); }
  void take(const js::mapped& made, const json_limits& limits) {
    for (const js::row& row : made.rows)
      bytes += row.key.size() + row.value.size() + js::defaults::row_overhead;
    strikes += js::is_strike(made.problem) ? 1 : 0;
    tried.rows.push_back(checked_rows(made, limits));
  }
  /// Gives a quick map more documents in one piece.
  void adapt() {
    const bool quick = clock::now() - asked_at < defaults::trial_piece_time;
    piece = quick ? std::min<size_t>(2 * piece, 64) : 1;
  }
  /// Why the trial stops here; empty: it continues.
  std::string end() const {
    if (strikes > 0) return "a document ran into a limit";
    if (bytes >= defaults::trial_rows_bytes)
      return "the limit of a trial's rows, in bytes, is reached";
    if (clock::now() - began >= defaults::trial_time) return "the time of a trial is over";
    return {};
  }
};

void function_calls::try_map(trial_request asked, std::function<void(result<trial_rows>)> answer) {
  if (!lane_) return answer(tl::unexpected(no_pool));
  auto made = std::make_shared<trial>();
  if (!asked.all) {
    made->counted = trials_;
    if (++*trials_ > defaults::trials)
      return answer(fail(ec::overloaded, "too many trials are running: retry"));
  }
  made->map = make_function(js::kind::map, std::move(asked.map));
  made->asked = std::move(asked);
  made->answer = std::move(answer);
  made->asked.client.on_leave([lane = lane_, function = made->map->id] { lane->cancel(function); });
  go_on(std::move(made));
}

/// Asks for the documents that are not answered yet.
void function_calls::go_on(std::shared_ptr<trial> of) {
  if (of->asked.client.left()) return end(*of, fail(ec::overloaded, "the client has left"));
  if (of->complete()) return end(*of, std::move(of->tried));
  if (of->asked.all && of->strikes >= defaults::query_strikes) {
    // Each strike costs seconds. Mark the remaining documents as strikes: their rows are unknown.
    of->tried.rows.resize(of->asked.documents.size(), run_rows{{}, false, "not mapped", true});
    return end(*of, std::move(of->tried));
  }
  if (!of->asked.all) of->tried.stopped = of->end();
  if (!of->tried.stopped.empty()) return end(*of, std::move(of->tried));
  auto rest = std::span<const run_document>(of->asked.documents).subspan(of->tried.rows.size());
  if (!of->asked.all) rest = rest.first(std::min(rest.size(), of->piece));
  auto job = std::make_shared<js::map_job>(map_job_of(of->map, rest, !of->asked.all));
  job->once = !of->asked.all;
  of->asked_at = clock::now();
  lane_->map(std::move(job), [this, of](const js::map_answer& made) {
    if (made.how != js::outcome::done)
      return end(*of, tl::unexpected(problem_of(made.how, made.message)));
    for (const js::mapped& one : made.documents) of->take(one, limits_);
    of->adapt();
    go_on(of);
  });
}

/// Answers, and makes the workers forget the trial's function, which no other job uses.
void function_calls::end(trial& of, result<trial_rows> with) {
  of.asked.client.on_leave({});
  lane_->forget(of.map->id);
  if (of.counted) --*of.counted;
  of.counted.reset();
  of.answer(std::move(with));
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

void function_calls::reduce(const std::string& function, std::vector<reduce_input> inputs,
                            std::function<void(result<std::vector<std::string>>)> answer) {
  auto made = std::make_shared<reducing>();
  made->what = known_reduction(function);
  for (reduce_input& input : inputs)
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
