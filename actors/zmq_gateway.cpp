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
#include <optional>
#include <tuple>
#include <utility>

namespace treadmill {
namespace {

using gateway_pointer = zmq_gateway_actor::stateful_pointer<zmq_gateway_state>;
using replication::greeting_verdict;
using replication::hello;
using replication::parting;
using replication::peer_record;
using time_point = zmq_gateway_state::time_point;
using connection = zmq_gateway_state::connection;
using linked_peer = zmq_gateway_state::linked_peer;

/// The actor system's clock, which a test controls.
time_point now(gateway_pointer self) { return self->clock().now(); }

linked_peer* find_peer(zmq_gateway_state& state, uint64_t key) {
  const auto found = state.peers.find(key);
  return found == state.peers.end() ? nullptr : &found->second;
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

// Showing
// -------------------------------------------------------------------------------------------------

void show(gateway_pointer self, uint64_t key) {
  const zmq_gateway_state& state = self->state;
  const peer_record* record = state.registry.find(key);
  if (record == nullptr) return;
  const auto peer = state.peers.find(key);
  state.options.board->keep(key, record->name, record->zmq_uri, record->node_id,
                            peer == state.peers.end() ? "" : peer->second.refusal);
}

/// The node makes the links followers of all buckets.
void tell_of_links(gateway_pointer self) {
  const zmq_gateway_state& state = self->state;
  links_changed now;
  for (const auto& [key, peer] : state.peers)
    if (peer.link) now.links.push_back(caf::actor_cast<follower_actor>(peer.link));
  self->send(state.options.node, std::move(now));
}

/// Tells each link whether other links are established.
void tell_of_others(gateway_pointer self) {
  const zmq_gateway_state& state = self->state;
  const auto established = std::count_if(state.peers.begin(), state.peers.end(),
                                         [](auto& item) { return item.second.established; });
  for (const auto& [key, peer] : state.peers)
    if (peer.link)
      self->send(peer.link, others_linked{established - (peer.established ? 1 : 0) > 0});
}

// Connections
// -------------------------------------------------------------------------------------------------

bool is_alive(const connection& of, time_point at) {
  return of.greeted && at - of.heard_at < defaults::connection_silence;
}

/// Both sides prefer the connection that the node with the smaller node id dialled.
bool is_preferred(const zmq_gateway_state& state, uint64_t key, const connection& of) {
  const peer_record* record = state.registry.find(key);
  const bool own_first = record != nullptr && state.options.own.node_id < record->node_id;
  return of.dialled_uri.empty() != own_first;
}

/// The connection to send over: one that is alive. If none is, the one in use, or, with `in_turn`,
/// the next one.
uint64_t best_connection(const zmq_gateway_state& state, uint64_t key, const linked_peer& peer,
                         time_point at, bool in_turn) {
  using rank = std::tuple<bool, bool, time_point>; // preferred, in use, heard
  std::optional<rank> best_rank;
  uint64_t best = 0;
  std::vector<uint64_t> usable;
  for (const auto& [id, facts] : peer.connections) {
    if (!facts.made) continue;
    usable.push_back(id);
    const rank is{is_preferred(state, key, facts), id == peer.chosen, facts.heard_at};
    if (!is_alive(facts, at) || (best_rank && is <= *best_rank)) continue;
    best_rank = is;
    best = id;
  }
  if (best != 0 || usable.empty()) return best;
  const auto chosen = std::find(usable.begin(), usable.end(), peer.chosen);
  if (chosen == usable.end()) return usable.front();
  if (!in_turn) return peer.chosen;
  return chosen + 1 == usable.end() ? usable.front() : *(chosen + 1);
}

void choose(gateway_pointer self, uint64_t key, linked_peer& peer, bool in_turn = false) {
  const uint64_t best = best_connection(self->state, key, peer, now(self), in_turn);
  if (best == peer.chosen) return;
  const bool lost = peer.chosen != 0 && peer.connections.count(peer.chosen) == 0;
  peer.chosen = best;
  peer.chosen_at = now(self);
  if (peer.link) self->send(peer.link, connection_chosen{best, lost});
}

/// Tells the link that frames in flight are lost, even if no other connection is left.
void lose_chosen(gateway_pointer self, uint64_t key, linked_peer& peer) {
  peer.chosen = best_connection(self->state, key, peer, now(self), false);
  peer.chosen_at = now(self);
  if (peer.link) self->send(peer.link, connection_chosen{peer.chosen, true});
}

void hang_up(gateway_pointer self, uint64_t key, linked_peer& peer, uint64_t id) {
  self->state.options.wire->hang_up(id);
  self->state.owners.erase(id);
  peer.connections.erase(id);
  if (peer.chosen == id) lose_chosen(self, key, peer);
}

bool is_dialling(const linked_peer& peer, const std::string& uri) {
  return std::any_of(peer.connections.begin(), peer.connections.end(),
                     [&](const auto& item) { return item.second.dialled_uri == uri; });
}

/// Dials each of the peer's addresses once: the wire redials by itself.
void dial(gateway_pointer self, uint64_t key, linked_peer& peer) {
  zmq_gateway_state& state = self->state;
  const peer_record* record = state.registry.find(key);
  if (record == nullptr) return;
  for (const std::string& uri : record->dialled()) {
    if (is_dialling(peer, uri)) continue;
    const uint64_t id = state.options.wire->dial(uri);
    if (id == 0) continue;
    peer.connections[id].dialled_uri = uri;
    state.owners[id] = key;
  }
}

void say_goodbye(gateway_pointer self, uint64_t id, const hello& to, parting why) {
  self->state.options.wire->send(
      id, replication::encode_frame({to.session, replication::goodbye{why}}, false));
}

// Peers
// -------------------------------------------------------------------------------------------------

void start_link(gateway_pointer self, uint64_t key, linked_peer& peer) {
  const zmq_gateway_options& options = self->state.options;
  const peer_record& record = *self->state.registry.find(key);
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
  show(self, key);
  peer.link = self->spawn<caf::monitored>(peer_link, std::move(made));
  peer.established = false;
  for (const auto& [id, facts] : peer.connections)
    if (facts.greeted) options.wire->route(id, peer.link);
  if (peer.chosen != 0) self->send(peer.link, connection_chosen{peer.chosen, false});
  tell_of_links(self);
}

/// Ends a link that another link replaces, or that has no successor. The connections are hung up
/// after the link has ended, so that it can send its last frames.
void end_link(gateway_pointer self, linked_peer& peer, std::optional<parting> why,
              std::vector<uint64_t> connections) {
  if (!peer.link) {
    for (const uint64_t id : connections) self->state.options.wire->hang_up(id);
    return;
  }
  self->state.ending[peer.link.address()] = std::move(connections);
  if (why) self->send(peer.link, part_link{static_cast<uint8_t>(*why)});
  self->send_exit(peer.link, caf::exit_reason::user_shutdown);
  peer.link = peer_link_actor();
}

/// Restarts the link with the options of the changed record.
void restart_link(gateway_pointer self, uint64_t key, linked_peer& peer) {
  end_link(self, peer, std::nullopt, {});
  start_link(self, key, peer);
}

linked_peer& start_peer(gateway_pointer self, uint64_t key) {
  linked_peer& peer = self->state.peers[key];
  if (!peer.link) start_link(self, key, peer);
  return peer;
}

void end_peer(gateway_pointer self, uint64_t key, std::optional<parting> why) {
  zmq_gateway_state& state = self->state;
  state.options.board->forget(key);
  const auto found = state.peers.find(key);
  if (found == state.peers.end()) return;
  std::vector<uint64_t> connections;
  for (const auto& [id, facts] : found->second.connections) {
    connections.push_back(id);
    state.owners.erase(id);
    state.options.wire->unroute(id);
  }
  std::erase_if(state.probed, [&](const auto& item) { return item.second.key == key; });
  end_link(self, found->second, why, std::move(connections));
  state.peers.erase(found);
  tell_of_links(self);
  tell_of_others(self);
}

// Requests that wait for a peer
// -------------------------------------------------------------------------------------------------

void answer_waiting(gateway_pointer self, uint64_t key) {
  const peer_record* record = self->state.registry.find(key);
  std::erase_if(self->state.waiting, [&](const auto& item) {
    if (item.second.key != key || record == nullptr) return false;
    const auto how = item.second.fresh ? peer_added::how::made : peer_added::how::known;
    (*item.second.answer)(peer_added{how, record->name, record->zmq_uri});
    return true;
  });
}

void refuse_waiting(gateway_pointer self, uint64_t key, const error& problem) {
  std::erase_if(self->state.waiting, [&](const auto& item) {
    if (item.second.key != key) return false;
    (*item.second.answer)(tl::unexpected(problem));
    return true;
  });
}

void give_up_waiting(gateway_pointer self, uint64_t waiter) {
  const auto found = self->state.waiting.find(waiter);
  if (found == self->state.waiting.end()) return;
  const auto request = found->second;
  self->state.waiting.erase(found);
  const peer_record* record = self->state.registry.find(request.key);
  if (record == nullptr) return (*request.answer)(fail(ec::conflict, "the peer was removed"));
  (*request.answer)(peer_added{peer_added::how::waiting, record->name, record->zmq_uri});
}

void wait(gateway_pointer self, const add_peer& asked, uint64_t key, bool fresh) {
  zmq_gateway_state& state = self->state;
  const uint64_t waiter = ++state.last_waiter;
  state.waiting[waiter] = {key, fresh, asked.answer};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      asked.deadline - std::chrono::steady_clock::now());
  const auto most = std::min(defaults::peer_wait, left - defaults::tick_interval);
  self->delayed_send(self, std::max(most, std::chrono::milliseconds(0)), wait_over{waiter});
}

// Refusals
// -------------------------------------------------------------------------------------------------

bool is_awaited_fresh(const zmq_gateway_state& state, uint64_t key) {
  return std::any_of(state.waiting.begin(), state.waiting.end(),
                     [&](const auto& item) { return item.second.key == key && item.second.fresh; });
}

void forget_peer(gateway_pointer self, uint64_t key) {
  self->state.registry.forget(key);
  end_peer(self, key, std::nullopt);
  save(self);
}

/// A dialled address leads to this node itself.
void met_itself(gateway_pointer self, uint64_t key) {
  zmq_gateway_state& state = self->state;
  refuse_waiting(self, key, {ec::bad_request, "the address is this node's own"});
  if (!state.registry.led_here(key)) {
    end_peer(self, key, std::nullopt);
  } else if (linked_peer* peer = find_peer(state, key)) {
    // The address may lead to the peer again later.
    peer->dial_at = now(self) + defaults::cut_pause;
    std::vector<uint64_t> dialled;
    for (const auto& [id, facts] : peer->connections)
      if (!facts.dialled_uri.empty()) dialled.push_back(id);
    for (const uint64_t id : dialled) hang_up(self, key, *peer, id);
    show(self, key);
  }
  save(self);
}

/// Why this node refuses a peer. The peer is told the same reason from its point of view.
std::string own_reason(parting why) {
  switch (why) {
  case parting::same_name: return "another node of its name is known here";
  case parting::same_identity: return "another node with its identity is known: a copied store";
  case parting::version: return "it speaks another version of the protocol";
  case parting::too_many: return "this node has reached --max-peers";
  case parting::removed:
  case parting::ending:
  case parting::itself: break;
  }
  return std::string(replication::to_string(why));
}

/// Handles a refusal by either side.
void refused(gateway_pointer self, uint64_t key, parting why, const std::string& reason) {
  zmq_gateway_state& state = self->state;
  const peer_record* record = state.registry.find(key);
  linked_peer* peer = find_peer(state, key);
  if (record == nullptr || peer == nullptr || why == parting::ending) return;
  if (std::exchange(peer->refusal, reason) != reason) {
    log::warn("no link with a peer", {{"peer", record->name}, {"reason", reason}});
    show(self, key);
  }
  if (why == parting::itself) return met_itself(self, key);
  const bool fresh = is_awaited_fresh(state, key);
  refuse_waiting(self, key, {ec::conflict, reason});
  if (fresh || why == parting::removed || (peer->unproven && !record->given))
    forget_peer(self, key);
}

/// A peer exceeded a limit of its link.
void cut_off(gateway_pointer self, uint64_t key, const std::string& reason) {
  zmq_gateway_state& state = self->state;
  const peer_record* record = state.registry.find(key);
  linked_peer* peer = find_peer(state, key);
  if (record == nullptr || peer == nullptr) return;
  log::warn("a peer was disconnected: it exceeded a limit",
            {{"peer", record->name}, {"reason", reason}});
  state.options.counters->cut_peers.fetch_add(1);
  while (!peer->connections.empty()) hang_up(self, key, *peer, peer->connections.begin()->first);
  if (!record->given) return forget_peer(self, key);
  peer->dial_at = now(self) + defaults::cut_pause;
  peer->refusal = "it was cut: " + reason;
  show(self, key);
}

// Greetings
// -------------------------------------------------------------------------------------------------

void greet(gateway_pointer self, uint64_t id, hello greeting, std::string frame);

std::optional<uint64_t> instance_of(const zmq_gateway_state& state, uint64_t key) {
  const auto found = state.peers.find(key);
  if (found == state.peers.end()) return std::nullopt;
  const auto& connections = found->second.connections;
  const bool greeted = std::any_of(connections.begin(), connections.end(),
                                   [](const auto& item) { return item.second.greeted; });
  if (!greeted) return std::nullopt;
  return found->second.instance;
}

void begin_probe(gateway_pointer self, uint64_t id, uint64_t key, hello greeting,
                 std::string frame) {
  zmq_gateway_state& state = self->state;
  const auto known = state.probed.find(id);
  if (known != state.probed.end()) { // it greeted again during the probe
    known->second.greeting = std::move(greeting);
    known->second.frame = std::move(frame);
    return;
  }
  zmq_gateway_state::probed_connection probe{key, std::move(greeting), std::move(frame), {}};
  for (const auto& [old, facts] : state.peers.at(key).connections)
    probe.heard[old] = state.options.wire->heard(old);
  state.probed[id] = std::move(probe);
  self->delayed_send(self, defaults::identity_probe, probe_over{id});
}

void end_probe(gateway_pointer self, uint64_t id) {
  zmq_gateway_state& state = self->state;
  auto found = state.probed.extract(id);
  if (found.empty()) return;
  auto& probe = found.mapped();
  linked_peer* peer = find_peer(state, probe.key);
  if (peer == nullptr) return;
  std::vector<uint64_t> silent;
  bool alive = false;
  for (const auto& [old, heard] : probe.heard) {
    const auto facts = peer->connections.find(old);
    if (facts == peer->connections.end() || !facts->second.greeted) continue;
    alive = alive || state.options.wire->heard(old) > heard;
    silent.push_back(old);
  }
  if (alive) {
    log::warn("a second node with the identity of a peer: a copied store",
              {{"peer", probe.greeting.name}, {"node_id", probe.greeting.node_id}});
    return say_goodbye(self, id, probe.greeting, parting::same_identity);
  }
  for (const uint64_t old : silent)
    if (old != id) hang_up(self, probe.key, *peer, old);
  greet(self, id, std::move(probe.greeting), std::move(probe.frame));
}

/// Two records turned out to be one peer: moves connections and requests from `from` to `to`.
void absorb(gateway_pointer self, uint64_t from, uint64_t to) {
  zmq_gateway_state& state = self->state;
  for (auto& [waiter, request] : state.waiting) {
    if (request.key != from) continue;
    request.key = to;
    request.fresh = false;
  }
  state.options.board->forget(from);
  const auto found = state.peers.find(from);
  if (found == state.peers.end()) return;
  linked_peer& into = state.peers[to];
  for (auto& [id, facts] : found->second.connections) {
    state.owners[id] = to;
    into.connections[id] = std::move(facts);
  }
  end_link(self, found->second, std::nullopt, {});
  state.peers.erase(found);
  tell_of_links(self);
}

/// Moves the connection to the peer `key`.
connection& claim(zmq_gateway_state& state, uint64_t id, uint64_t key) {
  const auto owner = state.owners.find(id);
  connection facts;
  if (owner != state.owners.end() && owner->second != key) {
    if (linked_peer* before = find_peer(state, owner->second)) {
      const auto there = before->connections.find(id);
      if (there != before->connections.end()) facts = std::move(there->second);
      before->connections.erase(id);
    }
  }
  state.owners[id] = key;
  return state.peers[key].connections.try_emplace(id, std::move(facts)).first->second;
}

/// The link answers over the greeting's connection, so that the peer knows its other end.
void take_greeting(gateway_pointer self, uint64_t key, linked_peer& peer, frame_received came) {
  const uint64_t before = std::exchange(peer.chosen, came.connection);
  const time_point since = peer.chosen_at;
  self->send(peer.link, connection_chosen{came.connection, false});
  self->send(peer.link, std::move(came));
  choose(self, key, peer);
  peer.chosen_at = peer.chosen == before ? since : now(self);
}

std::string dialled_uri(const zmq_gateway_state& state, uint64_t id) {
  const auto owner = state.owners.find(id);
  if (owner == state.owners.end()) return {};
  const auto peer = state.peers.find(owner->second);
  if (peer == state.peers.end()) return {};
  const auto facts = peer->second.connections.find(id);
  return facts == peer->second.connections.end() ? std::string() : facts->second.dialled_uri;
}

void accept(gateway_pointer self, uint64_t id, const greeting_verdict& verdict,
            const hello& greeting, std::string frame) {
  zmq_gateway_state& state = self->state;
  const auto owner = state.owners.find(id);
  const uint64_t dialled = owner == state.owners.end() ? 0 : owner->second;
  const peer_record before = verdict.key == 0 ? peer_record{} : *state.registry.find(verdict.key);
  const auto done = state.registry.accept(verdict, greeting, dialled, dialled_uri(state, id));
  const uint64_t key = done.key;
  if (verdict.evict != 0) end_peer(self, verdict.evict, parting::too_many);
  if (done.merged != 0) absorb(self, done.merged, key);
  const bool is_known = state.peers.count(key) != 0 && state.peers[key].link;
  connection& facts = claim(state, id, key);
  facts.made = facts.greeted = true;
  facts.heard = 0;
  facts.heard_at = now(self);
  linked_peer& peer = state.peers[key];
  peer.instance = greeting.instance;
  peer.greeted_at = now(self);
  state.idle_frames.erase(id);
  if (verdict.key == 0) peer.unproven = true;
  if (peer.established) state.registry.established(key); // no invitation is needed
  const peer_record& record = *state.registry.find(key);
  const bool same_link = record.all_buckets == before.all_buckets &&
                         record.buckets == before.buckets && record.invites == before.invites &&
                         record.given == before.given;
  if (is_known && !same_link) {
    restart_link(self, key, peer);
  } else if (!is_known) {
    start_link(self, key, peer);
  }
  if (done.changed) save(self);
  show(self, key);
  state.options.wire->route(id, peer.link);
  take_greeting(self, key, peer, {id, std::move(frame), true, 0});
  if (done.merged != 0 && peer.established) answer_waiting(self, key);
}

/// A peer that only greeted counts as in use for `connection_settled`.
bool is_in_use(gateway_pointer self, uint64_t key) {
  const linked_peer* peer = find_peer(self->state, key);
  return peer != nullptr && !peer->connections.empty() &&
         (peer->established || now(self) - peer->greeted_at < defaults::connection_settled);
}

/// A greeting arrived over a connection that belongs to no link yet.
void greet(gateway_pointer self, uint64_t id, hello greeting, std::string frame) {
  zmq_gateway_state& state = self->state;
  const auto owner = state.owners.find(id);
  const uint64_t dialled = owner == state.owners.end() ? 0 : owner->second;
  const auto verdict = state.registry.judge(
      greeting, dialled, state.options.own,
      [&](uint64_t key) -> std::optional<uint64_t> { return instance_of(state, key); },
      [&](uint64_t key) { return is_in_use(self, key); });
  switch (verdict.what) {
  case greeting_verdict::kind::ignore: return;
  case greeting_verdict::kind::probe:
    return begin_probe(self, id, verdict.key, std::move(greeting), std::move(frame));
  case greeting_verdict::kind::accept: return accept(self, id, verdict, greeting, std::move(frame));
  case greeting_verdict::kind::refuse: break;
  }
  say_goodbye(self, id, greeting, verdict.why);
  // If the greeter was removed here, do not mark the peer configured for this address as refused.
  if (dialled != 0 && verdict.why != parting::removed)
    refused(self, dialled, verdict.why, own_reason(verdict.why));
}

/// Handles greetings, and goodbyes over dialled connections; drops all other frames.
void take_frame(gateway_pointer self, const frame_received& came) {
  zmq_gateway_state& state = self->state;
  const auto owner = state.owners.find(came.connection);
  linked_peer* peer = owner == state.owners.end() ? nullptr : find_peer(state, owner->second);
  if (peer != nullptr && peer->link && peer->connections[came.connection].greeted) {
    // The wire received this frame before the gateway routed the connection to the link.
    self->send(peer->link, frame_received{came.connection, came.frame, true, 0});
    return;
  }
  if (owner == state.owners.end() &&
      ++state.idle_frames[came.connection] > defaults::frames_of_nobody) {
    state.idle_frames.erase(came.connection);
    state.options.counters->cut_peers.fetch_add(1);
    return state.options.wire->hang_up(came.connection);
  }
  if (came.frame.size() > defaults::greeting_bytes) return;
  auto opened = replication::decode_frame(came.frame, defaults::greeting_bytes);
  if (!opened) return;
  if (auto* greeting = std::get_if<hello>(&opened->content))
    return greet(self, came.connection, std::move(*greeting), came.frame);
  const auto* last = std::get_if<replication::goodbye>(&opened->content);
  if (last == nullptr || peer == nullptr) return;
  if (!peer->established) {
    if (peer->link) self->send(peer->link, frame_received{came.connection, came.frame, true, 0});
    return;
  }
  // The peer is reached over another connection, so this connection leads to another node.
  const uint64_t key = owner->second;
  if (last->why == parting::itself) return met_itself(self, key);
  hang_up(self, key, *peer, came.connection);
}

void lost(gateway_pointer self, uint64_t id) {
  zmq_gateway_state& state = self->state;
  state.probed.erase(id);
  state.idle_frames.erase(id);
  const auto owner = state.owners.find(id);
  if (owner == state.owners.end()) return;
  const uint64_t key = owner->second;
  linked_peer* peer = find_peer(state, key);
  if (peer == nullptr) return;
  peer->away_since = now(self);
  state.options.wire->unroute(id);
  connection& facts = peer->connections[id];
  if (facts.dialled_uri.empty()) {
    peer->connections.erase(id);
    state.owners.erase(owner);
    state.options.wire->hang_up(id); // so that the wire forgets it
  } else {
    facts.made = facts.greeted = false;
  }
  if (peer->chosen == id) lose_chosen(self, key, *peer);
}

void made(gateway_pointer self, uint64_t id) {
  zmq_gateway_state& state = self->state;
  const auto owner = state.owners.find(id);
  if (owner == state.owners.end()) return;
  linked_peer* peer = find_peer(state, owner->second);
  if (peer == nullptr) return;
  peer->connections[id].made = true;
  choose(self, owner->second, *peer);
}

// Links
// -------------------------------------------------------------------------------------------------

/// Up to a second, so that two nodes that lost each other do not dial at the same moment.
std::chrono::milliseconds some_time(gateway_pointer self) {
  return std::chrono::milliseconds(self->state.options.random() % 1000);
}

/// False for a link that was already told to end.
bool is_from_link(gateway_pointer self, uint64_t key) {
  const linked_peer* peer = find_peer(self->state, key);
  return peer != nullptr && peer->link &&
         caf::actor_cast<caf::actor_addr>(self->current_sender()) == peer->link.address();
}

void link_came_or_went(gateway_pointer self, const link_changed& news) {
  zmq_gateway_state& state = self->state;
  linked_peer* peer = find_peer(state, news.peer);
  const peer_record* record = state.registry.find(news.peer);
  if (peer == nullptr || record == nullptr) return;
  if (news.established && news.node_id != record->node_id) {
    // The peer greeted with another node id over a connection that was accepted for this peer.
    log::warn("a peer changed its identity", {{"peer", record->name}, {"node_id", news.node_id}});
    while (!peer->connections.empty())
      hang_up(self, news.peer, *peer, peer->connections.begin()->first);
    return;
  }
  peer->established = news.established;
  peer->dial_at = std::max(peer->dial_at, now(self) + some_time(self));
  tell_of_others(self);
  if (!news.established) {
    log::info("a peer is not reached any more", {{"peer", record->name}});
    return;
  }
  peer->unproven = false;
  peer->refusal.clear();
  show(self, news.peer);
  log::info("a peer is reached", {{"peer", record->name}, {"node_id", news.node_id}});
  if (state.registry.established(news.peer)) save(self);
  answer_waiting(self, news.peer);
}

void link_died(gateway_pointer self, const caf::actor_addr& source) {
  zmq_gateway_state& state = self->state;
  for (auto& [key, peer] : state.peers) {
    if (!peer.link || peer.link.address() != source) continue;
    const peer_record* record = state.registry.find(key);
    log::error("a peer's link died and is started again",
               {{"peer", record != nullptr ? record->name : std::string()}});
    state.options.counters->restarts.fetch_add(1);
    peer.link = peer_link_actor(); // the next tick starts it again
    peer.established = false;
    for (const auto& [id, facts] : peer.connections) state.options.wire->unroute(id);
    return;
  }
}

void link_ended(gateway_pointer self, const caf::down_msg& down) {
  zmq_gateway_state& state = self->state;
  const auto ending = state.ending.find(down.source);
  if (ending == state.ending.end()) return link_died(self, down.source);
  for (const uint64_t id : ending->second) state.options.wire->hang_up(id);
  state.ending.erase(ending);
}

void look_for_signs(gateway_pointer self, linked_peer& peer, time_point at) {
  for (auto& [id, facts] : peer.connections) {
    if (!facts.greeted) continue;
    const uint64_t heard = self->state.options.wire->heard(id);
    if (std::exchange(facts.heard, heard) != heard) facts.heard_at = at;
  }
}

/// Hangs up connections, except the chosen one, that were dialled at an address that is not the
/// peer's. If the chosen one is settled, also all others that this node dialled, and silent ones.
void hang_up_needless(gateway_pointer self, uint64_t key, linked_peer& peer, time_point at) {
  const auto chosen = peer.connections.find(peer.chosen);
  const bool settled = peer.established && chosen != peer.connections.end() &&
                       is_alive(chosen->second, at) &&
                       at - peer.chosen_at >= defaults::connection_settled;
  std::vector<uint64_t> needless;
  const peer_record* record = self->state.registry.find(key);
  for (const auto& [id, facts] : peer.connections) {
    if (id == peer.chosen) continue;
    const bool dialled = !facts.dialled_uri.empty();
    const bool elsewhere = dialled && record != nullptr && !record->has_uri(facts.dialled_uri);
    if ((settled && (dialled || at - facts.heard_at >= defaults::connection_settled)) || elsewhere)
      needless.push_back(id);
  }
  for (const uint64_t id : needless) hang_up(self, key, peer, id);
}

/// Forgets strangers that only greeted, and those that were away for `stranger_memory`.
void forget_strangers(gateway_pointer self, time_point at) {
  std::vector<uint64_t> gone;
  for (const auto& [key, record] : self->state.registry.peers()) {
    const linked_peer* peer = find_peer(self->state, key);
    if (record.given || peer == nullptr || !peer->connections.empty()) continue;
    if (peer->unproven || at - peer->away_since >= replication::defaults::stranger_memory)
      gone.push_back(key);
  }
  for (const uint64_t key : gone) forget_peer(self, key);
}

void look_after(gateway_pointer self) {
  const time_point at = now(self);
  forget_strangers(self, at);
  for (auto& [key, peer] : self->state.peers) {
    if (!peer.link && self->state.registry.find(key) != nullptr) start_link(self, key, peer);
    look_for_signs(self, peer, at);
    hang_up_needless(self, key, peer, at);
    if (!peer.established && at >= peer.dial_at) dial(self, key, peer);
    choose(self, key, peer, !peer.established);
  }
  write_registry(self); // retries a failed write
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

/// Called when the peer's record is on disk.
void added(gateway_pointer self, const add_peer& asked, uint64_t key, bool fresh) {
  if (self->state.registry.find(key) == nullptr) // merged with another record, or removed meanwhile
    return (*asked.answer)(fail(ec::conflict, "the peer was removed"));
  const bool running = self->state.peers.count(key) != 0;
  linked_peer& peer = start_peer(self, key);
  if (running) restart_link(self, key, peer);
  dial(self, key, peer);
  choose(self, key, peer);
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
  const linked_peer* peer = find_peer(state, *key);
  if (known != 0 && same_filter && peer != nullptr && peer->established) {
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
  refuse_waiting(self, key, {ec::conflict, "the peer was removed"});
  state.registry.remove(key);
  log::info("a peer is removed", {{"peer", before.name}});
  asked.answer->begin(fail(ec::ambiguous, "the peer may or may not have been removed"));
  save(self, [self, asked, key, before](const error& problem) {
    if (problem.code == ec::none) {
      end_peer(self, key, parting::removed);
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
  for (auto& [key, peer] : state.peers) {
    if (!peer.link) continue;
    self->send(peer.link, part_link{static_cast<uint8_t>(parting::ending)});
    self->send_exit(peer.link, caf::exit_reason::user_shutdown);
  }
  for (auto& [waiter, request] : state.waiting)
    (*request.answer)(fail(ec::shutting_down, "the node is ending"));
  self->quit(exit.reason);
}

} // namespace

zmq_gateway_actor::behavior_type zmq_gateway(gateway_pointer self, zmq_gateway_options options) {
  self->state.options = std::move(options);
  if (!self->state.options.thread_time)
    self->state.options.thread_time = [] { return std::chrono::microseconds(0); };
  self->set_down_handler([self](const caf::down_msg& down) { link_ended(self, down); });
  self->set_exit_handler([self](const caf::exit_msg& exit) { end(self, exit); });
  self->state.options.board->forget_all();
  self->state.options.wire->attach(zmq_gateway_actor(self));
  self->state.strangers_work = std::make_shared<replication::work_budget>(
      defaults::strangers_work_share, defaults::peer_work_saved);
  read_registry(self);
  add_chosen_peers(self);
  for (const auto& [key, record] : self->state.registry.peers())
    dial(self, key, start_peer(self, key));
  self->delayed_send(self, defaults::peers_tick, tick{});
  return {
      [self](const add_peer& asked) { add(self, asked); },
      [self](const remove_peer& asked) { remove(self, asked); },
      [self](const frame_received& came) {
        take_frame(self, came);
        self->state.options.wire->handled(came);
      },
      [self](const connection_lost& news) { lost(self, news.connection); },
      [self](const connection_made& news) { made(self, news.connection); },
      [self](const link_changed& news) {
        if (is_from_link(self, news.peer)) link_came_or_went(self, news);
      },
      [self](const link_refused& news) {
        const auto why = static_cast<parting>(news.why);
        if (is_from_link(self, news.peer))
          refused(self, news.peer, why, std::string(replication::to_string(why)));
      },
      [self](const link_cut& news) {
        if (is_from_link(self, news.peer)) cut_off(self, news.peer, news.reason);
      },
      [self](const wait_over& over) { give_up_waiting(self, over.waiter); },
      [self](const probe_over& over) { end_probe(self, over.connection); },
      [self](tick) {
        look_after(self);
        self->delayed_send(self, defaults::peers_tick, tick{});
      },
  };
}

} // namespace treadmill
