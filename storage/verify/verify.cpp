#include "storage/verify/verify.hpp"
#include "storage/base/coding.hpp"
#include "storage/base/defaults.hpp"
#include "storage/documents/body_format.hpp"
#include "storage/documents/features.hpp"
#include "storage/documents/names.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/documents/replicated.hpp"
#include "storage/engine/checkpoint.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"
#include "storage/verify/verify_index.hpp"
#include "storage/verify/verify_maps.hpp"
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace treadmill {
namespace {

/// Bodies are checked only against the rules of JSON: a body accepted under wider limits than
/// today's is valid.
json_limits widest_limits() {
  json_limits limits;
  limits.depth = defaults::most_json_depth;
  limits.document_bytes = SIZE_MAX;
  return limits;
}

/// A row's key after the byte of its kind.
std::string_view rest_of(std::string_view key) { return key.substr(keys::document_prefix); }

std::string entry_name(uint64_t sequence) { return "_activity/" + std::to_string(sequence); }

} // namespace

/// One pass over all rows of a bucket in key order, then one pass over its documents for each
/// index.
class bucket_verifier::walk {
public:
  walk(read_view view, const bucket_info& bucket)
      : view_(std::move(view)), bucket_(bucket.number), from_(keys::bucket_begin(bucket.number)) {
    report_.bucket = bucket.name;
  }

  result<bool> advance();
  result<std::optional<part>> next_part();
  result<void> mapped(std::span<const run_rows> rows);
  void not_mapped(std::string_view why);
  const bucket_report& report() const { return report_; }

private:
  /// An index that a query's row names.
  struct served_query {
    std::string name{};
    std::string map{}; ///< empty: the definition cannot be read
    reduction how = reduction::none;
    bool met = false; ///< the scan met rows of it
  };

  void read_state();
  void read_queries();
  void note_query(std::string_view name, std::string_view value, uint32_t last_index);
  void note_index(const std::string& name, uint32_t index, const std::string& definition,
                  uint32_t last_index);
  void take(std::string_view key, std::string_view value);
  void take_document(std::string_view id, std::string_view value);
  std::optional<revision_tree> tree_of(std::string_view id, const document_row& row);
  void check_flags(std::string_view id, const document_row& row, const revision_tree& tree);
  void check_bodies(std::string_view id, const document_row& row, const revision_tree& tree);
  void count_claims(const replicated_document& document);
  void check_features(const replicated_document& document);
  void check_last_entry(std::string_view id, const document_row& row);
  void count(std::string_view id, const document_row& row, const revision_tree& tree);
  void take_losing_body(std::string_view rest);
  void take_superseded_body(std::string_view rest);
  void take_older(std::string_view id);
  void take_conflict(std::string_view id);
  void take_entry(uint64_t sequence, std::string_view value);
  void check_chain(const activity_entry& entry);
  void take_superseded(uint64_t sequence);
  void take_index(std::string_view key, std::string_view value);
  void open_index(uint32_t number);
  void close_index();
  void finish();
  void check_counts();

  void add(std::string_view below, std::string_view what) { report_.add(below, what); }
  /// Reads a row. nullopt if it cannot be read, which is reported; an inner nullopt if it does not
  /// exist.
  std::optional<std::optional<std::string>> read(const std::string& key, std::string_view below);
  /// The document that a row belongs to; nullopt if it is missing or unreadable.
  std::optional<document_row> owner(std::string_view id, const char* of);
  bool go_on(const result<void>& done, std::string_view below);

  read_view view_;
  uint32_t bucket_;
  std::string from_; ///< the next row has this key or a larger one
  bool begun_ = false;
  bucket_report report_{};
  std::optional<bucket_state> state_{};
  std::optional<error> died_{}; ///< set if the snapshot was invalidated
  bool countable_ = true;       ///< all documents so far were readable
  uint64_t next_sequence_ = 1;
  bool chain_known_ = true;                    ///< the previous entry's chain value is known
  std::map<uint32_t, served_query> queries_{}; ///< by index number; erased once its map was run
  std::optional<uint32_t> at_index_{};         ///< the index being scanned …
  std::optional<index_verifier> index_{};      ///< … if it belongs to a query
  std::optional<map_verifier> maps_{};         ///< for the first of `queries_`
  std::string owner_bytes_{};
  activity_entry entry_{};
};

result<bool> bucket_verifier::walk::advance() {
  if (!std::exchange(begun_, true)) {
    read_state();
    read_queries();
  }
  size_t rows = 0;
  size_t bytes = 0;
  bool full = false;
  std::string last;
  const auto scanned = view_.scan(from_, keys::bucket_end(bucket_),
                                  [&](std::string_view key, std::string_view value) {
                                    last = key;
                                    take(key, value);
                                    ++report_.rows;
                                    full = ++rows == defaults::verify_slice_rows ||
                                           (bytes += value.size()) >= defaults::verify_slice_bytes;
                                    return !full && !died_;
                                  });
  const bool more = scanned && full;
  if (go_on(scanned, "") && scanned && !more) finish();
  if (died_) return tl::unexpected(*died_);
  from_ = std::move(last) + '\0';
  return more;
}

/// Reports an error as a problem. False: the check cannot continue.
bool bucket_verifier::walk::go_on(const result<void>& done, std::string_view below) {
  if (done) return !died_;
  if (done.error().code == ec::overloaded) {
    died_ = done.error();
    return false;
  }
  add(below, done.error().reason);
  return true;
}

std::optional<std::optional<std::string>> bucket_verifier::walk::read(const std::string& key,
                                                                      std::string_view below) {
  auto row = view_.read(key);
  if (row) return std::move(*row);
  go_on(tl::unexpected(row.error()), below);
  return std::nullopt;
}

void bucket_verifier::walk::read_state() {
  const auto bytes = read(keys::bucket_state(bucket_), "");
  if (!bytes) return;
  const auto state = *bytes ? bucket_state::decode(**bytes) : bucket_state{};
  if (!state) return add("", state.error().reason);
  state_ = *state;
}

void bucket_verifier::walk::take(std::string_view key, std::string_view value) {
  if (key.size() < keys::document_prefix) return add("", "a key is too short");
  const std::string_view rest = rest_of(key);
  const char kind = key[keys::document_prefix - 1];
  if (kind != keys::row_kind::index) close_index();
  switch (kind) {
  case keys::row_kind::state:
    if (rest.empty()) return; // read_state
    break;
  case keys::row_kind::document: return take_document(rest, value);
  case keys::row_kind::losing_body: return take_losing_body(rest);
  case keys::row_kind::older_ancestry: return take_older(rest);
  case keys::row_kind::activity:
    if (rest.size() == sizeof(uint64_t)) return take_entry(keys::sequence_of(key), value);
    break;
  case keys::row_kind::index:
    if (key.size() >= keys::index_prefix) return take_index(key, value);
    break;
  case keys::row_kind::query: return; // read_queries
  case keys::row_kind::conflict: return take_conflict(rest);
  case keys::row_kind::checkpoint:
    if (!checkpoint::decode(value))
      add("_checkpoint/" + std::string(rest), "a stored checkpoint cannot be read");
    return;
  case keys::row_kind::superseded:
    if (rest.size() == sizeof(uint64_t)) return take_superseded(keys::sequence_of(key));
    break;
  case keys::row_kind::local: return; // any bytes
  case keys::row_kind::superseded_body: return take_superseded_body(rest);
  default:
    if (keys::row_kind::is_optional(kind)) return;
  }
  add("", "it has a row of an unknown kind");
}

// Documents
// -------------------------------------------------------------------------------------------------

void bucket_verifier::walk::take_document(std::string_view id, std::string_view value) {
  const auto row = document_row::decode(value);
  const auto tree = row ? tree_of(id, *row) : std::nullopt;
  if (!row) add(id, row.error().reason);
  if (!tree) {
    countable_ = false;
    return;
  }
  check_flags(id, *row, *tree);
  check_bodies(id, *row, *tree);
  check_last_entry(id, *row);
  count(id, *row, *tree);
}

/// The whole tree.
std::optional<revision_tree> bucket_verifier::walk::tree_of(std::string_view id,
                                                            const document_row& row) {
  auto recent = row.tree();
  if (!recent) {
    add(id, recent.error().reason);
    return std::nullopt;
  }
  if (!row.older) return std::move(*recent);
  const auto older = read(keys::older_ancestry(bucket_, id), id);
  if (!older) return std::nullopt;
  if (!*older) {
    add(id, "its older ancestry is missing");
    return std::move(*recent); // it has all leaves
  }
  auto whole = whole_tree(*recent, **older);
  if (!whole) {
    add(id, "its older ancestry cannot be read");
    return std::move(*recent);
  }
  if (whole->leaves() != recent->leaves()) add(id, "its older ancestry has leaves of its own");
  return std::move(*whole);
}

void bucket_verifier::walk::check_flags(std::string_view id, const document_row& row,
                                        const revision_tree& tree) {
  const revision_tree::node* winner = tree.winner();
  if (winner == nullptr || winner->rev != row.winner)
    return add(id, "its winner is not that of its revision tree");
  if (winner->deleted != row.deleted)
    add(id, row.deleted ? "it is marked as deleted, and its winner is live"
                        : "it is marked as live, and its winner is a tombstone");
  const bool conflicts = tree.live_leaves() > 1;
  if (row.conflicts != conflicts)
    add(id, conflicts ? "it has conflicts, and is marked as one that has none"
                      : "it is marked as one with conflicts, and has none");
  if (!conflicts) return;
  const auto mark = read(keys::conflict(bucket_, id), id);
  if (mark && !*mark) add(id, "it is missing among the conflicts");
}

void bucket_verifier::walk::check_bodies(std::string_view id, const document_row& row,
                                         const revision_tree& tree) {
  replicated_document document;
  document.id = id;
  document.tree = tree;
  for (const revision_tree::node& leaf : tree.leaves()) {
    if (leaf.deleted) continue;
    if (leaf.rev == row.winner) {
      document.bodies.push_back({leaf.rev, std::string(row.body)});
      continue;
    }
    auto body = read(keys::losing_body(bucket_, id, leaf.rev.text()), id);
    if (!body) continue;
    if (*body) {
      document.bodies.push_back({leaf.rev, std::move(**body)});
    } else {
      add(id, "the body of its conflict " + leaf.rev.text() + " is missing");
    }
  }
  count_claims(document);
  check_features(document);
  if (row.deleted && !row.body.empty()) add(id, "it is deleted, and has a body");
  static const json_limits limits = widest_limits();
  if (const auto kept = check_replicated(document, limits); !kept) add(id, kept.error().reason);
}

/// Peers that cannot carry a feature are kept away by the state alone.
void bucket_verifier::walk::check_features(const replicated_document& document) {
  uint64_t features = 0;
  for (const leaf_body& leaf : document.bodies) features |= features_of(leaf.body);
  report_.counted.features |= features;
  if (!state_) return;
  for (const std::string_view name : feature::names_of(features & ~state_->features))
    add(document.id, "it has " + std::string(name) + ", which its bucket's features lack");
}

/// Adds the claims of leaves made elsewhere to the digest.
void bucket_verifier::walk::count_claims(const replicated_document& document) {
  const auto bodies = bodies_by_revision(document);
  hash128& digest = report_.counted.digest;
  for (const revision_tree::node& leaf : document.tree.nodes()) {
    if (!leaf.leaf || !leaf.elsewhere()) continue;
    const auto body = bodies.find(leaf.rev);
    const std::string_view text = body == bodies.end() ? std::string_view() : body->second;
    digest = treadmill::add(digest, claim_digest(document.id, leaf, text));
  }
}

void bucket_verifier::walk::check_last_entry(std::string_view id, const document_row& row) {
  const std::string sequence = std::to_string(row.sequence);
  const auto bytes = read(keys::activity(bucket_, row.sequence), id);
  if (!bytes) return;
  if (!*bytes) return add(id, "its sequence " + sequence + " is not in the activity");
  if (!entry_.assign(row.sequence, **bytes)) return; // reported when the activity is read
  if (entry_.id != id) return add(id, "its sequence " + sequence + " is about another document");
  if (entry_.deleted != row.deleted)
    add(id, "the activity says at its sequence " + sequence + " that it is " +
                (row.deleted ? "live" : "deleted"));
  const auto mark = read(keys::superseded(bucket_, row.sequence), id);
  if (mark && *mark) add(id, "its sequence " + sequence + " is marked as superseded");
}

void bucket_verifier::walk::count(std::string_view id, const document_row& row,
                                  const revision_tree& tree) {
  bucket_state& counted = report_.counted;
  counted.digest = treadmill::add(counted.digest, document_digest(id, tree));
  if (tree.live_leaves() > 1) ++counted.conflicts;
  if (is_query_document(id)) {
    if (!row.deleted) ++counted.queries;
  } else {
    ++(row.deleted ? counted.deleted : counted.documents);
  }
}

// What belongs to documents
// -------------------------------------------------------------------------------------------------

std::optional<document_row> bucket_verifier::walk::owner(std::string_view id, const char* of) {
  auto bytes = read(keys::document(bucket_, id), id);
  if (!bytes) return std::nullopt;
  if (!*bytes) {
    add(id, std::string(of) + " of a document that is not there");
    return std::nullopt;
  }
  owner_bytes_ = std::move(**bytes);
  const auto row = document_row::decode(owner_bytes_);
  return row ? std::optional(*row) : std::nullopt; // reported with the document
}

void bucket_verifier::walk::take_losing_body(std::string_view rest) {
  const size_t end = std::min(rest.find('\0'), rest.size());
  const std::string_view id = rest.substr(0, end);
  const auto row = owner(id, "there is a body");
  if (!row) return;
  const auto rev = parse_revision(end < rest.size() ? rest.substr(end + 1) : std::string_view());
  const auto tree = row->tree();
  if (!tree) return; // reported with the document
  const revision_tree::node* leaf = rev ? tree->find(*rev) : nullptr;
  if (leaf == nullptr || !leaf->leaf || leaf->deleted || leaf->rev == row->winner)
    add(id, "there is a body of a revision that is no conflict");
}

void bucket_verifier::walk::take_superseded_body(std::string_view rest) {
  const size_t end = std::min(rest.find('\0'), rest.size());
  const std::string_view id = rest.substr(0, end);
  const auto row = owner(id, "there is a superseded body");
  if (!row) return;
  const auto rev = parse_revision(end < rest.size() ? rest.substr(end + 1) : std::string_view());
  const auto tree = row->tree();
  if (!tree) return; // reported with the document
  const revision_tree::node* node = rev ? tree->find(*rev) : nullptr;
  if (!rev || (node != nullptr && node->leaf))
    add(id, "there is a superseded body of a revision that is a leaf, or of none");
}

void bucket_verifier::walk::take_older(std::string_view id) {
  const auto row = owner(id, "there is older ancestry");
  if (row && !row->older) add(id, "there is older ancestry that its row does not know of");
}

void bucket_verifier::walk::take_conflict(std::string_view id) {
  const auto row = owner(id, "there is a mark of conflicts");
  if (row && !row->conflicts) add(id, "it is among the conflicts, and has none");
}

// The activity
// -------------------------------------------------------------------------------------------------

void bucket_verifier::walk::take_entry(uint64_t sequence, std::string_view value) {
  if (sequence != next_sequence_) {
    add(entry_name(sequence),
        "the entries before it are missing, from " + std::to_string(next_sequence_) + " on");
    chain_known_ = false;
  }
  next_sequence_ = sequence + 1;
  report_.counted.sequence = sequence;
  if (auto read = entry_.assign(sequence, value); !read) {
    add(entry_name(sequence), read.error().reason);
    chain_known_ = false;
    return;
  }
  check_chain(entry_);
  const auto bytes = read(keys::document(bucket_, entry_.id), entry_name(sequence));
  if (!bytes) return;
  if (!*bytes) return add(entry_name(sequence), "it is about a document that is not there");
  const auto row = document_row::decode(**bytes);
  if (row && row->sequence < sequence)
    add(entry_.id, "its sequence is " + std::to_string(row->sequence) +
                       ", and the activity has a later entry, " + std::to_string(sequence));
}

void bucket_verifier::walk::check_chain(const activity_entry& entry) {
  hash128& chain = report_.counted.chain;
  if (chain_known_ && next_chain(chain, entry.id, entry.changes) != entry.chain)
    add(entry_name(entry.sequence), "its chain value is not that of the entries up to it");
  chain = entry.chain;
  chain_known_ = true;
}

/// check_last_entry checks that no document's last entry has such a mark.
void bucket_verifier::walk::take_superseded(uint64_t sequence) {
  if (sequence >= next_sequence_)
    add(entry_name(sequence), "it is marked as superseded, and not in the activity");
}

// Indexes
// -------------------------------------------------------------------------------------------------

void bucket_verifier::walk::read_queries() {
  const auto stored = read(keys::last_index(bucket_), "");
  const auto last = stored && *stored ? decode_last_index(**stored) : result<uint32_t>(0);
  if (!last) add("", last.error().reason);
  const auto scanned =
      view_.scan_on(keys::query(bucket_, {}), keys::queries_end(bucket_),
                    [&](std::string_view key, std::string_view value) {
                      note_query(keys::query_of(key), value, last.value_or(UINT32_MAX));
                      return true;
                    });
  go_on(scanned, "");
}

void bucket_verifier::walk::note_query(std::string_view name, std::string_view value,
                                       uint32_t last_index) {
  const std::string below = query_document_id(name);
  const auto row = query_row::decode(value);
  if (!row || !check_query_name(name))
    return add(below, "a stored query cannot be read, and its indexes are not checked");
  if (row->index != 0) note_index(below, row->index, row->definition, last_index);
  if (row->next != 0) note_index(below, row->next, row->next_definition, last_index);
}

void bucket_verifier::walk::note_index(const std::string& name, uint32_t index,
                                       const std::string& definition, uint32_t last_index) {
  if (index > last_index) add(name, "its index has a number that was never assigned");
  // An unreadable definition came from elsewhere; its index has no rows.
  const auto source = parse_definition(definition);
  const reduction how = source ? reduction_of(source->reduce) : reduction::none;
  const std::string map = source ? source->map : std::string();
  if (!queries_.try_emplace(index, served_query{name, map, how}).second)
    add(name, "its index serves another query too");
  ++report_.indexes;
}

void bucket_verifier::walk::open_index(uint32_t number) {
  close_index();
  at_index_ = number;
  const auto query = queries_.find(number);
  if (query == queries_.end()) {
    const auto dead = read(keys::dead_index(bucket_, number), "");
    if (dead && !*dead)
      add("", "the rows of the index " + std::to_string(number) + " belong to no query");
    return;
  }
  query->second.met = true;
  index_.emplace(view_, index_id{bucket_, number}, query->second.name, query->second.how,
                 state_ ? state_->sequence : UINT64_MAX, report_);
}

void bucket_verifier::walk::take_index(std::string_view key, std::string_view value) {
  std::string_view bytes = rest_of(key);
  uint32_t number = 0;
  take_fixed32_be(bytes, number); // take() checked the size
  if (at_index_ != number) open_index(number);
  if (!index_) return;
  if (key[keys::index_prefix - 1] == keys::index_kind::row) ++report_.index_rows;
  go_on(index_->take(key, value), queries_.at(number).name);
}

void bucket_verifier::walk::close_index() {
  if (index_ && !died_) go_on(index_->finish(), queries_.at(index_->index().index).name);
  index_.reset();
  at_index_.reset();
}

// The end
// -------------------------------------------------------------------------------------------------

void bucket_verifier::walk::finish() {
  close_index();
  for (const auto& [number, query] : queries_)
    if (!query.met) add(query.name, "its index has no state that can be read");
  if (state_) check_counts();
}

void bucket_verifier::walk::check_counts() {
  const bucket_state& counted = report_.counted;
  const auto hold = [&](const char* what, uint64_t says, uint64_t are) {
    if (says != are)
      add("", "it counts " + std::to_string(says) + " " + what + " and has " + std::to_string(are));
  };
  if (state_->sequence != counted.sequence)
    add("", "its sequence is " + std::to_string(state_->sequence) + ", and the activity ends at " +
                std::to_string(counted.sequence));
  else if (chain_known_ && state_->chain != counted.chain)
    add("", "its chain value is not that of the last entry");
  if (!countable_) return; // the share of unreadable documents is unknown
  hold("documents", state_->documents, counted.documents);
  hold("deleted documents", state_->deleted, counted.deleted);
  hold("conflicts", state_->conflicts, counted.conflicts);
  hold("queries", state_->queries, counted.queries);
  if (state_->digest != counted.digest) add("", "its digest is not that of its documents");
}

// Maps
// -------------------------------------------------------------------------------------------------

result<std::optional<bucket_verifier::part>> bucket_verifier::walk::next_part() {
  while (!queries_.empty()) {
    const auto& [index, query] = *queries_.begin();
    if (!maps_ && query.met && !query.map.empty())
      maps_.emplace(view_, index_id{bucket_, index}, query.name, report_);
    if (maps_) {
      auto documents = maps_->next_part();
      if (!go_on(documents ? result<void>() : tl::unexpected(documents.error()), query.name))
        return tl::unexpected(*died_);
      if (documents && *documents) return part{query.map, std::move(**documents)};
    }
    maps_.reset();
    queries_.erase(queries_.begin());
  }
  return std::nullopt;
}

result<void> bucket_verifier::walk::mapped(std::span<const run_rows> rows) {
  if (!go_on(maps_->mapped(rows), queries_.begin()->second.name)) return tl::unexpected(*died_);
  return {};
}

void bucket_verifier::walk::not_mapped(std::string_view why) {
  if (maps_->has_rows())
    add(queries_.begin()->second.name, "its map cannot be run: " + std::string(why));
  maps_.reset();
  queries_.erase(queries_.begin());
}

// The check
// -------------------------------------------------------------------------------------------------

bucket_verifier::bucket_verifier(read_view snapshot, const bucket_info& bucket)
    : walk_(std::make_unique<walk>(std::move(snapshot), bucket)) {}
bucket_verifier::~bucket_verifier() = default;

result<bool> bucket_verifier::advance() { return walk_->advance(); }
result<std::optional<bucket_verifier::part>> bucket_verifier::next_part() {
  return walk_->next_part();
}
result<void> bucket_verifier::mapped(std::span<const run_rows> rows) { return walk_->mapped(rows); }
void bucket_verifier::not_mapped(std::string_view why) { walk_->not_mapped(why); }
const bucket_report& bucket_verifier::report() const { return walk_->report(); }

} // namespace treadmill
