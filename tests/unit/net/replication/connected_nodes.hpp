#pragma once
#include "net/replication/peer_connections.hpp"
#include "net/replication/replication_link.hpp"
#include <algorithm>
#include <deque>
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

/// Nodes that are nothing but a registry, peer_connections and links without buckets, with a
/// network between them, in virtual time.
namespace treadmill::replication::test {

/// Of a node without buckets.
class no_rows : public local_rows {
  class nothing : public row_view {
    result<std::optional<std::string>> read(std::string_view) const override {
      return std::nullopt;
    }
    result<void>
    scan(std::string_view, std::string_view,
         const std::function<bool(std::string_view, std::string_view)>&) const override {
      return {};
    }
  };

public:
  std::vector<bucket_info> buckets() const override { return {}; }
  std::optional<bucket_info> find_bucket(std::string_view) const override { return std::nullopt; }
  bool left(std::string_view) const override { return true; }
  std::unique_ptr<row_view> synced() const override { return std::make_unique<nothing>(); }
  std::unique_ptr<row_view> latest() const override { return std::make_unique<nothing>(); }
};

/// The network calls a node with these.
struct network_user {
  std::function<void(uint64_t connection, const std::string& frame)> received{};
  std::function<void(uint64_t connection)> made{};
  std::function<void(uint64_t connection)> lost{};
};

/// Carries frames as the ZeroMQ transport does: a dialled connection keeps its id and is made again
/// when it is lost; an incoming one is over then. It does not report an end to the side that hung
/// up.
class virtual_network {
public:
  struct cable {
    std::string from{};
    std::string uri{}; ///< dialled
    std::string to{};  ///< the node that was there when it was made
    uint64_t dialled = 0;
    uint64_t incoming = 0; ///< 0: it is not made
    bool is_dead = false;  ///< the dialler has not noticed the loss
    std::deque<std::string> forth{};
    std::deque<std::string> back{};
  };

  std::map<std::string, network_user> users{};
  std::map<std::string, std::string> addresses{}; ///< uri → node; others lead nowhere
  std::set<std::pair<std::string, std::string>> cut{};
  std::set<std::string> silenced{};   ///< frames of these nodes vanish, and no connection is lost
  std::set<std::string> closed{};     ///< nobody can dial these nodes
  unsigned losses = 0;                ///< one frame of this many is lost; 0: none
  std::map<uint64_t, cable> cables{}; ///< by the id of the dialling side

  uint64_t dial(const std::string& from, const std::string& uri) {
    ++last_id_;
    cables[last_id_] = {from, uri, {}, last_id_, 0, false, {}, {}};
    return last_id_;
  }
  void send(uint64_t id, std::string frame) {
    if (cable* const over = find(id); over != nullptr && over->incoming != 0)
      (id == over->dialled ? over->forth : over->back).push_back(std::move(frame));
  }
  void hang_up(uint64_t id) {
    cable* const over = find(id);
    if (over == nullptr) return;
    const bool by_dialler = id == over->dialled;
    if (over->incoming != 0) {
      auto& sent = by_dialler ? over->forth : over->back; // arrives before the end
      while (!sent.empty()) deliver_next(*over, by_dialler);
      break_off(*over, !by_dialler, by_dialler);
    }
    if (by_dialler) cables.erase(id);
  }
  void break_off(cable& which, bool tell_dialler = true, bool tell_other = true) {
    const uint64_t incoming = std::exchange(which.incoming, 0);
    if (incoming == 0) return;
    incoming_.erase(incoming);
    which.forth.clear();
    which.back.clear();
    if (tell_dialler && users.count(which.from) > 0) users.at(which.from).lost(which.dialled);
    if (tell_other && users.count(which.to) > 0) users.at(which.to).lost(incoming);
  }
  void drop(const std::string& a, const std::string& b) {
    for (auto& [id, one] : cables)
      if (std::minmax(one.from, one.to) == std::minmax(a, b)) break_off(one);
  }
  /// The node's process is gone. Without `tell`, as in a power cut: the others are told by
  /// `notice_losses`.
  void down(const std::string& name, bool tell) {
    users.erase(name);
    for (auto& [id, one] : cables) {
      if (one.incoming == 0 || (one.from != name && one.to != name)) continue;
      if (!tell)
        unnoticed_.emplace_back(one.from == name ? one.to : one.from,
                                one.from == name ? one.incoming : id);
      one.is_dead = !tell;
      break_off(one, tell, tell);
    }
    std::erase_if(cables, [&](const auto& item) { return item.second.from == name; });
  }
  void notice_losses() {
    for (const auto& [name, id] : std::exchange(unnoticed_, {}))
      if (users.count(name) > 0) users.at(name).lost(id);
    for (auto& [id, one] : cables) one.is_dead = false;
  }
  void connect() {
    for (auto& [id, one] : cables) {
      const auto to = addresses.find(one.uri);
      if (one.incoming != 0 || one.is_dead || to == addresses.end() ||
          !reaches(one.from, to->second))
        continue;
      one.to = to->second;
      one.incoming = ++last_id_;
      incoming_[one.incoming] = id;
      users.at(one.from).made(id);
    }
  }
  /// Delivers every frame that was sent so far, of a random connection each.
  void deliver(std::mt19937_64& random) {
    for (;;) {
      std::vector<std::pair<uint64_t, bool>> queues;
      for (const auto& [id, one] : cables) {
        if (!one.forth.empty()) queues.emplace_back(id, true);
        if (!one.back.empty()) queues.emplace_back(id, false);
      }
      if (queues.empty()) return;
      const auto [id, forth] = queues[random() % queues.size()];
      cable& one = cables.at(id);
      if (losses != 0 && random() % losses == 0)
        (forth ? one.forth : one.back).pop_front();
      else
        deliver_next(one, forth);
    }
  }
  /// Made connections between two nodes.
  std::vector<const cable*> between(const std::string& a, const std::string& b) const {
    std::vector<const cable*> found;
    for (const auto& [id, one] : cables)
      if (one.incoming != 0 && std::minmax(one.from, one.to) == std::minmax(a, b))
        found.push_back(&one);
    return found;
  }

private:
  cable* find(uint64_t id) {
    const auto incoming = incoming_.find(id);
    const auto found = cables.find(incoming == incoming_.end() ? id : incoming->second);
    return found == cables.end() ? nullptr : &found->second;
  }
  bool reaches(const std::string& from, const std::string& to) const {
    return users.count(from) + users.count(to) == 2 && closed.count(to) == 0 &&
           cut.count(std::minmax(from, to)) == 0;
  }
  void deliver_next(cable& over, bool forth) {
    auto& queue = forth ? over.forth : over.back;
    const std::string frame = std::move(queue.front());
    queue.pop_front();
    if (silenced.count(over.from) + silenced.count(over.to) > 0) return;
    const auto user = users.find(forth ? over.to : over.from);
    if (user != users.end()) user->second.received(forth ? over.incoming : over.dialled, frame);
  }

  uint64_t last_id_ = 0;
  std::map<uint64_t, uint64_t> incoming_{};
  std::vector<std::pair<std::string, uint64_t>> unnoticed_{};
};

/// One node. Events wait in a mailbox until `run`, as those of an actor do.
class connected_node {
public:
  struct running_link {
    uint64_t peer = 0;
    std::unique_ptr<link> what{};
    uint64_t connection = 0;
    bool established = false;
    std::string told{};
    bool ending = false; ///< it was told to
    bool is_dead = false;
  };

  connected_node(virtual_network& net, std::mt19937_64& random, const ticks& now, std::string name,
                 size_t most)
      : net_(net), random_(random), now_(now), most_(most), registry(most) {
    own = {"id-" + name, random(), std::move(name)};
    uri = "tcp://" + own.name + ":1";
    start();
  }
  connected_node(const connected_node&) = delete;
  connected_node& operator=(const connected_node&) = delete;
  ~connected_node() { net_.users.erase(own.name); }

  void restart(bool tell) {
    net_.down(own.name, tell);
    registry = *peer_registry::decode(registry.encode(), most_);
    own.instance = random_();
    start();
  }

  // Operators
  result<uint64_t> add(const std::string& zmq_uri) {
    peer_record asked;
    asked.zmq_uri = zmq_uri;
    const bool fresh = registry.find_given(zmq_uri) == 0;
    const auto key = registry.add(asked);
    if (!key) return key;
    if (fresh) awaited_[*key] = now_ + ticks(3000);
    mailbox_.emplace_back([this, key = *key] { subject->added(key, now_); });
    return key;
  }
  void remove(uint64_t key) {
    registry.remove(key);
    awaited_.erase(key);
    mailbox_.emplace_back([this, key] { subject->removed(key, now_); });
  }
  void kill_link() {
    std::vector<uint64_t> numbers;
    for (const auto& [number, one] : links)
      if (!one.ending && !one.is_dead) numbers.push_back(number);
    if (!numbers.empty()) end_link(numbers[random_() % numbers.size()]);
  }

  /// Handles the mailbox, and the timers that are due.
  void run() {
    for (auto& [number, one] : links) {
      if (!one.is_dead && now_ >= one.what->due()) one.what->tick(now_);
      settle(number);
    }
    std::erase_if(probes_, [&](const auto& probe) {
      if (probe.first > now_) return false;
      mailbox_.emplace_back([this, id = probe.second] { subject->probe_over(id, now_); });
      return true;
    });
    if (now_ >= tick_at_) {
      tick_at_ = now_ + ticks(500);
      mailbox_.emplace_back([this] { subject->tick(now_); });
    }
    while (!mailbox_.empty()) {
      const auto event = std::move(mailbox_.front());
      mailbox_.pop_front();
      event();
      carry_out();
      check();
    }
    for (const auto& [number, one] : links)
      if (one.ending && !one.is_dead && random_() % 4 == 0) end_link(number);
  }

  uint64_t key_of(const connected_node& other) const {
    return registry.find_node(other.own.node_id);
  }
  bool is_linked(const connected_node& to) const { return subject->is_established(key_of(to)); }
  bool awaits(uint64_t key) const {
    const auto found = awaited_.find(key);
    return found != awaited_.end() && found->second > now_;
  }

  own_identity own{};
  std::string uri{};
  std::unique_ptr<peer_connections> subject{};
  std::map<uint64_t, running_link> links{};
  std::vector<step::answer_requests> answers{};
  size_t cuts = 0;

private:
  virtual_network& net_;
  std::mt19937_64& random_;
  const ticks& now_;
  const size_t most_;

public:
  peer_registry registry;

private:
  struct routed {
    uint64_t link = 0;
    uint64_t heard = 0;
  };

  void start() {
    mailbox_.clear();
    links.clear();
    routes_.clear();
    carried_.clear();
    probes_.clear();
    awaited_.clear();
    peer_connections_options options;
    options.own = own;
    options.random = [this] { return random_(); };
    options.heard = [this](uint64_t id) {
      const auto found = routes_.find(id);
      return found == routes_.end() ? 0 : found->second.heard;
    };
    options.is_awaited = [this](uint64_t key) { return awaits(key); };
    subject = std::make_unique<peer_connections>(std::move(options), registry);
    tick_at_ = now_ + ticks(random_() % 500);
    net_.users[own.name] = {
        [this](uint64_t id, const std::string& frame) { received(id, frame); },
        [this](uint64_t id) { mailbox_.emplace_back([=, this] { subject->made(id, now_); }); },
        [this](uint64_t id) { lost(id); }};
    net_.addresses[uri] = own.name;
    mailbox_.emplace_back([this] {
      for (const auto& [key, record] : registry.peers()) subject->added(key, now_);
    });
  }
  void received(uint64_t id, const std::string& frame) {
    const auto route = routes_.find(id);
    if (route != routes_.end() && route->second.link != 0) {
      ++route->second.heard;
      const auto to = links.find(route->second.link);
      if (to == links.end()) return;
      to->second.what->received(frame, now_);
      return settle(to->first);
    }
    if (incoming_seen_.insert(id).second) carried_.insert(id);
    mailbox_.emplace_back([=, this] { subject->received(id, frame, now_); });
  }
  void lost(uint64_t id) {
    mailbox_.emplace_back([=, this] {
      subject->lost(id, now_);
      if (dialled_.count(id) == 0) carried_.erase(id);
    });
  }
  void end_link(uint64_t number) {
    links.at(number).is_dead = true;
    mailbox_.emplace_back([=, this] {
      links.erase(number);
      subject->link_ended(number, now_);
    });
  }
  /// Sends the frames of the link, and reports its changes.
  void settle(uint64_t number) {
    running_link& one = links.at(number);
    effects out = one.what->take();
    if (one.is_dead) return;
    for (std::string& frame : out.frames)
      if (one.connection != 0) net_.send(one.connection, std::move(frame));
    const bool established = one.what->established();
    if (std::exchange(one.established, established) != established ||
        (established && one.what->peer_id() != one.told)) {
      one.told = one.what->peer_id();
      mailbox_.emplace_back(
          [=, this, id = one.told] { subject->link_changed(number, established, id, now_); });
    }
    if (out.ended)
      mailbox_.emplace_back(
          [=, this, why = *out.ended] { subject->link_refused(number, why, now_); });
  }

  void carry_out() {
    for (auto steps = subject->take(); !steps.empty(); steps = subject->take())
      for (auto& one : steps) std::visit([this](auto& what) { act(what); }, one);
  }
  void act(const step::dial& what) {
    const uint64_t id = net_.dial(own.name, what.uri);
    dialled_.insert(id);
    carried_.insert(id);
    incoming_seen_.insert(id);
    subject->dialled(what.peer, what.uri, id);
  }
  void act(const step::hang_up& what) {
    net_.hang_up(what.connection);
    carried_.erase(what.connection);
    routes_.erase(what.connection);
  }
  void act(const step::route& what) {
    CHECK((what.link == 0 || (links.count(what.link) == 1 && !links.at(what.link).ending)));
    routes_[what.connection].link = what.link;
  }
  void act(const step::choose& what) {
    running_link& one = links.at(what.link);
    one.connection = what.connection;
    if (what.lost) one.what->lost(now_);
    settle(what.link);
  }
  void act(const step::forward& what) {
    links.at(what.link).what->received(what.frame, now_);
    settle(what.link);
  }
  void act(const step::send_goodbye& what) {
    net_.send(what.connection, encode_frame({what.session, goodbye{what.why}}, false));
  }
  void act(const step::probe& what) {
    probes_.emplace_back(now_ + defaults::identity_probe, what.connection);
  }
  void act(const step::start_link& what) {
    const peer_record* record = registry.find(what.peer);
    REQUIRE(record != nullptr);
    link_options options;
    options.node_id = own.node_id;
    options.instance = own.instance;
    options.name = own.name;
    options.invites = record->invites;
    options.random = [this] { return random_(); };
    links[what.link] = {what.peer, std::make_unique<link>(options, rows_), 0, false, {}, false};
  }
  void act(const step::end_link& what) {
    running_link& one = links.at(what.link);
    CHECK_FALSE(std::exchange(one.ending, true));
    if (what.why) one.what->say_goodbye(*what.why);
    settle(what.link);
  }
  void act(const step::answer_requests& what) {
    awaited_.erase(what.peer);
    answers.push_back(what);
  }
  void act(const step::merge& what) { awaited_.erase(what.from); }
  void act(const step::count_cut&) { ++cuts; }
  void act(const step::tell_others&) {}
  void act(const step::show&) {}
  void act(const step::save&) {}
  void act(const step::write_log&) {}

  /// The invariants after each event.
  void check() const {
    std::map<uint64_t, uint64_t> owners;
    size_t running = 0;
    for (const auto& [number, one] : links) {
      if (one.ending || one.is_dead) continue;
      const uint64_t key = subject->peer_of_link(number);
      REQUIRE(key != 0);
      CHECK(one.connection == subject->chosen(key));
      ++running;
    }
    CHECK(running <= subject->peers());
    for (const auto& [key, record] : registry.peers()) check_peer(key, owners);
    for (const uint64_t id : subject->connections()) {
      CHECK((subject->peer_of(id) == 0 || registry.find(subject->peer_of(id)) == nullptr ||
             owners.at(id) == subject->peer_of(id)));
      CHECK(carried_.count(id) == 1);
    }
    for (const auto& [id, route] : routes_) {
      const uint64_t key = route.link == 0 ? 0 : subject->peer_of_link(route.link);
      if (key != 0) CHECK(subject->peer_of(id) == key);
    }
    CHECK(subject->peers() <= 2 * most_ + mailbox_.size());
  }
  void check_peer(uint64_t key, std::map<uint64_t, uint64_t>& owners) const {
    const auto ids = subject->connections_of(key);
    for (const uint64_t id : ids) {
      CHECK(owners.emplace(id, key).second);
      CHECK(subject->peer_of(id) == key);
    }
    const uint64_t chosen = subject->chosen(key);
    CHECK((chosen == 0 || std::count(ids.begin(), ids.end(), chosen) == 1));
  }

  const no_rows rows_{};
  std::deque<std::function<void()>> mailbox_{};
  std::map<uint64_t, routed> routes_{};
  std::set<uint64_t> carried_{};       ///< connections that are neither hung up nor over
  std::set<uint64_t> incoming_seen_{}; ///< all ids so far
  std::set<uint64_t> dialled_{};
  std::vector<std::pair<ticks, uint64_t>> probes_{};
  std::map<uint64_t, ticks> awaited_{};
  ticks tick_at_{0};
};

} // namespace treadmill::replication::test
