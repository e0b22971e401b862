#include "actors/process/stop_signal.hpp"
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace treadmill {

namespace {

/// Whether a hangup of the terminal ends the node: it was started from a terminal, without nohup.
bool follows_terminal = false;

sigset_t awaited_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int one : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, one);
  return set;
}

bool has_terminal() {
  const int terminal = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (terminal >= 0) ::close(terminal);
  return terminal >= 0;
}

} // namespace

void block_stop_signals() {
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  follows_terminal = hangup.sa_handler != SIG_IGN && has_terminal();
  // A shell starts background processes with SIGINT ignored.
  for (const int one : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) std::signal(one, SIG_DFL);
  const sigset_t set = awaited_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // If a client or log reader went away, or a file may not grow, the write must return an error
  // instead of ending the node.
  for (const int one : {SIGPIPE, SIGUSR2, SIGXFSZ}) std::signal(one, SIG_IGN);
}

int wait_for_stop_signal(const std::function<void()>& open_log) {
  const sigset_t set = awaited_signals();
  for (;;) {
    int received = 0;
    if (sigwait(&set, &received) != 0) continue;
    if (received == SIGTERM || received == SIGINT) return received;
    if (received == SIGHUP && follows_terminal && !has_terminal()) return received;
    open_log();
  }
}

} // namespace treadmill
