#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace treadmill::js {

/// The stack of the thread that runs functions, in a mapping of its own whose lower part is
/// guarded. The first touch of the guarded part is noted, and makes it usable: nothing that runs
/// sees a difference.
///
/// One a process: it handles SIGSEGV. A fault at any other address ends the process as ever.
/// **Thread**: `run` is for any, all else for the thread that it makes.
class guarded_stack {
public:
  /// `plain`: bytes at the top that are not guarded. `size`: of the whole stack.
  guarded_stack(size_t size, size_t plain);
  guarded_stack(const guarded_stack&) = delete;
  guarded_stack& operator=(const guarded_stack&) = delete;

  /// Runs `work` on a thread with this stack, and returns when it has ended. Nothing, or why it did
  /// not run.
  [[nodiscard]] std::string run(std::function<void()> work);

  /// Called at the touch, in the handler of the signal.
  void on_touch(void (*call)(void*), void* self);
  bool touched() const { return touched_; }
  /// Guards the lower part, and gives its memory back where it was touched.
  void guard();
  /// Makes the lower part usable, until `guard`, without a note.
  void open();
  /// The lowest address that may be used, with a reserve for what does not look at a limit.
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
