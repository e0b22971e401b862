#include "actors/process/verify_command.hpp"
#include "actors/function_calls.hpp"
#include "actors/process/run.hpp"
#include "js/pool/map_pool.hpp"
#include "net/client/node_verify.hpp"
#include "storage/verify/verify.hpp"
#include <chrono>
#include <filesystem>
#include <future>
#include <iostream>
#include <unistd.h>

namespace treadmill {
namespace {

int refuse(const std::string& directory, const std::string& reason) {
  std::cerr << "treadmill: " << directory << ": " << reason << '\n';
  return 1;
}

/// Opening creates a missing store, which a check must not do, so look for the store first.
bool holds_store(const std::filesystem::path& directory) {
  std::error_code ignored;
  return std::filesystem::exists(directory / "FORMAT", ignored) ||
         std::filesystem::exists(directory / "CURRENT", ignored);
}

/// A progress line on a terminal, written over the previous one.
class progress_line {
public:
  void show(const std::string& bucket, uint64_t rows, uint64_t mapped) const {
    if (!terminal_) return;
    std::cerr << clear << bucket << ": " << rows << " rows";
    if (mapped > 0) std::cerr << ", " << mapped << " documents mapped again";
    std::cerr << std::flush;
  }
  void end() const {
    if (terminal_) std::cerr << clear << std::flush;
  }

private:
  static constexpr std::string_view clear = "\r\033[K";
  bool terminal_ = isatty(STDERR_FILENO) != 0;
};

/// Runs maps for a check, one after the other, in its own worker processes.
class map_runs {
public:
  explicit map_runs(const settings& how) : limits_(how.json), pool_(options_of_pool(how)) {}

  result<std::vector<run_rows>> run(const std::string& map,
                                    const std::vector<run_document>& documents) {
    if (!function_ || function_->text != map) function_ = make_function(js::kind::map, map);
    std::vector<run_rows> rows;
    while (rows.size() < documents.size()) {
      std::promise<js::map_answer> mapped;
      pool_.map(map_job_of(function_, std::span(documents).subspan(rows.size()), false),
                [&](js::map_answer answer) { mapped.set_value(std::move(answer)); });
      const js::map_answer answer = mapped.get_future().get();
      if (answer.how != js::outcome::done)
        return tl::unexpected(problem_of(answer.how, answer.message));
      for (const js::mapped& made : answer.documents) rows.push_back(checked_rows(made, limits_));
    }
    return rows;
  }

private:
  json_limits limits_;
  js::map_pool pool_;
  std::shared_ptr<const js::function> function_{};
};

int verify_running(const command_line& asked) {
  http::node_client node(asked.values.server.host, asked.values.server.port);
  if (const auto there = node.reach(); !there) return refuse(node.url(), there.error().reason);
  const std::string bucket = asked.has("bucket") ? asked.given.at("bucket") : std::string();
  const progress_line line;
  bool whole = true;
  const auto verified = http::verify_node(
      node, bucket,
      [&](const http::verified_bucket& found) {
        line.end();
        std::cout << (asked.has("json") ? found.json + '\n' : found.report.text()) << std::flush;
        whole = whole && found.report.whole();
      },
      [&](const http::verify_progress& now) { line.show(now.bucket, now.rows, now.mapped); });
  line.end();
  if (!verified) return refuse(node.url(), verified.error().reason);
  return whole ? 0 : 1;
}

int verify_stopped(const command_line& asked) {
  const std::string& directory = asked.given.at("data");
  const bool json = asked.has("json");
  if (!holds_store(directory)) return refuse(directory, "there is no store");
  store_options options;
  options.directory = directory;
  options.warn = [](std::string_view text) { std::cerr << "treadmill: " << text << '\n'; };
  const auto opened = store::open(std::move(options));
  if (!opened) return refuse(directory, opened.error().reason);
  const store& rows = **opened;
  const auto print = [&](const bucket_report& report) {
    std::cout << (json ? report.json() + '\n' : report.text()) << std::flush;
    return report.whole();
  };
  const auto catalogue = verify_catalogue(rows);
  if (!catalogue) return refuse(directory, catalogue.error().reason);
  bool whole = catalogue->whole() || print(*catalogue);
  const progress_line line;
  map_runs maps(asked.values);
  bool known = !asked.has("bucket");
  for (const bucket_info& bucket : rows.buckets()) {
    if (asked.has("bucket") && asked.given.at("bucket") != bucket.name) continue;
    known = true;
    const auto report = verify_bucket(
        rows.snapshot(), bucket, [&](uint64_t done) { line.show(bucket.name, done, 0); },
        [&](const std::string& map, const std::vector<run_document>& documents) {
          return maps.run(map, documents);
        });
    line.end();
    if (!report) return refuse(directory, report.error().reason);
    whole = print(*report) && whole;
  }
  if (!known) return refuse(directory, "it has no such bucket");
  return whole ? 0 : 1;
}

} // namespace

int verify(const command_line& asked) {
  return asked.has("data") ? verify_stopped(asked) : verify_running(asked);
}

} // namespace treadmill
