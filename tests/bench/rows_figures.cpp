#include "storage/engine/keys.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/raw_store.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <filesystem>
#include <functional>
#include <future>
#include <stdexcept>

namespace treadmill::bench {

namespace {

constexpr size_t all_places = 171'075;
constexpr size_t in_one_bulk = 1000;

/// Rows a second of an answer that must have `rows` rows.
double rate_of_answer(cluster::http_client& client, const std::string& target, size_t rows) {
  std::string tail;
  const double seconds = seconds_of([&] { tail = drain(client, target); });
  if (tail.find("\"count\":" + std::to_string(rows)) == std::string::npos)
    throw std::runtime_error(target + " has other rows than expected: " + tail);
  return static_cast<double>(rows) / seconds;
}

double rate_of_scan(const raw_store& store, const std::string& from, const std::string& to,
                    size_t rows) {
  uint64_t found = 0;
  const double seconds = seconds_of([&] { found = store.scan(from, to); });
  if (found != rows) throw std::runtime_error("the copy of the store has other rows than expected");
  return static_cast<double>(rows) / seconds;
}

double megabytes(const cluster::node_process& node) {
  return static_cast<double>(node.memory_kib("RssAnon")) * 1024 / 1e6;
}

/// `_activity` and `_documents` of a node on `folder`, and a scan of the same keys in a copy of it.
figures measure_reading(const bench_options& options, const std::string& folder, size_t rows,
                        const std::string& name) {
  const std::string copy = folder + "-copy";
  std::filesystem::copy(folder, copy, std::filesystem::copy_options::recursive);
  const raw_store store(copy);
  const uint32_t bucket = bucket_number(store, "places");
  cluster::node_process node(node_on(options, folder));
  await_ready(node);
  auto client = node.client(std::chrono::seconds(60));
  figures made;
  const auto add = [&](const std::string& target, const std::string& from, const std::string& to) {
    drain(client, target); // both have the files in the kernel's cache from here on
    store.scan(from, to);
    const auto [value, floor] = in_turn(
        options.rounds(), [&] { return rate_of_answer(client, target, rows); },
        [&] { return rate_of_scan(store, from, to, rows); });
    made.push_back({target.substr(8) + ", rows of " + name, value, "1/s", floor, true, 0.3});
  };
  add("/places/_activity?since=0", keys::activity(bucket, 0), keys::activity_end(bucket));
  add("/places/_documents", keys::document(bucket, ""), keys::documents_end(bucket));
  end_node(node);
  return made;
}

/// Calls `work(i)` for each i below `count`, as so many threads that take turns; an error of one is
/// thrown here.
void in_threads(size_t threads, size_t count, const std::function<void(size_t)>& work) {
  std::vector<std::future<void>> running;
  for (size_t first = 0; first < threads; ++first)
    running.push_back(std::async(std::launch::async, [=, &work] {
      for (size_t i = first; i < count; i += threads) work(i);
    }));
  for (auto& one : running) one.get();
}

/// Bulks that so many clients send at once, beside as many threads that write the same batches.
figure measure_bulk_by(size_t clients, const bench_options& options, const places& documents) {
  const size_t count = options.scaled(100'000);
  const auto bodies = documents.bulks(count, in_one_bulk);
  const cluster::temporary_folder folder;
  std::vector<std::vector<row>> batches;
  size_t round = 0;
  const auto node = [&] {
    const std::string data = folder / ("node" + std::to_string(++round));
    cluster::node_process process(node_on(options, data));
    await_ready(process);
    std::vector<cluster::http_client> senders;
    for (size_t i = 0; i < clients; ++i)
      senders.push_back(process.client(std::chrono::seconds(60)));
    send_ok(senders.front(), "PUT", "/places");
    const double seconds = seconds_of([&] {
      in_threads(clients, bodies.size(),
                 [&](size_t i) { send_bulks(senders[i % clients], "places", {bodies[i]}); });
    });
    end_node(process);
    if (batches.empty()) batches = written_rows(raw_store(data), "places", count, in_one_bulk);
    return static_cast<double>(count) / seconds;
  };
  const auto floor = [&] {
    raw_store store(folder / ("floor" + std::to_string(round)));
    const double seconds = seconds_of(
        [&] { in_threads(clients, batches.size(), [&](size_t i) { store.write(batches[i]); }); });
    return static_cast<double>(count) / seconds;
  };
  const auto [value, beside] = in_turn(options.rounds(), node, floor);
  const std::string by = clients == 1 ? "one client" : std::to_string(clients) + " clients";
  return {"_bulk of 1,000, " + by + ", " + with_commas(count) + " " + documents.kind(),
          value,
          "1/s",
          beside,
          true,
          0.5};
}

} // namespace

figures measure_bulk(const bench_options& options, const places& documents) {
  return {measure_bulk_by(1, options, documents), measure_bulk_by(4, options, documents)};
}

figures measure_loaded(const bench_options& options, const places& documents) {
  const size_t count = options.scaled(all_places);
  const std::string name = with_commas(count) + " " + documents.kind();
  const cluster::temporary_folder folder;
  figures made;
  {
    cluster::node_process node(node_on(options, folder / "data"));
    await_ready(node);
    auto client = node.client(std::chrono::seconds(60));
    send_ok(client, "GET", "/_system/health");
    made.push_back({"memory, idle", megabytes(node), "MB", {}, false, 25});
    send_bulks(client, "places", documents.bulks(count, in_one_bulk));
    drain(client, "/places/_activity");
    drain(client, "/places/_documents?include_docs=true");
    made.push_back({"memory with " + name, megabytes(node), "MB", {}, false, 120});
    end_node(node);
  }
  for (figure& one : measure_reading(options, folder / "data", count, name))
    made.push_back(std::move(one));
  return made;
}

} // namespace treadmill::bench
