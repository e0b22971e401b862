#include "net/link_serving.hpp"
#include "net/link_claims.hpp"
#include "net/replication_defaults.hpp"
#include "storage/keys.hpp"
#include <map>
#include <set>
#include <utility>

namespace treadmill::replication {

/// What becomes one `activity` frame.
struct serving::slice {
  activity frame{};
  size_t bytes = 0;
};

/// A smaller number is one of before. Only where the peer goes on with it the larger one never was
/// its own, but damaged or forged.
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

/// It may claim more for a moment, where a stream began again at 0.
bool serving::contradicted(ticks now) const {
  return claimed_since_ >= ticks(0) && now - claimed_since_ >= defaults::believed_after;
}

void serving::asked(const follow& what, ticks now) {
  if (is_late(what, now)) return;
  if (what.stream != stream_) begin(what);
  window_ = std::min(what.window, defaults::window_bytes);
  if (from_) {
    taken_ = what.taken; // held against the log with `from_`
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

/// Whether the peer's checkpoint is one of this log. Nothing taken in fits any log.
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

/// False where the rows cannot be read now.
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
    auto appended = append_entry(rows, entry, made);
    if (!appended) return tl::unexpected(appended.error());
    made.frame.through = entry.sequence;
    made.frame.chain = entry.chain;
  }
  return made;
}

namespace {

/// Everything that an older entry brought is in the ancestry of the one leaf that there is.
bool superseded(const activity_entry& logged, const document_row& row, const revision_tree& tree) {
  return row.sequence > logged.sequence && tree.leaves().size() == 1;
}

/// The revisions that an entry tells of: its own, and in place of those older ones that it lets be
/// left out, which told of the one leaf, that leaf, since its name does not say what it is.
std::vector<revision> told_by(const activity_entry& logged, const document_row& row,
                              const revision_tree& tree) {
  std::vector<revision> told = logged.changes;
  const auto leaves = tree.leaves();
  if (row.sequence != logged.sequence || leaves.size() != 1 || !leaves.front().elsewhere())
    return told;
  if (std::find(told.begin(), told.end(), leaves.front().rev) == told.end())
    told.push_back(leaves.front().rev);
  return told;
}

peer_change change_of(const revision& rev, const revision_tree& tree) {
  peer_change change;
  change.rev = rev;
  const revision_tree::node* node = tree.find(rev);
  if (node == nullptr) {   // older than what is at hand: it is asked for
    change.foreign = true; // nothing is told of it
    return change;
  }
  change.parent = node->parent;
  change.deleted = node->deleted;
  change.foreign = node->foreign;
  return change;
}

} // namespace

/// Adds an entry, unless a later one has superseded it.
result<bool> serving::append_entry(const row_view& rows, const activity_entry& logged,
                                   slice& made) const {
  auto found = read_document(rows, bucket_.number, logged.id);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return fail(ec::corrupt, "an activity entry without its document");
  const document_row& row = (*found)->row;
  const auto tree = row.tree();
  if (!tree) return tl::unexpected(tree.error());
  if (superseded(logged, row, *tree)) return false;
  peer_entry entry;
  entry.sequence = logged.sequence;
  entry.id = logged.id;
  for (const revision& rev : told_by(logged, row, *tree)) {
    peer_change change = change_of(rev, *tree);
    if (const auto* node = tree->find(rev); node != nullptr && node->leaf && node->elsewhere()) {
      const auto claim = claim_of_leaf(rows, bucket_.number, logged.id, row, *node);
      if (!claim) return tl::unexpected(claim.error());
      change.claim = *claim;
    }
    // What came from a third node has most likely come from there to the peer, too.
    if (!logged.from_peer && rev == row.winner && !row.deleted &&
        row.body.size() <= defaults::inline_bytes) {
      change.body = std::string(row.body);
    }
    entry.changes.push_back(std::move(change));
  }
  if (digests_ && row.sequence == logged.sequence) {
    const auto digest = digest_of(rows, bucket_.number, logged.id, row, *tree);
    if (!digest) return tl::unexpected(digest.error());
    entry.digest = *digest;
  }
  made.bytes += window_share(entry);
  made.frame.entries.push_back(std::move(entry));
  return true;
}

// Documents
// -------------------------------------------------------------------------------------------------

namespace {

/// The leaves that the peer says it has.
class peer_leaves {
public:
  explicit peer_leaves(const want::wanted& asked) : own_(asked.leaves.begin(), asked.leaves.end()) {
    for (const want::claimed_leaf& leaf : asked.elsewhere) elsewhere_[leaf.rev] = leaf.claim;
  }
  bool has_named(const revision& rev) const { return own_.count(rev) != 0; }
  bool has_claimed(const revision_tree::node& leaf, std::string_view body) const {
    if (!leaf.elsewhere()) return false;
    const auto found = elsewhere_.find(leaf.rev);
    return found != elsewhere_.end() && found->second == claim_of(leaf.parent, false, body);
  }

private:
  std::set<revision> own_;
  std::map<revision, hash128> elsewhere_{};
};

/// Adds up what of the document the peer has not got. A document that is not there is sent without
/// a tree.
result<documents::sent> document_for(const row_view& rows, uint32_t bucket,
                                     const want::wanted& asked) {
  documents::sent made;
  made.id = asked.id;
  auto found = read_document(rows, bucket, asked.id);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return made;
  auto tree = read_tree(rows, bucket, asked.id, (*found)->row);
  if (!tree) return tl::unexpected(tree.error());
  made.tree = tree->encode();
  size_t inlined = 0;
  const peer_leaves known(asked);
  for (const revision_tree::node& leaf : tree->leaves()) {
    if (leaf.deleted || known.has_named(leaf.rev)) continue;
    auto body = read_leaf_body(rows, bucket, asked.id, (*found)->row, leaf.rev);
    if (!body) return tl::unexpected(body.error());
    if (!*body) return fail(ec::corrupt, "a leaf without its body");
    if (known.has_claimed(leaf, **body)) continue;
    documents::sent_body sent;
    sent.rev = leaf.rev;
    sent.size = (*body)->size();
    inlined += sent.size;
    if (inlined <= defaults::documents_bytes) sent.body = std::move(**body);
    made.bodies.push_back(std::move(sent));
  }
  return made;
}

size_t bytes_of(const documents::sent& item) {
  size_t bytes = item.id.size() + item.tree.size() + 32;
  for (const documents::sent_body& body : item.bodies)
    bytes += 48 + (body.body ? body.body->size() : 0);
  return bytes;
}

} // namespace

void serve_documents(link_context& shared, const bucket_info& bucket, const want& asked) {
  // A snapshot: the rows of a document have to belong together.
  const auto rows = shared.rows->synced();
  documents answer;
  answer.bucket = bucket.name;
  size_t bytes = 0;
  for (const want::wanted& item : asked.documents) {
    auto made = document_for(*rows, bucket.number, item);
    if (!made) break; // the peer asks again
    bytes += bytes_of(*made);
    answer.items.push_back(std::move(*made));
    if (bytes >= defaults::documents_bytes) break;
  }
  if (!answer.items.empty()) shared.send(std::move(answer));
}

void serve_part(link_context& shared, const bucket_info& bucket, const want_part& asked) {
  const auto rows = shared.rows->synced();
  const auto found = read_document(*rows, bucket.number, asked.id);
  if (!found) return;
  part answer;
  answer.bucket = bucket.name;
  answer.id = asked.id;
  answer.rev = asked.rev;
  answer.offset = asked.offset;
  if (*found) {
    const auto body = read_leaf_body(*rows, bucket.number, asked.id, (*found)->row, asked.rev);
    if (!body) return;
    if (*body && asked.offset <= (*body)->size()) {
      answer.size = (*body)->size();
      answer.bytes = (*body)->substr(asked.offset, defaults::part_bytes);
    }
  }
  if (answer.size == 0) answer.offset = 0;
  shared.send(std::move(answer));
}

} // namespace treadmill::replication
