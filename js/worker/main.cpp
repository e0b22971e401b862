// treadmill-map: runs the functions of queries. A pool (js/pool/map_pool.hpp) starts it with a
// socket as descriptor 3 and a page of memory as descriptor 4; js/README.md describes its lifetime.
#include "js/wire/defaults.hpp"
#include "js/wire/frame.hpp"
#include "js/wire/progress_page.hpp"
#include "js/worker/engine.hpp"
#include "js/worker/guarded_stack.hpp"
#include "js/worker/sandbox.hpp"
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <malloc.h>
#include <new>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace treadmill::js {
namespace {

/// Reads and writes whole frames, blocking. If the socket is closed, the process ends.
class channel {
public:
  std::string_view next() {
    while (true) {
      std::string_view frame;
      const auto state = in_.next(frame);
      if (state == frame_buffer::state::frame) return frame;
      if (state == frame_buffer::state::broken) ::_exit(exit_code::bad_frame);
      const auto room = in_.room();
      const ssize_t bytes = ::read(descriptor::socket, room.data(), room.size());
      if (bytes == 0 || (bytes < 0 && errno != EINTR)) ::_exit(exit_code::closed);
      if (bytes > 0) in_.filled(static_cast<size_t>(bytes));
    }
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::write(descriptor::socket, bytes.data(), bytes.size());
      if (sent < 0 && errno != EINTR) ::_exit(exit_code::closed);
      if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

private:
  frame_buffer in_{defaults::request_bytes};
};

[[noreturn]] void cannot_start(channel& pool, std::string_view why) {
  std::string out;
  put_failed(out, why);
  pool.write(out);
  ::_exit(exit_code::no_start);
}

worker_limits read_limits(channel& pool) {
  const auto first = read_request(pool.next());
  if (!first || !std::holds_alternative<start_request>(*first)) ::_exit(exit_code::bad_frame);
  return std::get<start_request>(*first).limits;
}

progress_page& map_page(channel& pool) {
  void* const page =
      ::mmap(nullptr, progress_page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor::page, 0);
  if (page == MAP_FAILED) cannot_start(pool, "the page of progress cannot be mapped");
  ::close(descriptor::page);
  return *static_cast<progress_page*>(page);
}

struct answering {
  engine& functions;
  std::string& out;

  void operator()(const start_request& /*again*/) const { ::_exit(exit_code::bad_frame); }
  void operator()(const define_request& what) const { functions.define(what); }
  void operator()(const forget_request& what) const { functions.forget(what.function); }
  void operator()(const map_request& what) const { functions.map(what, out); }
  void operator()(const reduce_request& what) const { functions.reduce(what, out); }
};

[[noreturn]] void work(channel& pool, const worker_limits& limits, guarded_stack& stack) {
  const sandbox_options options{limits.address_space_bytes, !limits.jitless};
  progress_page& page = map_page(pool);
  if (const auto error = limit_address_space(options); !error.empty()) cannot_start(pool, error);
  engine functions(limits, page, stack);
  if (const auto error = functions.warm_up(); !error.empty()) cannot_start(pool, error);
  if (const auto error = lower_limits(); !error.empty()) cannot_start(pool, error);
  if (const auto error = close_sandbox(options); !error.empty()) cannot_start(pool, error);
  std::string out;
  put_ready(out, engine::version());
  pool.write(out);
  while (true) {
    empty_buffer(out);
    const auto request = read_request(pool.next());
    if (!request) ::_exit(exit_code::bad_frame);
    std::visit(answering{functions, out}, *request);
    pool.write(out);
    if (functions.spent()) ::_exit(exit_code::out_of_memory);
  }
}

/// The new-handler. V8 cannot unwind when an allocation of its own fails, so the process ends.
[[noreturn]] void no_memory() { ::_exit(exit_code::out_of_memory); }

[[noreturn]] void begin() {
  ::signal(SIGPIPE, SIG_IGN);
  std::set_new_handler(no_memory);
  ::mallopt(M_ARENA_MAX, 1); // a second arena would open files to count the cores
  channel pool;
  if (const auto error = tie_to_parent(); !error.empty()) cannot_start(pool, error);
  const worker_limits limits = read_limits(pool);
  if (!parent_is(limits.parent)) ::_exit(exit_code::closed);
  guarded_stack stack(defaults::stack_bytes, defaults::plain_stack_bytes);
  cannot_start(pool, stack.run([&] { work(pool, limits, stack); }));
}

} // namespace
} // namespace treadmill::js

int main() { treadmill::js::begin(); }
