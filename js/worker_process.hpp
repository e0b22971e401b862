#pragma once
#include "js/progress_page.hpp"
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace treadmill::js {

/// One process treadmill-map, from its start to its end: owns the process, our end of its socket
/// and the page of its progress. Its environment is TZ=UTC and LC_ALL=C; it inherits no descriptor
/// but its own two.
///
/// **Lifetime**: the destructor kills the process and waits for it. The process also dies with the
/// thread that started it.
/// **Thread**: the one that started it.
class worker_process {
public:
  /// How it ended: by itself with a code, or by a signal.
  struct ending {
    int code = -1;
    int signal = 0;
    std::chrono::nanoseconds cpu{}; ///< all that it used
  };
  struct position {
    uint64_t request = 0; ///< 0: at none
    uint32_t item = 0;
    bool operator==(const position&) const = default;
  };

  /// Nothing: `why` says what went wrong.
  static std::unique_ptr<worker_process> start(const std::string& executable, std::string& why);
  ~worker_process();
  worker_process(const worker_process&) = delete;
  worker_process& operator=(const worker_process&) = delete;

  int socket() const { return socket_; } ///< non-blocking
  pid_t id() const { return id_; }
  /// Where it says that it is.
  position at() const;
  /// CPU time that it used up to now.
  std::chrono::nanoseconds cpu() const;
  bool ended() const { return ending_.has_value(); }
  /// Kills it where it still runs, and waits for its end.
  ending end();

private:
  worker_process() = default;
  bool prepare(std::string& why);
  bool spawn(const std::string& executable, std::string& why);

  pid_t id_ = -1;
  int socket_ = -1;
  int far_socket_ = -1;
  int page_file_ = -1;
  progress_page* page_ = nullptr;
  std::optional<ending> ending_{};
};

} // namespace treadmill::js
