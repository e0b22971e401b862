#include "tests/simulation/network.hpp"
#include <algorithm>

namespace treadmill::simulation {

void network::send(size_t from, size_t to, std::string frame) {
  ++frames_;
  bytes_ += frame.size();
  if (cuts_[{from, to}] > 0 || around_.random().chance(now_.lost)) return;
  if (around_.random().chance(now_.repeated)) pass(from, to, frame);
  pass(from, to, std::move(frame));
}

void network::pass(size_t from, size_t to, std::string frame) {
  const ticks now = around_.now();
  ticks wait = now_.delay + ticks(around_.random().between(0, now_.jitter.count()));
  ticks& last = last_arrival_[{from, to}];
  if (around_.random().chance(now_.reordered)) {
    wait += ticks(around_.random().between(0, 3 * now_.jitter.count() + 5));
  } else {
    wait = std::max(wait, last - now);
    last = now + wait;
  }
  around_.after(wait, [this, from, to, connection = connection_[{from, to}],
                       frame = std::move(frame)]() mutable {
    if (connection != connection_[{from, to}] && !around_.random().chance(50)) return;
    deliver_(from, to, std::move(frame));
  });
}

void network::lose_connection(size_t a, size_t b) {
  ++connection_[{a, b}];
  ++connection_[{b, a}];
}

void network::heal() {
  now_ = network_plan{};
  now_.delay = ticks(1);
  now_.jitter = ticks(3);
  for (auto& [direction, cuts] : cuts_) cuts = 0;
}

} // namespace treadmill::simulation
