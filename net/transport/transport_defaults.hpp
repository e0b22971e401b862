#pragma once
#include <cstddef>

/// Every number of the transport, with its unit and what it means.
namespace treadmill::replication::defaults {

/// Incoming connections at the same time.
inline constexpr size_t incoming_connections = 256;

} // namespace treadmill::replication::defaults
