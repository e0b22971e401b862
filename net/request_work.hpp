#pragma once
#include "net/http.hpp"
#include <cstddef>

namespace treadmill::rest {

/// Bytes that a request's body takes in memory beside itself while it is read and until it is
/// answered, at most: its stored form, the names of members that are checked for being there twice,
/// the documents of a bulk with their results. From the method, the path and a count of what may be
/// members and elements: cheap, and never too little for long (tested against what is allocated).
size_t work_bytes(const http::request& request);

} // namespace treadmill::rest
