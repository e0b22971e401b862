#pragma once
#include "actors/interfaces.hpp"
#include "actors/row_slots.hpp"
#include "net/query_board.hpp"
#include "storage/index_run.hpp"
#include "storage/json.hpp"
#include "storage/query_definition.hpp"
#include "storage/store.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace treadmill {

struct view_options {
  uint32_t bucket = 0;
  std::string name{}; ///< of the query
  std::shared_ptr<const store> rows{};
  storage_actor storage{};
  isolate_pool_actor pool{};
  std::shared_ptr<rest::query_board> board{};
  follower_actor gateway{}; ///< told when the index has moved on, for those who follow its rows
  size_t parts_out = 4;     ///< parts of a run that are being mapped at one time
  /// Of all queries together.
  std::shared_ptr<row_slots> slots = std::make_shared<row_slots>(4);
  json_limits limits{}; ///< of keys and values
};

/// What a view knows between two messages.
struct view_state {
  /// A part that was given to the pool, which may answer a piece of it at a time.
  struct part_out {
    uint64_t number = 0; ///< of the run
    std::vector<run_document> documents{};
    size_t answered = 0; ///< of them: their rows are with the run
    bool asked = false;  ///< the pool has those that are not answered
  };
  /// Blocks that were given to the pool, which may answer a piece of them at a time.
  struct reduction_out {
    uint64_t ticket = 0;
    std::vector<js::reduce_call> calls{};
    std::vector<reduced_value> values{};
  };
  /// An index and what it is built from.
  struct generation {
    index_id where{};
    std::string definition{}; ///< stored form
    query_definition source{};
    reduction how = reduction::none;
    std::shared_ptr<const js::function> map{};
    std::shared_ptr<const js::function> reduce{}; ///< where that is JavaScript
    index_state state{};                          ///< as committed last
    std::unique_ptr<index_run> run{};
    std::optional<read_view> before{};  ///< the index before the run, where that takes long
    std::map<uint64_t, part_out> out{}; ///< by ticket
    std::map<uint64_t, row_slots::slot> slots{}; ///< by the number of the part
    std::optional<reduction_out> reducing{};
    bool committing = false;
    std::string problem{}; ///< it cannot be built: why
    steady_time run_began{};
    uint64_t run_from = 0;

    bool suspended() const;
  };
  view_options options{};
  uint64_t owner = 0;                  ///< on the board
  std::optional<generation> current{}; ///< the one that answers, or will
  std::optional<generation> next{};    ///< built beside it after a redefinition
  bool starting = true;                ///< the store is not read yet
  bool numbering = false;              ///< a number for a new index was asked for
  unsigned numbers_out = 0;            ///< requests for one that are not answered
  std::string wanted{};                ///< the definition that is to be built
  std::vector<await_index> waiting{};
  std::string obstacle{};   ///< why nothing is written now; empty: nothing is in the way
  std::string told{};       ///< the obstacle that the log knows of
  uint64_t last_ticket = 0; ///< never used again: an answer to a run that was given up is known
  bool ticking = false;
  bool paused = false; ///< after a failure: nothing is done until try_again
  ~view_state();
  view_state() = default;
  view_state(const view_state&) = delete;
  view_state& operator=(const view_state&) = delete;
  static inline constexpr const char* name = "view";
};

/// Keeps the index of one query: follows the activity of its bucket in runs
/// (storage/index_run.hpp), has documents mapped by the isolate pool, and gives storage what is to
/// be written. After a redefinition it builds the new index beside the old one, which goes on
/// answering until then.
///
/// What it has, it shows on the query board; requests read finished indexes without it, and wait
/// here only for what is not indexed yet.
///
/// Lifetime: as long as the query is defined here; started again by the node when it dies, from
/// what is stored. **Thread**: scheduled. **Blocks?** For reads of the store: a part of a run has
/// bounded size. **Mailbox bound**: by the gateway's bound on requests. **Errors**: after a failed
/// commit, or a read that failed, it reads its state again after a pause.
/// **On exit**: who waits is answered; what is not committed is made again.
view_actor::behavior_type view(view_actor::stateful_pointer<view_state> self, view_options options);

} // namespace treadmill
