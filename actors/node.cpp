#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/bucket_actor.hpp"
#include "actors/caf_errors.hpp"
#include "actors/deadline.hpp"
#include "actors/defaults.hpp"
#include "actors/logging.hpp"
#include "actors/node.hpp"
#include "actors/view.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include <optional>
#include <set>
#include <utility>

namespace treadmill {
namespace {

using node_pointer = node_actor::stateful_pointer<node_state>;

// Queries
// -------------------------------------------------------------------------------------------------

/// The names of the queries that are defined in a bucket; nullopt: they cannot be read now.
std::optional<std::set<std::string>> defined_queries(const store& rows, uint32_t bucket) {
  std::set<std::string> names;
  result<void> failed;
  const std::string from = keys::document(bucket, query_document_id(""));
  const auto read =
      rows.latest().scan(from, from + '\xff', [&](std::string_view key, std::string_view value) {
        const auto row = document_row::decode(value);
        if (row && !row->deleted) names.emplace(query_name_of(keys::id_of(key)));
        if (!row) failed = tl::unexpected(row.error());
        return row.has_value();
      });
  if (!failed || !read) return std::nullopt;
  return names;
}

void start_view(node_pointer self, node_state::running_bucket& running, const std::string& name) {
  node_state& state = self->state;
  view_options options;
  options.bucket = running.facts.number;
  options.name = name;
  options.rows = state.options.rows;
  options.storage = state.storage;
  options.pool = state.pool;
  options.board = state.options.board;
  options.gateway = caf::actor_cast<follower_actor>(state.options.gateway);
  options.parts_out = state.options.parts_out;
  options.slots = state.options.slots;
  options.limits = state.options.limits;
  running.views[name] = self->spawn<caf::monitored>(view, std::move(options));
}

std::vector<follower_actor> followers_of_all(const node_state& state) {
  std::vector<follower_actor> followers{caf::actor_cast<follower_actor>(state.options.gateway)};
  followers.insert(followers.end(), state.links.begin(), state.links.end());
  return followers;
}

void tell_followers(node_pointer self, const node_state::running_bucket& running) {
  followers_changed now{followers_of_all(self->state)};
  for (const auto& [name, actor] : running.views)
    now.followers.push_back(caf::actor_cast<follower_actor>(actor));
  self->send(running.actor, std::move(now));
}

/// Tells the links that a bucket was made or dropped.
void tell_links(node_pointer self, uint32_t bucket) {
  for (const follower_actor& link : self->state.links)
    self->send(link, activity_advanced{bucket, 0});
}

/// Tells the view to end. Its indexes are dropped after it has ended and can send nothing more.
void end_view(node_pointer self, uint32_t bucket, const std::string& name,
              const view_actor& actor) {
  self->state.dropping.emplace(bucket, name);
  self->state.ending_views[actor.address()] = {bucket, name};
  self->send_exit(actor, caf::exit_reason::user_shutdown);
}

void look_at_queries(node_pointer self, uint32_t bucket);

void drop_indexes(node_pointer self, const drop_query& asked) {
  const auto again = [self, asked] { self->delayed_send(self, defaults::view_pause, asked); };
  self->request(self->state.storage, defaults::catalogue_timeout, asked)
      .then(
          [self, asked, again](const index_committed& done) {
            if (done.code != ec::none) return again();
            self->state.dropping.erase({asked.bucket, asked.name});
            look_at_queries(self, asked.bucket);
          },
          [again](const caf::error&) { again(); });
}

/// Starts a view for each defined query, and ends all other views.
void look_at_queries(node_pointer self, uint32_t bucket) {
  const auto found = self->state.buckets.find(bucket);
  if (found == self->state.buckets.end()) return;
  node_state::running_bucket& running = found->second;
  const auto defined = defined_queries(*self->state.options.rows, bucket);
  if (!defined) {
    self->delayed_send(self, defaults::view_pause, queries_changed{bucket});
    return;
  }
  std::erase_if(running.views, [&](const auto& item) {
    if (defined->count(item.first) != 0) return false;
    end_view(self, bucket, item.first, item.second);
    return true;
  });
  for (const std::string& name : *defined) {
    if (self->state.dropping.count({bucket, name}) != 0) continue;
    const auto known = running.views.find(name);
    if (known == running.views.end()) {
      start_view(self, running, name);
    } else {
      self->send(known->second, look_at_definition{});
    }
  }
  tell_followers(self, running);
}

void end_views(node_pointer self, node_state::running_bucket& running) {
  for (const auto& [name, actor] : std::exchange(running.views, {}))
    self->send_exit(actor, caf::exit_reason::user_shutdown);
}

// Buckets
// -------------------------------------------------------------------------------------------------

bucket_started start_bucket(node_pointer self, const bucket_facts& facts) {
  node_state& state = self->state;
  const bucket_options options{facts.number,
                               state.options.rows,
                               state.storage,
                               followers_of_all(state),
                               caf::actor_cast<query_keeper_actor>(self),
                               {state.options.limits, state.options.queries},
                               state.options.counters};
  const bucket_actor actor = self->spawn<caf::monitored>(bucket, options);
  state.buckets[facts.number] = {facts, actor, {}};
  look_at_queries(self, facts.number);
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
  if (facts.fresh) tell_links(self, facts.number);
  (*asked.answer)(std::move(started));
}

void open(node_pointer self, const open_bucket& asked) {
  if (is_late(asked)) return;
  const std::optional<bucket_info> info = self->state.options.rows->find_bucket(asked.name);
  if (info) {
    answer_started(self, {info->name, info->number, info->log_id, false}, asked);
    return;
  }
  if (!asked.make) {
    (*asked.answer)(fail(ec::not_found, "there is no such bucket"));
    return;
  }
  asked.answer->begin(fail(ec::ambiguous, "the bucket may or may not have been made"));
  self->request(self->state.storage, defaults::catalogue_timeout,
                make_bucket{asked.name, asked.for_peer})
      .then([self, asked](const bucket_facts& facts) { answer_started(self, facts, asked); },
            [asked](const caf::error& problem) {
              (*asked.answer)(tl::unexpected(from_caf(problem)));
            });
}

void end_bucket(node_pointer self, const bucket_facts& facts) {
  const auto running = self->state.buckets.find(facts.number);
  if (running != self->state.buckets.end()) {
    const bucket_actor actor = running->second.actor;
    end_views(self, running->second);
    self->state.buckets.erase(running); // so that child_ended does not restart it
    self->send_exit(actor, caf::exit_reason::user_shutdown);
  }
  self->send(self->state.options.gateway, bucket_stopped{facts.name, facts.number});
  tell_links(self, facts.number);
}

void remove(node_pointer self, const remove_bucket& asked) {
  if (is_late(asked)) return;
  asked.answer->begin(fail(ec::ambiguous, "the bucket may or may not have been dropped"));
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

void wait_for_query(node_pointer self, const await_query& asked) {
  const auto refuse = [&](ec code, std::string reason) {
    (*asked.wanted.answer)(fail(code, std::move(reason)));
  };
  const std::optional<bucket_info> info = self->state.options.rows->find_bucket(asked.bucket);
  if (!info) return refuse(ec::not_found, "the bucket is missing");
  if (self->state.buckets.count(info->number) == 0) {
    start_bucket(self, {info->name, info->number, info->log_id, false});
  } else if (self->state.buckets.at(info->number).views.count(asked.name) == 0) {
    look_at_queries(self, info->number);
  }
  const auto& views = self->state.buckets.at(info->number).views;
  const auto found = views.find(asked.name);
  if (found == views.end()) return refuse(ec::not_found, "the query is missing");
  self->send(found->second, asked.wanted);
}

/// Indexes are built even if no client reads them.
void start_buckets_with_queries(node_pointer self) {
  const store& rows = *self->state.options.rows;
  for (const bucket_info& info : rows.buckets()) {
    const auto state = rows.latest().state(info.number);
    if (state && state->queries > 0)
      start_bucket(self, {info.name, info.number, info.log_id, false});
  }
}

void start_storage(node_pointer self) {
  self->state.storage = self->state.options.spawn_storage(self->system());
  self->monitor(self->state.storage);
}

void start_pool(node_pointer self) {
  self->state.pool = self->state.options.spawn_pool(self->system());
  self->monitor(self->state.pool);
  self->send(self->state.options.gateway, pool_started{self->state.pool});
}

void start_peers(node_pointer self) {
  if (!self->state.options.spawn_peers) return;
  self->state.peers = self->state.options.spawn_peers(self->system(), node_actor(self));
  self->monitor(self->state.peers);
  self->send(self->state.options.gateway, peers_started{self->state.peers});
}

void change_links(node_pointer self, const links_changed& news) {
  self->state.links = news.links;
  for (const auto& [number, running] : self->state.buckets) tell_followers(self, running);
}

/// The links died with the gateway, so no bucket has link followers until new ones are started.
void peers_died(node_pointer self) {
  log::error("the ZeroMQ gateway died; it and all links with peers are started again");
  self->state.options.counters->restarts.fetch_add(1);
  change_links(self, {});
  start_peers(self);
}

void bucket_died(node_pointer self, uint32_t number) {
  const bucket_facts facts = self->state.buckets.at(number).facts;
  end_views(self, self->state.buckets.at(number));
  log::error("a bucket's actor died and is started again", {{"bucket", facts.name}});
  self->state.options.counters->restarts.fetch_add(1);
  self->state.buckets.erase(number);
  self->send(self->state.options.gateway, bucket_stopped{facts.name, facts.number});
  start_bucket(self, facts);
}

/// Buckets and views hold the old storage actor, so all of them are restarted with the new one.
void storage_died(node_pointer self) {
  log::error("the storage actor died; it and all buckets are started again");
  self->state.options.counters->restarts.fetch_add(1);
  start_storage(self);
  for (const auto& [number, running] : std::exchange(self->state.buckets, {})) {
    self->send_exit(running.actor, caf::exit_reason::user_shutdown);
    for (const auto& [name, actor] : running.views)
      self->send_exit(actor, caf::exit_reason::user_shutdown);
    self->send(self->state.options.gateway, bucket_stopped{running.facts.name, number});
    start_bucket(self, running.facts);
  }
}

/// Views hold the old pool, so all of them are restarted with the new one.
void pool_died(node_pointer self) {
  log::error("the isolate pool died; it and all queries are started again");
  self->state.options.counters->restarts.fetch_add(1);
  start_pool(self);
  for (auto& [number, running] : self->state.buckets) {
    end_views(self, running);
    look_at_queries(self, number);
  }
}

/// True if the actor was a view.
bool view_ended(node_pointer self, const caf::actor_addr& source) {
  node_state& state = self->state;
  if (const auto ending = state.ending_views.find(source); ending != state.ending_views.end()) {
    const drop_query gone{ending->second.first, ending->second.second};
    state.ending_views.erase(ending);
    drop_indexes(self, gone);
    return true;
  }
  for (auto& [number, running] : state.buckets) {
    for (const auto& [name, actor] : running.views) {
      if (actor.address() != source) continue;
      log::error("a query's actor died and is started again", {{"query", name}});
      state.options.counters->restarts.fetch_add(1);
      start_view(self, running, name);
      tell_followers(self, running);
      return true;
    }
  }
  return false;
}

void child_ended(node_pointer self, const caf::down_msg& down) {
  if (self->state.ending) return;
  if (down.source == self->state.storage.address()) return storage_died(self);
  if (down.source == self->state.pool.address()) return pool_died(self);
  if (self->state.peers && down.source == self->state.peers.address()) return peers_died(self);
  for (const auto& [number, running] : self->state.buckets) {
    if (running.actor.address() != down.source) continue;
    return bucket_died(self, number);
  }
  view_ended(self, down.source);
}

void end_children(node_pointer self, const caf::exit_msg& exit) {
  self->state.ending = true;
  if (self->state.peers) self->send_exit(self->state.peers, caf::exit_reason::user_shutdown);
  for (auto& [number, running] : self->state.buckets) {
    end_views(self, running);
    self->send_exit(running.actor, caf::exit_reason::user_shutdown);
  }
  self->send_exit(self->state.pool, caf::exit_reason::user_shutdown);
  self->send_exit(self->state.storage, caf::exit_reason::user_shutdown);
  self->quit(exit.reason);
}

} // namespace

node_actor::behavior_type node(node_pointer self, node_options options) {
  self->state.options = std::move(options);
  self->set_down_handler([self](const caf::down_msg& down) { child_ended(self, down); });
  self->set_exit_handler([self](const caf::exit_msg& exit) { end_children(self, exit); });
  start_storage(self);
  start_pool(self);
  start_buckets_with_queries(self);
  start_peers(self);
  return {
      [self](const open_bucket& asked) { open(self, asked); },
      [self](const remove_bucket& asked) { remove(self, asked); },
      [self](const await_query& asked) { wait_for_query(self, asked); },
      [self](const queries_changed& news) { look_at_queries(self, news.bucket); },
      [self](const drop_query& again) { drop_indexes(self, again); },
      [self](const links_changed& news) { change_links(self, news); },
      [self](const keep_peers& asked) { return self->delegate(self->state.storage, asked); },
  };
}

} // namespace treadmill
