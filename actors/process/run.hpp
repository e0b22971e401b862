#pragma once
#include "actors/process/settings.hpp"
#include "js/pool/map_pool.hpp"

namespace treadmill {

/// Runs one node from start to end: logging, store, actors, HTTP; then waits for SIGTERM or SIGINT,
/// which must be blocked in every thread (block_stop_signals), and ends in the order that
/// actors/README.md gives. Answers the exit code: 0 after a clean end, 1 if the node could not
/// start (the reason is in the log).
int run_node(const settings& how);

/// The options of the worker pool for these settings; the pool's warnings go to the log.
js::pool_options options_of_pool(const settings& how);

} // namespace treadmill
