#include "net/transport/peer_intake.hpp"
#include <algorithm>

namespace treadmill::replication {

void peer_intake::look() {
  const uint64_t given = connection_.bytes_given();
  held_ = given > taken_ && !is_cut_ ? given - taken_ : 0;
}

bool peer_intake::is_idle() const { return connection_.bytes_unconfirmed() == 0; }

void peer_intake::end() {
  connection_.end();
  is_cut_ = true;
}

void peer_intake::cut() {
  connection_.cut();
  is_cut_ = true;
  held_ = 0;
}

size_t cut_holding(const std::vector<peer_intake*>& intakes, uint64_t most_of_one,
                   uint64_t most_of_all) {
  uint64_t together = 0;
  for (peer_intake* each : intakes) {
    each->look();
    together += each->held();
  }
  size_t count = 0;
  while (!intakes.empty()) {
    peer_intake* const largest = *std::max_element(
        intakes.begin(), intakes.end(), [](const peer_intake* one, const peer_intake* other) {
          return one->held() < other->held();
        });
    if (largest->held() <= most_of_one && together <= most_of_all) break;
    together -= largest->held();
    largest->cut();
    ++count;
  }
  return count;
}

} // namespace treadmill::replication
