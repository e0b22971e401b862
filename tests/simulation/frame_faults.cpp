#include "tests/simulation/frame_faults.hpp"
#include "net/replication/peer_frames.hpp"
#include "net/replication/replication_defaults.hpp"
#include <algorithm>
#include <sstream>

namespace treadmill::simulation {

namespace {

using replication::activity;
using replication::bucket_digests;
using replication::documents;
using replication::fetch_documents;
using replication::fetch_part;
using replication::follow;
using replication::goodbye;
using replication::hello;
using replication::leave;
using replication::part;
using replication::peer_change;

/// Puts one fault into one frame; true where the frame is of a kind that can have it.
struct spoiler {
  fault what = fault::none;
  random_source& random;
  const std::function<std::optional<hash_bytes>(const std::string&, uint64_t)>& chain;

  bool operator()(hello&) const { return false; }
  bool operator()(goodbye&) const { return false; }
  bool operator()(leave&) const { return false; }
  bool operator()(fetch_part&) const { return what == fault::requests_dropped; }
  bool operator()(fetch_documents&) const { return what == fault::requests_dropped; }

  bool operator()(bucket_digests& x) const {
    if (x.buckets.empty()) return false;
    bucket_digests::item& item = x.buckets[random.below(x.buckets.size())];
    switch (what) {
    case fault::digests_too_high: item.sequence += 1 + random.below(50); return true;
    case fault::digests_of_another_log: item.log_id[3] ^= 1; return true;
    case fault::wrong_digest: item.digest[5] ^= 1; return true;
    default: return false;
    }
  }

  bool operator()(follow& x) const {
    switch (what) {
    case fault::requests_dropped: return true;
    case fault::taken_too_high: x.taken += 1 + random.below(100); return true;
    case fault::window_closed: x.window = 0; return true;
    case fault::wrong_stream: x.stream += 1 + random.below(3); return true;
    case fault::checkpoint_changed: x.from.chain[7] ^= 1; return x.from.sequence > 0;
    case fault::any_checkpoint_fits: return let_fit(x);
    default: return false;
    }
  }
  /// Gives the checkpoint the chain value that the log has there.
  bool let_fit(follow& x) const {
    const auto value = chain(x.bucket, x.from.sequence);
    if (!value) return false;
    std::copy(value->begin(), value->end(), reinterpret_cast<char*>(x.from.chain.data()));
    return true;
  }

  bool operator()(activity& x) const {
    switch (what) {
    case fault::answers_dropped: return true;
    case fault::wrong_stream: x.stream += 1 + random.below(3); return true;
    case fault::after_shifted: return shift_after(x);
    case fault::through_shifted: x.through += 1 + random.below(5); return true;
    case fault::last_chain_changed: x.chain[0] ^= 1; return x.through > x.after;
    case fault::log_id_changed: x.log_id[0] ^= 1; return true;
    case fault::restart_told: x.restart = true; return true;
    default: break;
    }
    if (x.entries.empty()) return false;
    if (what == fault::claims_not_told) {
      for (auto& entry : x.entries)
        for (peer_change& one : entry.changes) one.claim.reset();
      return true;
    }
    const size_t at = random.below(x.entries.size());
    if (what == fault::entry_left_out) {
      x.entries.erase(x.entries.begin() + static_cast<std::ptrdiff_t>(at));
      return true;
    }
    return change(x.entries[at].changes[random.below(x.entries[at].changes.size())]);
  }
  bool shift_after(activity& x) const {
    if (x.after > 0 && random.chance(500)) {
      --x.after;
      return true;
    }
    if (x.after == x.through || (!x.entries.empty() && x.entries.front().sequence <= x.after + 1))
      return false;
    ++x.after;
    return true;
  }
  bool change(peer_change& x) const {
    switch (what) {
    case fault::body_changed:
      if (!x.body) return false;
      x.body = R"({"lie":1})";
      return true;
    case fault::parent_changed:
      if (x.parent.empty() || (!x.body && !x.deleted)) return false;
      x.parent = revision(x.parent.number(), hash128{1, 2, 3});
      return true;
    case fault::deleted_changed:
      x.deleted = !x.deleted;
      if (x.deleted)
        x.body.reset();
      else
        x.body = "{}";
      return true;
    case fault::changes_told_as_known:
      if (x.parent.empty()) return false;
      x.rev = x.parent;
      x.parent = {};
      x.body.reset();
      x.deleted = false;
      return true;
    default: return false;
    }
  }

  bool operator()(documents& x) const {
    if (what == fault::answers_dropped) return true;
    if (x.items.empty()) return false;
    documents::sent& item = x.items[random.below(x.items.size())];
    switch (what) {
    case fault::document_body_changed:
      if (item.bodies.empty() || !item.bodies.front().body) return false;
      item.bodies.front().body = R"({"lie":2})";
      item.bodies.front().size = item.bodies.front().body->size();
      return true;
    case fault::tree_damaged:
      if (item.tree.empty()) return false;
      item.tree.resize(item.tree.size() - 1);
      return true;
    default: return false;
    }
  }

  bool operator()(part& x) const {
    if (what == fault::answers_dropped) return true;
    if (what != fault::part_changed || x.bytes.empty()) return false;
    x.bytes[x.bytes.size() / 2] ^= 1;
    return true;
  }
};

} // namespace

bool frame_faults::spoil_bytes(std::string& frame) {
  switch (what_) {
  case fault::bits_flipped:
    frame[random_.below(frame.size())] ^= static_cast<char>(1U << random_.below(8));
    return true;
  case fault::frames_cut: frame.resize(random_.below(frame.size())); return true;
  case fault::wrong_session: frame[3 + random_.below(8)] ^= 1; return true;
  case fault::frames_replayed:
    if (kept_.empty() || random_.chance(200)) kept_ = frame;
    frame = kept_;
    return true;
  default: return false;
  }
}

bool frame_faults::spoil(size_t to, std::string& frame) {
  if (spoil_bytes(frame)) return true;
  auto opened = replication::decode_frame(frame, replication::defaults::frame_bytes);
  if (!opened) return false;
  const std::function<std::optional<hash_bytes>(const std::string&, uint64_t)> chain =
      [&](const std::string& bucket, uint64_t sequence) { return chains_(to, bucket, sequence); };
  if (!std::visit(spoiler{what_, random_, chain}, opened->content)) return false;
  const bool lost = what_ == fault::requests_dropped || what_ == fault::answers_dropped;
  frame = lost ? std::string() : encode_frame(*opened, false);
  return true;
}

// Traces
// -------------------------------------------------------------------------------------------------

namespace {

struct describer {
  std::ostringstream& out;

  static std::string text(const checkpoint& at) {
    return std::to_string(at.sequence) + "@" + to_hex(at.log_id).substr(0, 6) + "/" +
           to_hex(at.chain).substr(0, 6);
  }
  void operator()(const hello& x) const {
    out << "hello of " << x.node_id << " session " << std::hex << x.session << std::dec
        << (x.invites ? " invites" : "");
  }
  void operator()(const goodbye& x) const { out << "goodbye: " << to_string(x.why); }
  void operator()(const bucket_digests& x) const {
    out << "digests" << (x.complete ? " (all)" : "");
    for (const auto& item : x.buckets)
      out << " " << item.bucket << "=" << item.sequence << "@" << to_hex(item.log_id).substr(0, 6)
          << " digest " << to_hex(item.digest).substr(0, 6);
  }
  void operator()(const follow& x) const {
    out << "follow " << x.bucket << " stream " << x.stream << " from " << text(x.from) << " taken "
        << x.taken << " window " << x.window;
  }
  void operator()(const leave& x) const { out << "leave " << x.bucket; }
  void operator()(const activity& x) const {
    out << "activity " << x.bucket << " stream " << x.stream << " (" << x.after << "," << x.through
        << "] of " << x.last << " @" << to_hex(x.log_id).substr(0, 6) << "/"
        << to_hex(x.chain).substr(0, 6) << (x.restart ? " restart" : "");
    for (const auto& entry : x.entries) {
      out << " [" << entry.sequence << " " << entry.id;
      for (const auto& change : entry.changes)
        out << " " << change.rev.text().substr(0, 12) << " of "
            << change.parent.text().substr(0, 12) << (change.deleted ? " deleted" : "")
            << (change.foreign ? " foreign" : "") << (change.body ? " with body" : "")
            << (change.claim ? " " + to_hex(*change.claim).substr(0, 6) : "");
      out << "]";
    }
  }
  void operator()(const fetch_documents& x) const {
    out << "fetch_documents " << x.bucket;
    for (const auto& item : x.documents)
      out << " " << item.id << "(" << item.leaves.size() << "+" << item.elsewhere.size() << ")";
  }
  void operator()(const documents& x) const {
    out << "documents " << x.bucket;
    for (const auto& item : x.items) {
      out << " [" << item.id << " tree of " << item.tree.size() << " bytes";
      for (const auto& body : item.bodies)
        out << " " << body.rev.text().substr(0, 12) << ":" << body.size
            << (body.body ? "" : " in parts");
      out << "]";
    }
  }
  void operator()(const fetch_part& x) const {
    out << "fetch_part " << x.bucket << "/" << x.id << " from " << x.offset;
  }
  void operator()(const part& x) const {
    out << "part " << x.bucket << "/" << x.id << " from " << x.offset << " of " << x.size;
  }
};

} // namespace

std::string describe_frame(const std::string& bytes) {
  const auto opened = replication::decode_frame(bytes, replication::defaults::frame_bytes);
  if (!opened) return "no frame";
  std::ostringstream out;
  out << "to " << std::hex << opened->session << std::dec << ": ";
  std::visit(describer{out}, opened->content);
  return out.str();
}

} // namespace treadmill::simulation
