#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace treadmill::replication {

/// Looks the names of hosts up, beside everything else: a name server that is slow or away holds
/// nothing up but other names. (libzmq would look them up on the thread that moves all frames, and
/// try the first address alone.)
///
/// It owns one thread, which begins with the first question. **Lifetime**: the destructor does not
/// wait for a name server; the thread ends by itself when that has answered, and no answer is
/// delivered after the destructor has begun.
/// **Thread**: ask from any; answers come on the resolver's own.
class host_resolver {
public:
  /// The addresses of a name, best first; none where it has none or they cannot be learnt.
  using lookup = std::function<std::vector<std::string>(const std::string& name)>;
  using answer = std::function<void(std::vector<std::string> addresses)>;

  /// Without a `lookup` of its own it asks the system. Addresses that no peer can be dialled at
  /// (zmq_uri.hpp) are left out of every answer.
  explicit host_resolver(lookup look_up = {});
  ~host_resolver();
  host_resolver(const host_resolver&) = delete;
  host_resolver& operator=(const host_resolver&) = delete;

  void ask(std::string name, answer then);

private:
  struct shared;
  static void run(const std::shared_ptr<shared>& state);

  std::shared_ptr<shared> shared_;
};

/// The addresses that the system knows for a name or an address, in the order in which to try them.
/// Blocks for as long as the system's name servers take.
std::vector<std::string> look_up_host(const std::string& name);

} // namespace treadmill::replication
