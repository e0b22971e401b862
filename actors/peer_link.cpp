#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/defaults.hpp"
#include "actors/logging.hpp"
#include "actors/peer_link.hpp"
#include <algorithm>
#include <caf/actor_clock.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <utility>

namespace treadmill {
namespace {

using link_pointer = peer_link_actor::stateful_pointer<peer_link_state>;
using replication::apply_batch;
using replication::disconnect_reason;
using written_bucket = peer_link_state::written_bucket;

/// The actor system's clock, which a test controls.
ticks now(link_pointer self) {
  return std::chrono::duration_cast<ticks>(self->clock().now().time_since_epoch());
}

// Showing
// -------------------------------------------------------------------------------------------------

void add_counts(link_status& to, const link_status& more) {
  to.entries_in += more.entries_in;
  to.documents_in += more.documents_in;
  to.fetched += more.fetched;
  to.rejected += more.rejected;
  to.restarts += more.restarts;
  to.rescans += more.rescans;
  to.refused_documents += more.refused_documents;
  to.cuts += more.cuts;
  to.refused.insert(to.refused.begin(), more.refused.begin(), more.refused.end());
}

/// Logs the peer's buckets that have no place here once, and again when there are more.
void log_refused_buckets(peer_link_state& state, const link_status& status) {
  const uint64_t before = std::exchange(state.refused_buckets, status.refused_bucket_count);
  if (status.refused_bucket_count <= before) return;
  std::string names;
  for (const std::string& name : status.refused_buckets) names += (names.empty() ? "" : " ") + name;
  log::warn("buckets of a peer exceed --max-buckets",
            {{"peer", status.peer_name},
             {"count", std::to_string(status.refused_bucket_count)},
             {"buckets", names}});
}

void show(link_pointer self, ticks at) {
  peer_link_state& state = self->state;
  state.unshown = false;
  state.shown_at = at;
  link_status status = state.link->status(at);
  add_counts(status, state.counted);
  status.waited += state.waited;
  status.cuts += state.flooded;
  log_refused_buckets(state, status);
  std::optional<std::chrono::system_clock::time_point> seen;
  if (status.last_seen > ticks(0)) {
    seen = std::chrono::system_clock::now() - (at - status.last_seen);
  }
  state.options.board->show(state.options.peer, std::move(status), seen);
}

bool may_show(const peer_link_state& state, ticks at) {
  return !state.shown_at || at - *state.shown_at >= defaults::peer_shown_every;
}

// Buckets
// -------------------------------------------------------------------------------------------------

/// Asks the node; bucket_found answers.
void look_for(link_pointer self, const std::string& name, uint32_t number, bool make) {
  const peer_link_actor me(self);
  auto answer = [me, name, number, make](result<bucket_started> got) {
    bucket_found found{name, number, make, ec::none, {}};
    if (!got) {
      found.code = got.error().code;
    } else if (!make && got->facts.number != number) {
      found.code = ec::not_found; // dropped and made again
    } else {
      found.actor = got->actor;
    }
    caf::anon_send(me, std::move(found));
  };
  self->send(self->state.options.node,
             open_bucket{name, make,
                         std::make_shared<reply<result<bucket_started>>>(
                             std::move(answer), fail(ec::overloaded, "the node starts over")),
                         true});
}

void forward(link_pointer self, const bucket_actor& bucket, apply_batch&& batch) {
  const peer_link_actor me(self);
  auto answer = [me, number = batch.bucket, ticket = batch.ticket,
                 reopens = self->state.reopens](replication::batch_outcome done) {
    caf::anon_send(me,
                   documents_merged{number, ticket, done.code, reopens, std::move(done.refused)});
  };
  using outcome_reply = reply<replication::batch_outcome>;
  self->send(bucket, merge_documents{
                         std::make_shared<const apply_batch>(std::move(batch)), self->state.reopens,
                         std::make_shared<outcome_reply>(
                             std::move(answer), replication::batch_outcome{ec::ambiguous})});
}

void forward(link_pointer self, const bucket_actor& bucket, replication::note_checkpoint&& note) {
  self->send(bucket, record_checkpoint{std::move(note.peer_id), note.reached, self->state.reopens});
}

void give(link_pointer self, uint32_t number, peer_link_state::for_bucket&& what) {
  written_bucket& to = self->state.buckets[number];
  if (to.actor) {
    std::visit([&](auto&& one) { forward(self, to.actor, std::forward<decltype(one)>(one)); },
               std::move(what));
    return;
  }
  to.waiting.push_back(std::move(what));
  if (std::exchange(to.looking, true)) return;
  const auto buckets = self->state.options.rows->buckets();
  const auto found = std::find_if(buckets.begin(), buckets.end(),
                                  [&](const bucket_info& info) { return info.number == number; });
  if (found != buckets.end()) {
    look_for(self, found->name, number, false);
  } else { // it was dropped
    self->send(self, bucket_found{{}, number, false, ec::not_found, {}});
  }
}

/// Tells the link that the batches waiting for this bucket were not applied.
void refuse_waiting(link_pointer self, uint32_t number, written_bucket& bucket, ec code, ticks at) {
  for (const auto& what : std::exchange(bucket.waiting, {})) {
    if (const auto* batch = std::get_if<apply_batch>(&what))
      self->state.link->applied(number, batch->ticket, code, at);
  }
}

void found(link_pointer self, const bucket_found& answer, ticks at) {
  peer_link_state& state = self->state;
  const ec code = answer.code;
  if (answer.made) return state.link->bucket_made(answer.name, code, at);
  const auto place = state.buckets.find(answer.number);
  if (place == state.buckets.end()) return;
  place->second.looking = false;
  if (code != ec::none) {
    refuse_waiting(self, answer.number, place->second, code, at);
    state.buckets.erase(place);
    return;
  }
  place->second.actor = answer.actor;
  for (auto& what : std::exchange(place->second.waiting, {}))
    give(self, answer.number, std::move(what));
}

void merged(link_pointer self, const documents_merged& answer, ticks at) {
  peer_link_state& state = self->state;
  if (answer.reopens != state.reopens) return; // of an earlier link
  const ec code = answer.code;
  const auto place = state.buckets.find(answer.bucket);
  // If the bucket's actor died, look up its successor for the next batch.
  if (code != ec::none && place != state.buckets.end()) place->second.actor = bucket_actor();
  state.link->applied(answer.bucket, answer.ticket, code, at, answer.refused);
}

// The link
// -------------------------------------------------------------------------------------------------

void make_link(link_pointer self) {
  peer_link_state& state = self->state;
  state.reopens = state.options.rows->reopens();
  state.buckets.clear();
  state.link = std::make_unique<replication::link>(state.options.link, *state.rows);
  state.link->set_patient(state.patient);
}

/// Not at the failure itself: what the link reads before the reopen may be gone after it.
void begin_anew_after_reopen(link_pointer self, ticks at) {
  peer_link_state& state = self->state;
  if (state.options.rows->reopens() == state.reopens) return;
  log::info("a peer's link begins anew, because the store was reopened",
            {{"peer", state.link->status(at).peer_name}});
  add_counts(state.counted, state.link->status(at));
  make_link(self);
}

void tell_gateway(link_pointer self) {
  peer_link_state& state = self->state;
  const bool established = state.link->established();
  const bool same_peer = !established || state.link->peer_id() == state.told;
  if (std::exchange(state.established, established) == established && same_peer) return;
  if (established) state.options.link.invites = false;
  state.told = state.link->peer_id();
  self->send(state.options.gateway, link_changed{state.options.peer, established, state.told});
  state.shown_at.reset(); // show it at once
}

void schedule(link_pointer self, ticks at) {
  peer_link_state& state = self->state;
  ticks due = state.link->due();
  if (state.unshown) due = std::min(due, *state.shown_at + defaults::peer_shown_every);
  if (!state.deferred.empty()) due = std::min(due, at + state.options.work->wait(at));
  // Wait at least 1 ms: due work that cannot continue yet must not keep a thread busy.
  due = std::max(due, at + ticks(1));
  if (state.tick_at && *state.tick_at <= due) return;
  state.tick_at = due;
  self->delayed_send(self, due - at, tick{});
}

void forget_deferred(link_pointer self) {
  for (const frame_received& came : std::exchange(self->state.deferred, {}))
    self->state.options.wire->handled(came);
}

void cut(link_pointer self, std::string why) {
  forget_deferred(self);
  self->send(self->state.options.gateway, link_cut{self->state.options.peer, std::move(why)});
}

void settle(link_pointer self, ticks at) {
  peer_link_state& state = self->state;
  replication::effects out = state.link->take();
  for (std::string& frame : out.frames)
    if (state.connection != 0) state.options.wire->send(state.connection, std::move(frame));
  for (apply_batch& batch : out.batches) {
    const uint32_t number = batch.bucket;
    give(self, number, std::move(batch));
  }
  for (replication::note_checkpoint& note : out.notes) {
    const uint32_t number = note.bucket;
    give(self, number, std::move(note));
  }
  for (const std::string& name : out.make_buckets) look_for(self, name, 0, true);
  tell_gateway(self);
  if (!out.cut.empty()) cut(self, std::move(out.cut));
  if (out.ended)
    self->send(state.options.gateway,
               link_refused{state.options.peer, static_cast<uint8_t>(*out.ended)});
  state.unshown = true;
  if (may_show(state, at)) show(self, at);
  schedule(self, at);
}

/// Handles one event and carries out its effects.
template<class Event>
void handle(link_pointer self, Event event) {
  const ticks at = now(self);
  begin_anew_after_reopen(self, at);
  event(at);
  settle(self, at);
}

void choose(link_pointer self, const connection_chosen& chosen, ticks at) {
  self->state.connection = chosen.connection;
  if (chosen.lost) self->state.link->lost(at);
}

/// Runs `work` and, unless it answers that this side had asked for it, charges the peer for the
/// time.
template<class Work>
void charge(link_pointer self, ticks at, Work work) {
  const auto before = self->state.options.thread_time();
  const bool asked_for = work();
  if (!asked_for) self->state.options.work->spend(self->state.options.thread_time() - before, at);
}

void take_frame(link_pointer self, const frame_received& came, ticks at) {
  charge(self, at, [&] { return self->state.link->received(came.frame, at); });
  self->state.options.wire->handled(came);
}

/// Takes deferred frames while the peer's budget lasts, at most 64 at once, so that other actors do
/// not wait long.
void take_deferred(link_pointer self, ticks at) {
  peer_link_state& state = self->state;
  for (int n = 0; n < 64 && !state.deferred.empty(); ++n) {
    if (state.options.work->wait(at) > ticks(0)) return;
    const frame_received came = std::move(state.deferred.front());
    state.deferred.pop_front();
    take_frame(self, came, at);
  }
}

void take_or_defer(link_pointer self, const frame_received& came, ticks at) {
  peer_link_state& state = self->state;
  if (state.deferred.empty() && state.options.work->wait(at) <= ticks(0))
    return take_frame(self, came, at);
  ++state.waited;
  state.link->heard(at);
  state.deferred.push_back(came);
  if (state.deferred.size() <= defaults::frames_deferred) return;
  ++state.flooded;
  cut(self, "it sent more than it had time for");
}

/// Ignores a tick that an earlier tick has replaced.
void take_tick(link_pointer self, ticks at) {
  peer_link_state& state = self->state;
  if (!state.tick_at || at < *state.tick_at) return;
  state.tick_at.reset();
  take_deferred(self, at);
  if (at < state.link->due()) return;
  charge(self, at, [&] { return state.link->tick(at), false; });
}

} // namespace

peer_link_actor::behavior_type peer_link(link_pointer self, peer_link_options options) {
  self->state.options = std::move(options);
  self->state.rows = replication::make_local_rows(self->state.options.rows);
  make_link(self);
  // Without its gateway the link gets no frames, and a new gateway starts new links.
  self->monitor(self->state.options.gateway);
  self->set_down_handler([self](const caf::down_msg& down) { self->quit(down.reason); });
  settle(self, now(self));
  return {
      [self](const activity_advanced& news) {
        if (!self->state.options.rows->alive(news.bucket)) self->state.buckets.erase(news.bucket);
        handle(self, [&](ticks at) { self->state.link->advanced(news.bucket, at); });
      },
      [self](const frame_received& came) {
        handle(self, [&](ticks at) { take_or_defer(self, came, at); });
      },
      [self](const connection_chosen& chosen) {
        handle(self, [&](ticks at) { choose(self, chosen, at); });
      },
      [self](const others_linked& others) {
        self->state.patient = others.any;
        self->state.link->set_patient(others.any);
      },
      [self](const disconnect_link& last) {
        handle(self, [&](ticks) {
          self->state.link->say_goodbye(static_cast<disconnect_reason>(last.why));
        });
      },
      [self](const documents_merged& answer) {
        handle(self, [&](ticks at) { merged(self, answer, at); });
      },
      [self](const bucket_found& answer) {
        handle(self, [&](ticks at) { found(self, answer, at); });
      },
      [self](tick) { handle(self, [&](ticks at) { take_tick(self, at); }); },
  };
}

} // namespace treadmill
