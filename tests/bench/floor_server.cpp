// The floor of the figures of single requests: cpp-httplib with nothing behind it, or with one
// synced LevelDB write of the bytes that the node writes for such a request.
//
//   bench_floor THREADS ANSWER                  answers every request with the answer in that file
//   bench_floor THREADS ANSWER DIR ROWS IDS     and writes those rows into the store DIR before;
//                                               IDS: documents that are written in turn, 0: a new
//                                               one each time
#include "tests/bench/floor_files.hpp"
#include "tests/bench/raw_store.hpp"
#include <atomic>
#include <cstdio>
#include <httplib.h>
#include <iostream>

namespace treadmill::bench {
namespace {

constexpr size_t number_digits = 8; // of a document's id, at its end

/// The rows of one write, for the document and the sequence of that number.
std::vector<row> numbered(std::vector<row> rows, uint64_t number, uint64_t ids) {
  char digits[32];
  const uint64_t document = ids == 0 ? number : number % ids;
  std::snprintf(digits, sizeof digits, "%08llu",
                static_cast<unsigned long long>(document % 100'000'000));
  std::string& key = rows[0].first;
  key.replace(key.size() - number_digits, number_digits, digits, number_digits);
  std::string& sequence = rows[1].first; // it ends with 8 bytes, big-endian
  for (size_t i = 0; i < 8; ++i)
    sequence[sequence.size() - 1 - i] = static_cast<char>(number >> (8 * i));
  return rows;
}

void answer(httplib::Response& to, const kept_answer& kept) {
  to.status = kept.status;
  for (const auto& [name, value] : kept.headers) to.set_header(name, value);
  to.set_content(kept.body, kept.content_type);
}

int serve(int argc, char** argv) {
  const size_t threads = std::stoul(argv[1]);
  const kept_answer kept = read_answer(argv[2]);
  std::unique_ptr<raw_store> store;
  std::vector<row> rows;
  uint64_t ids = 0;
  if (argc == 6) {
    store = std::make_unique<raw_store>(argv[3]);
    rows = read_rows(argv[4]);
    ids = std::stoull(argv[5]);
  }
  std::atomic<uint64_t> count{0};
  httplib::Server server;
  server.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(1'000'000'000);
  const auto handle = [&](const httplib::Request&, httplib::Response& to) {
    if (store) store->write(numbered(rows, ++count, ids));
    answer(to, kept);
  };
  server.Get("/.*", handle);
  server.Post("/.*", handle);
  server.Put("/.*", handle);
  const int port = server.bind_to_any_port("127.0.0.1");
  std::cout << "listening on " << port << std::endl;
  return server.listen_after_bind() ? 0 : 1;
}

} // namespace
} // namespace treadmill::bench

int main(int argc, char** argv) {
  if (argc != 3 && argc != 6) {
    std::cerr << "usage: bench_floor THREADS ANSWER [DIR ROWS IDS]\n";
    return 2;
  }
  return treadmill::bench::serve(argc, argv);
}
