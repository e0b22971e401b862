#include "tests/cluster/feed_follower.hpp"

namespace treadmill::cluster {

void address_board::set(std::optional<address> where) {
  const std::lock_guard lock(mutex_);
  where_ = std::move(where);
  news_.notify_all();
}

std::optional<address> address_board::wait() {
  std::unique_lock lock(mutex_);
  news_.wait(lock, [this] { return ended_ || where_; });
  return ended_ ? std::nullopt : where_;
}

void address_board::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  news_.notify_all();
}

feed_follower::feed_follower(address_board& board, std::string bucket, kind how)
    : board_(board), bucket_(std::move(bucket)), how_(how), thread_([this] { run(); }) {}

feed_follower::~feed_follower() {
  stopped_ = true;
  thread_.join();
}

std::vector<seen_entry> feed_follower::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(seen_, {});
}

std::string feed_follower::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void feed_follower::run() {
  while (!stopped_) {
    const auto where = board_.wait();
    if (!where) return;
    follow(*where);
    // The node is down, starts, or has no such bucket yet.
    if (!stopped_) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void feed_follower::follow(const address& where) {
  http_client client(where, std::chrono::seconds(5));
  const std::string since = std::to_string(last_);
  std::string target = "/" + bucket_ + "/_activity?heartbeat=1000&feed=";
  header_list headers;
  if (how_ == kind::continuous) {
    target += "continuous&since=" + since;
  } else {
    target += "eventsource";
    headers.emplace_back("Last-Event-ID", since);
  }
  if (client.start("GET", target, {}, headers).status != 200) return;
  ++connections_;
  std::string text;
  while (!stopped_) {
    const auto got = client.read_some(text, std::chrono::milliseconds(200));
    if (got == http_client::piece::end || got == http_client::piece::cut) return;
    size_t begin = 0;
    for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
      take_line(std::string_view(text).substr(begin, end - begin));
    text.erase(0, begin); // a line may come in parts
  }
}

void feed_follower::take_line(std::string_view line) {
  constexpr std::string_view data = "data: ";
  if (how_ == kind::eventsource) {
    if (!line.starts_with(data)) return; // the id is in the data too
    line.remove_prefix(data.size());
  }
  if (line.empty()) return; // a heartbeat
  seen_entry entry = read_entry(line);
  const std::lock_guard lock(mutex_);
  if (entry.sequence != last_ + 1 && problem_.empty())
    problem_ = "after " + std::to_string(last_) + " came " + std::string(line);
  last_ = entry.sequence;
  seen_.push_back(std::move(entry));
}

} // namespace treadmill::cluster
