#pragma once
#include "net/base/clock.hpp"
#include "net/http/defaults.hpp"
#include "storage/json/json.hpp"
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::api {

struct api_options {
  /// Allowed origins; "*" allows all; empty: this node's own only.
  std::vector<std::string> cors_origins;
  json_limits limits{};
  size_t request_bytes = http::defaults::request_bytes; ///< of a body, also once it is inflated
  /// Labels of the routes of other dialects whose requests this one's metrics count.
  std::vector<std::string_view> other_labels{};
  std::chrono::milliseconds feed_heartbeat = http::defaults::feed_heartbeat;
  std::chrono::milliseconds feed_timeout = http::defaults::feed_timeout;
  std::chrono::milliseconds feed_timeout_most{24L * 3600 * 1000};
  /// For heartbeats and timeouts of feeds; empty: the steady clock.
  std::function<clock::time_point()> now;
};

} // namespace treadmill::api
