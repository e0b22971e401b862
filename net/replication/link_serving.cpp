#include "net/replication/link_serving.hpp"
#include "net/replication/link_claims.hpp"
#include "net/replication/replication_defaults.hpp"
#include "storage/engine/keys.hpp"
#include <map>
#include <set>
#include <utility>

namespace treadmill::replication {

/// The content of one `activity` frame.
struct serving::slice {
  activity frame{};
  size_t bytes = 0;
  /// The document of the previous entry: consecutive entries often concern the same one.
  std::string id{};
  stored_document document{};
  revision_tree tree{};
};

/// A smaller stream number means a delayed frame. If the peer keeps using it, the larger number
/// never was the peer's: that frame was damaged or forged.
bool serving::is_late(const follow& what, ticks now) {
  if (what.stream >= stream_) {
    late_since_ = ticks(-1);
    return false;
  }
  if (late_since_ < ticks(0)) late_since_ = now;
  if (now - late_since_ < defaults::believed_after) return true;
  late_since_ = ticks(-1);
  return false;
}

/// A peer may acknowledge more for a moment after a stream started again at 0.
bool serving::contradicted(ticks now) const {
  return claimed_since_ >= ticks(0) && now - claimed_since_ >= defaults::believed_after;
}

void serving::asked(const follow& what, ticks now) {
  if (is_late(what, now)) return;
  if (what.stream != stream_) begin(what);
  window_ = std::min(what.window, defaults::window_bytes);
  if (from_) {
    taken_ = what.taken; // `serve` compares it with the log, together with `from_`
    return;
  }
  if (what.taken > sent_.sequence) {
    if (claimed_since_ < ticks(0)) claimed_since_ = now;
    return;
  }
  claimed_since_ = ticks(-1);
  taken_ = std::max(taken_, what.taken);
  while (!on_their_way_.empty() && on_their_way_.front().through <= taken_) {
    bytes_on_their_way_ -= on_their_way_.front().bytes;
    on_their_way_.pop_front();
  }
}

void serving::begin(const follow& what) {
  stream_ = what.stream;
  taken_ = 0;
  claimed_since_ = ticks(-1);
  on_their_way_.clear();
  bytes_on_their_way_ = 0;
  answer_ = true;
  from_ = what.from;
  digests_ = what.digests;
}

/// Sends nothing until the peer asks again.
void serving::stop() {
  stream_ = 0;
  taken_ = 0;
  claimed_since_ = ticks(-1);
  from_.reset();
  on_their_way_.clear();
  bytes_on_their_way_ = 0;
}

/// Whether the peer's checkpoint belongs to this log. A checkpoint at 0 fits any log.
result<bool> serving::fits(const row_view& rows, const checkpoint& from,
                           const bucket_state& state) const {
  if (from.sequence == 0) return true;
  if (from.log_id != bucket_.log_id || from.sequence > state.sequence) return false;
  const auto bytes = rows.read(keys::activity(bucket_.number, from.sequence));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return false;
  const auto entry = activity_entry::decode(from.sequence, **bytes);
  return entry && entry->chain == from.chain;
}

serving::outcome serving::serve() {
  if (stream_ == 0) return outcome::done;
  const auto rows = shared_.rows->synced();
  const auto state = read_state(*rows, bucket_.number);
  if (!state) return outcome::unreadable;
  sequence_ = state->sequence;
  // The state and the documents are of one snapshot, so nothing is sent before its feature shows.
  if (shared_.beyond(*state) != 0) {
    stop();
    return outcome::withheld;
  }
  if (from_) {
    const auto fit = fits(*rows, *from_, *state);
    if (!fit) {
      problem_ = fit.error().reason;
      return outcome::unreadable;
    }
    restart_ = !*fit;
    sent_ = restart_ ? checkpoint{} : *from_;
    sent_.log_id = bucket_.log_id;
    taken_ = restart_ ? 0 : std::min(taken_, sent_.sequence);
    from_.reset();
  }
  const auto sends = [&] {
    return state->sequence > sent_.sequence && bytes_on_their_way_ < window_;
  };
  for (size_t n = 0; n < defaults::served_at_once; ++n) {
    if (!answer_ && !sends()) return outcome::done;
    if (!serve_slice(*rows, *state)) return outcome::unreadable;
  }
  return sends() ? outcome::more : outcome::done;
}

/// Returns false if the rows cannot be read now.
bool serving::serve_slice(const row_view& rows, const bucket_state& state) {
  auto made = read_slice(rows, state);
  if (!made) {
    problem_ = made.error().reason;
    return false;
  }
  problem_.clear();
  made->frame.restart = restart_;
  answer_ = false;
  sent_.sequence = made->frame.through;
  sent_.chain = made->frame.chain;
  shared_.send(std::move(made->frame));
  on_their_way_.push_back({sent_.sequence, made->bytes});
  bytes_on_their_way_ += made->bytes;
  return true;
}

result<serving::slice> serving::read_slice(const row_view& rows, const bucket_state& state) const {
  std::vector<activity_entry> logged;
  result<void> broken;
  size_t bytes = 0;
  const auto scanned =
      rows.scan(keys::activity(bucket_.number, sent_.sequence + 1),
                keys::activity(bucket_.number, state.sequence + 1),
                [&](std::string_view key, std::string_view value) {
                  auto entry = activity_entry::decode(keys::sequence_of(key), value);
                  if (!entry) broken = tl::unexpected(entry.error());
                  if (!entry) return false;
                  bytes += value.size();
                  logged.push_back(std::move(*entry));
                  return logged.size() < defaults::batch_looks && bytes < defaults::batch_bytes;
                });
  if (!scanned) return tl::unexpected(scanned.error());
  if (!broken) return tl::unexpected(broken.error());
  slice made;
  made.frame.bucket = bucket_.name;
  made.frame.stream = stream_;
  made.frame.log_id = bucket_.log_id;
  made.frame.after = made.frame.through = sent_.sequence;
  made.frame.chain = sent_.chain;
  made.frame.last = state.sequence;
  for (const activity_entry& entry : logged) {
    if (made.frame.entries.size() >= defaults::batch_entries ||
        made.bytes >= defaults::batch_bytes) {
      break;
    }
    auto appended = append(rows, entry, made);
    if (!appended) return tl::unexpected(appended.error());
    made.frame.through = entry.sequence;
    made.frame.chain = entry.chain;
  }
  return made;
}

namespace {

/// True if a later entry has superseded this one: the document has a single leaf, and its ancestry
/// contains every change of the older entry.
bool superseded(const activity_entry& logged, const document_row& row, const revision_tree& tree) {
  return row.sequence > logged.sequence && tree.leaf_count() == 1;
}

/// The revisions that an entry announces: its own changes and, if the document has a single leaf,
/// that leaf. The entry that announced the leaf may be superseded and not sent, because an ancestor
/// of the leaf or another claim about it arrived after the leaf.
std::vector<revision> told_by(const activity_entry& logged, const document_row& row,
                              const revision_tree& tree) {
  std::vector<revision> told = logged.changes;
  if (row.sequence != logged.sequence || tree.leaf_count() != 1) return told;
  const revision& leaf = tree.winner()->rev;
  if (std::find(told.begin(), told.end(), leaf) == told.end()) told.push_back(leaf);
  return told;
}

peer_change change_of(const revision& rev, const revision_tree& tree) {
  peer_change change;
  change.rev = rev;
  const revision_tree::node* node = tree.find(rev);
  if (node == nullptr) {   // older than the tree in the row: the peer has to fetch it
    change.foreign = true; // tells the peer nothing about its origin
    return change;
  }
  change.parent = node->parent;
  change.deleted = node->deleted;
  change.foreign = node->foreign;
  return change;
}

} // namespace

/// Reads the document of an entry, unless the previous entry was about it.
result<void> serving::look_up(const row_view& rows, const activity_entry& logged,
                              slice& made) const {
  if (made.document.bytes && made.id == logged.id) return {};
  auto found = read_document(rows, bucket_.number, logged.id);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return fail(ec::corrupt, "an activity entry without its document");
  auto tree = (*found)->row.tree();
  if (!tree) return tl::unexpected(tree.error());
  made.id = logged.id;
  made.document = std::move(**found);
  made.tree = std::move(*tree);
  return {};
}

/// Adds an entry. For a document that cannot be read it adds only the names of the revisions, so
/// that the document blocks no other.
result<void> serving::append(const row_view& rows, const activity_entry& logged,
                             slice& made) const {
  auto appended = append_entry(rows, logged, made);
  if (appended || appended.error().code != ec::corrupt) return appended;
  peer_entry entry;
  entry.sequence = logged.sequence;
  entry.id = logged.id;
  for (const revision& rev : logged.changes)
    entry.changes.push_back(change_of(rev, revision_tree()));
  made.bytes += window_share(entry);
  made.frame.entries.push_back(std::move(entry));
  return {};
}

/// Adds an entry, unless a later one has superseded it.
result<void> serving::append_entry(const row_view& rows, const activity_entry& logged,
                                   slice& made) const {
  if (auto found = look_up(rows, logged, made); !found) return tl::unexpected(found.error());
  const document_row& row = made.document.row;
  const revision_tree& tree = made.tree;
  if (superseded(logged, row, tree)) return {};
  peer_entry entry;
  entry.sequence = logged.sequence;
  entry.id = logged.id;
  for (const revision& rev : told_by(logged, row, tree)) {
    // A peer that lacks one fetches the whole document.
    if (entry.changes.size() == defaults::sent_changes) break;
    peer_change change = change_of(rev, tree);
    if (const auto* node = tree.find(rev); node != nullptr && node->leaf && node->elsewhere()) {
      const auto claim = claim_of_leaf(rows, bucket_.number, logged.id, row, *node);
      if (!claim) return tl::unexpected(claim.error());
      change.claim = *claim;
    }
    // A revision from a third node has most likely reached the peer from there, too: send no body.
    if (!logged.from_peer && rev == row.winner && !row.deleted &&
        row.body.size() <= defaults::inline_bytes) {
      change.body = std::string(row.body);
    }
    entry.changes.push_back(std::move(change));
  }
  if (digests_ && row.sequence == logged.sequence) {
    const auto digest = digest_of(rows, bucket_.number, logged.id, row, tree);
    if (!digest) return tl::unexpected(digest.error());
    entry.digest = *digest;
  }
  made.bytes += window_share(entry);
  made.frame.entries.push_back(std::move(entry));
  return {};
}

} // namespace treadmill::replication
