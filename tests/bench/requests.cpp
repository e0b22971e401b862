#include "tests/bench/figures.hpp"
#include "tests/bench/floor_files.hpp"
#include "tests/bench/wrk.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <algorithm>
#include <fstream>
#include <optional>
#include <stdexcept>

namespace treadmill::bench {

namespace {

constexpr unsigned connections = 32;
// cpp-httplib gives a connection to one thread until it closes: with fewer threads than connections
// it would leave some without any answer. The node needs no thread for a connection that waits.
constexpr unsigned floor_threads = connections + 8;
constexpr size_t put_documents = 1000;
constexpr size_t put_depth = 10; // revisions of each before the measurement

kept_answer kept(const cluster::http_answer& from) {
  kept_answer answer{from.status, from.header("Content-Type"), {}, from.body};
  for (const auto& [name, value] : from.headers)
    if (name != "Content-Length" && name != "Content-Type" && name != "Connection" &&
        name != "Keep-Alive")
      answer.headers.emplace_back(name, value);
  return answer;
}

/// The floor's server, as a process.
class floor_process {
public:
  floor_process(const bench_options& options, std::vector<std::string> arguments)
      : process_({options.floor, std::move(arguments)}) {
    const std::string before = "listening on ";
    const std::string line = process_.wait_for_line(before, std::chrono::seconds(10));
    if (line.empty()) throw std::runtime_error("the floor does not start:\n" + process_.output());
    url_ = "http://127.0.0.1:" + line.substr(before.size());
  }
  const std::string& url() const { return url_; }

private:
  cluster::child_process process_;
  std::string url_{};
};

/// What a request of one kind is answered, and what it writes: learned from a node of its own.
struct learned {
  kept_answer answer;
  std::vector<row> rows;
};

class request_bench {
public:
  request_bench(const bench_options& options, const places& documents)
      : options_(options), documents_(documents) {
    std::ofstream(folder_ / "body") << documents.text(0);
  }

  figure get() {
    cluster::node_process node(node_on(options_, folder_ / "get"));
    await_ready(node);
    auto client = node.client();
    const std::string target = "/bench/" + places::id(0);
    send_ok(client, "PUT", target, documents_.text(0));
    write_answer(folder_ / "answer", kept(send_ok(client, "GET", target)));
    const floor_process floor(options_, {std::to_string(floor_threads), folder_ / "answer"});
    const auto run = [&](const std::string& url) {
      return requests_per_second(
          {.url = url + target, .connections = connections, .seconds = options_.wrk_seconds()});
    };
    return compared(
        "GET one document, 32 connections", 0.85, [&] { return run(url_of(node)); },
        [&] { return run(floor.url()); });
  }

  figure post() {
    const learned facts = learn([&](cluster::http_client& client) {
      send_ok(client, "PUT", "/bench");
      return send_ok(client, "POST", "/bench", documents_.text(0));
    });
    cluster::node_process node(node_on(options_, folder_ / "post"));
    await_ready(node);
    const floor_process floor = writing_floor(facts, "post-floor", 0);
    const auto run = [&](const std::string& url) {
      return requests_per_second({.url = url + "/bench",
                                  .connections = connections,
                                  .seconds = options_.wrk_seconds(),
                                  .script = options_.scripts + "/post.lua",
                                  .arguments = {folder_ / "body"}});
    };
    return compared(
        "durable POST, 32 connections", 0.9, [&] { return run(url_of(node)); },
        [&] { return run(floor.url()); });
  }

  figure put() {
    const auto fill = [&](cluster::http_client& client) {
      const auto bodies = documents_.bulks(put_documents, put_documents);
      for (size_t i = 0; i < put_depth; ++i) send_bulks(client, "bench", bodies);
      return send_ok(client, "PUT", "/bench/" + places::id(0), documents_.text(0));
    };
    const learned facts = learn(fill);
    cluster::node_process node(node_on(options_, folder_ / "put"));
    await_ready(node);
    auto client = node.client(std::chrono::seconds(30));
    fill(client);
    const floor_process floor = writing_floor(facts, "put-floor", put_documents);
    const auto run = [&](const std::string& url) {
      return requests_per_second({.url = url + "/bench",
                                  .connections = 1,
                                  .threads = 1,
                                  .seconds = options_.wrk_seconds(),
                                  .script = options_.scripts + "/put.lua",
                                  .arguments = {folder_ / "body", std::to_string(put_documents)}});
    };
    return compared(
        "durable PUT, 1 connection", 0.7, [&] { return run(url_of(node)); },
        [&] { return run(floor.url()); });
  }

private:
  static std::string url_of(const cluster::node_process& node) {
    return "http://127.0.0.1:" + std::to_string(node.where().port);
  }

  figure compared(const std::string& name, double reach, const std::function<double()>& node,
                  const std::function<double()>& floor) const {
    const auto [value, beside] = in_turn(options_.rounds(), node, floor);
    return {name, value, "1/s", beside, true, reach};
  }

  learned learn(const std::function<cluster::http_answer(cluster::http_client&)>& ask) {
    const cluster::temporary_folder data;
    cluster::node_process node(node_on(options_, data / "data"));
    await_ready(node);
    auto client = node.client();
    learned facts{kept(ask(client)), {}};
    end_node(node);
    facts.rows = written_rows(raw_store(data / "data"), "bench", 1, 1).front();
    return facts;
  }

  floor_process writing_floor(const learned& facts, const std::string& name, size_t ids) {
    write_answer(folder_ / (name + ".answer"), facts.answer);
    write_rows(folder_ / (name + ".rows"), facts.rows);
    return {options_,
            {std::to_string(floor_threads), folder_ / (name + ".answer"), folder_ / name,
             folder_ / (name + ".rows"), std::to_string(ids)}};
  }

  const bench_options& options_;
  const places& documents_;
  cluster::temporary_folder folder_{};
};

} // namespace

figures measure_requests(const bench_options& options, const places& documents) {
  request_bench bench(options, documents);
  return {bench.get(), bench.post(), bench.put()};
}

} // namespace treadmill::bench
