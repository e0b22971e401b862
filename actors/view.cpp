#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/defaults.hpp"
#include "actors/function_calls.hpp"
#include "actors/logging.hpp"
#include "actors/view.hpp"
#include "storage/keys.hpp"
#include "storage/rows.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {
namespace {

using view_pointer = view_actor::stateful_pointer<view_state>;
using generation = view_state::generation;
using clock = std::chrono::steady_clock;

void pump(view_pointer self);

// Showing
// -------------------------------------------------------------------------------------------------

rest::query_phase phase_of(const view_state& state) {
  const generation& answering = *state.current;
  if (!state.obstacle.empty() && answering.state.phase != index_phase::complete)
    return rest::query_phase::suspended;
  if (state.next && state.next->suspended()) return rest::query_phase::suspended;
  if (state.next || state.numbering) return rest::query_phase::redefining;
  if (answering.suspended()) return rest::query_phase::suspended;
  return answering.state.phase == index_phase::complete ? rest::query_phase::ready
                                                        : rest::query_phase::building;
}

double rate_of(const generation& of) {
  if (!of.run) return 0;
  const std::chrono::duration<double> took = clock::now() - of.run_began;
  return static_cast<double>(of.run->state().position - of.run_from) / std::max(took.count(), 1e-3);
}

std::string problem_of(const generation& of) {
  if (!of.problem.empty()) return of.problem;
  return "document " + of.state.error_id + ": " + of.state.error_message;
}

void show(const view_state& state) {
  if (!state.current) return;
  const generation& last = state.next ? *state.next : *state.current;
  rest::shown_query shown;
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
  if (last.suspended()) shown.problem = problem_of(last);
  shown.rate = rate_of(last);
  shown.owner = state.owner;
  state.options.board->show(state.options.bucket, std::move(shown));
}

// Waiting
// -------------------------------------------------------------------------------------------------

void tick_soon(view_pointer self) {
  if (!std::exchange(self->state.ticking, true)) {
    self->delayed_send(self, defaults::tick_interval, tick{});
  }
}

/// Stops all work until try_again, so that a failing operation is not retried without a pause.
void pause(view_pointer self) {
  if (!std::exchange(self->state.paused, true))
    self->delayed_send(self, defaults::view_pause, try_again{});
}

error not_yet(const view_state& state) {
  if (!state.current) return {ec::overloaded, "the query is starting: ask again"};
  const index_state& index =
      state.current->run ? state.current->run->state() : state.current->state;
  return {ec::overloaded, "the index is at " + std::to_string(index.position) + " of " +
                              std::to_string(std::max(index.target, index.position)) +
                              ": ask again, or ask with stale=ok"};
}

void answer_waiting(view_state& state) {
  const generation* last = state.next ? &*state.next : state.current ? &*state.current : nullptr;
  const bool suspended = last != nullptr && last->suspended() && !state.numbering;
  const bool consistent = state.current && state.current->state.consistent();
  const uint64_t covered = consistent ? state.current->state.sequence : 0;
  const auto now = clock::now();
  std::erase_if(state.waiting, [&](const await_index& wanted) {
    if (suspended) {
      (*wanted.answer)(fail(ec::query_suspended, problem_of(*last)));
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

void start_over(view_pointer self, const error& problem) {
  if (self->state.told != problem.reason)
    log::warn("a query reads its state again",
              {{"query", self->state.options.name}, {"reason", problem.reason}});
  self->state.told = self->state.obstacle; // an obstacle is logged once
  // Answers to the jobs and number requests that are still out will find no index and are ignored.
  self->state.current.reset();
  self->state.next.reset();
  self->state.numbering = false;
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

generation make_generation(const view_state& state, uint32_t index, std::string definition) {
  generation made;
  made.where = {state.options.bucket, index};
  // A peer or an import can bring a definition that cannot be parsed. Its map stays empty, and the
  // pool then reports that it is not a function.
  if (auto source = parse_definition(definition)) made.source = std::move(*source);
  made.definition = std::move(definition);
  made.how = reduction_of(made.source.reduce);
  made.map = make_function(js::kind::map, made.source.map);
  if (made.how == reduction::javascript)
    made.reduce = make_function(js::kind::reduce, made.source.reduce);
  return made;
}

result<void> read_state(const view_state& state, generation& of) {
  const auto bytes =
      state.options.rows->latest().read(keys::index_state(of.where.bucket, of.where.index));
  if (!bytes) return tl::unexpected(bytes.error());
  of.state = {};
  if (!*bytes) return {};
  auto read = index_state::decode(**bytes);
  if (!read) return tl::unexpected(read.error());
  of.state = std::move(*read);
  return {};
}

/// Discards the view's indexes and reads them again from the store.
result<void> read_generations(view_state& state) {
  state.current.reset();
  state.next.reset();
  const auto bytes =
      state.options.rows->latest().read(keys::query(state.options.bucket, state.options.name));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return {};
  const auto row = query_row::decode(**bytes);
  if (!row) return tl::unexpected(row.error());
  if (row->index != 0) {
    state.current = make_generation(state, row->index, row->definition);
    if (auto read = read_state(state, *state.current); !read) return read;
  }
  if (row->next != 0) {
    state.next = make_generation(state, row->next, row->next_definition);
    if (auto read = read_state(state, *state.next); !read) return read;
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

void commit(view_pointer self, generation& of, row_batch rows, bool drops = false) {
  of.committing = true;
  const view_options& options = self->state.options;
  self->send(options.storage,
             commit_index{of.where.bucket, of.where.index,
                          std::make_shared<const row_batch>(std::move(rows)), drops,
                          options.board->followed(options.bucket, options.name)});
}

void forget(view_pointer self, const generation& gone) {
  self->send(self->state.options.pool, forget_function{gone.map->id});
  if (gone.reduce) self->send(self->state.options.pool, forget_function{gone.reduce->id});
}

void drop_index(row_batch& rows, const generation& gone) {
  rows.put(keys::dead_index(gone.where.bucket, gone.where.index), "");
}

/// Starts building an index with a fresh number: the only one, or beside the one that answers.
void begin_generation(view_pointer self, uint32_t index) {
  view_state& state = self->state;
  row_batch rows;
  generation made = make_generation(state, index, state.wanted);
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
  generation& began = state.next ? *state.next : *state.current;
  rows.put(keys::index_state(began.where.bucket, began.where.index), began.state.encode());
  commit(self, began, std::move(rows), drops);
}

void ask_number(view_pointer self) {
  self->state.numbering = true;
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
  const generation* last = state.next ? &*state.next : state.current ? &*state.current : nullptr;
  if (last != nullptr && last->definition == **defined) return true;
  state.wanted = std::move(**defined);
  if (!state.numbering) ask_number(self);
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
void settle(view_pointer self) {
  self->state.starting = true;
  ask_number(self);
}

void start(view_pointer self) {
  auto read = read_generations(self->state);
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

void end_run(generation& of) {
  of.run.reset();
  of.out.clear();
  of.slots.clear();
  of.reducing.reset();
  of.before.reset();
}

/// Gives the pool the documents of a part that it has not answered.
void ask_pool(view_pointer self, generation& of, uint64_t ticket) {
  view_state::part_out& part = of.out.at(ticket);
  part.asked = true;
  auto job = std::make_shared<js::map_job>(
      map_job_of(of.map, std::span(part.documents).subspan(part.answered), of.state.strikes > 0));
  self->send(self->state.options.pool, map_documents{of.where.index, ticket, std::move(job)});
}

/// Gives the pool the reductions that it has not answered.
void ask_reduction(view_pointer self, generation& of) {
  const view_state::reduction_out& out = *of.reducing;
  auto job = std::make_shared<js::reduce_job>();
  job->what = of.reduce;
  job->suspect = of.state.strikes > 0;
  job->calls.assign(out.calls.begin() + static_cast<std::ptrdiff_t>(out.values.size()),
                    out.calls.end());
  self->send(self->state.options.pool, reduce_values{of.where.index, out.ticket, std::move(job)});
}

void begin_reduction(view_pointer self, generation& of, std::vector<reduce_block> blocks) {
  view_state::reduction_out out;
  out.ticket = ++self->state.last_ticket;
  for (reduce_block& block : blocks)
    out.calls.push_back({block.rereduce(), std::move(block.keys), std::move(block.values)});
  of.reducing = std::move(out);
  ask_reduction(self, of);
}

/// Asks for the rest of a part only after the rows of its last answer are committed, so that no
/// part holds the rows of two answers in memory. Then asks for new parts while slots are free.
result<void> ask_parts(view_pointer self, generation& of) {
  view_state& state = self->state;
  for (auto& [ticket, part] : of.out)
    if (!part.asked && !of.run->holds_rows(part.number)) ask_pool(self, of, ticket);
  while (of.run->parts_out() < state.options.parts_out && of.run->parts_left()) {
    auto slot = state.options.slots->take(
        state.owner, [me = caf::actor_cast<follower_actor>(self), bucket = state.options.bucket] {
          caf::anon_send(me, activity_advanced{bucket, 0});
        });
    if (!slot) return {};
    auto part = of.run->next_part();
    if (!part) return tl::unexpected(std::move(part.error()));
    if (!*part) return {};
    if ((*part)->documents.empty()) continue;
    const uint64_t number = (*part)->number;
    const uint64_t ticket = ++state.last_ticket;
    of.slots.emplace(number, std::move(slot));
    of.out.emplace(ticket, view_state::part_out{number, std::move((*part)->documents)});
    ask_pool(self, of, ticket);
  }
  return {};
}

result<void> take_step(view_pointer self, generation& of) {
  auto step = of.run->next_step();
  if (!step) return tl::unexpected(std::move(step.error()));
  switch (step->what) {
  case index_run::step::kind::wait: break;
  case index_run::step::kind::reduce: begin_reduction(self, of, std::move(step->blocks)); break;
  case index_run::step::kind::commit: commit(self, of, std::move(step->rows)); break;
  case index_run::step::kind::done: end_run(of); break;
  }
  return {};
}

result<void> start_run(view_pointer self, generation& of) {
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
  return {};
}

/// Continues a run as far as possible without an answer from another actor.
result<void> advance(view_pointer self, generation& of) {
  if (of.committing || of.reducing || of.suspended()) return {};
  if (!of.run) {
    if (auto started = start_run(self, of); !started || !of.run) return started;
  }
  if (auto asked = ask_parts(self, of); !asked) return asked;
  return take_step(self, of);
}

void pump(view_pointer self) {
  view_state& state = self->state;
  if (state.paused) return;
  for (auto* of : {&state.current, &state.next}) {
    if (!*of) continue;
    if (auto done = advance(self, **of); !done) {
      start_over(self, done.error());
      return;
    }
  }
}

generation* find_generation(view_state& state, uint32_t index) {
  if (state.current && state.current->where.index == index) return &*state.current;
  if (state.next && state.next->where.index == index) return &*state.next;
  return nullptr;
}

/// The pool could not run the function: it has no worker, or the text is not a function.
void give_up(view_pointer self, generation& of, js::outcome how, const std::string& message) {
  if (how == js::outcome::unavailable) {
    const error problem = treadmill::problem_of(how, message);
    start_over(self, problem);
    // Answer waiting requests now: workers may be missing until an operator acts.
    for (const await_index& wanted : std::exchange(self->state.waiting, {}))
      (*wanted.answer)(tl::unexpected(problem));
  }
  if (how != js::outcome::bad_function) return;
  of.problem = message;
  end_run(of);
  answer_waiting(self->state);
  show(self->state);
}

void reduced(view_pointer self, const values_reduced& done) {
  view_state& state = self->state;
  generation* of = find_generation(state, done.index);
  if (of == nullptr || !of->reducing || of->reducing->ticket != done.ticket) return;
  const js::reduce_answer& answer = *done.answer;
  if (answer.how != js::outcome::done) {
    give_up(self, *of, answer.how, answer.message);
    return;
  }
  view_state::reduction_out& out = *of->reducing;
  for (const js::reduced& made : answer.values)
    out.values.push_back(checked_value(made, state.options.limits));
  if (out.values.size() < out.calls.size()) {
    ask_reduction(self, *of);
    return;
  }
  of->run->reduced(std::move(out.values));
  of->reducing.reset();
  pump(self);
}

/// Counts strikes before the part is complete: a part with a few hundred endless documents would
/// take minutes. The part's other rows are discarded; a redefinition maps those documents again.
void count_strikes(view_pointer self, generation& of) {
  const index_run::strikes waiting = of.run->strikes_waiting();
  const uint32_t strikes = of.run->state().strikes + waiting.count;
  if (of.committing || waiting.count == 0 || strikes < defaults::query_strikes) return;
  of.state.strikes = strikes;
  of.state.errors += strikes;
  of.state.error_id = waiting.id;
  of.state.error_message = waiting.problem;
  end_run(of);
  row_batch rows;
  rows.put(keys::index_state(of.where.bucket, of.where.index), of.state.encode());
  commit(self, of, std::move(rows));
}

void mapped(view_pointer self, const documents_mapped& done) {
  view_state& state = self->state;
  generation* of = find_generation(state, done.index);
  if (of == nullptr || !of->run) return;
  const auto out = of->out.find(done.ticket);
  if (out == of->out.end()) return;
  const js::map_answer& answer = *done.answer;
  if (answer.how != js::outcome::done) {
    give_up(self, *of, answer.how, answer.message);
    return;
  }
  view_state::part_out& part = out->second;
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
  generation* of = find_generation(state, done.index);
  if (of == nullptr) return;
  of->committing = false;
  if (done.code != 0) {
    if (static_cast<ec>(done.code) == ec::disk_full) {
      state.obstacle = done.reason;
      show(state);
      answer_waiting(state);
    }
    start_over(self, {static_cast<ec>(done.code), done.reason});
    return;
  }
  state.obstacle.clear();
  if (of->run) {
    of->slots.erase(of->slots.begin(), of->slots.lower_bound(of->run->oldest_part()));
    of->state = of->run->state();
    const bool complete = of->state.consistent() && of->state.sequence == of->run->target();
    if (complete || of->suspended()) {
      end_run(*of);
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
  if (--self->state.numbers_out > 0 || !std::exchange(self->state.numbering, false)) return;
  if (given.code != 0) {
    pause(self);
    return;
  }
  if (std::exchange(self->state.starting, false)) return start(self);
  begin_generation(self, given.index);
  show(self->state);
}

void look_after(view_pointer self) {
  view_state& state = self->state;
  state.ticking = false;
  answer_waiting(state);
  if (!state.waiting.empty()) tick_soon(self);
}

void go_on(view_pointer self) {
  self->state.paused = false;
  if (self->state.current) {
    pump(self);
  } else if (!self->state.numbering) {
    settle(self);
  }
}

} // namespace

bool view_state::generation::suspended() const {
  return !problem.empty() || state.strikes >= defaults::query_strikes;
}

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
