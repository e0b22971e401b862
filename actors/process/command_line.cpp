#include "actors/process/command_line.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <unistd.h>

namespace treadmill {

namespace {

const std::vector<setting_description>& settings_table() {
  static const std::vector<setting_description> table = describe_settings();
  return table;
}

constexpr std::string_view general_help =
    R"(Treadmill, a light-weight JSON document database with master/master replication.

  treadmill serve [SETTINGS]           run a node
  treadmill status [URL]               show a running node's buckets, peers and queries
  treadmill import FILE [URL] --bucket B
                                       write a file's documents: JSON lines, a JSON array, CSV
  treadmill export [URL] --bucket B    print all documents of a bucket with their revisions
  treadmill backup DIRECTORY [URL]     copy all buckets of a running node
  treadmill restore DIRECTORY [URL]    bring them to a node
  treadmill verify [URL]               check everything that a node stores; a stopped one by --data
  treadmill compact [URL]              give back the space of superseded and removed documents
  treadmill bench [URL]                measure a running node from its client's side
  treadmill health [URL]               ask whether a node is alive, or ready: exit code 0 or 1
  treadmill --version                  print the version

treadmill COMMAND --help says more, with an example. A URL is http://HOST:PORT; without one it is
the node that --http or TREADMILL_HTTP names, else http://127.0.0.1:1444.

Example:
  treadmill serve --data ./data
  curl -X POST -d '{"name":"Sam"}' http://127.0.0.1:1444/people
)";

constexpr std::string_view serve_head =
    R"(Usage: treadmill serve [SETTINGS]

Runs a node until SIGTERM or SIGINT. Each setting can also come from the environment
(--max-buckets as TREADMILL_MAX_BUCKETS) or from a file of lines such as max-buckets = 50, named by
--config or TREADMILL_CONFIG. A flag beats the environment, the environment beats the file.
Defaults are in brackets.
)";

constexpr std::string_view serve_foot = R"(
A SIZE is a number with KiB, MiB or GiB (1024) or kB, MB, GB (1000); a TIME one with ms, s, min
or h.

Examples:
  treadmill serve --name box1 --data /var/lib/treadmill --http 0.0.0.0:1444
  treadmill serve --http [::1]:1444 --durability interval=100ms --log-format json
  TREADMILL_LOG_LEVEL=debug treadmill serve --config /etc/treadmill.toml

Exit codes: 0 after a clean end, 1 where the node cannot start, 2 where a setting is wrong.
)";

/// An argument of a client command. client_commands has the help texts.
struct argument {
  enum class kind : uint8_t { positional, value, flag };
  std::string name{};
  kind what = kind::flag;
  bool needed = false;
};
struct client_command {
  std::string name{};
  std::string_view help{};
  std::vector<argument> arguments{};
};

const std::vector<client_command>& client_commands() {
  using kind = argument::kind;
  static const std::vector<client_command> all{
      {"status",
       R"(Usage: treadmill status [URL] [--watch] [--json]

Shows how a running node is: its buckets, its peers and how far behind they are, its queries and
how far they are built.

  --watch                           again every two seconds, until it is interrupted
  --json                            what the node answers, as one JSON object a line

Example:
  treadmill status http://127.0.0.1:1441 --watch

Exit codes: 0, or 1 where the node does not answer, 2 where the command is wrong.
)",
       {{"url", kind::positional}, {"watch"}, {"json"}}},
      {"verify",
       R"(Usage: treadmill verify [URL] [--data DIR] [--bucket B] [--json]

Checks what a node stores, while it runs or, with --data, while it does not: revision trees, bodies
and their hashes, the activity and its chain, counts and digests, the indexes of queries against
each other, against their partial results, and against what their maps make of the documents now.
A running node goes on reading and writing meanwhile; what is checked is what it had at the
beginning. It changes nothing beyond what the start of a node repairs.

  --data DIR                        the data directory of a node that does not run
  --bucket B                        this bucket alone
  --json                            one JSON object a line: a bucket, its counts and problems

A line a bucket, then one for each of its problems (at most 100): where, and what is wrong.

Examples:
  treadmill verify http://127.0.0.1:1441
  treadmill verify --data /var/lib/treadmill

Exit codes: 0 where all is whole, 1 where there are problems, the node does not answer or the store
cannot be opened, 2 where the command is wrong.
)",
       {{"url", kind::positional}, {"data", kind::value}, {"bucket", kind::value}, {"json"}}},
      {"compact",
       R"(Usage: treadmill compact [URL] [--bucket B] [--json]

Gives back the space on disk that superseded and removed documents still take, which a node
otherwise does bit by bit as it writes. The node goes on reading and writing meanwhile. Waits until
it is done, and says how many bytes the rows took before and take after.

  --bucket B                        this bucket alone
  --json                            one JSON object: {"before","after","seconds"}

Example:
  treadmill compact http://127.0.0.1:1441 --bucket places

Exit codes: 0, or 1 where the node does not answer or has no such bucket, 2 where the command is
wrong.
)",
       {{"url", kind::positional}, {"bucket", kind::value}, {"json"}}},
      {"bench",
       R"(Usage: treadmill bench [URL] [--connections N] [--seconds S] [--json]

Measures a running node: documents of about 200 bytes that are posted one by one over one and over N
connections, each answered when it is as durable as the node's --durability says; posted 500 at a
time; and read. All in a bucket of its own, treadmill-bench-<random>, which is dropped at the end,
also after Ctrl-C, and which no peer gets, as all buckets of such names. The bench takes processor
time, too: from another machine the figures are better.

  --connections N                   1 to 1000 [16]
  --seconds S                       for each figure, 1 to 60 [3]
  --json                            one JSON object with all figures

Example:
  treadmill bench http://127.0.0.1:1441 --connections 32 --seconds 5

Exit codes: 0, or 1 where the node does not answer, 2 where the command is wrong.
)",
       {{"url", kind::positional},
        {"connections", kind::value},
        {"seconds", kind::value},
        {"json"}}},
      {"health",
       R"(Usage: treadmill health [URL] [--ready]

Asks a running node whether it is alive, for health checks.

  --ready                           whether it takes writes

Example:
  treadmill health --http 127.0.0.1:1441 --ready

Exit codes: 0, or 1 where it is not, 2 where the command is wrong.
)",
       {{"url", kind::positional}, {"ready"}}},
      {"import",
       R"(Usage: treadmill import FILE [URL] --bucket BUCKET [--format FORMAT] [--text] [--update]
                        [--restart] [--json]

Writes the documents of FILE (- is the standard input) into a bucket, made where it is missing.
FILE has a JSON document a line, or is a JSON array of documents, or CSV whose first line names the
members; or it is what treadmill export printed, which is merged with all its revisions. It is a
text in UTF-8, and may be packed by gzip or zstd; other files are refused. What cannot be taken is
told with its line (the first 20), and the others go on. Where it is interrupted, the same command
goes on from there, by the file FILE.import, if bucket, options and the file up to there are the
same; else it begins anew, and says so. A document without an id gets one made of its place and
text, so that it is written once however often the file is imported. One that is there already as it
is in FILE is no error.

  --bucket BUCKET                   where to
  --format FORMAT                   ndjson, json or csv; else it is told by the first character, and
                                    CSV by a comma in its first line or a name with .csv, but not
                                    with .ndjson, .jsonl or .json
  --text                            values of CSV are strings, also where they look like numbers
  --update                          replace documents that are there; else they are conflicts, which
                                    are left as they are and counted
  --restart                         from the beginning, whatever an earlier run did
  --json                            say at the end what was done as a JSON object

Example:
  treadmill import places.csv http://127.0.0.1:1441 --bucket places

Exit codes: 0, or 1 where a document or all were left out, 2 where the command is wrong.
)",
       {{"file", kind::positional, true},
        {"url", kind::positional},
        {"bucket", kind::value, true},
        {"format", kind::value},
        {"text"},
        {"update"},
        {"restart"},
        {"json"}}},
      {"export",
       R"(Usage: treadmill export [URL] --bucket BUCKET [--since SEQUENCE [--log LOG]] [--json]

Prints all documents of a bucket, with their revisions, conflicts and deletions, as they are at one
moment: a JSON line each, a first one that says what it is, and a last one without which it is not
whole. treadmill import reads it.

  --bucket BUCKET                   which
  --since SEQUENCE                  only what changed after it: last_seq of an earlier export's
                                    first line
  --log LOG                         with --since: the log of that line. A bucket that was made anew
                                    since has another: then nothing is printed, and the exit code
                                    is 1
  --json                            at the end, the facts of the export on the standard error

Example:
  treadmill export --bucket people > people.ndjson

Exit codes: 0, or 1 where it is not whole, 2 where the command is wrong.
)",
       {{"url", kind::positional},
        {"bucket", kind::value, true},
        {"since", kind::value},
        {"log", kind::value},
        {"json"}}},
      {"backup",
       R"(Usage: treadmill backup DIRECTORY [URL] [--json]

Copies all buckets of a running node to a directory: each as it is at one moment, with all its
revisions, conflicts, deletions and queries, as an export in a file of its own. The node goes on
working. The file backup.json is written last and makes it a backup.

  --json                            a JSON object a bucket

Example:
  treadmill backup /backups/box1-monday http://127.0.0.1:1441

Exit codes: 0, or 1 where there is no complete backup, 2 where the command is wrong.
)",
       {{"directory", kind::positional, true}, {"url", kind::positional}, {"json"}}},
      {"restore",
       R"(Usage: treadmill restore DIRECTORY [URL] [--merge] [--json]

Brings the buckets of a backup to a running node that has none of these names, and compares the
digests: equal ones prove that every revision is there. Their logs get new ids, so peers compare
what they have with it anew.

  --merge                           into buckets that are there, or to finish a restore that was
                                    interrupted; digests are not compared
  --json                            a JSON object a bucket

Example:
  treadmill restore /backups/box1-monday http://127.0.0.1:1441

Exit codes: 0, or 1 where something is missing, 2 where the command is wrong.
)",
       {{"directory", kind::positional, true}, {"url", kind::positional}, {"merge"}, {"json"}}},
  };
  return all;
}

/// One entry: the flag with its value, then its help, wrapped to 100 columns.
void append_entry(std::string& out, const std::string& flag, const std::string& help) {
  constexpr size_t column = 36;
  constexpr size_t width = 100;
  std::string line = "  " + flag;
  line.resize(std::max(line.size() + 1, column), ' ');
  if (line.size() > column) {
    out += line.substr(0, line.size() - 1) + "\n";
    line.assign(column, ' ');
  }
  for (size_t begin = 0; begin < help.size();) {
    const size_t end = std::min(help.find(' ', begin), help.size());
    if (line.size() + (end - begin) > width) {
      out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
      line.assign(column, ' ');
    }
    line += help.substr(begin, end - begin) + " ";
    begin = end + 1;
  }
  out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string serve_help() {
  std::string out(serve_head);
  std::string_view group;
  for (const setting_description& one : settings_table()) {
    if (one.group != group) out += "\n" + one.group + "\n";
    group = one.group;
    append_entry(out, "--" + one.name + " " + one.value,
                 one.help + (one.initial.empty() ? "" : " [" + one.initial + "]"));
  }
  out += "\nGeneral\n";
  append_entry(out, "--config FILE", "a file of settings: lines of name = value, # for comments");
  append_entry(out, "--help", "print this");
  append_entry(out, "--version", "print the version");
  return out += serve_foot;
}

/// TREADMILL_VERSION comes from CMakeLists.txt.
std::string version_text() { return "treadmill " + std::string(TREADMILL_VERSION) + "\n"; }

/// The source of a setting's value, as messages name it, and the value.
struct given {
  std::string source, text;
};
using given_values = std::map<std::string, given, std::less<>>;

bool is_list(const std::string& name) {
  const auto& table = settings_table();
  return std::any_of(table.begin(), table.end(), [&](const setting_description& one) {
    return one.repeats && one.name == name;
  });
}

/// Takes the flags of `app`, and reports the arguments that it did not understand.
void take_flags(const CLI::App& app, given_values& values, std::vector<std::string>& problems) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0 || option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (is_list(name)) {
      std::string all;
      for (const std::string& text : option->results()) all += (all.empty() ? "" : ",") + text;
      values[name] = {"--" + name, all};
      continue;
    }
    if (option->count() > 1)
      problems.push_back("--" + name + ": is given " + std::to_string(option->count()) + " times");
    values[name] = {"--" + name, option->results().back()};
  }
  bool after_flag = false;
  for (const std::string& extra : app.remaining()) {
    const bool flag = extra.starts_with('-');
    // A word after an unknown flag is most likely its value: report one problem, not two.
    if (flag)
      problems.push_back(extra.substr(0, extra.find('=')) + ": there is no such setting");
    else if (!after_flag)
      problems.push_back("`" + extra + "`: is not a setting; settings begin with --");
    after_flag = flag;
  }
}

void take_environment(const environment& lookup, given_values& values) {
  const auto take = [&](const std::string& name, const std::string& variable) {
    if (values.contains(name)) return;
    // An empty variable counts as not set, because compose files pass unset ones as empty.
    if (const char* text = lookup(variable.c_str()); text && *text) values[name] = {variable, text};
  };
  take("config", "TREADMILL_CONFIG");
  for (const setting_description& one : settings_table()) take(one.name, one.environment);
}

void take_file(given_values& values, std::vector<std::string>& problems) {
  const auto config = values.find("config");
  if (config == values.end()) return;
  const std::string file = config->second.text;
  std::vector<CLI::ConfigItem> items;
  try {
    // A directory can be opened like a file and reads as empty.
    if (std::filesystem::is_directory(file)) throw CLI::FileError::Missing(file);
    items = CLI::ConfigTOML().from_file(file);
  } catch (const std::exception&) {
    problems.push_back(config->second.source + ": the file `" + file + "` cannot be read");
    return;
  }
  for (const CLI::ConfigItem& item : items) {
    if (item.name == "++" || item.name == "--") continue; // begin and end of a section
    const auto known = [&](const setting_description& one) {
      return one.name == item.name && item.parents.empty();
    };
    if (std::none_of(settings_table().begin(), settings_table().end(), known)) {
      problems.push_back(file + ": " + item.fullname() + ": there is no such setting");
    } else if (!values.contains(item.name)) {
      std::string text;
      for (const std::string& input : item.inputs) text += (text.empty() ? "" : ",") + input;
      values[item.name] = {file + ": " + item.name, text};
    }
  }
}

void apply(const given_values& values, settings& all, std::vector<std::string>& problems) {
  for (const setting_description& one : settings_table()) {
    const auto value = values.find(one.name);
    if (value == values.end()) continue;
    const auto& [source, text] = value->second;
    if (const auto done = assign(all, one.name, text); !done)
      problems.push_back(
          source + ": " +
          (text.empty() ? "needs a value" : "`" + text + "` " + done.error().reason));
  }
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != 0 ? name : "treadmill";
}

/// Adds an option that keeps its value as plain text. It accepts 0 values, so that `apply` reports
/// a missing value with all other problems, instead of the parser throwing at once.
CLI::Option* add_text(CLI::App& command, const std::string& name) {
  return command.add_option(name, [](const CLI::results_t&) { return true; });
}
void add_flag_with_value(CLI::App& command, const std::string& name) {
  add_text(command, "--" + name)
      ->expected(0, 1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

/// Adds a command and its flags. Values stay plain text: `apply` reads them and reports all
/// problems together.
CLI::App* add_command(CLI::App& app, const std::string& name,
                      const std::function<bool(const setting_description&)>& takes) {
  CLI::App* command = app.add_subcommand(name);
  command->allow_extras();
  command->allow_windows_style_options(false);
  for (const setting_description& one : settings_table())
    if (takes(one)) add_flag_with_value(*command, one.name);
  add_flag_with_value(*command, "config");
  command->set_help_flag("--help,-h");
  command->add_flag("--version");
  return command;
}

command_line leave(int exit_code, std::string output) {
  command_line out;
  out.exit_code = exit_code;
  out.output = std::move(output);
  return out;
}

/// Takes the node's address from a URL instead of --http.
void take_url(const std::string& url, given_values& values, std::vector<std::string>& problems) {
  std::string at = url;
  if (at.starts_with("http://")) at.erase(0, 7);
  if (at.ends_with('/')) at.pop_back();
  if (const auto read = parse_endpoint(at); !read) {
    problems.push_back("`" + url + "` is not the URL of a node: http://HOST:PORT is needed");
  } else {
    values["http"] = {"URL", std::move(at)};
  }
}

command_line report(const std::string& command, const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems) text += "treadmill: " + problem + "\n";
  return leave(2, text + "Try: treadmill " + command + (command.empty() ? "" : " ") + "--help\n");
}

/// A client command with its parser.
struct added_command {
  const client_command* form = nullptr;
  CLI::App* parser = nullptr;
};

added_command add_client_command(CLI::App& app, const client_command& form) {
  CLI::App* parser = add_command(app, form.name,
                                 [](const setting_description& one) { return one.name == "http"; });
  for (const argument& one : form.arguments) {
    switch (one.what) {
    case argument::kind::flag: parser->add_flag("--" + one.name); break;
    case argument::kind::value: add_flag_with_value(*parser, one.name); break;
    case argument::kind::positional: add_text(*parser, one.name); break;
    }
  }
  return {&form, parser};
}

/// The given arguments of the command itself.
std::map<std::string, std::string> take_arguments(const added_command& asked, given_values& values,
                                                  std::vector<std::string>& problems) {
  std::map<std::string, std::string> given;
  for (const argument& one : asked.form->arguments) {
    const bool positional = one.what == argument::kind::positional;
    const std::string shown = positional ? one.name : "--" + one.name;
    const CLI::Option* option = asked.parser->get_option(shown);
    if (option->count() == 0) {
      if (one.needed) problems.push_back(shown + ": is needed");
      continue;
    }
    const std::string text = option->results().empty() ? "" : option->results().back();
    if (text.empty()) problems.push_back(shown + ": needs a value");
    if (positional && one.needed && text.starts_with("http://"))
      problems.push_back(shown + ": is needed before the URL");
    given[one.name] = text;
  }
  if (const auto url = given.find("url"); url != given.end())
    take_url(url->second, values, problems);
  return given;
}

} // namespace

command_line parse_settings(int argc, const char* const* argv, const environment& lookup) {
  CLI::App app;
  app.allow_extras();
  app.set_help_flag("--help,-h");
  app.add_flag("--version");
  const CLI::App* serve =
      add_command(app, "serve", [](const setting_description&) { return true; });
  std::vector<added_command> commands;
  for (const client_command& form : client_commands())
    commands.push_back(add_client_command(app, form));
  const auto find_asked = [&]() -> const added_command* {
    for (const added_command& one : commands)
      if (app.got_subcommand(one.parser)) return &one;
    return nullptr;
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const added_command* asked = find_asked();
    if (asked != nullptr) return leave(0, std::string(asked->form->help));
    return leave(0, app.got_subcommand(serve) ? serve_help() : std::string(general_help));
  } catch (const CLI::Error& problem) {
    return report("", {problem.what()});
  }
  const added_command* asked = find_asked();
  const CLI::App* parser = asked != nullptr ? asked->parser : serve;
  if (app.count("--version") > 0 || parser->count("--version") > 0) return leave(0, version_text());

  given_values values;
  std::vector<std::string> problems;
  take_flags(app, values, problems);
  if (asked == nullptr && !app.got_subcommand(serve)) {
    const std::vector<std::string> rest = app.remaining();
    if (!rest.empty() && !rest.front().starts_with('-'))
      return report("", {"there is no command `" + rest.front() + "`"});
    if (!problems.empty()) problems.emplace_back("a command is needed: treadmill serve");
    return problems.empty() ? leave(2, std::string(general_help)) : report("serve", problems);
  }
  take_flags(*parser, values, problems);
  command_line out;
  out.what = command_line::action::serve;
  if (asked != nullptr) {
    out.what = command_line::action::command;
    out.command = asked->form->name;
    out.given = take_arguments(*asked, values, problems);
  }
  take_environment(lookup, values);
  take_file(values, problems);
  out.values.name = host_name();
  apply(values, out.values, problems);
  for (std::string& problem : out.values.validate()) problems.push_back(std::move(problem));
  return problems.empty() ? out : report(asked != nullptr ? out.command : "serve", problems);
}

command_line parse_settings(int argc, const char* const* argv) {
  return parse_settings(argc, argv,
                        [](const char* name) -> const char* { return std::getenv(name); });
}

} // namespace treadmill
