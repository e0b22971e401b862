#include "net/http/exchange.hpp"
#include "net/http/connection.hpp"

namespace treadmill::http {

void exchange::answer(response&& answer) {
  auto expected = state::waiting;
  if (!state_.compare_exchange_strong(expected, state::answering)) return;
  answer_given = std::move(answer);
  state_.store(state::answered, std::memory_order_release);
  if (const auto core = core_.lock()) core->workers.signal(*origin_, connection::answered);
}

bool exchange::abandon() {
  auto expected = state::waiting;
  return state_.compare_exchange_strong(expected, state::abandoned);
}

} // namespace treadmill::http
