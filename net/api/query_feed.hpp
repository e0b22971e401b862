#pragma once
#include "net/api/exchange.hpp"

namespace treadmill::api {

/// Answers a request with `feed`: the rows that enter and leave the answer as documents change.
void follow_query(exchange& x, const bucket_info& bucket);

} // namespace treadmill::api
