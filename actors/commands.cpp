#include "actors/commands.hpp"
#include "actors/verify_command.hpp"
#include "net/backup.hpp"
#include "net/health_probe.hpp"
#include "net/import.hpp"
#include "net/node_bench.hpp"
#include "net/node_status.hpp"
#include "net/url.hpp"
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>
#include <thread>
#include <unistd.h>

namespace treadmill {

namespace {

using http::node_client;

/// How long a node may be silent before a command gives up.
constexpr std::chrono::seconds silence(60);

int refuse(const std::string& where, const error& problem) {
  std::cerr << "treadmill: " << where << ": " << problem.reason << '\n';
  return 1;
}

/// What a container's health check calls.
int health(const command_line& asked) {
  const endpoint at{asked.values.server.host, asked.values.server.port};
  const auto answer =
      http::probe_health(at.host, at.port, std::chrono::seconds(5), asked.has("ready"));
  const std::string address = "http://" + to_string(at);
  if (!answer) return refuse(address, answer.error());
  std::cout << address << '\n';
  return 0;
}

/// Prints how a node is: once, or again and again until a signal ends the process.
int status(const command_line& asked) {
  constexpr std::chrono::seconds pause(2);
  constexpr std::string_view clear_screen = "\033[H\033[2J";
  node_client node(asked.values.server.host, asked.values.server.port, std::chrono::seconds(10));
  const bool screen = asked.has("watch") && !asked.has("json") && isatty(STDOUT_FILENO) != 0;
  while (true) {
    const auto text =
        rest::read_status(node).and_then([&](const rest::node_status& read) -> result<std::string> {
          if (asked.has("json")) return rest::status_json(read);
          return rest::status_text(read);
        });
    if (screen) std::cout << clear_screen;
    if (text) std::cout << *text << std::flush;
    const int code = text ? 0 : refuse(node.url(), text.error());
    if (!asked.has("watch")) return code;
    std::this_thread::sleep_for(pause);
  }
}

int export_bucket(const command_line& asked) {
  node_client node(asked.values.server.host, asked.values.server.port, silence);
  const std::string since = asked.given.contains("since") ? asked.given.at("since") : "0";
  if (since.find_first_not_of("0123456789") != std::string::npos || since.size() > 19)
    return refuse("--since", {ec::bad_request, "`" + since + "` is no sequence"});
  const auto facts = http::export_bucket(
      node, asked.given.at("bucket"), std::stoull(since), [](std::string_view piece) {
        std::cout.write(piece.data(), static_cast<std::streamsize>(piece.size()));
        return std::cout.good();
      });
  if (!facts) return refuse(node.url(), facts.error());
  std::cout.flush();
  if (!std::cout) return refuse("the output", {ec::io_error, "it cannot be written"});
  if (asked.has("json")) std::cerr << http::facts_json(*facts) << '\n';
  return 0;
}

/// A backup or a restore: what is done with each bucket is a line.
int copy_buckets(const command_line& asked, bool restore) {
  node_client node(asked.values.server.host, asked.values.server.port, silence);
  const std::string& directory = asked.given.at("directory");
  const auto tell = [&](const http::export_facts& facts, size_t done, size_t of) {
    if (asked.has("json")) {
      std::cout << http::facts_json(facts) << std::endl;
      return;
    }
    std::cout << done << '/' << of << "  " << facts.bucket << "  " << facts.documents
              << " documents  digest " << facts.digest
              << (restore && !asked.has("merge") ? "  equal" : "") << std::endl;
  };
  const auto copied = restore ? http::restore(node, directory, asked.has("merge"), tell)
                              : http::back_up(node, directory, tell);
  return copied ? 0 : refuse(node.url(), copied.error());
}

int back_up(const command_line& asked) { return copy_buckets(asked, false); }
int restore(const command_line& asked) { return copy_buckets(asked, true); }

/// "00:07", "1:02:03"
std::string clock_text(double seconds) {
  const auto all = static_cast<uint64_t>(std::llround(seconds));
  std::ostringstream text;
  text << std::setfill('0');
  if (all >= 3600) text << all / 3600 << ':';
  text << std::setw(2) << all / 60 % 60 << ':' << std::setw(2) << all % 60;
  return text.str();
}

/// One line that is written over itself.
void show_progress(const http::import_progress& now) {
  std::ostringstream line;
  const double rate = now.seconds > 0 ? static_cast<double>(now.done.documents) / now.seconds : 0;
  if (now.part > 0) {
    constexpr size_t width = 24;
    const auto filled = static_cast<size_t>(now.part * width);
    line << '[' << std::string(filled, '#') << std::string(width - filled, '.') << "] "
         << static_cast<int>(now.part * 100) << " %  ";
  }
  line << now.done.documents << " documents  " << static_cast<uint64_t>(rate) << "/s";
  if (now.part > 0 && now.part < 1)
    line << "  " << clock_text(now.seconds / now.part - now.seconds) << " left";
  std::cerr << "\r\033[K" << line.str() << std::flush;
}

int import_file(const command_line& asked) {
  node_client node(asked.values.server.host, asked.values.server.port, silence);
  http::import_options options;
  options.file = asked.given.at("file");
  options.bucket = asked.given.at("bucket");
  options.update = asked.has("update");
  options.restart = asked.has("restart");
  options.text_only = asked.has("text");
  if (asked.has("format")) options.format = asked.given.at("format");
  const bool screen = isatty(STDERR_FILENO) != 0 && !asked.has("json");
  if (screen) options.progress = show_progress;
  options.problem = [&](uint64_t line, const error& problem) {
    std::cerr << (screen ? "\r\033[K" : "") << "line " << line << ": " << to_string(problem.code)
              << ": " << problem.reason << '\n';
  };
  const auto done = http::import_file(node, options);
  if (screen) std::cerr << "\r\033[K";
  if (!done) return refuse(options.file, done.error());
  if (asked.has("json")) {
    std::cout << R"({"documents":)" << done->documents << R"(,"already_there":)"
              << done->already_there << R"(,"skipped":)" << done->skipped << R"(,"errors":)"
              << done->errors << R"(,"seconds":)" << done->seconds << "}\n";
  } else {
    std::cout << done->documents << " documents imported in " << clock_text(done->seconds);
    if (done->skipped > 0) std::cout << ", after " << done->skipped << " of an earlier run";
    if (done->already_there > 0) std::cout << ", " << done->already_there << " were there already";
    if (done->errors > 0) std::cout << ", " << done->errors << " errors";
    std::cout << '\n';
  }
  return done->errors == 0 ? 0 : 1;
}

/// Asks for a compaction, and waits until it is done.
int compact(const command_line& asked) {
  constexpr std::chrono::milliseconds pause(100);
  node_client node(asked.values.server.host, asked.values.server.port, silence);
  std::string path = "/_system/compact";
  if (asked.has("bucket")) path += "?bucket=" + http::percent_encode(asked.given.at("bucket"));
  const auto begin = std::chrono::steady_clock::now();
  const auto before = http::compaction_of(node.post(path, ""));
  auto now = before;
  while (now && now->running) {
    std::this_thread::sleep_for(pause);
    now = http::compaction_of(node.get(path));
  }
  if (!now) return refuse(node.url(), now.error());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (asked.has("json"))
    std::cout << R"({"before":)" << before->bytes << R"(,"after":)" << now->bytes
              << R"(,"seconds":)" << took.count() << "}\n";
  else
    std::cout << before->bytes << " bytes before, " << now->bytes << " after, in "
              << clock_text(took.count()) << '\n';
  return 0;
}

std::atomic<bool> stop_asked{false};

/// A number that was given, or what holds without one. Nothing, and a word about it, where it is
/// none of that range.
std::optional<uint64_t> number_given(const command_line& asked, const std::string& name,
                                     uint64_t without, uint64_t most) {
  const auto given = asked.given.find(name);
  if (given == asked.given.end()) return without;
  const std::string& text = given->second;
  uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size() && number >= 1 &&
      number <= most)
    return number;
  std::cerr << "treadmill: --" << name << ": `" << text << "` is not a number from 1 to " << most
            << "\nTry: treadmill " << asked.command << " --help\n";
  return std::nullopt;
}

/// Measures a node until it is done or a signal stops it.
int bench(const command_line& asked) {
  const auto connections = number_given(asked, "connections", 16, 1000);
  const auto seconds = number_given(asked, "seconds", 3, 60);
  if (!connections || !seconds) return 2;
  http::bench_options options;
  options.host = asked.values.server.host;
  options.port = asked.values.server.port;
  options.connections = *connections;
  options.time = std::chrono::seconds(*seconds);
  options.stop = &stop_asked;
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { stop_asked = true; });
  const bool json = asked.has("json");
  const auto measured = http::measure_node(
      options,
      [&](const http::bench_facts& facts) {
        if (!json)
          std::cout << "durability " << facts.durability << ", bucket " << facts.bucket
                    << std::endl;
      },
      [&](const http::bench_figure& figure) {
        if (!json) std::cout << http::figure_text(figure) << std::flush;
      });
  const std::string url = "http://" + to_string(endpoint{options.host, options.port});
  if (!measured) return refuse(url, measured.error());
  if (!json) return 0;
  std::cout << R"({"durability":")" << measured->durability << R"(","bucket":")" << measured->bucket
            << R"(","figures":[)";
  for (const http::bench_figure& figure : measured->figures)
    std::cout << (&figure == &measured->figures.front() ? "" : ",") << http::figure_json(figure);
  std::cout << "]}\n";
  return 0;
}

} // namespace

int run_command(const command_line& asked) {
  static const std::map<std::string, int (*)(const command_line&)> commands{
      {"health", health},      {"status", status},   {"export", export_bucket},
      {"import", import_file}, {"backup", back_up},  {"restore", restore},
      {"verify", verify},      {"compact", compact}, {"bench", bench},
  };
  return commands.at(asked.command)(asked);
}

} // namespace treadmill
