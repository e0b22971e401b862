#pragma once
#include <functional>

namespace treadmill {

/// Takes the signals that concern a node, in this thread and those that it starts, for
/// wait_for_stop_signal. Call before the first thread is started.
///
/// - SIGTERM, SIGINT: the node ends in order. So does SIGHUP where the terminal that it was started
///   from is gone (not under nohup).
/// - SIGHUP otherwise, SIGUSR1: the log file is opened anew.
/// - SIGPIPE, SIGUSR2, SIGXFSZ (a file larger than `ulimit -f`): ignored; a write is told its
/// error.
/// - SIGQUIT ends it at once, with a core file where those are allowed.
void block_stop_signals();

/// Waits until the node is to end, and answers the number of that signal; calls `open_log` for each
/// one that asks for that. **Blocks** for ever.
int wait_for_stop_signal(const std::function<void()>& open_log);

} // namespace treadmill
