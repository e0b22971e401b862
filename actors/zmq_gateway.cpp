#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/caf_errors.hpp"
#include "actors/deadline.hpp"
#include "actors/defaults.hpp"
#include "actors/logging.hpp"
#include "actors/peer_link.hpp"
#include "actors/shared_random.hpp"
#include "actors/zmq_gateway.hpp"
#include "net/replication/peer_frames.hpp"
#include "storage/engine/keys.hpp"
#include <algorithm>
#include <caf/actor_clock.hpp>
#include <utility>
#include <variant>

namespace treadmill {
namespace {

using gateway_pointer = zmq_gateway_actor::stateful_pointer<zmq_gateway_state>;
using replication::disconnect_reason;
using replication::peer_record;
namespace step = replication::step;

/// The actor system's clock, which a test controls.
ticks now(gateway_pointer self) {
  return std::chrono::duration_cast<ticks>(self->clock().now().time_since_epoch());
}

// The registry on disk
// -------------------------------------------------------------------------------------------------

void write_registry(gateway_pointer self);

void written(gateway_pointer self, uint64_t version, const error& problem) {
  zmq_gateway_state& state = self->state;
  state.saving = false;
  if (problem.code == ec::none) state.saved = version;
  // `saves` is ordered by version.
  while (!state.saves.empty() && state.saves.front().version <= version) {
    const auto save = std::move(state.saves.front());
    state.saves.pop_front();
    save.then(problem);
  }
  if (problem.code == ec::none) write_registry(self); // after a failure the next tick retries
}

void write_registry(gateway_pointer self) {
  zmq_gateway_state& state = self->state;
  if (state.saved == state.version || std::exchange(state.saving, true)) return;
  const uint64_t version = state.version;
  std::string text = state.registry.encode();
  // The text has no strangers, so a change of strangers alone needs no write.
  if (text == state.stored) return written(self, version, {ec::none, {}});
  self->request(state.options.node, defaults::catalogue_timeout, keep_peers{text})
      .then(
          [self, version, text](const peers_kept& kept) {
            self->state.stored = kept.code == ec::none ? text : std::string();
            written(self, version, {kept.code, kept.reason});
          },
          [self, version](const caf::error& problem) {
            self->state.stored.clear(); // unknown after this error
            written(self, version, from_caf(problem));
          });
}

/// Call after each change of the registry. `then` is called when the change is written or failed.
void save(gateway_pointer self, std::function<void(const error&)> then = {}) {
  zmq_gateway_state& state = self->state;
  ++state.version;
  if (then) state.saves.push_back({state.version, std::move(then)});
  write_registry(self);
}

// What peer_connections decides
// -------------------------------------------------------------------------------------------------

peer_link_options link_options(gateway_pointer self, uint64_t key, const peer_record& record) {
  const zmq_gateway_options& options = self->state.options;
  peer_link_options made;
  made.peer = key;
  made.link.node_id = options.own.node_id;
  made.link.instance = options.own.instance;
  made.link.name = options.own.name;
  made.link.zmq_uri = options.advertised;
  made.link.invites = record.invites;
  made.link.all_buckets = record.all_buckets;
  made.link.buckets = record.buckets;
  made.link.limits = options.limits;
  made.link.random = shared_random(options.random());
  made.rows = options.rows;
  made.board = options.board;
  made.wire = options.wire;
  made.work = record.given ? std::make_shared<replication::work_budget>(defaults::peer_work_share,
                                                                        defaults::peer_work_saved)
                           : self->state.strangers_work;
  made.thread_time = options.thread_time;
  made.node = options.node;
  made.gateway = zmq_gateway_actor(self);
  return made;
}

/// The node makes the links followers of all buckets.
void tell_of_links(gateway_pointer self) {
  links_changed now;
  for (const auto& [number, link] : self->state.links)
    now.links.push_back(caf::actor_cast<follower_actor>(link));
  self->send(self->state.options.node, std::move(now));
}

/// Carries out one step.
struct carry_out {
  explicit carry_out(gateway_pointer of) : self(of), state(of->state) {}
  gateway_pointer self;
  zmq_gateway_state& state;

  template<class Message>
  void send(uint64_t link, Message what) const {
    const auto found = state.links.find(link);
    if (found != state.links.end()) self->send(found->second, std::move(what));
  }

  void operator()(const step::dial& what) const {
    const uint64_t id = state.options.wire->dial(what.uri);
    if (id != 0) state.connections->dialled(what.peer, what.uri, id);
  }
  void operator()(const step::hang_up& what) const { state.options.wire->hang_up(what.connection); }
  void operator()(const step::route& what) const {
    const auto found = state.links.find(what.link);
    if (found == state.links.end()) return state.options.wire->unroute(what.connection);
    state.options.wire->route(what.connection, found->second);
  }
  void operator()(const step::choose& what) const {
    send(what.link, connection_chosen{what.connection, what.lost});
  }
  void operator()(step::forward& what) const {
    send(what.link, frame_received{what.connection, std::move(what.frame), true, 0});
  }
  void operator()(const step::send_goodbye& what) const {
    state.options.wire->send(
        what.connection,
        replication::encode_frame({what.session, replication::goodbye{what.why}}, false));
  }
  void operator()(const step::probe& what) const {
    self->delayed_send(self, replication::defaults::identity_probe, probe_over{what.connection});
  }
  void operator()(const step::start_link& what) const {
    const peer_record& record = *state.registry.find(what.peer);
    const auto link = self->spawn<caf::monitored>(peer_link, link_options(self, what.peer, record));
    state.are_links_told = false;
    state.links[what.link] = link;
    state.link_numbers[link.address()] = what.link;
  }
  void operator()(const step::end_link& what) const {
    const auto ended = state.links.extract(what.link);
    if (what.why) self->send(ended.mapped(), disconnect_link{static_cast<uint8_t>(*what.why)});
    self->send_exit(ended.mapped(), caf::exit_reason::user_shutdown);
    state.are_links_told = false;
  }
  void operator()(const step::tell_others& what) const { send(what.link, others_linked{what.any}); }
  void operator()(const step::merge& what) const { state.requests.merge(what.from, what.into); }
  void operator()(const step::answer_requests& what) const {
    if (what.problem.code != ec::none) return state.requests.refuse(what.peer, what.problem);
    if (const peer_record* record = state.registry.find(what.peer))
      state.requests.reached(what.peer, *record);
  }
  void operator()(const step::show& what) const {
    if (what.gone) return state.options.board->forget(what.peer);
    if (const peer_record* record = state.registry.find(what.peer))
      state.options.board->keep(what.peer, record->name, record->zmq_uri, record->node_id,
                                state.connections->refusal(what.peer));
  }
  void operator()(const step::save&) const { save(self); }
  void operator()(const step::count_cut&) const { state.options.counters->cut_peers.fetch_add(1); }
  void operator()(const step::write_log& line) const {
    constexpr log::level levels[] = {log::level::info, log::level::warn, log::level::error};
    const log::level at = levels[static_cast<size_t>(line.at)];
    if (line.field.empty()) return log::write(at, line.text, {{"peer", line.peer}});
    log::write(at, line.text, {{"peer", line.peer}, {line.field, line.value}});
  }
};

/// Hands an event to peer_connections and carries out its steps. If carrying out a step causes
/// another event, the steps of that event come after those of the first.
template<class Event>
void handle(gateway_pointer self, Event event) {
  zmq_gateway_state& state = self->state;
  event(*state.connections);
  if (std::exchange(state.carries_out, true)) return;
  for (auto steps = state.connections->take(); !steps.empty(); steps = state.connections->take())
    for (auto& one : steps) std::visit(carry_out(self), one);
  state.carries_out = false;
  if (!std::exchange(state.are_links_told, true)) tell_of_links(self);
}

// Links
// -------------------------------------------------------------------------------------------------

/// The number of the link that sent the current message.
uint64_t sending_link(gateway_pointer self) {
  const auto sender = caf::actor_cast<caf::actor_addr>(self->current_sender());
  const auto found = self->state.link_numbers.find(sender);
  return found == self->state.link_numbers.end() ? 0 : found->second;
}

void link_ended(gateway_pointer self, const caf::down_msg& down) {
  zmq_gateway_state& state = self->state;
  const auto number = state.link_numbers.extract(down.source);
  if (number.empty()) return;
  state.links.erase(number.mapped());
  handle(self, [&](auto& connections) {
    if (connections.link_ended(number.mapped(), now(self)))
      state.options.counters->restarts.fetch_add(1);
  });
}

// Requests
// -------------------------------------------------------------------------------------------------

peer_record record_of(const peer_request& asked) {
  peer_record record;
  record.zmq_uri = asked.zmq_uri;
  record.all_buckets = asked.all_buckets;
  record.buckets = asked.buckets;
  return record;
}

bool is_own_address(const zmq_gateway_options& options, const std::string& uri) {
  return uri == options.advertised || uri == options.listening;
}

void wait(gateway_pointer self, const add_peer& asked, uint64_t key, bool fresh) {
  const uint64_t number = self->state.requests.wait(key, fresh, asked.answer);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      asked.deadline - std::chrono::steady_clock::now());
  const auto most = std::min(defaults::peer_wait, left - defaults::tick_interval);
  self->delayed_send(self, std::max(most, std::chrono::milliseconds(0)), wait_over{number});
}

/// Called when the peer's record is on disk.
void added(gateway_pointer self, const add_peer& asked, uint64_t key, bool fresh) {
  if (self->state.registry.find(key) == nullptr) // merged with another record, or removed meanwhile
    return (*asked.answer)(fail(ec::conflict, "the peer was removed"));
  handle(self, [&](auto& connections) { connections.added(key, now(self)); });
  wait(self, asked, key, fresh);
}

void add(gateway_pointer self, const add_peer& asked) {
  if (is_late(asked)) return;
  zmq_gateway_state& state = self->state;
  if (is_own_address(state.options, asked.asked.zmq_uri))
    return (*asked.answer)(fail(ec::bad_request, "the address is this node's own"));
  const uint64_t known = state.registry.find_given(asked.asked.zmq_uri);
  const peer_record before = known == 0 ? peer_record{} : *state.registry.find(known);
  const auto key = state.registry.add(record_of(asked.asked));
  if (!key) return (*asked.answer)(tl::unexpected(key.error()));
  const bool same_filter =
      before.all_buckets == asked.asked.all_buckets && before.buckets == asked.asked.buckets;
  if (known != 0 && same_filter && state.connections->is_established(*key)) {
    state.registry.established(*key); // no invitation is needed
    return (*asked.answer)(peer_added{peer_added::how::known, before.name, before.zmq_uri});
  }
  asked.answer->begin(fail(ec::ambiguous, "the peer may or may not have been added"));
  save(self, [self, asked, known, before, key = *key](const error& problem) {
    if (problem.code == ec::none) return added(self, asked, key, known == 0);
    if (known == 0) {
      self->state.registry.forget(key);
    } else {
      self->state.registry.restore(key, before);
    }
    ++self->state.version;
    (*asked.answer)(tl::unexpected(problem));
  });
}

void remove(gateway_pointer self, const remove_peer& asked) {
  if (is_late(asked)) return;
  zmq_gateway_state& state = self->state;
  const uint64_t key = state.registry.find_name(asked.name);
  if (key == 0) return (*asked.answer)(fail(ec::not_found, "there is no such peer"));
  const peer_record before = *state.registry.find(key);
  state.requests.refuse(key, {ec::conflict, "the peer was removed"});
  state.registry.remove(key);
  log::info("a peer is removed", {{"peer", before.name}});
  asked.answer->begin(fail(ec::ambiguous, "the peer may or may not have been removed"));
  save(self, [self, asked, key, before](const error& problem) {
    if (problem.code == ec::none) {
      handle(self, [&](auto& connections) { connections.removed(key, now(self)); });
      return (*asked.answer)({});
    }
    self->state.registry.restore(key, before);
    ++self->state.version;
    (*asked.answer)(tl::unexpected(problem));
  });
}

// Start and end
// -------------------------------------------------------------------------------------------------

void read_registry(gateway_pointer self) {
  zmq_gateway_state& state = self->state;
  state.registry = replication::peer_registry(state.options.most_peers);
  const auto stored = state.options.rows->latest().read(keys::meta("peers"));
  if (!stored || !*stored) {
    if (!stored)
      log::error("the list of peers cannot be read", {{"reason", stored.error().reason}});
    else
      state.stored = state.registry.encode(); // no row and an empty list are the same
    return;
  }
  state.stored = **stored;
  auto read = replication::peer_registry::decode(**stored, state.options.most_peers);
  if (read) {
    state.registry = std::move(*read);
  } else {
    log::error("the list of peers is damaged: add them again", {{"reason", read.error().reason}});
  }
}

void add_chosen_peers(gateway_pointer self) {
  zmq_gateway_state& state = self->state;
  bool changed = false;
  for (const std::string& uri : state.options.peers) {
    if (is_own_address(state.options, uri)) continue; // operators may give all nodes the same list
    peer_record asked;
    asked.zmq_uri = uri;
    // Keep a filter that was set over REST.
    if (const peer_record* known = state.registry.find(state.registry.find_given(uri))) {
      asked.all_buckets = known->all_buckets;
      asked.buckets = known->buckets;
    }
    const auto key = state.registry.add(asked);
    if (!key)
      log::error("a peer cannot be added", {{"zmq_uri", uri}, {"reason", key.error().reason}});
    changed = changed || key.has_value();
  }
  if (changed) save(self);
}

void end(gateway_pointer self, const caf::exit_msg& exit) {
  zmq_gateway_state& state = self->state;
  state.options.wire->detach();
  for (const auto& [number, link] : state.links) {
    self->send(link, disconnect_link{static_cast<uint8_t>(disconnect_reason::ending)});
    self->send_exit(link, caf::exit_reason::user_shutdown);
  }
  state.requests.refuse_all({ec::shutting_down, "the node is ending"});
  self->quit(exit.reason);
}

/// Makes the connections and links anew, from the stored registry.
void begin(gateway_pointer self) {
  zmq_gateway_state& state = self->state;
  state.options.board->forget_all();
  state.options.wire->attach(zmq_gateway_actor(self));
  state.strangers_work = std::make_shared<replication::work_budget>(defaults::strangers_work_share,
                                                                    defaults::peer_work_saved);
  read_registry(self);
  replication::peer_connections_options options;
  options.own = state.options.own;
  options.random = state.options.random;
  options.heard = [wire = state.options.wire](uint64_t id) { return wire->heard(id); };
  options.is_awaited = [&state](uint64_t key) { return state.requests.is_awaited(key); };
  state.connections.emplace(std::move(options), state.registry);
  add_chosen_peers(self);
  handle(self, [&](auto& connections) {
    for (const auto& [key, record] : state.registry.peers()) connections.added(key, now(self));
  });
  self->delayed_send(self, defaults::peers_tick, tick{});
}

} // namespace

zmq_gateway_actor::behavior_type zmq_gateway(gateway_pointer self, zmq_gateway_options options) {
  self->state.options = std::move(options);
  if (!self->state.options.thread_time)
    self->state.options.thread_time = [] { return std::chrono::microseconds(0); };
  self->set_down_handler([self](const caf::down_msg& down) { link_ended(self, down); });
  self->set_exit_handler([self](const caf::exit_msg& exit) { end(self, exit); });
  begin(self);
  return {
      [self](const add_peer& asked) { add(self, asked); },
      [self](const remove_peer& asked) { remove(self, asked); },
      [self](const frame_received& came) {
        handle(self, [&](auto& connections) {
          connections.received(came.connection, came.frame, now(self));
        });
        self->state.options.wire->handled(came);
      },
      [self](const connection_lost& news) {
        handle(self, [&](auto& connections) { connections.lost(news.connection, now(self)); });
      },
      [self](const connection_made& news) {
        handle(self, [&](auto& connections) { connections.made(news.connection, now(self)); });
      },
      [self](const link_changed& news) {
        handle(self, [&](auto& connections) {
          connections.link_changed(sending_link(self), news.established, news.node_id, now(self));
        });
      },
      [self](const link_refused& news) {
        handle(self, [&](auto& connections) {
          connections.link_refused(sending_link(self), static_cast<disconnect_reason>(news.why),
                                   now(self));
        });
      },
      [self](const link_cut& news) {
        handle(self, [&](auto& connections) {
          connections.link_cut(sending_link(self), news.reason, now(self));
        });
      },
      [self](const wait_over& over) {
        self->state.requests.give_up(over.waiter, self->state.registry);
      },
      [self](const probe_over& over) {
        handle(self,
               [&](auto& connections) { connections.probe_over(over.connection, now(self)); });
      },
      [self](tick) {
        handle(self, [&](auto& connections) { connections.tick(now(self)); });
        write_registry(self); // retries a failed write
        self->delayed_send(self, defaults::peers_tick, tick{});
      },
  };
}

} // namespace treadmill
