#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/bucket_actor.hpp"
#include "actors/defaults.hpp"
#include "actors/logging.hpp"
#include <utility>

namespace treadmill {
namespace {

using bucket_pointer = bucket_actor::stateful_pointer<bucket_actor_state>;

void answer_problem(const reply_ptr<write_answer>& answer, ec code, std::string reason) {
  (*answer)(write_answer{{code, std::move(reason)}, {}});
}

void refuse(const bucket_actor_state::work& work, ec code, const std::string& reason) {
  if (const auto* write = std::get_if<write_documents>(&work))
    answer_problem(write->answer, code, reason);
  if (const auto* merge = std::get_if<merge_documents>(&work)) (*merge->answer)({code, reason, {}});
}

constexpr const char* part_may_be_there =
    "some of the documents may have been applied: read to know (";

void refuse(const bucket_actor_state::waiting_answer& waiting, ec code, const std::string& reason) {
  if (waiting.write && waiting.begun) {
    answer_problem(waiting.write, ec::ambiguous, part_may_be_there + reason + ")");
  } else if (waiting.write) {
    answer_problem(waiting.write, code, reason);
  }
  if (waiting.merge) (*waiting.merge)({code, reason, {}});
}

void begin_new_epoch(bucket_pointer self) {
  if (std::exchange(self->state.beginning, true)) return;
  self->state.core.reset();
  self->send(self->state.options.storage, begin_epoch{self->state.options.number});
}

void submit(bucket_pointer self, bool makes_room = false) {
  bucket_actor_state& state = self->state;
  if (!state.core || !state.core->dirty() || state.core->in_group()) return;
  bucket_core::batch batch = state.core->take_batch();
  const bool same_sequence = batch.sequence == std::exchange(state.last_sequence, batch.sequence);
  const bool lazy = same_sequence && !batch.unlogged;
  state.submitted = batch.number;
  const size_t bytes = batch.rows.bytes();
  state.on_their_way.push_back({batch.number, batch.sequence, bytes});
  state.bytes_on_their_way += bytes;
  if (state.options.counters) state.options.counters->bytes_on_their_way.fetch_add(bytes);
  if (batch.queries) state.query_batch = batch.number;
  self->send(state.options.storage,
             commit_batch{state.options.number, state.epoch, batch.number,
                          std::make_shared<const row_batch>(std::move(batch.rows)), lazy,
                          makes_room});
}

/// The limit of bytes on their way to storage is reached: work continues when a batch is written.
bool is_held(const bucket_actor_state& state) {
  const auto& counters = state.options.counters;
  const bool much =
      counters && counters->bytes_on_their_way.load() > defaults::node_bytes_on_their_way;
  return state.bytes_on_their_way >= (much ? 1 : defaults::bucket_bytes_on_their_way);
}

/// Submits the batch at once if it is large. Otherwise, if no batch is on its way, submits it after
/// the messages that are already in the mailbox, so that they share it.
void submit_soon(bucket_pointer self) {
  bucket_actor_state& state = self->state;
  if (!state.core->dirty() || state.core->in_group()) return;
  if (state.core->batch_bytes() >= defaults::batch_bytes) {
    submit(self);
  } else if (state.finished == state.submitted && !std::exchange(state.flush_sent, true)) {
    self->send(self, flush_batch{});
  }
}

result<std::optional<std::string>> read_row(const bucket_actor_state& state, std::string_view key) {
  if (state.finder == nullptr) return state.options.rows->latest().read(key);
  const auto row = state.finder->read(key);
  if (!row) return tl::unexpected(row.error());
  if (!*row) return std::nullopt;
  return std::string(**row);
}

/// While one operation changes many documents, reads their rows through one row_finder. One view of
/// the store is enough: only the core changes these rows, and it holds uncommitted ones itself.
class one_slice {
public:
  explicit one_slice(bucket_actor_state& state)
      : state_(state), committed_(state.options.rows->latest()), finder_(committed_) {
    state_.finder = &finder_;
  }
  ~one_slice() { state_.finder = nullptr; }
  one_slice(const one_slice&) = delete;
  one_slice& operator=(const one_slice&) = delete;

private:
  bucket_actor_state& state_;
  const read_view committed_;
  row_finder finder_;
};

// Work, in slices
// -------------------------------------------------------------------------------------------------

/// True for a write that removes a query. It gets its own batch, which storage writes even below
/// the free-space floor.
bool makes_room(const write_group& group) {
  return group.ops.size() == 1 && group.ops.front().what == write_op::kind::remove &&
         is_query_document(group.ops.front().id);
}

/// Refuses work here when free space is below the floor: if storage refused the batch, the bucket
/// would have to rebuild its core.
std::optional<error> lack_of_room(const bucket_actor_state& state) {
  const store& rows = *state.options.rows;
  if (rows.writable() || rows.failed()) return std::nullopt;
  return rows.why_not_writable();
}

enum class slice_end : uint8_t {
  done,      ///< the first work is done
  time_over, ///< continue after other actors had their turn
  held,      ///< continue when a batch is written
};

/// The batch whose commit allows the answer to the current work. Even work that was refused or
/// changed nothing waits for it, because the outcome may depend on uncommitted writes.
uint64_t batch_of_now(const bucket_actor_state& state) {
  return state.core->dirty() ? state.submitted + 1 : state.submitted;
}

void answer_write(bucket_pointer self, const write_documents& asked) {
  bucket_actor_state& state = self->state;
  const uint64_t batch = batch_of_now(state);
  if (batch == state.finished) {
    (*asked.answer)(write_answer{{ec::none, {}}, std::move(state.now.outcomes)});
    return;
  }
  const bool in_parts = state.submitted >= state.now.first;
  state.answers.push_back({in_parts ? state.now.first : batch,
                           batch,
                           asked.answer,
                           std::move(state.now.outcomes),
                           {},
                           {},
                           state.now.begun});
  const bool room = makes_room(*asked.group);
  in_parts || room ? submit(self, room) : submit_soon(self);
}

/// The deadline of a write has passed. The applied part of a write that is not atomic stays.
void answer_late(bucket_actor_state& state, const write_documents& asked) {
  if (state.core->in_group()) state.core->undo_group();
  if (state.now.next == 0 || asked.group->atomic) {
    answer_problem(asked.answer, ec::deadline_exceeded,
                   state.now.next == 0 ? "the write waited too long; it was not begun"
                                       : "the write took too long; nothing was applied");
  } else {
    answer_problem(asked.answer, ec::ambiguous,
                   std::string(part_may_be_there) + "it took too long)");
  }
}

/// Starts an atomic group in a batch of its own.
void begin_group(bucket_pointer self) {
  submit(self);
  self->state.core->begin_group();
}

void start_work(bucket_pointer self, bool whole) {
  if (whole) begin_group(self);
  self->state.now.started = true;
  self->state.now.first = self->state.submitted + 1;
}

/// False if the group is refused.
bool keeps_group(bucket_actor_state& state, const write_group& group) {
  auto& outcomes = state.now.outcomes;
  if (auto fits = state.core->check_group(); !fits) outcomes.back().problem = fits.error();
  if (outcomes.back().ok()) return true;
  state.core->undo_group();
  outcomes = refuse_others(group, std::move(outcomes));
  return false;
}

/// All changes of an atomic bulk go into one batch. Of any other bulk, storage writes the first
/// batches while the bucket applies the rest.
slice_end go_on(bucket_pointer self, const write_documents& asked, steady_time until) {
  bucket_actor_state& state = self->state;
  const write_group& group = *asked.group;
  if (state.options.clock() > asked.deadline) {
    answer_late(state, asked);
    submit_soon(self);
    return slice_end::done;
  }
  if (!state.now.started) {
    const bool room = makes_room(group);
    if (const auto lack = lack_of_room(state); lack && !room) {
      answer_problem(asked.answer, lack->code, lack->reason);
      return slice_end::done;
    }
    asked.answer->begin(write_answer{
        {ec::ambiguous, "the write may or may not have been applied: read to know"}, {}});
    start_work(self, group.atomic || room);
  }
  const bool many = group.ops.size() > 1;
  std::optional<one_slice> slice;
  if (many) slice.emplace(state);
  for (size_t& next = state.now.next; next < group.ops.size();) {
    state.now.outcomes.push_back(state.core->apply(group.ops[next++]));
    if (group.atomic && !keeps_group(state, group)) break;
    if (many && state.core->batch_bytes() >= defaults::bulk_batch_bytes) submit(self);
    if (next == group.ops.size()) break;
    if (is_held(state)) return slice_end::held;
    if (state.options.clock() >= until) return slice_end::time_over;
  }
  if (state.core->in_group()) state.core->keep_group();
  answer_write(self, asked);
  return slice_end::done;
}

/// The store was reopened since the link read the state that its batch depends on.
bool is_stale(const bucket_actor_state& state, uint64_t reopens) {
  return state.options.rows->reopens() != reopens;
}

/// Merges one document of a batch. If that fails and the document is not left out, the batch ends
/// (false). An import is then undone. Of a peer's batch, the documents before it stay merged, the
/// checkpoint does not move, and later batches of the same run are refused.
bool merge_one(bucket_actor_state& state, const replication::apply_batch& what,
               const replicated_document& document) {
  bucket_core& core = *state.core;
  replication::batch_outcome& outcome = state.now.merged;
  const bool whole = what.peer_id.empty();
  const auto merged = core.merge(document, what.limits);
  error problem = merged ? error{ec::none, {}} : merged.error();
  if (whole && merged)
    if (auto fits = core.check_group(); !fits) problem = fits.error();
  if (problem.code == ec::none) return true;
  const bool left_out = !whole && is_left_out(document.id, problem.code);
  if (whole || left_out) outcome.refused.push_back(document.id);
  if (left_out) return true;
  outcome.code = problem.code;
  outcome.reason = problem.reason;
  if (whole) {
    core.undo_group();
  } else {
    log::warn("a document cannot be merged", {{"bucket", what.bucket}, {"reason", problem.reason}});
    core.end_run(what.peer_id);
  }
  return false;
}

/// False if none of the batch may be merged.
bool start_merge(bucket_pointer self, const merge_documents& asked) {
  bucket_actor_state& state = self->state;
  const replication::apply_batch& what = *asked.what;
  state.now.merged.code = ec::overloaded;
  if (is_stale(state, asked.reopens)) return false;
  if (!state.core->continue_run(what.peer_id, what.run, what.first)) return false;
  state.now.merged.code = ec::none;
  asked.answer->begin(replication::batch_outcome{ec::ambiguous, {}, {}});
  start_work(self, what.peer_id.empty());
  return true;
}

void answer_merge(bucket_pointer self, const merge_documents& asked) {
  bucket_actor_state& state = self->state;
  const uint64_t batch = batch_of_now(state);
  if (batch == state.finished) return (*asked.answer)(std::move(state.now.merged));
  state.answers.push_back({batch, batch, {}, {}, asked.answer, std::move(state.now.merged), false});
  submit_soon(self);
}

slice_end go_on(bucket_pointer self, const merge_documents& asked, steady_time until) {
  bucket_actor_state& state = self->state;
  const replication::apply_batch& what = *asked.what;
  const auto& documents = what.documents;
  if (state.options.clock() > asked.deadline) {
    if (state.core->in_group()) state.core->undo_group();
    (*asked.answer)({ec::deadline_exceeded, "it took too long; nothing was applied", {}});
    return slice_end::done;
  }
  if (const auto lack = lack_of_room(state); lack && !state.now.started) {
    (*asked.answer)({lack->code, lack->reason, {}});
    return slice_end::done;
  }
  if (!state.now.started && !start_merge(self, asked)) {
    answer_merge(self, asked);
    return slice_end::done;
  }
  std::optional<one_slice> slice;
  if (documents.size() > 1) slice.emplace(state);
  for (size_t& next = state.now.next; next < documents.size();) {
    if (!merge_one(state, what, documents[next++])) break;
    if (next == documents.size()) break;
    if (state.core->batch_bytes() >= defaults::batch_bytes) submit(self);
    if (is_held(state)) return slice_end::held;
    if (state.options.clock() >= until) return slice_end::time_over;
  }
  if (state.core->in_group()) state.core->keep_group();
  if (state.now.merged.code == ec::none && what.reached)
    state.core->note_checkpoint(what.peer_id, *what.reached);
  answer_merge(self, asked);
  return slice_end::done;
}

slice_end go_on(bucket_pointer self, const record_checkpoint& asked, steady_time) {
  bucket_actor_state& state = self->state;
  if (is_stale(state, asked.reopens) || lack_of_room(state)) return slice_end::done;
  state.core->note_checkpoint(asked.peer, asked.reached);
  submit_soon(self);
  return slice_end::done;
}

/// Continues after the messages in the mailbox; CAF lets other actors run in between.
void plan(bucket_pointer self) {
  if (!std::exchange(self->state.planned, true)) self->send(self, tick{});
}

/// Works on the waiting items for one slice.
void go_on(bucket_pointer self) {
  bucket_actor_state& state = self->state;
  if (!state.core || state.planned) return;
  const steady_time until = state.options.clock() + defaults::bucket_slice;
  while (!state.waiting.empty() && !is_held(state)) {
    const slice_end end = std::visit([&](const auto& asked) { return go_on(self, asked, until); },
                                     state.waiting.front());
    if (end == slice_end::held) return;
    if (end == slice_end::time_over) return plan(self);
    state.now = {};
    state.waiting.pop_front();
    if (!state.waiting.empty() && state.options.clock() >= until) return plan(self);
  }
}

/// The core was dropped, so the work in progress cannot continue.
void give_up_work(bucket_actor_state& state, ec code, const std::string& reason) {
  if (!state.now.started) return;
  if (state.now.begun) {
    refuse(state.waiting.front(), ec::ambiguous, part_may_be_there + reason + ")");
  } else {
    refuse(state.waiting.front(), code, reason);
  }
  state.now = {};
  state.waiting.pop_front();
}

void tell_followers(bucket_pointer self, uint64_t sequence) {
  bucket_actor_state& state = self->state;
  if (sequence <= state.told) return;
  state.told = sequence;
  for (const follower_actor& follower : state.options.followers) {
    self->send(follower, activity_advanced{state.options.number, sequence});
  }
}

void tell_of_queries(bucket_pointer self) {
  const bucket_options& options = self->state.options;
  if (options.query_keeper) self->send(options.query_keeper, queries_changed{options.number});
}

void tell_what_is_synced(bucket_pointer self) {
  const bucket_options& options = self->state.options;
  // If the store closed again meanwhile, storage sends batches_synced when it is open.
  const auto stored = options.rows->synced().state(options.number);
  if (stored) tell_followers(self, stored->sequence);
}

void refuse_waiting(bucket_actor_state& state, ec code, const std::string& reason) {
  for (const auto& work : std::exchange(state.waiting, {})) refuse(work, code, reason);
}

void start_core(bucket_pointer self, uint64_t epoch) {
  bucket_actor_state& state = self->state;
  const auto stored = state.options.rows->latest().state(state.options.number);
  if (!stored) {
    log::error("a bucket cannot read its state",
               {{"bucket", state.options.number}, {"reason", stored.error().reason}});
    refuse_waiting(state, stored.error().code, stored.error().reason);
    return;
  }
  state.epoch = epoch;
  state.submitted = state.finished = 0;
  state.last_sequence = stored->sequence;
  state.forget_batches(UINT64_MAX);
  // A batch with an unknown fate may have defined queries.
  if (std::exchange(state.query_batch, 0) != 0 || stored->queries > 0) tell_of_queries(self);
  state.core.emplace(
      state.options.number, *stored,
      [&state](std::string_view key) { return read_row(state, key); }, state.options.limits);
  tell_what_is_synced(self); // a predecessor may have died before it told followers
  go_on(self);
}

void begun(bucket_pointer self, const epoch_begun& answer) {
  self->state.beginning = false;
  if (answer.code == ec::none) {
    start_core(self, answer.epoch);
  } else {
    refuse_waiting(self->state, answer.code, answer.reason);
  }
}

/// Marks work with a part in this batch, which is or may be stored, that also needs a later batch.
void note_begun(bucket_actor_state& state, uint64_t batch) {
  for (auto& waiting : state.answers) {
    if (waiting.first > batch) return;
    if (waiting.batch > batch) waiting.begun = true;
  }
  if (state.now.started && state.now.first <= batch) state.now.begun = true;
}

/// Storage refused a batch, or its write failed. Storage answers each submitted batch; batches that
/// were not submitted are refused here.
void fail_batch(bucket_pointer self, const batch_done& done) {
  bucket_actor_state& state = self->state;
  if (done.code == ec::ambiguous) note_begun(state, done.number);
  while (!state.answers.empty() && state.answers.front().batch <= done.number) {
    refuse(state.answers.front(), done.code, done.reason);
    state.answers.pop_front();
  }
  if (!state.core) return; // it is already starting over
  while (!state.answers.empty() && state.answers.back().batch > state.submitted) {
    refuse(state.answers.back(), ec::disk_full, "an earlier write failed; nothing was applied");
    state.answers.pop_back();
  }
  give_up_work(state, ec::disk_full, "an earlier write failed; nothing was applied");
  begin_new_epoch(self);
}

void finish(bucket_pointer self, const batch_done& done) {
  bucket_actor_state& state = self->state;
  if (done.epoch != state.epoch) return;
  if (done.code != ec::none) {
    fail_batch(self, done);
    return;
  }
  state.finished = done.number;
  state.core->committed(done.number);
  note_begun(state, done.number);
  while (!state.answers.empty() && state.answers.front().batch <= done.number) {
    auto& ready = state.answers.front();
    if (ready.write) (*ready.write)(write_answer{{ec::none, {}}, std::move(ready.outcomes)});
    if (ready.merge) (*ready.merge)(ready.merged);
    state.answers.pop_front();
  }
  const uint64_t sequence = state.forget_batches(done.number);
  if (done.synced) tell_followers(self, sequence);
  if (state.query_batch != 0 && state.query_batch <= done.number) {
    state.query_batch = 0;
    tell_of_queries(self);
  }
  submit_soon(self);
  go_on(self);
}

/// Applies the work now, or after the waiting work, or when the epoch has begun.
void take(bucket_pointer self, bucket_actor_state::work&& asked) {
  bucket_actor_state& state = self->state;
  state.waiting.push_back(std::move(asked));
  if (!state.core) return begin_new_epoch(self);
  if (state.waiting.size() == 1) go_on(self);
}

} // namespace

uint64_t bucket_actor_state::forget_batches(uint64_t up_to) {
  uint64_t sequence = 0;
  for (; !on_their_way.empty() && on_their_way.front().number <= up_to; on_their_way.pop_front()) {
    const batch_on_its_way& batch = on_their_way.front();
    sequence = batch.sequence;
    bytes_on_their_way -= batch.bytes;
    if (options.counters) options.counters->bytes_on_their_way.fetch_sub(batch.bytes);
  }
  return sequence;
}

bucket_actor::behavior_type bucket(bucket_pointer self, bucket_options options) {
  self->state.options = std::move(options);
  // A predecessor may have died after it submitted a batch with query definitions.
  self->state.query_batch = 1;
  begin_new_epoch(self);
  return {
      [self](const write_documents& asked) { take(self, asked); },
      [self](const merge_documents& asked) { take(self, asked); },
      [self](const record_checkpoint& asked) {
        if (self->state.core) take(self, asked); // if it is lost, the link compares again
      },
      [self](tick) {
        self->state.planned = false;
        go_on(self);
      },
      [self](const epoch_begun& answer) { begun(self, answer); },
      [self](const batch_done& done) { finish(self, done); },
      [self](batches_synced) { tell_what_is_synced(self); },
      [self](const followers_changed& news) { self->state.options.followers = news.followers; },
      [self](flush_batch) {
        self->state.flush_sent = false;
        if (self->state.finished == self->state.submitted) submit(self);
      },
  };
}

} // namespace treadmill
