#pragma once
#include "net/exchange.hpp"
#include "net/query_board.hpp"
#include "storage/index.hpp"
#include "storage/store.hpp"
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace treadmill::rest {

/// What an answer of a query is made from: its index, in a view in which it is consistent.
struct query_source {
  query_board::shown query; ///< never nullptr
  read_view view;
  index_id where{};
  index_state state{};

  reduction how() const { return query->how; }
  bool redefining() const { return query->phase == query_phase::redefining; }
};

/// What an answer must cover.
struct coverage {
  /// The bucket's sequence when it was asked; nothing: it is still to be looked up. It stays the
  /// first one, however often is looked: writes that go on do not starve a reader.
  std::optional<uint64_t> needed{};
  bool stale = false; ///< whatever is there
};

/// The definition of a query, from its document. Errors: not_found; bad_query (no name of a query);
/// corrupt and the like.
result<query_definition> read_definition(const read_view& view, uint32_t bucket,
                                         std::string_view name);

/// Looks once, without waiting. Nothing: it is not there yet. A query that was never built answers
/// a stale question with no rows at sequence 0. Errors: not_found, query_suspended, those of the
/// store.
result<std::optional<query_source>> find_source(const node_backend& node, uint32_t bucket,
                                                std::string_view name, coverage& wanted);

/// Waits until the query has caught up, and gives its source to `use` with the answer to be made,
/// on a thread of the backend. Whatever goes wrong is answered.
void wait_for_source(exchange& x, const bucket_info& bucket, const coverage& wanted,
                     std::function<void(reply& answer, query_source source)> use);

/// Gives the source of an answer to `use`, with the answer to be made: at once, on this thread,
/// where that is possible, else when it is there.
template<typename Use>
void with_source(exchange& x, const bucket_info& bucket, bool stale, Use use) {
  coverage wanted;
  wanted.stale = stale;
  auto found = find_source(x.node.backend, bucket.number, x.id, wanted);
  if (!found) return x.answer.refuse(found.error());
  if (*found) return use(x.answer, std::move(**found));
  wait_for_source(x, bucket, wanted, std::move(use));
}

} // namespace treadmill::rest
