#include "js/worker/sandbox.hpp"
#include "js/wire/progress_page.hpp"
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <seccomp.h>
#include <span>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace treadmill::js {

namespace {

std::string failed(const char* what, int number) {
  return std::string(what) + ": " + std::strerror(number);
}

/// Calls for memory, the watchdog's sleep, clocks, and exit. None can name a file, another process
/// or a new descriptor.
constexpr std::array plain_calls = {
    SCMP_SYS(munmap),          SCMP_SYS(mremap),
    SCMP_SYS(madvise),         SCMP_SYS(brk),
    SCMP_SYS(futex),           SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),    SCMP_SYS(getpid),
    SCMP_SYS(gettid),          SCMP_SYS(getppid),
    SCMP_SYS(getrandom),       SCMP_SYS(sched_yield),
    SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),  SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack),     SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/// Calls on existing descriptors.
constexpr std::array socket_calls = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(recvfrom),
                                     SCMP_SYS(sendto)};

/// Calls that take memory protection bits as their third argument.
constexpr std::array protection_calls = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};

class filter {
public:
  filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release) {
    if (!context_) error_ = ENOMEM;
    attribute(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    attribute(SCMP_FLTATR_CTL_TSYNC, 1);
    attribute(SCMP_FLTATR_CTL_NNP, 1);
  }

  void attribute(scmp_filter_attr name, uint32_t value) {
    if (error_ == 0) error_ = -seccomp_attr_set(context_.get(), name, value);
  }
  void allow(int call) { rule(SCMP_ACT_ALLOW, call, {}); }
  void rule(uint32_t action, int call, std::span<const scmp_arg_cmp> where) {
    if (error_ != 0) return;
    error_ = -seccomp_rule_add_array(context_.get(), action, call,
                                     static_cast<unsigned>(where.size()), where.data());
  }
  int load() {
    if (error_ == 0) error_ = -seccomp_load(context_.get());
    return error_;
  }

private:
  std::unique_ptr<void, decltype(&seccomp_release)> context_;
  int error_ = 0;
};

void allow_memory(filter& calls, bool executable) {
  for (const int call : protection_calls) {
    const std::array none = {scmp_arg_cmp{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}};
    calls.rule(SCMP_ACT_ALLOW, call, executable ? std::span<const scmp_arg_cmp>() : none);
  }
}

void allow_socket(filter& calls) {
  for (const int call : socket_calls) {
    const std::array socket = {scmp_arg_cmp{0, SCMP_CMP_EQ, descriptor::socket, 0}};
    calls.rule(SCMP_ACT_ALLOW, call, socket);
  }
  // V8 and libc write an error message to descriptor 2 before they end the process.
  const std::array others = {scmp_arg_cmp{0, SCMP_CMP_NE, descriptor::socket, 0}};
  calls.rule(SCMP_ACT_ERRNO(EBADF), SCMP_SYS(write), others);
  calls.rule(SCMP_ACT_ERRNO(EBADF), SCMP_SYS(writev), {});
  calls.rule(SCMP_ACT_ERRNO(EBADF), SCMP_SYS(newfstatat), {});
}

void allow_own_end(filter& calls) {
  const std::array self = {scmp_arg_cmp{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()), 0}};
  calls.rule(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), self); // abort()
}

std::string set_limit(__rlimit_resource_t what, rlim_t most) {
  const rlimit both{most, most};
  return ::setrlimit(what, &both) == 0 ? std::string() : failed("resource limits", errno);
}

} // namespace

std::string tie_to_parent() {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("parent death signal", errno);
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failed("dumpable", errno);
  return {};
}

bool parent_is(uint32_t process) { return static_cast<uint32_t>(::getppid()) == process; }

std::string limit_address_space(const sandbox_options& options) {
  if (options.address_space_bytes == 0) return {};
  return set_limit(RLIMIT_AS, options.address_space_bytes);
}

std::string lower_limits() {
  if (auto error = set_limit(RLIMIT_NOFILE, descriptor::socket + 1); !error.empty()) return error;
  for (const auto what :
       {RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE}) {
    if (auto error = set_limit(what, 0); !error.empty()) return error;
  }
  return {};
}

std::string close_sandbox(const sandbox_options& options) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs", errno);
  filter calls;
  for (const int call : plain_calls) calls.allow(call);
  allow_memory(calls, options.executable_memory);
  allow_socket(calls);
  allow_own_end(calls);
  if (const int error = calls.load(); error != 0) return failed("seccomp", error);
  return {};
}

} // namespace treadmill::js
