#include "net/api/query_source.hpp"
#include "storage/documents/names.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include "storage/index/index_reader.hpp"

namespace treadmill::api {

namespace {

/// Attempts to find a consistent index after its query has caught up. At each attempt a new run may
/// be in the middle of its batches.
constexpr int most_looks = 8;

/// The state of the index in the view; nothing if it is not consistent there.
result<std::optional<index_state>> consistent_state(const read_view& view, index_id where) {
  auto state = index_reader(view, where).state();
  if (state && *state && !(*state)->consistent()) return std::nullopt;
  return state;
}

bool covers(const std::optional<index_state>& state, uint64_t needed) {
  return state && state->sequence >= needed;
}

/// The states of the bucket and of the index in the view, cached by the view's version.
result<last_states::shared> states_in(const read_view& view, const shown_query& query) {
  if (auto known = query.states->find(view.version())) return known;
  const auto bucket = view.state(query.where.bucket);
  if (!bucket) return tl::unexpected(bucket.error());
  auto index = consistent_state(view, query.where);
  if (!index) return tl::unexpected(std::move(index.error()));
  auto read =
      std::make_shared<const query_states>(query_states{bucket->sequence, std::move(*index)});
  query.states->keep(view.version(), read);
  return read;
}

/// A source without rows, for a query that has no index to answer from.
query_source empty_source(read_view view, uint32_t bucket, std::string_view name,
                          query_definition definition) {
  auto query = std::make_shared<shown_query>();
  query->name = name;
  query->how = reduction_of(definition.reduce);
  query->answering = definition;
  query->definition = std::move(definition);
  return {std::move(query), std::move(view), {bucket, 0}, {}};
}

/// The index as it was before the current run.
std::optional<query_source> source_before(const query_board::shown& query, uint64_t needed) {
  if (!query->before) return std::nullopt;
  auto state = consistent_state(*query->before, query->where);
  // A view that cannot be read any more (the store was reopened) is treated as missing.
  if (!state || !covers(*state, needed)) return std::nullopt;
  return query_source{query, *query->before, query->where, std::move(**state)};
}

result<std::optional<query_source>> find_shown(const query_board::shown& query, read_view view,
                                               coverage& wanted) {
  if (query->phase == query_phase::suspended) {
    // A query that was just redefined may still be shown with its old definition.
    auto defined = read_definition(view, query->where.bucket, query->name);
    if (!defined) return tl::unexpected(std::move(defined.error()));
    if (*defined == query->definition) return fail(ec::query_suspended, query->problem);
    return std::nullopt;
  }
  const auto states = states_in(view, *query);
  if (!states) return tl::unexpected(states.error());
  if (!wanted.needed && !wanted.stale) wanted.needed = (*states)->sequence;
  const uint64_t needed = wanted.needed.value_or(0);
  if (const auto& state = (*states)->index; covers(state, needed))
    return query_source{query, std::move(view), query->where, *state};
  auto before = source_before(query, needed);
  if (before || !wanted.stale) return before;
  return empty_source(std::move(view), query->where.bucket, query->name, query->answering);
}

/// A request that waits until the query has caught up.
struct waiting_question {
  context& node;
  reply answer;
  bucket_info bucket;
  std::string name;
  clock::time_point deadline;
  coverage wanted;
  std::function<void(reply& answer, query_source source)> use;
  int looks = 0;
};

void wait_on(std::shared_ptr<waiting_question> question);

void look_again(const std::shared_ptr<waiting_question>& question) {
  waiting_question& q = *question;
  auto found = find_source(q.node.backend, q.bucket.number, q.name, q.wanted);
  if (!found) return q.answer.refuse(found.error());
  if (*found) return q.use(q.answer, std::move(**found));
  if (++q.looks == most_looks)
    return q.answer.refuse({ec::overloaded, "the index of the query is being updated: retry"});
  wait_on(question);
}

void wait_on(std::shared_ptr<waiting_question> question) {
  waiting_question& q = *question;
  q.node.backend.await_query(q.bucket.name, q.name, q.wanted.needed.value_or(0), q.deadline,
                             [question = std::move(question)](const result<void>& caught_up) {
                               if (!caught_up) return question->answer.refuse(caught_up.error());
                               look_again(question);
                             });
}

} // namespace

result<query_definition> read_definition(const read_view& view, uint32_t bucket,
                                         std::string_view name) {
  const auto stored = view.read(keys::document(bucket, query_document_id(name)));
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) {
    if (auto checked = check_query_name(name); !checked) return tl::unexpected(checked.error());
    return fail(ec::not_found, "the query is missing");
  }
  const auto row = document_row::decode(**stored);
  if (!row) return tl::unexpected(row.error());
  if (row->deleted) return fail(ec::not_found, "the query is deleted");
  return parse_definition(row->body).value_or(query_definition{});
}

result<std::optional<query_source>> find_source(const node_backend& node, uint32_t bucket,
                                                std::string_view name, coverage& wanted) {
  // Look up the query before the snapshot: a later snapshot contains everything that the query
  // shows.
  const auto query = node.queries().find(bucket, name);
  read_view view = node.rows().snapshot();
  result<std::optional<query_source>> found;
  if (query) found = find_shown(query, view, wanted);
  // In all other cases read the definition, because the query may have been deleted.
  if (query && found && *found && !wanted.stale) return found;
  if (!wanted.needed && !wanted.stale) {
    const auto state = view.state(bucket);
    if (!state) return tl::unexpected(state.error());
    wanted.needed = state->sequence;
  }
  auto definition = read_definition(view, bucket, name);
  if (!definition) return tl::unexpected(std::move(definition.error()));
  if (query || !wanted.stale) return found;
  return empty_source(std::move(view), bucket, name, std::move(*definition));
}

void wait_for_source(exchange& x, const bucket_info& bucket, const coverage& wanted,
                     std::function<void(reply& answer, query_source source)> use) {
  wait_on(std::make_shared<waiting_question>(
      waiting_question{x.node, std::move(x.answer), bucket, std::string(x.id()), x.request.deadline,
                       wanted, std::move(use)}));
}

} // namespace treadmill::api
