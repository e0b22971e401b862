#pragma once
#include "storage/result.hpp"
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace treadmill::http {

/// The code of a word in an answer, "conflict" say; internal where there is none.
ec code_named(std::string_view word);

/// Asks a running node over REST, for the tools of the command line.
/// **Thread**: a plain value. **Blocks** in each call: for `connect_timeout` until there is a
/// connection, and then for as long as bytes come, with at most `silence` between them. One
/// connection, made anew where it was lost.
/// **Errors** of all calls: io_error (no connection, no answer in time, an answer that was cut:
/// what was asked for may have happened); that of the node's answer, with its reason; internal (an
/// answer that is not a node's).
class node_client {
public:
  static constexpr std::chrono::milliseconds connect_timeout{3000};
  /// Longer than a node takes to begin any answer (defaults::request_deadline, and a second).
  static constexpr std::chrono::milliseconds longest_silence{40'000};
  /// For an answer that a node gives at once, however much it has to do.
  static constexpr std::chrono::milliseconds reach_timeout{5000};

  /// `host`: an address or a name; IPv6 without brackets.
  node_client(const std::string& host, uint16_t port,
              std::chrono::milliseconds silence = longest_silence);
  ~node_client();
  node_client(const node_client&) = delete;
  node_client& operator=(const node_client&) = delete;

  /// "http://127.0.0.1:1444"
  const std::string& url() const { return url_; }
  /// Whether a node answers there: to be asked first, so that a command whose address is wrong ends
  /// within `reach_timeout`. Errors: io_error, with what stood in the way.
  result<void> reach() const;
  /// The body of the answer to a GET.
  result<std::string> get(const std::string& path);
  /// The same, piece by piece; what came before an error is to be dropped. `piece` answers false
  /// where it wants no more, which is an io_error, too.
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

/// Whether a node is compacting, and about how many bytes the rows take that were asked about.
struct compaction {
  bool running = false;
  uint64_t bytes = 0;
};
/// Reads an answer of `/_system/compact`. Errors: that of the answer; internal.
result<compaction> compaction_of(const result<std::string>& answer);

} // namespace treadmill::http
