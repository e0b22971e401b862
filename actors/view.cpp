#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/defaults.hpp"
#include "actors/function_calls.hpp"
#include "actors/logging.hpp"
#include "actors/view.hpp"
#include "net/base/clock.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {
namespace {

using view_pointer = view_actor::stateful_pointer<view_state>;
using phase = view_state::phase;

void pump(view_pointer self);

// Showing
// -------------------------------------------------------------------------------------------------

query_phase phase_of(const view_state& state) {
  const index_build& answering = *state.current;
  if (!state.obstacle.empty() && answering.state.phase != index_phase::complete)
    return query_phase::suspended;
  if (state.next && state.next->suspended()) return query_phase::suspended;
  if (state.next || state.at == phase::numbering) return query_phase::redefining;
  if (answering.suspended()) return query_phase::suspended;
  return answering.state.phase == index_phase::complete ? query_phase::ready
                                                        : query_phase::building;
}

void show(const view_state& state) {
  if (!state.current) return;
  const index_build& last = state.next ? *state.next : *state.current;
  shown_query shown;
  shown.name = state.options.name;
  shown.definition = last.source;
  shown.phase = phase_of(state);
  shown.where = state.current->where;
  shown.answering = state.current->source;
  shown.how = state.current->how;
  shown.state = state.current->state;
  if (state.next) shown.next = state.next->state;
  shown.before = state.current->before;
  if (!state.obstacle.empty()) shown.problem = state.obstacle;
  if (last.suspended()) shown.problem = last.suspension();
  shown.rate = last.rate();
  shown.owner = state.owner;
  state.options.board->show(state.options.bucket, std::move(shown));
}

// Waiting
// -------------------------------------------------------------------------------------------------

void tick_soon(view_pointer self) {
  if (!std::exchange(self->state.tick_is_due, true))
    self->delayed_send(self, defaults::tick_interval, tick{});
}

/// Stops all work until try_again, so that a failing operation is not retried without a pause.
void pause(view_pointer self) {
  if (std::exchange(self->state.at, phase::paused) != phase::paused)
    self->delayed_send(self, defaults::view_pause, try_again{});
}

error not_yet(const view_state& state) {
  if (!state.current) return {ec::overloaded, "the query is starting: retry"};
  const index_state& index =
      state.current->run ? state.current->run->state() : state.current->state;
  return {ec::overloaded, "the index is at " + std::to_string(index.position) + " of " +
                              std::to_string(std::max(index.target, index.position)) +
                              ": retry, or ask with stale=ok"};
}

void answer_waiting(view_state& state) {
  const index_build* last = state.next ? &*state.next : state.current ? &*state.current : nullptr;
  const bool suspended = last != nullptr && last->suspended() && state.at != phase::numbering;
  const bool consistent = state.current && state.current->state.consistent();
  const uint64_t covered = consistent ? state.current->state.sequence : 0;
  const auto now = clock::now();
  std::erase_if(state.waiting, [&](const await_index& wanted) {
    if (suspended) {
      (*wanted.answer)(fail(ec::query_suspended, last->suspension()));
    } else if (!state.obstacle.empty() && !(consistent && covered >= wanted.sequence)) {
      (*wanted.answer)(fail(ec::query_suspended, state.obstacle));
    } else if (consistent && covered >= wanted.sequence) {
      (*wanted.answer)({});
    } else if (now >= wanted.deadline) {
      (*wanted.answer)(tl::unexpected(not_yet(state)));
    } else {
      return false;
    }
    return true;
  });
}

/// Frees the view's place in the queue for row slots if no build needs it any more. While a slot is
/// reserved for a view that does not take it, the builds of all other views wait.
void leave_queue(view_state& state) {
  for (const auto* of : {&state.current, &state.next})
    if (*of && (*of)->wants_slot) return;
  if (std::exchange(state.queued, false)) state.options.slots->leave(state.owner);
}

void start_over(view_pointer self, const error& problem) {
  if (self->state.told != problem.reason)
    log::warn("a query restarts from its stored state",
              {{"query", self->state.options.name}, {"reason", problem.reason}});
  self->state.told = self->state.obstacle; // an obstacle is logged once
  // Answers to the jobs and number requests that are still out will find no index and are ignored.
  self->state.current.reset();
  self->state.next.reset();
  leave_queue(self->state);
  pause(self);
}

// Definitions
// -------------------------------------------------------------------------------------------------

/// The stored form of the query's definition; nothing if it is deleted.
result<std::optional<std::string>> read_definition(const view_state& state, const read_view& at) {
  const auto bytes =
      at.read(keys::document(state.options.bucket, query_document_id(state.options.name)));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return std::nullopt;
  const auto row = document_row::decode(**bytes);
  if (!row) return tl::unexpected(row.error());
  if (row->deleted) return std::nullopt;
  return std::string(row->body);
}

/// Discards the view's indexes and reads them again from the store.
result<void> read_builds(view_state& state) {
  state.current.reset();
  state.next.reset();
  const auto bytes =
      state.options.rows->latest().read(keys::query(state.options.bucket, state.options.name));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return {};
  const auto row = query_row::decode(**bytes);
  if (!row) return tl::unexpected(row.error());
  if (row->index != 0) {
    state.current = index_build::of({state.options.bucket, row->index}, row->definition);
    if (auto read = state.current->read_state(*state.options.rows); !read) return read;
  }
  if (row->next != 0) {
    state.next = index_build::of({state.options.bucket, row->next}, row->next_definition);
    if (auto read = state.next->read_state(*state.options.rows); !read) return read;
  }
  return {};
}

/// Records in the store which indexes belong to the query.
void put_query_row(const view_state& state, row_batch& rows) {
  query_row row;
  if (state.current) {
    row.index = state.current->where.index;
    row.definition = state.current->definition;
  }
  if (state.next) {
    row.next = state.next->where.index;
    row.next_definition = state.next->definition;
  }
  rows.put(keys::query(state.options.bucket, state.options.name), row.encode());
}

void commit(view_pointer self, index_build& of, row_batch rows, bool drops = false) {
  of.at = index_build::phase::committing;
  const view_options& options = self->state.options;
  self->send(options.storage,
             commit_index{of.where.bucket, of.where.index,
                          std::make_shared<const row_batch>(std::move(rows)), drops,
                          options.board->followed(options.bucket, options.name)});
}

void forget(view_pointer self, const index_build& gone) {
  self->send(self->state.options.pool, forget_function{gone.map->id});
  if (gone.reduce) self->send(self->state.options.pool, forget_function{gone.reduce->id});
}

void drop_index(row_batch& rows, const index_build& gone) {
  rows.put(keys::dead_index(gone.where.bucket, gone.where.index), "");
}

/// Starts building an index with a fresh number: the only one, or beside the one that answers.
void begin_build(view_pointer self, uint32_t index) {
  view_state& state = self->state;
  row_batch rows;
  index_build made = index_build::of({state.options.bucket, index}, state.wanted);
  bool drops = false;
  if (!state.current) {
    state.current = std::move(made);
  } else {
    if (state.next) {
      drop_index(rows, *state.next);
      forget(self, *state.next);
      drops = true;
    }
    state.next = std::move(made);
  }
  put_query_row(state, rows);
  index_build& began = state.next ? *state.next : *state.current;
  rows.put(keys::index_state(began.where.bucket, began.where.index), began.state.encode());
  commit(self, began, std::move(rows), drops);
}

/// Asks for an index number, to settle or for a new index.
void ask_number(view_pointer self, phase why) {
  self->state.at = why;
  ++self->state.numbers_out;
  self->send(self->state.options.storage, begin_index{self->state.options.bucket});
}

/// Compares the newest index with the current definition and requests a new index if they differ.
/// False: the query is deleted, and the node ends this view.
result<bool> look_at(view_pointer self, const read_view& at) {
  view_state& state = self->state;
  auto defined = read_definition(state, at);
  if (!defined) return tl::unexpected(defined.error());
  if (!*defined) return false;
  const index_build* last = state.next ? &*state.next : state.current ? &*state.current : nullptr;
  if (last != nullptr && last->definition == **defined) return true;
  state.wanted = std::move(**defined);
  if (state.at == phase::serving) ask_number(self, phase::numbering);
  return true;
}

/// The new index is complete: it answers from now on, and the old index is dropped.
void promote(view_pointer self) {
  view_state& state = self->state;
  row_batch rows;
  drop_index(rows, *state.current);
  forget(self, *state.current);
  state.current = std::move(state.next);
  state.next.reset();
  put_query_row(state, rows);
  commit(self, *state.current, std::move(rows), true);
}

/// Commits of a crashed predecessor may still be queued at storage. Index numbers are answered in
/// FIFO order, so once ours arrives those commits are visible.
void settle(view_pointer self) { ask_number(self, phase::settling); }

void start(view_pointer self) {
  auto read = read_builds(self->state);
  result<bool> looked = true;
  if (read) looked = look_at(self, self->state.options.rows->latest());
  if (!read || !looked) {
    start_over(self, read ? looked.error() : read.error());
    return;
  }
  // The node ended between the last batch of a new index and its promotion.
  if (self->state.next && self->state.next->state.consistent()) promote(self);
  show(self->state);
  pump(self);
  answer_waiting(self->state);
}

// Runs
// -------------------------------------------------------------------------------------------------

/// Gives the pool the documents of a part that it has not answered.
void ask_pool(view_pointer self, index_build& of, uint64_t ticket) {
  index_build::part_out& part = of.out.at(ticket);
  part.asked = true;
  auto job = std::make_shared<js::map_job>(
      map_job_of(of.map, std::span(part.documents).subspan(part.answered), of.state.strikes > 0));
  self->send(self->state.options.pool, map_documents{of.where.index, ticket, std::move(job)});
}

/// Gives the pool the reductions that it has not answered.
void ask_reduction(view_pointer self, index_build& of) {
  const index_build::reduction_out& out = of.reducing;
  auto job = std::make_shared<js::reduce_job>();
  job->what = of.reduce;
  job->suspect = of.state.strikes > 0;
  job->calls.assign(out.calls.begin() + static_cast<std::ptrdiff_t>(out.values.size()),
                    out.calls.end());
  self->send(self->state.options.pool, reduce_values{of.where.index, out.ticket, std::move(job)});
}

void begin_reduction(view_pointer self, index_build& of, std::vector<reduce_block> blocks) {
  index_build::reduction_out out;
  out.ticket = ++self->state.last_ticket;
  for (reduce_block& block : blocks)
    out.calls.push_back({block.rereduce(), std::move(block.keys), std::move(block.values)});
  of.reducing = std::move(out);
  of.at = index_build::phase::reducing;
  ask_reduction(self, of);
}

/// Asks for the rest of a part only after the rows of its last answer are committed, so that no
/// part holds the rows of two answers in memory. Then asks for new parts while slots are free.
result<void> ask_parts(view_pointer self, index_build& of) {
  view_state& state = self->state;
  of.wants_slot = false;
  for (auto& [ticket, part] : of.out)
    if (!part.asked && !of.run->holds_rows(part.number)) ask_pool(self, of, ticket);
  while (of.run->parts_out() < state.options.parts_out && of.run->parts_left()) {
    auto slot = state.options.slots->take(
        state.owner, [me = caf::actor_cast<follower_actor>(self), bucket = state.options.bucket] {
          caf::anon_send(me, activity_advanced{bucket, 0});
        });
    if (!slot) {
      of.wants_slot = state.queued = true;
      return {};
    }
    auto part = of.run->next_part();
    if (!part) return tl::unexpected(std::move(part.error()));
    if (!*part) return {};
    if ((*part)->documents.empty()) continue;
    const uint64_t number = (*part)->number;
    const uint64_t ticket = ++state.last_ticket;
    of.slots.emplace(number, std::move(slot));
    of.out.emplace(ticket, index_build::part_out{number, std::move((*part)->documents)});
    ask_pool(self, of, ticket);
  }
  return {};
}

result<void> take_step(view_pointer self, index_build& of) {
  auto step = of.run->next_step();
  if (!step) return tl::unexpected(std::move(step.error()));
  switch (step->what) {
  case index_run::step::kind::wait: break;
  case index_run::step::kind::reduce: begin_reduction(self, of, std::move(step->blocks)); break;
  case index_run::step::kind::commit: commit(self, of, std::move(step->rows)); break;
  case index_run::step::kind::done: of.end_run(); break;
  }
  return {};
}

result<void> start_run(view_pointer self, index_build& of) {
  const read_view at = self->state.options.rows->snapshot();
  // If the snapshot includes a redefinition of the query, notice that first: an index that covers
  // the redefinition must already be shown as the old one.
  const auto defined = look_at(self, at);
  if (!defined) return tl::unexpected(defined.error());
  if (!*defined) return {};
  const auto bucket = at.state(of.where.bucket);
  if (!bucket) return tl::unexpected(bucket.error());
  if (of.state.phase != index_phase::reducing && bucket->sequence == of.state.position &&
      of.state.consistent()) {
    return {};
  }
  // Between the batches of a run, the index is not consistent. During a run of several batches,
  // requests read the index in the run's snapshot, as it was before.
  if (of.state.consistent() && bucket->sequence - of.state.sequence > 1) {
    of.before = at;
    show(self->state);
  }
  of.run_began = clock::now();
  of.run_from = of.state.position;
  of.run = std::make_unique<index_run>(*self->state.options.rows, at, bucket->sequence, of.where,
                                       of.state, of.how);
  of.at = index_build::phase::mapping;
  return {};
}

/// Continues a run as far as possible without an answer from another actor.
result<void> advance(view_pointer self, index_build& of) {
  if (of.at == index_build::phase::committing || of.at == index_build::phase::reducing ||
      of.suspended())
    return {};
  if (!of.run) {
    if (auto started = start_run(self, of); !started || !of.run) return started;
  }
  if (auto asked = ask_parts(self, of); !asked) return asked;
  return take_step(self, of);
}

void pump(view_pointer self) {
  view_state& state = self->state;
  if (state.at == phase::paused) return;
  for (auto* of : {&state.current, &state.next}) {
    if (!*of) continue;
    if (auto done = advance(self, **of); !done) {
      start_over(self, done.error());
      return;
    }
  }
  leave_queue(state);
}

index_build* find_build(view_state& state, uint32_t index) {
  if (state.current && state.current->where.index == index) return &*state.current;
  if (state.next && state.next->where.index == index) return &*state.next;
  return nullptr;
}

/// The pool could not run the function: it has no worker, or the text is not a function.
void give_up(view_pointer self, index_build& of, js::outcome how, const std::string& message) {
  if (how == js::outcome::unavailable) {
    const error problem = treadmill::problem_of(how, message);
    start_over(self, problem);
    // Answer waiting requests now: workers may be missing until an operator acts.
    for (const await_index& wanted : std::exchange(self->state.waiting, {}))
      (*wanted.answer)(tl::unexpected(problem));
  }
  if (how != js::outcome::bad_function) return;
  of.problem = message;
  of.end_run();
  leave_queue(self->state);
  answer_waiting(self->state);
  show(self->state);
}

void reduced(view_pointer self, const values_reduced& done) {
  view_state& state = self->state;
  index_build* of = find_build(state, done.index);
  if (of == nullptr || of->at != index_build::phase::reducing || of->reducing.ticket != done.ticket)
    return;
  const js::reduce_answer& answer = *done.answer;
  if (answer.how != js::outcome::done) {
    give_up(self, *of, answer.how, answer.message);
    return;
  }
  index_build::reduction_out& out = of->reducing;
  for (const js::reduced& made : answer.values)
    out.values.push_back(checked_value(made, state.options.limits));
  if (out.values.size() < out.calls.size()) {
    ask_reduction(self, *of);
    return;
  }
  of->run->reduced(std::move(out.values));
  of->at = index_build::phase::mapping;
  pump(self);
}

/// Counts strikes before the part is complete: a part with a few hundred endless documents would
/// take minutes. The part's other rows are discarded; a redefinition maps those documents again.
void count_strikes(view_pointer self, index_build& of) {
  const index_run::strikes waiting = of.run->strikes_waiting();
  const uint32_t strikes = of.run->state().strikes + waiting.count;
  if (of.at == index_build::phase::committing || waiting.count == 0 ||
      strikes < defaults::query_strikes)
    return;
  of.state.strikes = strikes;
  of.state.errors += strikes;
  of.state.error_id = waiting.id;
  of.state.error_message = waiting.problem;
  of.end_run();
  leave_queue(self->state);
  row_batch rows;
  rows.put(keys::index_state(of.where.bucket, of.where.index), of.state.encode());
  commit(self, of, std::move(rows));
}

void mapped(view_pointer self, const documents_mapped& done) {
  view_state& state = self->state;
  index_build* of = find_build(state, done.index);
  if (of == nullptr || !of->run) return;
  const auto out = of->out.find(done.ticket);
  if (out == of->out.end()) return;
  const js::map_answer& answer = *done.answer;
  if (answer.how != js::outcome::done) {
    give_up(self, *of, answer.how, answer.message);
    return;
  }
  index_build::part_out& part = out->second;
  std::vector<run_rows> rows;
  for (const js::mapped& made : answer.documents)
    rows.push_back(checked_rows(made, state.options.limits));
  part.asked = false;
  part.answered += rows.size();
  of->run->mapped(part.number, std::move(rows));
  if (part.answered >= part.documents.size()) of->out.erase(out);
  count_strikes(self, *of);
  if (of->suspended()) return;
  pump(self);
}

void committed(view_pointer self, const index_committed& done) {
  view_state& state = self->state;
  index_build* of = find_build(state, done.index);
  if (of == nullptr) return;
  of->at = of->run ? index_build::phase::mapping : index_build::phase::resting;
  if (done.code != ec::none) {
    if (done.code == ec::disk_full) {
      state.obstacle = done.reason;
      show(state);
      answer_waiting(state);
    }
    start_over(self, {done.code, done.reason});
    return;
  }
  state.obstacle.clear();
  if (of->run) {
    of->slots.erase(of->slots.begin(), of->slots.lower_bound(of->run->oldest_part()));
    of->state = of->run->state();
    const bool complete = of->state.consistent() && of->state.sequence == of->run->target();
    if (complete || of->suspended()) {
      of->end_run();
    } else {
      count_strikes(self, *of);
    }
    if (complete)
      self->send(state.options.gateway, activity_advanced{of->where.bucket, of->state.sequence});
  }
  if (state.next && state.next->state.consistent()) promote(self);
  show(state);
  answer_waiting(state);
  pump(self);
}

void look_again(view_pointer self) {
  if (auto looked = look_at(self, self->state.options.rows->latest()); !looked)
    start_over(self, looked.error());
  show(self->state);
}

void number_given(view_pointer self, const index_begun& given) {
  view_state& state = self->state;
  // Only the last request counts: those before it are from before a failure.
  if (--state.numbers_out > 0 || (state.at != phase::settling && state.at != phase::numbering))
    return;
  if (given.code != ec::none) {
    pause(self);
    return;
  }
  if (std::exchange(state.at, phase::serving) == phase::settling) return start(self);
  begin_build(self, given.index);
  show(self->state);
}

void look_after(view_pointer self) {
  view_state& state = self->state;
  state.tick_is_due = false;
  answer_waiting(state);
  if (!state.waiting.empty()) tick_soon(self);
}

void go_on(view_pointer self) {
  self->state.at = phase::serving;
  if (!self->state.current) return settle(self);
  look_again(self); // a suspended build does not look at the definition by itself
  pump(self);
}

} // namespace

view_state::~view_state() {
  options.slots->leave(owner);
  if (options.board) options.board->remove(options.bucket, options.name, owner);
}

view_actor::behavior_type view(view_pointer self, view_options options) {
  self->state.options = std::move(options);
  self->state.owner = self->id();
  settle(self);
  return {
      [self](const activity_advanced&) { pump(self); },
      [self](const await_index& wanted) {
        self->state.waiting.push_back(wanted);
        // A suspended view does not look at the definition by itself.
        if (self->state.current) look_again(self);
        pump(self);
        answer_waiting(self->state);
        if (!self->state.waiting.empty()) tick_soon(self);
      },
      [self](look_at_definition) {
        if (self->state.current) look_again(self);
        pump(self);
      },
      [self](const index_begun& given) { number_given(self, given); },
      [self](const index_committed& done) { committed(self, done); },
      [self](const documents_mapped& done) { mapped(self, done); },
      [self](const values_reduced& done) { reduced(self, done); },
      [self](tick) { look_after(self); },
      [self](try_again) { go_on(self); },
  };
}

} // namespace treadmill
