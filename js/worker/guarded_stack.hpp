#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace treadmill::js {

/// The stack of the thread that runs functions, in its own mapping with a guarded lower part. The
/// first access to the guarded part is recorded and makes the part usable, so that running code
/// notices nothing.
///
/// Lifetime: one per process, because it handles SIGSEGV. A fault at any other address ends the
/// process as usual.
/// **Thread**: `run`: any; all other members: the thread that `run` starts.
class guarded_stack {
public:
  /// `plain`: bytes at the top that are not guarded. `size`: of the whole stack.
  guarded_stack(size_t size, size_t plain);
  guarded_stack(const guarded_stack&) = delete;
  guarded_stack& operator=(const guarded_stack&) = delete;

  /// Runs `work` on a thread with this stack, and returns when it has ended. Answers an empty text,
  /// or the reason why `work` did not run.
  [[nodiscard]] std::string run(std::function<void()> work);

  /// Sets the function that is called at the first access, in the signal handler.
  void on_touch(void (*call)(void*), void* self);
  bool touched() const { return touched_; }
  /// Guards the lower part again, and gives its memory back if it was touched.
  void guard();
  /// Makes the lower part usable until `guard`, without recording an access.
  void open();
  /// The lowest address that V8 may use. Below it is a reserve for code that checks no limit.
  uintptr_t lowest() const;

private:
  static void handle(int signal, void* info, void* context);
  static void* begin(void* self);
  void make_usable();

  size_t size_;
  size_t plain_;
  char* memory_ = nullptr;
  std::function<void()> work_{};
  void (*call_)(void*) = nullptr;
  void* called_ = nullptr;
  volatile bool usable_ = false;
  volatile bool touched_ = false;
};

} // namespace treadmill::js
