#pragma once
#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/peer_wire.hpp"
#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::test {

/// Carries frames between the nodes of one test, as the ZeroMQ transport does: dialled connections
/// keep their ids and are made again when they are lost, incoming ones come with their first frame
/// and are over when they are lost. Nothing moves by itself: `connect` and `deliver` are called.
class peer_network {
public:
  /// Returns the carrier of the node that is reached at `uri`.
  frame_carrier carrier(const std::string& uri) {
    return {[this, uri](const std::string& to) { return dial(uri, to); },
            [this, uri](uint64_t id) { hang_up(uri, id); },
            [this](uint64_t id, std::string frame) { return send(id, std::move(frame)); }};
  }
  void up(const std::string& uri, std::shared_ptr<peer_wire> wire) { wires_[uri] = wire; }
  /// Its process is gone: what it dialled with it.
  void down(const std::string& uri) {
    wires_.erase(uri);
    for (auto& [id, one] : dialled_)
      if (one.from == uri) break_off(id, one);
    std::erase_if(dialled_, [&](const auto& item) { return item.second.from == uri; });
    for (auto& [id, one] : dialled_)
      if (one.to == uri) break_off(id, one);
  }

  /// Nobody reaches the node, though others may be reached by it.
  std::set<std::string> closed{};
  /// Pairs that do not hear of each other, either way; connections between them are lost.
  void cut(const std::string& a, const std::string& b) {
    cut_.insert(std::minmax(a, b));
    for (auto& [id, one] : dialled_)
      if (std::minmax(one.from, one.to) == std::minmax(a, b)) break_off(id, one);
  }
  void heal(const std::string& a, const std::string& b) { cut_.erase(std::minmax(a, b)); }
  void heal_all() {
    cut_.clear();
    silenced.clear();
  }
  /// Frames to and from these nodes vanish, and no connection is lost for it.
  std::set<std::string> silenced{};
  /// Loses a connection of the pair, if there is one; it can be made again.
  void drop(const std::string& a, const std::string& b) {
    for (auto& [id, one] : dialled_)
      if (one.made && std::minmax(one.from, one.to) == std::minmax(a, b)) return break_off(id, one);
  }

  /// Makes the connections that can be made. True: there was one.
  bool connect() {
    bool any = false;
    for (auto& [id, one] : dialled_) {
      if (one.made || !reaches(one)) continue;
      one.made = any = true;
      one.incoming = ++last_id_;
      incoming_[one.incoming] = id;
      wires_.at(one.from)->made(id);
    }
    return any;
  }
  /// Of those that there are: made connections, and dialled ones.
  size_t connections() const {
    return static_cast<size_t>(std::count_if(dialled_.begin(), dialled_.end(),
                                             [](auto& item) { return item.second.made; }));
  }
  size_t dialled() const { return dialled_.size(); }
  bool has_frames() const {
    return std::any_of(dialled_.begin(), dialled_.end(), [](auto& item) {
      return !item.second.forth.empty() || !item.second.back.empty();
    });
  }
  /// Delivers a frame: the next one of the `n`th queue that has some.
  bool deliver(size_t n = 0) {
    std::vector<std::pair<uint64_t, bool>> queues;
    for (const auto& [id, one] : dialled_) {
      if (!one.forth.empty()) queues.emplace_back(id, true);
      if (!one.back.empty()) queues.emplace_back(id, false);
    }
    if (queues.empty()) return false;
    const auto [id, forth] = queues[n % queues.size()];
    connection& one = dialled_.at(id);
    auto& queue = forth ? one.forth : one.back;
    const std::string frame = std::move(queue.front());
    queue.pop_front();
    ++frames;
    if (silenced.count(one.from) + silenced.count(one.to) > 0) return true;
    if (spoil && spoil(frame)) return true;
    wires_.at(forth ? one.to : one.from)->received(forth ? one.incoming : id, frame);
    return true;
  }
  /// True: the frame is lost.
  std::function<bool(const std::string& frame)> spoil{};
  uint64_t frames = 0;

  /// Sends over a connection of its own, as somebody who is no node of ours would.
  uint64_t dial(const std::string& from, const std::string& to) {
    dialled_[++last_id_] = {from, to, false, 0, {}, {}};
    return last_id_;
  }
  bool send(uint64_t id, std::string frame) {
    const auto found = dialled_.find(id);
    const auto incoming = incoming_.find(id);
    if (found != dialled_.end() && found->second.made) {
      found->second.forth.push_back(std::move(frame));
    } else if (incoming != incoming_.end()) {
      dialled_.at(incoming->second).back.push_back(std::move(frame));
    } else {
      return false;
    }
    return true;
  }

private:
  struct connection {
    std::string from{};
    std::string to{};
    bool made = false;
    uint64_t incoming = 0; ///< its id at the other side, a new one whenever it is made
    std::deque<std::string> forth{};
    std::deque<std::string> back{};
  };

  bool reaches(const connection& one) const {
    return wires_.count(one.from) + wires_.count(one.to) == 2 && closed.count(one.to) == 0 &&
           cut_.count(std::minmax(one.from, one.to)) == 0;
  }
  void break_off(uint64_t id, connection& one) {
    if (!std::exchange(one.made, false)) return;
    one.forth.clear();
    one.back.clear();
    incoming_.erase(one.incoming);
    tell_lost(one.from, id);
    tell_lost(one.to, one.incoming);
  }
  void tell_lost(const std::string& uri, uint64_t id) {
    const auto wire = wires_.find(uri);
    if (wire != wires_.end()) wire->second->lost(id);
  }
  void hang_up(const std::string& uri, uint64_t id) {
    // What was sent before it arrives.
    const auto incoming = incoming_.find(id);
    const uint64_t dialled = incoming != incoming_.end() ? incoming->second : id;
    const auto found = dialled_.find(dialled);
    if (found == dialled_.end()) return;
    connection& one = found->second;
    auto& sent = one.from == uri ? one.forth : one.back;
    const std::string& to = one.from == uri ? one.to : one.from;
    if (one.made && wires_.count(to) > 0)
      for (const std::string& frame : std::exchange(sent, {}))
        wires_.at(to)->received(one.from == uri ? one.incoming : dialled, frame);
    break_off(dialled, one);
    if (one.from == uri) dialled_.erase(found);
  }

  uint64_t last_id_ = 0;
  std::map<std::string, std::shared_ptr<peer_wire>> wires_{};
  std::map<uint64_t, connection> dialled_{};
  std::map<uint64_t, uint64_t> incoming_{}; ///< to what was dialled
  std::set<std::pair<std::string, std::string>> cut_{};
};

} // namespace treadmill::test
