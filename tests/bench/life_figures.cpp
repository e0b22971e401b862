#include "tests/bench/figures.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <optional>

namespace treadmill::bench {

namespace {

constexpr size_t in_one_bulk = 1000;
constexpr size_t window = 100; // updates whose median is taken

/// Microseconds of one update.
double update(cluster::http_client& client, const std::string& target, size_t number) {
  const std::string body = R"({"update":)" + std::to_string(number) + "}";
  return seconds_of([&] { send_ok(client, "PUT", target, body); }) * 1e6;
}

} // namespace

figures measure_start(const bench_options& options, const places& documents) {
  const size_t count = options.scaled(1'000'000);
  const cluster::temporary_folder folder;
  const auto at = node_on(options, folder / "data");
  {
    cluster::node_process node(at);
    await_ready(node);
    auto client = node.client(std::chrono::seconds(60));
    for (size_t first = 0; first < count; first += 10 * in_one_bulk)
      send_bulks(client, "places", documents.bulks(10 * in_one_bulk, in_one_bulk, first));
    end_node(node);
  }
  std::vector<double> starts;
  for (size_t i = 0; i < options.rounds(); ++i) {
    std::optional<cluster::node_process> node;
    starts.push_back(seconds_of([&] {
      node.emplace(at);
      await_ready(*node);
    }));
    end_node(*node);
  }
  return {{"start with " + with_commas(count) + " documents", median(starts), "s", {}, false, 0.5}};
}

/// The late and the early updates are measured in turn, on two documents, so that both meet the
/// same machine.
figures measure_updates(const bench_options& options, const places&) {
  const size_t late = options.scaled(10'000);
  constexpr size_t early = 10;
  const cluster::temporary_folder folder;
  cluster::node_process node(node_on(options, folder / "data"));
  await_ready(node);
  auto client = node.client();
  for (size_t i = 0; i < late - window / 2; ++i) update(client, "/bench/late", i);
  for (size_t i = 0; i < early; ++i) update(client, "/bench/early", i);
  std::vector<double> of_late;
  std::vector<double> of_early;
  for (size_t i = 0; i < window; ++i) {
    of_late.push_back(update(client, "/bench/late", late + i));
    of_early.push_back(update(client, "/bench/early", early + i));
  }
  return {{"update " + with_commas(late) + " of a document, beside update 10", median(of_late),
           "us", median(of_early), false, 1.3}};
}

} // namespace treadmill::bench
