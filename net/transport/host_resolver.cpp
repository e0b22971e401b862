#include "net/transport/host_resolver.hpp"
#include "net/node/zmq_uri.hpp"
#include "storage/base/lock_rules.hpp"
#include <arpa/inet.h>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <utility>

namespace treadmill::replication {

struct host_resolver::shared {
  lookup look_up{};
  checked_mutex mutex{};
  std::condition_variable asked{};
  std::deque<std::pair<std::string, answer>> questions GUARDED_BY(mutex){};
  bool has_thread GUARDED_BY(mutex) = false;
  bool closed GUARDED_BY(mutex) = false;
};

host_resolver::host_resolver(lookup look_up) : shared_(std::make_shared<shared>()) {
  shared_->look_up = look_up ? std::move(look_up) : look_up_host;
}

host_resolver::~host_resolver() {
  const checked_lock lock(shared_->mutex);
  shared_->closed = true;
  shared_->questions.clear();
  shared_->asked.notify_all();
}

void host_resolver::ask(std::string name, answer then) {
  {
    const checked_lock lock(shared_->mutex);
    shared_->has_thread = shared_->has_thread || start_thread(shared_);
    if (shared_->has_thread) {
      shared_->questions.emplace_back(std::move(name), std::move(then));
      shared_->asked.notify_one();
      return;
    }
  }
  then({}); // the next question tries again
}

bool host_resolver::start_thread(const std::shared_ptr<shared>& state) {
  // A new thread inherits the signal mask: block all signals, which other threads handle.
  sigset_t all{};
  sigset_t before{};
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  bool started = true;
  try {
    std::thread([state] { run(state); }).detach();
  } catch (const std::system_error&) {
    started = false;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

void host_resolver::run(const std::shared_ptr<shared>& state) {
  checked_lock lock(state->mutex);
  for (;;) {
    while (!state->closed && state->questions.empty()) lock.wait(state->asked);
    if (state->closed) return;
    auto [name, then] = std::move(state->questions.front());
    state->questions.pop_front();
    lock.unlock();
    auto addresses = state->look_up(name);
    std::erase_if(addresses, is_undialable);
    lock.lock();
    if (!state->closed) then(std::move(addresses));
  }
}

std::vector<std::string> look_up_host(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return {};
  std::vector<std::string> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    char text[INET6_ADDRSTRLEN] = {};
    const void* bytes = each->ai_family == AF_INET6
                            ? static_cast<const void*>(
                                  &reinterpret_cast<const sockaddr_in6*>(each->ai_addr)->sin6_addr)
                            : &reinterpret_cast<const sockaddr_in*>(each->ai_addr)->sin_addr;
    if (::inet_ntop(each->ai_family, bytes, text, sizeof text) != nullptr)
      addresses.emplace_back(text);
  }
  ::freeaddrinfo(found);
  return addresses;
}

} // namespace treadmill::replication
