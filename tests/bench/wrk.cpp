#include "tests/bench/wrk.hpp"
#include "tests/cluster/node_process.hpp"
#include <chrono>
#include <cstdlib>
#include <stdexcept>

namespace treadmill::bench {

namespace {

/// The number behind a word of wrk's report; 0 where it does not stand there.
double number_after(const std::string& report, const std::string& word) {
  const size_t at = report.find(word);
  return at == std::string::npos ? 0 : std::strtod(report.c_str() + at + word.size(), nullptr);
}

} // namespace

double requests_per_second(const wrk_run& run) {
  cluster::process_options options{"/usr/bin/wrk", {}};
  options.arguments = {"-c" + std::to_string(run.connections), "-t" + std::to_string(run.threads),
                       "-d" + std::to_string(run.seconds) + "s"};
  if (!run.script.empty()) options.arguments.insert(options.arguments.end(), {"-s", run.script});
  options.arguments.push_back(run.url);
  if (!run.arguments.empty()) options.arguments.emplace_back("--");
  options.arguments.insert(options.arguments.end(), run.arguments.begin(), run.arguments.end());
  cluster::child_process wrk(std::move(options));
  const auto end = wrk.wait(std::chrono::seconds(run.seconds + 30));
  const std::string report = wrk.output();
  const double rate = number_after(report, "Requests/sec:");
  if (!end || end->code != 0 || rate == 0 ||
      number_after(report, "Non-2xx or 3xx responses:") > 0 ||
      report.find("Socket errors:") != std::string::npos)
    throw std::runtime_error("wrk at " + run.url + ":\n" + report);
  return rate;
}

} // namespace treadmill::bench
