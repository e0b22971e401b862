#pragma once
#include "tests/cluster/http_client.hpp"
#include <atomic>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace treadmill::cluster {

/// A write that was answered with OK.
struct acknowledged_write {
  size_t bucket = 0; ///< index in the list of buckets
  std::string id;
  std::string rev;
  std::string mark; ///< the member `mark` of its document; empty: a deletion
  unsigned writer = 0;
};

/// A write that was sent and not answered: it may be there or not.
struct unknown_write {
  size_t bucket = 0;
  std::string id;     ///< empty: the node would have made it
  std::string mark;   ///< empty: a deletion
  uint64_t group = 0; ///< writes of one atomic bulk share it; 0: alone
};

/// What one writer did.
struct write_record {
  std::vector<acknowledged_write> acknowledged; ///< in the order of their answers
  std::vector<unknown_write> unknown;
  std::vector<std::string> problems; ///< answers that should not have come
  uint64_t requests = 0;
  uint64_t refused_for_now = 0; ///< 503
};

/// A client that writes in every way that REST has, and knows what each answer must be: most of its
/// documents are its own, so that it knows their revisions; some are shared with other writers and
/// written blindly. Every document carries a `mark` that is used once.
///
/// **Thread**: one at a time; `take` when `run` has returned. It lives through restarts of its
/// node: what was unknown it reads again, or sends again, at the next `run`.
class writer {
public:
  writer(unsigned number, uint64_t seed, std::vector<std::string> buckets);

  /// Writes until the connection breaks, or `stop`.
  void run(const address& where, const std::atomic<bool>& stop);
  /// What it did since the last call.
  write_record take();

private:
  struct own_document {
    size_t bucket = 0;
    std::string id;
    std::string rev; ///< of its winner; empty: it is not there
    bool live = false;
    bool known = false; ///< false: the last write was not answered
  };
  struct sent_write {
    size_t bucket = 0;
    std::string id;
    std::string mark;
    own_document* own = nullptr;
  };
  struct bulk_line {
    sent_write what;
    std::string text;
  };
  struct resend {
    std::string target;
    std::string body;
    sent_write what;
  };

  size_t below(size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random_); }
  std::string new_mark();
  std::string new_id();
  std::string document_text(const std::string& mark, const std::string& first = {});
  std::string target_of(const sent_write& what) const;
  own_document& any_own();
  own_document& live_own();
  bool refresh(own_document& own);

  void step();
  void send_again();
  void create();
  void create_nameless();
  void put_with_revision();
  void put_blindly();
  void put_shared();
  void put_stale();
  void put_only_new();
  void patch();
  void remove();
  void read();
  void bulk(bool atomic);
  void refused_atomic();
  void use_short_bucket();

  http_answer exchange(const std::string& method, const std::string& target,
                       const std::string& body = {}, const header_list& headers = {});
  /// One write; `expected` are the statuses that its answer may have.
  void write(const std::string& method, const std::string& target, const std::string& body,
             const header_list& headers, const sent_write& what, std::vector<int> expected);
  void note(const http_answer& answer, const sent_write& what, uint64_t group = 0);
  void note_bulk(const http_answer& answer, const std::vector<bulk_line>& lines, bool atomic);
  void complain(const std::string& what, const http_answer& answer);

  unsigned number_;
  std::mt19937_64 random_;
  std::vector<std::string> buckets_;
  std::vector<own_document> own_{};
  std::optional<resend> resend_{};
  std::optional<std::string> short_bucket_{}; ///< made, and not yet dropped
  bool short_bucket_sure_ = false;            ///< the answers of making it came
  std::vector<std::string> dropped_{};        ///< buckets whose drop was answered
  uint64_t counter_ = 0;
  uint64_t groups_ = 0;
  std::optional<http_client> client_{};
  bool gone_ = false;
  write_record record_{};
};

} // namespace treadmill::cluster
