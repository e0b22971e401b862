#pragma once
#include "net/node/node_backend.hpp"
#include "storage/engine/bucket_core.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/store.hpp"
#include "tests/unit/net/api/local_queries.hpp"
#include <functional>
#include <leveldb/env.h>
#include <leveldb/helpers/memenv.h>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::tests {

/// A node without actors: writes are applied and answered before `write` returns, on a store in
/// memory.
/// **Thread**: one.
class local_backend : public node_backend {
public:
  local_backend() : env_(leveldb::NewMemEnv(leveldb::Env::Default())) {
    store_options options;
    options.directory = "/node";
    options.env = env_.get();
    options.space = [] { return disk_space{uint64_t{1} << 40, uint64_t{1} << 40}; };
    auto opened = store::open(std::move(options));
    if (!opened) throw std::runtime_error(opened.error().reason);
    store_ = std::move(*opened);
    views = std::make_unique<local_queries>(*store_);
  }

  // What a test may set.
  std::optional<error> refuse_writes; ///< the answer to every write and bucket call
  std::function<void()> before_write; ///< called once, before the backend applies the next write
  bool lose_writes = false;           ///< callbacks are dropped without a call
  bool sync_writes = true;            ///< false: they are answered before a sync, see `sync`
  bool is_ready = true;
  bool is_stopping = false;
  std::shared_ptr<const write_group> last_group; ///< what the last write asked for
  int writes = 0;
  std::unique_ptr<local_queries> views;
  bool lose_reductions = false;                ///< callbacks are dropped without a call
  bool hold_reductions = false;                ///< they are called by `give_reductions`
  std::vector<std::function<void()>> reducing; ///< those
  std::optional<error> refuse_functions;       ///< the answer to checks and trials
  /// How the next peer is added: its name is its address's host, unless it waits.
  peer_added::how peer_is = peer_added::how::made;
  std::optional<error> refuse_peers; ///< the answer to calls that change peers
  peer_request last_peer;            ///< that was asked for

  /// Brings an index to where its bucket is, or some batches further, and wakes its feeds.
  void catch_up(const std::string& bucket, const std::string& name, size_t batches = SIZE_MAX) {
    const bucket_info info = store_->find_bucket(bucket).value();
    views->catch_up(info, name, batches);
    wake(info.number);
  }
  void give_reductions() {
    for (const auto& give : std::exchange(reducing, {})) give();
  }

  store& writer() { return *store_; }
  /// Damages the store's log and lets it reopen, which fails: it is closed until `open_store`.
  void close_store() {
    for (int commits = 0; commits < 2; ++commits) { // the last one alone would be cut off
      row_batch rows;
      rows.put(keys::meta("test"), "");
      commit(rows);
    }
    log_ = log_name();
    leveldb::ReadFileToString(env_.get(), log_, &whole_log_);
    std::string damaged = whole_log_;
    damaged.at(10) = static_cast<char>(damaged[10] ^ 1);
    leveldb::WriteStringToFile(env_.get(), damaged, log_);
    if (store_->try_reopen()) throw std::logic_error("a damaged log was taken");
  }
  void open_store() {
    leveldb::WriteStringToFile(env_.get(), whole_log_, log_);
    if (auto done = store_->try_reopen(); !done) throw std::runtime_error(done.error().reason);
  }
  /// Makes durable what is not, and wakes all feeds.
  void sync() {
    if (auto done = store_->sync(); !done) throw std::runtime_error(done.error().reason);
    for (const bucket_info& bucket : store_->buckets()) wake(bucket.number);
  }
  size_t followers() const {
    size_t count = 0;
    for (const auto& [bucket, wake] : followers_) count += wake.expired() ? 0 : 1;
    return count;
  }

  const store& rows() const override { return *store_; }

  void write(std::string bucket, bool make_bucket, std::shared_ptr<const write_group> group,
             clock::time_point, std::function<void(write_answer)> answer) override {
    if (const auto call = std::exchange(before_write, nullptr)) call();
    ++writes;
    last_group = group;
    if (lose_writes) return;
    if (refuse_writes) return answer({*refuse_writes, {}});
    auto found = store_->find_bucket(bucket);
    if (!found && make_bucket) {
      auto made = store_->create_bucket(bucket);
      if (!made) return answer({made.error(), {}});
      found = *made;
    }
    if (!found) return answer({{ec::not_found, "the bucket is missing"}, {}});
    answer(apply(*found, *group));
  }

  void merge(std::string bucket, merge_request asked,
             std::function<void(merge_answer)> answer) override {
    if (refuse_writes) return answer({*refuse_writes, {}});
    const auto found = store_->create_bucket(bucket);
    if (!found) return answer({found.error(), {}});
    const read_view view = store_->latest();
    const auto state = view.state(found->number);
    if (!state) return answer({state.error(), {}});
    bucket_core core(found->number, *state, [&](std::string_view key) { return view.read(key); });
    for (const replicated_document& document : asked.documents)
      if (auto merged = core.merge(document, asked.limits); !merged)
        return answer({merged.error(), document.id});
    if (core.dirty()) commit(core.take_batch().rows);
    wake(found->number);
    answer({});
  }

  void create_bucket(std::string name, clock::time_point,
                     std::function<void(result<bool>)> answer) override {
    if (refuse_writes) return answer(tl::unexpected(*refuse_writes));
    const bool there = store_->find_bucket(name).has_value();
    const auto made = store_->create_bucket(name);
    if (!made) return answer(tl::unexpected(made.error()));
    answer(!there);
  }

  void drop_bucket(std::string name, clock::time_point,
                   std::function<void(result<void>)> answer) override {
    if (refuse_writes) return answer(tl::unexpected(*refuse_writes));
    const auto dropped = store_->drop_bucket(name);
    if (!dropped) return answer(tl::unexpected(dropped.error()));
    wake(dropped->number);
    answer({});
  }

  std::shared_ptr<void> follow(uint32_t bucket, waker waker) override {
    auto kept = std::make_shared<treadmill::waker>(std::move(waker));
    followers_.emplace_back(bucket, kept);
    return kept;
  }

  result<std::optional<std::string>> read_local(uint32_t bucket,
                                                std::string_view name) const override {
    const auto found = local_rows_.find({bucket, std::string(name)});
    if (found == local_rows_.end()) return std::optional<std::string>();
    return std::optional(found->second);
  }
  void write_local(std::string bucket, local_change change, clock::time_point,
                   std::function<void(result<void>)> answer) override {
    if (refuse_writes) return answer(tl::unexpected(*refuse_writes));
    const auto found = store_->find_bucket(bucket);
    if (!found) return answer(fail(ec::not_found, "the bucket is missing"));
    if (change.checks && read_local(found->number, change.name).value() != change.before)
      return answer(fail(ec::conflict, "the row has changed"));
    local_rows_.erase({found->number, change.name});
    if (change.value) local_rows_[{found->number, change.name}] = *change.value;
    answer({});
  }

  query_board& queries() const override { return views->board; }
  void await_query(std::string bucket, std::string name, uint64_t, clock::time_point,
                   std::function<void(result<void>)> answer) override {
    const auto found = store_->find_bucket(bucket);
    if (!found) return answer(fail(ec::not_found, "the bucket is missing"));
    answer(views->await(*found, name));
  }
  void check_functions(query_definition definition,
                       std::function<void(result<void>)> answer) override {
    if (refuse_functions) return answer(tl::unexpected(*refuse_functions));
    if (definition.map != "returns" && definition.map != "emits")
      return answer(fail(ec::bad_map, "line 1: it is no function"));
    answer({});
  }
  size_t documents_a_trial = SIZE_MAX; ///< after so many it is stopped
  void try_map(trial_request asked, std::function<void(result<trial_rows>)> answer) override {
    if (refuse_functions) return answer(tl::unexpected(*refuse_functions));
    trial_rows tried;
    for (const run_document& document : asked.documents) {
      if (!asked.all && tried.rows.size() == documents_a_trial) break;
      tried.rows.push_back(map_document(asked.map, document));
    }
    if (tried.rows.size() < asked.documents.size()) tried.stopped = "the trial took long";
    answer(std::move(tried));
  }
  void reduce_rows(std::string function, std::vector<reduce_input> inputs,
                   std::function<void(result<std::vector<std::string>>)> answer) override {
    if (lose_reductions) return;
    auto give = [this, function = std::move(function), inputs = std::move(inputs),
                 answer = std::move(answer)] { answer(views->reduce(function, inputs)); };
    if (!hold_reductions) return give();
    reducing.emplace_back(std::move(give));
  }

  peer_board& peers() const override { return *peers_; }
  void add_peer(peer_request asked, clock::time_point,
                std::function<void(result<peer_added>)> answer) override {
    last_peer = asked;
    if (refuse_peers) return answer(tl::unexpected(*refuse_peers));
    std::string name = asked.zmq_uri.substr(sizeof("tcp://") - 1);
    if (peer_is != peer_added::how::waiting) name.resize(name.rfind(':'));
    peers_->keep(++last_key_, name, asked.zmq_uri, "");
    peer_keys_[name] = last_key_;
    answer(peer_added{peer_is, name, asked.zmq_uri});
  }
  void remove_peer(std::string name, clock::time_point,
                   std::function<void(result<void>)> answer) override {
    if (refuse_peers) return answer(tl::unexpected(*refuse_peers));
    const auto found = peer_keys_.find(name);
    if (found == peer_keys_.end()) return answer(fail(ec::not_found, "there is no such peer"));
    peers_->forget(found->second);
    peer_keys_.erase(found);
    answer({});
  }

  void compact(std::optional<uint32_t> bucket) override { store_->ask_compaction(bucket); }
  node_facts facts() const override {
    node_facts facts;
    facts.name = "box1";
    facts.node_id = store_->node_id();
    facts.version = "0.1.0";
    facts.durability = "commit";
    facts.uptime_seconds = 1.5;
    facts.open_files = {1024, 100, 50, 25};
    facts.commits = 7;
    facts.fsync_histogram = {1, 2};
    facts.fsync_seconds = 0.25;
    facts.zmq_uri = "tcp://127.0.0.1:1445";
    facts.couch = "127.0.0.1:5984";
    facts.peers = {1, 2, 3, 4, 5};
    facts.budgets = {1000, 8, 3, 2};
    facts.query_workers = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, std::chrono::milliseconds(1500)};
    return facts;
  }
  bool ready() const override { return is_ready; }
  bool stopping() const override { return is_stopping; }

  /// Gives a document a first edit that another node made: a losing live leaf, hence a conflict.
  /// The document must have been edited here at least twice, so that it goes on winning.
  revision add_conflict(std::string_view bucket, const std::string& id, const std::string& body) {
    const bucket_info info = store_->find_bucket(bucket).value();
    const read_view view = store_->latest();
    bucket_state state = view.state(info.number).value();
    const std::string bytes = view.read(keys::document(info.number, id)).value().value();
    document_row row = document_row::decode(bytes).value();
    revision_tree tree = row.tree().value();
    const revision made = make_revision({}, false, body);
    state.digest = subtract(state.digest, document_digest(id, tree));
    tree.add(made, {}, false);
    if (tree.winner()->rev != row.winner) throw std::logic_error("the other edit wins");
    state.digest = add(state.digest, document_digest(id, tree));
    state.conflicts += row.conflicts ? 0 : 1;
    activity_entry entry{++state.sequence, id, {made}, false, {}};
    entry.chain = state.chain = next_chain(state.chain, id, entry.changes);
    const std::string tree_bytes = tree.encode();
    row_batch rows;
    rows.put(keys::superseded(info.number, row.sequence), "");
    row.conflicts = true;
    row.tree_bytes = tree_bytes;
    row.sequence = state.sequence;
    rows.put(keys::document(info.number, id), row.encode());
    rows.put(keys::losing_body(info.number, id, made.text()), body);
    rows.put(keys::conflict(info.number, id), "");
    rows.put(keys::activity(info.number, state.sequence), entry.encode());
    rows.put(keys::bucket_state(info.number), state.encode());
    commit(rows);
    wake(info.number);
    return made;
  }

  void commit(const row_batch& rows) {
    const row_batch* const batches[] = {&rows};
    if (auto done = store_->commit(batches, true); !done)
      throw std::runtime_error(done.error().reason);
  }

private:
  std::string log_name() const {
    std::vector<std::string> names;
    env_->GetChildren("/node", &names);
    for (const std::string& name : names)
      if (name.ends_with(".log")) return "/node/" + name;
    throw std::logic_error("the store has no log");
  }

  write_answer apply(const bucket_info& bucket, const write_group& group) {
    const read_view view = store_->latest();
    const auto state = view.state(bucket.number);
    if (!state) return {state.error(), {}};
    bucket_core core(bucket.number, *state, [&](std::string_view key) { return view.read(key); });
    write_answer answer;
    answer.outcomes = core.apply(group);
    if (!core.dirty()) return answer;
    const auto batch = core.take_batch();
    const row_batch* const batches[] = {&batch.rows};
    if (auto done = store_->commit(batches, sync_writes); !done) return {done.error(), {}};
    if (sync_writes) wake(bucket.number);
    for (const write_op& op : group.ops)
      if (is_query_document(op.id)) views->look_at(bucket, std::string(query_name_of(op.id)));
    return answer;
  }

  void wake(uint32_t bucket) {
    for (const auto& [number, kept] : followers_)
      if (const auto waker = kept.lock(); waker && number == bucket) (*waker)();
  }

  std::unique_ptr<leveldb::Env> env_;
  std::string log_;
  std::string whole_log_;
  std::unique_ptr<store> store_;
  std::unique_ptr<peer_board> peers_ = std::make_unique<peer_board>();
  uint64_t last_key_ = 0;
  std::map<std::string, uint64_t> peer_keys_;
  std::map<std::pair<uint32_t, std::string>, std::string> local_rows_;
  std::vector<std::pair<uint32_t, std::weak_ptr<waker>>> followers_;
};

} // namespace treadmill::tests
