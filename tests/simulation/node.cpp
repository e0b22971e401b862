#include "tests/simulation/node.hpp"
#include "net/replication/replication_defaults.hpp"
#include "storage/engine/keys.hpp"
#include <utility>

namespace treadmill::simulation {

namespace {

constexpr unsigned most_wakes = 200;
constexpr const char* hex_digits = "0123456789abcdef";

using replication::frame;

} // namespace

node::node(surroundings& around, size_t index)
    : around_(around), index_(index), old_(around.planned().is_old(index)) {
  new_identity();
}

void node::new_identity() {
  node_id_ = "00000000-0000-7000-8000-";
  for (int i = 0; i < 12; ++i) node_id_ += hex_digits[random().below(16)];
  if (around_.planned().injected == fault::sync_lies) disk_.remember_synced(3);
}

void node::later(ticks wait, std::function<void()> what) {
  around_.after(wait, [this, life = life_, what = std::move(what)]() mutable {
    resume(life, std::move(what));
  });
}

/// Nothing that was planned before a crash comes after it; in a pause it waits.
void node::resume(uint64_t life, std::function<void()> what) {
  if (life != life_) return;
  ++event_;
  if (around_.now() < paused_until_) {
    around_.after(paused_until_ - around_.now(), [this, life, what = std::move(what)]() mutable {
      resume(life, std::move(what));
    });
    return;
  }
  what();
}

// Life
// -------------------------------------------------------------------------------------------------

void node::start() {
  up_ = true;
  ++event_;
  instance_ = random().next();
  store_ = store_life::open;
  load_hosts();
  for (auto& [peer, invites] : peers_) make_link(peer, std::exchange(invites, false));
  if (around_.planned().interval) later(ticks(100), [this] { sync_now(); });
}

void node::crash() {
  if (!up_) return;
  ++event_;
  ++life_;
  up_ = false;
  paused_until_ = ticks(0);
  while (!links_.empty()) drop_link(links_.begin()->first);
  if (in_flight_ && random().chance(500)) land_in_flight();
  if (around_.planned().injected == fault::record_lost_in_the_middle && disk_.unsynced() > 1 &&
      around_.injects(fault::record_lost_in_the_middle)) {
    disk_.lose_oldest();
    disk_.crash(disk_.unsynced());
  } else {
    disk_.crash(random().below(disk_.unsynced() + 1));
  }
  if (around_.injects(fault::sync_lies)) disk_.forget_synced(3);
  for (const auto& [document, rev] : std::exchange(unsynced_acknowledged_, {}))
    around_.notes().lost_unsynced(document, rev);
  hosts_.clear();
  waiting_.clear();
  in_flight_.reset();
  wants_epoch_.clear();
  refused_.clear();
  commit_planned_ = false;
}

/// A commit that was on its way in a crash has come to the disk, whole.
void node::land_in_flight() {
  disk::record group;
  for (batch& one : *in_flight_) {
    if (host_of(one.bucket) == nullptr) continue;
    group.insert(group.end(), std::make_move_iterator(one.rows.begin()),
                 std::make_move_iterator(one.rows.end()));
  }
  if (!group.empty()) disk_.write(std::move(group));
}

void node::wipe() {
  const disk old = disk_.copy();
  disk_ = disk();
  copy_.reset();
  if (around_.injects(fault::checkpoints_outlive_documents)) return keep_checkpoints(old);
  if (!around_.injects(fault::node_id_kept)) new_identity();
}

/// A fault: a new store that believes to have taken in what the old one had.
void node::keep_checkpoints(const disk& old) {
  disk::record rows;
  old.scan_synced("", "\xff", [&](std::string_view key, std::string_view value) {
    const bool is_checkpoint = key.size() > 6 && key.front() == 0x10 && key[5] == 8;
    if (is_checkpoint || key.front() < 0x10)
      rows.emplace_back(std::string(key), std::string(value));
    return true;
  });
  disk_.write(std::move(rows));
  disk_.sync();
  for (const bucket_info& info : buckets())
    around_.notes().set_back(hash_bytes(as_bytes(info.log_id)), 0);
}

bool node::set_back() {
  if (!copy_) return false;
  disk_ = copy_->copy();
  for (const bucket_info& info : buckets())
    around_.notes().set_back(hash_bytes(as_bytes(info.log_id)),
                             read_state(disk_, info.number).sequence);
  return true;
}

// Peers
// -------------------------------------------------------------------------------------------------

void node::add_peer(size_t peer, bool invites) {
  ++event_;
  removed_.erase(peer);
  peers_[peer] = false; // a start that comes later does not invite
  if (!up_) {
    peers_[peer] = invites;
    return;
  }
  if (links_.count(peer) == 0) make_link(peer, invites);
}

void node::remove_peer(size_t peer) {
  ++event_;
  peers_.erase(peer);
  removed_.insert(peer);
  const auto found = links_.find(peer);
  if (found == links_.end()) return;
  found->second.link->say_goodbye(replication::disconnect_reason::removed);
  pump(peer);
  drop_link(peer);
}

void node::forget_peer(size_t peer) {
  peers_.erase(peer);
  drop_link(peer);
}

void node::make_link(size_t peer, bool invites) {
  replication::link_options options;
  options.node_id = node_id_;
  options.instance = instance_;
  options.name = "node" + std::to_string(index_);
  options.zmq_uri = "tcp://" + options.name + ":1445";
  options.invites = invites;
  if (old_) options.newest = 1;
  options.zstd = around_.planned().seed % 4 == 0;
  options.random = [this] { return random().next(); };
  peer_slot& slot = links_[peer];
  slot = peer_slot();
  slot.incarnation = ++incarnations_;
  slot.link = std::make_unique<replication::link>(std::move(options), *this);
  for (auto& [other, each] : links_) each.link->set_patient(links_.size() > 1);
  pump(peer);
}

void node::drop_link(size_t peer) {
  const auto found = links_.find(peer);
  if (found == links_.end()) return;
  const link_status last = found->second.link->status(around_.now());
  counts_.entries += last.entries_in;
  counts_.documents += last.documents_in;
  counts_.fetched += last.fetched;
  counts_.rejected += last.rejected;
  counts_.restarts += last.restarts;
  counts_.rescans += last.rescans;
  links_.erase(found);
  for (auto& [other, each] : links_) each.link->set_patient(links_.size() > 1);
}

void node::upgrade() {
  ++event_;
  if (std::exchange(old_, false)) remake_links();
}

void node::remake_links() {
  std::vector<size_t> peers;
  for (const auto& [peer, slot] : links_) peers.push_back(peer);
  for (const size_t peer : peers) {
    drop_link(peer);
    make_link(peer, false);
  }
}

void node::receive(size_t from, std::string bytes) {
  if (!up_) return;
  if (around_.now() < paused_until_) {
    later(paused_until_ - around_.now(),
          [this, from, bytes = std::move(bytes)] { receive(from, bytes); });
    return;
  }
  ++event_;
  const auto found = links_.find(from);
  if (found == links_.end()) return greet_stranger(from, bytes);
  found->second.link->received(bytes, around_.now());
  pump(from);
}

/// A greeting from a node that there is no link with: one is made, unless it was ended here and no
/// operator there asked for it again.
void node::greet_stranger(size_t from, const std::string& bytes) {
  auto opened = replication::decode_frame(bytes, replication::defaults::frame_bytes);
  if (!opened) return;
  const auto* hello = std::get_if<replication::hello>(&opened->content);
  if (hello == nullptr) return;
  if (removed_.count(from) != 0 && !hello->invites) {
    around_.send(
        index_, from,
        replication::encode_frame(
            {hello->session, replication::goodbye{replication::disconnect_reason::removed}},
            false));
    return;
  }
  removed_.erase(from);
  peers_[from] = false;
  make_link(from, false);
  links_[from].link->received(bytes, around_.now());
  pump(from);
}

void node::connection_lost(size_t peer) {
  if (!up_) return;
  later(ticks(0), [this, peer] {
    const auto found = links_.find(peer);
    if (found == links_.end()) return;
    found->second.link->lost(around_.now());
    pump(peer);
  });
}

// Links
// -------------------------------------------------------------------------------------------------

namespace {

std::string to_text(const checkpoint& at) {
  return std::to_string(at.sequence) + "@" + to_hex(at.log_id).substr(0, 6) + "/" +
         to_hex(at.chain).substr(0, 6);
}

} // namespace

void node::trace_effects(size_t peer, const replication::effects& wanted) const {
  const std::string here =
      "node" + std::to_string(index_) + " (link with node" + std::to_string(peer) + "): ";
  for (const auto& asked : wanted.notes)
    around_.trace(here + "note " + to_text(asked.reached) + " of bucket " +
                  std::to_string(asked.bucket));
  for (const auto& asked : wanted.batches) {
    std::string text = here + "batch " + std::to_string(asked.ticket) + " to " +
                       (asked.reached ? to_text(*asked.reached) : "nothing") + " of bucket " +
                       std::to_string(asked.bucket) + ":";
    for (const auto& document : asked.documents) {
      text += " " + document.id;
      for (const auto& leaf : document.tree.leaves()) text += " " + leaf.rev.text().substr(0, 12);
    }
    around_.trace(text);
  }
  for (const auto& bucket : wanted.make_buckets) around_.trace(here + "make " + bucket);
  if (wanted.ended) around_.trace(here + "ended: " + std::string(to_string(*wanted.ended)));
}

/// Does what a link wants done.
void node::pump(size_t peer) {
  const auto found = links_.find(peer);
  if (found == links_.end()) return;
  replication::effects wanted = found->second.link->take();
  if (around_.tracing()) trace_effects(peer, wanted);
  for (std::string& bytes : wanted.frames) around_.send(index_, peer, std::move(bytes));
  for (const replication::note_checkpoint& asked : wanted.notes) take_note(asked);
  for (replication::apply_batch& asked : wanted.batches) take_in(peer, std::move(asked));
  for (const std::string& bucket : wanted.make_buckets)
    later(ticks(random().between(0, 5)), [this, bucket, peer, in = found->second.incarnation] {
      make_for_peer(bucket, peer, in);
    });
  if (wanted.ended == replication::disconnect_reason::removed) return forget_peer(peer);
  plan_wake(peer, found->second);
}

void node::plan_wake(size_t peer, peer_slot& slot) {
  const ticks now = around_.now();
  const ticks due = std::max(slot.link->due(), now);
  if (slot.wake_planned && slot.wakes_at <= due) return;
  if (due == ticks::max()) return;
  slot.wake_planned = true;
  slot.wakes_at = due;
  // Now and then a timer comes late.
  const ticks late(due > now && random().chance(50) ? random().between(1, 8) : 0);
  later(due - now + late, [this, peer, incarnation = slot.incarnation, due] {
    const auto found = links_.find(peer);
    if (found == links_.end() || found->second.incarnation != incarnation) return;
    if (found->second.wakes_at != due) return; // planned anew, earlier
    wake(peer);
  });
}

void node::wake(size_t peer) {
  peer_slot& slot = links_[peer];
  slot.wake_planned = false;
  const ticks now = around_.now();
  slot.wakes_now = slot.woke_at == now ? slot.wakes_now + 1 : 0;
  slot.woke_at = now;
  if (slot.wakes_now > most_wakes) return around_.fail("a link wants to be woken without an end");
  if (slot.link->due() <= now) slot.link->tick(now);
  pump(peer);
}

void node::tell_links(uint32_t bucket) {
  std::vector<size_t> peers;
  for (const auto& [peer, slot] : links_) peers.push_back(peer);
  for (const size_t peer : peers) {
    const auto found = links_.find(peer);
    if (found == links_.end()) continue;
    found->second.link->advanced(bucket, around_.now());
    pump(peer);
  }
}

bool node::settled() const {
  if (around_.now() < paused_until_) return false; // what it does then is to come
  for (const auto& [peer, slot] : links_)
    if (slot.link->status(around_.now()).state != link_state::live) return false;
  return true;
}

link_counts node::counts() const {
  link_counts all = counts_;
  for (const auto& [peer, slot] : links_) {
    const link_status shown = slot.link->status(around_.now());
    all.entries += shown.entries_in;
    all.documents += shown.documents_in;
    all.fetched += shown.fetched;
    all.rejected += shown.rejected;
    all.restarts += shown.restarts;
    all.rescans += shown.rescans;
  }
  return all;
}

// What the checker looks at
// -------------------------------------------------------------------------------------------------

bool node::idle() const {
  if (in_flight_ || !waiting_.empty() || store_ != store_life::open) return false;
  for (const auto& [name, of] : hosts_)
    if (!of.core || of.core->dirty() || !of.answers.empty() || !of.notes.empty()) return false;
  return disk_.unsynced() == 0 || !around_.planned().interval;
}

std::optional<bucket_facts> node::facts(const std::string& bucket, bool durable) const {
  auto made = read_bucket(disk_, bucket, durable);
  if (!made || around_.planned().injected != fault::wrong_winner || index_ != 0) return made;
  for (auto& [id, document] : made->documents) { // the smaller hash wins among equals
    for (const tree_node& one : document.nodes)
      if (one.leaf && one.deleted == document.deleted && one.rev.first == document.winner.first &&
          one.rev < document.winner)
        document.winner = one.rev;
  }
  return made;
}

std::optional<state_facts> node::state(const std::string& bucket) const {
  const auto found = simulation::find_bucket(disk_, bucket);
  if (!found) return std::nullopt;
  return read_state(disk_, found->first);
}

std::optional<checkpoint_facts> node::reached(const std::string& bucket,
                                              const participant& peer) const {
  const auto found = simulation::find_bucket(disk_, bucket);
  if (!found) return std::nullopt;
  return read_checkpoint(disk_, found->first, peer.id());
}

std::optional<hash_bytes> node::chain_at(const std::string& bucket, uint64_t sequence) const {
  const auto found = simulation::find_bucket(disk_, bucket);
  if (!found) return std::nullopt;
  const auto entry = simulation::read_entry(disk_, found->first, sequence);
  return entry ? std::optional<hash_bytes>(entry->chain) : std::nullopt;
}

} // namespace treadmill::simulation
