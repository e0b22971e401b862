#include "tests/bench/figures.hpp"
#include <exception>
#include <fstream>
#include <iostream>
#include <map>

namespace treadmill::bench {
namespace {

struct group {
  const char* name;
  figures (*measure)(const bench_options&, const places&);
};

constexpr group groups[] = {{"requests", measure_requests}, {"bulk", measure_bulk},
                            {"loaded", measure_loaded},     {"start", measure_start},
                            {"updates", measure_updates},   {"queries", measure_queries},
                            {"peers", measure_peers},       {"couch", measure_couch}};

int usage() {
  std::cerr << "usage: bench --node FILE --floor FILE --index-floor FILE --scripts DIR [--places "
               "FILE] [--quick]\n"
               "             [--json FILE] [--only "
               "requests|bulk|loaded|start|updates|queries|peers|couch]\n"
               "tests/bench/run.sh calls it; tests/bench/README.md says what it measures.\n";
  return 2;
}

int measure(const bench_options& options, const std::string& json) {
  constexpr size_t all_places = 171'075;
  const places documents(options.places, all_places);
  figures all;
  for (const group& one : groups) {
    if (!options.only.empty() && options.only != one.name) continue;
    std::cerr << "bench: " << one.name << " …" << std::endl;
    for (figure& made : one.measure(options, documents)) all.push_back(std::move(made));
  }
  std::cout << table_of(all);
  if (!json.empty()) {
    std::ofstream out(json);
    out << json_of(all);
    if (!out.flush()) throw std::runtime_error(json + " cannot be written");
  }
  return 0;
}

int run(int argc, char** argv) {
  bench_options options;
  std::string json;
  const std::map<std::string, std::string*> takes{{"--node", &options.node},
                                                  {"--floor", &options.floor},
                                                  {"--index-floor", &options.index_floor},
                                                  {"--scripts", &options.scripts},
                                                  {"--places", &options.places},
                                                  {"--only", &options.only},
                                                  {"--json", &json}};
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto known = takes.find(flag);
    if (flag == "--quick") {
      options.quick = true;
    } else if (known != takes.end() && i + 1 < argc) {
      *known->second = argv[++i];
    } else {
      return usage();
    }
  }
  if (options.node.empty() || options.floor.empty() || options.scripts.empty()) return usage();
  try {
    return measure(options, json);
  } catch (const std::exception& problem) {
    std::cerr << "bench: " << problem.what() << '\n';
    return 1;
  }
}

} // namespace
} // namespace treadmill::bench

int main(int argc, char** argv) { return treadmill::bench::run(argc, argv); }
