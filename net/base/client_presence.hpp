#pragma once
#include <functional>
#include <memory>
#include <mutex>

namespace treadmill {

/// Whether the client of a request still waits for its answer. A client that closes its side of the
/// connection has left. Cheap to copy. A default-constructed presence never leaves. **Thread**:
/// any.
class client_presence {
public:
  static client_presence make();
  bool left() const;
  /// Sets the function to call once when the client leaves; it replaces the previous one. If the
  /// client has already left, calls it at once. It must be quick. An empty function clears the
  /// previous one.
  void on_leave(std::function<void()> then) const;
  void leave() const;
  /// True: nobody else holds this presence and the client has not left, so the next request may
  /// reuse it.
  bool unused() const { return state_ != nullptr && state_.use_count() == 1 && !left(); }

private:
  struct state {
    std::mutex mutex{};
    bool left = false;
    std::function<void()> then{};
  };
  std::shared_ptr<state> state_{};
};

} // namespace treadmill
