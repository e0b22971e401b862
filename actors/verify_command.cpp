#include "actors/verify_command.hpp"
#include "storage/verify.hpp"
#include <filesystem>
#include <iostream>
#include <unistd.h>

namespace treadmill {
namespace {

int refuse(const std::string& directory, const std::string& reason) {
  std::cerr << "treadmill: " << directory << ": " << reason << '\n';
  return 1;
}

/// Opening makes a store where there is none: that is not what somebody wants who asks whether one
/// is whole.
bool holds_store(const std::filesystem::path& directory) {
  std::error_code ignored;
  return std::filesystem::exists(directory / "FORMAT", ignored) ||
         std::filesystem::exists(directory / "CURRENT", ignored);
}

/// One line on a terminal that is written over.
void show_progress(const std::string& bucket, uint64_t rows) {
  std::cerr << "\r\033[K" << bucket << ": " << rows << " rows" << std::flush;
}

void print(const bucket_report& report, bool json) {
  std::cout << (json ? report.json() + '\n' : report.text()) << std::flush;
}

} // namespace

int verify_store(const command_line& asked) {
  const std::string& directory = asked.given.at("data");
  const bool json = asked.has("json");
  if (!holds_store(directory)) return refuse(directory, "there is no store");
  store_options options;
  options.directory = directory;
  options.warn = [](std::string_view text) { std::cerr << "treadmill: " << text << '\n'; };
  const auto opened = store::open(std::move(options));
  if (!opened) return refuse(directory, opened.error().reason);
  const store& rows = **opened;
  const auto catalogue = verify_catalogue(rows);
  if (!catalogue) return refuse(directory, catalogue.error().reason);
  bool whole = catalogue->whole();
  if (!whole) print(*catalogue, json);
  const bool terminal = isatty(STDERR_FILENO) != 0;
  for (const bucket_info& bucket : rows.buckets()) {
    const auto report = verify_bucket(rows.snapshot(), bucket, [&](uint64_t done) {
      if (terminal) show_progress(bucket.name, done);
    });
    if (terminal) std::cerr << "\r\033[K" << std::flush;
    if (!report) return refuse(directory, report.error().reason);
    print(*report, json);
    whole = whole && report->whole();
  }
  return whole ? 0 : 1;
}

} // namespace treadmill
