#pragma once
#include "tests/cluster/http_client.hpp"
#include <chrono>
#include <string>
#include <thread>
#include <vector>

/// Of nodes that are federated: waiting until they agree, and what must hold then.
namespace treadmill::cluster {

/// The digest that a node shows of a bucket; empty: it has none, or does not answer.
inline std::string digest_of(const address& node, const std::string& bucket) {
  http_client client(node, std::chrono::seconds(5));
  return client.get("/" + bucket).member("digest");
}

/// Polls until the condition holds. False: it did not in time.
template<typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

/// All nodes have the bucket, with equal digests.
inline bool agree(const std::vector<address>& nodes, const std::string& bucket) {
  const std::string first = digest_of(nodes.front(), bucket);
  if (first.empty()) return false;
  for (const address& node : nodes)
    if (digest_of(node, bucket) != first) return false;
  return true;
}

/// Whether a node knows a revision: as a leaf that can be read, a tombstone, or an ancestor.
inline bool knows(http_client& client, const std::string& bucket, const std::string& id,
                  const std::string& rev) {
  const http_answer read = client.get("/" + bucket + "/" + id + "?rev=" + rev);
  return read.ok() || read.says("superseded") || read.says("deleted");
}

} // namespace treadmill::cluster
