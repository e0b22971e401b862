#include "actors/command_line.hpp"
#include "actors/run.hpp"
#include "actors/stop_signal.hpp"
#include "net/health_probe.hpp"
#include "net/node_status.hpp"
#include <exception>
#include <iostream>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace {

/// Connections and LevelDB's files share the limit of open files, whose soft value is often 1,024.
void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// What a container's health check calls.
int health(const treadmill::command_line& asked) {
  const treadmill::endpoint at{asked.values.server.host, asked.values.server.port};
  const auto answer =
      treadmill::http::probe_health(at.host, at.port, std::chrono::seconds(5), asked.has("ready"));
  const std::string address = "http://" + to_string(at);
  if (answer)
    std::cout << address << '\n';
  else
    std::cerr << "treadmill: " << address << ": " << answer.error().reason << '\n';
  return answer ? 0 : 1;
}

/// Prints how a node is: once, or again and again until a signal ends the process.
int status(const treadmill::command_line& asked) {
  constexpr std::chrono::seconds pause(2);
  constexpr std::string_view clear_screen = "\033[H\033[2J";
  treadmill::http::node_client node(asked.values.server.host, asked.values.server.port,
                                    std::chrono::seconds(10));
  const bool screen = asked.has("watch") && !asked.has("json") && isatty(STDOUT_FILENO) != 0;
  while (true) {
    const auto text = treadmill::rest::read_status(node).and_then(
        [&](const treadmill::rest::node_status& read) -> treadmill::result<std::string> {
          if (asked.has("json")) return treadmill::rest::status_json(read);
          return treadmill::rest::status_text(read);
        });
    if (screen) std::cout << clear_screen;
    if (text) {
      std::cout << *text << std::flush;
    } else {
      std::cerr << "treadmill: " << node.url() << ": " << text.error().reason << '\n';
    }
    if (!asked.has("watch")) return text ? 0 : 1;
    std::this_thread::sleep_for(pause);
  }
}

int start(int argc, char** argv) {
  const auto asked = treadmill::parse_settings(argc, argv);
  switch (asked.what) {
  case treadmill::command_line::action::serve:
    treadmill::block_stop_signals();
    raise_open_files();
    return treadmill::run_node(asked.values);
  case treadmill::command_line::action::command:
    return asked.command == "health" ? health(asked) : status(asked);
  case treadmill::command_line::action::leave: break;
  }
  (asked.exit_code == 0 ? std::cout : std::cerr) << asked.output << std::flush;
  return asked.exit_code;
}

} // namespace

int main(int argc, char** argv) {
  try {
    return start(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "treadmill: " << problem.what() << '\n';
    return 1;
  }
}
