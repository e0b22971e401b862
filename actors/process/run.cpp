#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/defaults.hpp"
#include "actors/isolate_pool.hpp"
#include "actors/node.hpp"
#include "actors/process/open_files.hpp"
#include "actors/process/run.hpp"
#include "actors/process/stop_signal.hpp"
#include "actors/rest_gateway.hpp"
#include "actors/shared_random.hpp"
#include "actors/storage_actor.hpp"
#include "actors/zmq_gateway.hpp"
#include "net/api/dispatcher.hpp"
#include "net/api/mounted.hpp"
#include "net/api/request_work.hpp"
#include "net/couch/routes.hpp"
#include "net/http/http_server.hpp"
#include "net/rest/routes.hpp"
#include "net/transport/peer_transport.hpp"
#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <ctime>
#include <filesystem>
#include <memory>
#include <random>
#include <thread>
#include <utility>

namespace treadmill {
namespace {

class system_config : public caf::actor_system_config {
public:
  explicit system_config(size_t threads) {
    add_message_types<caf::id_block::treadmill>();
    // With the default, "stealing", idle workers spin, which multiplies the latency of requests on
    // a small machine.
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", threads);
    set("scheduler.max-throughput", size_t{10}); // so that no actor keeps a worker from the others
  }
};

store_options options_of_store(const settings& how) {
  store_options options;
  options.directory = how.data;
  options.write_buffer_bytes = how.write_buffer_bytes;
  options.block_cache_bytes = how.block_cache_bytes;
  options.buckets = how.buckets;
  options.free_floor_bytes = how.free_floor_bytes;
  options.warn = [](std::string_view text) { log::warn("store", {{"what", text}}); };
  return options;
}

replication::transport_options options_of_transport(const settings& how) {
  replication::transport_options options;
  options.connections = how.peer_connections;
  if (how.listens) options.listen = "tcp://" + to_string(how.zmq);
  options.message_bytes = replication::defaults::frame_bytes;
  return options;
}

/// Processor time that this thread has used.
std::chrono::microseconds time_of_thread() {
  std::timespec taken{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &taken);
  return std::chrono::seconds(taken.tv_sec) + std::chrono::microseconds(taken.tv_nsec / 1000);
}

/// The options that stay the same as long as the process runs.
zmq_gateway_options options_of_peers(const settings& how, const store& rows) {
  std::random_device seed;
  const auto random = shared_random((uint64_t{seed()} << 32) | seed());
  zmq_gateway_options options;
  options.own = {rows.node_id(), random(), how.name};
  options.advertised = advertised_uri(how);
  options.peers = how.peers;
  options.most_peers = how.most_peers;
  options.limits = how.json;
  options.random = random;
  options.thread_time = time_of_thread;
  return options;
}

/// By default the worker's executable is in the same directory as this executable.
std::string map_executable(const settings& how) {
  if (!how.map_executable.empty()) return how.map_executable;
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed ? "treadmill-map" : (self.parent_path() / "treadmill-map").string();
}

rest_gateway_options options_of_gateway(const settings& how, std::shared_ptr<store> rows,
                                        std::shared_ptr<node_counters> counters,
                                        std::shared_ptr<query_board> board) {
  rest_gateway_options options;
  options.name = how.name;
  options.version = TREADMILL_VERSION;
  options.durability = how.sync_interval.count() == 0
                           ? "commit"
                           : "interval=" + std::to_string(how.sync_interval.count()) + "ms";
  options.queued_writes = how.queued_writes;
  options.queued_bytes = how.queued_bytes;
  options.rows = std::move(rows);
  options.counters = std::move(counters);
  options.board = std::move(board);
  options.limits = how.json;
  options.map_executable = map_executable(how);
  options.open_files = {how.open_files, how.server.connections, how.server.feed_clients,
                        how.listens ? how.peer_connections : 0};
  return options;
}

api::api_options options_of_api(const settings& how) {
  api::api_options options;
  options.cors_origins = how.cors_origins;
  options.limits = how.json;
  options.request_bytes = how.server.request_bytes;
  options.feed_heartbeat = how.feed_heartbeat;
  options.feed_timeout = how.feed_timeout;
  return options;
}

/// Its requests count in the metrics of the native dialect, which shows them.
api::api_options options_of_native(const settings& how) {
  api::api_options options = options_of_api(how);
  options.other_labels = couch::labels();
  return options;
}

/// Where the dialect of CouchDB's clients is, on the port of the native one.
constexpr std::string_view couch_prefix = "/_couch";
constexpr size_t couch_door = 1; ///< of the server: the address of --couch

http::server_options options_of_server(const settings& how, http::sink_factory open_sink) {
  http::server_options options = how.server;
  options.work = api::work_bytes;
  options.open_sink = std::move(open_sink);
  options.lenient_below = std::string(couch_prefix) + '/';
  if (how.couch_listens) options.more_doors.push_back({how.couch.host, how.couch.port, "/"});
  return options;
}

void log_request(const http::request_record& done) {
  log::info("request", {{"method", done.method},
                        {"path", done.path},
                        {"status", done.status},
                        {"microseconds", done.duration.count()}});
}

/// Options of the pool for compiling and trials: one worker for a trial, one for compiling
/// meanwhile.
js::pool_options options_of_lane(const settings& how) {
  js::pool_options options = options_of_pool(how);
  options.workers = defaults::trial_workers;
  options.idle_time = defaults::trial_worker_idle;
  return options;
}

/// Parts of one run that the pool holds at one time.
size_t parts_out(const settings& how) { return 2 * options_of_pool(how).workers + 1; }

int failed_start(const error& problem) {
  log::error("the node cannot start", {{"reason", problem.reason}});
  log::stop();
  return 1;
}

/// The parts of a running node, in dependency order. They end in the opposite order
/// (actors/README.md, "Shutdown").
class running_node {
public:
  running_node(const settings& how, std::shared_ptr<store> rows)
      : how_(how), config_(how.scheduler_threads), rows_(std::move(rows)),
        wire_(std::make_shared<peer_wire>(carrier())),
        transport_(options_of_transport(how), heard()),
        pool_(std::make_shared<js::map_pool>(options_of_pool(how))),
        lane_(std::make_shared<js::map_pool>(options_of_lane(how))),
        gateway_(actors_, with_peers(options_of_gateway(how, rows_, counters_, board_))),
        api_(rest::native(), gateway_, options_of_native(how)),
        couch_(couch::couchdb(), gateway_, options_of_api(how)),
        server_(
            options_of_server(how, [this](const http::request& head) { return open_sink(head); }),
            [this](const http::request& request, http::responder answer) {
              handle(request, std::move(answer));
            },
            [this](const http::request_record& done) { record(done); }) {
    api_.set_server_counters([this] { return server_.counters(); });
    couch_.set_server_counters([this] { return server_.counters(); });
  }

  /// Starts the peer transport first, so that the actors know its address.
  result<void> start() {
    if (auto listening = transport_.start(); !listening) {
      return fail(listening.error().code,
                  "peers cannot be listened for (--zmq): " + listening.error().reason);
    }
    start_actors();
    return server_.start();
  }
  uint16_t port() const { return server_.port(); }
  /// Where it listens for CouchDB's clients alone; empty: nowhere.
  std::string couch_address() const {
    if (!how_.couch_listens) return {};
    return to_string(endpoint{how_.couch.host, server_.port(couch_door)});
  }
  std::string zmq_uri() const { return transport_.endpoint(); }

  void end() {
    gateway_.stop(); // no new writes; feeds end by themselves
    server_.stop(how_.shutdown_grace);
    {
      caf::scoped_actor self(actors_); // is an actor itself, so it must end before the wait below
      if (node_) {
        self->send_exit(node_, caf::exit_reason::user_shutdown);
        self->wait_for(node_);
      }
      pool_->stop(); // kills the workers; their jobs are answered
      lane_->stop();
      self->send_exit(gateway_.actor(), caf::exit_reason::user_shutdown);
    }
    gateway_.disconnect();
    node_ = node_actor();
    actors_.await_all_actors_done();
    transport_.stop(); // after the links' goodbyes were sent
  }

private:
  void start_actors() {
    node_options options;
    options.rows = rows_;
    options.counters = counters_;
    options.gateway = gateway_.actor();
    options.limits = how_.json;
    options.queries = how_.queries;
    options.spawn_storage = [rows = rows_, counters = counters_, interval = how_.sync_interval,
                             floor = how_.free_floor_bytes,
                             buffer = how_.write_buffer_bytes](caf::actor_system& system) {
      return system.spawn<caf::detached>(storage,
                                         storage_options{rows, counters, interval, floor, buffer});
    };
    options.spawn_pool = [pool = pool_](caf::actor_system& system) {
      return system.spawn(isolate_pool, pool);
    };
    zmq_gateway_options peers = options_of_peers(how_, *rows_);
    peers.listening = transport_.endpoint();
    peers.rows = rows_;
    peers.counters = counters_;
    peers.board = peers_;
    peers.wire = wire_;
    options.spawn_peers = [peers](caf::actor_system& system, node_actor subject) {
      zmq_gateway_options chosen = peers;
      chosen.node = std::move(subject);
      return system.spawn(zmq_gateway, std::move(chosen));
    };
    options.board = board_;
    options.parts_out = parts_out(how_);
    options.slots = slots_;
    node_ = actors_.spawn(node, options);
    gateway_.connect(node_);
  }

  frame_carrier carrier() {
    return {[this](const std::string& uri) { return transport_.dial(uri); },
            [this](uint64_t connection) { transport_.hang_up(connection); },
            [this](uint64_t connection, std::string frame) {
              return transport_.send(connection, std::move(frame));
            }};
  }

  replication::transport_handlers heard() {
    return {[this](uint64_t connection, std::string frame) {
              wire_->received(connection, std::move(frame));
            },
            [this](uint64_t connection) { wire_->lost(connection); },
            [this](uint64_t connection) { wire_->made(connection); }};
  }

  rest_gateway_options with_peers(rest_gateway_options options) {
    options.peers = peers_;
    options.lane = lane_;
    options.pools = {pool_, lane_};
    options.slots = slots_;
    options.transport_facts = [this](node_facts& facts) {
      const replication::transport_counters counts = transport_.counters();
      facts.zmq_uri = transport_.endpoint();
      facts.couch = couch_address();
      facts.peers = {counts.frames_in, counts.frames_out,     counts.bytes_in,
                     counts.bytes_out, counts.dropped_frames, counts.cut_connections};
    };
    return options;
  }

  /// Calls `use` with the dialect that a request is for, and the request as that dialect sees it.
  template<class Use>
  auto with_dialect(const http::request& request, const Use& use) {
    if (request.door == couch_door) return use(couch_, request);
    if (const auto inner = api::below(request, couch_prefix)) return use(couch_, *inner);
    return use(api_, request);
  }

  void handle(const http::request& request, http::responder answer) {
    with_dialect(request, [&](api::dispatcher& dialect, const http::request& seen) {
      dialect.handle(seen, std::move(answer));
    });
  }

  std::unique_ptr<http::body_sink> open_sink(const http::request& head) {
    return with_dialect(head, [](api::dispatcher& dialect, const http::request& seen) {
      return dialect.open_sink(seen);
    });
  }

  void record(const http::request_record& done) {
    api_.record(done);
    if (how_.access_log) log_request(done);
  }

  settings how_;
  system_config config_;
  caf::actor_system actors_{config_};
  std::shared_ptr<store> rows_;
  std::shared_ptr<node_counters> counters_ = std::make_shared<node_counters>();
  std::shared_ptr<query_board> board_ = std::make_shared<query_board>();
  std::shared_ptr<peer_board> peers_ = std::make_shared<peer_board>();
  std::shared_ptr<row_slots> slots_ =
      std::make_shared<row_slots>(parts_out(how_) + defaults::more_row_slots);
  std::shared_ptr<peer_wire> wire_;
  replication::transport transport_;
  std::shared_ptr<js::map_pool> pool_;
  std::shared_ptr<js::map_pool> lane_;
  rest_gateway gateway_;
  api::dispatcher api_;
  api::dispatcher couch_;
  http::server server_;
  node_actor node_{};
};

} // namespace

js::pool_options options_of_pool(const settings& how) {
  js::pool_options options;
  options.executable = map_executable(how);
  const size_t cores = std::max(1U, std::thread::hardware_concurrency());
  options.workers = how.map_workers == 0 ? cores : how.map_workers;
  options.jitless = how.jitless;
  options.document_cpu = how.map_cpu;
  options.heap_bytes = how.map_memory;
  options.warn = [](std::string_view text) { log::warn("map worker", {{"what", text}}); };
  return options;
}

namespace {

void open_log() {
  if (const std::string problem = log::reopen(); !problem.empty())
    log::warn("the log file cannot be opened anew", {{"reason", problem}});
  else
    log::info("the log was opened anew");
}

/// Lowers the limits of incoming connections to fit the limit of open files, and logs it.
void fit_open_files(settings& how) {
  const open_file_needs asked{how.server.connections,
                              how.server.feed_clients,
                              how.server.refusals,
                              how.listens ? how.peer_connections : 0,
                              how.most_peers,
                              options_of_pool(how).workers,
                              how.server.threads + how.scheduler_threads};
  const open_file_shares shares = share_open_files(raise_open_files(), asked);
  how.open_files = shares.limit;
  if (!shares.lowered) return;
  how.server.connections = shares.connections;
  how.server.feed_clients = shares.feeds;
  how.server.refusals = shares.refusals;
  how.peer_connections = shares.peer_connections;
  log::warn(shares.too_low ? "the limit of open files is too low for a node that is busy"
                           : "the limit of open files is low: fewer connections are taken",
            {{"open_files", shares.limit},
             {"kept", shares.kept},
             {"max_connections", shares.connections},
             {"max_feed_clients", shares.feeds},
             {"peer_connections", shares.peer_connections}});
}

} // namespace

int run_node(const settings& chosen) {
  settings how = chosen;
  if (const std::string problem = log::start(how.logging); !problem.empty()) {
    return failed_start({ec::io_error, "the log cannot be written: " + problem});
  }
  fit_open_files(how);
  auto opened = store::open(options_of_store(how));
  if (!opened) return failed_start(opened.error());
  const std::shared_ptr<store> rows = std::move(*opened);
  running_node running(how, rows);
  if (auto started = running.start(); !started) {
    running.end();
    return failed_start(started.error());
  }
  log::info("ready", {{"name", how.name},
                      {"http", to_string(endpoint{how.server.host, running.port()})},
                      {"zmq", running.zmq_uri()},
                      {"couch", running.couch_address()},
                      {"data", how.data},
                      {"node_id", rows->node_id()}});
  if (const std::string problem = js::map_pool::problem_of(map_executable(how)); !problem.empty())
    log::warn("queries cannot be answered", {{"reason", problem}});
  const int received = wait_for_stop_signal(open_log);
  log::info("ending", {{"signal", received}});
  running.end();
  log::info("ended");
  log::stop();
  return 0;
}

} // namespace treadmill
