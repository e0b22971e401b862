#include "tests/bench/figures.hpp"
#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>

namespace treadmill::bench {

std::string with_commas(size_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

cluster::node_options node_on(const bench_options& options, const std::string& folder) {
  return {.executable = options.node, .data = folder};
}

void await_ready(cluster::node_process& node) {
  if (!node.wait_ready()) throw std::runtime_error("the node does not start:\n" + node.output());
}

void end_node(cluster::node_process& node) {
  node.signal(SIGTERM);
  const auto end = node.wait(std::chrono::seconds(30));
  if (!end || end->code != 0)
    throw std::runtime_error("the node did not end well:\n" + node.output());
}

cluster::http_answer send_ok(cluster::http_client& client, const std::string& method,
                             const std::string& target, const std::string& body) {
  cluster::http_answer answer = client.send(method, target, body);
  if (!answer.ok())
    throw std::runtime_error(method + " " + target + ": " + std::to_string(answer.status) + " " +
                             answer.problem + answer.body.substr(0, 300));
  return answer;
}

void send_bulks(cluster::http_client& client, const std::string& bucket,
                const std::vector<std::string>& bodies) {
  for (const std::string& body : bodies) {
    const auto answer = send_ok(client, "POST", "/" + bucket + "/_bulk", body);
    if (answer.says("\"error\"")) throw std::runtime_error("a document of a bulk was refused");
  }
}

std::string drain(cluster::http_client& client, const std::string& target) {
  if (client.start("GET", target).status != 200) throw std::runtime_error(target + " fails");
  std::string tail;
  std::string text;
  auto got = cluster::http_client::piece::data;
  while (got == cluster::http_client::piece::data) {
    text.clear();
    got = client.read_some(text, std::chrono::seconds(30));
    if (!text.empty())
      tail = (tail + text.substr(text.size() - std::min<size_t>(text.size(), 100)));
    if (tail.size() > 200) tail.erase(0, tail.size() - 200);
  }
  if (got != cluster::http_client::piece::end) throw std::runtime_error(target + " was cut");
  return tail;
}

std::pair<double, double> in_turn(size_t rounds, const std::function<double()>& node,
                                  const std::function<double()>& floor) {
  std::vector<double> of_node;
  std::vector<double> of_floor;
  for (size_t i = 0; i < rounds; ++i) {
    of_node.push_back(node());
    of_floor.push_back(floor());
  }
  return {median(of_node), median(of_floor)};
}

double seconds_of(const std::function<void()>& what) {
  const auto begin = std::chrono::steady_clock::now();
  what();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

} // namespace treadmill::bench
