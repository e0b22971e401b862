#include "tests/cluster/island.hpp"
#include "tests/cluster/peers.hpp"
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>

namespace treadmill::cluster {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr uint16_t http_port = 1444;
constexpr uint16_t zmq_port = 1445;

} // namespace

/// Writes, and remembers what was answered with OK.
struct island::writer {
  writer(address node, std::string bucket, write_source source, uint64_t seed,
         const std::atomic<bool>& stop)
      : random(seed), thread([this, node = std::move(node), bucket = std::move(bucket),
                              source = std::move(source), &stop] {
          http_client http(node, 2s);
          while (!stop) {
            const planned_write next = source(random);
            const std::string target = "/" + bucket + "/" + next.id;
            const http_answer answer = next.body.empty() ? http.send("DELETE", target)
                                                         : http.send("PUT", target, next.body);
            if (answer.ok()) done.push_back({next.id, answer.member("rev"), clock::now()});
            std::this_thread::sleep_for(std::chrono::milliseconds(random() % 5));
          }
        }) {}

  std::mt19937_64 random;
  std::vector<acknowledged> done{};
  std::thread thread; ///< the last member: it uses the others
};

island::island(test_network& network, const small_disk& disk, size_t size, std::string bucket)
    : network_(network), disk_(disk), bucket_(std::move(bucket)), processes_(size) {
  for (size_t i = 0; i < size; ++i) {
    folders_.push_back(std::make_unique<temporary_folder>());
    nodes_.push_back({network.address(i), http_port});
    uris_.push_back("tcp://" + network.address(i) + ":" + std::to_string(zmq_port));
  }
  std::filesystem::remove_all(data(0));
}

island::~island() {
  end_writing();
  network_.heal();
}

void island::put_far_away(std::chrono::milliseconds delay) {
  proxy_ =
      std::make_unique<delay_proxy>(network_.hub(), address{nodes_.back().host, zmq_port}, delay);
  REQUIRE(proxy_->problem().empty());
  uris_.back() = "tcp://" + network_.hub() + ":" + std::to_string(proxy_->port());
}

std::string island::data(size_t node) const {
  return node == 0 ? disk_ / "data" : *folders_[node] / "data";
}

void island::start(size_t node) {
  const std::string& host = nodes_[node].host;
  std::vector<std::string> command = network_.inside(node);
  process_options options{.executable = command.front()};
  options.arguments.assign(command.begin() + 1, command.end());
  for (const std::string& word :
       {std::string(TREADMILL_BINARY), std::string("serve"), "--name=box" + std::to_string(node),
        "--data=" + data(node), "--http=" + host + ":" + std::to_string(http_port),
        "--zmq=tcp://" + host + ":" + std::to_string(zmq_port), "--advertise=" + uris_[node],
        std::string("--log-level=warn")}) {
    options.arguments.push_back(word);
  }
  processes_[node] = std::make_unique<child_process>(std::move(options));
}

bool island::ready(const address& node) {
  return eventually([&] { return http_client(node, 1s).get("/_system/ready").ok(); }, 30s);
}

void island::start_all(const links& chosen) {
  links_ = chosen;
  for (size_t i = 0; i < size(); ++i) start(i);
  for (size_t i = 0; i < size(); ++i) {
    const bool up = ready(nodes_[i]);
    INFO(processes_[i]->output());
    REQUIRE(up);
  }
  federate();
}

void island::federate() {
  for (const auto& [i, j] : links_) {
    http_client client(nodes_[i], 5s);
    const http_answer added =
        client.send("POST", "/_system/peers", "{\"zmq_uri\":\"" + uris_[j] + "\"}");
    REQUIRE_MESSAGE(added.ok(), added.body);
  }
}

void island::set_back(size_t node) {
  const std::string copy = *folders_[node] / "copy";
  lost_.push_back({node, clock::now(), {}});
  kill(node);
  std::filesystem::copy(data(node), copy, std::filesystem::copy_options::recursive);
  start(node);
  std::this_thread::sleep_for(1s);
  kill(node);
  std::filesystem::remove_all(data(node));
  std::filesystem::copy(copy, data(node), std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(copy);
  lost_.back().end = clock::now();
  start(node);
}

bool island::is_excused(size_t node, time_point at) const {
  return std::any_of(lost_.begin(), lost_.end(), [&](const lost_time& lost) {
    return lost.node == node && lost.begin <= at && at <= lost.end;
  });
}

void island::cut_both(size_t i, size_t j) {
  network_.cut(i, j);
  network_.cut(j, i);
}

void island::isolate(size_t node) {
  for (size_t j = 0; j < size(); ++j)
    if (j != node) cut_both(node, j);
}

void island::begin_writing(const write_source& source, uint64_t seed) {
  stop_ = false;
  for (const address& node : nodes_)
    clients_.push_back(std::make_unique<writer>(node, bucket_, source, ++seed, stop_));
}

void island::end_writing() {
  stop_ = true;
  for (auto& one : clients_) one->thread.join();
  for (size_t i = 0; i < clients_.size(); ++i)
    for (acknowledged& done : clients_[i]->done)
      if (!is_excused(i, done.at)) written_.push_back(std::move(done));
  clients_.clear();
}

void island::check(std::chrono::milliseconds limit) {
  for (size_t i = 0; i < size(); ++i) {
    const bool up = ready(nodes_[i]);
    INFO(processes_[i]->output());
    REQUIRE(up);
  }
  const auto begin = clock::now();
  const bool same = eventually([&] { return agree(nodes_, bucket_); }, limit);
  settled = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begin);
  if (!same) FAIL("they do not agree:\n", states());
  for (const address& node : nodes_) check_node(node);
}

void island::check_node(const address& node) const {
  http_client client(node, 30s);
  CAPTURE(node.host);
  for (const acknowledged& one : written_) {
    CAPTURE(one.id);
    CAPTURE(one.rev);
    REQUIRE(knows(client, bucket_, one.id, one.rev));
  }
  // Without a gap: numbers that grow, up to the last one.
  uint64_t since = 0;
  for (bool more = true; more;) {
    const http_answer log =
        client.get("/" + bucket_ + "/_activity?limit=10000&since=" + std::to_string(since));
    const size_t count = log.body.rfind("\"count\":");
    const size_t last = log.body.rfind("\"last_seq\":");
    REQUIRE(count != std::string::npos);
    REQUIRE(last != std::string::npos);
    const uint64_t entries = std::strtoull(log.body.c_str() + count + 8, nullptr, 10);
    const uint64_t reached = std::strtoull(log.body.c_str() + last + 11, nullptr, 10);
    CHECK(reached == since + entries);
    more = reached > since;
    since = reached;
  }
}

std::string island::states() const {
  std::string text;
  for (size_t i = 0; i < size(); ++i) {
    http_client client(nodes_[i], 2s);
    text += client.get("/" + bucket_).body + client.get("/_system/peers").body + "\n" +
            processes_[i]->output() + "\n";
  }
  return text;
}

} // namespace treadmill::cluster
