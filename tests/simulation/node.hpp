#pragma once
#include "net/replication/replication_link.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/participant.hpp"
#include <deque>
#include <map>
#include <memory>
#include <set>

namespace treadmill::simulation {

/// A node: the real `bucket_core`s and `replication::link`s, and around them what the actors are in
/// a process: a store that gathers batches and commits them with one sync, buckets that pipeline,
/// a epoch for what follows a failed commit, peers that come and go.
class node final : public participant, public replication::local_rows {
public:
  node(surroundings& around, size_t index);

  void start() override;
  void crash() override;
  bool up() const override { return up_; }
  void pause(ticks until) override { paused_until_ = until; }
  void wipe() override;
  void keep_copy() override { copy_ = std::make_unique<disk>(disk_.copy()); }
  bool set_back() override;
  void upgrade() override;

  void add_peer(size_t peer, bool invites) override;
  void remove_peer(size_t peer) override;
  bool has_peer(size_t peer) const override { return peers_.count(peer) != 0; }
  void receive(size_t from, std::string frame) override;
  void connection_lost(size_t peer) override;

  void write(const std::string& bucket, write_group group) override;
  void import(const std::string& bucket, replicated_document document) override;
  void drop_bucket(const std::string& bucket) override;
  void make_bucket(const std::string& bucket) override;
  bool has_bucket(const std::string& bucket) const override;
  bool has_left(const std::string& bucket) const override { return is_left(disk_, bucket); }
  std::optional<revision> some_leaf(const std::string& bucket, const std::string& id) override;

  const std::string& id() const override { return node_id_; }
  bool idle() const override;
  std::optional<bucket_facts> facts(const std::string& bucket, bool durable) const override;
  std::optional<state_facts> state(const std::string& bucket) const override;
  std::optional<checkpoint_facts> reached(const std::string& bucket,
                                          const participant& peer) const override;
  std::optional<hash_bytes> chain_at(const std::string& bucket, uint64_t sequence) const override;
  bool settled() const override;
  link_counts counts() const override;
  uint64_t version() const override { return disk_.version(); }

private:
  // The store (node_store.cpp)
  // -----------------------------------------------------------------------------------------------
  struct batch {
    uint32_t bucket = 0;
    uint64_t epoch = 0;
    uint64_t number = 0;
    disk::record rows{};
    bool sync = true;
  };
  enum class store_life : uint8_t { open, read_only, closed };
  void submit(batch made);
  void commit_soon();
  void commit();
  using batch_group = std::shared_ptr<std::vector<batch>>;
  bool is_refused(const batch& one);
  void commit_done(std::vector<batch>& group);
  void commit_failed(std::vector<batch>& group);
  void reopen_store(disk::record landed);
  void settle_epochs();
  void sync_now();
  void note_synced();
  void log_entries(const std::string& bucket, uint32_t number, uint64_t from, uint64_t to);

  // Buckets (node_buckets.cpp)
  // -----------------------------------------------------------------------------------------------
  using answer = std::function<void(ec)>;
  struct note {
    uint64_t batch = 0; ///< that it is in; 0: of none yet
    checkpoint reached{};
  };
  struct host {
    bucket_info info{};
    std::optional<bucket_core> core{};
    uint64_t epoch = 0;
    uint64_t submitted = 0;
    uint64_t finished = 0;
    uint64_t told = 0; ///< the sequence that links know to be durable
    bool beginning = false;
    bool flush_planned = false;
    bool notes_planned = false;
    bool needs_sync = false;                           ///< the open batch has more than notes
    std::deque<std::pair<uint64_t, answer>> answers{}; ///< by batch
    std::map<std::string, note> notes{};               ///< by peer
  };
  host* host_of(const std::string& bucket);
  host* host_of(uint32_t number);
  void load_hosts();
  void begin_epoch(host& of);
  void start_core(host& of);
  void submit_batch(host& of);
  void submit_soon(host& of);
  void answer_after(host& of, answer done);
  void finish(host& of, const batch& done, ec code);
  void fail_epoch(host& of, uint64_t number, ec code);
  void apply(host& of, const write_group& group);
  void take_import(host& of, const replicated_document& document);
  void record_begun(const std::string& bucket, const write_group& group,
                    const std::vector<write_outcome>& outcomes);
  void record_acknowledged(const std::string& bucket, const std::vector<write_outcome>& outcomes);
  void take_in(size_t peer, replication::apply_batch asked);
  ec merge_all(host& of, replication::apply_batch& asked);
  void take_note(const replication::note_checkpoint& asked);
  void write_notes(uint32_t bucket);
  void made(const std::string& bucket);
  void make_when_idle(const std::string& bucket);
  void make_for_peer(const std::string& bucket, size_t peer, uint64_t incarnation);
  void drop_when_idle(const std::string& bucket);
  void drop_now(host& of);
  void reset_all_cores();
  disk::record rows_of(host& of, const row_batch& rows);
  void spoil(const host& of, replicated_document& document);

  // Links (node.cpp)
  // -----------------------------------------------------------------------------------------------
  struct peer_slot {
    std::unique_ptr<replication::link> link{};
    uint64_t incarnation = 0;
    ticks wakes_at{0};
    bool wake_planned = false;
    unsigned wakes_now = 0; ///< how often in a row it woke at the same moment
    ticks woke_at{-1};
  };
  void make_link(size_t peer, bool invites);
  void drop_link(size_t peer);
  void remake_links();
  void pump(size_t peer);
  void trace_effects(size_t peer, const replication::effects& wanted) const;
  void plan_wake(size_t peer, peer_slot& slot);
  void wake(size_t peer);
  void greet_stranger(size_t from, const std::string& frame);
  void tell_links(uint32_t bucket);
  void forget_peer(size_t peer);

  // What links read
  std::vector<bucket_info> buckets() const override;
  std::optional<bucket_info> find_bucket(std::string_view name) const override;
  bool left(std::string_view name) const override;
  std::unique_ptr<replication::row_view> synced() const override;
  std::unique_ptr<replication::row_view> latest() const override;
  result<std::optional<std::string>> read_latest(std::string_view key) const;

  void later(ticks wait, std::function<void()> what);
  void resume(uint64_t life, std::function<void()> what);
  random_source& random() const { return around_.random(); }
  void new_identity();
  void keep_checkpoints(const disk& old);
  void land_in_flight();

  surroundings& around_;
  size_t index_;
  // What outlives a crash
  disk disk_{};
  std::unique_ptr<disk> copy_{};
  std::string node_id_{};
  std::map<size_t, bool> peers_{}; ///< whether the next start invites
  std::set<size_t> removed_{};     ///< peers
  bool old_ = false;               ///< speaks version 1 of the protocol
  std::map<std::string, bucket_info> dropped_{};
  // What does not
  bool up_ = false;
  uint64_t life_ = 0; ///< grows with every crash: what was planned before does not come
  ticks paused_until_{0};
  uint64_t instance_ = 0;
  std::map<size_t, peer_slot> links_{};
  uint64_t incarnations_ = 0;
  std::map<std::string, host> hosts_{};
  std::deque<batch> waiting_{};
  batch_group in_flight_{}; ///< of the commit that is on its way
  bool commit_planned_ = false;
  store_life store_ = store_life::open;
  std::vector<uint32_t> wants_epoch_{};
  uint64_t epochs_ = 0;
  std::map<uint32_t, uint64_t> refused_{}; ///< epochs, by bucket
  std::vector<std::pair<history::document_key, rev_id>> unsynced_acknowledged_{};
  link_counts counts_{};       ///< of links that are gone
  mutable uint64_t event_ = 0; ///< which one it is, so that no view outlives it
};

} // namespace treadmill::simulation
