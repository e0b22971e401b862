#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/bucket_actor.hpp"
#include "actors/caf_errors.hpp"
#include "actors/defaults.hpp"
#include "actors/logging.hpp"
#include "actors/node.hpp"
#include <utility>

namespace treadmill {
namespace {

using node_pointer = node_actor::stateful_pointer<node_state>;

bucket_started start_bucket(node_pointer self, const bucket_facts& facts) {
  node_state& state = self->state;
  const bucket_options options{facts.number,
                               state.options.rows,
                               state.storage,
                               {caf::actor_cast<follower_actor>(state.options.gateway)},
                               state.options.limits};
  const bucket_actor actor = self->spawn<caf::monitored>(bucket, options);
  state.buckets[facts.number] = {facts, actor};
  bucket_started started{facts, actor};
  self->send(state.options.gateway, started);
  return started;
}

void answer_started(node_pointer self, const bucket_facts& facts, const open_bucket& asked) {
  const auto running = self->state.buckets.find(facts.number);
  bucket_started started = running != self->state.buckets.end()
                               ? bucket_started{running->second.facts, running->second.actor}
                               : start_bucket(self, facts);
  started.facts.fresh = facts.fresh;
  (*asked.answer)(std::move(started));
}

void open(node_pointer self, const open_bucket& asked) {
  const std::optional<bucket_info> info = self->state.options.rows->find_bucket(asked.name);
  if (info) {
    answer_started(self, {info->name, info->number, info->log_id, false}, asked);
    return;
  }
  if (!asked.make) {
    (*asked.answer)(fail(ec::not_found, "there is no such bucket"));
    return;
  }
  self->request(self->state.storage, defaults::catalogue_timeout, make_bucket{asked.name})
      .then([self, asked](const bucket_facts& facts) { answer_started(self, facts, asked); },
            [asked](const caf::error& problem) {
              (*asked.answer)(tl::unexpected(from_caf(problem)));
            });
}

void end_bucket(node_pointer self, const bucket_facts& facts) {
  const auto running = self->state.buckets.find(facts.number);
  if (running != self->state.buckets.end()) {
    const bucket_actor actor = running->second.actor;
    self->state.buckets.erase(running); // so that its end is no death
    self->send_exit(actor, caf::exit_reason::user_shutdown);
  }
  self->send(self->state.options.gateway, bucket_stopped{facts.name, facts.number});
}

void remove(node_pointer self, const remove_bucket& asked) {
  self->request(self->state.storage, defaults::catalogue_timeout, drop_bucket{asked.name})
      .then(
          [self, asked](const bucket_facts& facts) {
            end_bucket(self, facts);
            (*asked.answer)({});
          },
          [asked](const caf::error& problem) {
            (*asked.answer)(tl::unexpected(from_caf(problem)));
          });
}

void start_storage(node_pointer self) {
  self->state.storage = self->state.options.spawn_storage(self->system());
  self->monitor(self->state.storage);
}

void bucket_died(node_pointer self, uint32_t number) {
  const bucket_facts facts = self->state.buckets.at(number).facts;
  log::error("a bucket's actor died and is started again", {{"bucket", facts.name}});
  self->state.options.counters->restarts.fetch_add(1);
  self->state.buckets.erase(number);
  self->send(self->state.options.gateway, bucket_stopped{facts.name, facts.number});
  start_bucket(self, facts);
}

/// Buckets talk to the old storage actor: all of them are started over with the new one.
void storage_died(node_pointer self) {
  log::error("the storage actor died; it and all buckets are started again");
  self->state.options.counters->restarts.fetch_add(1);
  start_storage(self);
  for (const auto& [number, running] : std::exchange(self->state.buckets, {})) {
    self->send_exit(running.actor, caf::exit_reason::user_shutdown);
    self->send(self->state.options.gateway, bucket_stopped{running.facts.name, number});
    start_bucket(self, running.facts);
  }
}

void child_ended(node_pointer self, const caf::down_msg& down) {
  if (self->state.ending) return;
  if (down.source == self->state.storage.address()) {
    storage_died(self);
    return;
  }
  for (const auto& [number, running] : self->state.buckets) {
    if (running.actor.address() != down.source) continue;
    bucket_died(self, number);
    return;
  }
}

void end_children(node_pointer self, const caf::exit_msg& exit) {
  self->state.ending = true;
  for (const auto& [number, running] : self->state.buckets) {
    self->send_exit(running.actor, caf::exit_reason::user_shutdown);
  }
  self->send_exit(self->state.storage, caf::exit_reason::user_shutdown);
  self->quit(exit.reason);
}

} // namespace

node_actor::behavior_type node(node_pointer self, node_options options) {
  self->state.options = std::move(options);
  self->set_down_handler([self](const caf::down_msg& down) { child_ended(self, down); });
  self->set_exit_handler([self](const caf::exit_msg& exit) { end_children(self, exit); });
  start_storage(self);
  return {
      [self](const open_bucket& asked) { open(self, asked); },
      [self](const remove_bucket& asked) { remove(self, asked); },
  };
}

} // namespace treadmill
