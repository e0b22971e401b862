#include "actors/process/commands.hpp"
#include "actors/process/verify_command.hpp"
#include "net/client/backup.hpp"
#include "net/client/health_probe.hpp"
#include "net/client/import.hpp"
#include "net/client/node_bench.hpp"
#include "net/client/node_status.hpp"
#include "net/http/url.hpp"
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <thread>
#include <unistd.h>

namespace treadmill {

namespace {

using http::node_client;

int refuse(const std::string& where, const error& problem) {
  std::cerr << "treadmill: " << where << ": " << problem.reason << '\n';
  return 1;
}

/// The command that a container's health check calls.
int health(const command_line& asked) {
  const endpoint at{asked.values.server.host, asked.values.server.port};
  const auto answer =
      http::probe_health(at.host, at.port, std::chrono::seconds(5), asked.has("ready"));
  const std::string address = "http://" + to_string(at);
  if (!answer) return refuse(address, answer.error());
  std::cout << address << '\n';
  return 0;
}

/// Prints a node's state: once, or repeatedly until a signal ends the process.
int status(const command_line& asked) {
  constexpr std::chrono::seconds pause(2);
  constexpr std::string_view clear_screen = "\033[H\033[2J";
  node_client node(asked.values.server.host, asked.values.server.port, std::chrono::seconds(10));
  const bool screen = asked.has("watch") && !asked.has("json") && isatty(STDOUT_FILENO) != 0;
  while (true) {
    const auto text = node.reach()
                          .and_then([&] { return rest::read_status(node); })
                          .and_then([&](const rest::node_status& read) -> result<std::string> {
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

/// The given text, or the default `without`.
std::string text_given(const command_line& asked, const std::string& name,
                       const std::string& without) {
  const auto given = asked.given.find(name);
  return given == asked.given.end() ? without : given->second;
}

/// Writes all bytes to the standard output; false: that failed, and errno says why.
bool write_out(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(done));
  }
  return true;
}

int export_bucket(const command_line& asked) {
  node_client node(asked.values.server.host, asked.values.server.port);
  int problem = 0; // errno of the output
  const auto facts = http::export_bucket(node, asked.given.at("bucket"),
                                         std::stoull(text_given(asked, "since", "0")),
                                         text_given(asked, "log", ""), [&](std::string_view piece) {
                                           if (write_out(piece)) return true;
                                           problem = errno;
                                           return false;
                                         });
  if (problem != 0)
    return refuse("the output", {ec::io_error, std::string(std::strerror(problem)) +
                                                   ": what is there is not a whole export"});
  if (!facts) return refuse(node.url(), facts.error());
  if (asked.has("json")) std::cerr << http::facts_json(*facts) << '\n';
  return 0;
}

/// A backup or a restore: prints a line for each bucket.
int copy_buckets(const command_line& asked, bool restore) {
  node_client node(asked.values.server.host, asked.values.server.port);
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

/// Prints one line, over the previous one.
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

std::string json_text(const http::import_done& done) {
  std::ostringstream text;
  text << R"({"documents":)" << done.documents << R"(,"already_there":)" << done.already_there
       << R"(,"conflicts":)" << done.conflicts << R"(,"skipped":)" << done.skipped
       << R"(,"errors":)" << done.errors << R"(,"seconds":)" << done.seconds << '}';
  return text.str();
}

std::string summary_text(const http::import_done& done) {
  std::ostringstream text;
  text << done.documents << " documents imported in " << clock_text(done.seconds);
  if (done.empty) text << ": there are none in it";
  if (done.skipped > 0) text << ", after " << done.skipped << " of an earlier run";
  if (done.already_there > 0) text << ", " << done.already_there << " were there already";
  if (done.errors > 0) text << ", " << done.errors << " errors";
  return text.str();
}

int import_file(const command_line& asked) {
  node_client node(asked.values.server.host, asked.values.server.port);
  http::import_options options;
  options.file = asked.given.at("file");
  options.bucket = asked.given.at("bucket");
  options.update = asked.has("update");
  options.restart = asked.has("restart");
  options.text_only = asked.has("text");
  options.format = text_given(asked, "format", "");
  const bool screen = isatty(STDERR_FILENO) != 0 && !asked.has("json");
  if (screen) options.progress = show_progress;
  const std::string clear = screen ? "\r\033[K" : "";
  options.note = [&](const std::string& text) {
    std::cerr << clear << "treadmill: " << options.file << ": " << text << '\n';
  };
  constexpr uint64_t shown_problems = 20;
  uint64_t problems = 0;
  options.problem = [&](uint64_t line, const error& problem) {
    if (++problems <= shown_problems)
      std::cerr << clear << "line " << line << ": " << to_string(problem.code) << ": "
                << problem.reason << '\n';
  };
  const auto done = http::import_file(node, options);
  std::cerr << clear;
  if (problems > shown_problems)
    std::cerr << "and " << problems - shown_problems << " more lines that could not be taken\n";
  if (!done) return refuse(options.file, done.error());
  if (done->conflicts > 0)
    std::cerr << done->conflicts << " documents are there already with another content and stay as "
              << "they are (--update replaces them)\n";
  std::cout << (asked.has("json") ? json_text(*done) : summary_text(*done)) << '\n';
  return done->errors == 0 ? 0 : 1;
}

/// Asks for a compaction, and waits until it is done.
int compact(const command_line& asked) {
  constexpr std::chrono::milliseconds pause(100);
  node_client node(asked.values.server.host, asked.values.server.port);
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

/// Measures a node until it is done or a signal stops it.
int bench(const command_line& asked) {
  http::bench_options options;
  options.host = asked.values.server.host;
  options.port = asked.values.server.port;
  options.connections = std::stoull(text_given(asked, "connections", "16"));
  options.time = std::chrono::seconds(std::stoull(text_given(asked, "seconds", "3")));
  options.stop = &stop_asked;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    std::signal(signal, [](int) { stop_asked = true; });
  const bool json = asked.has("json");
  const std::string url = "http://" + to_string(endpoint{options.host, options.port});
  const auto measured = http::measure_node(
      options,
      [&](const http::bench_facts& facts) {
        if (!json)
          std::cout << "durability " << facts.durability << ", bucket " << facts.bucket
                    << std::endl;
        for (const std::string& other : facts.others)
          std::cerr << "treadmill: the bucket " << other << " is of another bench; if that runs no "
                    << "more: curl -X DELETE " << url << '/' << other << '\n';
      },
      [&](const http::bench_figure& figure) {
        if (!json) std::cout << http::figure_text(figure) << std::flush;
      });
  if (!measured) return refuse(url, measured.error());
  if (!json) return 0;
  std::cout << R"({"durability":")" << measured->durability << R"(","bucket":")" << measured->bucket
            << R"(","figures":[)";
  for (const http::bench_figure& figure : measured->figures)
    std::cout << (&figure == &measured->figures.front() ? "" : ",") << http::figure_json(figure);
  std::cout << "]}\n";
  return 0;
}

/// True if the argument is not given, or is a number from `least` to `most`.
bool is_number(const command_line& asked, const std::string& name, uint64_t least, uint64_t most) {
  const std::string text = text_given(asked, name, std::to_string(least));
  uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size() && number >= least &&
      number <= most)
    return true;
  std::cerr << "treadmill: --" << name << ": `" << text << "` is not a number from " << least
            << " to " << most << '\n';
  return false;
}

/// Checks values that parse_settings does not check, before the command contacts a node.
bool is_right(const command_line& asked) {
  constexpr uint64_t last_sequence = INT64_MAX;
  const auto right = [&](bool holds, const std::string& problem) {
    if (!holds) std::cerr << "treadmill: " << problem << '\n';
    return holds;
  };
  const std::string& command = asked.command;
  if (command == "bench")
    return static_cast<int>(is_number(asked, "connections", 1, 1000)) +
               static_cast<int>(is_number(asked, "seconds", 1, 60)) ==
           2;
  if (command == "export")
    return is_number(asked, "since", 0, last_sequence) &&
           right(!asked.has("log") || asked.has("since"), "--log: goes with --since");
  if (command == "verify")
    return right(!asked.has("data") || !asked.has("url"),
                 "--data: is for a node that does not run, "
                 "and goes without a URL");
  if (command != "import") return true;
  const std::string format = text_given(asked, "format", "csv");
  return right(format == "ndjson" || format == "json" || format == "csv",
               "--format: `" + format + "` is not ndjson, json or csv") &&
         right(!asked.has("text") || format == "csv", "--text: is for CSV");
}

} // namespace

int run_command(const command_line& asked) {
  std::signal(SIGPIPE, SIG_IGN); // if the reader is gone, writing returns an error
  if (!is_right(asked)) {
    std::cerr << "Try: treadmill " << asked.command << " --help\n";
    return 2;
  }
  const bool looks_itself =
      asked.command == "health" || asked.command == "status" || asked.command == "verify";
  if (!looks_itself) {
    const node_client node(asked.values.server.host, asked.values.server.port);
    if (const auto there = node.reach(); !there) return refuse(node.url(), there.error());
  }
  static const std::map<std::string, int (*)(const command_line&)> commands{
      {"health", health},      {"status", status},   {"export", export_bucket},
      {"import", import_file}, {"backup", back_up},  {"restore", restore},
      {"verify", verify},      {"compact", compact}, {"bench", bench},
  };
  return commands.at(asked.command)(asked);
}

} // namespace treadmill
