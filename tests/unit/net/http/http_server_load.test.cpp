#include "net/http/http_server.hpp"
#include "tests/skip.hpp"
#include "tests/unit/net/http/raw_client.hpp"
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <mutex>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace http = treadmill::http;
using treadmill::test::eventually;
using treadmill::test::raw_client;
using namespace std::chrono_literals;
using treadmill::waker;

namespace {

constexpr size_t large_bytes = 12'000'000; // more than any kernel buffer

using milliseconds = std::chrono::duration<double, std::milli>;

// A stream that never ends, for as fast as its client takes it.
class endless final : public http::body_stream {
public:
  explicit endless(std::atomic<size_t>& made) : made_(made) {}
  state next(std::string& out) override {
    out.append(65536, 'x');
    made_ += 65536;
    return state::more;
  }

private:
  std::atomic<size_t>& made_;
};

// A feed on which nothing ever happens, unless it is woken: then it sends a line for each time.
class quiet_feed final : public http::body_stream {
public:
  struct board {
    std::mutex mutex;
    std::vector<waker> wakers;
    std::atomic<int> events = 0;
    std::atomic<int> alive = 0;
    void happen() {
      ++events;
      std::vector<waker> all;
      {
        const std::lock_guard lock(mutex);
        all = wakers;
      }
      for (const auto& wake : all) wake();
    }
  };
  explicit quiet_feed(board& events) : board_(events) { ++board_.alive; }
  ~quiet_feed() override { --board_.alive; }
  void start(const waker& wake) override {
    const std::lock_guard lock(board_.mutex);
    board_.wakers.push_back(wake);
  }
  state next(std::string& out) override {
    for (const int now = board_.events; sent_ < now; ++sent_) out += "event\n";
    return state::wait;
  }
  bool is_feed() const override { return true; }

private:
  board& board_;
  int sent_ = 0;
};

http::response text(std::string body) {
  http::response made;
  made.content_type = "text/plain";
  made.body = std::move(body);
  return made;
}

struct busy_server {
  explicit busy_server(http::server_options options = {})
      : server(std::move(options), [this](const http::request& request, http::responder answer) {
          handle(request, std::move(answer));
        }) {
    const auto started = server.start();
    REQUIRE(started);
  }
  ~busy_server() { open_gate(); }

  void handle(const http::request& request, http::responder answer) {
    if (request.path == "/feed") {
      http::response made;
      made.stream = std::make_unique<quiet_feed>(board);
      return answer(std::move(made));
    }
    if (request.path == "/endless") {
      http::response made;
      made.stream = std::make_unique<endless>(made_bytes);
      return answer(std::move(made));
    }
    if (request.path == "/large") return answer(text(std::string(large_bytes, 'l')));
    if (request.path == "/later") {
      const std::lock_guard lock(mutex);
      waiting.push_back(std::move(answer));
      return;
    }
    if (request.path == "/block") {
      ++blocked;
      std::unique_lock lock(mutex);
      gate.wait(lock, [this] { return gate_is_open; });
    }
    answer(text("small"));
  }
  void open_gate() {
    const std::lock_guard lock(mutex);
    gate_is_open = true;
    gate.notify_all();
  }
  size_t waiting_count() {
    const std::lock_guard lock(mutex);
    return waiting.size();
  }
  raw_client client() const { return raw_client(server.port()); }

  quiet_feed::board board;
  std::atomic<size_t> made_bytes = 0;
  std::atomic<int> blocked = 0;
  std::mutex mutex;
  std::condition_variable gate;
  bool gate_is_open = false;
  std::deque<http::responder> waiting;
  http::server server;
};

// The time of a round of requests on one connection.
milliseconds round_on(raw_client& client) {
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) REQUIRE(client.get("/small").body == "small");
  return std::chrono::steady_clock::now() - begun;
}

// Whether requests on `loaded` take about as long as on `free`: in turn, and the fastest rounds of
// each, so that it is not the machine's other work that is measured.
bool is_as_fast(const busy_server& loaded, const busy_server& free) {
  auto to_loaded = loaded.client();
  auto to_free = free.client();
  milliseconds best_loaded(1e9), best_free(1e9);
  return eventually([&] {
    for (int i = 0; i < 5; ++i) {
      best_free = std::min(best_free, round_on(to_free));
      best_loaded = std::min(best_loaded, round_on(to_loaded));
    }
    return best_loaded < best_free * 1.3;
  });
}

http::server_options with_threads(size_t threads) {
  http::server_options options;
  options.threads = threads;
  return options;
}

void send_get(raw_client& client, const std::string& path) {
  REQUIRE(client.send("GET " + path + " HTTP/1.1\r\nHost: t\r\n\r\n"));
}

size_t resident_bytes() {
  size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * 4096;
}

} // namespace

TEST_CASE("load: 400 idle connections leave requests on others as fast as before") {
  busy_server one(with_threads(4)), free(with_threads(4));
  std::deque<raw_client> idle;
  for (int i = 0; i < 400; ++i) {
    idle.emplace_back(one.server.port());
    if (i % 2 == 0) REQUIRE(idle.back().get("/small").status == 200);
  }
  REQUIRE(eventually([&] { return one.server.counters().connections >= 400; }));
  CHECK(is_as_fast(one, free));
  for (auto& client : idle) REQUIRE(client.get("/small").status == 200); // none was given up
}

TEST_CASE("load: 256 feed clients leave requests on others as fast as before") {
  busy_server one(with_threads(2)), free(with_threads(2));
  std::deque<raw_client> feeds;
  for (int i = 0; i < 256; ++i) {
    feeds.emplace_back(one.server.port());
    send_get(feeds.back(), "/feed");
  }
  for (auto& feed : feeds) REQUIRE(feed.receive_until("\r\n\r\n"));
  CHECK(one.server.counters().feed_clients == 256);
  CHECK(is_as_fast(one, free));

  one.board.happen();
  for (auto& feed : feeds) REQUIRE(feed.receive_until("event\n"));
  feeds.clear();
  CHECK(eventually([&] { return one.board.alive == 0; }));
}

TEST_CASE("load: slow readers of endless streams hold no thread, little memory, and are cut") {
  auto options = with_threads(2);
  options.send_timeout = 2000ms;
  busy_server one(options);
  const size_t before = resident_bytes();
  std::deque<raw_client> readers;
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back(one.server.port(), 4096);
    send_get(readers.back(), "/endless");
  }
  size_t seen = 0;
  REQUIRE(eventually([&] { // no more is made once their buffers are full
    const size_t was = std::exchange(seen, one.made_bytes.load());
    std::this_thread::sleep_for(50ms);
    return seen > 0 && was == seen;
  }));
  auto honest = one.client();
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) REQUIRE(honest.get("/small").status == 200);
  CHECK(std::chrono::steady_clock::now() - begun < 2s);
  CHECK(seen < 8 * (16u << 20)); // what the kernel takes, and 256 KiB each of ours
  CHECK(resident_bytes() < before + (24u << 20));
  CHECK(eventually([&] { return one.server.counters().connections == 1; }));
  CHECK(one.server.counters().timeouts == 8);
}

TEST_CASE("load: a reader that is slow but goes on is not cut") {
  auto options = with_threads(2);
  options.send_timeout = 300ms;
  busy_server one(options);
  raw_client reader(one.server.port(), 4096);
  send_get(reader, "/large");
  REQUIRE(reader.receive_until("\r\n\r\n"));
  // The kernel holds megabytes, so there is no room for more for far longer than the time-out.
  const auto end = std::chrono::steady_clock::now() + 1500ms;
  while (std::chrono::steady_clock::now() < end) {
    char piece[4096];
    REQUIRE(::recv(reader.socket(), piece, sizeof piece, 0) > 0);
    std::this_thread::sleep_for(10ms);
  }
  CHECK(one.server.counters().timeouts == 0);
  CHECK(one.server.counters().connections == 1);
  size_t got = 0; // what was read above comes to some hundreds of kilobytes
  for (; got < large_bytes - 1'000'000 && reader.receive(); reader.buffer().clear())
    got += reader.buffer().size();
  CHECK(got >= large_bytes - 1'000'000);
}

TEST_CASE("load: a reader that takes nothing of a large answer is cut") {
  auto options = with_threads(2);
  options.send_timeout = 200ms;
  busy_server one(options);
  raw_client reader(one.server.port(), 4096);
  send_get(reader, "/large");
  CHECK(eventually([&] { return one.server.counters().timeouts == 1; }));
  CHECK(eventually([&] { return one.server.counters().connections == 0; }));
}

TEST_CASE("load: dripping connections do not delay honest ones, and end in time") {
  auto options = with_threads(2);
  options.header_timeout = 1500ms;
  busy_server one(options);
  std::atomic<bool> dripping = true;
  std::deque<raw_client> drips;
  for (int i = 0; i < 50; ++i) drips.emplace_back(one.server.port());
  std::thread dripper([&] {
    const std::string slow = "GET / HTTP/1.1\r\nX: " + std::string(10'000, 'y');
    for (size_t i = 0; dripping && i < slow.size(); ++i) {
      for (auto& client : drips) client.send(std::string_view(slow).substr(i, 1), 10ms);
      std::this_thread::sleep_for(5ms);
    }
  });
  auto honest = one.client();
  milliseconds slowest(0);
  for (int i = 0; i < 200; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    CHECK(honest.get("/small").status == 200);
    slowest = std::max<milliseconds>(slowest, std::chrono::steady_clock::now() - begun);
  }
  CHECK(slowest < 1s);
  CHECK(eventually([&] { return one.server.counters().timeouts == 50; }));
  dripping = false;
  dripper.join();
}

TEST_CASE("load: long requests hold up short ones only while there are threads for neither") {
  busy_server one(with_threads(16));
  std::deque<raw_client> blocking;
  for (int i = 0; i < 12; ++i) {
    blocking.emplace_back(one.server.port());
    send_get(blocking.back(), "/block");
  }
  REQUIRE(eventually([&] { return one.blocked == 12; }));
  auto honest = one.client();
  for (int i = 0; i < 20; ++i) REQUIRE(honest.get("/small").status == 200);
  one.open_gate();
  for (auto& client : blocking) CHECK(client.read().status == 200);
}

TEST_CASE("load: a group of answers that come together are all sent") {
  busy_server one(with_threads(4));
  std::deque<raw_client> clients;
  for (int i = 0; i < 100; ++i) clients.emplace_back(one.server.port());
  for (int round = 0; round < 5; ++round) {
    for (auto& client : clients) send_get(client, "/later");
    REQUIRE(eventually([&] { return one.waiting_count() == 100; }));
    std::deque<http::responder> group;
    {
      const std::lock_guard lock(one.mutex);
      group.swap(one.waiting);
    }
    for (auto& answer : group) answer(text("together"));
    for (auto& client : clients) REQUIRE(client.read().body == "together");
  }
}

TEST_CASE("load: answers, wake-ups, resets and deadlines from all sides at once") {
  auto options = with_threads(4);
  options.request_deadline = 10s;
  options.header_timeout = 500ms;
  auto one = std::make_unique<busy_server>(options);
  std::atomic<bool> running = true;
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] { // answers what waits
      while (running) {
        std::deque<http::responder> group;
        {
          const std::lock_guard lock(one->mutex);
          group.swap(one->waiting);
        }
        for (auto& answer : group) answer(text("later"));
        one->board.happen();
        std::this_thread::sleep_for(1ms);
      }
    });
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; running; ++round) {
        raw_client client(one->server.port());
        client.send("GET /feed HTTP/1.1\r\nHost: t\r\n\r\n");
        if (i % 2 == 0) client.receive_until("event", 1s);
        raw_client other(one->server.port());
        for (int k = 0; k < 5; ++k) {
          other.send("GET /later HTTP/1.1\r\nHost: t\r\n\r\nGET /sm");
          if (round % 3 == 0 && k == 3) break; // gone before its answer
          if (other.read(false, 5s).body == "later") ++answered;
          other.send("all HTTP/1.1\r\nHost: t\r\n\r\n");
          if (other.read(false, 5s).body == "small") ++answered;
        }
        const linger reset{1, 0};
        if (round % 2 == 0)
          ::setsockopt(other.socket(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      }
    });
  CHECK(eventually([&] { return answered > 600; }, 60s));
  running = false;
  for (auto& thread : threads) thread.join();
  CHECK(eventually([&] { return one->board.alive == 0; }));
  CHECK(eventually([&] { return one->server.counters().connections == 0; }));
  CHECK(one->server.counters().feed_clients == 0);
}

TEST_CASE("load: a stop in the middle of everything ends in time and leaves no thread") {
  for (int round = 0; round < 3; ++round) {
    auto one = std::make_unique<busy_server>(with_threads(8));
    std::deque<raw_client> clients;
    for (int i = 0; i < 60; ++i) {
      clients.emplace_back(one->server.port(), i % 5 == 2 ? 4096 : 0);
      const char* const paths[] = {"/feed", "/later", "/endless", "/small", "/large"};
      send_get(clients.back(), paths[i % 5]);
      if (i % 7 == 0) clients.back().send("GET /half");
    }
    REQUIRE(eventually([&] { return one->waiting_count() == 12; }));
    std::thread answering([&] {
      const std::lock_guard lock(one->mutex);
      for (auto& answer : one->waiting) answer(text("at the end"));
    });
    const auto begun = std::chrono::steady_clock::now();
    one->server.stop(1000ms);
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
    answering.join();
    CHECK(one->board.alive == 0);
    CHECK(one->server.counters().connections == 0);
  }
}

TEST_CASE("load: sockets whose number is beyond 1024 are served like any other") {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  rlimit raised = limit;
  raised.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  ::setrlimit(RLIMIT_NOFILE, &raised);
  if (raised.rlim_cur < 4096) return treadmill::test::skip("no more than 1024 file descriptors");
  {
    http::server_options options;
    options.connections = 2000;
    busy_server one(options);
    std::deque<raw_client> clients;
    for (int i = 0; i < 1100; ++i) clients.emplace_back(one.server.port());
    CHECK(clients.back().socket() > 1024);
    for (auto& client : clients) REQUIRE(client.get("/small").body == "small");
    CHECK(one.server.counters().connections == 1100);
  }
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

TEST_CASE("load: without file descriptors left the server waits quietly, then serves") {
  busy_server one(with_threads(2));
  auto before = one.client();
  CHECK(before.get("/small").status == 200);
  // The kernel has set a descriptor aside for the accept() that waits already: the first still gets
  // in.
  std::deque<raw_client> late;
  for (int i = 0; i < 3; ++i) late.push_back(raw_client::unconnected());
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  rlimit none = limit;
  none.rlim_cur = 3; // whatever is open stays open
  ::setrlimit(RLIMIT_NOFILE, &none);
  for (auto& client : late) {
    client.connect(one.server.port());
    send_get(client, "/small");
  }
  const auto cpu_begun = std::clock();
  CHECK_FALSE(late.back().receive(500ms));
  CHECK(std::clock() - cpu_begun < CLOCKS_PER_SEC / 4);
  CHECK(before.get("/small").status == 200);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  for (auto& client : late) CHECK(client.read().status == 200);
}

TEST_CASE("load: an error of accept() does not end the accepting") {
  busy_server one(with_threads(2));
  // The descriptor that accept() is called with becomes one of no socket.
  int listening = -1;
  for (int fd = 3; fd < 1024 && listening < 0; ++fd) {
    int accepts = 0;
    socklen_t size = sizeof accepts;
    sockaddr_in bound{};
    socklen_t bound_size = sizeof bound;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) == 0 && accepts != 0 &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &bound_size) == 0 &&
        ntohs(bound.sin_port) == one.server.port())
      listening = fd;
  }
  REQUIRE(listening >= 0);
  const int none = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  // Not by ::dup3: ThreadSanitizer would take this sabotage, beside the server's own close, for a
  // race of the server.
  REQUIRE(::syscall(SYS_dup3, none, listening, O_CLOEXEC) == listening);
  ::close(none);
  // The accept() that waits already still takes one; the next call fails.
  for (int i = 0; i < 4; ++i) {
    auto client = one.client();
    CHECK(client.get("/small").status == 200);
  }
}

TEST_CASE("load: a stream that works and works gives way to others, even with one thread") {
  class tireless final : public http::body_stream {
  public:
    explicit tireless(std::atomic<bool>& enough) : enough_(enough) {}
    state next(std::string&) override { return enough_ ? state::done : state::more; }

  private:
    std::atomic<bool>& enough_;
  };
  std::atomic<bool> enough = false;
  http::server one(with_threads(1), [&](const http::request& request, http::responder answer) {
    if (request.path == "/small") return answer(text("small"));
    http::response made;
    made.stream = std::make_unique<tireless>(enough);
    answer(std::move(made));
  });
  REQUIRE(one.start());
  raw_client busy(one.port()), other(one.port());
  send_get(busy, "/tireless");
  for (int i = 0; i < 20; ++i) CHECK(other.get("/small").status == 200);
  enough = true;
  CHECK(busy.read().complete);
}
