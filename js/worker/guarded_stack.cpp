#include "js/worker/guarded_stack.hpp"
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace treadmill::js {

namespace {

/// Reserve below the lowest address, for code that does not check the stack limit.
constexpr size_t reserve_bytes = 512 * 1024;

/// The signal handler's stack: at the fault, the thread's own stack has no usable memory left.
alignas(64) std::array<char, 64 * 1024> handler_stack;
guarded_stack* only = nullptr;

std::string failed(const char* what, int number) {
  return std::string(what) + ": " + std::strerror(number);
}

} // namespace

guarded_stack::guarded_stack(size_t size, size_t plain) : size_(size), plain_(plain) {}

std::string guarded_stack::run(std::function<void()> work) {
  constexpr int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
  void* const memory = ::mmap(nullptr, size_, PROT_NONE, kind, -1, 0);
  if (memory == MAP_FAILED) return failed("no memory for a stack", errno);
  memory_ = static_cast<char*>(memory);
  if (::mprotect(memory_ + size_ - plain_, plain_, PROT_READ | PROT_WRITE) != 0)
    return failed("no memory for a stack", errno);
  work_ = std::move(work);
  pthread_attr_t how;
  pthread_t thread{};
  ::pthread_attr_init(&how);
  int error = ::pthread_attr_setstack(&how, memory_, size_);
  if (error == 0) error = ::pthread_create(&thread, &how, begin, this);
  ::pthread_attr_destroy(&how);
  if (error != 0) return failed("no thread for functions", error);
  ::pthread_join(thread, nullptr);
  return {};
}

void* guarded_stack::begin(void* self) {
  auto& me = *static_cast<guarded_stack*>(self);
  only = &me;
  stack_t alternate{};
  alternate.ss_sp = handler_stack.data();
  alternate.ss_size = handler_stack.size();
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  action.sa_sigaction = [](int signal, siginfo_t* info, void* context) {
    handle(signal, info, context);
  };
  if (::sigaltstack(&alternate, nullptr) == 0 && ::sigaction(SIGSEGV, &action, nullptr) == 0)
    me.work_();
  return nullptr;
}

/// Async-signal-safe, except for the function given to `on_touch`.
void guarded_stack::handle(int signal, void* info, void* /*context*/) {
  guarded_stack& me = *only;
  const auto* const at = static_cast<const char*>(static_cast<siginfo_t*>(info)->si_addr);
  const bool guarded = at >= me.memory_ && at < me.memory_ + me.size_ - me.plain_;
  if (!guarded || me.usable_) {
    ::signal(signal, SIG_DFL); // the fault repeats and ends the process
    return;
  }
  me.make_usable();
  me.touched_ = true;
  if (me.call_ != nullptr) me.call_(me.called_);
}

void guarded_stack::on_touch(void (*call)(void*), void* self) {
  called_ = self;
  call_ = call;
}

void guarded_stack::make_usable() {
  if (::mprotect(memory_, size_ - plain_, PROT_READ | PROT_WRITE) != 0) ::abort();
  usable_ = true;
}

void guarded_stack::open() {
  if (!usable_) make_usable();
}

void guarded_stack::guard() {
  touched_ = false;
  if (!usable_) return;
  usable_ = false;
  const size_t lower = size_ - plain_;
  ::madvise(memory_, lower, MADV_DONTNEED);
  if (::mprotect(memory_, lower, PROT_NONE) != 0) ::abort();
}

uintptr_t guarded_stack::lowest() const {
  return reinterpret_cast<uintptr_t>(memory_) + reserve_bytes;
}

} // namespace treadmill::js
