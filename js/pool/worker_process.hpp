#pragma once
#include "js/wire/progress_page.hpp"
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace treadmill::js {

/// Owns one treadmill-map process from its start to its end, the pool's end of its socket, and its
/// progress page. The process's environment is TZ=UTC and LC_ALL=C; it inherits only its own two
/// descriptors.
///
/// **Lifetime**: the destructor kills the process and waits for it. The process also dies with the
/// thread that started it.
/// **Thread**: the one that started it.
class worker_process {
public:
  /// How the process ended: by itself with a code, or by a signal.
  struct ending {
    int code = -1;
    int signal = 0;
    std::chrono::nanoseconds cpu{}; ///< total CPU time
  };
  struct position {
    uint64_t request = 0; ///< 0: none
    uint32_t item = 0;
    bool operator==(const position&) const = default;
  };

  /// nullptr: `why` has the reason.
  static std::unique_ptr<worker_process> start(const std::string& executable, std::string& why);
  ~worker_process();
  worker_process(const worker_process&) = delete;
  worker_process& operator=(const worker_process&) = delete;

  int socket() const { return socket_; } ///< non-blocking
  pid_t id() const { return id_; }
  /// Its current item, as it says itself.
  position at() const;
  /// CPU time that it has used.
  std::chrono::nanoseconds cpu() const;
  bool ended() const { return ending_.has_value(); }
  /// Kills it if it still runs, and waits for its end.
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
