#include "storage/engine/keys.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/raw_store.hpp"
#include "tests/bench/wrk.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <filesystem>
#include <stdexcept>

namespace treadmill::bench {
namespace {

constexpr size_t all_places = 171'075;
constexpr size_t in_one_bulk = 1000;
constexpr size_t page_rows = 1000;
constexpr size_t visible_writes = 300;
constexpr size_t sums = 50;

/// The source of a map; `round` makes it another one, so that its index is built anew.
std::string map_source(size_t round) {
  return "function(doc){ return doc.name } /*" + std::to_string(round) + "*/";
}

/// Documents a second of one thread that reads, maps and writes (index_floor.cpp).
double floor_of_build(const bench_options& options, const std::string& store,
                      const std::string& index, uint32_t bucket, size_t count) {
  cluster::child_process floor(
      {options.index_floor, {store, index, std::to_string(bucket), map_source(0)}});
  const std::string before = "documents a second ";
  const std::string line = floor.wait_for_line(before, std::chrono::seconds(120));
  const auto end = floor.wait(std::chrono::seconds(30));
  if (line.empty() || !end || end->code != 0)
    throw std::runtime_error("the floor of an index fails:\n" + floor.output());
  if (line.find(" of " + std::to_string(count)) == std::string::npos)
    throw std::runtime_error("the floor of an index has other documents: " + line);
  return std::stod(line.substr(before.size()));
}

class query_bench {
public:
  query_bench(const bench_options& options, const places& documents)
      : options_(options), documents_(documents), count_(options.scaled(all_places)),
        name_(with_commas(count_) + " " + documents.kind()) {
    {
      cluster::node_process node(node_on(options_, folder_ / "data"));
      await_ready(node);
      auto client = node.client(std::chrono::seconds(60));
      send_bulks(client, "places", documents_.bulks(count_, in_one_bulk));
      end_node(node);
    }
    std::filesystem::copy(folder_ / "data", folder_ / "copy",
                          std::filesystem::copy_options::recursive);
    node_ = std::make_unique<cluster::node_process>(node_on(options_, folder_ / "data"));
    await_ready(*node_);
    client_ = std::make_unique<cluster::http_client>(node_->client(std::chrono::seconds(60)));
  }

  figure build() {
    uint32_t bucket = 0;
    {
      const raw_store copy(folder_ / "copy");
      bucket = bucket_number(copy, "places");
    }
    size_t round = 0;
    const auto node = [&] {
      define("name", map_source(++round));
      const double seconds =
          seconds_of([&] { send_ok(*client_, "GET", "/places/_query/name?limit=0"); });
      send_ok(*client_, "DELETE", "/places/_query/name");
      return static_cast<double>(count_) / seconds;
    };
    const auto floor = [&] {
      return floor_of_build(options_, folder_ / "copy", folder_ / ("index" + std::to_string(round)),
                            bucket, count_);
    };
    const auto [value, beside] = in_turn(options_.rounds(), node, floor);
    define("name", map_source(0));
    send_ok(*client_, "GET", "/places/_query/name?limit=0");
    return {"build an index of " + name_, value, "1/s", beside, true, 1.1};
  }

  figure term() {
    send_ok(*client_, "PUT", "/places/one", R"({"name":"a place of its own"})");
    const std::string url = "http://127.0.0.1:" + std::to_string(node_->where().port);
    const auto run = [&](const std::string& target) {
      return requests_per_second(
          {.url = url + target, .connections = 32, .seconds = options_.wrk_seconds()});
    };
    const auto [value, beside] = in_turn(
        options_.rounds(),
        [&] { return run("/places/_query/name?term=a%20place%20of%20its%20own"); },
        [&] { return run("/places/one"); });
    return {"term query, 32 connections, beside GET", value, "1/s", beside, true, 0.7};
  }

  figure page() {
    const std::string target = "/places/_query/name?from=M&limit=" + std::to_string(page_rows);
    const auto node = [&] {
      const double seconds = seconds_of([&] {
        for (int i = 0; i < 20; ++i) send_ok(*client_, "GET", target);
      });
      return 20 * page_rows / seconds;
    };
    // The rows of documents have about the size of an index's.
    const raw_store copy(folder_ / "copy");
    const uint32_t bucket = bucket_number(copy, "places");
    const auto from = keys::document(bucket, places::id(1000));
    const auto to = keys::document(bucket, places::id(1000 + page_rows));
    const auto floor = [&] {
      uint64_t rows = 0;
      const double seconds = seconds_of([&] {
        for (int i = 0; i < 20; ++i) rows += copy.scan(from, to);
      });
      if (rows != 20 * page_rows) throw std::runtime_error("the floor has other rows");
      return static_cast<double>(rows) / seconds;
    };
    const auto [value, beside] = in_turn(options_.rounds(), node, floor);
    return {"a page of 1,000 rows, rows/s", value, "1/s", beside, true, 0.25};
  }

  figure visible() {
    std::vector<double> alone;
    std::vector<double> seen;
    for (size_t i = 0; i < options_.scaled(visible_writes); ++i) {
      const std::string body = R"({"name":"seen )" + std::to_string(i) + "\"}";
      const double write = seconds_of([&] { send_ok(*client_, "PUT", "/places/one", body); });
      const double read = seconds_of([&] {
        const auto answer =
            send_ok(*client_, "GET", "/places/_query/name?term=seen%20" + std::to_string(i));
        if (!answer.says("\"count\":1")) throw std::runtime_error("a write is not seen");
      });
      alone.push_back(write * 1e3);
      seen.push_back(read * 1e3);
    }
    return {"a write visible in a query, p50 after its answer", median(seen), "ms", {}, false, 3};
  }

private:
  void define(const std::string& query, const std::string& map) {
    send_ok(*client_, "POST", "/places/_query/" + query, R"({"map":")" + map + "\"}");
  }

  const bench_options& options_;
  const places& documents_;
  size_t count_;
  std::string name_;
  cluster::temporary_folder folder_{};
  std::unique_ptr<cluster::node_process> node_{};
  std::unique_ptr<cluster::http_client> client_{};
};

/// Milliseconds of a sum over all of so many documents.
std::vector<double> times_of_sums(const bench_options& options, size_t count) {
  const cluster::temporary_folder folder;
  cluster::node_process node(node_on(options, folder / "data"));
  await_ready(node);
  auto client = node.client(std::chrono::seconds(60));
  for (size_t first = 0; first < count; first += in_one_bulk) {
    std::string body = R"({"docs":[)";
    for (size_t i = first; i < first + in_one_bulk; ++i) {
      if (i > first) body += ',';
      body += R"({"id":")" + places::id(i) + R"(","n":)" + std::to_string(i) + "}";
    }
    send_ok(client, "POST", "/numbers/_bulk", body + "]}");
  }
  send_ok(client, "POST", "/numbers/_query/n",
          R"js({"map":"doc => emit(doc.n % 1000, doc.n)","reduce":"_sum"})js");
  // The build of the largest takes longer than a request may.
  for (int i = 0; i < 20 && !client.get("/numbers/_query/n").ok(); ++i) {
  }
  std::vector<double> times;
  for (size_t i = 0; i < sums; ++i)
    times.push_back(seconds_of([&] { send_ok(client, "GET", "/numbers/_query/n"); }) * 1e3);
  const std::string sum = std::to_string(count * (count - 1) / 2);
  if (!send_ok(client, "GET", "/numbers/_query/n").says("\"value\":" + sum + "}"))
    throw std::runtime_error("the sum is wrong");
  end_node(node);
  return times;
}

} // namespace

figures measure_queries(const bench_options& options, const places& documents) {
  figures made;
  {
    query_bench bench(options, documents);
    made = {bench.build(), bench.term(), bench.page(), bench.visible()};
  }
  const double smallest = median(times_of_sums(options, options.scaled(10'000)));
  const double middle = median(times_of_sums(options, options.scaled(100'000)));
  const double largest = median(times_of_sums(options, options.scaled(1'000'000)));
  const auto name = [&](size_t count) {
    return "_sum over " + with_commas(options.scaled(count)) + " rows";
  };
  made.push_back({name(10'000), smallest, "ms", {}, false, 5});
  made.push_back({name(1'000'000), largest, "ms", {}, false, 5});
  made.push_back({name(1'000'000) + ", beside " + with_commas(options.scaled(100'000)), largest,
                  "ms", middle, false, 2});
  return made;
}

} // namespace treadmill::bench
