#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/bucket_actor.hpp"
#include "actors/defaults.hpp"
#include "actors/logging.hpp"
#include <utility>

namespace treadmill {
namespace {

using bucket_pointer = bucket_actor::stateful_pointer<bucket_actor_state>;

void answer_problem(const reply_ptr<rest::write_answer>& answer, ec code, std::string reason) {
  (*answer)(rest::write_answer{{code, std::move(reason)}, {}});
}

void refuse(const bucket_actor_state::postponed_work& work, ec code, const std::string& reason) {
  if (const auto* write = std::get_if<write_documents>(&work)) {
    answer_problem(write->answer, code, reason);
  } else {
    (*std::get<merge_documents>(work).answer)(code);
  }
}

void refuse(const bucket_actor_state::waiting_answer& waiting, ec code, const std::string& reason) {
  if (waiting.write && waiting.begun) {
    answer_problem(waiting.write, ec::ambiguous,
                   "some of the documents may have been applied: read to know (" + reason + ")");
  } else if (waiting.write) {
    answer_problem(waiting.write, code, reason);
  }
  if (waiting.merge) (*waiting.merge)(code);
}

void begin_new_generation(bucket_pointer self) {
  if (std::exchange(self->state.beginning, true)) return;
  self->state.core.reset();
  self->send(self->state.options.storage, begin_generation{self->state.options.number});
}

void hand_over(bucket_pointer self) {
  bucket_actor_state& state = self->state;
  if (!state.core || !state.core->dirty()) return;
  bucket_core::batch batch = state.core->take_batch();
  const bool lazy = batch.sequence == std::exchange(state.last_sequence, batch.sequence);
  state.handed_over = batch.number;
  state.sequences.emplace_back(batch.number, batch.sequence);
  if (batch.queries) state.query_batch = batch.number;
  self->send(state.options.storage,
             commit_batch{state.options.number, state.generation, batch.number,
                          std::make_shared<const row_batch>(std::move(batch.rows)), lazy});
}

/// Hands over when nothing is on its way, after what is in the mailbox already; or at once when
/// much has gathered.
void hand_over_soon(bucket_pointer self) {
  bucket_actor_state& state = self->state;
  if (!state.core->dirty()) return;
  if (state.core->batch_bytes() >= defaults::batch_bytes) {
    hand_over(self);
  } else if (state.finished == state.handed_over && !std::exchange(state.flush_sent, true)) {
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

/// While many documents are changed, their rows are looked for in one slice: no other than the core
/// changes them, and what is not committed yet it has itself.
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

/// What an atomic bulk changes is in one batch; of any other, what has gathered is written while
/// the rest is applied.
std::vector<write_outcome> apply_group(bucket_pointer self, const write_group& group) {
  bucket_core& core = *self->state.core;
  if (group.ops.size() < 2) return core.apply(group);
  const one_slice slice(self->state);
  if (group.atomic) return core.apply(group);
  std::vector<write_outcome> outcomes;
  outcomes.reserve(group.ops.size());
  for (const write_op& op : group.ops) {
    outcomes.push_back(core.apply(op));
    if (core.batch_bytes() >= defaults::bulk_batch_bytes) hand_over(self);
  }
  return outcomes;
}

void apply(bucket_pointer self, const write_documents& asked) {
  bucket_actor_state& state = self->state;
  if (std::chrono::steady_clock::now() > asked.deadline) {
    answer_problem(asked.answer, ec::deadline_exceeded,
                   "the write waited too long; it was not begun");
    return;
  }
  const uint64_t first = state.handed_over + 1;
  std::vector<write_outcome> outcomes = apply_group(self, *asked.group);
  // What was refused, or was there already, may rest on writes that are not committed yet.
  const uint64_t batch = state.core->dirty() ? state.handed_over + 1 : state.handed_over;
  if (batch == state.finished) {
    (*asked.answer)(rest::write_answer{{ec::none, {}}, std::move(outcomes)});
    return;
  }
  const bool in_parts = state.handed_over >= first;
  state.answers.push_back(
      {in_parts ? first : batch, batch, asked.answer, std::move(outcomes), {}, ec::none, false});
  in_parts ? hand_over(self) : hand_over_soon(self);
}

/// A commit has failed since the link read what it rests on.
bool is_stale(const bucket_actor_state& state, uint64_t failures) {
  const auto& counters = state.options.counters;
  return counters != nullptr && counters->failed_commits.load() != failures;
}

/// What was merged before a document that cannot be is good; the checkpoint stays where it was, and
/// nothing that rests on it is taken.
ec merge_all(bucket_actor_state& state, const replication::apply_batch& what) {
  bucket_core& core = *state.core;
  std::optional<one_slice> slice;
  if (what.documents.size() > 1) slice.emplace(state);
  if (!core.continue_run(what.peer_id, what.run, what.first)) return ec::overloaded;
  for (const replicated_document& document : what.documents) {
    if (const auto merged = core.merge(document); !merged) {
      log::warn("a document cannot be merged",
                {{"bucket", what.bucket}, {"reason", merged.error().reason}});
      core.end_run(what.peer_id);
      return merged.error().code;
    }
  }
  if (!what.peer_id.empty()) core.note_checkpoint(what.peer_id, what.reached);
  return ec::none;
}

void apply(bucket_pointer self, const merge_documents& asked) {
  bucket_actor_state& state = self->state;
  if (is_stale(state, asked.failures)) return (*asked.answer)(ec::overloaded);
  const ec merged = merge_all(state, *asked.what);
  const uint64_t batch = state.core->dirty() ? state.handed_over + 1 : state.handed_over;
  if (batch == state.finished) return (*asked.answer)(merged);
  state.answers.push_back({batch, batch, {}, {}, asked.answer, merged, false});
  hand_over_soon(self);
}

void note(bucket_pointer self, const record_checkpoint& asked) {
  bucket_actor_state& state = self->state;
  if (!state.core || is_stale(state, asked.failures)) return;
  state.core->note_checkpoint(asked.peer, asked.reached);
  hand_over_soon(self);
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
  // A store that closed again meanwhile tells so when it is open.
  const auto stored = options.rows->synced().state(options.number);
  if (stored) tell_followers(self, stored->sequence);
}

void refuse_postponed(bucket_actor_state& state, ec code, const std::string& reason) {
  for (const auto& work : std::exchange(state.postponed, {})) refuse(work, code, reason);
}

void start_core(bucket_pointer self, uint64_t generation) {
  bucket_actor_state& state = self->state;
  const auto stored = state.options.rows->latest().state(state.options.number);
  if (!stored) {
    log::error("a bucket cannot read its state",
               {{"bucket", state.options.number}, {"reason", stored.error().reason}});
    refuse_postponed(state, stored.error().code, stored.error().reason);
    return;
  }
  state.generation = generation;
  state.handed_over = state.finished = 0;
  state.last_sequence = stored->sequence;
  state.sequences.clear();
  // A batch whose fate nobody knew may have defined queries.
  if (std::exchange(state.query_batch, 0) != 0 || stored->queries > 0) tell_of_queries(self);
  state.core.emplace(
      state.options.number, *stored,
      [&state](std::string_view key) { return read_row(state, key); }, state.options.limits);
  tell_what_is_synced(self); // of a predecessor that did not come to it
  for (const auto& work : std::exchange(state.postponed, {}))
    std::visit([self](const auto& asked) { apply(self, asked); }, work);
}

void begun(bucket_pointer self, const generation_begun& answer) {
  self->state.beginning = false;
  if (answer.code == 0) {
    start_core(self, answer.generation);
  } else {
    refuse_postponed(self->state, static_cast<ec>(answer.code), answer.reason);
  }
}

/// What waits for a later batch has a part in this one, which is there, or may be.
void note_begun(bucket_actor_state& state, uint64_t batch) {
  for (auto& waiting : state.answers) {
    if (waiting.first > batch) return;
    if (waiting.batch > batch) waiting.begun = true;
  }
}

/// Storage refused or failed a batch. Each batch that it was given gets an answer of its own; what
/// was not handed over never will be.
void fail_batch(bucket_pointer self, const batch_done& done) {
  bucket_actor_state& state = self->state;
  if (static_cast<ec>(done.code) == ec::ambiguous) note_begun(state, done.number);
  while (!state.answers.empty() && state.answers.front().batch <= done.number) {
    refuse(state.answers.front(), static_cast<ec>(done.code), done.reason);
    state.answers.pop_front();
  }
  if (!state.core) return; // it starts over already
  while (!state.answers.empty() && state.answers.back().batch > state.handed_over) {
    refuse(state.answers.back(), ec::disk_full, "an earlier write failed; nothing was applied");
    state.answers.pop_back();
  }
  begin_new_generation(self);
}

void finish(bucket_pointer self, const batch_done& done) {
  bucket_actor_state& state = self->state;
  if (done.generation != state.generation) return;
  if (done.code != 0) {
    fail_batch(self, done);
    return;
  }
  state.finished = done.number;
  state.core->committed(done.number);
  note_begun(state, done.number);
  while (!state.answers.empty() && state.answers.front().batch <= done.number) {
    auto& ready = state.answers.front();
    if (ready.write) (*ready.write)(rest::write_answer{{ec::none, {}}, std::move(ready.outcomes)});
    if (ready.merge) (*ready.merge)(ready.merged);
    state.answers.pop_front();
  }
  uint64_t sequence = 0;
  std::erase_if(state.sequences, [&](const auto& item) {
    if (item.first > done.number) return false;
    sequence = item.second;
    return true;
  });
  if (done.synced) tell_followers(self, sequence);
  if (state.query_batch != 0 && state.query_batch <= done.number) {
    state.query_batch = 0;
    tell_of_queries(self);
  }
  hand_over_soon(self);
}

/// Now, or when the generation has begun.
template<class Asked>
void apply_or_postpone(bucket_pointer self, const Asked& asked) {
  if (self->state.core) {
    apply(self, asked);
    return;
  }
  self->state.postponed.push_back(asked);
  begin_new_generation(self);
}

} // namespace

bucket_actor::behavior_type bucket(bucket_pointer self, bucket_options options) {
  self->state.options = std::move(options);
  begin_new_generation(self);
  return {
      [self](const write_documents& asked) { apply_or_postpone(self, asked); },
      [self](const merge_documents& asked) { apply_or_postpone(self, asked); },
      [self](const record_checkpoint& asked) { note(self, asked); },
      [self](const generation_begun& answer) { begun(self, answer); },
      [self](const batch_done& done) { finish(self, done); },
      [self](batches_synced) { tell_what_is_synced(self); },
      [self](const followers_changed& news) { self->state.options.followers = news.followers; },
      [self](flush_batch) {
        self->state.flush_sent = false;
        if (self->state.finished == self->state.handed_over) hand_over(self);
      },
  };
}

} // namespace treadmill
