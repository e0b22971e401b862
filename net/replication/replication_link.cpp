#include "net/replication/replication_link.hpp"
#include "net/replication/bucket_making.hpp"
#include "net/replication/link_following.hpp"
#include "net/replication/link_serving.hpp"
#include "net/replication/peer_holdings.hpp"
#include "storage/documents/names.hpp"
#include "storage/engine/keys.hpp"
#include <tuple>

namespace treadmill::replication {

struct link::impl {
  impl(link_options options, const local_rows& rows) {
    shared.options = std::move(options);
    shared.rows = &rows;
    new_session();
  }

  // Greeting
  void new_session();
  void greet(ticks now);
  void greeted(hello&& what, uint64_t session, ticks now);
  bool accept(const hello& what, ticks now);
  void begin_session(hello&& what, ticks now);
  void establish(ticks now);
  void end_session(std::string why, ticks now);
  void refused(disconnect_reason why, ticks now);

  // Frames of a session
  void received(std::string_view bytes, ticks now);
  void handle(frame&& what, ticks now);
  void handle(hello&&, ticks) {} // link::impl::received handles it
  void handle(const goodbye& what, ticks now);
  void handle(bucket_digests&& what, ticks now);
  void handle(follow&& what, ticks now);
  void handle(leave&& what, ticks now);
  void handle(activity&& what, ticks now);
  void handle(fetch_documents&& what, ticks now);
  void handle(documents&& what, ticks now);
  void handle(fetch_part&& what, ticks now);
  void handle(part&& what, ticks now);

  // Buckets
  bool takes(const std::string& bucket) const;
  std::optional<bucket_info> served_bucket(const std::string& name);
  following* followed(const std::string& name);
  void announced(const bucket_digests::item& item, ticks now);
  void start_following(const std::string& name, ticks now);
  void forget_gone();
  void end_contradicted(ticks now);
  void look_at_own();
  void serve(serving& bucket, ticks now);
  void serve_all(ticks now);
  bool withholds(const std::string& bucket, const bucket_state& state);
  void send_heads(bool all, ticks now);
  void compare(const std::string& bucket, ticks now);
  void share_room(ticks now);
  void show_problems(link_status& shown) const;

  link_context shared{};
  uint64_t session = 0;
  bool established = false;
  hello peer{};
  std::string reason{};
  ticks greet_at{0};
  back_off<ticks> greeting{defaults::greet_first, defaults::greet_most};
  ticks heard_at{0};
  ticks first_greeted{-1};
  ticks heartbeat_at{0};
  ticks serve_at{-1}; ///< when to serve more; -1: nothing to serve
  std::map<std::string, std::unique_ptr<following>> followings{};
  std::map<std::string, std::unique_ptr<serving>> servings{};
  /// What the last announcement of each bucket told the peer.
  std::map<std::string, std::tuple<hash128, uint64_t, hash128>> told{};
  std::string told_next{}; ///< where the rotation of unchanged buckets continues
  /// Buckets that the session cannot carry, with the features that it lacks.
  std::map<std::string, uint64_t> withheld{};
  bucket_making making{shared};
  peer_holdings holdings{};
};

// Greeting
// -------------------------------------------------------------------------------------------------

void link::impl::new_session() {
  do session = shared.options.random();
  while (session == 0);
}

void link::impl::greet(ticks now) {
  hello mine;
  mine.session = session;
  mine.instance = shared.options.instance;
  mine.newest = shared.options.newest;
  mine.node_id = shared.options.node_id;
  mine.name = shared.options.name;
  mine.zmq_uri = shared.options.zmq_uri;
  mine.invites = shared.options.invites;
  mine.zstd = shared.options.zstd;
  mine.all_buckets = shared.options.all_buckets;
  mine.buckets = shared.options.buckets;
  shared.send(std::move(mine));
  if (first_greeted < ticks(0)) first_greeted = now;
  greet_at = now + greeting.next(shared.options.random());
}

/// Returns false if this node refuses a link with this peer.
bool link::impl::accept(const hello& what, ticks now) {
  if (what.newest < protocol_oldest || what.oldest > shared.options.newest) {
    shared.peer_session = what.session;
    shared.send(goodbye{disconnect_reason::version});
    refused(disconnect_reason::version, now);
    return false;
  }
  if (what.node_id == shared.options.node_id) {
    refused(what.instance == shared.options.instance ? disconnect_reason::itself
                                                     : disconnect_reason::same_identity,
            now);
    return false;
  }
  return true;
}

void link::impl::greeted(hello&& what, uint64_t to, ticks now) {
  if (!accept(what, now)) return;
  if (what.session != shared.peer_session) begin_session(std::move(what), now);
  if (to == session) {
    establish(now);
  } else {
    greet(now); // the peer does not know this session yet
  }
}

void link::impl::begin_session(hello&& what, ticks now) {
  peer = std::move(what);
  shared.peer_session = peer.session;
  shared.version = std::min(shared.options.newest, peer.newest);
  shared.compress = shared.options.zstd && peer.zstd;
  shared.answers = {};
  established = false;
  if (shared.peer_id != peer.node_id) { // another node at this address, or the first greeting
    shared.peer_id = peer.node_id;
    followings.clear();
    holdings.clear();
  }
  servings.clear();
  told.clear();
  withheld.clear();
  for (auto& [name, bucket] : followings) bucket->begin_session(now);
}

void link::impl::establish(ticks now) {
  if (established) return;
  established = true;
  reason.clear();
  shared.options.invites = false;
  greeting.reset();
  heartbeat_at = now + defaults::heartbeat;
  send_heads(true, now);
}

void link::impl::end_session(std::string why, ticks now) {
  established = false;
  reason = std::move(why);
  shared.peer_session = 0;
  servings.clear();
  told.clear();
  new_session();
  greeting.reset();
  greet_at = now + greeting.next(shared.options.random());
}

void link::impl::refused(disconnect_reason why, ticks now) {
  end_session(std::string(replication::to_string(why)), now);
  if (why != disconnect_reason::ending) greet_at = now + defaults::greet_refused;
  if (why != disconnect_reason::ending) shared.out.ended = why;
}

// Frames
// -------------------------------------------------------------------------------------------------

void link::impl::handle(frame&& what, ticks now) {
  std::visit([&](auto& content) { handle(std::move(content), now); }, what);
}

void link::impl::handle(const goodbye& what, ticks now) { refused(what.why, now); }

void link::impl::handle(bucket_digests&& what, ticks now) {
  if (what.complete) making.forget_refused();
  for (const bucket_digests::item& item : what.buckets) announced(item, now);
  for (const bucket_digests::item& item : what.buckets) compare(item.bucket, now);
}

void link::impl::handle(follow&& what, ticks now) {
  const auto bucket = served_bucket(what.bucket);
  if (!bucket) {
    shared.send(leave{what.bucket});
    return;
  }
  auto& served = servings[what.bucket];
  if (!served) served = std::make_unique<serving>(shared, *bucket);
  served->asked(what, now);
  serve(*served, now);
  holdings.acknowledged(what.bucket, served->taken());
}

void link::impl::handle(leave&& what, ticks now) {
  if (following* bucket = followed(what.bucket)) bucket->stopped(now);
}

void link::impl::handle(activity&& what, ticks now) {
  if (following* bucket = followed(what.bucket)) bucket->taken_in(std::move(what), now);
}

void link::impl::handle(fetch_documents&& what, ticks) {
  if (const auto bucket = served_bucket(what.bucket)) return serve_documents(shared, *bucket, what);
  shared.send(leave{what.bucket});
}

void link::impl::handle(documents&& what, ticks now) {
  if (following* bucket = followed(what.bucket)) bucket->delivered(std::move(what), now);
  share_room(now);
}

void link::impl::handle(fetch_part&& what, ticks) {
  if (const auto bucket = served_bucket(what.bucket)) return serve_part(shared, *bucket, what);
  shared.send(leave{what.bucket});
}

void link::impl::handle(part&& what, ticks now) {
  if (following* bucket = followed(what.bucket)) bucket->delivered(std::move(what), now);
  share_room(now);
}

// Buckets
// -------------------------------------------------------------------------------------------------

namespace {

bool among(bool all, const std::vector<std::string>& buckets, const std::string& name) {
  return all || std::find(buckets.begin(), buckets.end(), name) != buckets.end();
}

} // namespace

/// If either side limits the link to some buckets, only the buckets that both allow pass, in both
/// directions.
bool link::impl::takes(const std::string& bucket) const {
  return !stays_local(bucket) &&
         among(shared.options.all_buckets, shared.options.buckets, bucket) &&
         among(peer.all_buckets, peer.buckets, bucket);
}

std::optional<bucket_info> link::impl::served_bucket(const std::string& name) {
  if (!takes(name)) return std::nullopt;
  auto bucket = shared.rows->find_bucket(name);
  const auto served = servings.find(name);
  // The bucket was dropped, or dropped and created again with another log.
  if (served != servings.end() && (!bucket || bucket->number != served->second->bucket().number))
    servings.erase(served);
  return bucket;
}

following* link::impl::followed(const std::string& name) {
  const auto found = followings.find(name);
  if (found == followings.end()) return nullptr;
  const auto bucket = shared.rows->find_bucket(name);
  if (bucket && bucket->number == found->second->bucket().number) return found->second.get();
  followings.erase(found);
  return nullptr;
}

void link::impl::announced(const bucket_digests::item& item, ticks now) {
  if (!takes(item.bucket)) return;
  if (following* bucket = followed(item.bucket)) return bucket->announced(item, now);
  if (shared.rows->find_bucket(item.bucket)) {
    making.exists(item.bucket);
    start_following(item.bucket, now);
    if (following* bucket = followed(item.bucket)) bucket->announced(item, now);
    return;
  }
  if (!shared.rows->left(item.bucket)) making.announced(item.bucket, now);
}

void link::impl::start_following(const std::string& name, ticks now) {
  const auto bucket = shared.rows->find_bucket(name);
  if (!bucket) return;
  const auto rows = shared.rows->latest();
  const auto bytes = rows->read(keys::checkpoint(bucket->number, shared.peer_id));
  if (!bytes) return; // the store is briefly closed; the next heartbeat names the bucket again
  checkpoint from;
  // A checkpoint that cannot be decoded only costs a new start from sequence 0.
  if (*bytes) from = checkpoint::decode(**bytes).value_or(checkpoint{});
  followings[name] = std::make_unique<following>(shared, *bucket, from);
  followings[name]->begin_session(now);
}

/// Removes the state of buckets that were dropped here.
void link::impl::forget_gone() {
  std::erase_if(followings, [&](const auto& item) {
    const auto bucket = shared.rows->find_bucket(item.first);
    return !bucket || bucket->number != item.second->bucket().number;
  });
  std::erase_if(withheld, [&](const auto& item) { return !shared.rows->find_bucket(item.first); });
  holdings.keep_only([&](const std::string& name, uint32_t number) {
    const auto bucket = shared.rows->find_bucket(name);
    return bucket && bucket->number == number && takes(name);
  });
}

/// Ends streams in which the peer acknowledges more than this node sent, after a frame was damaged
/// or forged in transit. The `leave` frame makes the peer start over.
void link::impl::end_contradicted(ticks now) {
  std::erase_if(servings, [&](const auto& item) {
    // Not counted as rejected: after a restart of the stream a correct peer can be silent for a
    // while.
    if (!item.second->contradicted(now)) return false;
    shared.send(leave{item.first});
    told.erase(item.first); // so that the next heartbeat announces the bucket again
    return true;
  });
}

/// Updates the sequences of this node's buckets for the status while the peer is unreachable.
void link::impl::look_at_own() {
  const auto rows = shared.rows->synced();
  for (const bucket_info& bucket : shared.rows->buckets()) {
    if (!takes(bucket.name)) continue;
    if (const auto state = read_state(*rows, bucket.number))
      holdings.reached(bucket.name, bucket.number, state->sequence);
  }
}

void link::impl::serve(serving& bucket, ticks now) {
  const serving::outcome served = bucket.serve();
  if (bucket.sequence() > 0)
    holdings.reached(bucket.bucket().name, bucket.bucket().number, bucket.sequence());
  if (served == serving::outcome::withheld) return shared.send(leave{bucket.bucket().name});
  if (served == serving::outcome::done) return;
  const ticks at = served == serving::outcome::more ? now : now + defaults::read_again;
  serve_at = serve_at < ticks(0) ? at : std::min(serve_at, at);
}

void link::impl::serve_all(ticks now) {
  serve_at = ticks(-1);
  for (auto& [name, bucket] : servings) serve(*bucket, now);
}

/// Whether the bucket is left out of this session; notes it for the status.
bool link::impl::withholds(const std::string& bucket, const bucket_state& state) {
  const uint64_t beyond = shared.beyond(state);
  if (beyond == 0) {
    withheld.erase(bucket);
  } else {
    withheld[bucket] = beyond;
  }
  return beyond != 0;
}

/// Announces the buckets that changed since the last announcement, and some unchanged ones in
/// rotation, because a frame may get lost.
void link::impl::send_heads(bool all, ticks) {
  bucket_digests mine;
  mine.complete = all;
  const auto rows = shared.rows->synced();
  size_t again = 0;
  std::string next;
  for (const bucket_info& bucket : shared.rows->buckets()) {
    if (!takes(bucket.name)) continue;
    const auto state = read_state(*rows, bucket.number);
    if (!state) continue;
    holdings.reached(bucket.name, bucket.number, state->sequence);
    if (withholds(bucket.name, *state)) continue;
    const std::tuple now{bucket.log_id, state->sequence, state->digest};
    auto& before = told[bucket.name];
    const bool rotated = bucket.name >= told_next && again < defaults::heads_again;
    if (rotated) ++again;
    if (!rotated && next.empty() && bucket.name >= told_next) next = bucket.name;
    if (!all && !rotated && before == now) continue;
    before = now;
    mine.buckets.push_back({bucket.name, bucket.log_id, state->sequence, state->digest});
  }
  told_next = next;
  shared.send(std::move(mine));
}

/// Compares the digests of a bucket that the peer has just announced. Other buckets are left out:
/// the peer may have dropped them.
void link::impl::compare(const std::string& bucket, ticks now) {
  following* const follows = followed(bucket);
  const auto served = servings.find(bucket);
  if (follows != nullptr && served != servings.end())
    follows->compare(served->second->taken(), now);
}

/// If memory that is held for the peer may have been released, lets the buckets that found no room
/// try again, in turn.
void link::impl::share_room(ticks now) {
  if (!established || !std::exchange(shared.crowded, false)) return;
  const auto first = followings.upper_bound(shared.turn);
  for (auto next = first; next != followings.end(); ++next) next->second->use_room(now);
  for (auto next = followings.begin(); next != first; ++next) next->second->use_room(now);
}

// The link
// -------------------------------------------------------------------------------------------------

link::link(link_options options, const local_rows& rows)
    : impl_(std::make_unique<impl>(std::move(options), rows)) {}
link::~link() = default;

bool link::received(std::string_view bytes, ticks now) {
  impl_->shared.useful = false;
  impl_->received(bytes, now);
  return std::exchange(impl_->shared.useful, false);
}

void link::impl::received(std::string_view bytes, ticks now) {
  auto opened = decode_frame(bytes, defaults::frame_bytes);
  if (!opened) {
    // A newer version may send unknown frame types: ignore them.
    if (opened.error().code != ec::not_found) ++shared.rejected;
    return;
  }
  if (auto* came = std::get_if<hello>(&opened->content)) {
    heard_at = now;
    return greeted(std::move(*came), opened->session, now);
  }
  if (shared.peer_session == 0 || opened->session != session) {
    // A peer that never learned this session sends its goodbye with session 0.
    if (auto* last = std::get_if<goodbye>(&opened->content);
        last != nullptr && (opened->session == 0 || opened->session == session)) {
      return handle(*last, now);
    }
    if (now >= greet_at) greet(now); // the frame is of another session: the peer does not know ours
    return;
  }
  heard_at = now;
  establish(now);
  handle(std::move(opened->content), now);
}

void link::heard(ticks now) {
  if (impl_->established) impl_->heard_at = now;
}

void link::tick(ticks now) {
  impl& me = *impl_;
  me.forget_gone();
  if (!me.established) {
    if (now >= me.greet_at) {
      if (!me.shared.peer_id.empty()) me.look_at_own();
      me.greet(now);
    }
    if (me.reason.empty() && now - me.first_greeted >= defaults::silence) {
      me.reason = "the peer does not answer";
    }
    return;
  }
  if (now - me.heard_at >= defaults::silence) return me.end_session("the peer fell silent", now);
  if (now >= me.heartbeat_at) {
    me.heartbeat_at = now + defaults::heartbeat;
    me.end_contradicted(now);
    me.send_heads(false, now);
  }
  if (me.serve_at >= ticks(0) && now >= me.serve_at) me.serve_all(now);
  for (auto& [name, bucket] : me.followings) bucket->tick(now);
  me.share_room(now);
}

void link::advanced(uint32_t number, ticks now) {
  impl& me = *impl_;
  if (!me.established) return;
  for (auto& [name, bucket] : me.servings) {
    if (bucket->bucket().number != number) continue;
    return me.serve(*bucket, now);
  }
  me.send_heads(false, now); // the peer does not follow the bucket yet: it may be new
}

void link::applied(uint32_t number, uint64_t ticket, ec code, ticks now,
                   const std::vector<std::string>& refused) {
  impl& me = *impl_;
  for (auto& [name, bucket] : me.followings)
    if (bucket->bucket().number == number) bucket->applied(ticket, code, now, refused);
  // Releases the bytes of a batch whose bucket is not followed any more.
  me.shared.applying.erase({number, ticket});
  me.share_room(now);
}

void link::bucket_made(const std::string& name, ec code, ticks now) {
  impl& me = *impl_;
  me.making.made(name, code, now);
  if (code != ec::none) return;
  if (me.established && me.followings.count(name) == 0) me.start_following(name, now);
}

void link::lost(ticks now) {
  if (impl_->established) impl_->end_session("the connection was lost", now);
}

void link::set_patient(bool patient) { impl_->shared.patient = patient; }

void link::say_goodbye(disconnect_reason why) { impl_->shared.send(goodbye{why}); }

effects link::take() { return std::exchange(impl_->shared.out, {}); }

ticks link::due() const {
  const impl& me = *impl_;
  if (!me.established) return me.greet_at;
  ticks at = std::min(me.heartbeat_at, me.heard_at + defaults::silence);
  if (me.serve_at >= ticks(0)) at = std::min(at, me.serve_at);
  for (const auto& [name, bucket] : me.followings) at = std::min(at, bucket->due());
  return at;
}

link_status link::status(ticks now) const {
  const impl& me = *impl_;
  const link_context& shared = me.shared;
  link_status shown;
  shown.peer_name = me.peer.name;
  shown.peer_id = shared.peer_id;
  shown.peer_uri = me.peer.zmq_uri;
  shown.last_seen = me.heard_at;
  shown.entries_in = shared.entries_in;
  shown.documents_in = shared.documents_in;
  shown.fetched = shared.fetched;
  shown.rejected = shared.rejected;
  shown.restarts = shared.restarts;
  shown.rescans = shared.rescans;
  shown.refused = shared.refused;
  shown.refused_documents = shared.refused_documents;
  shown.refused_buckets = me.making.shown();
  shown.refused_bucket_count = me.making.refused();
  shown.held_bytes = shared.held;
  shown.cuts = shared.cuts;
  bool live = true;
  for (const auto& [name, bucket] : me.followings) {
    shown.buckets.push_back(bucket->progress(now));
    shown.sequence_number += shown.buckets.back().sequence;
    shown.behind += shown.buckets.back().behind;
    shown.lag = std::max(shown.lag, shown.buckets.back().lag);
    live = live && bucket->caught_up();
  }
  me.holdings.show(shown);
  me.show_problems(shown);
  if (me.established) {
    shown.state = live ? link_state::live : link_state::catching_up;
  } else {
    shown.state = me.reason.empty() ? link_state::connecting : link_state::unreachable;
    shown.reason = me.reason;
  }
  return shown;
}

namespace {

std::string withheld_reason(uint64_t beyond, uint64_t version) {
  std::string text = "it has ";
  for (const std::string_view name : feature::names_of(beyond)) {
    if (text.back() != ' ') text += ", ";
    text += name;
  }
  return text + ", which version " + std::to_string(version) +
         " of the protocol cannot carry: it is not sent until the peer is upgraded";
}

} // namespace

/// Shows why a direction of a bucket makes no progress.
void link::impl::show_problems(link_status& shown) const {
  for (bucket_progress& each : shown.buckets) {
    const auto served = servings.find(each.bucket);
    const auto kept = withheld.find(each.bucket);
    if (each.reason.empty() && kept != withheld.end()) {
      each.reason = withheld_reason(kept->second, shared.version);
    } else if (each.reason.empty() && served != servings.end()) {
      each.reason = served->second->problem();
    }
    if (shown.reason.empty() && !each.reason.empty())
      shown.reason = each.bucket + ": " + each.reason;
  }
}

bool link::established() const { return impl_->established; }
const std::string& link::peer_id() const { return impl_->shared.peer_id; }

} // namespace treadmill::replication
