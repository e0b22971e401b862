#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/defaults.hpp"
#include "actors/function_calls.hpp"
#include "actors/index_build.hpp"
#include "storage/engine/keys.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {

bool index_build::suspended() const {
  return !problem.empty() || state.strikes >= defaults::query_strikes;
}

std::string index_build::suspension() const {
  if (!problem.empty()) return problem;
  return "document " + state.error_id + ": " + state.error_message;
}

double index_build::rate() const {
  if (!run) return 0;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - run_began;
  return static_cast<double>(run->state().position - run_from) / std::max(took.count(), 1e-3);
}

void index_build::end_run() {
  wants_slot = false;
  run.reset();
  out.clear();
  slots.clear();
  reducing = {};
  before.reset();
  if (at != phase::committing) at = phase::resting;
}

index_build index_build::of(index_id where, std::string definition) {
  index_build made;
  made.where = where;
  // A peer or an import can bring a definition that cannot be parsed. Its map stays empty, and the
  // pool then reports that it is not a function.
  if (auto source = parse_definition(definition)) made.source = std::move(*source);
  made.definition = std::move(definition);
  made.how = reduction_of(made.source.reduce);
  made.map = make_function(js::kind::map, made.source.map);
  if (made.how == reduction::javascript)
    made.reduce = make_function(js::kind::reduce, made.source.reduce);
  return made;
}

result<void> index_build::read_state(const store& rows) {
  const auto bytes = rows.latest().read(keys::index_state(where.bucket, where.index));
  if (!bytes) return tl::unexpected(bytes.error());
  state = {};
  if (!*bytes) return {};
  auto read = index_state::decode(**bytes);
  if (!read) return tl::unexpected(read.error());
  state = std::move(*read);
  return {};
}

} // namespace treadmill
