#pragma once
#include "actors/index_build.hpp"
#include "actors/interfaces.hpp"
#include "actors/row_slots.hpp"
#include "net/node/query_board.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/engine/store.hpp"
#include "storage/index/index_run.hpp"
#include "storage/json/json.hpp"
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
  std::shared_ptr<query_board> board{};
  follower_actor gateway{}; ///< told when the index advances, for clients that follow its rows
  size_t parts_out = 4;     ///< parts of a run that are mapped at one time
  /// Shared by all queries.
  std::shared_ptr<row_slots> slots = std::make_shared<row_slots>(4);
  json_limits limits{}; ///< of keys and values
};

/// What a view knows between two messages.
struct view_state {
  enum class phase : uint8_t {
    settling, ///< waits for an index number: the commits of a predecessor are visible before it
    serving,
    numbering, ///< serves, and waits for the number of an index for `wanted`
    paused,    ///< after a failure, until try_again
  };
  view_options options{};
  uint64_t owner = 0; ///< the id of this view on the board
  phase at = phase::settling;
  std::optional<index_build> current{}; ///< answers requests, or will when it is complete
  std::optional<index_build> next{};    ///< built beside it after a redefinition
  unsigned numbers_out = 0;             ///< begin_index requests that are not answered
  std::string wanted{};                 ///< the definition to build
  std::vector<await_index> waiting{};
  std::string obstacle{};   ///< why storage refuses index rows (disk full); empty: it does not
  std::string told{};       ///< the obstacle that was logged last
  uint64_t last_ticket = 0; ///< never reused, so that answers to an ended run are recognized
  bool tick_is_due = false; ///< a tick was scheduled
  bool queued = false;      ///< the view may be in the queue for row slots, or have one reserved
  ~view_state();
  view_state() = default;
  view_state(const view_state&) = delete;
  view_state& operator=(const view_state&) = delete;
  static inline constexpr const char* name = "view";
};

/// Owns the index of one query: follows the activity of its bucket in runs
/// (storage/index/index_run.hpp), has the isolate pool map documents, and submits index batches to
/// storage. After a redefinition it builds the new index beside the old one, which answers until
/// the new one is complete.
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
