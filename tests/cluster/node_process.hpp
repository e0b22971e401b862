#pragma once
#include "tests/cluster/http_client.hpp"
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace treadmill::cluster {

struct process_options {
  std::string executable;
  std::vector<std::string> arguments{};
  uint64_t open_files = 0; ///< its limit of file descriptors, soft and hard; 0: as it is
};

/// How a process ended.
struct process_end {
  int code = -1;  ///< of its exit; -1 where a signal ended it
  int signal = 0; ///< that ended it; 0: none
};

/// A process of its own whose output is collected. Killed, if it still runs, when this object goes,
/// and by the kernel when the thread that made it ends: make it on a thread that stays.
class child_process {
public:
  using milliseconds = std::chrono::milliseconds;

  explicit child_process(process_options options);
  ~child_process();
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Waits for its end. Nothing: it still runs.
  std::optional<process_end> wait(milliseconds limit);
  /// SIGKILL, and wait.
  void kill();
  /// What it wrote to stdout and stderr until now; all of it once `wait` told its end.
  std::string output() const;
  /// Waits until a line of its output has that text, and answers the line. Empty: it did not come,
  /// or the process ended without.
  std::string wait_for_line(std::string_view text, milliseconds limit);

  /// CPU time that it has used.
  milliseconds cpu_time() const;
  /// A figure of /proc/<pid>/status in KiB, for example "RssAnon".
  uint64_t memory_kib(std::string_view name) const;

private:
  void collect();

  pid_t pid_ = -1;
  int process_ = -1; ///< a descriptor that becomes readable at its end
  int pipe_ = -1;
  std::optional<process_end> end_{};
  mutable std::mutex mutex_{};
  std::condition_variable news_{};
  std::string output_{};
  bool closed_ = false;
  std::thread collector_{};
};

struct node_options {
  std::string executable;
  std::string data; ///< folder of its store
  std::string name = "node";
  std::string http = "127.0.0.1:0";
  std::string zmq = "tcp://127.0.0.1:0"; ///< where it listens for peers
  std::vector<std::string> arguments{};  ///< further ones
  uint64_t open_files = 0;
};

/// A `treadmill serve` process.
class node_process : public child_process {
public:
  explicit node_process(const node_options& options);

  /// Waits until it says that it is ready, with the address that it listens on. False: it did not,
  /// and `output` says why.
  bool wait_ready(milliseconds limit = std::chrono::seconds(30));
  const address& where() const { return where_; } ///< after wait_ready
  http_client client(milliseconds deadline = std::chrono::seconds(10)) const {
    return http_client(where_, deadline);
  }

private:
  address where_{};
};

} // namespace treadmill::cluster
