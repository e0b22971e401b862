#pragma once
#include "tests/cluster/http_client.hpp"
#include "tests/cluster/write_load.hpp"
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace treadmill::cluster {

/// One entry of a bucket's activity as a client saw it.
struct seen_entry {
  uint64_t sequence = 0;
  std::string id;
  std::string rev;
  bool deleted = false;
  friend bool operator==(const seen_entry&, const seen_entry&) = default;
};

/// Reads `{"seq":…,"id":…,"changes":[…]}`. Sequence 0: it is something else.
seen_entry read_entry(std::string_view json);

/// What one bucket must hold, told by its activity log and by the answers that its writers got.
/// With one node there are no conflicts, so every document is a line of revisions 1, 2, 3 …
///
/// The log is read on from where it was read last; `check_all` compares it, and everything else
/// that REST shows, from the start. Whatever is wrong is a sentence in `problems`.
class bucket_model {
public:
  bucket_model(std::string name, size_t index) : name_(std::move(name)), index_(index) {}

  const std::string& name() const { return name_; }
  uint64_t sequence() const { return entries_.size(); }
  uint64_t live() const { return live_; } ///< documents that are not deleted
  const std::vector<seen_entry>& entries() const { return entries_; }
  const std::string& digest() const { return digest_; } ///< as the node showed it last

  /// Takes in what its log has gained.
  void read_on(http_client& node);
  /// Takes in what writers did since the last call: what was acknowledged must be in the log.
  void settle(const std::vector<write_record>& records);
  /// The documents that changed since the last call, and the bucket's own facts, are what the log
  /// says.
  void check_changed(http_client& node, std::mt19937_64& random);
  /// Everything is.
  void check_all(http_client& node, std::mt19937_64& random);

  std::vector<std::string> problems;

private:
  struct document {
    std::vector<uint64_t> sequences; ///< of its entries
    uint64_t acknowledged = 0;
    uint64_t unknown = 0;
    std::map<unsigned, size_t> last_of_writer; ///< place of a writer's last acknowledged revision
    std::unordered_map<std::string, std::string> marks; ///< revision → mark, where acknowledged
    std::vector<std::string> unknown_marks;
  };

  void append(seen_entry entry);
  void settle_acknowledged(const acknowledged_write& write);
  void settle_groups(const std::vector<write_record>& records);
  void check_nothing_unexplained();
  void check_facts(http_client& node);
  void check_documents(http_client& node, const std::vector<std::string>& ids);
  void check_document(const std::string& id, const std::string* rev, const std::string& mark);
  void check_text(http_client& node, const std::string& id);
  void check_history(http_client& node, const std::string& id);
  void check_listing(http_client& node);
  std::string expected_digest() const;
  const seen_entry& last_of(const document& one) const {
    return entries_[one.sequences.back() - 1];
  }
  void complain(const std::string& what) { problems.push_back(name_ + ": " + what); }

  std::string name_;
  size_t index_;
  std::string log_{};
  std::string digest_{};
  std::vector<seen_entry> entries_{}; ///< the one with sequence s is at s - 1
  std::unordered_map<std::string, document> documents_{};
  std::vector<std::string> changed_{};  ///< ids of entries since check_changed
  std::vector<std::string> suspects_{}; ///< ids to look at in check_nothing_unexplained
  uint64_t nameless_ = 0;               ///< unanswered POSTs without an id
  uint64_t live_ = 0;
};

} // namespace treadmill::cluster
