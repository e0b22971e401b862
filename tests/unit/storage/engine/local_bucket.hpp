#pragma once
#include "storage/engine/bucket_core.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/store.hpp"
#include "tests/crash/bucket_check.hpp"
#include <doctest/doctest.h>
#include <leveldb/env.h>
#include <leveldb/helpers/memenv.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace treadmill::tests {

inline write_op op(write_op::kind what, std::string id, std::string body = {},
                   std::optional<revision> rev = {}) {
  write_op made;
  made.what = what;
  made.id = std::move(id);
  made.body = std::move(body);
  made.rev = rev;
  return made;
}

inline write_op put(std::string id, std::string body, std::optional<revision> rev = {}) {
  return op(write_op::kind::put, std::move(id), std::move(body), rev);
}

inline write_op remove(std::string id, std::optional<revision> rev = {}) {
  return op(write_op::kind::remove, std::move(id), {}, rev);
}

/// A bucket of a store in memory, and its core.
class local_bucket {
public:
  local_bucket() : env_(leveldb::NewMemEnv(leveldb::Env::Default())) {
    store_options options;
    options.directory = "/store";
    options.env = env_.get();
    rows_ = std::move(store::open(options).value());
    number_ = rows_->create_bucket("b").value().number;
    start();
  }

  /// A new core, from what is stored.
  void start() {
    core_.emplace(number_, view().state(number_).value(), [this](std::string_view key) {
      ++reads;
      if (broken_key && key == *broken_key) {
        return result<std::optional<std::string>>(fail(ec::io_error, "broken"));
      }
      return view().read(key);
    });
  }

  write_outcome write(const write_op& wanted) { return group({wanted}).front(); }
  std::vector<write_outcome> group(std::vector<write_op> ops, bool atomic = false) {
    return core_->apply({std::move(ops), atomic});
  }
  revision ok(const write_op& wanted) {
    const write_outcome outcome = write(wanted);
    REQUIRE_MESSAGE(outcome.ok(), outcome.problem.reason);
    return outcome.rev;
  }

  bucket_core::batch take() { return core_->take_batch(); }
  void commit(const bucket_core::batch& batch) {
    const row_batch* rows = &batch.rows;
    REQUIRE(rows_->commit({&rows, 1}, false));
    core_->committed(batch.number);
  }
  void commit() {
    if (core_->dirty()) commit(take());
    CHECK(core_->overlay_rows() == 0);
  }

  /// Commits and holds all rows against each other.
  std::vector<activity_entry> check() {
    commit();
    test::bucket_check found = test::check_bucket(view(), number_);
    REQUIRE_MESSAGE(found.problem.empty(), found.problem);
    CHECK(core_->state() == view().state(number_).value());
    return std::move(found.activity);
  }

  /// A document with this tree, from a peer.
  void plant(const std::string& id, const revision_tree& tree,
             const std::map<revision, std::string>& bodies) {
    replicated_document document{id, tree, {}};
    for (const auto& [rev, body] : bodies) document.bodies.push_back({rev, body});
    const auto logged = core_->merge(document);
    REQUIRE_MESSAGE(logged.has_value(), logged.error().reason);
    CHECK(!logged->empty());
    check();
  }

  store& rows() { return *rows_; }
  read_view view() const { return rows_->latest(); }
  bucket_core& core() { return *core_; }
  uint32_t number() const { return number_; }
  std::string body(const std::string& id, const revision& rev) const {
    const auto found = view().leaf_body(number_, id, rev);
    return found ? *found : found.error().reason;
  }
  size_t row_bytes(const std::string& id) const {
    return view().read(keys::document(number_, id)).value().value().size();
  }

  size_t reads = 0;
  std::optional<std::string> broken_key{}; ///< cannot be read

private:
  std::unique_ptr<leveldb::Env> env_;
  std::unique_ptr<store> rows_{};
  uint32_t number_ = 0;
  std::optional<bucket_core> core_{};
};

/// One edit, then three of it: `a` (two more edits), `b` and `c` (one each), all live.
struct conflict {
  revision root = make_revision({}, false, "{}");
  revision a1 = make_revision(root, false, R"({"a":1})");
  revision a2 = make_revision(a1, false, R"({"a":2})");
  revision b = make_revision(root, false, R"({"b":1})");
  revision c = make_revision(root, false, R"({"c":1})");
  revision_tree tree{};
  std::map<revision, std::string> bodies{{a2, R"({"a":2})"}, {b, R"({"b":1})"}, {c, R"({"c":1})"}};
  conflict() {
    tree.add(root, {}, false);
    tree.add(a1, root, false);
    tree.add(a2, a1, false);
    tree.add(b, root, false);
    tree.add(c, root, false);
  }
};

} // namespace treadmill::tests
