#include "actors/process/command_line.hpp"
#include "actors/process/setting_forms.hpp"
#include "net/api/api_options.hpp"
#include "net/api/parameters.hpp"
#include "storage/base/defaults.hpp"
#include "storage/documents/revision.hpp"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <unistd.h>

using namespace std::chrono_literals;
using treadmill::command_line;
using treadmill::parse_duration;
using treadmill::parse_endpoint;
using treadmill::parse_size;
using variables = std::map<std::string, std::string>;

namespace {

command_line parse(std::vector<const char*> arguments, const variables& environment = {}) {
  arguments.insert(arguments.begin(), "treadmill");
  return treadmill::parse_settings(
      static_cast<int>(arguments.size()), arguments.data(), [&](const char* name) -> const char* {
        const auto found = environment.find(name);
        return found == environment.end() ? nullptr : found->second.c_str();
      });
}

/// A file that is gone at the end of its test.
struct temporary_file {
  std::string path =
      (std::filesystem::temp_directory_path() / "treadmill-settings-XXXXXX").string();

  explicit temporary_file(const std::string& text) {
    close(mkstemp(path.data()));
    std::ofstream(path) << text;
  }
  ~temporary_file() { std::filesystem::remove(path); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
};

bool says(const command_line& answer, std::string_view text) {
  return answer.output.find(text) != std::string::npos;
}

auto lines_of(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  REQUIRE(in.is_open());
  return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

TEST_CASE("without any setting a node serves on the loopback address with the defaults") {
  const auto answer = parse({"serve"});
  REQUIRE(answer.what == command_line::action::serve);
  const auto& all = answer.values;
  CHECK(all.server.host == "127.0.0.1");
  CHECK(all.server.port == 1444);
  CHECK(all.listens);
  CHECK(all.zmq == treadmill::endpoint{"127.0.0.1", 1445});
  CHECK(treadmill::advertised_uri(all).empty());
  CHECK(all.peers.empty());
  CHECK(all.data == "data");
  CHECK(all.sync_interval == 0ms);
  char host[256] = {};
  REQUIRE(gethostname(host, sizeof host - 1) == 0);
  CHECK(all.name == host);
}

TEST_CASE("every setting has the default that its description shows") {
  for (const auto& one : treadmill::describe_settings()) {
    if (one.name == "name") continue;
    CAPTURE(one.name);
    treadmill::settings changed;
    REQUIRE(treadmill::assign(changed, one.name, one.initial));
    changed.name = "box";
    CHECK(changed.validate().empty());
    CHECK(treadmill::describe_settings().size() > 30);
  }
}

TEST_CASE("a flag beats the environment and the environment beats the file") {
  const temporary_file file("max-buckets = 10\nhttp-threads = 10\nlog-level = \"error\" # quiet\n"
                            "cors-origins = [\"https://a.example\", \"https://b.example\"]\n");
  const auto answer = parse({"serve", "--config", file.path.c_str(), "--max-buckets=30"},
                            {{"TREADMILL_MAX_BUCKETS", "20"}, {"TREADMILL_HTTP_THREADS", "20"}});
  CAPTURE(answer.output);
  REQUIRE(answer.what == command_line::action::serve);
  CHECK(answer.values.buckets == 30);
  CHECK(answer.values.server.threads == 20);
  CHECK(answer.values.logging.level == treadmill::log::level::error);
  CHECK(answer.values.cors_origins ==
        std::vector<std::string>{"https://a.example", "https://b.example"});
}

TEST_CASE("the file can be named by the environment") {
  const temporary_file file("name = box7\n");
  const auto answer = parse({"serve"}, {{"TREADMILL_CONFIG", file.path}});
  CHECK(answer.values.name == "box7");
}

TEST_CASE("every setting can be given as flag, as variable and in the file") {
  for (const auto& one : treadmill::describe_settings()) {
    CAPTURE(one.name);
    const std::string value = one.name == "name" ? "box" : one.initial;
    const std::string flag = "--" + one.name + "=" + value;
    if (!value.empty()) CHECK(parse({"serve", flag.c_str()}).what == command_line::action::serve);
    // What a variable and a line of the file do is seen by a value that no setting takes.
    const temporary_file file(one.name + " = \"\\\"\"\n");
    const bool free_text =
        one.name == "data" || one.name == "log-file" || one.name == "map-executable";
    CHECK((parse({"serve"}, {{one.environment, "\""}}).exit_code == 2) == !free_text);
    CHECK((parse({"serve", "--config", file.path.c_str()}).exit_code == 2) == !free_text);
  }
}

TEST_CASE("all wrong settings are reported at once, with exit code 2") {
  const temporary_file file("max-bucket = 5\nlog-level = loud\nidle-timeout = 10\n");
  const auto answer = parse(
      {"serve", "--http", "::1:1444", "--unknown", "thing", "--max-document-size", "many",
       "--zmq=box:1", "--config", file.path.c_str(), "stray", "--name", "box one", "--durability"},
      {{"TREADMILL_HTTP_THREADS", "0"}, {"TREADMILL_CORS_ORIGINS", "example.com"}});
  CAPTURE(answer.output);
  CHECK(answer.what == command_line::action::leave);
  CHECK(answer.exit_code == 2);
  CHECK(says(answer, "--http: `::1:1444` needs brackets"));
  CHECK(says(answer, "--unknown: there is no such setting"));
  CHECK(says(answer, "--max-document-size: `many` is not a size"));
  CHECK(says(answer, "--zmq: `box:1` does not begin with tcp://"));
  CHECK(says(answer, file.path + ": max-bucket: there is no such setting"));
  CHECK(says(answer, file.path + ": log-level: `loud` is none of"));
  CHECK(says(answer, file.path + ": idle-timeout: `10` is not a time"));
  CHECK(says(answer, "`stray`: is not a setting"));
  CHECK(says(answer, "--name: `box one` is not"));
  CHECK(says(answer, "--durability: needs a value"));
  CHECK(says(answer, "--http-threads: 0 is not between 1 and 256"));
  CHECK(says(answer, "--cors-origins: `example.com` is not an origin"));
  CHECK(lines_of(answer.output) == 13);
}

TEST_CASE("a setting given twice is refused") {
  const auto answer = parse({"serve", "--name", "a", "--name", "b"});
  CHECK(answer.exit_code == 2);
  CHECK(says(answer, "--name: is given 2 times"));
}

TEST_CASE("a file that cannot be read is a problem, an empty variable is none") {
  const auto answer = parse({"serve", "--config", "/dev/null/file"});
  CHECK(answer.exit_code == 2);
  CHECK(says(answer, "--config: the file `/dev/null/file` cannot be read"));
  CHECK(parse({"serve", "--config", "/"}).exit_code == 2);
  CHECK(parse({"serve"}, {{"TREADMILL_HTTP", ""}}).what == command_line::action::serve);
}

TEST_CASE("sections in the file are refused by their full name") {
  const temporary_file file("[serve]\nname = box\n");
  const auto answer = parse({"serve", "--config", file.path.c_str()});
  CHECK(answer.exit_code == 2);
  CHECK(says(answer, "serve.name: there is no such setting"));
}

TEST_CASE("every number has a largest value") {
  for (const auto& one : treadmill::describe_settings()) {
    const std::string most = one.value == "N"      ? "9000000000"
                             : one.value == "SIZE" ? "1048576GiB"
                             : one.value == "TIME" ? "1000000h"
                                                   : "";
    if (most.empty()) continue;
    const std::string flag = "--" + one.name + "=" + most;
    const auto answer = parse({"serve", flag.c_str()});
    CAPTURE(answer.output);
    CHECK(says(answer, "--" + one.name + ": "));
    CHECK(says(answer, " is not between "));
  }
}

TEST_CASE("the address of CouchDB's clients is off, or one of its own") {
  CHECK(!parse({"serve"}).values.couch_listens);
  const auto on = parse({"serve", "--couch", "[::1]:5984"});
  CHECK(on.values.couch_listens);
  CHECK(on.values.couch == treadmill::endpoint{"::1", 5984});
  CHECK(!parse({"serve", "--couch", "off"}, {{"TREADMILL_COUCH", "a:1"}}).values.couch_listens);
  CHECK(parse({"serve"}, {{"TREADMILL_COUCH", "a:1"}}).values.couch_listens);
  CHECK(says(parse({"serve", "--couch", "a"}), "--couch: `a` has no port"));
  CHECK(
      says(parse({"serve", "--couch", "127.0.0.1:1444"}), "--couch: is the address of --http too"));
  CHECK(
      says(parse({"serve", "--couch", "127.0.0.1:1445"}), "--couch: is the address of --zmq too"));
}

TEST_CASE("limits that contradict each other are refused") {
  const auto answer = parse({"serve", "--max-document-size", "32MiB", "--max-request-memory",
                             "1MiB", "--max-url-size", "64KiB"});
  CHECK(says(answer, "--max-document-size: 32MiB does not fit into --max-request-size of 16MiB"));
  CHECK(says(answer, "--max-request-size: 16MiB does not fit into --max-request-memory of 1MiB"));
  CHECK(says(answer, "--max-url-size: 64KiB does not fit into --max-header-size of 16KiB"));
  CHECK(says(parse({"serve", "--zmq", "tcp://127.0.0.1:1444"}),
             "--zmq: is the address of --http too"));
}

TEST_CASE("help and version end with 0, no command and an unknown one with 2") {
  for (auto arguments : {std::vector<const char*>{"--help"},
                         {"serve", "--help"},
                         {"--version"},
                         {"serve", "--version"}}) {
    const auto answer = parse(arguments);
    CHECK(answer.what == command_line::action::leave);
    CHECK(answer.exit_code == 0);
    CHECK(!answer.output.empty());
  }
  CHECK(parse({}).exit_code == 2);
  CHECK(says(parse({}), "treadmill serve"));
  const auto unknown = parse({"server"});
  CHECK(unknown.exit_code == 2);
  CHECK(says(unknown, "there is no command `server`"));
  CHECK(says(unknown, "Try: treadmill --help"));
  CHECK(parse({"serve", "--http", "x", "--help"}).exit_code == 0);
}

TEST_CASE("help names every setting with its default and stays within 100 columns") {
  const std::string help = parse({"serve", "--help"}).output;
  for (const auto& one : treadmill::describe_settings()) {
    CHECK_MESSAGE(help.find("--" + one.name + " " + one.value) != std::string::npos, one.name);
    CHECK_MESSAGE((one.initial.empty() || help.find("[" + one.initial + "]") != std::string::npos),
                  one.name);
  }
  size_t begin = 0;
  for (size_t end = help.find('\n'); end != std::string::npos;
       begin = end + 1, end = help.find('\n', begin))
    CHECK_MESSAGE(end - begin <= 100, help.substr(begin, end - begin));
}

TEST_CASE("an endpoint is a host and a port, with brackets around IPv6") {
  CHECK(parse_endpoint("localhost:80") == treadmill::endpoint{"localhost", 80});
  CHECK(parse_endpoint("[::1]:1444") == treadmill::endpoint{"::1", 1444});
  CHECK(parse_endpoint("tcp://[fe80::1%eth0]:1445", "tcp://") ==
        treadmill::endpoint{"fe80::1%eth0", 1445});
  CHECK(parse_endpoint("0.0.0.0:0")->port == 0);
  CHECK(to_string(treadmill::endpoint{"::1", 1444}) == "[::1]:1444");
  CHECK(to_string(treadmill::endpoint{"box", 1}) == "box:1");
  for (const char* wrong :
       {"", "box", "box:", ":80", "box:65536", "box:-1", "box:8x", "::1:80", "[::1]", "[]:80",
        "a b:1", "http://box:80", "box:80/", "box: 80", "[::1:80", "::1]:80"})
    CHECK_MESSAGE(!parse_endpoint(wrong), wrong);
}

TEST_CASE("peers come from repeated flags, from one variable, and from a list in the file") {
  using list = std::vector<std::string>;
  const list both{"tcp://box2:1445", "tcp://[::1]:9"};
  CHECK(parse({"serve", "--peer", "tcp://box2:1445", "--peer=tcp://[::1]:9"}).values.peers == both);
  CHECK(parse({"serve", "--peer", "tcp://box2:1445, tcp://[::1]:9"}).values.peers == both);
  CHECK(parse({"serve"}, {{"TREADMILL_PEERS", "tcp://box2:1445,tcp://[::1]:9"}}).values.peers ==
        both);
  const temporary_file file("peer = [\"tcp://box2:1445\", \"tcp://[::1]:9\"]\n");
  CHECK(parse({"serve", "--config", file.path.c_str()}).values.peers == both);
  CHECK(says(parse({"serve", "--peer", "box2:1445"}), "--peer: `box2:1445`: "));
  CHECK(says(parse({"serve", "--peer", "tcp://box2:1445", "--peer", "tcp://box3:0"}),
             "--peer: `tcp://box3:0`: "));
  CHECK(says(parse({"serve", "--max-peers=1", "--peer=tcp://a:1", "--peer=tcp://b:1"}),
             "--peer: 2 peers are more than --max-peers of 1"));
}

TEST_CASE("a node advertises what it is told to, or the one address where it listens") {
  const auto advertised = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "serve");
    const auto answer = parse(arguments);
    CAPTURE(answer.output);
    REQUIRE(answer.what == command_line::action::serve);
    return treadmill::advertised_uri(answer.values);
  };
  CHECK(advertised({"--advertise", "tcp://box1:1445"}) == "tcp://box1:1445");
  CHECK(advertised({"--zmq", "off", "--advertise", "tcp://box1:1445"}) == "tcp://box1:1445");
  CHECK(advertised({"--zmq", "tcp://10.0.0.7:1445"}) == "tcp://10.0.0.7:1445");
  CHECK(advertised({"--zmq", "tcp://[fd00::7]:1445"}) == "tcp://[fd00::7]:1445");
  for (const char* nobody :
       {"tcp://127.0.0.1:1445", "tcp://[::1]:1445", "tcp://localhost:1445", "tcp://0.0.0.0:1445",
        "tcp://[::]:1445", "tcp://*:1445", "tcp://10.0.0.7:0", "off"})
    CHECK_MESSAGE(advertised({"--zmq", nobody}).empty(), nobody);
  CHECK(says(parse({"serve", "--advertise", "tcp://0.0.0.0:1445"}), "--advertise: "));
  CHECK(says(parse({"serve", "--advertise", "box1:1445"}), "--advertise: `box1:1445`: "));
}

TEST_CASE("listening for peers can be switched off") {
  CHECK_FALSE(parse({"serve", "--zmq", "off"}).values.listens);
  CHECK(parse({"serve", "--zmq", "tcp://127.0.0.1:0"}).values.listens);
  CHECK(says(parse({"serve", "--zmq", "tcp://a b:1"}), "--zmq: "));
}

TEST_CASE("IPv6 reaches the HTTP server without its brackets") {
  const auto answer = parse({"serve", "--http", "[::1]:1444"});
  CHECK(answer.values.server.host == "::1");
  CHECK(answer.values.server.port == 1444);
}

TEST_CASE("sizes have binary and decimal units") {
  CHECK(parse_size("16MiB") == 16u * 1024 * 1024);
  CHECK(parse_size("16m") == 16u * 1024 * 1024);
  CHECK(parse_size("1 KiB") == 1024u);
  CHECK(parse_size("2kB") == 2000u);
  CHECK(parse_size("3GB") == 3'000'000'000u);
  CHECK(parse_size("512") == 512u);
  CHECK(parse_size("0") == 0u);
  CHECK(parse_size("17179869183GiB") == 17179869183u * (uint64_t{1} << 30));
  for (const char* wrong : {"", "MiB", "-1", "1.5MiB", "16XiB", "17179869184GiB",
                            "99999999999999999999", "1 2", "0x10"})
    CHECK_MESSAGE(!parse_size(wrong), wrong);
}

TEST_CASE("durations need a unit") {
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("10s") == 10s);
  CHECK(parse_duration("5min") == 5min);
  CHECK(parse_duration("5m") == 5min);
  CHECK(parse_duration("1h") == 1h);
  CHECK(parse_duration("0") == 0ms);
  for (const char* wrong :
       {"", "10", "s", "-1s", "1.5s", "1d", "9223372036854775807h", "18446744073709551615ms"})
    CHECK_MESSAGE(!parse_duration(wrong), wrong);
}

TEST_CASE("durability is commit or an interval") {
  CHECK(parse({"serve", "--durability", "commit"}).values.sync_interval == 0ms);
  CHECK(parse({"serve", "--durability", "interval=100ms"}).values.sync_interval == 100ms);
  for (const char* wrong :
       {"interval=0", "interval=", "interval=10", "interval=2h", "never", "interval"})
    CHECK_MESSAGE(parse({"serve", "--durability", wrong}).exit_code == 2, wrong);
}

TEST_CASE("the access log is switched by words") {
  CHECK(parse({"serve", "--access-log", "on"}).values.access_log);
  CHECK(!parse({"serve"}, {{"TREADMILL_ACCESS_LOG", "false"}}).values.access_log);
  CHECK(parse({"serve", "--access-log", "maybe"}).exit_code == 2);
}

TEST_CASE("health takes the address and what to ask for") {
  CHECK(!parse({"health"}).has("ready"));
  CHECK(parse({"health", "--ready"}).has("ready"));
  CHECK(parse({"serve", "--ready"}).exit_code == 2);
  const auto answer = parse({"health", "--http", "[::1]:99"});
  CHECK(answer.what == command_line::action::command);
  CHECK(answer.command == "health");
  CHECK(answer.values.server.port == 99);
  CHECK(parse({"health", "--max-buckets", "5"}).exit_code == 2);
}

TEST_CASE("compact and bench take a URL and say what else, with an example") {
  const auto compact = parse({"compact", "http://127.0.0.1:99", "--bucket", "b", "--json"});
  CHECK(compact.command == "compact");
  CHECK(compact.values.server.port == 99);
  CHECK(compact.given.at("bucket") == "b");
  const auto bench = parse({"bench", "--connections", "4", "--seconds", "2"});
  CHECK(bench.command == "bench");
  CHECK(bench.given.at("connections") == "4");
  CHECK(bench.given.at("seconds") == "2");
  for (const char* command : {"compact", "bench"}) {
    const auto help = parse({command, "--help"});
    CHECK(help.exit_code == 0);
    CHECK(help.output.find("Example:\n  treadmill " + std::string(command) + " http://") !=
          std::string::npos);
    CHECK(help.output.find("--json") != std::string::npos);
    CHECK(parse({command, "--bucket"}).exit_code == 2);
  }
}

TEST_CASE("verify takes a URL or a data directory, and has an example of each") {
  const auto asked = parse({"verify", "--data", "/var/lib/treadmill", "--json"});
  CHECK(asked.what == command_line::action::command);
  CHECK(asked.command == "verify");
  CHECK(asked.given.at("data") == "/var/lib/treadmill");
  CHECK(asked.has("json"));
  const auto running = parse({"verify", "http://127.0.0.1:99", "--bucket", "b"});
  CHECK(running.values.server.port == 99);
  CHECK(running.given.at("bucket") == "b");
  CHECK(!running.has("data"));
  CHECK(parse({"verify"}).what == command_line::action::command);
  CHECK(parse({"verify", "--data"}).exit_code == 2);
  const auto help = parse({"verify", "--help"});
  CHECK(help.exit_code == 0);
  CHECK(help.output.find("Examples:\n  treadmill verify http://") != std::string::npos);
  CHECK(help.output.find("\n  treadmill verify --data ") != std::string::npos);
}

TEST_CASE("status takes a URL, or the address that health takes") {
  const auto plain = parse({"status"}, {{"TREADMILL_HTTP", "127.0.0.1:99"}});
  CHECK(plain.what == command_line::action::command);
  CHECK(plain.command == "status");
  CHECK(plain.values.server.port == 99);
  CHECK(!plain.has("watch"));
  CHECK(!plain.has("json"));
  for (const char* url : {"http://[::1]:98", "http://[::1]:98/", "[::1]:98"}) {
    CAPTURE(url);
    const auto asked =
        parse({"status", url, "--watch", "--json"}, {{"TREADMILL_HTTP", "127.0.0.1:99"}});
    CHECK(asked.values.server.host == "::1");
    CHECK(asked.values.server.port == 98);
    CHECK(asked.has("watch"));
    CHECK(asked.has("json"));
  }
  for (const char* wrong : {"https://box:98", "http://box", "http://box:98/people", "box"})
    CHECK_MESSAGE(parse({"status", wrong}).exit_code == 2, wrong);
  CHECK(parse({"status", "http://a:1", "http://b:2"}).exit_code == 2);
  CHECK(parse({"status", "--max-buckets", "5"}).exit_code == 2);
  const auto help = parse({"status", "--help"});
  CHECK(help.exit_code == 0);
  CHECK(help.output.find("Example:") != std::string::npos);
}

TEST_CASE("commands on files take them in place, and say all that is missing") {
  const auto asked = parse({"import", "-", "http://[::1]:98", "--bucket", "b", "--text"});
  CHECK(asked.command == "import");
  CHECK(asked.given.at("file") == "-");
  CHECK(asked.given.at("bucket") == "b");
  CHECK(asked.has("text"));
  CHECK(!asked.has("restart"));
  CHECK(asked.values.server.port == 98);
  CHECK(parse({"backup", "dir", "--json"}).given.at("directory") == "dir");
  const auto wrong = parse({"import", "--format"});
  CHECK(wrong.exit_code == 2);
  CHECK(says(wrong, "file: is needed"));
  CHECK(says(wrong, "--bucket: is needed"));
  CHECK(says(wrong, "--format: needs a value"));
  // A URL in the place of the file would ask another node.
  CHECK(says(parse({"import", "http://127.0.0.1:98", "--bucket", "b"}), "file: is needed before"));
  CHECK(says(parse({"backup", "http://127.0.0.1:98"}), "directory: is needed before the URL"));
  for (const char* command : {"import", "export", "backup", "restore", "health"}) {
    const auto help = parse({command, "--help"});
    CHECK(help.exit_code == 0);
    std::istringstream lines(help.output);
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 100, line);
    CHECK_MESSAGE(help.output.find("Example:\n  treadmill " + std::string(command)) !=
                      std::string::npos,
                  command);
  }
}

TEST_CASE("the README's table of settings is the one of the command line") {
  const std::string readme = text_of(TREADMILL_SOURCE "/README.md");
  std::string table;
  for (const auto& one : treadmill::describe_settings()) {
    std::string value = one.value;
    for (size_t bar = value.find('|'); bar != std::string::npos; bar = value.find('|', bar + 2))
      value.insert(bar, "\\");
    const std::string initial = one.initial.empty()  ? ""
                                : one.name == "name" ? one.initial
                                                     : "`" + one.initial + "`";
    const std::string row =
        "| `--" + one.name + "` " + value + " | " + initial + " | " + one.help + " |\n";
    if (readme.find(row) == std::string::npos) table += row;
  }
  CHECK_MESSAGE(table.empty(), "rows that the README lacks:\n" << table);
}

TEST_CASE("the README's table of fixed limits is what the code has") {
  namespace defaults = treadmill::defaults;
  const auto grouped = [](uint64_t number) { // 1,000
    std::string text = std::to_string(number);
    for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
    return text;
  };
  const std::string readme = text_of(TREADMILL_SOURCE "/README.md");
  const auto has = [&](const std::string& row) { return readme.find(row) != std::string::npos; };
  const auto day = treadmill::api::api_options().feed_timeout_most.count();
  CHECK(has("| a document's id | " + grouped(defaults::id_bytes) + " bytes |"));
  CHECK(has("| a bucket's name | " + grouped(defaults::name_bytes) + " bytes |"));
  CHECK(has("{0," + grouped(defaults::name_bytes - 1) + "}` |"));
  CHECK(has("| the hash of a revision | " + grouped(treadmill::revision::hash_bytes) + " bytes |"));
  CHECK(has("| edits of a branch | " + grouped(defaults::revision_number) + " |"));
  CHECK(
      has("| edits of a branch that are remembered | " + grouped(defaults::revision_depth) + " |"));
  CHECK(has("| documents of a `_bulk`, ids of a `_get` | " + grouped(defaults::list_items) + " |"));
  CHECK(has("| `limit` | " + grouped(treadmill::api::limit_most) + " |"));
  CHECK(has("| `heartbeat` and `timeout` of a feed | " + grouped(static_cast<uint64_t>(day)) +
            " ms |"));
}
