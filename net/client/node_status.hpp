#pragma once
#include "net/client/node_client.hpp"
#include "storage/base/result.hpp"
#include <string>
#include <utility>
#include <vector>

namespace treadmill::rest {

/// The status of a node: the JSON texts of its REST answers.
struct node_status {
  std::string url{};
  std::string node{};    ///< `/_system`
  std::string buckets{}; ///< `/_system/buckets`
  std::string peers{};   ///< `/_system/peers`
  /// `/bucket/_query` of each bucket that has queries, by bucket name; the body of the error if
  /// the node could not be asked or refused.
  std::vector<std::pair<std::string, std::string>> queries{};
};

/// Errors: those of the client; internal (an answer that is not a node's).
result<node_status> read_status(http::node_client& node);

/// A short text for people: a line for the node, then tables of its buckets, peers and queries.
/// Errors: internal (an answer that is not a node's).
result<std::string> status_text(const node_status& status);

/// One JSON object: `{"url","node","buckets","peers","queries"}`.
std::string status_json(const node_status& status);

} // namespace treadmill::rest
