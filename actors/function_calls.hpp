#pragma once
#include "actors/interfaces.hpp"
#include "js/map_pool.hpp"
#include "net/node_backend.hpp"
#include "storage/json.hpp"
#include "storage/query_definition.hpp"
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace treadmill {

/// A function with an id of its own in this process.
std::shared_ptr<const js::function> make_function(js::kind what, std::string text);

/// What the pool is asked for, to have these documents mapped.
js::map_job map_job_of(std::shared_ptr<const js::function> map,
                       std::span<const run_document> documents, bool suspect);

/// Why the pool did not run a function at all, as an error: bad_map, shutting_down, unavailable (no
/// worker can be started), overloaded (the pool starts over). Precondition: it is not `done`.
error problem_of(js::outcome how, const std::string& message);

/// Rows as a worker gave them, checked and in their stored forms: it runs anybody's code.
run_rows checked_rows(const js::mapped& made, const json_limits& limits);

/// A reduction's value as a worker gave it, checked.
reduced_value checked_value(const js::reduced& made, const json_limits& limits);

/// What requests ask of JavaScript without a query's index: to compile, to try, to reduce.
///
/// What is compiled and tried has workers of its own, so that no trial keeps a query waiting, nor a
/// query a trial; and of them, one is left to what is compiled. A trial ends with its client, with
/// the first document that runs into a limit, and with its time and bytes (actors/defaults.hpp).
///
/// **Thread**: any. Callbacks come exactly once, from any thread.
class function_calls {
public:
  /// `lane`: the workers of what is compiled and tried; nothing: there are none.
  function_calls(json_limits limits, std::shared_ptr<js::map_pool> lane)
      : limits_(limits), lane_(std::move(lane)) {}
  /// Before it, and after it with nothing, everything is answered `overloaded`.
  void connect(isolate_pool_actor pool);

  void check(const query_definition& definition, std::function<void(result<void>)> answer);
  void try_map(rest::trial_request asked, std::function<void(result<rest::trial_rows>)> answer);
  size_t trials() const { return trials_->load(); } ///< that are running or waiting
  void reduce(const std::string& function, std::vector<rest::reduce_input> inputs,
              std::function<void(result<std::vector<std::string>>)> answer);

private:
  struct trial;
  struct reducing;
  void go_on(std::shared_ptr<trial> of);
  void end(trial& of, result<rest::trial_rows> with);
  void go_on(std::shared_ptr<reducing> of);
  void check_all(std::shared_ptr<std::vector<std::shared_ptr<const js::function>>> rest,
                 std::function<void(result<void>)> answer);
  std::shared_ptr<const js::function> known_reduction(const std::string& text);
  isolate_pool_actor pool() const;

  const json_limits limits_;
  const std::shared_ptr<js::map_pool> lane_;
  const std::shared_ptr<std::atomic<size_t>> trials_ = std::make_shared<std::atomic<size_t>>(0);
  mutable std::mutex mutex_{};
  isolate_pool_actor pool_{};
  /// Reductions of answers, so that workers find their contexts again.
  std::map<std::string, std::shared_ptr<const js::function>> reductions_{};
};

} // namespace treadmill
