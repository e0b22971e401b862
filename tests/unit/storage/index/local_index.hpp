#pragma once
#include "storage/engine/keys.hpp"
#include "storage/engine/store.hpp"
#include "storage/index/index_reader.hpp"
#include "storage/index/index_reduction.hpp"
#include "storage/index/index_writer.hpp"
#include "storage/index/term.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <functional>
#include <leveldb/env.h>
#include <leveldb/helpers/memenv.h>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace treadmill::tests {

/// A store in memory for indexes. **Thread**: one.
class index_store {
public:
  index_store() : env_(leveldb::NewMemEnv(leveldb::Env::Default())) {
    store_options options;
    options.directory = "/index";
    options.env = env_.get();
    options.space = [] { return disk_space{uint64_t{1} << 40, uint64_t{1} << 40}; };
    store_ = std::move(store::open(options).value());
    bucket_ = store_->create_bucket("b").value().number;
  }
  store& rows() { return *store_; }
  uint32_t bucket() const { return bucket_; }
  uint32_t next_index() { return ++last_index_; }
  void commit(const row_batch& batch) {
    const row_batch* only = &batch;
    if (auto done = store_->commit({&only, 1}, false); !done)
      throw std::runtime_error(done.error().reason);
  }

private:
  std::unique_ptr<leveldb::Env> env_;
  std::unique_ptr<store> store_;
  uint32_t bucket_ = 0;
  uint32_t last_index_ = 0;
};

inline std::string term_of(std::string_view json) {
  std::string term;
  if (auto made = append_term(term, stored_form(json).value()); !made)
    throw std::runtime_error(made.error().reason);
  return term;
}

inline mapped_row emitted(std::string_view key, std::string_view value) {
  return {term_of(key), stored_form(value).value()};
}
inline mapped_row returned(std::string_view value) { return {term_of(value), {}}; }

/// Stands for JavaScript: shows in its result what was reduced with what.
inline reduced_value reduce_to_nest(const reduce_block& block) {
  reduced_value made;
  made.text = block.rereduce() ? "[\"r\"" : "[\"m\"";
  for (const std::string& value : block.values) made.text += ',' + value;
  made.text += ']';
  return made;
}

/// One index and what a view actor would do with it.
class local_index {
public:
  struct document {
    std::string id;
    std::vector<mapped_row> rows;
  };

  local_index(index_store& store, reduction how)
      : store_(store), id_{store.bucket(), store.next_index()}, how_(how) {}

  index_id id() const { return id_; }
  reduction how() const { return how_; }
  index_state state() const { return reader().state().value().value_or(index_state{}); }
  index_reader reader() const { return {store_.rows().latest(), id_}; }
  std::function<reduced_value(const reduce_block&)> javascript = reduce_to_nest;
  size_t entries_read = 0; ///< by the last batch

  /// One batch, the last of its run where `last`. Each document counts as one change.
  void write(const std::vector<document>& documents, bool last = true) {
    index_writer writer(store_.rows().latest(), id_, state(), how_);
    for (const document& doc : documents) need(writer.replace(doc.id, ++sequence_, doc.rows));
    reduce(writer);
    writer.state().position = writer.state().target = sequence_;
    if (last) writer.end_run();
    store_.commit(need(writer.take()));
    entries_read = writer.entries_read();
  }

  /// Makes the partial results of a first build; each batch by a writer of its own. How many
  /// batches that took.
  int build() {
    int batches = 0;
    for (; state().phase == index_phase::reducing; ++batches) {
      index_writer writer(store_.rows().latest(), id_, state(), how_);
      if (how_ == reduction::javascript) {
        reduce(writer);
      } else {
        need(writer.build_partials());
      }
      store_.commit(need(writer.take()));
    }
    return batches;
  }

  /// All rows of the index but for its state and its changes, without its number.
  std::map<std::string, std::string> dump() const {
    std::map<std::string, std::string> found;
    const std::string begin = keys::index_begin(id_.bucket, id_.index);
    need(store_.rows().latest().scan(begin, keys::index_end(id_.bucket, id_.index),
                                     [&](std::string_view key, std::string_view value) {
                                       const char kind = key[begin.size()];
                                       if (kind != 0 && kind != 3)
                                         found.emplace(key.substr(begin.size()), value);
                                       return true;
                                     }));
    return found;
  }

  std::vector<index_change> changes(uint64_t since = 0) const {
    std::vector<index_change> found;
    need(reader().changes(since, [&](const index_change& change) {
      found.push_back(change);
      return true;
    }));
    return found;
  }

  index_reduction reduce_range(const index_range& range, grouping groups = {}) const {
    return {store_.rows().latest(), id_, state().levels, how_, range, groups};
  }

  static void need(const result<void>& done) {
    if (!done) throw std::runtime_error(done.error().reason);
  }
  template<typename Value>
  static Value need(result<Value> got) {
    if (!got) throw std::runtime_error(got.error().reason);
    return std::move(*got);
  }

private:
  void reduce(index_writer& writer) const {
    if (how_ != reduction::javascript) return need(writer.update_partials());
    for (;;) {
      const auto blocks = need(writer.next_blocks());
      if (blocks.empty()) return;
      // In another order than they were given: answers come as they come.
      for (auto block = blocks.rbegin(); block != blocks.rend(); ++block)
        writer.put_partial(block->place, javascript(*block));
    }
  }

  index_store& store_;
  index_id id_;
  reduction how_;
  uint64_t sequence_ = 0;
};

/// All groups of a range.
inline std::vector<reduced_group> groups_of(index_reduction& reduction) {
  std::vector<reduced_group> groups;
  const auto keep = [&](reduced_group&& group) {
    groups.push_back(std::move(group));
    return true;
  };
  while (local_index::need(reduction.step(keep))) {
  }
  return groups;
}

inline std::string json_of(const reduced_group& group) {
  std::string text;
  if (!group.value) return "pieces";
  if (auto done = group.value->append_json(text); !done) return "error: " + done.error().reason;
  return text;
}

} // namespace treadmill::tests
