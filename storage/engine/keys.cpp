#include "storage/engine/keys.hpp"
#include "storage/base/coding.hpp"

namespace treadmill::keys {
namespace {

// The first byte of every key: frozen, see README.md.
constexpr char meta_space = 0x01;
constexpr char catalogue_space = 0x02;
constexpr char dead_space = 0x03;
constexpr char left_space = 0x04;
constexpr char bucket_space = 0x10;

std::string in_bucket(uint32_t bucket, char kind, std::string_view rest = {}) {
  std::string key;
  key.reserve(document_prefix + rest.size());
  key.push_back(bucket_space);
  put_fixed32_be(key, bucket);
  key.push_back(kind);
  key.append(rest);
  return key;
}

std::string at_sequence(uint32_t bucket, char kind, uint64_t sequence) {
  std::string key = in_bucket(bucket, kind);
  put_fixed64_be(key, sequence);
  return key;
}

std::string in_index(uint32_t bucket, uint32_t index, char kind, std::string_view rest = {}) {
  std::string key;
  key.reserve(index_prefix + rest.size());
  key.push_back(bucket_space);
  put_fixed32_be(key, bucket);
  key.push_back(row_kind::index);
  put_fixed32_be(key, index);
  key.push_back(kind);
  key.append(rest);
  return key;
}

std::string of_queries(uint32_t bucket, char kind, std::string_view rest = {}) {
  std::string key = in_bucket(bucket, row_kind::query);
  key.push_back(kind);
  key.append(rest);
  return key;
}

std::string with_prefix(char space, std::string_view rest) {
  std::string key(1, space);
  key.append(rest);
  return key;
}

} // namespace

std::string meta(std::string_view name) { return with_prefix(meta_space, name); }
std::string catalogue(std::string_view bucket) { return with_prefix(catalogue_space, bucket); }
std::string catalogue_end() { return std::string(1, catalogue_space + 1); }
std::string dead_buckets_end() { return std::string(1, dead_space + 1); }
std::string buckets_end() { return std::string(1, bucket_space + 1); }

std::string dead_bucket(uint32_t bucket) {
  std::string key(1, dead_space);
  put_fixed32_be(key, bucket);
  return key;
}

std::string bucket_begin(uint32_t bucket) {
  std::string key(1, bucket_space);
  put_fixed32_be(key, bucket);
  return key;
}

std::string bucket_end(uint32_t bucket) { return in_bucket(bucket, '\xff'); }
std::string bucket_state(uint32_t bucket) { return in_bucket(bucket, row_kind::state); }
std::string document(uint32_t bucket, std::string_view id) {
  return in_bucket(bucket, row_kind::document, id);
}

namespace {

std::string of_revision(uint32_t bucket, char kind, std::string_view id, std::string_view rev) {
  std::string rest(id);
  rest.push_back('\0'); // ids have no control characters, so this ends the id
  rest.append(rev);
  return in_bucket(bucket, kind, rest);
}

} // namespace

std::string losing_body(uint32_t bucket, std::string_view id, std::string_view rev) {
  return of_revision(bucket, row_kind::losing_body, id, rev);
}

std::string superseded_body(uint32_t bucket, std::string_view id, std::string_view rev) {
  return of_revision(bucket, row_kind::superseded_body, id, rev);
}
std::string superseded_bodies_begin(uint32_t bucket) {
  return in_bucket(bucket, row_kind::superseded_body);
}
std::string superseded_bodies_end(uint32_t bucket) {
  return in_bucket(bucket, row_kind::superseded_body + 1);
}

std::string local_row(uint32_t bucket, std::string_view name) {
  return in_bucket(bucket, row_kind::local, name);
}
std::string local_rows_end(uint32_t bucket) { return in_bucket(bucket, row_kind::local + 1); }

std::string older_ancestry(uint32_t bucket, std::string_view id) {
  return in_bucket(bucket, row_kind::older_ancestry, id);
}

std::string activity(uint32_t bucket, uint64_t sequence) {
  return at_sequence(bucket, row_kind::activity, sequence);
}

std::string conflict(uint32_t bucket, std::string_view id) {
  return in_bucket(bucket, row_kind::conflict, id);
}

std::string checkpoint(uint32_t bucket, std::string_view peer) {
  return in_bucket(bucket, row_kind::checkpoint, peer);
}

std::string superseded(uint32_t bucket, uint64_t sequence) {
  return at_sequence(bucket, row_kind::superseded, sequence);
}

std::string left_bucket(std::string_view name) { return with_prefix(left_space, name); }

// Indexes
// -------------------------------------------------------------------------------------------------

std::string index_begin(uint32_t bucket, uint32_t index) {
  std::string key = in_bucket(bucket, row_kind::index);
  put_fixed32_be(key, index);
  return key;
}

std::string index_end(uint32_t bucket, uint32_t index) { return in_index(bucket, index, '\xff'); }

std::string index_state(uint32_t bucket, uint32_t index) {
  return in_index(bucket, index, index_kind::state);
}

std::string index_row(uint32_t bucket, uint32_t index, std::string_view suffix) {
  return in_index(bucket, index, index_kind::row, suffix);
}

std::string index_reverse(uint32_t bucket, uint32_t index, std::string_view id) {
  return in_index(bucket, index, index_kind::reverse, id);
}

std::string index_change(uint32_t bucket, uint32_t index, uint64_t sequence) {
  std::string key = in_index(bucket, index, index_kind::change);
  put_fixed64_be(key, sequence);
  return key;
}

std::string index_changes_end(uint32_t bucket, uint32_t index) {
  return in_index(bucket, index, index_kind::change + 1);
}

std::string index_partial(uint32_t bucket, uint32_t index, unsigned level,
                          std::string_view suffix) {
  return in_index(bucket, index, static_cast<char>(index_kind::partial + static_cast<int>(level)),
                  suffix);
}

std::string last_index(uint32_t bucket) { return of_queries(bucket, query_kind::last_index); }

std::string query(uint32_t bucket, std::string_view name) {
  return of_queries(bucket, query_kind::name, name);
}

std::string queries_end(uint32_t bucket) { return of_queries(bucket, query_kind::name + 1); }

std::string dead_index(uint32_t bucket, uint32_t index) {
  std::string key = dead_bucket(bucket);
  put_fixed32_be(key, index);
  return key;
}

std::optional<uint32_t> dead_index_of(std::string_view dead_key) {
  uint32_t index = 0;
  dead_key.remove_prefix(1 + sizeof(uint32_t));
  if (!take_fixed32_be(dead_key, index)) return std::nullopt;
  return index;
}

std::optional<writer> writer_of(std::string_view key) {
  if (key.size() < document_prefix || key.front() != bucket_space) return std::nullopt;
  const char kind = key[document_prefix - 1];
  if (kind == row_kind::query) return std::nullopt;
  writer owner{number_of(key), 0};
  key.remove_prefix(document_prefix);
  if (kind == row_kind::index && !take_fixed32_be(key, owner.index)) return std::nullopt;
  return owner;
}

std::string_view query_of(std::string_view query_key) { return query_key.substr(query_prefix); }
std::string_view suffix_of(std::string_view index_row_key) {
  return index_row_key.substr(index_prefix);
}

uint64_t change_sequence_of(std::string_view index_change_key) {
  uint64_t sequence = 0;
  index_change_key.remove_prefix(index_prefix);
  take_fixed64_be(index_change_key, sequence);
  return sequence;
}

// Ends, and what keys were made from
// -------------------------------------------------------------------------------------------------

std::string documents_end(uint32_t bucket) { return in_bucket(bucket, row_kind::document + 1); }
std::string activity_end(uint32_t bucket) { return in_bucket(bucket, row_kind::activity + 1); }
std::string conflicts_end(uint32_t bucket) { return in_bucket(bucket, row_kind::conflict + 1); }

std::string_view id_of(std::string_view document_key) {
  return document_key.substr(document_prefix);
}
std::string_view bucket_name_of(std::string_view catalogue_key) { return catalogue_key.substr(1); }

uint64_t sequence_of(std::string_view activity_key) {
  uint64_t sequence = 0;
  activity_key.remove_prefix(document_prefix);
  take_fixed64_be(activity_key, sequence);
  return sequence;
}

uint32_t number_of(std::string_view dead_bucket_key) {
  uint32_t number = 0;
  dead_bucket_key.remove_prefix(1);
  take_fixed32_be(dead_bucket_key, number);
  return number;
}

} // namespace treadmill::keys
