#pragma once
#include "tests/simulation/participant.hpp"
#include <map>
#include <set>
#include <string>

namespace treadmill::simulation {

/// A node that replicates as Treadmill's first draft had it: one sequence a bucket for what is
/// written here and what comes from peers; an entry that is not the next one is ignored; the longer
/// revision wins, then the larger hash, and what loses is gone. The kindest reading: an entry
/// brings its document along, and nothing is ever lost in a crash. It is here to be found out.
class original_node final : public participant {
public:
  original_node(surroundings& around, size_t index, size_t nodes);

  void start() override { up_ = true; }
  void crash() override { up_ = false; }
  bool up() const override { return up_; }
  void pause(ticks) override {}
  void wipe() override {}
  void keep_copy() override {}
  bool set_back() override { return false; }
  void upgrade() override {}
  void add_peer(size_t peer, bool) override { peers_.insert(peer); }
  void remove_peer(size_t) override {}
  bool has_peer(size_t peer) const override { return peers_.count(peer) != 0; }
  void receive(size_t from, std::string frame) override;
  void connection_lost(size_t) override {}

  void write(const std::string& bucket, write_group group) override;
  void import(const std::string&, replicated_document) override {}
  void drop_bucket(const std::string&) override {}
  void make_bucket(const std::string&) override {}
  bool has_bucket(const std::string&) const override { return true; }
  bool has_left(const std::string&) const override { return false; }
  std::optional<revision> some_leaf(const std::string&, const std::string&) override {
    return std::nullopt;
  }

  const std::string& id() const override { return id_; }
  bool idle() const override { return true; }
  std::optional<bucket_facts> facts(const std::string& bucket, bool durable) const override;
  std::optional<state_facts> state(const std::string& bucket) const override;
  std::optional<checkpoint_facts> reached(const std::string&, const participant&) const override {
    return std::nullopt;
  }
  std::optional<hash_bytes> chain_at(const std::string&, uint64_t) const override {
    return std::nullopt;
  }
  bool settled() const override { return true; }
  link_counts counts() const override { return {}; }
  uint64_t version() const override { return 0; }

private:
  struct document {
    bool deleted = false;
    std::string body{};
    std::vector<rev_id> history{}; ///< newest first
  };
  struct bucket {
    uint64_t sequence = 0;
    std::map<std::string, document> documents{};
  };
  void write_one(const std::string& name, const write_op& op);

  surroundings& around_;
  size_t index_;
  std::string id_;
  bool up_ = false;
  std::set<size_t> peers_{};
  std::map<std::string, bucket> buckets_{};
};

} // namespace treadmill::simulation
