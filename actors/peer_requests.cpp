#include "actors/peer_requests.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {

uint64_t peer_requests::wait(uint64_t peer, bool fresh, answer_ptr answer) {
  waiting_[++last_] = {peer, fresh, std::move(answer)};
  return last_;
}

bool peer_requests::is_awaited(uint64_t peer) const {
  return std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& item) {
    return item.second.peer == peer && item.second.fresh;
  });
}

void peer_requests::merge(uint64_t from, uint64_t into) {
  for (auto& [number, one] : waiting_) {
    if (one.peer != from) continue;
    one.peer = into;
    one.fresh = false;
  }
}

void peer_requests::reached(uint64_t peer, const replication::peer_record& record) {
  std::erase_if(waiting_, [&](const auto& item) {
    if (item.second.peer != peer) return false;
    const auto how = item.second.fresh ? peer_added::how::made : peer_added::how::known;
    (*item.second.answer)(peer_added{how, record.name, record.zmq_uri});
    return true;
  });
}

void peer_requests::refuse(uint64_t peer, const error& problem) {
  std::erase_if(waiting_, [&](const auto& item) {
    if (item.second.peer != peer) return false;
    (*item.second.answer)(tl::unexpected(problem));
    return true;
  });
}

void peer_requests::refuse_all(const error& problem) {
  for (const auto& [number, one] : std::exchange(waiting_, {}))
    (*one.answer)(tl::unexpected(problem));
}

void peer_requests::give_up(uint64_t number, const replication::peer_registry& registry) {
  const auto over = waiting_.extract(number);
  if (over.empty()) return;
  const replication::peer_record* record = registry.find(over.mapped().peer);
  if (record == nullptr) return (*over.mapped().answer)(fail(ec::conflict, "the peer was removed"));
  (*over.mapped().answer)(peer_added{peer_added::how::waiting, record->name, record->zmq_uri});
}

} // namespace treadmill
