#include "net/replication/peer_connections.hpp"
#include <algorithm>
#include <tuple>

namespace treadmill::replication {

using level = step::write_log::level;

// Results
// -------------------------------------------------------------------------------------------------

bool peer_connections::is_established(uint64_t key) const {
  const peer* of = find_peer(key);
  return of != nullptr && of->established;
}

std::string peer_connections::refusal(uint64_t key) const {
  const peer* of = find_peer(key);
  return of == nullptr ? std::string() : of->refusal;
}

uint64_t peer_connections::peer_of_link(uint64_t link) const {
  for (const auto& [key, of] : peers_)
    if (link != 0 && of.link == link) return key;
  return 0;
}

uint64_t peer_connections::peer_of(uint64_t id) const {
  const connection* facts = find_connection(id);
  return facts == nullptr ? 0 : facts->peer;
}

uint64_t peer_connections::chosen(uint64_t key) const {
  const peer* of = find_peer(key);
  return of == nullptr ? 0 : of->chosen;
}

std::vector<uint64_t> peer_connections::connections_of(uint64_t key) const {
  const peer* of = find_peer(key);
  if (of == nullptr) return {};
  return {of->connections.begin(), of->connections.end()};
}

std::vector<uint64_t> peer_connections::connections() const {
  std::vector<uint64_t> all;
  for (const auto& [id, facts] : connections_) all.push_back(id);
  return all;
}

void peer_connections::log(level at, std::string_view text, const std::string& name,
                           std::string_view field, std::string value) {
  put(step::write_log{at, text, name, field, std::move(value)});
}

// Connections
// -------------------------------------------------------------------------------------------------

peer_connections::connection* peer_connections::find_connection(uint64_t id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : &found->second;
}

const peer_connections::connection* peer_connections::find_connection(uint64_t id) const {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : &found->second;
}

/// Moves the connection to the peer `key`: nothing else changes whose a connection is, except
/// forget_connection.
peer_connections::connection& peer_connections::give(uint64_t id, uint64_t key) {
  connection& facts = connections_[id];
  if (peer* before = find_peer(facts.peer)) before->connections.erase(id);
  facts.peer = key;
  peers_[key].connections.insert(id);
  return facts;
}

void peer_connections::forget_connection(uint64_t id) {
  if (peer* of = find_peer(peer_of(id))) of->connections.erase(id);
  connections_.erase(id);
}

bool peer_connections::is_alive(const connection& of, ticks now) {
  return of.greeted && now - of.heard_at < defaults::connection_silence;
}

/// Both sides prefer the connection that the node with the smaller node id dialled.
bool peer_connections::is_preferred(uint64_t key, const connection& of) const {
  const peer_record* record = registry_.find(key);
  const bool own_first = record != nullptr && options_.own.node_id < record->node_id;
  return of.dialled_uri.empty() != own_first;
}

/// The connection to send over: one that is alive. If none is, the one in use, or, with `in_turn`,
/// the next one.
uint64_t peer_connections::best_connection(uint64_t key, const peer& of, ticks now,
                                           bool in_turn) const {
  using rank = std::tuple<bool, bool, ticks>; // preferred, in use, heard
  std::optional<rank> best_rank;
  uint64_t best = 0;
  std::vector<uint64_t> usable;
  for (const uint64_t id : of.connections) {
    const connection& facts = connections_.at(id);
    if (!facts.made) continue;
    usable.push_back(id);
    const rank is{is_preferred(key, facts), id == of.chosen, facts.heard_at};
    if (!is_alive(facts, now) || (best_rank && is <= *best_rank)) continue;
    best_rank = is;
    best = id;
  }
  if (best != 0 || usable.empty()) return best;
  const auto chosen = std::find(usable.begin(), usable.end(), of.chosen);
  if (chosen == usable.end()) return usable.front();
  if (!in_turn) return of.chosen;
  return chosen + 1 == usable.end() ? usable.front() : *(chosen + 1);
}

void peer_connections::choose(uint64_t key, peer& of, ticks now, bool in_turn) {
  const uint64_t best = best_connection(key, of, now, in_turn);
  if (best == of.chosen) return;
  of.chosen = best;
  of.chosen_at = now;
  if (of.link != 0) put(step::choose{of.link, best, false});
}

/// Tells the link that frames in flight are lost, even if no other connection is left.
void peer_connections::lose_chosen(uint64_t key, peer& of, ticks now) {
  of.chosen = best_connection(key, of, now, false);
  of.chosen_at = now;
  if (of.link != 0) put(step::choose{of.link, of.chosen, true});
}

void peer_connections::hang_up(uint64_t id, ticks now) {
  const uint64_t key = peer_of(id);
  put(step::hang_up{id});
  hung_up_[id] = now;
  forget_connection(id);
  if (peer* of = find_peer(key); of != nullptr && of->chosen == id) lose_chosen(key, *of, now);
}

void peer_connections::hang_up_all(peer& of, ticks now) {
  while (!of.connections.empty()) hang_up(*of.connections.begin(), now);
}

/// Dials each of the peer's addresses once: the carrier redials by itself.
void peer_connections::dial(uint64_t key, const peer& of) {
  const peer_record* record = registry_.find(key);
  if (record == nullptr) return;
  for (const std::string& uri : record->dialled()) {
    const bool is_dialling =
        std::any_of(of.connections.begin(), of.connections.end(),
                    [&](uint64_t id) { return connections_.at(id).dialled_uri == uri; });
    if (!is_dialling) put(step::dial{key, uri});
  }
}

void peer_connections::dialled(uint64_t key, const std::string& uri, uint64_t id) {
  if (find_peer(key) == nullptr) return put(step::hang_up{id});
  give(id, key).dialled_uri = uri;
}

void peer_connections::made(uint64_t id, ticks now) {
  connection* facts = find_connection(id);
  if (facts == nullptr || facts->peer == 0) return;
  facts->made = true;
  choose(facts->peer, *find_peer(facts->peer), now);
}

void peer_connections::lost(uint64_t id, ticks now) {
  connection* facts = find_connection(id);
  if (facts == nullptr) return;
  const uint64_t key = facts->peer;
  if (key == 0) return forget_connection(id);
  peer& of = *find_peer(key);
  of.away_since = now;
  put(step::route{id, 0});
  if (facts->dialled_uri.empty()) {
    forget_connection(id);
    put(step::hang_up{id}); // so that the caller forgets it
  } else {
    facts->made = facts->greeted = false;
    facts->probing.reset();
  }
  if (of.chosen == id) lose_chosen(key, of, now);
}

void peer_connections::look_for_signs(const peer& of, ticks now) {
  for (const uint64_t id : of.connections) {
    connection& facts = connections_.at(id);
    if (!facts.greeted) continue;
    const uint64_t heard = options_.heard(id);
    if (std::exchange(facts.heard, heard) != heard) facts.heard_at = now;
  }
}

/// Hangs up connections, except the chosen one, that were dialled at an address that is not the
/// peer's. If the chosen one is settled, also all others that this node dialled, and silent ones.
void peer_connections::hang_up_needless(uint64_t key, peer& of, ticks now) {
  const connection* chosen = find_connection(of.chosen);
  const bool settled = of.established && chosen != nullptr && is_alive(*chosen, now) &&
                       now - of.chosen_at >= defaults::connection_settled;
  const peer_record* record = registry_.find(key);
  std::vector<uint64_t> needless;
  for (const uint64_t id : of.connections) {
    if (id == of.chosen) continue;
    const connection& facts = connections_.at(id);
    const bool dialled = !facts.dialled_uri.empty();
    const bool elsewhere = dialled && record != nullptr && !record->has_uri(facts.dialled_uri);
    const bool silent = now - facts.heard_at >= defaults::connection_settled;
    if ((settled && (dialled || silent)) || elsewhere) needless.push_back(id);
  }
  for (const uint64_t id : needless) hang_up(id, now);
}

// Peers
// -------------------------------------------------------------------------------------------------

peer_connections::peer* peer_connections::find_peer(uint64_t key) {
  const auto found = peers_.find(key);
  return found == peers_.end() ? nullptr : &found->second;
}

const peer_connections::peer* peer_connections::find_peer(uint64_t key) const {
  const auto found = peers_.find(key);
  return found == peers_.end() ? nullptr : &found->second;
}

void peer_connections::start_link(uint64_t key, peer& of) {
  of.link = ++last_link_;
  of.established = false;
  put(step::show{key});
  put(step::start_link{key, of.link});
  for (const uint64_t id : of.connections)
    if (connections_.at(id).greeted) put(step::route{id, of.link});
  if (of.chosen != 0) put(step::choose{of.link, of.chosen, false});
}

/// The record has changed: the new link has its options.
void peer_connections::restart_link(uint64_t key, peer& of) {
  ending_[of.link];
  put(step::end_link{of.link});
  start_link(key, of);
}

void peer_connections::added(uint64_t key, ticks now) {
  if (registry_.find(key) == nullptr) return;
  peer& of = peers_[key];
  if (of.link == 0) {
    start_link(key, of);
  } else {
    restart_link(key, of);
  }
  dial(key, of);
  choose(key, of, now);
}

void peer_connections::removed(uint64_t key, ticks now) {
  end_peer(key, disconnect_reason::removed, now);
}

/// The connections are hung up after the link has ended, so that it can send its last frames.
void peer_connections::end_peer(uint64_t key, std::optional<disconnect_reason> why, ticks now) {
  put(step::show{key, true});
  const auto found = peers_.find(key);
  if (found == peers_.end()) return;
  const uint64_t link = found->second.link;
  for (const uint64_t id : found->second.connections) {
    put(step::route{id, 0});
    if (link == 0) put(step::hang_up{id});
    hung_up_[id] = now;
    connections_.erase(id);
  }
  for (auto& [id, facts] : connections_)
    if (facts.probing && facts.probing->peer == key) facts.probing.reset();
  if (link != 0) {
    ending_[link].assign(found->second.connections.begin(), found->second.connections.end());
    put(step::end_link{link, why});
  }
  peers_.erase(found);
  tell_of_others();
}

void peer_connections::forget_peer(uint64_t key, ticks now) {
  registry_.forget(key);
  end_peer(key, std::nullopt, now);
  put(step::save{});
}

/// Forgets strangers that only greeted, and those that were away for `stranger_memory`.
void peer_connections::forget_strangers(ticks now) {
  std::vector<uint64_t> gone;
  for (const auto& [key, record] : registry_.peers()) {
    const peer* of = find_peer(key);
    if (record.given || of == nullptr || !of->connections.empty()) continue;
    if (of->unproven || now - of->away_since >= defaults::stranger_memory) gone.push_back(key);
  }
  for (const uint64_t key : gone) forget_peer(key, now);
}

/// Tells each link whether other links are established.
void peer_connections::tell_of_others() {
  const auto established = std::count_if(peers_.begin(), peers_.end(),
                                         [](auto& item) { return item.second.established; });
  for (const auto& [key, of] : peers_)
    if (of.link != 0) put(step::tell_others{of.link, established - (of.established ? 1 : 0) > 0});
}

void peer_connections::tick(ticks now) {
  for (const auto& [link, ids] : ending_)
    for (const uint64_t id : ids) hung_up_[id] = now; // the caller has not hung up yet
  std::erase_if(hung_up_,
                [&](const auto& item) { return now - item.second >= defaults::late_frames; });
  forget_strangers(now);
  for (auto& [key, of] : peers_) {
    if (of.link == 0 && registry_.find(key) != nullptr) start_link(key, of);
    look_for_signs(of, now);
    hang_up_needless(key, of, now);
    if (!of.established && now >= of.dial_at) dial(key, of);
    choose(key, of, now, !of.established);
  }
}

// Links
// -------------------------------------------------------------------------------------------------

void peer_connections::link_changed(uint64_t link, bool established, std::string_view node_id,
                                    ticks now) {
  const uint64_t key = peer_of_link(link);
  peer* of = find_peer(key);
  const peer_record* record = registry_.find(key);
  if (of == nullptr || record == nullptr) return;
  if (established && node_id != record->node_id) {
    // The peer greeted with another node id over a connection that was accepted for this peer.
    log(level::warn, "a peer changed its identity", record->name, "node_id", std::string(node_id));
    return hang_up_all(*of, now);
  }
  of->established = established;
  // Up to a second, so that two nodes that lost each other do not dial at the same moment.
  const ticks some_time(options_.random() % 1000);
  of->dial_at = std::max(of->dial_at, now + some_time);
  tell_of_others();
  if (!established) return log(level::info, "a peer is not reached any more", record->name);
  of->unproven = false;
  of->refusal.clear();
  put(step::show{key});
  log(level::info, "a peer is reached", record->name, "node_id", std::string(node_id));
  if (registry_.established(key)) put(step::save{});
  put(step::answer_requests{key});
}

void peer_connections::link_refused(uint64_t link, disconnect_reason why, ticks now) {
  if (const uint64_t key = peer_of_link(link))
    refused(key, 0, why, std::string(to_string(why)), now);
}

void peer_connections::link_cut(uint64_t link, const std::string& reason, ticks now) {
  const uint64_t key = peer_of_link(link);
  peer* of = find_peer(key);
  const peer_record* record = registry_.find(key);
  if (of == nullptr || record == nullptr) return;
  log(level::warn, "a peer was disconnected: it exceeded a limit", record->name, "reason", reason);
  put(step::count_cut{});
  hang_up_all(*of, now);
  if (!record->given) return forget_peer(key, now);
  of->dial_at = now + defaults::cut_pause;
  of->refusal = "it was cut: " + reason;
  put(step::show{key});
}

bool peer_connections::link_ended(uint64_t link, ticks now) {
  if (const auto ending = ending_.find(link); ending != ending_.end()) {
    for (const uint64_t id : ending->second) {
      put(step::hang_up{id});
      hung_up_[id] = now;
    }
    ending_.erase(ending);
    return false;
  }
  const uint64_t key = peer_of_link(link);
  peer* of = find_peer(key);
  if (of == nullptr) return false;
  const peer_record* record = registry_.find(key);
  log(level::error, "a peer's link died and is started again",
      record != nullptr ? record->name : std::string());
  of->link = 0;
  of->established = false;
  for (const uint64_t id : of->connections) put(step::route{id, 0});
  return true;
}

/// A dialled address leads to this node itself: that of the connection `id`, or, if it is 0, any.
/// The peer may be reached at its other addresses.
void peer_connections::met_itself(uint64_t key, uint64_t id, ticks now) {
  put(step::answer_requests{key, {ec::bad_request, "the address is this node's own"}});
  if (!registry_.led_here(key)) {
    end_peer(key, std::nullopt, now);
  } else if (peer* of = find_peer(key)) {
    // The address may lead to the peer again later.
    of->dial_at = now + defaults::cut_pause;
    for (const uint64_t one : connections_of(key)) {
      const bool is_dialled = !connections_.at(one).dialled_uri.empty();
      if (is_dialled && (id == 0 || one == id)) hang_up(one, now);
    }
    put(step::show{key});
  }
  put(step::save{});
}

/// Handles a refusal by either side. `id`: the connection that brought it; 0: unknown.
void peer_connections::refused(uint64_t key, uint64_t id, disconnect_reason why,
                               const std::string& reason, ticks now) {
  const peer_record* record = registry_.find(key);
  peer* of = find_peer(key);
  if (record == nullptr || of == nullptr || why == disconnect_reason::ending) return;
  if (std::exchange(of->refusal, reason) != reason) {
    log(level::warn, "no link with a peer", record->name, "reason", reason);
    put(step::show{key});
  }
  if (why == disconnect_reason::itself) return met_itself(key, id, now);
  const bool is_awaited = options_.is_awaited(key);
  put(step::answer_requests{key, {ec::conflict, reason}});
  if (is_awaited || why == disconnect_reason::removed || (of->unproven && !record->given))
    forget_peer(key, now);
}

} // namespace treadmill::replication
