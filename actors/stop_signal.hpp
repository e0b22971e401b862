#pragma once

namespace treadmill {

/// Blocks SIGTERM and SIGINT in this thread and those that it starts, so that wait_for_stop_signal
/// takes them, and ignores SIGPIPE. Call before the first thread is started.
void block_stop_signals();

/// Waits for SIGTERM or SIGINT and answers its number. **Blocks** for ever.
int wait_for_stop_signal();

} // namespace treadmill
