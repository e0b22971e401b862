#include "tests/simulation/disk_reader.hpp"
#include <algorithm>
#include <openssl/sha.h>

namespace treadmill::simulation {

namespace {

/// Takes bytes from the front of a value; `ok` is false after the first that is not there.
class value_reader {
public:
  explicit value_reader(std::string_view in) : in_(in) {}
  bool ok() const { return ok_; }
  bool empty() const { return in_.empty(); }
  void fail() { ok_ = false; }
  std::string_view rest() { return std::exchange(in_, {}); }

  uint64_t number() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = next();
      value |= uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    ok_ = false;
    return value;
  }
  uint8_t next() {
    if (in_.empty()) {
      ok_ = false;
      return 0;
    }
    const auto byte = static_cast<uint8_t>(in_.front());
    in_.remove_prefix(1);
    return byte;
  }
  std::string_view take(size_t size) {
    if (size > in_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = in_.substr(0, size);
    in_.remove_prefix(size);
    return taken;
  }
  hash_bytes hash() {
    const std::string_view taken = take(16);
    return ok_ ? hash_bytes(taken) : hash_bytes(16, '\0');
  }
  std::string_view text() { return take(static_cast<size_t>(number())); }
  rev_id rev(uint64_t edits, bool is_text) {
    return {static_cast<uint32_t>(edits), is_text ? std::string(text()) : hex_of(take(16))};
  }

private:
  std::string_view in_;
  bool ok_ = true;
};

std::string big_endian(uint64_t value, size_t bytes) {
  std::string out(bytes, '\0');
  for (size_t i = bytes; i-- > 0; value >>= 8) out[i] = static_cast<char>(value & 0xff);
  return out;
}

std::string key_of(uint32_t bucket, char kind, std::string_view rest = {}) {
  return "\x10" + big_endian(bucket, 4) + kind + std::string(rest);
}

constexpr size_t prefix_bytes = 6;

} // namespace

std::string to_text(const rev_id& rev) {
  return rev.first == 0 ? std::string() : "rev" + std::to_string(rev.first) + "-" + rev.second;
}

std::optional<rev_id> rev_of(std::string_view text) {
  const size_t dash = text.find('-');
  if (text.substr(0, 3) != "rev" || dash == std::string_view::npos) return std::nullopt;
  return rev_id{static_cast<uint32_t>(std::stoul(std::string(text.substr(3, dash - 3)))),
                std::string(text.substr(dash + 1))};
}

hash_bytes hash_of(const std::vector<std::string_view>& parts) {
  std::string all;
  for (const std::string_view part : parts) {
    std::string length = big_endian(part.size(), 8);
    std::reverse(length.begin(), length.end());
    all += length;
    all += part;
  }
  unsigned char full[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), full);
  return {reinterpret_cast<const char*>(full), 16};
}

std::string hex_of(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    out += "0123456789abcdef"[static_cast<uint8_t>(byte) >> 4];
    out += "0123456789abcdef"[static_cast<uint8_t>(byte) & 15];
  }
  return out;
}

rev_id rev_of_edit(const rev_id& parent, bool deleted, std::string_view body) {
  return {parent.first + 1, hex_of(hash_of({to_text(parent), deleted ? "1" : "0", body}))};
}

rev_id displaced(const rev_id& child, const rev_id& parent) {
  return {parent.first + 1, "displaced-" + hex_of(hash_of({to_text(child), to_text(parent)}))};
}

bool tree_node::elsewhere() const {
  return foreign || rev.second.size() != 32 ||
         rev.second.find_first_not_of("0123456789abcdef") != std::string::npos;
}

hash_bytes sum(const hash_bytes& a, const hash_bytes& b) {
  hash_bytes made(16, '\0');
  unsigned carry = 0;
  for (size_t i = 16; i-- > 0; carry >>= 8) {
    carry += static_cast<uint8_t>(a[i]);
    carry += static_cast<uint8_t>(b[i]);
    made[i] = static_cast<char>(carry & 0xff);
  }
  return made;
}

hash_bytes chain_after(const hash_bytes& before, std::string_view id,
                       const std::vector<rev_id>& changes) {
  std::string lines;
  for (const rev_id& rev : changes) lines += to_text(rev) + "\n";
  return hash_of({before, id, lines});
}

const tree_node* document_facts::find(const rev_id& rev) const {
  const auto at =
      std::lower_bound(nodes.begin(), nodes.end(), rev,
                       [](const tree_node& node, const rev_id& r) { return node.rev > r; });
  return at != nodes.end() && at->rev == rev ? &*at : nullptr;
}

bool document_facts::same(const document_facts& other) const {
  return nodes == other.nodes && winner == other.winner && deleted == other.deleted &&
         conflicts == other.conflicts && bodies == other.bodies;
}

// Rows
// -------------------------------------------------------------------------------------------------

namespace {

/// A node as it is encoded: its parent may be named by its distance.
bool read_node(value_reader& in, std::vector<tree_node>& nodes, std::vector<uint64_t>& distances) {
  const uint8_t flags = in.next();
  tree_node node;
  node.deleted = (flags & 0x01) != 0;
  node.foreign = (flags & 0x02) != 0;
  uint64_t number = nodes.empty() ? 0 : nodes.back().rev.first - 1;
  if ((flags & 0x08) != 0) {
    number = in.number();
    if (!nodes.empty()) number = nodes.back().rev.first - number;
  }
  node.rev = in.rev(number, (flags & 0x04) != 0);
  uint64_t distance = 0;
  if ((flags & 0x30) == 0x10) distance = 1;
  if ((flags & 0x30) == 0x20) distance = in.number();
  if ((flags & 0x30) == 0x30) {
    const uint64_t edits = in.number();
    const uint8_t length = in.next();
    node.parent = {static_cast<uint32_t>(number - edits),
                   length == 0 ? hex_of(in.take(16)) : std::string(in.take(length))};
  }
  nodes.push_back(std::move(node));
  distances.push_back(distance);
  return in.ok();
}

bool read_nodes(std::string_view bytes, std::vector<tree_node>& nodes) {
  value_reader in(bytes);
  std::vector<tree_node> read;
  std::vector<uint64_t> distances;
  while (!in.empty())
    if (!read_node(in, read, distances)) return false;
  for (size_t i = 0; i < read.size(); ++i) {
    if (distances[i] == 0) continue;
    if (i + distances[i] >= read.size()) return false;
    read[i].parent = read[i + static_cast<size_t>(distances[i])].rev;
  }
  nodes.insert(nodes.end(), read.begin(), read.end());
  return true;
}

/// Recent and older part together: in order, each once, with the leaves told anew.
bool join_nodes(std::vector<tree_node>& nodes) {
  std::sort(nodes.begin(), nodes.end(), [](const tree_node& a, const tree_node& b) {
    return a.rev != b.rev ? a.rev > b.rev : a.parent > b.parent;
  });
  const auto last = std::unique(nodes.begin(), nodes.end(),
                                [](const auto& a, const auto& b) { return a.rev == b.rev; });
  nodes.erase(last, nodes.end());
  std::map<rev_id, tree_node*> by_rev;
  for (tree_node& node : nodes) by_rev[node.rev] = &node;
  for (const tree_node& node : nodes) {
    const auto parent = by_rev.find(node.parent);
    if (parent != by_rev.end()) parent->second->leaf = false;
  }
  return std::none_of(nodes.begin(), nodes.end(),
                      [](const tree_node& node) { return !node.leaf && node.deleted; });
}

/// Reads a document's row; true: it has older ancestry.
bool read_document(std::string_view bytes, document_facts& made, std::string& problem) {
  value_reader in(bytes);
  const uint64_t flags = in.number();
  made.sequence = in.number();
  const uint64_t number = in.number();
  made.winner = in.rev(number, (flags & 32) != 0);
  made.deleted = (flags & 1) != 0;
  made.conflicts = (flags & 2) != 0;
  if ((flags & 8) != 0) {
    if (!read_nodes(in.text(), made.nodes)) problem = "a tree that cannot be read";
  } else {
    made.nodes.push_back({made.winner, {}, made.deleted, true, (flags & 16) != 0});
  }
  if (!made.deleted) made.bodies[made.winner] = std::string(in.rest());
  if (!in.ok()) problem = "a document that cannot be read";
  return (flags & 4) != 0;
}

entry_facts read_entry(std::string_view bytes, std::string& problem) {
  value_reader in(bytes);
  entry_facts made;
  const uint64_t flags = in.number();
  made.deleted = (flags & 1) != 0;
  made.from_peer = (flags & 2) != 0;
  made.chain = in.hash();
  made.id = std::string(in.text());
  while (in.ok() && !in.empty()) {
    const uint64_t number = in.number();
    made.changes.push_back(in.rev(number >> 1, (number & 1) != 0));
  }
  if (!in.ok()) problem = "an entry that cannot be read";
  return made;
}

checkpoint_facts read_checkpoint(std::string_view bytes) {
  value_reader in(bytes);
  checkpoint_facts made;
  made.log_id = in.hash();
  made.sequence = in.number();
  made.chain = in.hash();
  return made;
}

/// Rows of documents that lie beside the document's own.
struct side_rows {
  std::map<std::string, std::string> older{};
  std::map<std::string, std::map<rev_id, std::string>> losing{};
  std::map<std::string, bool> conflicts{};
  std::map<std::string, bool> has_older{};
};

void read_row(std::string_view key, std::string_view value, bucket_facts& made, side_rows& beside) {
  std::string rest(key.substr(prefix_bytes));
  switch (key[prefix_bytes - 1]) {
  case 0x01: {
    document_facts& document = made.documents[rest];
    beside.has_older[rest] = read_document(value, document, made.problem);
    break;
  }
  case 0x02: {
    const size_t end = rest.find('\0');
    const auto rev = rev_of(rest.substr(end + 1));
    if (!rev) {
      made.problem = "a losing body without a revision";
      break;
    }
    beside.losing[rest.substr(0, end)][*rev] = std::string(value);
    break;
  }
  case 0x03: beside.older[rest] = std::string(value); break;
  case 0x04:
    if (rest != big_endian(made.log.size() + 1, 8)) made.problem = "the log has a gap";
    made.log.push_back(read_entry(value, made.problem));
    break;
  case 0x07: beside.conflicts[rest] = true; break;
  case 0x08: made.checkpoints[rest] = read_checkpoint(value); break;
  default: break;
  }
}

void join(bucket_facts& made, side_rows& beside) {
  for (auto& [id, document] : made.documents) {
    if (beside.has_older[id]) {
      const auto older = beside.older.find(id);
      if (older == beside.older.end() || !read_nodes(older->second, document.nodes))
        made.problem = id + " lacks its older ancestry";
      beside.older.erase(id);
    }
    if (!join_nodes(document.nodes)) made.problem = id + " has a tombstone with children";
    for (auto& [rev, body] : beside.losing[id]) document.bodies[rev] = std::move(body);
    beside.losing.erase(id);
    if ((beside.conflicts.erase(id) != 0) != document.conflicts)
      made.problem = id + " has a wrong mark of conflicts";
  }
  if (!beside.older.empty() || !beside.losing.empty() || !beside.conflicts.empty())
    made.problem = "a row of no document";
}

} // namespace

std::optional<std::pair<uint32_t, hash_bytes>> find_bucket(const disk& rows,
                                                           std::string_view name) {
  const std::string* bytes = rows.read_synced("\x02" + std::string(name));
  if (bytes == nullptr) return std::nullopt;
  value_reader in(*bytes);
  const auto number = static_cast<uint32_t>(in.number());
  return std::pair{number, in.hash()};
}

bool is_left(const disk& rows, std::string_view name) {
  return rows.read_synced("\x04" + std::string(name)) != nullptr;
}

state_facts read_state(const disk& rows, uint32_t bucket) {
  state_facts made;
  const std::string* bytes = rows.read_synced(key_of(bucket, 0x00));
  if (bytes == nullptr) return made;
  value_reader in(*bytes);
  made.sequence = in.number();
  made.chain = in.hash();
  made.digest = in.hash();
  made.documents = in.number();
  made.deleted = in.number();
  made.conflicts = in.number();
  made.queries = in.number();
  return made;
}

std::optional<checkpoint_facts> read_checkpoint(const disk& rows, uint32_t bucket,
                                                std::string_view peer) {
  const std::string* bytes = rows.read_latest(key_of(bucket, 0x08, peer));
  if (bytes == nullptr) return std::nullopt;
  return read_checkpoint(*bytes);
}

std::optional<entry_facts> read_entry(const disk& rows, uint32_t bucket, uint64_t sequence) {
  const std::string* bytes = rows.read_synced(key_of(bucket, 0x04, big_endian(sequence, 8)));
  if (bytes == nullptr) return std::nullopt;
  std::string problem;
  entry_facts made = read_entry(*bytes, problem);
  if (!problem.empty()) return std::nullopt;
  return made;
}

std::optional<bucket_facts> read_bucket(const disk& rows, std::string_view name, bool durable) {
  const auto found = find_bucket(rows, name);
  if (!found) return std::nullopt;
  bucket_facts made;
  made.log_id = found->second;
  made.state = read_state(rows, found->first);
  side_rows beside;
  const auto each = [&](std::string_view key, std::string_view value) {
    read_row(key, value, made, beside);
    return true;
  };
  const std::string from = key_of(found->first, 0x00);
  const std::string to = key_of(found->first, '\xff');
  durable ? rows.scan_synced(from, to, each) : rows.scan_latest(from, to, each);
  join(made, beside);
  return made;
}

} // namespace treadmill::simulation
