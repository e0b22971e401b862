#pragma once
#include "net/peer_frames.hpp"
#include "net/replication_defaults.hpp"
#include "storage/result.hpp"
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

/// Node ids of removed peers that are remembered.
inline constexpr size_t removed_peers = 1000;

/// A peer that this node is federated with, or is to be. One that no operator of this node added is
/// a *stranger*: it takes part while it is connected, is never dialled, and is not stored.
struct peer_record {
  /// Where it is dialled; of a stranger: where it says that it could be. Empty: it is not known.
  std::string zmq_uri{};
  std::vector<std::string> other_uris{}; ///< that an operator gave as well
  std::string name{};                    ///< as it greeted; before that, the host:port of `zmq_uri`
  std::string node_id{};                 ///< empty: it has not greeted yet
  bool given = false;                    ///< an operator of this node added it
  bool invites = false;    ///< hello::invites: an operator asked for it, and no link was made since
  bool all_buckets = true; ///< else only `buckets`
  std::vector<std::string> buckets{};
  uint64_t greeted = 0; ///< grows with each greeting; not stored
  /// Where it is to be dialled.
  std::vector<std::string> dialled() const;
  bool has_uri(std::string_view uri) const;
  friend bool operator==(const peer_record&, const peer_record&) = default;
};

/// Who this node is.
struct own_identity {
  std::string node_id{};
  uint64_t instance = 0; ///< of this process
  std::string name{};
};

/// What a greeting comes to.
struct greeting_verdict {
  enum class kind : uint8_t {
    accept, ///< the connection belongs to the peer `key`, whose record may change
    probe,  ///< another process with the peer's identity is connected: is it alive?
    refuse, ///< goodbye, and why
    ignore, ///< it breaks a rule of names
  };
  kind what = kind::ignore;
  parting why = parting::removed;
  uint64_t key = 0;   ///< accept: 0 is a peer that is new here
  uint64_t evict = 0; ///< accept: a stranger that gives up its place for it; 0: none
};

/// `host:port` of a `tcp://host:port`: the name of a peer that has not greeted yet.
std::string name_of_uri(std::string_view zmq_uri);

/// The peers of this node, those that an operator removed, and every decision about a greeting.
/// Plain data: who is connected is told by the caller.
///
/// Records have keys, from 1, that are never used again in one process and are not stored.
///
/// A name belongs to the node that greeted with it first, for as long as that is known here. It
/// changes hands where an operator's address leads to another node of that name and the first one
/// is not connected, and a stranger yields to an operator's peer.
///
/// **Thread**: a plain value. **Units and limits**: `most` peers of operators, and as many
/// strangers, of which one that is not in use gives up its place for another; the last
/// `removed_peers` removed ones are remembered: one that was away for longer than it takes to
/// remove so many can come back.
class peer_registry {
public:
  explicit peer_registry(size_t most = defaults::peers) : most_(most) {}

  // What is stored
  // -----------------------------------------------------------------------------------------------
  std::string encode() const;
  /// Total: any bytes give a registry or `corrupt`. Records above `most` are kept.
  static result<peer_registry> decode(std::string_view bytes, size_t most = defaults::peers);

  // Records
  // -----------------------------------------------------------------------------------------------
  const std::map<uint64_t, peer_record>& peers() const { return peers_; }
  bool full() const { return count(true) >= most_; }
  const peer_record* find(uint64_t key) const;
  uint64_t find_uri(std::string_view zmq_uri) const; ///< 0: there is none, here and below
  uint64_t find_node(std::string_view node_id) const;
  /// By its name, or the host:port of its address.
  uint64_t find_name(std::string_view name) const;
  bool removed(std::string_view node_id) const;

  /// Of a peer that an operator added.
  uint64_t find_given(std::string_view zmq_uri) const;

  /// Adds a peer that an operator asks for, or finds it by its address. In both cases it takes on
  /// the filter that is asked for and invites. Errors: bad_request (there are `most`).
  result<uint64_t> add(const peer_record& asked);
  /// Puts back what was removed or changed, under its key.
  void restore(uint64_t key, peer_record record);
  /// An operator ends it: its node id is remembered.
  void remove(uint64_t key);
  /// It ended the federation itself, or is no peer.
  void forget(uint64_t key);
  /// The address leads to this node itself. Forgets the record where nothing else is known of it;
  /// then false. Else the address stays: a node may be there again.
  bool led_here(uint64_t key);
  /// A link was made. True: the record changed.
  bool established(uint64_t key);

  // Greetings
  // -----------------------------------------------------------------------------------------------
  /// Of those peers that have a connection over which they greeted: the instance that they named.
  using connected = std::function<std::optional<uint64_t>(uint64_t key)>;
  /// Whether a link with the peer is there, or may be soon.
  using in_use = std::function<bool(uint64_t key)>;

  /// What is to be done about a greeting. `dialled`: the peer whose address was dialled for the
  /// connection; 0: it came in.
  greeting_verdict judge(const hello& greeting, uint64_t dialled, const own_identity& own,
                         const connected& now, const in_use& used = {}) const;

  /// What accepting a greeting changed.
  struct acceptance {
    uint64_t key = 0;
    uint64_t merged = 0;  ///< the record of this key was of the same peer and is gone; 0: none
    bool changed = false; ///< something that is stored
  };
  /// Takes an accepted greeting into the records. `uri`: which address of `dialled` was dialled;
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
