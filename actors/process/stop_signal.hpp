#pragma once
#include <functional>

namespace treadmill {

/// Blocks the signals of a node in this thread and in the threads that it starts, so that
/// wait_for_stop_signal receives them. Call before the first thread is started.
///
/// - SIGTERM, SIGINT: the node shuts down in order. SIGHUP does the same if the node was started
///   from a terminal that is gone (not under nohup).
/// - SIGHUP otherwise, SIGUSR1: the log file is reopened.
/// - SIGPIPE, SIGUSR2, SIGXFSZ (a file larger than `ulimit -f`): ignored; the write returns an
/// error.
/// - SIGQUIT ends it at once, with a core file if core files are allowed.
void block_stop_signals();

/// Waits for a signal that ends the node, and answers its number. Calls `open_log` for each signal
/// that reopens the log. **Blocks** without a time limit.
int wait_for_stop_signal(const std::function<void()>& open_log);

} // namespace treadmill
