#pragma once
#include "storage/index.hpp"
#include "storage/query_definition.hpp"
#include "storage/reduction.hpp"
#include "storage/store.hpp"
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::rest {

enum class query_phase : uint8_t {
  building,   ///< its first build: it answers when that is done
  ready,      ///< it answers; it may have to catch up first
  redefining, ///< the index of its former definition answers while the new one is built
  suspended,  ///< too many documents broke its map, or it is no function: it answers that
};
std::string_view to_string(query_phase phase);

/// What a snapshot says of a query.
struct query_states {
  uint64_t sequence = 0;              ///< of its bucket
  std::optional<index_state> index{}; ///< nothing: it is not consistent there
};

/// The states in the last snapshot that was looked at: while the store does not change, each
/// question would read the same ones again. **Thread**: any.
class last_states {
public:
  using shared = std::shared_ptr<const query_states>;

  shared find(std::optional<uint64_t> version) const; ///< nullptr: to be read
  void keep(std::optional<uint64_t> version, shared states);

private:
  mutable std::mutex mutex_{};
  std::optional<uint64_t> version_{};
  shared states_{};
};

/// What a query shows of itself to the threads that answer requests.
struct shown_query {
  std::string name{};
  query_definition definition{}; ///< as it was asked for last
  query_phase phase = query_phase::building;
  index_id where{};                  ///< of the index that answers
  query_definition answering{};      ///< what that was built from
  reduction how = reduction::none;   ///< of that index
  index_state state{};               ///< of that index, after its last batch
  index_state next{};                ///< of the index that is being built, if any
  std::optional<read_view> before{}; ///< during a run: the index as it was before it, consistent
  std::string problem{};             ///< why it is suspended
  double rate = 0;                   ///< activity entries a second of the run that is under way
  uint64_t owner = 0;                ///< of who shows it: a successor's is another
  /// Of the index that answers.
  std::shared_ptr<last_states> states = std::make_shared<last_states>();
};

/// Where the actors of queries put what they show, and threads that answer requests find it.
/// **Thread**: any.
class query_board {
public:
  using shown = std::shared_ptr<const shown_query>;

  void show(uint32_t bucket, shown_query query);
  /// Nothing where another owner shows the query by now.
  void remove(uint32_t bucket, const std::string& name, uint64_t owner);
  shown find(uint32_t bucket, std::string_view name) const; ///< nullptr: nobody shows it (yet)
  std::vector<shown> all(uint32_t bucket) const;            ///< in name order

  /// Somebody follows the changes of the query's rows, until the handle is destroyed (which may be
  /// after the board): what is shown to followers is to be fsynced first.
  std::shared_ptr<void> follow(uint32_t bucket, const std::string& name);
  bool followed(uint32_t bucket, const std::string& name) const;

private:
  mutable std::mutex mutex_{};
  std::map<uint32_t, std::map<std::string, shown, std::less<>>> buckets_{};
  std::map<std::pair<uint32_t, std::string>, std::weak_ptr<void>> followed_{};
};

} // namespace treadmill::rest
