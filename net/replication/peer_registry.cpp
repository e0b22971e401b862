#include "net/replication/peer_registry.hpp"
#include "net/node/zmq_uri.hpp"
#include "storage/base/coding.hpp"
#include "storage/documents/names.hpp"
#include <algorithm>
#include <utility>

namespace treadmill::replication {

namespace {

constexpr uint64_t format = 1;
constexpr uint64_t given_flag = 1;
constexpr uint64_t invites_flag = 2;
constexpr uint64_t all_buckets_flag = 4;

constexpr size_t longest_name = 64;
constexpr std::string_view scheme = "tcp://";

bool is_plain(char c, std::string_view others) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         others.find(c) != std::string_view::npos;
}

/// The characters that --name accepts, and those of node ids. No such text looks like host:port.
bool is_plain(std::string_view text, std::string_view others) {
  return !text.empty() && text.size() <= longest_name &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_plain(c, others); });
}

greeting_verdict refuse(disconnect_reason why) {
  return {greeting_verdict::kind::refuse, why, 0, 0};
}
greeting_verdict accepted(uint64_t key) {
  return {greeting_verdict::kind::accept, disconnect_reason::removed, key, 0};
}

void put_record(std::string& out, const peer_record& record) {
  put_bytes(out, record.zmq_uri);
  put_bytes(out, record.name);
  put_bytes(out, record.node_id);
  put_varint(out, (record.given ? given_flag : 0) | (record.invites ? invites_flag : 0) |
                      (record.all_buckets ? all_buckets_flag : 0));
  put_varint(out, record.buckets.size());
  for (const std::string& bucket : record.buckets) put_bytes(out, bucket);
}

bool take_text(std::string_view& in, std::string& text) {
  std::string_view bytes;
  if (!take_bytes(in, bytes) || !is_utf8(bytes)) return false;
  text = bytes;
  return true;
}

/// Each item takes at least one byte, so a larger count is invalid.
bool take_count(std::string_view& in, uint64_t& count) {
  return take_varint(in, count) && count <= in.size();
}

bool take_texts(std::string_view& in, std::vector<std::string>& texts) {
  uint64_t count = 0;
  if (!take_count(in, count)) return false;
  for (; count > 0; --count)
    if (!take_text(in, texts.emplace_back())) return false;
  return true;
}

bool take_record(std::string_view& in, peer_record& record) {
  uint64_t flags = 0;
  if (!take_text(in, record.zmq_uri) || !take_text(in, record.name) ||
      !take_text(in, record.node_id) || !take_varint(in, flags))
    return false;
  record.given = (flags & given_flag) != 0;
  record.invites = (flags & invites_flag) != 0;
  record.all_buckets = (flags & all_buckets_flag) != 0;
  return take_texts(in, record.buckets);
}

} // namespace

std::vector<std::string> peer_record::dialled() const {
  std::vector<std::string> uris;
  if (!given) return uris;
  if (!zmq_uri.empty()) uris.push_back(zmq_uri);
  uris.insert(uris.end(), other_uris.begin(), other_uris.end());
  return uris;
}

bool peer_record::has_uri(std::string_view uri) const {
  return !uri.empty() && (zmq_uri == uri ||
                          std::find(other_uris.begin(), other_uris.end(), uri) != other_uris.end());
}

std::string name_of_uri(std::string_view zmq_uri) {
  if (zmq_uri.starts_with(scheme)) zmq_uri.remove_prefix(scheme.size());
  return std::string(zmq_uri);
}

// Storage
// -------------------------------------------------------------------------------------------------

std::string peer_registry::encode() const {
  std::string out;
  put_varint(out, format);
  // Each address of a peer is a record of its own; decode joins those with the same node id.
  std::vector<peer_record> stored;
  for (const auto& [key, record] : peers_) {
    if (!record.given) continue;
    stored.push_back(record);
    for (const std::string& other : record.other_uris) {
      stored.push_back(record);
      stored.back().zmq_uri = other;
    }
  }
  put_varint(out, stored.size());
  for (const peer_record& record : stored) put_record(out, record);
  put_varint(out, removed_.size());
  for (const std::string& node_id : removed_) put_bytes(out, node_id);
  return out;
}

result<peer_registry> peer_registry::decode(std::string_view bytes, size_t most) {
  const auto corrupt = [] { return fail(ec::corrupt, "the list of peers cannot be read"); };
  peer_registry read(most);
  uint64_t version = 0;
  uint64_t count = 0;
  if (!take_varint(bytes, version) || version != format || !take_count(bytes, count))
    return corrupt();
  for (; count > 0; --count) {
    peer_record record;
    if (!take_record(bytes, record)) return corrupt();
    if (!record.given) continue; // written by a version that stored strangers
    if (const uint64_t same = read.find_node(record.node_id)) {
      if (!read.peers_[same].has_uri(record.zmq_uri))
        read.peers_[same].other_uris.push_back(std::move(record.zmq_uri));
      continue;
    }
    read.peers_[++read.last_key_] = std::move(record);
  }
  std::vector<std::string> removed;
  if (!take_texts(bytes, removed) || !bytes.empty()) return corrupt();
  read.removed_.assign(removed.begin(), removed.end());
  return read;
}

// Records
// -------------------------------------------------------------------------------------------------

const peer_record* peer_registry::find(uint64_t key) const {
  const auto found = peers_.find(key);
  return found == peers_.end() ? nullptr : &found->second;
}

uint64_t peer_registry::find_uri(std::string_view zmq_uri) const {
  if (const uint64_t given = find_given(zmq_uri)) return given;
  for (const auto& [key, record] : peers_)
    if (record.has_uri(zmq_uri)) return key;
  return 0;
}

uint64_t peer_registry::find_given(std::string_view zmq_uri) const {
  for (const auto& [key, record] : peers_)
    if (record.given && record.has_uri(zmq_uri)) return key;
  return 0;
}

size_t peer_registry::count(bool given) const {
  return static_cast<size_t>(std::count_if(
      peers_.begin(), peers_.end(), [&](const auto& item) { return item.second.given == given; }));
}

uint64_t peer_registry::find_node(std::string_view node_id) const {
  for (const auto& [key, record] : peers_)
    if (!node_id.empty() && record.node_id == node_id) return key;
  return 0;
}

uint64_t peer_registry::find_name(std::string_view name) const {
  for (const auto& [key, record] : peers_)
    if (record.name == name) return key;
  return find_uri(std::string(scheme) + std::string(name));
}

bool peer_registry::removed(std::string_view node_id) const {
  return std::find(removed_.begin(), removed_.end(), node_id) != removed_.end();
}

result<uint64_t> peer_registry::add(const peer_record& asked) {
  uint64_t key = find_given(asked.zmq_uri);
  if (key == 0) {
    if (full())
      return fail(ec::bad_request, "this node has the " + std::to_string(most_) +
                                       " peers that it takes: see --max-peers");
    // An operator's address takes precedence over a stranger's claim to it: the greeting after
    // dialling shows which node is there.
    for (auto& [other, stranger] : peers_)
      if (stranger.zmq_uri == asked.zmq_uri) stranger.zmq_uri.clear();
    key = ++last_key_;
    peers_[key].name = name_of_uri(asked.zmq_uri);
    peers_[key].zmq_uri = asked.zmq_uri;
  }
  peer_record& record = peers_[key];
  record.given = true;
  record.invites = true;
  record.all_buckets = asked.all_buckets;
  record.buckets = asked.buckets;
  return key;
}

void peer_registry::restore(uint64_t key, peer_record record) {
  forgive(record.node_id);
  peers_[key] = std::move(record);
  last_key_ = std::max(last_key_, key);
}

void peer_registry::remove(uint64_t key) {
  const auto found = peers_.find(key);
  if (found == peers_.end()) return;
  const std::string node_id = std::move(found->second.node_id);
  peers_.erase(found);
  if (node_id.empty()) return;
  forgive(node_id); // so that the id is appended as the newest
  removed_.push_back(node_id);
  if (removed_.size() > removed_peers) removed_.pop_front();
}

void peer_registry::forget(uint64_t key) { peers_.erase(key); }

bool peer_registry::led_here(uint64_t key) {
  const auto found = peers_.find(key);
  if (found == peers_.end()) return false;
  if (!found->second.node_id.empty()) return true;
  peers_.erase(found);
  return false;
}

bool peer_registry::established(uint64_t key) {
  const auto found = peers_.find(key);
  return found != peers_.end() && std::exchange(found->second.invites, false);
}

/// Returns true if the node was removed before.
bool peer_registry::forgive(const std::string& node_id) {
  return std::erase(removed_, node_id) > 0;
}

// Greetings
// -------------------------------------------------------------------------------------------------

/// Another node with the name of the greeting.
uint64_t peer_registry::find_namesake(const hello& greeting, uint64_t but) const {
  for (const auto& [key, record] : peers_)
    if (key != but && record.name == greeting.name && !record.node_id.empty()) return key;
  return 0;
}

greeting_verdict peer_registry::judge(const hello& greeting, uint64_t dialled,
                                      const own_identity& own, const connected& now,
                                      const in_use& used) const {
  if (!is_plain(greeting.name, "._-") || !is_plain(greeting.node_id, "-")) return {};
  if (greeting.node_id == own.node_id)
    return refuse(greeting.instance == own.instance ? disconnect_reason::itself
                                                    : disconnect_reason::same_identity);
  if (greeting.newest < protocol_oldest || greeting.oldest > protocol_version)
    return refuse(disconnect_reason::version);
  const peer_record* const of = find(dialled);
  const bool invited = greeting.invites || (of != nullptr && of->invites);
  if (removed(greeting.node_id) && !invited) return refuse(disconnect_reason::removed);

  const uint64_t known = find_node(greeting.node_id);
  const uint64_t namesake = find_namesake(greeting, known);
  const bool of_operator = (of != nullptr && of->given) || (known != 0 && find(known)->given);
  const bool vouched = of != nullptr && of->given && namesake != 0 && !now(namesake);
  const bool yields = namesake != 0 && of_operator && !find(namesake)->given;
  if (greeting.name == own.name || (namesake != 0 && !vouched && !yields))
    return refuse(disconnect_reason::same_name);
  if (known != 0) {
    const auto instance = now(known);
    if (!instance || *instance == greeting.instance) return accepted(known);
    return {greeting_verdict::kind::probe, disconnect_reason::same_identity, known, 0};
  }
  if (vouched) return accepted(namesake); // the node has a new identity: its store was deleted
  if (of != nullptr && (of->node_id.empty() || !now(dialled))) return accepted(dialled);
  if (of_operator) return accepted(0); // accept takes over the address
  const auto evicted = place_for_stranger(now, used);
  if (!evicted) return refuse(disconnect_reason::too_many);
  auto verdict = accepted(0);
  verdict.evict = *evicted;
  return verdict;
}

/// The stranger to remove for one more: 0 if there is room; empty if none can be removed.
std::optional<uint64_t> peer_registry::place_for_stranger(const connected& now,
                                                          const in_use& used) const {
  if (count(false) < most_) return 0;
  std::optional<uint64_t> oldest;
  for (const auto& [key, record] : peers_) {
    if (record.given || (used ? used(key) : now(key).has_value())) continue;
    if (!oldest || record.greeted < find(*oldest)->greeted) oldest = key;
  }
  return oldest;
}

/// The dialled address turned out to be that of the peer `key`. Returns the key of the record that
/// was removed for it; 0: none. No address that an operator gave is lost: if both peers are known
/// nodes, each keeps one address.
uint64_t peer_registry::take_dialled(uint64_t dialled, uint64_t key, std::string uri) {
  const auto found = peers_.find(dialled);
  if (dialled == key || found == peers_.end()) return 0;
  peer_record& of = found->second;
  peer_record& into = peers_[key];
  if (uri.empty()) uri = of.zmq_uri;
  if (of.zmq_uri == uri) of.zmq_uri.clear();
  std::erase(of.other_uris, uri);
  const bool gone = of.node_id.empty(); // else a known node that has left that address
  std::string before = into.given ? std::exchange(into.zmq_uri, {}) : std::string();
  into.zmq_uri = std::move(uri);
  into.given = into.given || of.given;
  if (!gone && of.zmq_uri.empty()) {
    of.zmq_uri = std::move(before);
  } else if (!before.empty()) {
    into.other_uris.push_back(std::move(before));
  }
  std::erase(into.other_uris, into.zmq_uri);
  if (!gone) {
    if (of.zmq_uri.empty() && !of.other_uris.empty()) {
      of.zmq_uri = std::move(of.other_uris.front());
      of.other_uris.erase(of.other_uris.begin());
    }
    return 0;
  }
  if (of.invites) {
    into.invites = true;
    into.all_buckets = of.all_buckets;
    into.buckets = std::move(of.buckets);
  }
  peers_.erase(found);
  return dialled;
}

peer_registry::acceptance peer_registry::accept(const greeting_verdict& verdict,
                                                const hello& greeting, uint64_t dialled,
                                                std::string_view uri) {
  acceptance done;
  if (verdict.evict != 0) peers_.erase(verdict.evict);
  done.key = verdict.key != 0 ? verdict.key : ++last_key_;
  peer_record before = peers_[done.key];
  done.merged = take_dialled(dialled, done.key, std::string(uri));
  peer_record& record = peers_[done.key];
  record.name = greeting.name;
  record.node_id = greeting.node_id;
  record.greeted = before.greeted = ++greetings_;
  // The address that a stranger gives is only displayed, never dialled.
  if (!record.given && check_zmq_uri(greeting.zmq_uri) && find_uri(greeting.zmq_uri) == 0)
    record.zmq_uri = greeting.zmq_uri;
  // The former owner of the name is listed by its address from now on.
  for (auto& [key, other] : peers_) {
    if (key == done.key || other.name != greeting.name) continue;
    other.name = other.zmq_uri.empty() ? other.node_id : name_of_uri(other.zmq_uri);
  }
  const bool forgiven = forgive(greeting.node_id);
  done.changed = forgiven || done.merged != 0 || record != before;
  return done;
}

} // namespace treadmill::replication
