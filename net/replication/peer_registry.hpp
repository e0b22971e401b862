#pragma once
#include "net/replication/peer_frames.hpp"
#include "net/replication/replication_defaults.hpp"
#include "storage/base/result.hpp"
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::replication {

/// Number of removed peers whose node ids are remembered.
inline constexpr size_t removed_peers = 1000;

/// A peer that this node is federated with, or will be. A peer that no operator of this node added
/// is a *stranger*: it takes part while it is connected, this node never dials it, and it is not
/// stored.
struct peer_record {
  /// Where this node dials it; of a stranger: where it says that it can be dialled. Empty: unknown.
  std::string zmq_uri{};
  std::vector<std::string> other_uris{}; ///< more addresses that an operator gave
  std::string name{};      ///< from its greeting; before that, the host:port of `zmq_uri`
  std::string node_id{};   ///< empty: it has not greeted yet
  bool given = false;      ///< an operator of this node added it
  bool invites = false;    ///< hello::invites: an operator added it, and no link was made since
  bool all_buckets = true; ///< else only `buckets`
  std::vector<std::string> buckets{};
  uint64_t greeted = 0; ///< grows with each greeting; not stored
  /// The addresses to dial.
  std::vector<std::string> dialled() const;
  bool has_uri(std::string_view uri) const;
  friend bool operator==(const peer_record&, const peer_record&) = default;
};

/// The identity of this node.
struct own_identity {
  std::string node_id{};
  uint64_t instance = 0; ///< of this process
  std::string name{};
};

/// The decision about a greeting.
struct greeting_verdict {
  enum class kind : uint8_t {
    accept, ///< the connection belongs to the peer `key`, whose record may change
    probe,  ///< another process with the peer's identity is connected: check that it is alive
    refuse, ///< send a goodbye with `why`
    ignore, ///< its name or node id is invalid
  };
  kind what = kind::ignore;
  disconnect_reason why = disconnect_reason::removed;
  uint64_t key = 0;   ///< accept: the peer; 0: a peer that is new here
  uint64_t evict = 0; ///< accept: a stranger to remove to make room; 0: none
};

/// `host:port` of a `tcp://host:port`: the name of a peer that has not greeted yet.
std::string name_of_uri(std::string_view zmq_uri);

/// The peers of this node, those that an operator removed, and every decision about a greeting.
/// Plain data: the caller says which peers are connected.
///
/// Records have keys, from 1. A process never reuses a key and does not store it.
///
/// A name belongs to the node that greeted with it first, for as long as this node knows that node.
/// It passes to another node of that name if an operator's address leads to that node and the first
/// one is not connected. A stranger also loses its name to an operator's peer.
///
/// **Thread**: a plain value. **Units and limits**: `most` peers of operators, and as many
/// strangers; above that a new stranger replaces one that is not in use. The last `removed_peers`
/// removed peers are remembered, so a peer can come back if that many others were removed after it.
class peer_registry {
public:
  explicit peer_registry(size_t most = defaults::peers) : most_(most) {}

  // Storage
  // -----------------------------------------------------------------------------------------------
  std::string encode() const;
  /// Total: any bytes give a registry or `corrupt`. Keeps records above `most`.
  static result<peer_registry> decode(std::string_view bytes, size_t most = defaults::peers);

  // Records
  // -----------------------------------------------------------------------------------------------
  const std::map<uint64_t, peer_record>& peers() const { return peers_; }
  bool full() const { return count(true) >= most_; }
  const peer_record* find(uint64_t key) const;
  uint64_t find_uri(std::string_view zmq_uri) const; ///< 0 here and below: none
  uint64_t find_node(std::string_view node_id) const;
  /// Finds a peer by its name, or by the host:port of its address.
  uint64_t find_name(std::string_view name) const;
  bool removed(std::string_view node_id) const;

  /// Finds a peer that an operator added.
  uint64_t find_given(std::string_view zmq_uri) const;

  /// Adds a peer that an operator asks for, or finds it by its address. In both cases the record
  /// takes over the requested filter and sets `invites`. Errors: bad_request (there are `most`).
  result<uint64_t> add(const peer_record& asked);
  /// Restores a removed or changed record under its key.
  void restore(uint64_t key, peer_record record);
  /// An operator removes the peer: remembers its node id.
  void remove(uint64_t key);
  /// The peer ended the federation itself, or is not a peer. Does not remember its node id.
  void forget(uint64_t key);
  /// The address leads to this node itself. Returns false and forgets the record if its node has
  /// never greeted; otherwise keeps the address, because the node may return to it.
  bool led_here(uint64_t key);
  /// A link was made. Returns true if the record changed.
  bool established(uint64_t key);

  // Greetings
  // -----------------------------------------------------------------------------------------------
  /// The instance that a peer named in its greeting; empty if it has no connection over which it
  /// greeted.
  using connected = std::function<std::optional<uint64_t>(uint64_t key)>;
  /// Whether a link with the peer exists, or may exist soon.
  using in_use = std::function<bool(uint64_t key)>;

  /// Decides about a greeting. `dialled`: the peer whose address this node dialled for the
  /// connection; 0: an incoming connection.
  greeting_verdict judge(const hello& greeting, uint64_t dialled, const own_identity& own,
                         const connected& now, const in_use& used = {}) const;

  /// The changes that accepting a greeting made.
  struct acceptance {
    uint64_t key = 0;
    uint64_t merged = 0;  ///< the removed record of the same peer; 0: none
    bool changed = false; ///< stored data changed
  };
  /// Enters an accepted greeting in the records. `uri`: which address of `dialled` was dialled;
  /// empty: its first.
  acceptance accept(const greeting_verdict& verdict, const hello& greeting, uint64_t dialled,
                    std::string_view uri = {});

private:
  uint64_t find_namesake(const hello& greeting, uint64_t but) const;
  size_t count(bool given) const;
  std::optional<uint64_t> place_for_stranger(const connected& now, const in_use& used) const;
  uint64_t take_dialled(uint64_t dialled, uint64_t key, std::string uri);
  bool forgive(const std::string& node_id);

  size_t most_;
  uint64_t last_key_ = 0;
  uint64_t greetings_ = 0;
  std::map<uint64_t, peer_record> peers_{};
  std::deque<std::string> removed_{}; ///< node ids, oldest first
};

} // namespace treadmill::replication
