#pragma once
#include "net/http/http.hpp"
#include <cstddef>
#include <string_view>

namespace treadmill::api {

/// Revisions that the documents of one bulk may name together (`_revisions` of replicas).
inline constexpr size_t bulk_revisions = 400'000;

/// An upper bound of the bytes of memory that a request takes beside its body until it is answered:
/// the stored form of the body, the names of members in the check for duplicates, the documents of
/// a bulk with their results. Computed from the method, the path and a count of possible members
/// and elements: cheap, and never too small for long (tested against the actual allocations).
size_t work_bytes(const http::request& request);

/// The same for a batch of lines that are documents.
size_t lines_work_bytes(std::string_view lines);

} // namespace treadmill::api
