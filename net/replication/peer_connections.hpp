#pragma once
#include "net/node/link_status.hpp"
#include "net/replication/peer_registry.hpp"
#include "net/replication/replication_defaults.hpp"
#include "storage/base/result.hpp"
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace treadmill::replication {

/// What the caller of peer_connections has to do. Peers have the registry's keys, links the numbers
/// that start_link gave them.
namespace step {

/// Dial the address. The caller answers with peer_connections::dialled, or, if the address cannot
/// be dialled, not at all.
struct dial {
  uint64_t peer = 0;
  std::string uri{};
};
/// Close the connection, after the frames that were sent over it.
struct hang_up {
  uint64_t connection = 0;
};
/// Send the frames of this connection to this link from now on; 0: to peer_connections.
struct route {
  uint64_t connection = 0;
  uint64_t link = 0;
};
/// The link sends over this connection from now on; 0: there is none.
struct choose {
  uint64_t link = 0;
  uint64_t connection = 0;
  bool lost = false; ///< the former connection is gone, with the frames in flight
};
/// This frame belongs to a link.
struct forward {
  uint64_t link = 0;
  uint64_t connection = 0;
  std::string frame{};
};
struct send_goodbye {
  uint64_t connection = 0;
  uint64_t session = 0; ///< of the receiver
  disconnect_reason why = disconnect_reason::removed;
};
/// Call peer_connections::probe_over after `defaults::identity_probe`.
struct probe {
  uint64_t connection = 0;
};
struct start_link {
  uint64_t peer = 0;
  uint64_t link = 0;
};
/// Tell the link to end, with a goodbye for this reason. peer_connections::link_ended answers.
struct end_link {
  uint64_t link = 0;
  std::optional<disconnect_reason> why{}; ///< empty: without a goodbye
};
/// Tell the link whether other links are established.
struct tell_others {
  uint64_t link = 0;
  bool any = false;
};
/// Two records turned out to be one peer: requests that wait for `from` wait for `into`.
struct merge {
  uint64_t from = 0;
  uint64_t into = 0;
};
/// Answer the requests that wait for this peer: it is reached, or it will not be.
struct answer_requests {
  uint64_t peer = 0;
  error problem{ec::none, {}}; ///< none: it is reached
};
/// Show operators the peer as it is now; `gone`: no longer.
struct show {
  uint64_t peer = 0;
  bool gone = false;
};
/// The registry changed: write it.
struct save {};
/// A peer, or a connection of nobody, exceeded a bound: count it.
struct count_cut {};
struct write_log {
  enum class level : uint8_t { info, warn, error };
  level at = level::info;
  std::string_view text{};
  std::string peer{};       ///< its name
  std::string_view field{}; ///< of `value`; empty: there is none
  std::string value{};
};

} // namespace step

using connection_step =
    std::variant<step::dial, step::hang_up, step::route, step::choose, step::forward,
                 step::send_goodbye, step::probe, step::start_link, step::end_link,
                 step::tell_others, step::merge, step::answer_requests, step::show, step::save,
                 step::count_cut, step::write_log>;

struct peer_connections_options {
  own_identity own{};
  std::function<uint64_t()> random{}; ///< for jitter
  /// Number of frames of a connection that were sent to a link so far.
  std::function<uint64_t(uint64_t connection)> heard{};
  /// Whether the request that added this peer still waits to be answered.
  std::function<bool(uint64_t peer)> is_awaited{};
};

/// Decides which connection belongs to which peer, and is the only place that knows it: dials,
/// chooses the connection to send over, probes, merges two records of one peer, and hangs up.
/// peer_registry knows who the peers are and judges greetings. A plain state machine: each event
/// brings the time, and the caller carries out the steps that `take` returns after each event. An
/// `id` is a connection's, a `key` a peer's.
///
/// Operation: a connection belongs to the peer whose address was dialled, or to nobody until it
/// brings a greeting. The greeting shows whose it is. From then on its frames go to the peer's
/// link. A peer can have several connections at one time, because both sides may dial; a link
/// accepts frames from any of them. To send, a connection is chosen that is alive; of several, the
/// one that the node with the smaller node id dialled. The node that dialled one of the others
/// hangs it up after a while, so the two sides never hang up each other's choice.
///
/// If another process greets with a connected peer's identity, its greeting waits for a while (a
/// probe). If no frame comes from the connected process meanwhile, the new one replaces it.
///
/// When a peer ends, its connections are hung up after its link has ended, so that the link can
/// send its last frames.
///
/// **Thread**: one at a time. **Errors**: none; a wrong frame is dropped. **Units and limits**: one
/// entry for each connection that the caller has, peers as peer_registry, numbers in
/// replication_defaults.hpp.
class peer_connections {
public:
  /// `registry` has to live longer. The caller changes it only for operators: `added` and `removed`
  /// follow.
  peer_connections(peer_connections_options options, peer_registry& registry)
      : options_(std::move(options)), registry_(registry) {}

  // Events of operators
  // -----------------------------------------------------------------------------------------------
  /// The peer is in the registry: it is new, or its filter changed.
  void added(uint64_t key, ticks now);
  /// The peer is not in the registry any more.
  void removed(uint64_t key, ticks now);

  // Events of connections
  // -----------------------------------------------------------------------------------------------
  /// Answers step::dial.
  void dialled(uint64_t key, const std::string& uri, uint64_t id);
  /// A dialled connection is made, for the first time or again.
  void made(uint64_t id, ticks now);
  /// A dialled connection is dialled again by the carrier; any other is gone.
  void lost(uint64_t id, ticks now);
  /// A frame of a connection that is not routed to a link, or was not when the frame arrived.
  void received(uint64_t id, const std::string& bytes, ticks now);
  void probe_over(uint64_t id, ticks now);

  // Events of links; those of a link that was told to end are ignored, except its end
  // -----------------------------------------------------------------------------------------------
  void link_changed(uint64_t link, bool established, std::string_view node_id, ticks now);
  void link_refused(uint64_t link, disconnect_reason why, ticks now);
  /// The link's peer exceeded a limit.
  void link_cut(uint64_t link, const std::string& reason, ticks now);
  /// Returns true if the link had not been told to end; the next tick replaces it.
  bool link_ended(uint64_t link, ticks now);

  /// The caller calls it every half second, about.
  void tick(ticks now);

  // Results
  // -----------------------------------------------------------------------------------------------
  std::vector<connection_step> take() { return std::exchange(steps_, {}); }

  bool is_running(uint64_t key) const { return peers_.count(key) > 0; }
  bool is_established(uint64_t key) const;
  /// Why one side refuses the other; empty: neither does.
  std::string refusal(uint64_t key) const;
  /// Of a link that was not told to end; 0 here and below: none.
  uint64_t peer_of_link(uint64_t link) const;
  uint64_t peer_of(uint64_t id) const;
  uint64_t chosen(uint64_t key) const;
  std::vector<uint64_t> connections_of(uint64_t key) const;
  std::vector<uint64_t> connections() const; ///< all that are known, also those of nobody
  size_t peers() const { return peers_.size(); }

private:
  /// A greeting that waits until it is known whether the peer's own connections are alive.
  struct probe {
    uint64_t peer = 0;
    std::string frame{}; ///< not decoded: decoded, it can be many times as large
    ticks until{0};
    std::map<uint64_t, uint64_t> heard{}; ///< frames per connection of the peer at the start
  };
  struct connection {
    uint64_t peer = 0;         ///< 0: nobody's so far
    std::string dialled_uri{}; ///< empty: the peer dialled
    bool made = false;         ///< frames can be sent over it
    bool greeted = false;      ///< the peer greeted over it, so its frames go to the link
    size_t idle_frames = 0;    ///< frames of nobody
    uint64_t heard = 0;        ///< frames, at the last tick
    ticks heard_at{0};
    std::optional<probe> probing{};
  };
  struct peer {
    uint64_t link = 0; ///< 0: it died; the next tick starts it again
    std::set<uint64_t> connections{};
    uint64_t chosen = 0; ///< the connection to send over; 0: none
    ticks chosen_at{0};
    uint64_t instance = 0; ///< of the peer's process
    bool established = false;
    bool unproven = false; ///< the registry did not know it, and no link was established yet
    ticks greeted_at{0};
    ticks away_since{0}; ///< valid while it has no connection
    ticks dial_at{0};    ///< do not dial before
    std::string refusal{};
  };

  // Connections
  connection* find_connection(uint64_t id);
  const connection* find_connection(uint64_t id) const;
  connection& give(uint64_t id, uint64_t key);
  void forget_connection(uint64_t id);
  static bool is_alive(const connection& of, ticks now);
  bool is_preferred(uint64_t key, const connection& of) const;
  uint64_t best_connection(uint64_t key, const peer& of, ticks now, bool in_turn) const;
  void choose(uint64_t key, peer& of, ticks now, bool in_turn = false);
  void lose_chosen(uint64_t key, peer& of, ticks now);
  void hang_up(uint64_t id, ticks now);
  void hang_up_all(peer& of, ticks now);
  void dial(uint64_t key, const peer& of);
  void look_for_signs(const peer& of, ticks now);
  void hang_up_needless(uint64_t key, peer& of, ticks now);

  // Peers
  peer* find_peer(uint64_t key);
  const peer* find_peer(uint64_t key) const;
  void start_link(uint64_t key, peer& of);
  void restart_link(uint64_t key, peer& of);
  void end_peer(uint64_t key, std::optional<disconnect_reason> why, ticks now);
  void forget_peer(uint64_t key, ticks now);
  void forget_strangers(ticks now);
  void tell_of_others();
  void met_itself(uint64_t key, uint64_t id, ticks now);
  void refused(uint64_t key, uint64_t id, disconnect_reason why, const std::string& reason,
               ticks now);

  // Greetings
  void greet(uint64_t id, const hello& greeting, const std::string& bytes, ticks now);
  greeting_verdict judge(const hello& greeting, uint64_t dialled, ticks now) const;
  bool fits_probes(uint64_t id, size_t bytes);
  void begin_probe(uint64_t id, uint64_t key, const std::string& bytes, ticks now);
  void accept(uint64_t id, const greeting_verdict& verdict, const hello& greeting,
              const std::string& bytes, ticks now);
  void claim(uint64_t id, uint64_t key, const hello& greeting, ticks now);
  void absorb(uint64_t from, uint64_t into);
  void take_greeting(uint64_t id, uint64_t key, const std::string& bytes, ticks now);
  void take_goodbye(uint64_t id, disconnect_reason why, const std::string& bytes, ticks now);

  template<class Step>
  void put(Step what) {
    steps_.emplace_back(std::move(what));
  }
  void log(step::write_log::level at, std::string_view text, const std::string& name,
           std::string_view field = {}, std::string value = {});

  const peer_connections_options options_;
  peer_registry& registry_;
  std::map<uint64_t, connection> connections_{};
  std::map<uint64_t, peer> peers_{};
  /// Links that were told to end, with the connections to hang up when they have ended.
  std::map<uint64_t, std::vector<uint64_t>> ending_{};
  /// Connections that were hung up, or will be when their link has ended, and since when. Their
  /// late frames are dropped.
  std::map<uint64_t, ticks> hung_up_{};
  uint64_t last_link_ = 0;
  std::vector<connection_step> steps_{};
};

} // namespace treadmill::replication
