#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/rest_gateway.hpp"
#include "js/pool/map_pool.hpp"
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <utility>
#include <vector>

namespace treadmill {
namespace {

write_answer problem(ec code, std::string reason) { return {{code, std::move(reason)}, {}}; }

/// The error for a request that was dropped before it was started.
error not_begun() {
  return {ec::overloaded, "a part of the node starts over; nothing was applied"};
}

uint64_t bytes_of(const replicated_document& one) {
  uint64_t bytes = one.id.size() + one.tree.nodes().size_bytes() + sizeof(one);
  for (const leaf_body& leaf : one.bodies) bytes += leaf.body.size() + sizeof(leaf);
  return bytes;
}

uint64_t bytes_of(const std::vector<replicated_document>& documents) {
  uint64_t bytes = 0;
  for (const replicated_document& one : documents) bytes += bytes_of(one);
  return bytes;
}

/// Bytes that a group keeps in memory until it is answered.
uint64_t bytes_of(const write_group& group) {
  uint64_t bytes = 0;
  for (const write_op& op : group.ops) {
    bytes += op.id.size() + op.body.size() + sizeof(op);
    if (op.grafted) bytes += bytes_of(*op.grafted);
  }
  return bytes;
}

/// A default reason for an outcome without one.
std::string reason_of(ec code) {
  switch (code) {
  case ec::ambiguous: return "some of the documents may have been merged: send them again";
  case ec::disk_full: return "the store takes no writes now: the disk is full or failing";
  default: return "the documents could not be merged: send them again";
  }
}

merge_answer answer_of(replication::batch_outcome&& merged) {
  merge_answer made;
  made.problem.code = merged.code;
  if (merged.code == ec::none) return made;
  made.problem.reason = merged.reason.empty() ? reason_of(merged.code) : std::move(merged.reason);
  if (!merged.refused.empty()) made.id = std::move(merged.refused.front());
  return made;
}

void add_counts(query_worker_counts& to, const js::pool_counters& from) {
  to.workers += from.workers;
  to.waiting += from.waiting;
  to.working += from.working;
  to.started += from.started;
  to.failed_starts += from.failed_starts;
  to.killed += from.killed;
  to.died += from.died;
  to.cancelled += from.cancelled;
  to.documents += from.documents;
  to.reductions += from.reductions;
  to.faults += from.faults;
  to.strikes += from.strikes;
  to.cpu += from.cpu;
}

} // namespace

/// The feeds that wait for activity. Outlives the gateway if a feed does.
class rest_gateway::follower_list {
public:
  uint64_t enter(uint32_t bucket, waker wake) {
    const std::lock_guard lock(mutex_);
    wakers_[bucket].emplace(++last_, std::move(wake));
    return last_;
  }
  void leave(uint32_t bucket, uint64_t key) {
    const std::lock_guard lock(mutex_);
    const auto found = wakers_.find(bucket);
    if (found == wakers_.end()) return;
    found->second.erase(key);
    if (found->second.empty()) wakers_.erase(found);
  }
  void wake(uint32_t bucket) {
    std::vector<waker> all;
    {
      const std::lock_guard lock(mutex_);
      const auto found = wakers_.find(bucket);
      if (found == wakers_.end()) return;
      for (const auto& [key, waker] : found->second) all.push_back(waker);
    }
    for (const waker& waker : all) waker();
  }
  void wake_all() {
    std::vector<uint32_t> buckets;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [bucket, wakers] : wakers_) buckets.push_back(bucket);
    }
    for (const uint32_t bucket : buckets) wake(bucket);
  }

private:
  std::mutex mutex_{};
  uint64_t last_ = 0;
  std::map<uint32_t, std::map<uint64_t, waker>> wakers_{};
};

rest_gateway::rest_gateway(caf::actor_system& system, rest_gateway_options options)
    : system_(system), options_(std::move(options)), started_at_(std::chrono::steady_clock::now()),
      followers_(std::make_shared<follower_list>()), functions_(options_.limits, options_.lane) {
  actor_ = system_.spawn(behavior, this);
}

rest_gateway::~rest_gateway() { stop(); }

gateway_actor::behavior_type rest_gateway::behavior(gateway_actor::pointer, rest_gateway* gateway) {
  return {
      [gateway](const activity_advanced& news) { gateway->wake(news.bucket); },
      [gateway](const bucket_started& news) { gateway->started(news); },
      [gateway](const bucket_stopped& news) { gateway->stopped(news); },
      [gateway](const pool_started& news) { gateway->functions_.connect(news.actor); },
      [gateway](const peers_started& news) { gateway->started(news); },
  };
}

void rest_gateway::connect(node_actor node) {
  const std::unique_lock lock(mutex_);
  node_ = std::move(node);
}

void rest_gateway::disconnect() {
  const std::unique_lock lock(mutex_);
  node_ = node_actor();
  known_.clear();
  peers_ = zmq_gateway_actor();
  functions_.connect({});
  actor_ = gateway_actor();
}

void rest_gateway::stop() {
  stopping_.store(true);
  wake_all();
}

void rest_gateway::wake(uint32_t bucket) { followers_->wake(bucket); }
void rest_gateway::wake_all() { followers_->wake_all(); }

void rest_gateway::started(const bucket_started& bucket) {
  const std::unique_lock lock(mutex_);
  known_[bucket.facts.name] = {bucket.facts.number, bucket.actor};
}

void rest_gateway::started(const peers_started& news) {
  const std::unique_lock lock(mutex_);
  peers_ = news.actor;
}

void rest_gateway::stopped(const bucket_stopped& bucket) {
  {
    const std::unique_lock lock(mutex_);
    const auto found = known_.find(bucket.name);
    if (found != known_.end() && found->second.number == bucket.number) known_.erase(found);
  }
  wake(bucket.number); // feeds check whether the bucket still exists
}

bucket_actor rest_gateway::find(const std::string& name) const {
  const std::optional<bucket_info> info = options_.rows->find_bucket(name);
  if (!info) return {};
  const std::shared_lock lock(mutex_);
  const auto found = known_.find(name);
  // After a drop the name may belong to a bucket with another number.
  if (found == known_.end() || found->second.number != info->number) return {};
  return found->second.actor;
}

/// Reserves queue space for a write until the last copy of the handle is destroyed; nullptr: the
/// queue is full. An empty queue admits a write of any size, which the request limits bound.
std::shared_ptr<void> rest_gateway::admit(uint64_t bytes) {
  struct place {
    place(std::shared_ptr<node_counters> counted, uint64_t size)
        : counters(std::move(counted)), bytes(size) {}
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    ~place() {
      counters->queued_writes.fetch_sub(1);
      counters->queued_bytes.fetch_sub(bytes);
    }
    std::shared_ptr<node_counters> counters;
    uint64_t bytes;
  };
  const uint64_t queued = options_.counters->queued_writes.fetch_add(1);
  const uint64_t queued_bytes = options_.counters->queued_bytes.fetch_add(bytes);
  auto taken = std::make_shared<place>(options_.counters, bytes);
  const bool full = queued >= options_.queued_writes ||
                    (queued > 0 && queued_bytes + bytes > options_.queued_bytes);
  return full ? nullptr : taken;
}

template<typename Use>
void rest_gateway::with_bucket(std::string bucket, bool make, clock::time_point deadline, Use use) {
  if (const bucket_actor known = find(bucket)) return use(known);
  auto opened = [use = std::move(use)](result<bucket_started> started) {
    if (!started) return use(tl::unexpected(started.error()));
    use(started->actor);
  };
  // If this reply is dropped, no write was sent yet, so the answer is not `ambiguous`.
  auto open_reply = std::make_shared<reply<result<bucket_started>>>(
      std::move(opened), fail(ec::overloaded, "the node is restarting: retry"));
  const std::shared_lock lock(mutex_);
  caf::anon_send(node_,
                 open_bucket{std::move(bucket), make, std::move(open_reply), false, deadline});
}

void rest_gateway::write(std::string bucket, bool make_bucket,
                         std::shared_ptr<const write_group> group, clock::time_point deadline,
                         std::function<void(write_answer)> answer) {
  if (stopping()) {
    answer(problem(ec::shutting_down, "the node is ending; nothing was applied"));
    return;
  }
  auto place = admit(bytes_of(*group));
  if (place == nullptr) {
    answer(problem(ec::overloaded, "too many writes are waiting; nothing was applied"));
    return;
  }
  auto give = [place = std::move(place), answer = std::move(answer)](write_answer given) mutable {
    place.reset();
    answer(std::move(given));
  };
  write_documents message{
      std::move(group), deadline,
      std::make_shared<reply<write_answer>>(std::move(give), write_answer{not_begun(), {}})};
  with_bucket(std::move(bucket), make_bucket, deadline, [message](result<bucket_actor> found) {
    if (!found) return (*message.answer)(problem(found.error().code, found.error().reason));
    caf::anon_send(*found, message);
  });
}

void rest_gateway::write_local(std::string bucket, local_change change, clock::time_point deadline,
                               std::function<void(result<void>)> answer) {
  auto group = std::make_shared<write_group>();
  write_op& op = group->ops.emplace_back();
  op.what = write_op::kind::local;
  op.id = std::move(change.name);
  op.deleted = !change.value;
  op.body = std::move(change.value).value_or("");
  if (change.checks)
    op.before = std::make_shared<const std::optional<std::string>>(std::move(change.before));
  write(std::move(bucket), false, std::move(group), deadline,
        [answer = std::move(answer)](const write_answer& given) {
          const bool whole = given.problem.code != ec::none;
          const error& problem = whole ? given.problem : given.outcomes.front().problem;
          answer(problem.code == ec::none ? result<void>() : tl::unexpected(problem));
        });
}

void rest_gateway::merge(std::string bucket, merge_request asked,
                         std::function<void(merge_answer)> answer) {
  const auto refuse = [&answer](ec code, const char* reason) { answer({{code, reason}, {}}); };
  if (stopping()) return refuse(ec::shutting_down, "the node is ending; nothing was applied");
  auto place = admit(bytes_of(asked.documents));
  if (place == nullptr)
    return refuse(ec::overloaded, "too many writes are waiting; nothing was applied");
  auto batch = std::make_shared<replication::apply_batch>();
  batch->first = true;
  batch->documents = std::move(asked.documents);
  batch->limits = asked.limits;
  auto give = [place = std::move(place), answer](replication::batch_outcome merged) mutable {
    place.reset();
    answer(answer_of(std::move(merged)));
  };
  merge_documents message{
      std::move(batch), options_.rows->reopens(),
      std::make_shared<reply<replication::batch_outcome>>(
          std::move(give), replication::batch_outcome{not_begun().code, not_begun().reason, {}}),
      asked.deadline};
  with_bucket(std::move(bucket), true, asked.deadline, [message](result<bucket_actor> found) {
    if (!found) return (*message.answer)({found.error().code, found.error().reason, {}});
    caf::anon_send(*found, message);
  });
}

void rest_gateway::create_bucket(std::string name, clock::time_point deadline,
                                 std::function<void(result<bool>)> answer) {
  if (stopping()) {
    answer(fail(ec::shutting_down, "the node is ending; nothing was applied"));
    return;
  }
  auto opened = [answer = std::move(answer)](result<bucket_started> started) {
    if (!started) {
      answer(tl::unexpected(started.error()));
    } else {
      answer(started->facts.fresh);
    }
  };
  auto carried = std::make_shared<reply<result<bucket_started>>>(std::move(opened),
                                                                 tl::unexpected(not_begun()));
  const std::shared_lock lock(mutex_);
  caf::anon_send(node_, open_bucket{std::move(name), true, std::move(carried), false, deadline});
}

void rest_gateway::drop_bucket(std::string name, clock::time_point deadline,
                               std::function<void(result<void>)> answer) {
  if (stopping()) {
    answer(fail(ec::shutting_down, "the node is ending; nothing was applied"));
    return;
  }
  auto carried =
      std::make_shared<reply<result<void>>>(std::move(answer), tl::unexpected(not_begun()));
  const std::shared_lock lock(mutex_);
  caf::anon_send(node_, remove_bucket{std::move(name), std::move(carried), deadline});
}

void rest_gateway::await_query(std::string bucket, std::string name, uint64_t sequence,
                               clock::time_point deadline,
                               std::function<void(result<void>)> answer) {
  if (stopping()) {
    answer(fail(ec::shutting_down, "the node is ending"));
    return;
  }
  auto carried = std::make_shared<reply<result<void>>>(
      std::move(answer), fail(ec::overloaded, "the query is restarting: retry"));
  const std::shared_lock lock(mutex_);
  caf::anon_send(node_, treadmill::await_query{std::move(bucket),
                                               std::move(name),
                                               {sequence, deadline, std::move(carried)}});
}

std::shared_ptr<void> rest_gateway::follow(uint32_t bucket, waker wake) {
  const uint64_t key = followers_->enter(bucket, std::move(wake));
  return {static_cast<void*>(this),
          [followers = followers_, bucket, key](void*) { followers->leave(bucket, key); }};
}

zmq_gateway_actor rest_gateway::zmq_gateway() const {
  const std::shared_lock lock(mutex_);
  return peers_;
}

void rest_gateway::add_peer(peer_request asked, clock::time_point deadline,
                            std::function<void(result<peer_added>)> answer) {
  if (stopping()) {
    answer(fail(ec::shutting_down, "the node is ending; nothing was applied"));
    return;
  }
  const auto peers = zmq_gateway();
  if (!peers) return answer(fail(ec::overloaded, "the node is starting; nothing was applied"));
  auto carried =
      std::make_shared<reply<result<peer_added>>>(std::move(answer), tl::unexpected(not_begun()));
  caf::anon_send(peers, treadmill::add_peer{std::move(asked), deadline, std::move(carried)});
}

void rest_gateway::remove_peer(std::string name, clock::time_point deadline,
                               std::function<void(result<void>)> answer) {
  if (stopping()) {
    answer(fail(ec::shutting_down, "the node is ending; nothing was applied"));
    return;
  }
  const auto peers = zmq_gateway();
  if (!peers) return answer(fail(ec::overloaded, "the node is starting; nothing was applied"));
  auto carried =
      std::make_shared<reply<result<void>>>(std::move(answer), tl::unexpected(not_begun()));
  caf::anon_send(peers, treadmill::remove_peer{std::move(name), std::move(carried), deadline});
}

node_facts rest_gateway::facts() const {
  const node_counters& counters = *options_.counters;
  node_facts facts;
  facts.name = options_.name;
  facts.node_id = options_.rows->node_id();
  facts.version = options_.version;
  facts.durability = options_.durability;
  const std::chrono::duration<double> up = std::chrono::steady_clock::now() - started_at_;
  facts.uptime_seconds = up.count();
  facts.commits = counters.commits.load();
  facts.committed_batches = counters.committed_batches.load();
  facts.failed_commits = options_.rows->failures();
  for (const auto& slot : counters.commit_latencies) facts.fsync_histogram.push_back(slot.load());
  facts.fsync_seconds = static_cast<double>(counters.commit_nanoseconds.load()) / 1e9;
  facts.queued_writes = counters.queued_writes.load();
  facts.restarts = counters.restarts.load();
  facts.cut_peers = counters.cut_peers.load();
  facts.budgets.write_bytes = counters.bytes_on_their_way.load();
  facts.budgets.trials = functions_.trials();
  if (options_.slots) {
    facts.budgets.row_slots = options_.slots->count();
    facts.budgets.row_slots_taken = options_.slots->count() - options_.slots->free();
  }
  for (const auto& pool : options_.pools) add_counts(facts.query_workers, pool->counters());
  facts.open_files = options_.open_files;
  facts.map_problem = js::map_pool::problem_of(options_.map_executable);
  if (options_.transport_facts) options_.transport_facts(facts);
  return facts;
}

bool rest_gateway::ready() const { return !stopping() && options_.rows->writable(); }

} // namespace treadmill
