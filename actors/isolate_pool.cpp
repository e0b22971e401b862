#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/isolate_pool.hpp"
#include <utility>

namespace treadmill {
namespace {

using pool_pointer = isolate_pool_actor::stateful_pointer<isolate_pool_state>;

caf::result<documents_mapped> map(pool_pointer self, const map_documents& asked) {
  auto answer = self->make_response_promise<documents_mapped>();
  const uint64_t ticket = ++self->state.last_ticket;
  self->state.mapping.emplace(
      ticket, isolate_pool_state::asked<documents_mapped>{asked.index, asked.ticket, answer});
  const auto me = caf::actor_cast<isolate_pool_actor>(self);
  self->state.pool->map(asked.job, [me, ticket](js::map_answer made) {
    caf::anon_send(me, job_done{ticket, std::make_shared<js::map_answer>(std::move(made)), {}});
  });
  return answer;
}

caf::result<values_reduced> reduce(pool_pointer self, const reduce_values& asked) {
  auto answer = self->make_response_promise<values_reduced>();
  const uint64_t ticket = ++self->state.last_ticket;
  self->state.reducing.emplace(
      ticket, isolate_pool_state::asked<values_reduced>{asked.index, asked.ticket, answer});
  const auto me = caf::actor_cast<isolate_pool_actor>(self);
  self->state.pool->reduce(*asked.job, [me, ticket](js::reduce_answer made) {
    caf::anon_send(me, job_done{ticket, {}, std::make_shared<js::reduce_answer>(std::move(made))});
  });
  return answer;
}

void deliver(isolate_pool_state& state, const job_done& done) {
  if (const auto mapping = state.mapping.find(done.ticket); mapping != state.mapping.end()) {
    auto& [index, ticket, answer] = mapping->second;
    answer.deliver(documents_mapped{index, ticket, done.mapped});
    state.mapping.erase(mapping);
  }
  if (const auto reducing = state.reducing.find(done.ticket); reducing != state.reducing.end()) {
    auto& [index, ticket, answer] = reducing->second;
    answer.deliver(values_reduced{index, ticket, done.reduced});
    state.reducing.erase(reducing);
  }
}

} // namespace

isolate_pool_actor::behavior_type isolate_pool(pool_pointer self,
                                               std::shared_ptr<js::map_pool> pool) {
  self->state.pool = std::move(pool);
  return {
      [self](const map_documents& asked) { return map(self, asked); },
      [self](const reduce_values& asked) { return reduce(self, asked); },
      [self](const reduce_once& asked) {
        self->state.pool->reduce(*asked.job, [answer = asked.answer](js::reduce_answer made) {
          (*answer)(std::move(made));
        });
      },
      [self](const forget_function& gone) { self->state.pool->forget(gone.id); },
      [self](const job_done& done) { deliver(self->state, done); },
  };
}

} // namespace treadmill
