#pragma once
#include "net/replication/link_context.hpp"
#include "net/replication/link_following.hpp"
#include "net/replication/peer_frames.hpp"
#include "tests/unit/net/replication/link_world.hpp"
#include <optional>
#include <utility>
#include <vector>

namespace treadmill::test {

/// A leaf of its own, made elsewhere; a tombstone without a body.
inline replicated_document one_leaf(const std::string& id, const revision& rev,
                                    std::optional<std::string> body) {
  replicated_document made;
  made.id = id;
  made.tree.add(rev, {}, !body, true);
  if (body) made.bodies.push_back({rev, std::move(*body)});
  return made;
}
inline replicated_document one_leaf(const std::string& id, int n, std::optional<std::string> body) {
  return one_leaf(id, revision(1, "l" + std::to_string(1'000'000 + n)), std::move(body));
}

inline void plant(linked_node& node, const replicated_document& document,
                  const tree_limits& limits = {100'000, 1'000'000}, const std::string& to = "b") {
  const auto merged = node.core(to).merge(document, limits);
  if (!merged) throw std::runtime_error(merged.error().reason);
  node.commit(node.core(to));
}

inline std::string body_of(size_t bytes, int n) {
  return R"({"text":")" + std::string(bytes, static_cast<char>('a' + n % 26)) + "\"}";
}

inline revision_tree::node tombstone(const revision& rev) {
  revision_tree::node made;
  made.rev = rev;
  made.foreign = made.deleted = true;
  return made;
}

/// A node that follows some buckets of a peer, which the test plays.
struct asking_node {
  using revision = treadmill::revision;
  struct bucket {
    bucket_info info{};
    std::unique_ptr<replication::following> followed{};
  };

  asking_node() {
    shared.rows = node.local.get();
    shared.options.random = [] { return 1; };
  }
  /// The peer tells of these, which are made elsewhere, in one entry about "d".
  explicit asking_node(const std::vector<revision>& told) : asking_node() { tell(told); }

  replication::following& following(const std::string& name = "b") {
    bucket& made = buckets[name];
    if (!made.followed) {
      made.info = *node.rows->create_bucket(name);
      made.followed = std::make_unique<replication::following>(shared, made.info, checkpoint{});
      made.followed->announced({name, hash128{1}, 1, {}}, now);
    }
    return *made.followed;
  }
  void tell(const std::vector<revision>& told, const std::string& name = "b") {
    replication::following& by = following(name);
    replication::activity logged;
    logged.bucket = name;
    logged.stream = shared.streams;
    logged.log_id = hash128{1};
    logged.through = logged.last = 1;
    replication::peer_entry& entry = logged.entries.emplace_back();
    entry.sequence = 1;
    entry.id = "d";
    for (const revision& rev : told) {
      replication::peer_change& change = entry.changes.emplace_back();
      change.rev = rev;
      change.foreign = true;
    }
    by.taken_in(std::move(logged), now);
  }
  void answer(std::vector<revision_tree::node> nodes, const revision& next,
              const std::string& name = "b") {
    deliver({"d", revision_tree::of(std::move(nodes)).encode(), {}, next}, name);
  }
  void deliver(replication::documents::sent item, const std::string& name = "b") {
    replication::documents made;
    made.bucket = name;
    made.items.push_back(std::move(item));
    shared.useful = false;
    following(name).delivered(std::move(made), now);
  }
  /// One live leaf, with its body.
  void answer_body(const revision& rev, const std::string& body, const revision& next,
                   const std::string& name = "b") {
    const replicated_document made = one_leaf("d", rev, body);
    deliver({"d", made.tree.encode(), {{rev, body.size(), body}}, next}, name);
  }
  /// Live leaves whose bodies have to be asked for.
  void answer_sizes(const std::vector<std::pair<revision, uint64_t>>& sizes,
                    const revision& next = {}, const std::string& name = "b") {
    replication::documents::sent item;
    item.id = "d";
    item.next = next;
    revision_tree tree;
    for (const auto& [rev, size] : sizes) {
      if (tree.find(rev) == nullptr) tree.add(rev, {}, false, true);
      item.bodies.push_back({rev, size, std::nullopt});
    }
    item.tree = tree.encode();
    deliver(std::move(item), name);
  }
  void give(const revision& rev, const std::string& body, const std::string& name = "b") {
    following(name).delivered(replication::part{name, "d", rev, 0, body.size(), body}, now);
  }
  /// What is asked for now, if anything is; other frames are forgotten.
  std::optional<replication::fetch_documents> asked(const std::string& name = "b") {
    return taken(wants, name);
  }
  std::optional<replication::fetch_part> asked_part(const std::string& name = "b") {
    return taken(wanted_parts, name);
  }
  /// Answers the batches that were handed over until now.
  void apply_all(const std::vector<std::string>& refused = {}) {
    for (const replication::apply_batch& batch : std::exchange(shared.out.batches, {}))
      for (auto& [name, one] : buckets)
        if (one.info.number == batch.bucket)
          one.followed->applied(batch.ticket, ec::none, now, refused);
  }

  linked_node node{"a", 1};
  replication::link_context shared{};
  std::map<std::string, bucket> buckets{};
  ticks now{1};

private:
  /// What was asked for last of that bucket; it is forgotten.
  template<class T>
  std::optional<T> taken(std::map<std::string, T>& from, const std::string& name) {
    read_frames();
    auto last = from.extract(name);
    if (last.empty()) return std::nullopt;
    return std::move(last.mapped());
  }
  void read_frames() {
    for (const std::string& bytes : std::exchange(shared.out.frames, {})) {
      const auto opened = replication::decode_frame(bytes, replication::defaults::frame_bytes);
      if (const auto* one = std::get_if<replication::fetch_documents>(&opened->content))
        wants[one->bucket] = *one;
      if (const auto* one = std::get_if<replication::fetch_part>(&opened->content))
        wanted_parts[one->bucket] = *one;
    }
  }
  std::map<std::string, replication::fetch_documents> wants{};
  std::map<std::string, replication::fetch_part> wanted_parts{};
};

} // namespace treadmill::test
