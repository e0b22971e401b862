#include "net/replication/peer_frames.hpp"
#include "net/replication/frame_fields.hpp"
#include <memory>
#include <utility>
#include <zlib.h>
#include <zstd.h>

namespace treadmill::replication {

namespace {

constexpr uint8_t magic = 0xd7;
constexpr uint8_t compressed_flag = 1;
constexpr size_t checksum_at = 11;
constexpr size_t envelope_bytes = 15;
constexpr size_t compress_from = 512; ///< smaller payloads do not gain from compression
constexpr int compression_level = 1;

constexpr uint8_t deleted_flag = 1;
constexpr uint8_t foreign_flag = 2;
constexpr uint8_t body_flag = 4;

// Frames
// -------------------------------------------------------------------------------------------------

void put(std::string& out, const hello& x) {
  put_fixed64_be(out, x.session);
  put_fixed64_be(out, x.instance);
  put_varint(out, x.oldest);
  put_varint(out, x.newest);
  put_bytes(out, x.node_id);
  put_bytes(out, x.name);
  put_bytes(out, x.zmq_uri);
  put_flag(out, x.invites);
  put_flag(out, x.zstd);
  put_flag(out, x.all_buckets);
  put_varint(out, x.buckets.size());
  for (const std::string& bucket : x.buckets) put_bytes(out, bucket);
}

void take(fields& in, hello& x) {
  x.session = in.word();
  x.instance = in.word();
  x.oldest = in.number();
  x.newest = in.number();
  x.node_id = in.text();
  x.name = in.text();
  x.zmq_uri = in.text();
  x.invites = in.flag();
  x.zstd = in.flag();
  x.all_buckets = in.flag();
  x.buckets.resize(in.count(2));
  for (std::string& bucket : x.buckets) bucket = in.bucket();
  in.require(x.session != 0 && !x.node_id.empty() && !x.name.empty() && x.oldest <= x.newest);
}

void put(std::string& out, const goodbye& x) { out += static_cast<char>(x.why); }

void take(fields& in, goodbye& x) {
  const uint8_t why = in.byte();
  in.require(why >= 1 && why <= static_cast<uint8_t>(last_disconnect_reason));
  if (in.ok()) x.why = static_cast<disconnect_reason>(why);
}

void put(std::string& out, const bucket_digests& x) {
  put_flag(out, x.complete);
  put_varint(out, x.buckets.size());
  for (const bucket_digests::item& item : x.buckets) {
    put_bytes(out, item.bucket);
    put_hash(out, item.log_id);
    put_varint(out, item.sequence);
    put_hash(out, item.digest);
  }
}

void take(fields& in, bucket_digests& x) {
  x.complete = in.flag();
  x.buckets.resize(in.count(2 * packed_bytes + 3));
  for (bucket_digests::item& item : x.buckets) {
    item.bucket = in.bucket();
    item.log_id = in.hash();
    item.sequence = in.number();
    item.digest = in.hash();
  }
}

void put(std::string& out, const follow& x) {
  put_bytes(out, x.bucket);
  put_varint(out, x.stream);
  put_checkpoint(out, x.from);
  put_varint(out, x.taken);
  put_varint(out, x.window);
  put_flag(out, x.digests);
}

void take(fields& in, follow& x) {
  x.bucket = in.bucket();
  x.stream = in.number();
  x.from = take_checkpoint(in);
  x.taken = in.number();
  x.window = in.number();
  if (in.more()) x.digests = in.flag();
  in.require(x.stream != 0);
}

void put(std::string& out, const leave& x) { put_bytes(out, x.bucket); }
void take(fields& in, leave& x) { x.bucket = in.bucket(); }

void put(std::string& out, const peer_change& x) {
  out += static_cast<char>((x.deleted ? deleted_flag : 0) | (x.foreign ? foreign_flag : 0) |
                           (x.body ? body_flag : 0));
  put_rev(out, x.rev);
  put_rev(out, x.parent);
  if (x.body) put_bytes(out, *x.body);
}

void take(fields& in, peer_change& x) {
  const uint8_t flags = in.byte();
  x.deleted = (flags & deleted_flag) != 0;
  x.foreign = (flags & foreign_flag) != 0;
  x.rev = in.rev();
  x.parent = in.rev_or_none();
  if ((flags & body_flag) != 0) x.body = std::string(in.bytes());
  in.require(x.parent.number() < x.rev.number() && !(x.deleted && x.body));
}

/// Appends the hashes that some items of a frame have, after all other fields; each is preceded by
/// the number of items without a hash since the one before.
void put_hashes(std::string& out, const std::vector<const std::optional<hash128>*>& of) {
  std::string items;
  uint64_t count = 0;
  uint64_t between = 0;
  for (const std::optional<hash128>* one : of) {
    if (!*one) {
      ++between;
      continue;
    }
    ++count;
    put_varint(items, std::exchange(between, 0));
    put_hash(items, **one);
  }
  put_varint(out, count);
  out += items;
}

void take_hashes(fields& in, const std::vector<std::optional<hash128>*>& of) {
  if (!in.more()) return;
  uint64_t left = in.number();
  for (size_t at = 0; in.ok() && left > 0; --left, ++at) {
    const uint64_t between = in.number();
    const hash128 hash = in.hash();
    if (!in.require(between < of.size() - at)) return;
    at += static_cast<size_t>(between);
    *of[at] = hash;
  }
}

/// The claims of all changes of a frame in order, and the digests of all its entries.
template<typename Activity, typename Hash>
void collect_hashes(Activity& x, std::vector<Hash*>& claims, std::vector<Hash*>& digests) {
  for (auto& entry : x.entries) {
    digests.push_back(&entry.digest);
    for (auto& change : entry.changes) claims.push_back(&change.claim);
  }
}

/// Sequences are encoded as differences, because most are 1.
void put(std::string& out, const activity& x) {
  put_bytes(out, x.bucket);
  put_varint(out, x.stream);
  put_hash(out, x.log_id);
  put_flag(out, x.restart);
  put_varint(out, x.after);
  put_varint(out, x.through - x.after);
  put_hash(out, x.chain);
  put_varint(out, x.last);
  put_varint(out, x.entries.size());
  uint64_t before = x.after;
  for (const peer_entry& entry : x.entries) {
    put_varint(out, entry.sequence - before);
    before = entry.sequence;
    put_bytes(out, entry.id);
    put_varint(out, entry.changes.size());
    for (const peer_change& change : entry.changes) put(out, change);
  }
  std::vector<const std::optional<hash128>*> claims;
  std::vector<const std::optional<hash128>*> digests;
  collect_hashes(x, claims, digests);
  put_hashes(out, claims);
  put_hashes(out, digests);
}

/// No sequence comes near 2^63; the bound prevents additions from wrapping.
constexpr uint64_t most_sequence = uint64_t{1} << 62;

void take(fields& in, activity& x) {
  x.bucket = in.bucket();
  x.stream = in.number();
  x.log_id = in.hash();
  x.restart = in.flag();
  x.after = in.number();
  const uint64_t length = in.number();
  x.chain = in.hash();
  x.last = in.number();
  if (!in.require(x.after <= most_sequence && length <= most_sequence && x.last <= most_sequence &&
                  x.after + length <= x.last))
    return;
  x.through = x.after + length;
  x.entries.resize(in.count(4));
  uint64_t before = x.after;
  for (peer_entry& entry : x.entries) {
    const uint64_t step = in.number();
    if (!in.require(step > 0 && step <= x.through - before)) return;
    entry.sequence = before += step;
    entry.id = in.id();
    entry.changes.resize(in.count(3));
    for (peer_change& change : entry.changes) take(in, change);
    in.require(!entry.changes.empty());
    if (!in.ok()) return;
  }
  std::vector<std::optional<hash128>*> claims;
  std::vector<std::optional<hash128>*> digests;
  collect_hashes(x, claims, digests);
  take_hashes(in, claims);
  take_hashes(in, digests);
}

void put(std::string& out, const fetch_documents& x) {
  put_bytes(out, x.bucket);
  put_varint(out, x.documents.size());
  for (const fetch_documents::item& item : x.documents) {
    put_bytes(out, item.id);
    put_varint(out, item.leaves.size());
    for (const revision& rev : item.leaves) put_rev(out, rev);
  }
  for (const fetch_documents::item& item : x.documents) {
    put_varint(out, item.elsewhere.size());
    for (const fetch_documents::claimed_leaf& leaf : item.elsewhere) {
      put_rev(out, leaf.rev);
      put_hash(out, leaf.claim);
    }
  }
  if (!x.in_parts) return;
  put_varint(out, x.documents.size());
  for (const fetch_documents::item& item : x.documents) put_rev(out, item.after);
}

void take(fields& in, fetch_documents& x) {
  x.bucket = in.bucket();
  x.documents.resize(in.count(3));
  for (fetch_documents::item& item : x.documents) {
    item.id = in.id();
    item.leaves.resize(in.count(2));
    for (revision& rev : item.leaves) rev = in.rev();
    if (!in.ok()) return;
  }
  x.in_parts = false;
  if (!in.more()) return;
  for (fetch_documents::item& item : x.documents) {
    item.elsewhere.resize(in.count(2 + packed_bytes));
    for (fetch_documents::claimed_leaf& leaf : item.elsewhere) {
      leaf.rev = in.rev();
      leaf.claim = in.hash();
    }
    if (!in.ok()) return;
  }
  if (!in.more()) return;
  x.in_parts = true;
  if (!in.require(in.count(1) == x.documents.size())) return;
  for (fetch_documents::item& item : x.documents) item.after = in.rev_or_none();
}

void put(std::string& out, const documents& x) {
  put_bytes(out, x.bucket);
  put_varint(out, x.items.size());
  for (const documents::sent& item : x.items) {
    put_bytes(out, item.id);
    put_bytes(out, item.tree);
    put_varint(out, item.bodies.size());
    for (const documents::sent_body& body : item.bodies) {
      put_rev(out, body.rev);
      put_varint(out, body.size);
      put_flag(out, body.body.has_value());
      if (body.body) put_bytes(out, *body.body);
    }
  }
  put_varint(out, x.items.size());
  for (const documents::sent& item : x.items) put_rev(out, item.next);
}

void take(fields& in, documents& x) {
  x.bucket = in.bucket();
  x.items.resize(in.count(4));
  for (documents::sent& item : x.items) {
    item.id = in.id();
    item.tree = std::string(in.bytes());
    item.bodies.resize(in.count(4));
    for (documents::sent_body& body : item.bodies) {
      body.rev = in.rev();
      body.size = in.number();
      if (in.flag()) body.body = std::string(in.bytes());
      in.require(!body.body || body.body->size() == body.size);
    }
    if (!in.ok()) return;
  }
  if (!in.more() || !in.require(in.count(1) == x.items.size())) return;
  for (documents::sent& item : x.items) item.next = in.rev_or_none();
}

void put(std::string& out, const fetch_part& x) {
  put_bytes(out, x.bucket);
  put_bytes(out, x.id);
  put_rev(out, x.rev);
  put_varint(out, x.offset);
}

void take(fields& in, fetch_part& x) {
  x.bucket = in.bucket();
  x.id = in.id();
  x.rev = in.rev();
  x.offset = in.number();
}

void put(std::string& out, const part& x) {
  put_bytes(out, x.bucket);
  put_bytes(out, x.id);
  put_rev(out, x.rev);
  put_varint(out, x.offset);
  put_varint(out, x.size);
  put_bytes(out, x.bytes);
}

void take(fields& in, part& x) {
  x.bucket = in.bucket();
  x.id = in.id();
  x.rev = in.rev();
  x.offset = in.number();
  x.size = in.number();
  x.bytes = std::string(in.bytes());
  in.require(x.offset <= x.size && x.bytes.size() <= x.size - x.offset);
}

template<typename Content>
result<frame> read_payload(std::string_view payload) {
  fields in(payload);
  Content content;
  take(in, content);
  if (!in.ok()) return fail(ec::bad_request, "a frame that cannot be read");
  return frame(std::move(content));
}

using reader = result<frame> (*)(std::string_view);

/// By type: the position in `frame`, from 1. Frozen.
constexpr reader readers[] = {read_payload<hello>,           read_payload<goodbye>,
                              read_payload<bucket_digests>,  read_payload<follow>,
                              read_payload<leave>,           read_payload<activity>,
                              read_payload<fetch_documents>, read_payload<documents>,
                              read_payload<fetch_part>,      read_payload<part>};
static_assert(std::size(readers) == std::variant_size_v<frame>);

// Compression
// -------------------------------------------------------------------------------------------------

/// Empty if it would not be smaller.
std::string compressed(std::string_view payload) {
  std::string packed(ZSTD_compressBound(payload.size()), '\0');
  const size_t size = ZSTD_compress(packed.data(), packed.size(), payload.data(), payload.size(),
                                    compression_level);
  if (ZSTD_isError(size) != 0 || size >= payload.size()) return {};
  packed.resize(size);
  return packed;
}

/// A compressed frame states its uncompressed size. A frame that does not is refused, so that
/// nothing is decompressed that exceeds `most`.
result<std::string> unpacked(std::string_view packed, size_t most) {
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) {
    return fail(ec::bad_request, "a frame that cannot be unpacked");
  }
  if (size > most) return fail(ec::too_large, "a frame that is too large");
  std::string payload(static_cast<size_t>(size), '\0');
  const size_t made = ZSTD_decompress(payload.data(), payload.size(), packed.data(), packed.size());
  if (ZSTD_isError(made) != 0 || made != payload.size()) {
    return fail(ec::bad_request, "a frame that cannot be unpacked");
  }
  return payload;
}

} // namespace

std::string_view to_string(disconnect_reason why) {
  switch (why) {
  case disconnect_reason::removed: return "the peer has removed this node";
  case disconnect_reason::ending: return "the peer is shutting down";
  case disconnect_reason::itself: return "the address is this node's own";
  case disconnect_reason::same_identity:
    return "another node has the same identity: a copied store";
  case disconnect_reason::same_name: return "the peer knows another node of this name";
  case disconnect_reason::version: return "the peer speaks another version of the protocol";
  case disconnect_reason::too_many: return "the peer has reached its --max-peers";
  }
  return "unknown";
}

namespace {

/// CRC-32 of all bytes except the checksum itself.
uint32_t checksum(std::string_view bytes) {
  const auto add = [](uLong sum, std::string_view more) {
    return crc32_z(sum, reinterpret_cast<const Bytef*>(more.data()), more.size());
  };
  return static_cast<uint32_t>(
      add(add(0, bytes.substr(0, checksum_at)), bytes.substr(envelope_bytes)));
}

} // namespace

void seal_frame(std::string& bytes) {
  if (bytes.size() < envelope_bytes) return;
  std::string sum;
  put_fixed32_be(sum, checksum(bytes));
  bytes.replace(checksum_at, sum.size(), sum);
}

std::string encode_frame(const addressed_frame& what, bool compress) {
  std::string payload;
  std::visit([&](const auto& content) { put(payload, content); }, what.content);
  std::string packed;
  if (compress && payload.size() >= compress_from) packed = compressed(payload);
  std::string out;
  out.reserve(envelope_bytes + (packed.empty() ? payload.size() : packed.size()));
  out += static_cast<char>(magic);
  out += static_cast<char>(what.content.index() + 1);
  out += static_cast<char>(packed.empty() ? 0 : compressed_flag);
  put_fixed64_be(out, what.session);
  put_fixed32_be(out, 0);
  out += packed.empty() ? payload : packed;
  seal_frame(out);
  return out;
}

result<addressed_frame> decode_frame(std::string_view bytes, size_t most) {
  fields envelope(bytes.substr(0, envelope_bytes));
  const bool ours = envelope.byte() == magic;
  const size_t type = envelope.byte();
  const uint8_t flags = envelope.byte();
  const uint64_t session = envelope.word();
  const uint32_t sum = envelope.half_word();
  if (!envelope.ok() || !ours || type == 0 || (flags & ~compressed_flag) != 0) {
    return fail(ec::bad_request, "a frame of another protocol");
  }
  if (sum != checksum(bytes)) return fail(ec::bad_request, "a frame that was damaged on its way");
  if (type > std::size(readers)) return fail(ec::not_found, "a frame of an unknown type");
  std::string_view payload = bytes.substr(envelope_bytes);
  std::string whole;
  if ((flags & compressed_flag) != 0) {
    auto made = unpacked(payload, most);
    if (!made) return tl::unexpected(made.error());
    whole = std::move(*made);
    payload = whole;
  }
  if (payload.size() > most) return fail(ec::too_large, "a frame that is too large");
  auto content = readers[type - 1](payload);
  if (!content) return tl::unexpected(content.error());
  return addressed_frame{session, std::move(*content)};
}

} // namespace treadmill::replication
