#pragma once
#include "net/http.hpp"
#include "net/peer_board.hpp"
#include "net/query_board.hpp"
#include "storage/bucket_core.hpp"
#include "storage/index_run.hpp"
#include "storage/query_definition.hpp"
#include "storage/store.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace treadmill::rest {

/// What happened to a group of writes: either all outcomes, in order, or one problem of the whole
/// (overloaded, shutting_down, deadline_exceeded, ambiguous, disk_full, …), in which case nothing
/// is known to have been applied.
struct write_answer {
  error problem{ec::none, {}};
  std::vector<write_outcome> outcomes;
};

/// The process's limit of open files, and what of it others may take.
struct open_file_limits {
  uint64_t open_files = 0;
  uint64_t connections = 0;
  uint64_t feed_clients = 0;
  uint64_t peer_connections = 0;
};

/// What is taken of budgets of the whole node.
struct budget_use {
  uint64_t write_bytes = 0; ///< of batches on their way to the disk
  uint64_t row_slots = 0;   ///< rows of queries that wait in memory: places that there are
  uint64_t row_slots_taken = 0;
  uint64_t trials = 0; ///< that run or wait
};

/// Facts that only the running node has, for /_system and the metrics.
struct node_facts {
  std::string name;
  std::string node_id;
  std::string version;
  std::string durability;
  double uptime_seconds = 0;
  uint64_t commits = 0;           ///< group commits since the start
  uint64_t committed_batches = 0; ///< batches in them
  uint64_t failed_commits = 0;
  std::vector<uint64_t>
      fsync_histogram; ///< counts per bound of metrics.hpp's latency bounds, one more for the rest
  double fsync_seconds = 0;   ///< sum
  uint64_t queued_writes = 0; ///< writes accepted and not yet answered
  uint64_t restarts = 0;      ///< actors that died and were restarted
  uint64_t cut_peers = 0;     ///< they broke a bound
  std::string zmq_uri{};      ///< where peers are listened for; empty: nowhere
  std::string map_problem{};  ///< why no worker for queries can be started; empty: none is known
  peer_traffic peers{};
  open_file_limits open_files{};
  budget_use budgets{};
};

/// A peer that an operator asks for.
struct peer_request {
  std::string zmq_uri{};   ///< checked by check_zmq_uri
  bool all_buckets = true; ///< else only `buckets`
  std::vector<std::string> buckets{};
};

/// How a peer that was asked for is listed from then on.
struct peer_added {
  enum class how : uint8_t {
    made,    ///< it is reached
    known,   ///< it was there, and is reached
    waiting, ///< it has not been reached yet
  };
  how what = how::waiting;
  std::string name{};
  std::string zmq_uri{};
};

/// What a JavaScript reduction is to make one value of.
struct reduce_input {
  bool rereduce = false;             ///< `values` were reduced already
  std::vector<std::string> keys{};   ///< JSON of [key, id] each; none where `rereduce`
  std::vector<std::string> values{}; ///< JSON
};

/// Documents with their pasts, to be merged as a whole or not at all.
struct merge_request {
  std::vector<replicated_document> documents{}; ///< each one checked by check_replicated
  tree_limits limits{};
  http::clock::time_point deadline{}; ///< nothing is applied after it
};

struct merge_answer {
  error problem{ec::none, {}};
  std::string id{}; ///< of the document at fault, where it is known
};

/// Documents that are to be mapped for a request, not for an index.
struct trial_request {
  std::string map{};
  std::vector<run_document> documents{};
  http::client_presence client{}; ///< it ends with its client
  /// All documents, however long it takes: for a check of what is stored. Else within the bounds of
  /// a trial (actors/defaults.hpp).
  bool all = false;
};
struct trial_rows {
  std::vector<run_rows> rows{}; ///< of the first documents, in order
  std::string stopped{};        ///< why the others were not tried; empty: there are none
};

/// The node behind the REST routes: what they cannot do by reading the store. Implemented by the
/// actors' REST gateway, and by a plain object in the tests of the routes. **Thread**: any; no call
/// blocks; each callback is called exactly once, from any thread.
class node_backend {
public:
  virtual ~node_backend() = default;

  virtual const store& rows() const = 0;
  /// Applies writes to a bucket, made where it is missing and `make_bucket`; else not_found.
  virtual void write(std::string bucket, bool make_bucket, std::shared_ptr<const write_group> group,
                     http::clock::time_point deadline,
                     std::function<void(write_answer)> answer) = 0;
  /// Merges documents into a bucket, made where it is missing, as if they came from a peer: what is
  /// known changes nothing, so all may be sent again. Errors: those of writing; bad_rev (a live
  /// leaf that is new here came without its body); too_large (a document, or one query too many).
  virtual void merge(std::string bucket, merge_request asked,
                     std::function<void(merge_answer)> answer) = 0;
  /// Makes a bucket; `created` is false where it was there.
  virtual void create_bucket(std::string name, http::clock::time_point deadline,
                             std::function<void(result<bool> created)> answer) = 0;
  virtual void drop_bucket(std::string name, http::clock::time_point deadline,
                           std::function<void(result<void>)> answer) = 0;
  /// Calls `wake` whenever the bucket (by number) has new activity that is durable
  /// (`rows().synced()`) or was dropped, until the returned handle is destroyed. The same whenever
  /// an index of the bucket has changes that are durable, or a query of it ends or changes its
  /// index: who follows a query (query_board::follow) sees nothing earlier.
  virtual std::shared_ptr<void> follow(uint32_t bucket, http::waker wake) = 0;

  // Queries. What an index covers is told by its own state in the store. What holds besides: one
  // that says it covers sequence S is shown only by a query whose definition is the one of S, or
  // which is shown as redefining; so an answer never comes from a definition that was superseded or
  // deleted before it was asked for.

  /// Where queries show themselves.
  virtual query_board& queries() const = 0;
  /// Answers when the query's index, as the board shows it, was consistent at `sequence` or later
  /// (at once where it is). Any number may wait: they cost one catch-up. Errors: not_found (the
  /// query is not defined); overloaded (the deadline passed; with the progress); query_suspended;
  /// unavailable (no worker can be started); shutting_down.
  virtual void await_query(std::string bucket, std::string name, uint64_t sequence,
                           http::clock::time_point deadline,
                           std::function<void(result<void>)> answer) = 0;
  /// Compiles the map, and a reduction that is JavaScript, without running either. Errors: bad_map
  /// with the place; unavailable; overloaded.
  virtual void check_functions(query_definition definition,
                               std::function<void(result<void>)> answer) = 0;
  /// Maps some documents. Errors: as check_functions; overloaded (as many trials run as may; the
  /// client left).
  virtual void try_map(trial_request asked, std::function<void(result<trial_rows>)> answer) = 0;
  /// Runs a JavaScript reduction on each of the inputs; the values in their stored form, in order.
  /// Errors: bad_reduce (it failed on one, and how); overloaded.
  virtual void reduce_rows(std::string function, std::vector<reduce_input> inputs,
                           std::function<void(result<std::vector<std::string>>)> answer) = 0;

  // Federation

  /// Where peers show themselves.
  virtual peer_board& peers() const = 0;
  /// Federates with the node at that address: answers when it is reached, or after a while. Errors:
  /// bad_request (it is this node, or one peer too many), conflict (the peer refuses, and why);
  /// those of writing. Nothing is kept then of a peer that was new.
  virtual void add_peer(peer_request asked, http::clock::time_point deadline,
                        std::function<void(result<peer_added>)> answer) = 0;
  /// Ends the federation, on both sides. `name`: of the peer, or host:port of its address. Errors:
  /// not_found; those of writing.
  virtual void remove_peer(std::string name, http::clock::time_point deadline,
                           std::function<void(result<void>)> answer) = 0;

  /// Gives back the space of superseded rows, of one bucket or of all, bit by bit while the node
  /// runs; `rows().compacting()` tells how long.
  virtual void compact(std::optional<uint32_t> bucket) = 0;

  virtual node_facts facts() const = 0;
  virtual bool ready() const = 0;    ///< takes writes
  virtual bool stopping() const = 0; ///< feeds end themselves
};

} // namespace treadmill::rest
