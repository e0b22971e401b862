#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace treadmill::replication {

/// Looks up host names on a thread of its own, so that a slow or unreachable name server delays
/// only other lookups. (libzmq would look them up on the thread that moves all frames, and would
/// try only the first address.)
///
/// It owns one thread, which starts with the first question. **Lifetime**: the destructor does not
/// wait for a name server; the thread ends by itself when that has answered. No answer is delivered
/// after the destructor has begun. **Thread**: ask from any thread; the resolver's own thread
/// delivers answers, and an answer callback must not call the resolver. **Errors**: if the thread
/// cannot be created, `ask` itself answers, without addresses; the next `ask` tries again.
class host_resolver {
public:
  /// The addresses of a name, best first; empty if it has none or the lookup failed.
  using lookup = std::function<std::vector<std::string>(const std::string& name)>;
  using answer = std::function<void(std::vector<std::string> addresses)>;

  /// If `look_up` is empty, the system resolves names. No answer contains addresses that cannot be
  /// dialled (zmq_uri.hpp).
  explicit host_resolver(lookup look_up = {});
  ~host_resolver();
  host_resolver(const host_resolver&) = delete;
  host_resolver& operator=(const host_resolver&) = delete;

  void ask(std::string name, answer then);

private:
  struct shared;
  static bool start_thread(const std::shared_ptr<shared>& state);
  static void run(const std::shared_ptr<shared>& state);

  std::shared_ptr<shared> shared_;
};

/// The addresses that the system knows for a name or an address, in the order to try them. Blocks
/// for as long as the system's name servers take.
std::vector<std::string> look_up_host(const std::string& name);

} // namespace treadmill::replication
