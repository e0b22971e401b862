#include "net/client/node_bench.hpp"
#include "net/client/node_answer.hpp"
#include "net/client/node_client.hpp"
#include "storage/documents/names.hpp"
#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

namespace treadmill::http {

namespace {

using clock = std::chrono::steady_clock;

constexpr size_t bulk_documents = 500; ///< in one `_bulk` request
constexpr size_t text_bytes = 150;     ///< a document is about 200 bytes

std::string random_name() {
  std::random_device source;
  std::string name(local_bucket_prefix);
  for (int i = 0; i < 8; ++i) name += "0123456789abcdef"[source() % 16];
  return name;
}

/// A random document, because similar documents would compress well and distort the measurement.
std::string document(std::mt19937_64& random, const std::string& id) {
  std::string body = "{";
  if (!id.empty()) body += R"("id":")" + id + R"(",)";
  body += R"("n":)" + std::to_string(random() % 1'000'000) + R"(,"text":")";
  for (size_t i = 0; i < text_bytes; ++i) body += static_cast<char>('a' + random() % 26);
  return body + "\"}";
}

/// One request of a connection, which repeats it; returns the number of documents.
using work = std::function<result<size_t>(node_client& node, std::mt19937_64& random,
                                          size_t connection, uint64_t round)>;

/// The results of all connections.
struct found {
  std::mutex mutex{};
  std::vector<std::chrono::microseconds> times{};
  uint64_t documents = 0;
  std::optional<error> problem{};
};

class bench_run {
public:
  bench_run(const bench_options& options, const std::string& bucket)
      : options_(options), path_("/" + bucket) {}

  result<bench_figure> measure(const std::string& what, size_t connections, const work& one);
  work posting() const;
  work bulk();
  work reading() const;

private:
  bool stopped() const { return options_.stop != nullptr && options_.stop->load(); }
  void connect(size_t connection, clock::time_point end, const work& one, found& all) const;

  const bench_options& options_;
  std::string path_;
  uint64_t bulk_rounds_ = 0; ///< written only by the single `_bulk` connection
};

void bench_run::connect(size_t connection, clock::time_point end, const work& one,
                        found& all) const {
  node_client node(options_.host, options_.port);
  std::mt19937_64 random(std::random_device{}());
  std::vector<std::chrono::microseconds> times;
  uint64_t documents = 0;
  std::optional<error> problem;
  for (uint64_t round = 0; !problem && clock::now() < end && !stopped(); ++round) {
    const auto begin = clock::now();
    const auto done = one(node, random, connection, round);
    if (!done) {
      problem = done.error();
      break;
    }
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begin));
    documents += *done;
  }
  const std::lock_guard guard(all.mutex);
  all.times.insert(all.times.end(), times.begin(), times.end());
  all.documents += documents;
  if (!all.problem) all.problem = problem;
}

result<bench_figure> bench_run::measure(const std::string& what, size_t connections,
                                        const work& one) {
  found all;
  const auto begin = clock::now();
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < connections; ++i)
      threads.emplace_back([&, i] { connect(i, begin + options_.time, one, all); });
  }
  const std::chrono::duration<double> took = clock::now() - begin;
  if (stopped()) return fail(ec::not_applied, "it was stopped");
  if (all.problem) return tl::unexpected(*all.problem);
  bench_figure figure;
  figure.what = what;
  figure.connections = connections;
  figure.documents = all.documents;
  figure.seconds = took.count();
  take_times(figure, all.times);
  return figure;
}

work bench_run::posting() const {
  return [this](node_client& node, std::mt19937_64& random, size_t, uint64_t) -> result<size_t> {
    const auto answer = node.post(path_, document(random, {}));
    if (!answer) return tl::unexpected(answer.error());
    return 1;
  };
}

work bench_run::bulk() {
  return
      [this](node_client& node, std::mt19937_64& random, size_t, uint64_t round) -> result<size_t> {
        std::string body = R"({"docs":[)";
        for (size_t i = 0; i < bulk_documents; ++i) {
          if (i > 0) body += ',';
          body += document(random, "b" + std::to_string(round * bulk_documents + i));
        }
        const auto answer = node.post(path_ + "/_bulk", body + "]}");
        if (!answer) return tl::unexpected(answer.error());
        bulk_rounds_ = round + 1;
        return bulk_documents;
      };
}

/// Reads what `bulk` wrote.
work bench_run::reading() const {
  return [this](node_client& node, std::mt19937_64& random, size_t, uint64_t) -> result<size_t> {
    const uint64_t number = random() % (bulk_rounds_ * bulk_documents);
    const auto answer = node.get(path_ + "/b" + std::to_string(number));
    if (!answer) return tl::unexpected(answer.error());
    return 1;
  };
}

result<std::string> durability_of(node_client& node) {
  const auto answer = node.get("/_system");
  if (!answer) return tl::unexpected(answer.error());
  const auto read = parse_answer(*answer);
  if (!read) return tl::unexpected(read.error());
  if (!read->HasMember("durability") || !(*read)["durability"].IsString())
    return fail(ec::internal, "this is not a Treadmill node");
  return text_of(*read, "durability");
}

result<void> measure_all(bench_run& run, const bench_options& options, bench_facts& facts,
                         const std::function<void(const bench_figure&)>& tell) {
  const auto take = [&](const std::string& what, size_t connections,
                        const work& one) -> result<void> {
    auto figure = run.measure(what, connections, one);
    if (!figure) return tl::unexpected(figure.error());
    tell(*figure);
    facts.figures.push_back(std::move(*figure));
    return {};
  };
  std::vector<size_t> widths{1};
  if (options.connections > 1) widths.push_back(options.connections);
  for (const size_t width : widths)
    if (auto done = take("post", width, run.posting()); !done) return done;
  if (auto done = take("bulk", 1, run.bulk()); !done) return done;
  for (const size_t width : widths)
    if (auto done = take("get", width, run.reading()); !done) return done;
  return {};
}

} // namespace

double bench_figure::documents_a_second() const {
  return seconds > 0 ? static_cast<double>(documents) / seconds : 0;
}

void take_times(bench_figure& figure, std::vector<std::chrono::microseconds>& times) {
  figure.requests = times.size();
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  // The shortest time that this percentage of the requests did not exceed.
  const auto at = [&](size_t hundredths) {
    return times[(times.size() * hundredths + 99) / 100 - 1];
  };
  figure.half = at(50);
  figure.most = at(99);
}

result<bench_facts> measure_node(const bench_options& options,
                                 const std::function<void(const bench_facts&)>& begun,
                                 const std::function<void(const bench_figure&)>& tell) {
  node_client node(options.host, options.port);
  bench_facts facts;
  auto durability = durability_of(node);
  if (!durability) return tl::unexpected(durability.error());
  facts.durability = std::move(*durability);
  const auto buckets = buckets_of(node);
  if (!buckets) return tl::unexpected(buckets.error());
  std::copy_if(buckets->begin(), buckets->end(), std::back_inserter(facts.others), stays_local);
  facts.bucket = random_name();
  const std::string path = "/" + facts.bucket;
  if (auto made = node.put(path); !made) return tl::unexpected(made.error());
  begun(facts);
  bench_run run(options, facts.bucket);
  const auto measured = measure_all(run, options, facts, tell);
  const auto dropped = node.remove(path);
  if (!measured && dropped) return tl::unexpected(measured.error());
  const auto& problem = measured ? dropped.error() : measured.error();
  if (!dropped)
    return fail(problem.code, problem.reason + "; the bucket " + facts.bucket + " stays there");
  return facts;
}

std::string figure_text(const bench_figure& figure) {
  std::array<char, 160> line{};
  const auto milliseconds = [](std::chrono::microseconds time) {
    return static_cast<double>(time.count()) / 1000;
  };
  const int size = std::snprintf(
      line.data(), line.size(),
      "%-6s %4zu connection%s %12.0f documents/s   p50 %9.3f ms   p99 %9.3f ms\n",
      figure.what.c_str(), figure.connections, figure.connections == 1 ? " " : "s",
      figure.documents_a_second(), milliseconds(figure.half), milliseconds(figure.most));
  return {line.data(), std::min(static_cast<size_t>(std::max(size, 0)), line.size() - 1)};
}

std::string figure_json(const bench_figure& figure) {
  return R"({"what":")" + figure.what + R"(","connections":)" + std::to_string(figure.connections) +
         R"(,"requests":)" + std::to_string(figure.requests) + R"(,"documents":)" +
         std::to_string(figure.documents) + R"(,"seconds":)" + std::to_string(figure.seconds) +
         R"(,"documents_a_second":)" + std::to_string(figure.documents_a_second()) +
         R"(,"p50_us":)" + std::to_string(figure.half.count()) + R"(,"p99_us":)" +
         std::to_string(figure.most.count()) + "}";
}

} // namespace treadmill::http
