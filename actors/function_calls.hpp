#pragma once
#include "actors/interfaces.hpp"
#include "js/pool/map_pool.hpp"
#include "net/node/node_backend.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/json/json.hpp"
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace treadmill {

/// A function with an id that is unique in this process.
std::shared_ptr<const js::function> make_function(js::kind what, std::string text);

/// The pool's job to map these documents.
js::map_job map_job_of(std::shared_ptr<const js::function> map,
                       std::span<const run_document> documents, bool suspect);

/// The error for a function that the pool did not run: bad_map, shutting_down, unavailable (no
/// worker can be started), overloaded (the pool starts over). Precondition: `how` is not `done`.
error problem_of(js::outcome how, const std::string& message);

/// Checks a worker's rows and converts them to their stored forms. A worker is not trusted, because
/// it runs any user's code. JavaScript's numbers are doubles, and are stored as such.
run_rows checked_rows(const js::mapped& made, const json_limits& limits);

/// Checks the value of a reduction that a worker answered.
reduced_value checked_value(const js::reduced& made, const json_limits& limits);

/// Runs JavaScript for requests that need no index: compiles functions, runs trials of maps, and
/// reduces values.
///
/// Compiling and trials have their own workers (the lane), so that trials and queries do not wait
/// for each other. Trials leave one of these workers free for compiling. A trial ends when its
/// client leaves, after the first document with a strike, and at its limits of time and bytes
/// (actors/defaults.hpp).
///
/// **Thread**: any. Callbacks come exactly once, from any thread.
class function_calls {
public:
  /// `lane`: the workers for compiling and trials; nullptr: there are none.
  function_calls(json_limits limits, std::shared_ptr<js::map_pool> lane)
      : limits_(limits), lane_(std::move(lane)) {}
  /// Sets the pool for reductions; without one, `reduce` answers `overloaded`.
  void connect(isolate_pool_actor pool);

  void check(const query_definition& definition, std::function<void(result<void>)> answer);
  void try_map(trial_request asked, std::function<void(result<trial_rows>)> answer);
  size_t trials() const { return trials_->load(); } ///< trials that are running or waiting
  void reduce(const std::string& function, std::vector<reduce_input> inputs,
              std::function<void(result<std::vector<std::string>>)> answer);

private:
  struct trial;
  struct reducing;
  void go_on(std::shared_ptr<trial> of);
  void end(trial& of, result<trial_rows> with);
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
  /// Reduce functions by text, so that workers can reuse their contexts.
  std::map<std::string, std::shared_ptr<const js::function>> reductions_{};
};

} // namespace treadmill
