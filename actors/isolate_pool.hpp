#pragma once
#include "actors/interfaces.hpp"
#include "js/pool/map_pool.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <map>
#include <memory>

namespace treadmill {

struct isolate_pool_state {
  std::shared_ptr<js::map_pool> pool{};
  template<typename Answer>
  struct asked {
    uint32_t index = 0;
    uint64_t ticket = 0; ///< of the view
    caf::typed_response_promise<Answer> answer{};
  };
  uint64_t last_ticket = 0;
  std::map<uint64_t, asked<documents_mapped>> mapping{};
  std::map<uint64_t, asked<values_reduced>> reducing{};
  static inline constexpr const char* name = "isolate pool";
};

/// Runs map and reduce functions: passes jobs of views and requests to the worker processes, and
/// passes the answers back. The pool's own thread waits for workers (js/pool/map_pool.hpp); this
/// actor only moves messages.
///
/// Lifetime: as long as the node. **Thread**: scheduled. **Blocks?** Never. **Mailbox bound**: each
/// view has a bounded number of jobs out. **On exit**: kills the workers, and outstanding jobs are
/// answered `stopped`.
isolate_pool_actor::behavior_type
isolate_pool(isolate_pool_actor::stateful_pointer<isolate_pool_state> self,
             std::shared_ptr<js::map_pool> pool);

} // namespace treadmill
