#pragma once
#include "net/node_client.hpp"
#include "storage/result.hpp"
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// What all have in common that write a file's documents to a running node.
namespace treadmill::http {

/// One document on its way.
struct outgoing {
  uint64_t line = 0;  ///< of the file
  std::string text{}; ///< one line, without its end
  bool made_id = false;
};

/// A node that cannot take something now is asked again for this long; the same request may be sent
/// twice, so it is one that may.
inline constexpr std::chrono::seconds import_patience{60};

/// Sends documents. **Errors**: those of the node that are not the fault of a document, after
/// `import_patience` where another try may help.
class document_sender {
public:
  using clock = std::chrono::steady_clock;
  using taken_fn =
      std::function<result<void>(std::span<const outgoing>, const std::string& answer)>;
  using refused_fn = std::function<result<void>(const outgoing&, const error&)>;

  document_sender(node_client& node, std::string path) : node_(node), path_(std::move(path)) {}

  /// In one request, or where a document of it refuses the whole, in several. `refused` gets each
  /// of those documents, `taken` the rest with the node's answers.
  result<void> send(std::span<const outgoing> items, const taken_fn& taken,
                    const refused_fn& refused);
  /// Waits a little; false: it has been asked for long enough.
  bool pause();
  /// Something was taken: patience begins anew.
  void rest() { give_up_.reset(); }
  /// Some of what was sent may have been written by a request whose answer got lost.
  bool uncertain() const { return uncertain_; }
  void set_uncertain(bool uncertain) { uncertain_ = uncertain; }

private:
  result<std::string> post(std::span<const outgoing> items);

  node_client& node_;
  std::string path_;
  std::optional<clock::time_point> give_up_{};
  std::chrono::milliseconds next_pause_{0};
  bool uncertain_ = false;
};

/// Another try may help.
bool is_for_now(ec code);

/// Whether a bucket is the same one all the time: one that was dropped and made anew lacks what was
/// written before.
class bucket_watch {
public:
  bucket_watch(node_client& node, std::string bucket) : node_(node), bucket_(std::move(bucket)) {}
  /// The id of its log; empty where there is no such bucket.
  result<std::string> find();
  /// The same; makes the bucket where it is missing.
  result<std::string> make();
  /// Errors: conflict: it is another one than at the first call.
  result<void> check();
  /// The error of check().
  static tl::unexpected<error> made_anew(const std::string& bucket);

private:
  node_client& node_;
  std::string bucket_;
  std::string log_{};
};

} // namespace treadmill::http
