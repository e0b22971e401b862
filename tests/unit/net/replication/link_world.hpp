#pragma once
#include "net/replication/replication_link.hpp"
#include "storage/engine/bucket_core.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"
#include <deque>
#include <functional>
#include <leveldb/env.h>
#include <leveldb/helpers/memenv.h>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

namespace treadmill::test {

/// A node that is nothing but a store, its buckets' cores and one link: what a link wants is done
/// at once.
class linked_node {
  std::unique_ptr<leveldb::Env> env_{leveldb::NewMemEnv(leveldb::Env::Default())};

public:
  explicit linked_node(std::string name, uint64_t seed) : name_(std::move(name)), random_(seed) {
    open();
  }

  void open() {
    store_options options;
    options.directory = "/store";
    options.env = env_.get();
    options.write_buffer_bytes = 64 * defaults::kibibyte;
    options.free_floor_bytes = 0;
    options.buckets = most_buckets;
    link.reset();
    local.reset();
    cores_.clear();
    rows.reset();
    auto opened = store::open(options);
    if (!opened) throw std::runtime_error(opened.error().reason);
    rows = std::move(*opened);
    local = replication::make_local_rows(rows);
  }
  void greet(replication::link_options options = {}) {
    options.node_id = rows->node_id();
    options.name = name_;
    options.zmq_uri = "tcp://" + name_ + ":1445";
    if (options.instance == 0) options.instance = random_();
    options.random = [this] { return random_(); };
    link = std::make_unique<replication::link>(std::move(options), *local);
  }

  bucket_core& core(const std::string& bucket) {
    const bucket_info info = *rows->create_bucket(bucket);
    const auto found = cores_.find(info.number);
    if (found != cores_.end()) return found->second;
    const auto read = [this](std::string_view key) { return rows->latest().read(key); };
    return cores_.try_emplace(info.number, info.number, *rows->latest().state(info.number), read)
        .first->second;
  }
  void commit(bucket_core& of) {
    if (!of.dirty()) return;
    const auto batch = of.take_batch();
    const row_batch* only = &batch.rows;
    if (!rows->commit({&only, 1}, syncs)) throw std::runtime_error("a commit failed");
    of.committed(batch.number);
  }
  write_outcome write(const std::string& bucket, write_op op) {
    bucket_core& to = core(bucket);
    const auto outcomes = to.apply({{std::move(op)}, false});
    commit(to);
    if (link) link->advanced(rows->find_bucket(bucket)->number, now);
    return outcomes.front();
  }
  write_outcome put(const std::string& bucket, const std::string& id, const std::string& body) {
    write_op op;
    op.id = id;
    op.body = body;
    return write(bucket, std::move(op));
  }
  write_outcome remove(const std::string& bucket, const std::string& id) {
    write_op op;
    op.what = write_op::kind::remove;
    op.id = id;
    return write(bucket, std::move(op));
  }
  bucket_state state(const std::string& bucket) const {
    const auto info = rows->find_bucket(bucket);
    return info ? *rows->latest().state(info->number) : bucket_state{};
  }
  checkpoint stored_checkpoint(const std::string& bucket, const linked_node& of) const {
    const auto info = rows->find_bucket(bucket);
    const auto bytes = rows->latest().read(keys::checkpoint(info->number, of.rows->node_id()));
    return *bytes ? *checkpoint::decode(**bytes) : checkpoint{};
  }
  revision winner(const std::string& bucket, const std::string& id) const {
    const auto tree = rows->latest().full_tree(rows->find_bucket(bucket)->number, id);
    return tree && tree->winner() != nullptr ? tree->winner()->rev : revision{};
  }
  std::string body(const std::string& bucket, const std::string& id, const revision& rev) const {
    return rows->latest().leaf_body(rows->find_bucket(bucket)->number, id, rev).value_or("none");
  }

  /// Does what the link wants; its frames are given to `send`.
  void settle(const std::function<void(std::string)>& send) {
    replication::effects wanted = link->take();
    for (std::string& frame : wanted.frames) send(std::move(frame));
    if (wanted.ended) ended = wanted.ended;
    if (!wanted.cut.empty()) cut = wanted.cut;
    for (const std::string& bucket : wanted.make_buckets) {
      const auto made = rows->create_bucket(bucket, true);
      link->bucket_made(bucket, made ? ec::none : made.error().code, now);
    }
    for (const replication::apply_batch& batch : wanted.batches) apply(batch);
    for (const replication::note_checkpoint& note : wanted.notes) {
      row_batch batch;
      batch.put(keys::checkpoint(note.bucket, note.peer_id), note.reached.encode());
      const row_batch* only = &batch;
      static_cast<void>(rows->commit({&only, 1}, false));
    }
  }

  std::shared_ptr<store> rows{};
  std::unique_ptr<replication::local_rows> local{};
  std::unique_ptr<replication::link> link{};
  std::optional<replication::disconnect_reason> ended{};
  std::string cut{};
  size_t most_buckets = defaults::buckets;
  ticks now{0};
  ec refuse_batches = ec::none; ///< what applying answers instead of doing it
  bool syncs = true;            ///< each commit
  std::function<void(const replication::apply_batch&)> applies{}; ///< sees each batch

private:
  void apply(const replication::apply_batch& batch) {
    ec code = refuse_batches;
    std::vector<std::string> refused;
    if (applies) applies(batch);
    for (const bucket_info& info : rows->buckets()) {
      if (info.number != batch.bucket || code != ec::none) continue;
      bucket_core& to = core(info.name);
      if (!to.continue_run(batch.peer_id, batch.run, batch.first)) code = ec::overloaded;
      if (code != ec::none) break;
      for (const replicated_document& document : batch.documents) {
        const auto merged = to.merge(document, batch.limits);
        if (merged) continue;
        if (is_left_out(document.id, merged.error().code)) {
          refused.push_back(document.id);
        } else {
          code = merged.error().code;
        }
      }
      if (batch.reached) to.note_checkpoint(batch.peer_id, *batch.reached);
      commit(to);
    }
    link->applied(batch.bucket, batch.ticket, code, now, refused);
    link->advanced(batch.bucket, now);
  }

  std::string name_;
  std::mt19937_64 random_;
  std::map<uint32_t, bucket_core> cores_{};
};

/// Two nodes and the wire between them, on a clock that the test moves.
struct link_world {
  link_world() {
    a.greet();
    b.greet();
  }
  /// Lets time pass: frames arrive at once, timers at their time.
  void run(ticks time = ticks(2000)) {
    const ticks end = now + time;
    for (; now < end; now += ticks(10)) step();
  }
  void step() {
    a.now = b.now = now;
    for (; !late.empty() && late.front().due <= now; late.pop_front())
      (late.front().for_a ? to_a : to_b).push_back(std::move(late.front().frame));
    if (a.link->due() <= now) a.link->tick(now);
    if (b.link->due() <= now) b.link->tick(now);
    for (int i = 0; i < 1000; ++i) {
      a.settle([this](std::string frame) { carry(to_b, std::move(frame)); });
      b.settle([this](std::string frame) { carry(to_a, std::move(frame)); });
      if (to_a.empty() && to_b.empty()) return;
      deliver(to_a, *a.link);
      deliver(to_b, *b.link);
    }
  }
  void carry(std::deque<std::string>& to, std::string frame) {
    frames += 1;
    bytes += frame.size();
    if (passes && !passes(frame)) return;
    if (delay == ticks(0)) return to.push_back(std::move(frame));
    late.push_back({now + delay, &to == &to_a, std::move(frame)});
  }
  void deliver(std::deque<std::string>& from, replication::link& to) {
    for (; !from.empty(); from.pop_front()) to.received(from.front(), now);
  }
  bool same(const std::string& bucket) const {
    return a.state(bucket).digest == b.state(bucket).digest && a.state(bucket).sequence > 0 &&
           b.state(bucket).sequence > 0;
  }

  struct late_frame {
    ticks due{0};
    bool for_a = false;
    std::string frame{};
  };

  linked_node a{"a", 1};
  linked_node b{"b", 2};
  std::deque<std::string> to_a{};
  std::deque<std::string> to_b{};
  ticks now{0};
  ticks delay{0}; ///< of each frame
  std::deque<late_frame> late{};
  uint64_t frames = 0;
  uint64_t bytes = 0;
  std::function<bool(const std::string& frame)> passes{}; ///< false: the frame is lost
};

} // namespace treadmill::test
