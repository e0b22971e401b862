#include "tests/bench/figures.hpp"
#include "tests/bench/wrk.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <stdexcept>

namespace treadmill::bench {

namespace {

constexpr size_t in_one_bulk = 1000;

class couch_bench {
public:
  couch_bench(const bench_options& options, const places& documents)
      : options_(options), documents_(documents) {}

  figure get() const {
    const cluster::temporary_folder folder;
    cluster::node_process node(node_on(options_, folder / "data"));
    await_ready(node);
    auto client = node.client();
    const std::string target = "/bench/" + places::id(0);
    send_ok(client, "PUT", target, documents_.text(0));
    const auto run = [&](const std::string& below) {
      return requests_per_second(
          {.url = "http://127.0.0.1:" + std::to_string(node.where().port) + below + target,
           .connections = 32,
           .seconds = options_.wrk_seconds()});
    };
    const auto [value, beside] = in_turn(
        options_.rounds(), [&] { return run("/_couch"); }, [&] { return run(""); });
    return {"CouchDB dialect: GET one document, 32 connections", value, "1/s", beside, true, 0.9};
  }

  /// Beside `_bulk`. `replicas`: with `new_edits` false.
  figure bulk(bool replicas, double reach) const {
    const size_t count = options_.scaled(100'000);
    const auto native = documents_.bulks(count, in_one_bulk);
    const auto couch = documents_.couch_bulks(count, in_one_bulk, replicas);
    const auto load = [&](bool by_couch) {
      const cluster::temporary_folder folder;
      cluster::node_process node(node_on(options_, folder / "data"));
      await_ready(node);
      auto client = node.client(std::chrono::seconds(60));
      send_ok(client, "PUT", by_couch ? "/_couch/places" : "/places");
      const double seconds = seconds_of([&] {
        if (by_couch)
          send_bulk_docs(client, couch);
        else
          send_bulks(client, "places", native);
      });
      if (!send_ok(client, "GET", "/places").says("\"documents\":" + std::to_string(count)))
        throw std::runtime_error("a bulk did not write all of its documents");
      end_node(node);
      return static_cast<double>(count) / seconds;
    };
    const auto [value, beside] = in_turn(
        options_.rounds(), [&] { return load(true); }, [&] { return load(false); });
    return {std::string("CouchDB dialect: _bulk_docs of 1,000") +
                (replicas ? ", new_edits false, " : ", ") + with_commas(count) + " " +
                documents_.kind(),
            value,
            "1/s",
            beside,
            true,
            reach};
  }

  figure changes() const {
    const size_t count = options_.scaled(171'075);
    const cluster::temporary_folder folder;
    cluster::node_process node(node_on(options_, folder / "data"));
    await_ready(node);
    auto client = node.client(std::chrono::seconds(60));
    send_bulks(client, "places", documents_.bulks(count, in_one_bulk));
    const auto rate = [&](const std::string& target) {
      return static_cast<double>(count) / seconds_of([&] { drain(client, target); });
    };
    rate("/places/_activity?since=0"); // both have the files in the kernel's cache from here on
    const auto [value, beside] = in_turn(
        options_.rounds(), [&] { return rate("/_couch/places/_changes?since=0"); },
        [&] { return rate("/places/_activity?since=0"); });
    return {"CouchDB dialect: _changes?since=0, rows of " + with_commas(count) + " " +
                documents_.kind(),
            value,
            "1/s",
            beside,
            true,
            0.7};
  }

private:
  static void send_bulk_docs(cluster::http_client& client, const std::vector<std::string>& bodies) {
    for (const std::string& body : bodies) {
      const auto answer = send_ok(client, "POST", "/_couch/places/_bulk_docs", body);
      if (answer.says("\"error\"")) throw std::runtime_error("a document of a bulk was refused");
    }
  }

  const bench_options& options_;
  const places& documents_;
};

} // namespace

figures measure_couch(const bench_options& options, const places& documents) {
  const couch_bench bench(options, documents);
  return {bench.get(), bench.bulk(false, 0.8), bench.bulk(true, 0.6), bench.changes()};
}

} // namespace treadmill::bench
