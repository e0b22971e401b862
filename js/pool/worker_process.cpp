#include "js/pool/worker_process.hpp"
#include "js/wire/defaults.hpp"
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <new>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace treadmill::js {

namespace {

/// Descriptors are moved up first, so that they do not collide with the worker's descriptors.
constexpr int lowest_descriptor = 10;

int move_up(int descriptor) {
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, lowest_descriptor);
  ::close(descriptor);
  return moved;
}

void close_if_open(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

std::chrono::nanoseconds time_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

/// Owns the lists of posix_spawn.
class spawn_plan {
public:
  spawn_plan() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    // Its own session, so that signals typed at the node's terminal do not reach it.
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~spawn_plan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;

  /// Sets the worker's descriptors; all others are closed.
  bool give(int socket, int page) {
    int failed = 0;
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      failed |= ::posix_spawn_file_actions_addopen(&actions_, standard, "/dev/null", O_RDWR, 0);
    failed |= ::posix_spawn_file_actions_adddup2(&actions_, socket, descriptor::socket);
    failed |= ::posix_spawn_file_actions_adddup2(&actions_, page, descriptor::page);
    failed |= ::posix_spawn_file_actions_addclosefrom_np(&actions_, descriptor::page + 1);
    return failed == 0;
  }

  int run(pid_t& id, const std::string& executable) const {
    std::string name = executable;
    std::string zone = "TZ=UTC";
    std::string locale = "LC_ALL=C";
    const std::array<char*, 2> arguments{name.data(), nullptr};
    const std::array<char*, 3> environment{zone.data(), locale.data(), nullptr};
    return ::posix_spawn(&id, executable.c_str(), &actions_, &attributes_, arguments.data(),
                         environment.data());
  }

private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

} // namespace

std::unique_ptr<worker_process> worker_process::start(const std::string& executable,
                                                      std::string& why) {
  std::unique_ptr<worker_process> made(new worker_process);
  if (!made->prepare(why) || !made->spawn(executable, why)) return nullptr;
  close_if_open(made->far_socket_);
  close_if_open(made->page_file_);
  return made;
}

bool worker_process::prepare(std::string& why) {
  const auto fail = [&why](const char* what) {
    why = std::string(what) + ": " + std::strerror(errno);
    return false;
  };
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail("no socket for a worker");
  socket_ = ends[0];
  far_socket_ = move_up(ends[1]);
  if (far_socket_ < 0 || ::fcntl(socket_, F_SETFL, O_NONBLOCK) != 0)
    return fail("no socket for a worker");
  const int buffer = defaults::batch_bytes; // the system may allow less
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  ::setsockopt(far_socket_, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  const int file = ::memfd_create("treadmill-map", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return fail("no page for a worker");
  page_file_ = move_up(file);
  // Sealed, because if the worker could truncate the page, reading it would kill the pool.
  if (page_file_ < 0 || ::ftruncate(page_file_, progress_page_bytes) != 0 ||
      ::fcntl(page_file_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return fail("no page for a worker");
  }
  void* const page =
      ::mmap(nullptr, progress_page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, page_file_, 0);
  if (page == MAP_FAILED) return fail("no page for a worker");
  page_ = new (page) progress_page;
  return true;
}

bool worker_process::spawn(const std::string& executable, std::string& why) {
  spawn_plan plan;
  int error = ENOMEM;
  pid_t id = -1;
  if (plan.give(far_socket_, page_file_)) error = plan.run(id, executable);
  if (error == 0) {
    id_ = id;
    return true;
  }
  why = executable + " cannot be started: " + std::strerror(error);
  return false;
}

worker_process::~worker_process() {
  end();
  close_if_open(socket_);
  close_if_open(far_socket_);
  close_if_open(page_file_);
  if (page_ != nullptr) ::munmap(page_, progress_page_bytes);
}

worker_process::position worker_process::at() const {
  return {page_->request.load(std::memory_order_acquire),
          page_->item.load(std::memory_order_relaxed)};
}

std::chrono::nanoseconds worker_process::cpu() const {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(id_, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

worker_process::ending worker_process::end() {
  if (ending_ || id_ < 0) return ending_.value_or(ending{});
  int status = 0;
  rusage used{};
  // If it has ended by itself, the signal has no effect and the status is that of its own end.
  ::kill(id_, SIGKILL);
  pid_t waited = -1;
  do waited = ::wait4(id_, &status, 0, &used);
  while (waited < 0 && errno == EINTR);
  ending_ = ending{};
  if (waited != id_) return *ending_;
  if (WIFEXITED(status)) ending_->code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ending_->signal = WTERMSIG(status);
  ending_->cpu = time_of(used.ru_utime) + time_of(used.ru_stime);
  return *ending_;
}

} // namespace treadmill::js
