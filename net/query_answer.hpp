#pragma once
#include "net/query_request.hpp"
#include "net/query_source.hpp"

namespace treadmill::rest {

/// What is asked of a query that was found: bad_request where it has no reduction and one is asked
/// for, or documents are asked for with one.
result<void> check_reductions(const query_request& asked, reduction how);

/// Answers a question from one index in one view: its rows, or what a reduction makes of them.
void answer_query(context& node, reply& answer, query_source source, const query_request& asked,
                  asked_ranges ranges);

/// The end of an answer after its rows: `],"count":…,"sequence":…` and what else is to be said.
struct answer_end {
  uint64_t count = 0;
  std::string next{}; ///< the cursor; empty: none
};
void append_end(std::string& out, const query_source& source, const answer_end& end);

/// The reduced answers (query_reduced.cpp).
void answer_reduced(context& node, reply& answer, query_source source, const query_request& asked,
                    asked_ranges ranges);

} // namespace treadmill::rest
