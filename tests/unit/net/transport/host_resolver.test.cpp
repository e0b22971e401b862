#include "net/transport/host_resolver.hpp"
#include "tests/unit/net/http/raw_client.hpp"
#include <algorithm>
#include <atomic>
#include <doctest/doctest.h>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <thread>

using treadmill::replication::host_resolver;
using treadmill::replication::look_up_host;
using treadmill::test::eventually;
using namespace std::chrono_literals;

TEST_CASE("names are answered in order, without the addresses that no peer is dialled at") {
  std::mutex mutex;
  std::vector<std::string> seen;
  host_resolver resolver([](const std::string& name) {
    return std::vector<std::string>{
        "169.254.169.254", name + " is no address", "10.0.0.1", "::", "2001:db8::1", "fe80::1"};
  });
  for (const char* name : {"one", "two", "three"})
    resolver.ask(name, [&, name](const std::vector<std::string>& addresses) {
      const std::scoped_lock lock(mutex);
      seen.emplace_back(name);
      CHECK(addresses == std::vector<std::string>{"10.0.0.1", "2001:db8::1"});
    });
  CHECK(eventually([&] {
    const std::scoped_lock lock(mutex);
    return seen == std::vector<std::string>{"one", "two", "three"};
  }));
}

TEST_CASE("a resolver that ends waits for no name server, and answers nothing more") {
  struct lookups {
    std::atomic<bool> has_begun{false};
    std::atomic<bool> may_end{false};
    std::atomic<bool> has_ended{false};
  };
  const auto state = std::make_shared<lookups>();
  std::atomic<int> answers{0};
  auto resolver = std::make_unique<host_resolver>([state](const std::string&) {
    state->has_begun = true;
    while (!state->may_end) std::this_thread::sleep_for(1ms);
    state->has_ended = true;
    return std::vector<std::string>{"10.0.0.1"};
  });
  for (int i = 0; i < 3; ++i)
    resolver->ask("slow", [&](const std::vector<std::string>&) { ++answers; });
  REQUIRE(eventually([&] { return state->has_begun.load(); }));
  resolver.reset();
  state->may_end = true;
  // The last owner but this one is the thread.
  CHECK(eventually([&] { return state.use_count() == 1; }));
  CHECK(state->has_ended);
  CHECK(answers == 0);
}

TEST_CASE(
    "a resolver that cannot create its thread answers without addresses, and tries again later") {
  host_resolver resolver([](const std::string&) { return std::vector<std::string>{"10.0.0.1"}; });
  std::atomic<int> empty{0};
  std::atomic<int> found{0};
  const auto count = [&](const std::vector<std::string>& addresses) {
    ++(addresses.empty() ? empty : found);
  };
  pthread_attr_t usual;
  pthread_attr_t huge;
  REQUIRE(pthread_getattr_default_np(&usual) == 0);
  REQUIRE(pthread_attr_init(&huge) == 0);
  REQUIRE(pthread_attr_setstacksize(&huge, size_t{1} << 48) == 0); // more than the address space
  REQUIRE(pthread_setattr_default_np(&huge) == 0);
  resolver.ask("one", count);
  CHECK(empty == 1);
  REQUIRE(pthread_setattr_default_np(&usual) == 0);
  resolver.ask("two", count);
  CHECK(eventually([&] { return found == 1; }));
  CHECK(empty == 1);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&usual);
}

TEST_CASE("the system finds this machine, and takes addresses for names") {
  const auto here = look_up_host("localhost");
  CHECK(std::find(here.begin(), here.end(), "127.0.0.1") != here.end());
  CHECK(look_up_host("192.0.2.7") == std::vector<std::string>{"192.0.2.7"});
  CHECK(look_up_host("2001:db8::1") == std::vector<std::string>{"2001:db8::1"});
  CHECK(look_up_host("no..name").empty());
}
