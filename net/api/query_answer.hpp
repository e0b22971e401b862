#pragma once
#include "net/api/query_request.hpp"
#include "net/api/query_source.hpp"

namespace treadmill::api {

/// Checks a request against the reduction of its query. Errors: bad_request (it asks for a
/// reduction and the query has none, or for documents with a reduction).
result<void> check_reductions(const query_request& asked, reduction how);

/// Answers a request from one index in one view: with its rows, or with their reduction.
void answer_query(context& node, reply& answer, query_source source, const query_request& asked,
                  asked_ranges ranges);

/// The end of an answer after its rows: `],"count":…,"sequence":…` and the optional members.
struct answer_end {
  uint64_t count = 0;
  std::string next{}; ///< the cursor; empty: none
};
void append_end(std::string& out, const query_source& source, const answer_end& end);

/// The reduced answers (query_reduced.cpp).
void answer_reduced(context& node, reply& answer, query_source source, const query_request& asked,
                    asked_ranges ranges);

} // namespace treadmill::api
