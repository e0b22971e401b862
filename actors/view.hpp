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
  follower_actor gateway{}; ///< told when the index advances, for clients that follow its rows
  size_t parts_out = 4;     ///< parts of a run that are mapped at one time
  /// Shared by all queries.
  std::shared_ptr<row_slots> slots = std::make_shared<row_slots>(4);
  json_limits limits{}; ///< of keys and values
};

/// What a view knows between two messages.
struct view_state {
  /// A part that was given to the pool. The pool may answer it in several pieces.
  struct part_out {
    uint64_t number = 0; ///< of the run
    std::vector<run_document> documents{};
    size_t answered = 0; ///< documents whose rows were given to the run
    bool asked = false;  ///< the pool has the documents that are not answered yet
  };
  /// Blocks that were given to the pool. The pool may answer them in several pieces.
  struct reduction_out {
    uint64_t ticket = 0;
    std::vector<js::reduce_call> calls{};
    std::vector<reduced_value> values{};
  };
  /// An index and the sources that it is built from.
  struct generation {
    index_id where{};
    std::string definition{}; ///< stored form
    query_definition source{};
    reduction how = reduction::none;
    std::shared_ptr<const js::function> map{};
    std::shared_ptr<const js::function> reduce{}; ///< only if the reduction is JavaScript
    index_state state{};                          ///< as last committed
    std::unique_ptr<index_run> run{};
    std::optional<read_view> before{};           ///< snapshot from before a run of several batches
    std::map<uint64_t, part_out> out{};          ///< by ticket
    std::map<uint64_t, row_slots::slot> slots{}; ///< by part number
    std::optional<reduction_out> reducing{};
    bool committing = false;
    std::string problem{}; ///< why it cannot be built; empty: it can
    steady_time run_began{};
    uint64_t run_from = 0;

    bool suspended() const;
  };
  view_options options{};
  uint64_t owner = 0;                  ///< the id of this view on the board
  std::optional<generation> current{}; ///< answers requests, or will when it is complete
  std::optional<generation> next{};    ///< built beside it after a redefinition
  bool starting = true;                ///< the state was not read from the store yet
  bool numbering = false;              ///< the view asked for an index number
  unsigned numbers_out = 0;            ///< begin_index requests that are not answered
  std::string wanted{};                ///< the definition to build
  std::vector<await_index> waiting{};
  std::string obstacle{};   ///< why storage refuses index rows (disk full); empty: it does not
  std::string told{};       ///< the obstacle that was logged last
  uint64_t last_ticket = 0; ///< never reused, so that answers to an ended run are recognized
  bool ticking = false;
  bool paused = false; ///< after a failure, until try_again
  ~view_state();
  view_state() = default;
  view_state(const view_state&) = delete;
  view_state& operator=(const view_state&) = delete;
  static inline constexpr const char* name = "view";
};

/// Owns the index of one query: follows the activity of its bucket in runs (storage/index_run.hpp),
/// has the isolate pool map documents, and submits index batches to storage. After a redefinition
/// it builds the new index beside the old one, which answers until the new one is complete.
///
/// The view shows its state on the query board. Requests read finished indexes without the view;
/// they wait here only for activity that is not indexed yet.
///
/// Lifetime: as long as the query is defined here. If it dies, the node starts it again from the
/// stored state. **Thread**: scheduled. **Blocks?** For reads of the store: a part of a run has
/// bounded size. **Mailbox bound**: by the gateway's bound on requests. **Errors**: after a failed
/// commit or read, it pauses and then reads its state again.
/// **On exit**: waiting requests are answered; a successor rebuilds uncommitted rows.
view_actor::behavior_type view(view_actor::stateful_pointer<view_state> self, view_options options);

} // namespace treadmill
