#pragma once
#include "net/base/client_presence.hpp"
#include "net/base/clock.hpp"
#include "net/base/waker.hpp"
#include "net/node/peer_board.hpp"
#include "net/node/query_board.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/engine/bucket_core.hpp"
#include "storage/engine/store.hpp"
#include "storage/index/index_run.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace treadmill {

/// The result of a group of writes: either one outcome per write, in order, or one problem for the
/// whole group (overloaded, shutting_down, deadline_exceeded, ambiguous, disk_full, …). With a
/// problem, no write is known to have been applied.
struct write_answer {
  error problem{ec::none, {}};
  std::vector<write_outcome> outcomes;
};

/// The process's limit of open files, and the shares that connections, feeds and peers may use.
struct open_file_limits {
  uint64_t open_files = 0;
  uint64_t connections = 0;
  uint64_t feed_clients = 0;
  uint64_t peer_connections = 0;
};

/// How much of the node-wide budgets is in use.
struct budget_use {
  uint64_t write_bytes = 0; ///< of batches that are not on disk yet
  uint64_t row_slots = 0;   ///< capacity, in query rows that wait in memory
  uint64_t row_slots_taken = 0;
  uint64_t trials = 0; ///< trial runs of maps, running or waiting
};

/// The processes that run the functions of queries. Numbers without "now" never decrease.
struct query_worker_counts {
  uint64_t workers = 0; ///< now: processes
  uint64_t waiting = 0; ///< now: jobs that no worker has
  uint64_t working = 0; ///< now: jobs that a worker has
  uint64_t started = 0;
  uint64_t failed_starts = 0;
  uint64_t killed = 0;    ///< by the node: no answer in time, or a bad one
  uint64_t died = 0;      ///< ended in any other way
  uint64_t cancelled = 0; ///< jobs
  uint64_t documents = 0;
  uint64_t reductions = 0;
  uint64_t faults = 0;  ///< documents and reductions that failed
  uint64_t strikes = 0; ///< of those, the ones that killed a worker or cost seconds of its time
  std::chrono::nanoseconds cpu{};
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
  /// One count per bound of metrics.hpp's latency bounds, and one for longer times.
  std::vector<uint64_t> fsync_histogram;
  double fsync_seconds = 0;   ///< total
  uint64_t queued_writes = 0; ///< writes accepted and not yet answered
  uint64_t restarts = 0;      ///< actors that died and were restarted
  uint64_t cut_peers = 0;     ///< disconnected because they exceeded a bound
  std::string zmq_uri{};      ///< where this node listens for peers; empty: it does not listen
  std::string couch{}; ///< where it listens for CouchDB's clients; empty: on the REST port alone
  std::string map_problem{}; ///< why no query worker can be started; empty: no problem is known
  peer_traffic peers{};
  open_file_limits open_files{};
  budget_use budgets{};
  query_worker_counts query_workers{};
};

/// A request of an operator to federate with a peer.
struct peer_request {
  std::string zmq_uri{};   ///< checked by check_zmq_uri
  bool all_buckets = true; ///< else only `buckets`
  std::vector<std::string> buckets{};
};

/// The answer to a peer_request: the state of the peer, and the name it is listed under.
struct peer_added {
  enum class how : uint8_t {
    made,    ///< a new peer, connected
    known,   ///< it was in the list already, and is connected
    waiting, ///< not connected yet
  };
  how what = how::waiting;
  std::string name{};
  std::string zmq_uri{};
};

/// A change of a local row: a small value that belongs to a bucket on this node alone.
struct local_change {
  std::string name{};                  ///< 1 to 600 bytes; dialects agree on prefixes
  std::optional<std::string> value{};  ///< nothing: the row is removed
  bool checks = false;                 ///< the change is made only if the row is still `before`
  std::optional<std::string> before{}; ///< nothing: the row is missing
};

/// The input of one call of a JavaScript reduction, which returns one value.
struct reduce_input {
  bool rereduce = false;             ///< `values` are results of earlier reductions
  std::vector<std::string> keys{};   ///< each the JSON of [key, id]; empty if `rereduce`
  std::vector<std::string> values{}; ///< JSON
};

/// Documents with their revision trees. The node merges all of them or none.
struct merge_request {
  std::vector<replicated_document> documents{}; ///< each one checked by check_replicated
  tree_limits limits{};
  clock::time_point deadline{}; ///< the node applies nothing after it
};

struct merge_answer {
  error problem{ec::none, {}};
  std::string id{}; ///< of the document that caused the problem, if known
};

/// Asks to run a map function over documents for one request, without an index.
struct trial_request {
  std::string map{};
  std::vector<run_document> documents{};
  client_presence client{}; ///< if the client disconnects, the trial stops
  /// True: map all documents without a time limit, to verify what is stored. False: keep within the
  /// bounds of a trial (actors/defaults.hpp).
  bool all = false;
};
struct trial_rows {
  /// One per document, in order, up to the point where the trial stopped.
  std::vector<run_rows> rows{};
  std::string stopped{}; ///< why the remaining documents were not mapped; empty: all were mapped
};

/// What the REST routes need from the node beyond reading the store. Implemented by the actors'
/// REST gateway, and by a plain object in the tests of the routes. **Thread**: any; no call blocks;
/// each callback is called exactly once, from any thread.
class node_backend {
public:
  virtual ~node_backend() = default;

  virtual const store& rows() const = 0;
  /// Applies writes to a bucket. If the bucket is missing: creates it if `make_bucket`, else
  /// answers not_found.
  virtual void write(std::string bucket, bool make_bucket, std::shared_ptr<const write_group> group,
                     clock::time_point deadline, std::function<void(write_answer)> answer) = 0;
  /// Merges documents into a bucket as if they came from a peer; creates the bucket if it is
  /// missing. A revision that is already stored changes nothing, so a client may safely repeat the
  /// request. Errors: those of write; bad_rev (a live leaf that is new here came without its body);
  /// too_large (a document is too large, or there would be one query too many).
  virtual void merge(std::string bucket, merge_request asked,
                     std::function<void(merge_answer)> answer) = 0;
  /// Creates a bucket; `created` is false if it existed.
  virtual void create_bucket(std::string name, clock::time_point deadline,
                             std::function<void(result<bool> created)> answer) = 0;
  virtual void drop_bucket(std::string name, clock::time_point deadline,
                           std::function<void(result<void>)> answer) = 0;
  /// Calls `wake` whenever new activity of the bucket (identified by its number) becomes durable
  /// (visible in `rows().synced()`) or the bucket is dropped, until the caller destroys the
  /// returned handle. Also calls it when changes of one of the bucket's indexes become durable, and
  /// when a query of the bucket ends or switches to another index: query_board::follow shows
  /// nothing earlier than this notice.
  virtual std::shared_ptr<void> follow(uint32_t bucket, waker wake) = 0;

  // Local rows: in no log, digest, count or export, and no peer gets them. They end with their
  // bucket.

  /// The value of a local row; nothing: there is none. Errors: those of read_view::read.
  virtual result<std::optional<std::string>> read_local(uint32_t bucket,
                                                        std::string_view name) const = 0;
  /// Changes a local row, and answers once that is as durable as a write. Errors: conflict (the row
  /// is not `before`); not_found (the bucket is missing); those of write; unavailable (this backend
  /// keeps no local rows).
  virtual void write_local(std::string bucket, local_change change, clock::time_point deadline,
                           std::function<void(result<void>)> answer) = 0;

  // Queries. An index's own state in the store says up to which sequence it covers the bucket. If
  // that is sequence S, the index is shown only by a query whose definition is the one of S, or by
  // a query that is shown as redefining. So no answer comes from a definition that was superseded
  // or deleted before the request.

  /// The board on which queries publish their state.
  virtual query_board& queries() const = 0;
  /// Answers as soon as the query's index, as the board shows it, covers `sequence` or later
  /// (immediately if it already does). Any number of callers may wait; all share one catch-up.
  /// Errors: not_found (the query is not defined); overloaded (the deadline passed; the text has
  /// the progress); query_suspended; unavailable (no worker can be started); shutting_down.
  virtual void await_query(std::string bucket, std::string name, uint64_t sequence,
                           clock::time_point deadline,
                           std::function<void(result<void>)> answer) = 0;
  /// Compiles the map function, and the reduction if it is JavaScript, without running either.
  /// Errors: bad_map with the position of the error; unavailable; overloaded.
  virtual void check_functions(query_definition definition,
                               std::function<void(result<void>)> answer) = 0;
  /// Runs a map function over some documents. Errors: those of check_functions; overloaded (the
  /// maximum number of trials is running, or the client disconnected).
  virtual void try_map(trial_request asked, std::function<void(result<trial_rows>)> answer) = 0;
  /// Runs a JavaScript reduction on each of the inputs; answers the values in their stored form, in
  /// order. Errors: bad_reduce (the function failed on an input; the text says how); overloaded.
  virtual void reduce_rows(std::string function, std::vector<reduce_input> inputs,
                           std::function<void(result<std::vector<std::string>>)> answer) = 0;

  // Federation

  /// The board on which peers publish their state.
  virtual peer_board& peers() const = 0;
  /// Federates with the node at that address: answers once it is connected, or after a timeout.
  /// Errors: bad_request (the address is this node's own, or there would be one peer too many),
  /// conflict (the peer refuses; the text says why); those of write. On an error, a peer that was
  /// new is not kept.
  virtual void add_peer(peer_request asked, clock::time_point deadline,
                        std::function<void(result<peer_added>)> answer) = 0;
  /// Ends the federation on both sides. `name`: the peer's name, or the host:port of its address.
  /// Errors: not_found; those of write.
  virtual void remove_peer(std::string name, clock::time_point deadline,
                           std::function<void(result<void>)> answer) = 0;

  /// Reclaims the space of superseded rows, of one bucket or of all, step by step while the node
  /// runs; `rows().compacting()` shows the progress.
  virtual void compact(std::optional<uint32_t> bucket) = 0;

  virtual node_facts facts() const = 0;
  virtual bool ready() const = 0;    ///< accepts writes
  virtual bool stopping() const = 0; ///< feeds must end
};

} // namespace treadmill
