#include "js/worker/sandbox.hpp"
#include "js/wire/progress_page.hpp"
#include "js/worker/watchdog.hpp"
#include <array>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace js = treadmill::js;

namespace {

struct ending {
  int code = -1;
  int signal = 0;
};

// Runs `deed` in a child that has closed its sandbox; the child's code is what it returns. `before`
// runs in the child right before it closes it.
ending in_sandbox(const js::sandbox_options& options, int (*deed)(), void (*before)() = nullptr) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0 ||
        ::dup2(ends[0], js::descriptor::socket) < 0)
      ::_exit(98);
    if (before != nullptr) before();
    if (!js::close_sandbox(options).empty()) ::_exit(99);
    ::_exit(deed());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  ending made;
  if (WIFEXITED(status)) made.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) made.signal = WTERMSIG(status);
  return made;
}

struct deed {
  const char* name;
  int (*run)();
};

} // namespace

TEST_CASE("a sandboxed process dies of any call that it has no need of") {
  const std::array<deed, 22> deeds = {{
      {"open", [] { return static_cast<int>(::syscall(SYS_open, "/etc/passwd", O_RDONLY)); }},
      {"openat", [] { return ::open("/etc/passwd", O_RDONLY); }},
      {"creat", [] { return ::creat("/tmp/treadmill-sandbox-test", 0600); }},
      {"unlink", [] { return ::unlink("/tmp/treadmill-sandbox-test"); }},
      {"socket", [] { return ::socket(AF_INET, SOCK_STREAM, 0); }},
      {"socketpair",
       [] {
         std::array<int, 2> e{};
         return ::socketpair(AF_UNIX, SOCK_STREAM, 0, e.data());
       }},
      {"sendmsg",
       [] {
         const msghdr m{};
         return static_cast<int>(::sendmsg(3, &m, 0));
       }},
      {"recvmsg",
       [] {
         msghdr m{};
         return static_cast<int>(::recvmsg(3, &m, 0));
       }},
      {"fork", [] { return static_cast<int>(::fork()); }},
      {"clone3", [] { return static_cast<int>(::syscall(SYS_clone3, nullptr, 0)); }},
      {"execve", [] { return ::execl("/bin/true", "true", nullptr); }},
      {"kill", [] { return ::kill(::getppid(), 0); }},
      {"tgkill of another",
       [] { return static_cast<int>(::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0)); }},
      {"ptrace", [] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }},
      {"process_vm_readv",
       [] {
         return static_cast<int>(
             ::syscall(SYS_process_vm_readv, ::getppid(), nullptr, 0, nullptr, 0, 0));
       }},
      {"setrlimit",
       [] { return static_cast<int>(::syscall(SYS_prlimit64, 0, 0, nullptr, nullptr)); }},
      {"prctl", [] { return static_cast<int>(::syscall(SYS_prctl, 38, 1, 0, 0, 0)); }},
      {"ioctl", [] { return static_cast<int>(::syscall(SYS_ioctl, 0, 0, 0)); }},
      {"dup", [] { return ::dup(3); }},
      {"memfd_create", [] { return ::memfd_create("x", 0); }},
      {"read of another descriptor",
       [] {
         char c = 0;
         return static_cast<int>(::read(0, &c, 1));
       }},
      {"io_uring_setup",
       [] { return static_cast<int>(::syscall(SYS_io_uring_setup, 1, nullptr)); }},
  }};
  for (const deed& one : deeds) {
    CAPTURE(std::string(one.name));
    CHECK(in_sandbox({}, one.run).signal == SIGSYS);
  }
}

TEST_CASE("a sandboxed process talks over its socket, has memory and clocks, and can end") {
  CHECK(in_sandbox({}, [] {
          if (::write(js::descriptor::socket, "a", 1) != 1) return 1;
          if (::write(2, "a", 1) != -1) return 2; // words to nobody: an error, not the end
          void* const page =
              ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          if (page == MAP_FAILED || ::munmap(page, 4096) != 0) return 3;
          timespec now{};
          return ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0 ? 7 : 4;
        }).code == 7);
  CHECK(in_sandbox({}, [] {
          ::signal(SIGABRT, SIG_DFL);
          ::syscall(SYS_tgkill, ::getpid(), ::gettid(), SIGABRT);
          return 0;
        }).signal == SIGABRT);
}

TEST_CASE("without a JIT compiler no memory can be made executable") {
  const auto map = [] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                   MAP_FAILED
               ? 1
               : 0;
  };
  CHECK(in_sandbox({0, true}, map).code == 0);
  CHECK(in_sandbox({0, false}, map).signal == SIGSYS);
  CHECK(in_sandbox({0, false}, [] {
          void* const page = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          return ::mprotect(page, 4096, PROT_READ | PROT_EXEC);
        }).signal == SIGSYS);
}

TEST_CASE("a watchdog lives on in a sandbox that closes as soon as it is made") {
  static std::unique_ptr<js::watchdog> made; // by the child alone
  const auto make = [] {
    cpu_set_t one{}; // on one processor nothing runs beside the main thread
    CPU_SET(::sched_getcpu(), &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) ::_exit(97);
    made = std::make_unique<js::watchdog>(std::chrono::milliseconds(5),
                                          js::watchdog::actions{[] { ::_exit(7); }, [] {}});
  };
  const auto run = [] {
    const js::watchdog::shift shift(*made);
    const js::watchdog::piece piece(*made);
    while (true) sched_yield(); // until it is interrupted
    return 0;
  };
  for (int i = 0; i < 20; ++i) CHECK(in_sandbox({}, run, make).code == 7);
}
