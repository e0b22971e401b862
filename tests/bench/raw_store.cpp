#include "tests/bench/raw_store.hpp"
#include "storage/base/defaults.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>
#include <stdexcept>

namespace treadmill::bench {

namespace {

constexpr int bloom_bits = 10; // as storage/engine/store_open.cpp

leveldb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

void expect(const leveldb::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

} // namespace

struct raw_store::impl {
  std::unique_ptr<const leveldb::FilterPolicy> filter{leveldb::NewBloomFilterPolicy(bloom_bits)};
  std::unique_ptr<leveldb::Cache> cache{leveldb::NewLRUCache(defaults::block_cache_bytes)};
  std::unique_ptr<leveldb::DB> db{};
};

raw_store::raw_store(const std::string& folder) : impl_(std::make_unique<impl>()) {
  leveldb::Options options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.write_buffer_size = defaults::write_buffer_bytes;
  options.filter_policy = impl_->filter.get();
  options.block_cache = impl_->cache.get();
  leveldb::DB* opened = nullptr;
  expect(leveldb::DB::Open(options, folder, &opened));
  impl_->db.reset(opened);
}

raw_store::~raw_store() = default;

void raw_store::write(std::span<const row> rows) {
  leveldb::WriteBatch batch;
  for (const auto& [key, value] : rows) batch.Put(slice(key), slice(value));
  leveldb::WriteOptions synced;
  synced.sync = true;
  expect(impl_->db->Write(synced, &batch));
}

std::string raw_store::read(std::string_view key) const {
  std::string value;
  expect(impl_->db->Get(leveldb::ReadOptions(), slice(key), &value));
  return value;
}

std::vector<row> raw_store::rows(std::string_view from, std::string_view to) const {
  std::vector<row> all;
  const std::unique_ptr<leveldb::Iterator> at(impl_->db->NewIterator(leveldb::ReadOptions()));
  for (at->Seek(slice(from)); at->Valid() && at->key().compare(slice(to)) < 0; at->Next())
    all.emplace_back(at->key().ToString(), at->value().ToString());
  expect(at->status());
  return all;
}

uint64_t raw_store::scan(std::string_view from, std::string_view to) const {
  leveldb::ReadOptions options;
  options.fill_cache = false; // as the node's own scans
  const std::unique_ptr<leveldb::Iterator> at(impl_->db->NewIterator(options));
  uint64_t rows = 0;
  uint64_t bytes = 0;
  for (at->Seek(slice(from)); at->Valid() && at->key().compare(slice(to)) < 0; at->Next()) {
    ++rows;
    bytes += at->key().size() + at->value().size();
  }
  expect(at->status());
  return bytes > 0 ? rows : 0;
}

uint32_t bucket_number(const raw_store& store, std::string_view bucket) {
  const auto found = catalogue_row::decode(store.read(keys::catalogue(bucket)));
  if (!found) throw std::runtime_error("the catalogue cannot be read");
  return found->number;
}

std::vector<std::vector<row>> written_rows(const raw_store& store, std::string_view bucket,
                                           uint64_t writes, uint64_t batch) {
  const uint32_t number = bucket_number(store, bucket);
  const auto state = bucket_state::decode(store.read(keys::bucket_state(number)));
  if (!state || state->sequence < writes) throw std::runtime_error("the store holds too little");
  const uint64_t first = state->sequence - writes + 1;
  std::vector<std::vector<row>> batches;
  for (row& entry : store.rows(keys::activity(number, first), keys::activity_end(number))) {
    if (batches.empty() || batches.back().size() >= 2 * batch) batches.emplace_back();
    const auto read = activity_entry::decode(keys::sequence_of(entry.first), entry.second);
    if (!read) throw std::runtime_error("the activity cannot be read");
    std::string document = keys::document(number, read->id);
    std::string value = store.read(document);
    batches.back().emplace_back(std::move(document), std::move(value));
    batches.back().push_back(std::move(entry));
  }
  for (auto& rows : batches)
    rows.emplace_back(keys::bucket_state(number), store.read(keys::bucket_state(number)));
  return batches;
}

} // namespace treadmill::bench
