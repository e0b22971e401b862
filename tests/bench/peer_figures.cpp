#include "storage/engine/keys.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/wrk.hpp"
#include "tests/cluster/peers.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <algorithm>
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <zmq.hpp>

namespace treadmill::bench {
namespace {

using namespace std::chrono_literals;

constexpr size_t all_places = 171'075;
constexpr size_t in_one_bulk = 1000;
constexpr size_t timed_writes = 2000;
constexpr auto between_writes = 5ms; // 200 a second
constexpr size_t mesh_nodes = 5;
constexpr size_t mesh_writes = 2000;
constexpr size_t mesh_body = 1024;
constexpr size_t large_bucket = 1'000'000;

double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values.at(static_cast<size_t>(static_cast<double>(values.size() - 1) * part));
}

/// A node that listens for peers on a port of its own.
class peer {
public:
  peer(const bench_options& options, const std::string& folder, const std::string& name) {
    cluster::node_options how = node_on(options, folder);
    how.name = name;
    process = std::make_unique<cluster::node_process>(how);
    await_ready(*process);
    auto client = process->client();
    zmq_uri = send_ok(client, "GET", "/_system").member("zmq_uri");
  }
  void join(const peer& other) const {
    auto client = process->client();
    send_ok(client, "POST", "/_system/peers", R"({"zmq_uri":")" + other.zmq_uri + "\"}");
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(process->where().port); }
  /// A figure of the metrics.
  double metric(const std::string& name) const {
    auto client = process->client();
    const std::string text = "\n" + send_ok(client, "GET", "/_system/metrics").body;
    const size_t at = text.find("\n" + name + " ");
    if (at == std::string::npos) throw std::runtime_error("no metric " + name);
    return std::stod(text.substr(at + name.size() + 2));
  }

  std::unique_ptr<cluster::node_process> process{};
  std::string zmq_uri{};
};

void await_agreement(const std::vector<const peer*>& peers, const std::string& bucket,
                     std::chrono::milliseconds limit = 120s) {
  std::vector<cluster::address> nodes;
  for (const peer* one : peers) nodes.push_back(one->process->where());
  if (!cluster::eventually([&] { return cluster::agree(nodes, bucket); }, limit))
    throw std::runtime_error("the nodes do not agree");
}

figure first_sync(const bench_options& options, const places& documents) {
  const size_t count = options.scaled(all_places);
  const auto bodies = documents.bulks(count, in_one_bulk);
  std::vector<double> synced;
  std::vector<double> loaded;
  for (size_t round = 0; round < 3; ++round) {
    const cluster::temporary_folder folder;
    const peer full(options, folder / "full", "full");
    auto client = full.process->client(60s);
    loaded.push_back(static_cast<double>(count) /
                     seconds_of([&] { send_bulks(client, "places", bodies); }));
    const peer empty(options, folder / "empty", "empty");
    synced.push_back(static_cast<double>(count) / seconds_of([&] {
                       empty.join(full);
                       await_agreement({&full, &empty}, "places");
                     }));
  }
  return {"an empty node takes in " + with_commas(count) + " " + documents.kind(),
          median(synced),
          "1/s",
          median(loaded),
          true,
          0.7};
}

/// The unavoidable of a change on the way: a message there and back, an fsync, a GET.
class floor_of_change {
public:
  floor_of_change(const peer& node, const std::string& folder) : client_(node.process->client()) {
    file_ = ::open((folder + "/synced").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC | O_APPEND, 0600);
    one_.bind("tcp://127.0.0.1:*");
    other_.connect(one_.get(zmq::sockopt::last_endpoint));
    echo_ = std::thread([this] {
      zmq::message_t message;
      while (other_.recv(message) && message.size() > 0)
        other_.send(message, zmq::send_flags::none);
    });
  }
  ~floor_of_change() {
    one_.send(zmq::message_t(), zmq::send_flags::none);
    echo_.join();
    ::close(file_);
  }
  floor_of_change(const floor_of_change&) = delete;
  floor_of_change& operator=(const floor_of_change&) = delete;

  void once() {
    zmq::message_t message(128);
    one_.send(message, zmq::send_flags::none);
    static_cast<void>(one_.recv(message));
    if (::write(file_, std::string(200, 'x').c_str(), 200) != 200 || ::fdatasync(file_) != 0)
      throw std::runtime_error("the floor cannot write");
    send_ok(client_, "GET", "/places/d0");
  }

private:
  cluster::http_client client_;
  zmq::context_t context_{1};
  zmq::socket_t one_{context_, ZMQ_PAIR};
  zmq::socket_t other_{context_, ZMQ_PAIR};
  std::thread echo_{};
  int file_ = -1;
};

figures change_on_the_way(const bench_options& options) {
  const cluster::temporary_folder folder;
  const peer a(options, folder / "a", "a");
  const peer b(options, folder / "b", "b");
  a.join(b);
  auto writer = a.process->client();
  auto reader = b.process->client();
  send_ok(writer, "PUT", "/places/d0", R"({"n":-1})");
  await_agreement({&a, &b}, "places");
  floor_of_change floor(b, folder.path());
  std::vector<double> node_times;
  std::vector<double> floor_times;
  auto next = std::chrono::steady_clock::now();
  for (size_t i = 0; i < options.scaled(timed_writes); ++i) {
    std::this_thread::sleep_until(next += between_writes);
    const std::string target = "/places/d" + std::to_string(i % 100);
    const auto made =
        send_ok(writer, "PUT", target, "{\"n\":" + std::to_string(i) + "}").member("rev");
    node_times.push_back(1e3 * seconds_of([&] {
                           while (!reader.get(target).says(made)) {
                           }
                         }));
    std::this_thread::sleep_until(next += between_writes);
    floor_times.push_back(1e3 * seconds_of([&] { floor.once(); }));
  }
  const std::string name = "from A's answer until B shows it, ";
  return {
      {name + "p50", percentile(node_times, 0.5), "ms", percentile(floor_times, 0.5), false, 2},
      {name + "p99", percentile(node_times, 0.99), "ms", percentile(floor_times, 0.99), false, 5}};
}

figures both_at_once(const bench_options& options, const places& documents) {
  const cluster::temporary_folder folder;
  std::ofstream(folder / "body") << documents.text(0);
  const peer alone(options, folder / "alone", "alone");
  const peer a(options, folder / "a", "a");
  const peer b(options, folder / "b", "b");
  a.join(b);
  auto client = alone.process->client();
  send_ok(client, "PUT", "/bench");
  auto client_of_a = a.process->client();
  send_ok(client_of_a, "PUT", "/bench/first", "{}");
  await_agreement({&a, &b}, "bench");
  const auto run = [&](const peer& node, unsigned connections) {
    return requests_per_second({.url = node.url() + "/bench",
                                .connections = connections,
                                .threads = 1,
                                .seconds = 2 * options.wrk_seconds(),
                                .script = options.scripts + "/post.lua",
                                .arguments = {folder / "body"}});
  };
  std::vector<double> behind;
  const auto both = [&] {
    double of_b = 0;
    std::thread other([&] { of_b = run(b, 16); });
    const double of_a = run(a, 16);
    other.join();
    behind.push_back(seconds_of([&] { await_agreement({&a, &b}, "bench"); }));
    return of_a + of_b;
  };
  const auto [value, floor] = in_turn(options.rounds(), both, [&] { return run(alone, 32); });
  return {{"writes on both of two nodes, 16 connections each, beside one with 32", value, "1/s",
           floor, true, 0.3},
          {"until they agree after it, the longest",
           *std::max_element(behind.begin(), behind.end()),
           "s",
           {},
           false,
           2}};
}

figure mesh(const bench_options& options) {
  const cluster::temporary_folder folder;
  std::vector<std::unique_ptr<peer>> nodes;
  for (size_t i = 0; i < mesh_nodes; ++i) {
    const std::string name = "box" + std::to_string(i);
    nodes.push_back(std::make_unique<peer>(options, folder / name, name));
    for (size_t j = 0; j < i; ++j) nodes[i]->join(*nodes[j]);
  }
  std::vector<const peer*> all;
  for (const auto& node : nodes) all.push_back(node.get());
  std::vector<cluster::http_client> clients;
  for (const auto& node : nodes) clients.push_back(node->process->client());
  send_ok(clients[0], "PUT", "/mesh/first", "{}");
  await_agreement(all, "mesh");
  const auto sent = [&] {
    double bytes = 0;
    for (const auto& node : nodes) bytes += node->metric("treadmill_peer_bytes_sent_total");
    return bytes;
  };
  // Text that does not pack well.
  std::string text;
  uint64_t state = 1;
  while (text.size() < mesh_body - 8) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    text += "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"[state >> 58];
  }
  const double before = sent();
  const size_t writes = options.scaled(mesh_writes);
  for (size_t i = 0; i < writes; ++i) {
    std::rotate(text.begin(), text.begin() + 1, text.end());
    send_ok(clients[i % mesh_nodes], "PUT", "/mesh/d" + std::to_string(i),
            "{\"t\":\"" + text + "\"}");
  }
  await_agreement(all, "mesh");
  const double each = (sent() - before) / static_cast<double>(writes);
  return {"five-node mesh, bytes handed to ZeroMQ for a write of 1 KiB",
          each,
          "B",
          static_cast<double>(mesh_body * (mesh_nodes - 1)),
          false,
          2};
}

figure catch_up(const bench_options& options) {
  const cluster::temporary_folder folder;
  const size_t count = options.scaled(large_bucket);
  const peer a(options, folder / "a", "a");
  auto client = a.process->client(60s);
  for (size_t first = 0; first < count; first += in_one_bulk) {
    std::string body = R"({"docs":[)";
    for (size_t i = first; i < first + in_one_bulk; ++i) {
      if (i > first) body += ',';
      body += R"({"id":")" + places::id(i) + R"(","n":)" + std::to_string(i) + "}";
    }
    send_ok(client, "POST", "/large/_bulk", body + "]}");
  }
  auto b = std::make_unique<peer>(options, folder / "b", "b");
  b->join(a);
  await_agreement({&a, b.get()}, "large", 600s);
  std::vector<double> times;
  for (size_t round = 0; round < options.rounds(); ++round) {
    // Stopped, so that it has to catch up; live again, it has ten changes to take in.
    b->process->signal(SIGSTOP);
    for (size_t i = 0; i < 10; ++i)
      send_ok(client, "PUT", "/large/" + places::id(i * 1000 + round), "{\"n\":-1}");
    b->process->signal(SIGCONT);
    times.push_back(1e3 * seconds_of([&] { await_agreement({&a, b.get()}, "large"); }));
  }
  return {"catch-up of 10 changes on a bucket of " + with_commas(count),
          median(times),
          "ms",
          {},
          false,
          50};
}

} // namespace

figures measure_peers(const bench_options& options, const places& documents) {
  figures all{first_sync(options, documents)};
  for (figure& made : change_on_the_way(options)) all.push_back(std::move(made));
  for (figure& made : both_at_once(options, documents)) all.push_back(std::move(made));
  all.push_back(mesh(options));
  all.push_back(catch_up(options));
  return all;
}

} // namespace treadmill::bench
