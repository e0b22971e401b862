#pragma once
#include "storage/base/lock_rules.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/engine/store.hpp"
#include "storage/index/index.hpp"
#include "storage/index/partial_result.hpp"
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

enum class query_phase : uint8_t {
  building,   ///< its first build runs: it answers afterwards
  ready,      ///< it answers, possibly after catching up
  redefining, ///< the index of its previous definition answers while the new one is built
  /// Its map failed on too many documents, or is not a function: it answers that error.
  suspended,
};
std::string_view to_string(query_phase phase);

/// The state of a query in one snapshot.
struct query_states {
  uint64_t sequence = 0;              ///< of its bucket
  std::optional<index_state> index{}; ///< empty: not consistent there
};

/// Caches the states of the last snapshot that was read: while the store does not change, every
/// request would read the same ones. **Thread**: any.
class last_states {
public:
  using shared = std::shared_ptr<const query_states>;

  shared find(std::optional<uint64_t> version) const; ///< nullptr: the caller has to read them
  void keep(std::optional<uint64_t> version, shared states);

private:
  mutable checked_mutex mutex_{};
  std::optional<uint64_t> version_ GUARDED_BY(mutex_){};
  shared states_ GUARDED_BY(mutex_){};
};

/// What the threads that answer requests see of a query.
struct shown_query {
  std::string name{};
  query_definition definition{}; ///< the latest definition
  query_phase phase = query_phase::building;
  index_id where{};                  ///< of the index that answers requests
  query_definition answering{};      ///< the definition that index was built from
  reduction how = reduction::none;   ///< of that index
  index_state state{};               ///< of that index, after its last batch
  index_state next{};                ///< of the index that is being built, if any
  std::optional<read_view> before{}; ///< during a run: the consistent index before it
  std::string problem{};             ///< why it is suspended
  double rate = 0;                   ///< activity entries per second of the current run
  uint64_t owner = 0;                ///< id of the actor that shows it; a successor has another
  /// Of the index that answers.
  std::shared_ptr<last_states> states = std::make_shared<last_states>();
};

/// The board on which the query actors publish the state of queries, for the threads that answer
/// requests. **Thread**: any.
class query_board {
public:
  using shown = std::shared_ptr<const shown_query>;

  void show(uint32_t bucket, shown_query query);
  /// Does nothing if another owner shows the query by now.
  void remove(uint32_t bucket, const std::string& name, uint64_t owner);
  shown find(uint32_t bucket, std::string_view name) const; ///< nullptr: not shown (yet)
  std::vector<shown> all(uint32_t bucket) const;            ///< in name order

  /// Marks the changes of the query's rows as followed until the returned handle is destroyed
  /// (which may be after the board). Rows must be fsynced before followers see them.
  std::shared_ptr<void> follow(uint32_t bucket, const std::string& name);
  bool followed(uint32_t bucket, const std::string& name) const;

private:
  mutable checked_mutex mutex_{};
  std::map<uint32_t, std::map<std::string, shown, std::less<>>> buckets_ GUARDED_BY(mutex_){};
  std::map<std::pair<uint32_t, std::string>, std::weak_ptr<void>> followed_ GUARDED_BY(mutex_){};
};

} // namespace treadmill
