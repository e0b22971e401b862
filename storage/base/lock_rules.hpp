#pragma once
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

/// Lock rules that clang checks at compile time (-Wthread-safety, in the tree of the fuzzers). For
/// other compilers they mean nothing. The standard library's mutexes carry no rules, hence the
/// types below.
#ifdef __clang__
#define TREADMILL_RULE(rule) __attribute__((rule))
#else
#define TREADMILL_RULE(rule)
#endif
/// A member that is used only while `lock` is held.
#define GUARDED_BY(lock) TREADMILL_RULE(guarded_by(lock))
/// A function that is called only while `lock` is held.
#define NEEDS_LOCK(lock) TREADMILL_RULE(requires_capability(lock))

namespace treadmill {

class TREADMILL_RULE(capability("mutex")) checked_mutex {
  friend class checked_lock;
  std::mutex mutex_{};
};

/// Holds a checked_mutex, except between `unlock` and `lock`.
class TREADMILL_RULE(scoped_lockable) checked_lock {
public:
  explicit checked_lock(checked_mutex& of) TREADMILL_RULE(acquire_capability(of))
      : lock_(of.mutex_) {}
  ~checked_lock() TREADMILL_RULE(release_capability()) = default;
  checked_lock(const checked_lock&) = delete;
  checked_lock& operator=(const checked_lock&) = delete;

  void lock() TREADMILL_RULE(acquire_capability()) { lock_.lock(); }
  void unlock() TREADMILL_RULE(release_capability()) { lock_.unlock(); }
  /// Waits once, also for no reason: call it in a loop that tests the condition, because the rules
  /// do not reach into a lambda.
  void wait(std::condition_variable& changed) { changed.wait(lock_); }
  template<typename Time>
  std::cv_status wait_until(std::condition_variable& changed, const Time& when) {
    return changed.wait_until(lock_, when);
  }

private:
  std::unique_lock<std::mutex> lock_;
};

class TREADMILL_RULE(capability("mutex")) checked_shared_mutex {
  friend class checked_write_lock;
  friend class checked_read_lock;
  std::shared_mutex mutex_{};
};

class TREADMILL_RULE(scoped_lockable) checked_write_lock {
public:
  explicit checked_write_lock(checked_shared_mutex& of) TREADMILL_RULE(acquire_capability(of))
      : lock_(of.mutex_) {}
  ~checked_write_lock() TREADMILL_RULE(release_capability()) = default;
  checked_write_lock(const checked_write_lock&) = delete;
  checked_write_lock& operator=(const checked_write_lock&) = delete;

private:
  std::unique_lock<std::shared_mutex> lock_;
};

class TREADMILL_RULE(scoped_lockable) checked_read_lock {
public:
  explicit checked_read_lock(checked_shared_mutex& of) TREADMILL_RULE(acquire_shared_capability(of))
      : lock_(of.mutex_) {}
  ~checked_read_lock() TREADMILL_RULE(release_generic_capability()) = default;
  checked_read_lock(const checked_read_lock&) = delete;
  checked_read_lock& operator=(const checked_read_lock&) = delete;

private:
  std::shared_lock<std::shared_mutex> lock_;
};

} // namespace treadmill
