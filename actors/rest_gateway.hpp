#pragma once
#include "actors/function_calls.hpp"
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "actors/row_slots.hpp"
#include "net/node/node_backend.hpp"
#include "storage/engine/store.hpp"
#include <caf/actor_system.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

namespace treadmill {

struct rest_gateway_options {
  std::string name{};
  std::string version{};
  std::string durability{};
  size_t queued_writes = 0; ///< bound on groups of writes that are not yet answered
  size_t queued_bytes = 0;  ///< bound on the bytes of their bodies
  std::shared_ptr<store> rows{};
  std::shared_ptr<node_counters> counters{};
  std::shared_ptr<query_board> board{};
  std::shared_ptr<peer_board> peers{};
  /// Adds the transport's address and its traffic counts. May be empty.
  std::function<void(node_facts&)> transport_facts{};
  std::string map_executable{};
  open_file_limits open_files{};
  json_limits limits{};
  /// Workers that compile functions and run trials; nullptr: neither is possible.
  std::shared_ptr<js::map_pool> lane{};
  std::vector<std::shared_ptr<const js::map_pool>> pools{}; ///< all workers, for the metrics
  std::shared_ptr<const row_slots> slots{};                 ///< shared by all queries
};

/// The bridge between HTTP threads and the actor system: turns calls of the REST routes into
/// messages. Its own actor receives news from buckets and the node.
///
/// Sends writes directly to the bucket's actor, whose handle it keeps; the answers come through the
/// reply that each message carries.
///
/// Lifetime: outlives the HTTP server and the actor system's actors.
/// **Thread**: node_backend's members from any thread; connect, stop and the destructor from one.
/// **Units and limits**: beyond `queued_writes` or `queued_bytes` it answers a write `overloaded`
/// and sends nothing of it.
class rest_gateway : public node_backend {
public:
  rest_gateway(caf::actor_system& system, rest_gateway_options options);
  ~rest_gateway() override;
  rest_gateway(const rest_gateway&) = delete;
  rest_gateway& operator=(const rest_gateway&) = delete;

  /// The gateway's own actor: a follower of every bucket.
  const gateway_actor& actor() const { return actor_; }
  /// Sets the node that opens buckets. Before this, writes are answered `shutting_down`.
  void connect(node_actor node);
  /// Releases all actor handles, so that the actors can end. Call after stop.
  void disconnect();
  /// From now on writes are answered `shutting_down`, readiness is false and feeds end.
  void stop();

  const store& rows() const override { return *options_.rows; }
  void write(std::string bucket, bool make_bucket, std::shared_ptr<const write_group> group,
             clock::time_point deadline, std::function<void(write_answer)> answer) override;
  void merge(std::string bucket, merge_request asked,
             std::function<void(merge_answer)> answer) override;
  void create_bucket(std::string name, clock::time_point deadline,
                     std::function<void(result<bool>)> answer) override;
  void drop_bucket(std::string name, clock::time_point deadline,
                   std::function<void(result<void>)> answer) override;
  std::shared_ptr<void> follow(uint32_t bucket, waker wake) override;
  result<std::optional<std::string>> read_local(uint32_t bucket,
                                                std::string_view name) const override {
    return options_.rows->latest().local_row(bucket, name);
  }
  void write_local(std::string bucket, local_change change, clock::time_point deadline,
                   std::function<void(result<void>)> answer) override;
  query_board& queries() const override { return *options_.board; }
  void await_query(std::string bucket, std::string name, uint64_t sequence,
                   clock::time_point deadline, std::function<void(result<void>)> answer) override;
  void check_functions(query_definition definition,
                       std::function<void(result<void>)> answer) override {
    functions_.check(definition, std::move(answer));
  }
  void try_map(trial_request asked, std::function<void(result<trial_rows>)> answer) override {
    functions_.try_map(std::move(asked), std::move(answer));
  }
  void reduce_rows(std::string function, std::vector<reduce_input> inputs,
                   std::function<void(result<std::vector<std::string>>)> answer) override {
    functions_.reduce(function, std::move(inputs), std::move(answer));
  }
  peer_board& peers() const override { return *options_.peers; }
  void add_peer(peer_request asked, clock::time_point deadline,
                std::function<void(result<peer_added>)> answer) override;
  void remove_peer(std::string name, clock::time_point deadline,
                   std::function<void(result<void>)> answer) override;
  void compact(std::optional<uint32_t> bucket) override { options_.rows->ask_compaction(bucket); }
  node_facts facts() const override;
  bool ready() const override;
  bool stopping() const override { return stopping_.load(); }

private:
  class follower_list;
  /// Calls `use` with the bucket's actor, or with the reason why there is none.
  template<typename Use>
  void with_bucket(std::string bucket, bool make, clock::time_point deadline, Use use);
  std::shared_ptr<void> admit(uint64_t bytes);
  void wake(uint32_t bucket);
  void wake_all();
  void started(const bucket_started& bucket);
  void started(const peers_started& news);
  void stopped(const bucket_stopped& bucket);
  bucket_actor find(const std::string& name) const;
  zmq_gateway_actor zmq_gateway() const;
  static gateway_actor::behavior_type behavior(gateway_actor::pointer self, rest_gateway* gateway);

  caf::actor_system& system_;
  rest_gateway_options options_;
  std::chrono::steady_clock::time_point started_at_;
  std::atomic<bool> stopping_{false};
  gateway_actor actor_{};

  mutable std::shared_mutex mutex_{};
  node_actor node_{};
  zmq_gateway_actor peers_{};
  struct known_bucket {
    uint32_t number = 0;
    bucket_actor actor{};
  };
  std::unordered_map<std::string, known_bucket> known_{};
  std::shared_ptr<follower_list> followers_;
  function_calls functions_;
};

} // namespace treadmill
