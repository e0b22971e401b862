#pragma once
#include "net/api/exchange.hpp"
#include "net/node/query_board.hpp"
#include "storage/engine/store.hpp"
#include "storage/index/index.hpp"
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace treadmill::api {

/// The source of a query's answer: its index, in a view in which it is consistent.
struct query_source {
  query_board::shown query; ///< never nullptr
  read_view view;
  index_id where{};
  index_state state{};

  reduction how() const { return query->how; }
  bool redefining() const { return query->phase == query_phase::redefining; }
};

/// The changes that an answer must cover.
struct coverage {
  /// The bucket's sequence when the request came; nothing: not looked up yet. Further attempts keep
  /// the first value, so that ongoing writes do not starve a reader.
  std::optional<uint64_t> needed{};
  bool stale = false; ///< any sequence is enough
};

/// Reads the definition of a query from its document. Errors: not_found; bad_query (an invalid
/// name); those of the store, such as corrupt.
result<query_definition> read_definition(const read_view& view, uint32_t bucket,
                                         std::string_view name);

/// Looks for the source once, without waiting. Nothing: there is none yet. If a query was never
/// built, a stale request gets a source without rows at sequence 0. Errors: not_found,
/// query_suspended, those of the store.
result<std::optional<query_source>> find_source(const node_backend& node, uint32_t bucket,
                                                std::string_view name, coverage& wanted);

/// Waits until the query has caught up, then calls `use` with the reply and the source, on a thread
/// of the backend. Answers any error itself.
void wait_for_source(exchange& x, const bucket_info& bucket, const coverage& wanted,
                     std::function<void(reply& answer, query_source source)> use);

/// Calls `use` with the reply and the source of the answer: at once, on this thread, if there is a
/// source, else as wait_for_source does.
template<typename Use>
void with_source(exchange& x, const bucket_info& bucket, bool stale, Use use) {
  coverage wanted;
  wanted.stale = stale;
  auto found = find_source(x.node.backend, bucket.number, x.id(), wanted);
  if (!found) return x.answer.refuse(found.error());
  if (*found) return use(x.answer, std::move(**found));
  wait_for_source(x, bucket, wanted, std::move(use));
}

} // namespace treadmill::api
