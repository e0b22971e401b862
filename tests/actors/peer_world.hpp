#pragma once
#include "actors/shared_random.hpp"
#include "actors/zmq_gateway.hpp"
#include "tests/actors/actor_world.hpp"
#include "tests/actors/fake_pool.hpp"
#include "tests/actors/peer_network.hpp"
#include <random>
#include <stdexcept>

namespace treadmill::test {

/// How a node is started.
struct peer_start {
  std::vector<std::string> peers{};
  std::string advertised = "own"; ///< "own": its address; empty: none
  size_t most_peers = 32;
};

/// A whole node without HTTP and ZeroMQ, one of several in one actor system. It can be ended and
/// started again on its store.
class peer_node {
public:
  peer_node(caf::actor_system& system, peer_network& network, std::string name, uint64_t seed)
      : name_(name), uri("tcp://" + name + ":1445"), system_(system), network_(network),
        random_(seed) {}

  /// Before it is started: by which name it greets.
  void rename(std::string name) { name_ = std::move(name); }
  /// A fresh store, under the same name and address.
  void wipe() { env_.reset(leveldb::NewMemEnv(leveldb::Env::Default())); }
  /// The other's store, as it is now; that node must be down.
  void copy_store(const peer_node& from) {
    wipe();
    std::vector<std::string> names;
    from.env_->GetChildren("/store", &names);
    env_->CreateDir("/store");
    for (const std::string& file : names) {
      std::string bytes;
      if (!leveldb::ReadFileToString(from.env_.get(), "/store/" + file, &bytes).ok()) continue;
      leveldb::WriteStringToFile(env_.get(), bytes, "/store/" + file);
    }
  }

  void start(const peer_start& chosen = {}) {
    open();
    counters = std::make_shared<node_counters>();
    board = std::make_shared<peer_board>();
    queries = std::make_shared<query_board>();
    wire = std::make_shared<peer_wire>(network_.carrier(uri));
    rest_gateway_options rest;
    rest.name = name_;
    rest.queued_writes = 1000;
    rest.queued_bytes = 1 << 24;
    rest.rows = rows;
    rest.counters = counters;
    rest.board = queries;
    rest.peers = board;
    gateway = std::make_unique<rest_gateway>(system_, rest);
    subject = system_.spawn(node, options(chosen));
    gateway->connect(subject);
    network_.up(uri, wire);
  }
  /// As SIGTERM does, or, without `farewell`, as a power cut would look to its peers.
  void stop(const std::function<void()>& run, bool farewell = true) {
    if (!gateway) return;
    if (!farewell) network_.down(uri);
    const gateway_actor its_actor = gateway->actor();
    gateway->disconnect();
    caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
    run();
    if (farewell) network_.down(uri);
    caf::anon_send_exit(its_actor, caf::exit_reason::user_shutdown);
    run();
    subject = node_actor();
    storage_now = storage_actor();
    pool_now = isolate_pool_actor();
    peers_now = zmq_gateway_actor();
    gateway.reset();
    wire.reset();
    rows.reset();
  }
  bool is_up() const { return gateway != nullptr; }
  /// As a disk that fails for a moment; storage then reopens the store.
  void fail_commit() {
    broken_ = true;
    commit_until_failed(*rows);
    broken_ = false;
  }

  void write(answer_box& box, const std::string& bucket, std::vector<write_op> ops) {
    gateway->write(bucket, true, group(std::move(ops)), soon(), box.function());
  }
  /// Of the winner; empty where there is none.
  std::string body(const std::string& bucket, const std::string& id) const {
    const auto info = rows->find_bucket(bucket);
    if (!info) return {};
    const auto bytes = rows->latest().read(keys::document(info->number, id));
    if (!bytes || !*bytes) return {};
    const auto row = document_row::decode(**bytes);
    return row && !row->deleted ? std::string(row->body) : std::string();
  }
  std::string digest(const std::string& bucket) const {
    const auto info = rows->find_bucket(bucket);
    if (!info) return {};
    const auto state = rows->latest().state(info->number);
    return state ? to_hex(state->digest) : std::string();
  }
  uint64_t sequence(const std::string& bucket) const {
    return rows->latest().state(rows->find_bucket(bucket)->number)->sequence;
  }
  std::optional<checkpoint> stored_checkpoint(const std::string& bucket,
                                              const std::string& node_id) const {
    const auto info = rows->find_bucket(bucket);
    const auto bytes = rows->latest().read(keys::checkpoint(info->number, node_id));
    if (!bytes || !*bytes) return std::nullopt;
    return *checkpoint::decode(**bytes);
  }
  std::optional<shown_peer> peer(const std::string& name) const {
    for (const auto& one : board->all())
      if (one.name == name) return one;
    return std::nullopt;
  }
  link_state state_of(const std::string& name) const {
    const auto shown = peer(name);
    return shown ? shown->status.state : link_state::connecting;
  }

  disk_space space{uint64_t{1} << 40, uint64_t{1} << 40};
  std::chrono::milliseconds sync_interval{0};
  std::function<std::chrono::microseconds()> thread_time{}; ///< before it is started

private:
  std::string name_;

public:
  const std::string uri;
  std::shared_ptr<store> rows{};
  std::shared_ptr<node_counters> counters{};
  std::shared_ptr<peer_board> board{};
  std::shared_ptr<query_board> queries{};
  std::shared_ptr<peer_wire> wire{};
  std::unique_ptr<rest_gateway> gateway{};
  node_actor subject{};
  storage_actor storage_now{};
  isolate_pool_actor pool_now{};
  zmq_gateway_actor peers_now{};

private:
  void open() {
    store_options options;
    options.directory = "/store";
    options.env = env_.get();
    options.write_buffer_bytes = 64 * defaults::kibibyte;
    options.space = [this] { return space; };
    options.sync_directory = [this] { return !broken_; };
    auto opened = store::open(options);
    if (!opened) throw std::runtime_error(opened.error().reason);
    rows = std::move(*opened);
  }
  node_options options(const peer_start& chosen) {
    node_options made;
    made.rows = rows;
    made.counters = counters;
    made.gateway = gateway->actor();
    made.spawn_storage = [this](caf::actor_system& where) {
      storage_now = where.spawn(storage, storage_options{rows, counters, sync_interval});
      return storage_now;
    };
    auto control = std::make_shared<fake_pool_control>();
    control->map = map_to_n;
    made.spawn_pool = [this, control](caf::actor_system& where) {
      pool_now = where.spawn(fake_pool, control);
      return pool_now;
    };
    zmq_gateway_options peers;
    peers.own = {rows->node_id(), random_(), name_};
    peers.advertised = chosen.advertised == "own" ? uri : chosen.advertised;
    peers.listening = uri;
    peers.peers = chosen.peers;
    peers.most_peers = chosen.most_peers;
    peers.rows = rows;
    peers.counters = counters;
    peers.board = board;
    peers.wire = wire;
    peers.random = shared_random(random_());
    peers.thread_time = thread_time;
    made.spawn_peers = [this, peers](caf::actor_system& where, node_actor its_node) {
      zmq_gateway_options ready = peers;
      ready.node = std::move(its_node);
      peers_now = where.spawn(zmq_gateway, std::move(ready));
      return peers_now;
    };
    made.board = queries;
    return made;
  }

  caf::actor_system& system_;
  peer_network& network_;
  std::mt19937_64 random_;
  bool broken_ = false;
  std::unique_ptr<leveldb::Env> env_{leveldb::NewMemEnv(leveldb::Env::Default())};
};

/// Several nodes in one actor system, with a network between them, under one virtual clock.
class peer_world {
public:
  explicit peer_world(const std::vector<std::string>& names, uint64_t seed = 1) : random(seed) {
    for (const std::string& name : names) {
      nodes_[name] = std::make_unique<peer_node>(system, network, name, random());
      nodes_[name]->start();
    }
    run();
  }
  ~peer_world() {
    for (auto& [name, one] : nodes_) one->stop([this] { run(); });
  }
  peer_world(const peer_world&) = delete;
  peer_world& operator=(const peer_world&) = delete;

  peer_node& operator[](const std::string& name) { return *nodes_.at(name); }
  peer_node& add(const std::string& name) {
    nodes_[name] = std::make_unique<peer_node>(system, network, name, random());
    return *nodes_[name];
  }
  /// Until nothing moves any more; time stands still.
  void run() {
    do {
      while (scheduler().try_run_once()) {
      }
      network.connect();
    } while (network.deliver(random()) || scheduler().has_job());
  }
  /// Delivers messages and frames in any order.
  void run_in_disorder() {
    for (;;) {
      auto& jobs = scheduler().jobs;
      const bool frames = network.has_frames();
      if (jobs.empty() && !frames && !network.connect()) return;
      if (!jobs.empty() && (!frames || random() % 4 != 0)) {
        std::rotate(jobs.begin(),
                    jobs.begin() + static_cast<std::ptrdiff_t>(random() % jobs.size()), jobs.end());
        scheduler().run_once();
      } else {
        network.deliver(random());
      }
    }
  }
  void advance(std::chrono::milliseconds time) {
    constexpr std::chrono::milliseconds step{50};
    for (; time > std::chrono::milliseconds(0); time -= step) {
      scheduler().advance_time(std::min(time, step));
      if (disorder) {
        run_in_disorder();
      } else {
        run();
      }
    }
  }
  /// Until the condition holds, or for so long. False: it does not.
  bool eventually(const std::function<bool()>& holds,
                  std::chrono::milliseconds most = std::chrono::seconds(30)) {
    constexpr std::chrono::milliseconds step{50};
    run();
    for (; !holds(); most -= step) {
      if (most <= std::chrono::milliseconds(0)) return false;
      advance(step);
    }
    return true;
  }
  caf::scheduler::test_coordinator& scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  }

  /// POST: the answer, when it has come.
  result<peer_added> federate(const std::string& at, const std::string& with_uri,
                              std::vector<std::string> buckets = {}) {
    std::optional<result<peer_added>> got;
    const peer_request asked{with_uri, buckets.empty(), buckets};
    nodes_.at(at)->gateway->add_peer(asked, soon(),
                                     [&](result<peer_added> answer) { got = answer; });
    if (!eventually([&] { return got.has_value(); }, std::chrono::seconds(10)))
      return fail(ec::internal, "it was not answered");
    return *got;
  }
  bool federate(const std::string& at, peer_node& with) {
    const auto added = federate(at, with.uri);
    return added && added->what != peer_added::how::waiting;
  }
  result<void> part(const std::string& at, const std::string& from) {
    std::optional<result<void>> got;
    nodes_.at(at)->gateway->remove_peer(from, soon(), [&](result<void> done) { got = done; });
    run();
    return got.value_or(fail(ec::internal, "it was not answered"));
  }
  bool put(const std::string& at, const std::string& bucket, const std::string& id,
           const std::string& body) {
    answer_box box;
    nodes_.at(at)->write(box, bucket, {test::put(id, body)});
    run();
    return box.ok();
  }
  void stop(const std::string& name, bool farewell = true) {
    nodes_.at(name)->stop([this] { run(); }, farewell);
  }
  /// All have the bucket, with equal digests.
  bool agree(const std::vector<std::string>& names, const std::string& bucket) {
    const std::string first = nodes_.at(names.front())->digest(bucket);
    return !first.empty() && std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      return nodes_.at(name)->digest(bucket) == first;
    });
  }

  bool disorder = false; ///< while time advances
  std::mt19937_64 random;
  actor_world::config configuration{};
  caf::actor_system system{configuration};
  peer_network network{};

private:
  std::map<std::string, std::unique_ptr<peer_node>> nodes_{};
};

} // namespace treadmill::test
