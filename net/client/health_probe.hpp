#pragma once
#include "storage/base/result.hpp"
#include <chrono>
#include <cstdint>
#include <string>

namespace treadmill::http {

/// Asks the node at `host` (an address or name; IPv6 without brackets) for `/_system/health`, or
/// for `/_system/ready`, and succeeds if it answers 200. **Blocks** for at most `timeout` after the
/// name is resolved. Errors: io_error, with the problem (no such host, no connection, no answer in
/// time, another status).
result<void> probe_health(const std::string& host, uint16_t port, std::chrono::milliseconds timeout,
                          bool ready = false);

} // namespace treadmill::http
