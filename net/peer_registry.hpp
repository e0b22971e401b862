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

/// A peer that this node is federated with, or is to be.
struct peer_record {
  std::string zmq_uri{};   ///< where it is dialled; empty: it is not known, the peer dials
  std::string name{};      ///< as it greeted; before that, the host:port of `zmq_uri`
  std::string node_id{};   ///< empty: it has not greeted yet
  bool given = false;      ///< an operator of this node gave `zmq_uri`
  bool invites = false;    ///< hello::invites: an operator asked for it, and no link was made since
  bool all_buckets = true; ///< else only `buckets`
  std::vector<std::string> buckets{};
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
  uint64_t key = 0; ///< accept: 0 is a peer that is new here
};

/// `host:port` of a `tcp://host:port`: the name of a peer that has not greeted yet.
std::string name_of_uri(std::string_view zmq_uri);

/// The peers of this node, those that an operator removed, and every decision about a greeting.
/// Plain data: who is connected is told by the caller.
///
/// Records have keys, from 1, that are never used again in one process and are not stored.
///
/// **Thread**: a plain value. **Units and limits**: `most` peers; the last `removed_peers` removed
/// ones are remembered: one that was away for longer than it takes to remove so many can come back.
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
  bool full() const { return peers_.size() >= most_; }
  const peer_record* find(uint64_t key) const;
  uint64_t find_uri(std::string_view zmq_uri) const; ///< 0: there is none, here and below
  uint64_t find_node(std::string_view node_id) const;
  /// By its name, or the host:port of its address.
  uint64_t find_name(std::string_view name) const;
  bool removed(std::string_view node_id) const;

  /// Adds a peer that an operator asks for, or finds it by its address. In both cases it takes on
  /// the filter that is asked for and invites. Errors: bad_request (there are `most`).
  result<uint64_t> add(const peer_record& asked);
  /// Puts back what was removed or changed, under its key.
  void restore(uint64_t key, peer_record record);
  /// An operator ends it: its node id is remembered.
  void remove(uint64_t key);
  /// It ended the federation itself, or is no peer.
  void forget(uint64_t key);
  /// The peer cannot be dialled at its address. Forgets the record where nothing else is known of
  /// it; then false.
  bool drop_uri(uint64_t key);
  /// A link was made. True: the record changed.
  bool established(uint64_t key);

  // Greetings
  // -----------------------------------------------------------------------------------------------
  /// Of those peers that have a connection over which they greeted: the instance that they named.
  using connected = std::function<std::optional<uint64_t>(uint64_t key)>;

  /// What is to be done about a greeting. `dialled`: the peer whose address was dialled for the
  /// connection; 0: it came in.
  greeting_verdict judge(const hello& greeting, uint64_t dialled, const own_identity& own,
                         const connected& now) const;

  /// What accepting a greeting changed.
  struct acceptance {
    uint64_t key = 0;
    uint64_t merged = 0;  ///< the record of this key was of the same peer and is gone; 0: none
    bool changed = false; ///< something that is stored
  };
  /// Takes an accepted greeting into the records.
  acceptance accept(const greeting_verdict& verdict, const hello& greeting, uint64_t dialled);

private:
  uint64_t find_namesake(const hello& greeting, uint64_t but) const;
  uint64_t take_dialled(uint64_t dialled, uint64_t key);
  bool forgive(const std::string& node_id);

  size_t most_;
  uint64_t last_key_ = 0;
  std::map<uint64_t, peer_record> peers_{};
  std::deque<std::string> removed_{}; ///< node ids, oldest first
};

} // namespace treadmill::replication
