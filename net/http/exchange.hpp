#pragma once
#include "net/http/byte_buffer.hpp"
#include "net/http/http.hpp"
#include "net/http/server_core.hpp"
#include <atomic>
#include <memory>
#include <string>

namespace treadmill::http {

/// One request from dispatch to answer, shared by its connection and its responder. It owns the
/// request's bytes, so that a slow handler can still read them after the connection has closed.
class exchange {
public:
  exchange(std::weak_ptr<server_core> core, connection& origin)
      : core_(std::move(core)), origin_(&origin) {}

  /// Stores the answer and wakes the connection, if the connection still waits for it. **Thread**:
  /// any.
  void answer(response&& answer);
  /// Whether the answer is there. **Thread**: the connection.
  bool answered() const { return state_.load(std::memory_order_acquire) == state::answered; }
  /// Tells the exchange that the connection no longer waits. False: the responder is storing the
  /// answer or has stored it. **Thread**: the connection.
  bool abandon();

  http::request request;
  std::string remote_address;
  byte_buffer bytes;
  body_charge charge;
  work_place work;
  response answer_given; ///< valid once `answered`

private:
  enum class state { waiting, answering, answered, abandoned };
  std::atomic<state> state_ = state::waiting;
  std::weak_ptr<server_core> core_;
  connection* origin_;
};

} // namespace treadmill::http
