#pragma once
#include "net/client/node_client.hpp"
#include "storage/base/back_off.hpp"
#include "storage/base/result.hpp"
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Helpers for commands that write the documents of a file to a running node.
namespace treadmill::http {

/// One document to send.
struct outgoing {
  uint64_t line = 0;  ///< of the file
  std::string text{}; ///< one line, without its end
  bool made_id = false;
};

/// How long a request is repeated while the node cannot accept it. The same request may be sent
/// twice, so it must be idempotent.
inline constexpr std::chrono::seconds give_up_after{60};

/// Sends documents. **Errors**: those of the node that no document causes; if another attempt may
/// help, only after `give_up_after`.
class document_sender {
public:
  using clock = std::chrono::steady_clock;
  using taken_fn =
      std::function<result<void>(std::span<const outgoing>, const std::string& answer)>;
  using refused_fn = std::function<result<void>(const outgoing&, const error&)>;

  document_sender(node_client& node, std::string path) : node_(node), path_(std::move(path)) {}

  /// Sends the documents in one request. If a document makes the node refuse the request, splits it
  /// into several: `refused` gets each such document, `taken` the others with the node's answers.
  result<void> send(std::span<const outgoing> items, const taken_fn& taken,
                    const refused_fn& refused);
  /// Waits before the next attempt; returns false after `give_up_after` of attempts.
  bool pause();
  /// The node accepted something: restarts `give_up_after`.
  void rest() { give_up_.reset(); }
  /// True if a request whose answer was lost may have written some documents.
  bool uncertain() const { return uncertain_; }
  void set_uncertain(bool uncertain) { uncertain_ = uncertain; }

private:
  result<std::string> post(std::span<const outgoing> items);

  node_client& node_;
  std::string path_;
  std::optional<clock::time_point> give_up_{};
  back_off<std::chrono::milliseconds> pauses_{std::chrono::milliseconds(50),
                                              std::chrono::seconds(2)};
  bool uncertain_ = false;
};

/// Whether another attempt may help.
bool is_for_now(ec code);

/// Detects that a bucket was dropped and created again during an import; such a bucket lacks the
/// documents written before.
class bucket_watch {
public:
  bucket_watch(node_client& node, std::string bucket) : node_(node), bucket_(std::move(bucket)) {}
  /// The id of its log; empty if there is no such bucket.
  result<std::string> find();
  /// The same; creates the bucket if it is missing.
  result<std::string> make();
  /// Errors: conflict (it is not the bucket of the first call).
  result<void> check();
  /// The error of check().
  static tl::unexpected<error> made_anew(const std::string& bucket);

private:
  node_client& node_;
  std::string bucket_;
  std::string log_{};
};

} // namespace treadmill::http
