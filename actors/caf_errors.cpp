#include "actors/caf_errors.hpp"
#include <caf/atom.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>

namespace treadmill {

caf::error to_caf(const error& problem) { return caf::make_error(problem.code, problem.reason); }

error from_caf(const caf::error& problem) {
  if (problem.category() != caf::atom("treadmill")) {
    return {ec::ambiguous, "it is not known whether this was done"};
  }
  std::string reason;
  if (problem.context().match_elements<std::string>()) {
    reason = problem.context().get_as<std::string>(0);
  }
  return {static_cast<ec>(problem.code()), std::move(reason)};
}

} // namespace treadmill
