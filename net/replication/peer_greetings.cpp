#include "net/replication/peer_connections.hpp"
#include <algorithm>

namespace treadmill::replication {

namespace {

/// Why this node refuses a peer. The peer is told the same reason from its point of view.
std::string own_reason(disconnect_reason why) {
  switch (why) {
  case disconnect_reason::same_name: return "another node of its name is known here";
  case disconnect_reason::same_identity:
    return "another node with its identity is known: a copied store";
  case disconnect_reason::version: return "it speaks another version of the protocol";
  case disconnect_reason::too_many: return "this node has reached --max-peers";
  case disconnect_reason::removed:
  case disconnect_reason::ending:
  case disconnect_reason::itself: break;
  }
  return std::string(to_string(why));
}

} // namespace

/// Handles greetings, and goodbyes over dialled connections; drops all other frames.
void peer_connections::received(uint64_t id, const std::string& bytes, ticks now) {
  if (hung_up_.count(id) > 0) return;
  connection& facts = connections_[id];
  const peer* of = find_peer(facts.peer);
  // The frame arrived before its connection was routed to the link.
  if (of != nullptr && of->link != 0 && facts.greeted)
    return put(step::forward{of->link, id, bytes});
  if (of == nullptr && ++facts.idle_frames > defaults::frames_of_nobody) {
    put(step::count_cut{});
    return hang_up(id, now);
  }
  if (bytes.size() > defaults::greeting_bytes) return;
  auto opened = decode_frame(bytes, defaults::greeting_bytes);
  if (!opened) return;
  if (const auto* greeting = std::get_if<hello>(&opened->content))
    return greet(id, *greeting, bytes, now);
  if (const auto* last = std::get_if<goodbye>(&opened->content); last != nullptr && of != nullptr)
    take_goodbye(id, last->why, bytes, now);
}

void peer_connections::take_goodbye(uint64_t id, disconnect_reason why, const std::string& bytes,
                                    ticks now) {
  const uint64_t key = peer_of(id);
  const peer& of = *find_peer(key);
  if (!of.established) {
    // The link does not know that the peer may be reached over its other connections.
    if (why == disconnect_reason::itself)
      return refused(key, id, why, std::string(to_string(why)), now);
    if (of.link != 0) put(step::forward{of.link, id, bytes});
    return;
  }
  // The peer is reached over another connection, so this connection leads to another node.
  if (why == disconnect_reason::itself) return met_itself(key, id, now);
  hang_up(id, now);
}

greeting_verdict peer_connections::judge(const hello& greeting, uint64_t dialled, ticks now) const {
  const auto connected = [this](uint64_t key) -> std::optional<uint64_t> {
    const peer* of = find_peer(key);
    if (of == nullptr || std::none_of(of->connections.begin(), of->connections.end(),
                                      [&](uint64_t id) { return connections_.at(id).greeted; }))
      return std::nullopt;
    return of->instance;
  };
  // A peer that only greeted counts as in use for `connection_settled`.
  const auto is_in_use = [&](uint64_t key) {
    const peer* of = find_peer(key);
    return of != nullptr && !of->connections.empty() &&
           (of->established || now - of->greeted_at < defaults::connection_settled);
  };
  return registry_.judge(greeting, dialled, options_.own, connected, is_in_use);
}

/// A greeting arrived over a connection that belongs to no link yet.
void peer_connections::greet(uint64_t id, const hello& greeting, const std::string& bytes,
                             ticks now) {
  const uint64_t dialled = peer_of(id);
  const greeting_verdict verdict = judge(greeting, dialled, now);
  switch (verdict.what) {
  case greeting_verdict::kind::ignore: return;
  case greeting_verdict::kind::probe: return begin_probe(id, verdict.key, bytes, now);
  case greeting_verdict::kind::accept: return accept(id, verdict, greeting, bytes, now);
  case greeting_verdict::kind::refuse: break;
  }
  put(step::send_goodbye{id, greeting.session, verdict.why});
  // If the greeter was removed here, do not mark the peer configured for this address as refused.
  if (dialled != 0 && verdict.why != disconnect_reason::removed)
    refused(dialled, id, verdict.why, own_reason(verdict.why), now);
}

// Probes
// -------------------------------------------------------------------------------------------------

/// Makes room for a greeting in `probed_bytes`: drops the longest one, so that long greetings of
/// strangers do not keep out short ones. False: the new one is the longest.
bool peer_connections::fits_probes(uint64_t id, size_t bytes) {
  size_t all = bytes;
  size_t most = bytes;
  connection* longest = nullptr;
  for (auto& [other, facts] : connections_) {
    if (other == id || !facts.probing) continue;
    const size_t held = facts.probing->frame.size();
    all += held;
    if (held <= most) continue;
    most = held;
    longest = &facts;
  }
  if (all <= defaults::probed_bytes) return true;
  if (longest != nullptr) longest->probing.reset();
  return longest != nullptr;
}

void peer_connections::begin_probe(uint64_t id, uint64_t key, const std::string& bytes, ticks now) {
  if (!fits_probes(id, bytes.size())) return;
  connection& facts = connections_.at(id);
  if (facts.probing) { // it greeted again during the probe
    facts.probing->frame = bytes;
    return;
  }
  facts.probing = probe{key, bytes, now + defaults::identity_probe, {}};
  for (const uint64_t own : connections_of(key)) facts.probing->heard[own] = options_.heard(own);
  put(step::probe{id});
}

void peer_connections::probe_over(uint64_t id, ticks now) {
  connection* facts = find_connection(id);
  // The probe may be a later one: the connection was lost, made again and greeted over.
  if (facts == nullptr || !facts->probing || now < facts->probing->until) return;
  const probe probing = std::move(*facts->probing);
  facts->probing.reset();
  const auto opened = decode_frame(probing.frame, defaults::greeting_bytes);
  if (!opened) return;
  const hello& greeting = std::get<hello>(opened->content);
  std::vector<uint64_t> silent;
  bool alive = false;
  for (const auto& [own, heard] : probing.heard) {
    const connection* known = find_connection(own);
    if (known == nullptr || known->peer != probing.peer || !known->greeted) continue;
    alive = alive || options_.heard(own) > heard;
    silent.push_back(own);
  }
  if (alive) {
    log(step::write_log::level::warn, "a second node with the identity of a peer: a copied store",
        greeting.name, "node_id", greeting.node_id);
    return put(step::send_goodbye{id, greeting.session, disconnect_reason::same_identity});
  }
  for (const uint64_t own : silent)
    if (own != id) hang_up(own, now);
  greet(id, greeting, probing.frame, now);
}

// Accepting
// -------------------------------------------------------------------------------------------------

void peer_connections::accept(uint64_t id, const greeting_verdict& verdict, const hello& greeting,
                              const std::string& bytes, ticks now) {
  const connection& facts = connections_.at(id);
  const peer_record before = verdict.key == 0 ? peer_record{} : *registry_.find(verdict.key);
  const auto done = registry_.accept(verdict, greeting, facts.peer, facts.dialled_uri);
  const uint64_t key = done.key;
  if (done.merged != 0) absorb(done.merged, key);
  claim(id, key, greeting, now);
  if (verdict.evict != 0) end_peer(verdict.evict, disconnect_reason::too_many, now);
  peer& of = peers_.at(key);
  if (verdict.key == 0) of.unproven = true;
  if (of.established) registry_.established(key); // no invitation is needed
  const peer_record& record = *registry_.find(key);
  const bool same_link = record.all_buckets == before.all_buckets &&
                         record.buckets == before.buckets && record.invites == before.invites &&
                         record.given == before.given;
  if (of.link == 0) {
    start_link(key, of);
  } else if (!same_link) {
    restart_link(key, of);
  }
  if (done.changed) put(step::save{});
  put(step::show{key});
  put(step::route{id, of.link});
  take_greeting(id, key, bytes, now);
  if (done.merged != 0 && of.established) put(step::answer_requests{key});
}

/// The connection belongs to the peer from now on.
void peer_connections::claim(uint64_t id, uint64_t key, const hello& greeting, ticks now) {
  const uint64_t before = peer_of(id);
  connection& facts = give(id, key);
  facts.made = facts.greeted = true;
  facts.heard = 0;
  facts.heard_at = now;
  facts.probing.reset();
  if (before != key)
    if (peer* former = find_peer(before); former != nullptr && former->chosen == id)
      lose_chosen(before, *former, now);
  peer& of = peers_.at(key);
  of.instance = greeting.instance;
  of.greeted_at = now;
}

/// Two records turned out to be one peer: moves connections and requests from `from` to `into`.
void peer_connections::absorb(uint64_t from, uint64_t into) {
  put(step::merge{from, into});
  put(step::show{from, true});
  const auto found = peers_.find(from);
  if (found == peers_.end()) return;
  for (const uint64_t id : connections_of(from)) give(id, into);
  if (const uint64_t link = found->second.link; link != 0) {
    ending_[link];
    put(step::end_link{link});
  }
  peers_.erase(found);
}

/// The link answers over the greeting's connection, so that the peer knows its other end.
void peer_connections::take_greeting(uint64_t id, uint64_t key, const std::string& bytes,
                                     ticks now) {
  peer& of = peers_.at(key);
  const uint64_t before = std::exchange(of.chosen, id);
  const ticks since = of.chosen_at;
  put(step::choose{of.link, id, false});
  put(step::forward{of.link, id, bytes});
  choose(key, of, now);
  of.chosen_at = of.chosen == before ? since : now;
}

} // namespace treadmill::replication
