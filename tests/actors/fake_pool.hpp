#pragma once
#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/interfaces.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::test {

/// What a test says of its pool, and learns from it.
struct fake_pool_control {
  /// The map, whatever the function's text is.
  std::function<js::mapped(const js::function&, const js::document&)> map;
  js::outcome outcome = js::outcome::done;
  size_t documents_an_answer = 1000; ///< an answer may have fewer than were asked for
  bool hold = false; ///< answers wait for a job_done: its ticket says how many go, 0 means all
  size_t jobs = 0;
  size_t documents = 0;
  std::vector<uint64_t> forgotten{};
  std::deque<std::function<void()>> held{};
};

struct fake_pool_state {
  std::shared_ptr<fake_pool_control> control{};
  static inline constexpr const char* name = "fake pool";
};

/// An isolate pool whose map is a C++ function.
inline isolate_pool_actor::behavior_type
fake_pool(isolate_pool_actor::stateful_pointer<fake_pool_state> self,
          std::shared_ptr<fake_pool_control> control) {
  self->state.control = control;
  return {
      [self, control](const map_documents& asked) -> caf::result<documents_mapped> {
        auto promise = self->make_response_promise<documents_mapped>();
        ++control->jobs;
        auto answer = std::make_shared<js::map_answer>();
        answer->how = control->outcome;
        if (answer->how == js::outcome::done) {
          for (const js::document& one : asked.job->documents) {
            if (answer->documents.size() == control->documents_an_answer) break;
            answer->documents.push_back(control->map(*asked.job->what, one));
            ++control->documents;
          }
        } else {
          answer->message = "it is not done";
        }
        const auto give = [promise, asked, answer]() mutable {
          promise.deliver(documents_mapped{asked.index, asked.ticket, answer});
        };
        if (control->hold) {
          control->held.emplace_back(give);
        } else {
          auto now = give;
          now();
        }
        return promise;
      },
      [](const reduce_values&) -> caf::result<values_reduced> {
        return caf::make_error(caf::sec::unexpected_message);
      },
      [](const reduce_once&) {},
      [control](const forget_function& gone) { control->forgotten.push_back(gone.id); },
      [control](const job_done& go) {
        size_t left = go.ticket == 0 ? control->held.size() : go.ticket;
        for (; left > 0 && !control->held.empty(); --left) {
          const auto give = std::move(control->held.front());
          control->held.pop_front();
          give();
        }
      },
  };
}

/// Of the member `n` of a document's body, what follows its colon up to the end of the object; no
/// row where there is none.
inline js::mapped map_to_n(const js::function&, const js::document& of) {
  js::mapped made;
  const size_t at = of.body.find("\"n\":");
  if (at == std::string::npos) return made;
  made.rows.push_back({of.body.substr(at + 4, of.body.size() - at - 5), {}});
  return made;
}

} // namespace treadmill::test
