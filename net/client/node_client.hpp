#pragma once
#include "storage/base/result.hpp"
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace treadmill::http {

/// The error code for a word in an answer, for example "conflict"; internal for an unknown word.
ec code_named(std::string_view word);

/// A REST client of a running node, for the command line tools. **Thread**: a plain value.
/// **Blocks** in each call: up to `connect_timeout` for a connection, and then while bytes arrive
/// with at most `silence` between them. Uses one connection, and reconnects if it was lost.
/// **Errors** of all calls: io_error (no connection, no answer in time, or a truncated answer: the
/// node may have executed the request); that of the node's answer, with its reason; internal (an
/// answer that is not a node's).
class node_client {
public:
  static constexpr std::chrono::milliseconds connect_timeout{3000};
  /// Longer than a node takes to begin any answer (defaults::request_deadline, and a second).
  static constexpr std::chrono::milliseconds longest_silence{40'000};
  /// For an answer that a node gives immediately under any load.
  static constexpr std::chrono::milliseconds reach_timeout{5000};

  /// `host`: an address or a name; IPv6 without brackets.
  node_client(const std::string& host, uint16_t port,
              std::chrono::milliseconds silence = longest_silence);
  ~node_client();
  node_client(const node_client&) = delete;
  node_client& operator=(const node_client&) = delete;

  /// "http://127.0.0.1:1444"
  const std::string& url() const { return url_; }
  /// Checks that a node answers there. Call it first, so that a command with a wrong address ends
  /// within `reach_timeout`. Errors: io_error, with the problem.
  result<void> reach() const;
  /// The body of the answer to a GET.
  result<std::string> get(const std::string& path);
  /// The same, piece by piece; after an error the caller has to drop the pieces. If `piece` returns
  /// false, the call ends with io_error.
  result<void> get(const std::string& path, const std::function<bool(std::string_view)>& piece);
  /// The body of the answer to a PUT without a body.
  result<std::string> put(const std::string& path);
  /// The body of the answer to a DELETE.
  result<std::string> remove(const std::string& path);
  /// The body of the answer to a POST.
  result<std::string> post(const std::string& path, const std::string& body,
                           const std::string& content_type = "application/json");

private:
  struct impl;
  std::string url_;
  std::unique_ptr<impl> impl_;
};

/// Whether a node is compacting, and the approximate size in bytes of the rows in question.
struct compaction {
  bool running = false;
  uint64_t bytes = 0;
};
/// Reads an answer of `/_system/compact`. Errors: that of the answer; internal.
result<compaction> compaction_of(const result<std::string>& answer);

} // namespace treadmill::http
