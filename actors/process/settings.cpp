#include "actors/process/settings.hpp"
#include "actors/process/setting_forms.hpp"
#include "net/node/zmq_uri.hpp"
#include <algorithm>
#include <functional>
#include <type_traits>

namespace treadmill {

namespace {

using std::chrono::milliseconds;

constexpr uint64_t kib = 1024;
constexpr uint64_t mib = 1024 * kib;
constexpr uint64_t gib = 1024 * mib;
constexpr milliseconds minute{60'000};
constexpr milliseconds hour = 60 * minute;

/// One setting. `set` reads a text into the settings, or answers a reason (messages put it after
/// the setting's name and the text). `check` validates settings, however they were made.
struct setting {
  std::string_view name, value, group, help; // as in setting_description
  std::function<result<void>(settings&, const std::string&)> set;
  std::function<std::string(const settings&)> show;
  std::function<std::string(const settings&)> check;
  bool repeats = false; ///< a comma-separated list
};

constexpr std::string_view node_group = "Node";
constexpr std::string_view peer_group = "Peers";
constexpr std::string_view limits_group = "Limits of documents";
constexpr std::string_view http_group = "Limits of HTTP";
constexpr std::string_view work_group = "Threads, queues and memory";
constexpr std::string_view query_group = "Queries";
constexpr std::string_view log_group = "Logs";

std::string out_of_range(std::string_view shown, const std::string& least,
                         const std::string& most) {
  return std::string(shown) + " is not between " + least + " and " + most;
}

/// How a numeric type is read and shown: its form, and the two functions.
template<typename T>
struct form {
  std::string_view value;
  result<T> (*parse)(std::string_view);
  std::string (*show)(T);
};
constexpr form<uint64_t> count_form{"N", parse_count, [](uint64_t n) { return std::to_string(n); }};
constexpr form<uint64_t> size_form{"SIZE", parse_size, show_size};
constexpr form<milliseconds> time_form{"TIME", parse_duration, show_duration};

/// Accessors of a limit of the HTTP server and of JSON in the settings.
template<typename T>
auto in_server(T http::server_options::*member) {
  return [member](auto& all) -> auto& { return all.server.*member; };
}
template<typename T>
auto in_json(T json_limits::*member) {
  return [member](auto& all) -> auto& { return all.json.*member; };
}

/// A number with a range. `member` accesses it in the settings: a pointer to a member, or an
/// accessor from above.
template<typename T, typename Member>
setting ranged(std::string_view name, std::string_view group, const form<T>& how, Member member,
               std::type_identity_t<T> least, std::type_identity_t<T> most, std::string_view help) {
  setting made{name, how.value, group, help, {}, {}, {}, false};
  made.set = [how, member](settings& all, const std::string& text) {
    return how.parse(text).map([&](T value) { std::invoke(member, all) = value; });
  };
  made.show = [how, member](const settings& all) { return how.show(std::invoke(member, all)); };
  made.check = [how, member, least, most](const settings& all) -> std::string {
    const T value = std::invoke(member, all);
    if (value >= least && value <= most) return {};
    return out_of_range(how.show(value), how.show(least), how.show(most));
  };
  return made;
}

result<void> set_durability(settings& all, const std::string& text) {
  constexpr std::string_view interval = "interval=";
  if (text == "commit") {
    all.sync_interval = milliseconds(0);
    return {};
  }
  if (!text.starts_with(interval))
    return fail(ec::bad_request, "is neither `commit` nor `interval=TIME`");
  return parse_duration(std::string_view(text).substr(interval.size()))
      .and_then([&](milliseconds time) -> result<void> {
        if (time <= milliseconds(0)) return fail(ec::bad_request, "needs an interval above zero");
        all.sync_interval = time;
        return {};
      });
}

std::string show_durability(const settings& all) {
  return all.sync_interval.count() == 0 ? "commit" : "interval=" + show_duration(all.sync_interval);
}

std::string check_durability(const settings& all) {
  if (all.sync_interval >= milliseconds(0) && all.sync_interval <= minute) return {};
  return out_of_range(show_durability(all), "interval=1ms", "interval=60s");
}

std::string check_name(const settings& all) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (!all.name.empty() && all.name.size() <= 64 &&
      std::all_of(all.name.begin(), all.name.end(), allowed))
    return {};
  return "`" + all.name + "` is not 1 to 64 letters, digits, `.`, `_` or `-`";
}

/// An origin as browsers send it: a scheme, a host and no path; or `*`.
bool is_origin(std::string_view text) {
  const size_t scheme = text.find("://");
  if (text == "*") return true;
  if (scheme == std::string_view::npos || scheme == 0) return false;
  const std::string_view host = text.substr(scheme + 3);
  return !host.empty() && host.find_first_of("/?#@* \"\\") == std::string_view::npos;
}

std::string check_origins(const settings& all) {
  for (const std::string& origin : all.cors_origins)
    if (!is_origin(origin))
      return "`" + origin + "` is not an origin such as https://app.example.com, nor `*`";
  return {};
}

/// The items of a comma-separated list, without the spaces around them.
std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> items;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string item = text.substr(begin, end - begin);
    item.erase(0, item.find_first_not_of(' '));
    item.erase(item.find_last_not_of(' ') + 1);
    if (!item.empty()) items.push_back(item);
    begin = end + 1;
  }
  return items;
}

std::string show_list(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ",") + item;
  return out;
}

/// A setting that is a list of texts.
setting listed(std::string_view name, std::string_view value, std::string_view group,
               std::string_view help, std::vector<std::string> settings::*member,
               std::string (*check)(const settings&)) {
  setting made{name, value, group, help, {}, {}, check, false};
  made.set = [member](settings& all, const std::string& text) -> result<void> {
    all.*member = split_list(text);
    return {};
  };
  made.show = [member](const settings& all) { return show_list(all.*member); };
  return made;
}

// Peers
// -------------------------------------------------------------------------------------------------

constexpr std::string_view tcp = "tcp://";

result<void> set_zmq(settings& all, const std::string& text) {
  all.listens = text != "off";
  if (!all.listens) return {};
  return parse_endpoint(text, tcp).map([&](const endpoint& at) { all.zmq = at; });
}

std::string listening_uri(const settings& all) { return std::string(tcp) + to_string(all.zmq); }

std::string show_zmq(const settings& all) { return all.listens ? listening_uri(all) : "off"; }

std::string check_zmq(const settings& all) {
  if (!all.listens) return {};
  if (const auto fits = check_zmq_listen(listening_uri(all)); !fits) return fits.error().reason;
  const bool same = all.zmq.port != 0 && all.zmq == endpoint{all.server.host, all.server.port};
  return same ? "is the address of --http too" : "";
}

std::string check_uri(const std::string& uri) {
  const auto fits = check_zmq_uri(uri);
  return fits ? "" : "`" + uri + "`: " + fits.error().reason;
}

std::string check_advertise(const settings& all) {
  return all.advertise.empty() ? "" : check_uri(all.advertise);
}

std::string check_peers(const settings& all) {
  for (const std::string& uri : all.peers)
    if (std::string problem = check_uri(uri); !problem.empty()) return problem;
  if (all.peers.size() <= all.most_peers) return {};
  return std::to_string(all.peers.size()) + " peers are more than --max-peers of " +
         std::to_string(all.most_peers);
}

result<void> set_couch(settings& all, const std::string& text) {
  all.couch_listens = text != "off";
  if (!all.couch_listens) return {};
  return parse_endpoint(text).map([&](const endpoint& at) { all.couch = at; });
}

std::string show_couch(const settings& all) {
  return all.couch_listens ? to_string(all.couch) : "off";
}

std::string check_couch(const settings& all) {
  if (!all.couch_listens) return {};
  if (all.couch.host.empty()) return "needs a host";
  if (all.couch.port == 0) return {};
  if (all.couch == endpoint{all.server.host, all.server.port})
    return "is the address of --http too";
  return all.listens && all.couch == all.zmq ? "is the address of --zmq too" : "";
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

template<typename T, size_t N>
result<T> parse_word(const std::string& text, const T (&words)[N]) {
  std::string known;
  for (const T word : words) {
    if (text == log::to_string(word)) return word;
    known += (known.empty() ? "" : ", ") + std::string(log::to_string(word));
  }
  return fail(ec::bad_request, "is none of " + known);
}

constexpr log::level levels[] = {log::level::trace, log::level::debug, log::level::info,
                                 log::level::warn,  log::level::error, log::level::off};
constexpr log::format formats[] = {log::format::text, log::format::json};

std::string no_check(const settings&) { return {}; }

std::vector<setting> node_settings() {
  return {
      {"name", "NAME", node_group, "name of this node among its peers",
       [](settings& all, const std::string& text) -> result<void> {
         all.name = text;
         return {};
       },
       [](const settings&) { return std::string("the host name"); }, check_name},
      {"data", "DIR", node_group, "folder of the store; made where it is missing",
       [](settings& all, const std::string& text) -> result<void> {
         all.data = text;
         return {};
       },
       [](const settings& all) { return all.data; },
       [](const settings& all) { return std::string(all.data.empty() ? "needs a folder" : ""); }},
      {"http", "HOST:PORT", node_group,
       "where REST listens; [::1]:1444 for IPv6, 0.0.0.0:1444 for all addresses, port 0 for any "
       "free one",
       [](settings& all, const std::string& text) {
         return parse_endpoint(text).map([&](const endpoint& at) {
           all.server.host = at.host;
           all.server.port = at.port;
         });
       },
       [](const settings& all) {
         return to_string(endpoint{all.server.host, all.server.port});
       },
       [](const settings& all) {
         return std::string(all.server.host.empty() ? "needs a host" : "");
       }},
      {"couch", "HOST:PORT|off", node_group,
       "where CouchDB's clients may connect, in addition to /_couch/ of --http; CouchDB's port is "
       "5984",
       set_couch, show_couch, check_couch},
      {"durability", "commit|interval=TIME", node_group,
       "when a write is answered: after its fsync, or at once with an fsync within TIME",
       set_durability, show_durability, check_durability},
      listed("cors-origins", "ORIGINS", node_group,
             "comma-separated origins whose pages may use this node from a browser; `*`: all",
             &settings::cors_origins, check_origins),
      ranged("shutdown-grace", node_group, time_form, &settings::shutdown_grace, milliseconds(0),
             minute, "how long requests may still be answered after SIGTERM or SIGINT"),
  };
}

std::vector<setting> peer_settings() {
  setting peer = listed("peer", "tcp://HOST:PORT", peer_group,
                        "a node to federate with at every start; again for each further one (in "
                        "TREADMILL_PEERS: with commas between)",
                        &settings::peers, check_peers);
  peer.repeats = true;
  return {
      {"zmq", "tcp://HOST:PORT|off", peer_group,
       "address to listen on for peers; off: this node only dials them", set_zmq, show_zmq,
       check_zmq},
      {"advertise", "tcp://HOST:PORT", peer_group,
       "where peers can dial this node; empty: where it listens, unless that is loopback or all "
       "addresses: then only this node dials",
       [](settings& all, const std::string& text) -> result<void> {
         all.advertise = text;
         return {};
       },
       [](const settings& all) { return all.advertise; }, check_advertise},
      std::move(peer),
      ranged("max-peers", peer_group, count_form, &settings::most_peers, 1, 256,
             "nodes that this one is federated with"),
  };
}

std::vector<setting> limit_settings() {
  return {
      ranged("max-document-size", limits_group, size_form, in_json(&json_limits::document_bytes),
             kib, 64 * mib, "one document, as stored"),
      ranged("max-json-depth", limits_group, count_form, in_json(&json_limits::depth), 2,
             defaults::most_json_depth, "how deep arrays and objects may nest"),
      ranged("max-buckets", limits_group, count_form, &settings::buckets, 1, 100'000,
             "buckets of this node"),
      ranged("max-queries", limits_group, count_form, &settings::queries, 1, 100'000,
             "queries of a bucket"),
      ranged("free-disk-floor", limits_group, size_form, &settings::free_floor_bytes, 0, 1024 * gib,
             "writes get 507 below it (on a small disk below 5 % of it, or 18 MiB) and what a "
             "compaction may need; 0: off"),
  };
}

std::vector<setting> http_settings() {
  constexpr milliseconds tick{10};
  return {
      ranged("max-request-size", http_group, size_form,
             in_server(&http::server_options::request_bytes), kib, gib,
             "one request's body, unless it is written while it arrives"),
      ranged("max-request-memory", http_group, size_form,
             in_server(&http::server_options::total_request_bytes), mib, 1024 * gib,
             "bodies, what handling them takes, and answers that wait to be taken"),
      ranged("max-header-size", http_group, size_form,
             in_server(&http::server_options::header_bytes), kib, mib,
             "request line and headers together"),
      ranged("max-headers", http_group, count_form, in_server(&http::server_options::header_count),
             8, 10'000, "headers of one request"),
      ranged("max-url-size", http_group, size_form, in_server(&http::server_options::target_bytes),
             128, mib, "path and query of one request"),
      ranged("max-connections", http_group, count_form,
             in_server(&http::server_options::connections), 1, 1'000'000,
             "connections at one time, feeds beside them; fewer where `ulimit -n` is low"),
      ranged("max-connections-per-address", http_group, count_form,
             in_server(&http::server_options::connections_per_address), 0, 1'000'000,
             "connections of one client address; 0: no limit"),
      ranged("max-feed-clients", http_group, count_form,
             in_server(&http::server_options::feed_clients), 0, 1'000'000,
             "waiting readers of activity at one time"),
      ranged("max-keep-alive", http_group, count_form,
             in_server(&http::server_options::keep_alive_requests), 1, 1'000'000'000,
             "requests of one connection before it is closed"),
      ranged("header-timeout", http_group, time_form,
             in_server(&http::server_options::header_timeout), tick, hour,
             "from the first byte of a request to the end of its headers"),
      ranged("body-timeout", http_group, time_form, in_server(&http::server_options::body_timeout),
             tick, hour, "for a body that comes slower than --min-body-rate"),
      ranged("min-body-rate", http_group, size_form, in_server(&http::server_options::body_rate), 0,
             gib, "bytes a second with which a body may take longer than --body-timeout"),
      ranged("idle-timeout", http_group, time_form, in_server(&http::server_options::idle_timeout),
             tick, 24 * hour, "between two requests of a connection"),
      ranged("send-timeout", http_group, time_form, in_server(&http::server_options::send_timeout),
             tick, hour, "an answer without progress towards its client"),
      ranged("request-timeout", http_group, time_form,
             in_server(&http::server_options::request_deadline), tick, hour,
             "from the last byte of a request to its answer"),
      ranged("feed-heartbeat", http_group, time_form, &settings::feed_heartbeat, tick, 24 * hour,
             "default of `heartbeat`: a feed sends a sign of life after so long without news"),
      ranged("feed-timeout", http_group, time_form, &settings::feed_timeout, tick, 24 * hour,
             "default of `timeout`: how long a longpoll waits"),
  };
}

std::vector<setting> work_settings() {
  return {
      ranged("http-threads", work_group, count_form, in_server(&http::server_options::threads), 1,
             256, "threads that handle requests; none waits for a client"),
      ranged("scheduler-threads", work_group, count_form, &settings::scheduler_threads, 1, 256,
             "threads that run actors"),
      ranged("write-queue", work_group, count_form, &settings::queued_writes, 1, 1'000'000,
             "write requests that wait for their commit; above it: 503"),
      ranged("write-queue-memory", work_group, size_form, &settings::queued_bytes, mib, 64 * gib,
             "documents that wait for their commit; above it: 503"),
      ranged("write-buffer", work_group, size_form, &settings::write_buffer_bytes, 64 * kib, gib,
             "LevelDB's table in memory; larger: faster bulk writes, slower start"),
      ranged("block-cache", work_group, size_form, &settings::block_cache_bytes, 0, 1024 * gib,
             "LevelDB's cache of blocks"),
  };
}

std::vector<setting> query_settings() {
  return {
      ranged("map-workers", query_group, count_form, &settings::map_workers, 0, 256,
             "processes that run map functions, from the first query on; 0: one a core"),
      ranged("map-time", query_group, time_form, &settings::map_cpu, milliseconds(10), minute,
             "CPU time of a map function for one document"),
      ranged("map-memory", query_group, size_form, &settings::map_memory, 16 * mib, gib,
             "JavaScript heap of one worker"),
      {"map-executable", "FILE", query_group,
       "the worker's executable; empty: treadmill-map beside this one",
       [](settings& all, const std::string& text) -> result<void> {
         all.map_executable = text;
         return {};
       },
       [](const settings& all) { return all.map_executable; }, no_check},
      {"jitless", "on|off", query_group,
       "map functions run interpreted: slower, smaller attack surface",
       [](settings& all, const std::string& text) {
         return parse_switch(text).map([&](bool on) { all.jitless = on; });
       },
       [](const settings& all) { return std::string(all.jitless ? "on" : "off"); }, no_check},
  };
}

std::vector<setting> log_settings() {
  return {
      {"log-level", "LEVEL", log_group, "trace, debug, info, warn, error or off",
       [](settings& all, const std::string& text) {
         return parse_word(text, levels).map([&](log::level value) { all.logging.level = value; });
       },
       [](const settings& all) { return std::string(log::to_string(all.logging.level)); },
       no_check},
      {"log-format", "text|json", log_group, "lines for people, or one JSON object a line",
       [](settings& all, const std::string& text) {
         return parse_word(text, formats).map([&](log::format value) {
           all.logging.format = value;
         });
       },
       [](const settings& all) { return std::string(log::to_string(all.logging.format)); },
       no_check},
      {"log-file", "FILE", log_group,
       "appended to, opened anew at SIGHUP and SIGUSR1; empty: stderr",
       [](settings& all, const std::string& text) -> result<void> {
         all.logging.file = text;
         return {};
       },
       [](const settings& all) { return all.logging.file; }, no_check},
      {"access-log", "on|off", log_group, "a line for each request",
       [](settings& all, const std::string& text) {
         return parse_switch(text).map([&](bool on) { all.access_log = on; });
       },
       [](const settings& all) { return std::string(all.access_log ? "on" : "off"); }, no_check},
  };
}

const std::vector<setting>& all_settings() {
  static const std::vector<setting> table = [] {
    std::vector<setting> out;
    for (auto part : {node_settings, peer_settings, limit_settings, http_settings, work_settings,
                      query_settings, log_settings})
      for (setting& one : part()) out.push_back(std::move(one));
    return out;
  }();
  return table;
}

/// The environment variable of a list has a plural name.
std::string variable_of(std::string_view name, bool repeats) {
  std::string out = "TREADMILL_";
  for (const char c : name)
    out += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return repeats ? out + 'S' : out;
}

} // namespace

std::string advertised_uri(const settings& all) {
  if (!all.advertise.empty()) return all.advertise;
  if (!all.listens || is_loopback(all.zmq.host)) return {};
  const std::string uri = listening_uri(all);
  return check_zmq_uri(uri) ? uri : std::string(); // all addresses, or port 0
}

result<endpoint> parse_endpoint(std::string_view text, std::string_view scheme) {
  const auto wrong = [&](std::string_view why) { return fail(ec::bad_request, std::string(why)); };
  if (!text.starts_with(scheme)) return wrong("does not begin with " + std::string(scheme));
  text.remove_prefix(scheme.size());
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']'))
    return wrong("has no port: HOST:PORT is needed");
  std::string_view host = text.substr(0, colon);
  const auto port = parse_count(text.substr(colon + 1));
  if (!port || *port > UINT16_MAX) return wrong("has no port between 0 and 65535");
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  if (host.empty()) return wrong("has no host: 127.0.0.1, or 0.0.0.0 for all addresses");
  if (!brackets && host.find(':') != std::string_view::npos)
    return wrong("needs brackets around IPv6: [::1]:1444");
  if (host.find_first_of("[]/ @") != std::string_view::npos) return wrong("is not HOST:PORT");
  return endpoint{std::string(host), static_cast<uint16_t>(*port)};
}

std::string to_string(const endpoint& where) {
  const bool brackets = where.host.find(':') != std::string::npos;
  return (brackets ? "[" + where.host + "]" : where.host) + ":" + std::to_string(where.port);
}

std::vector<std::string> settings::validate() const {
  std::vector<std::string> problems;
  for (const setting& each : all_settings())
    if (std::string problem = each.check(*this); !problem.empty())
      problems.push_back("--" + std::string(each.name) + ": " + problem);
  const auto fits = [&](size_t part, std::string_view flag, size_t whole, std::string_view other) {
    if (part > whole)
      problems.push_back("--" + std::string(flag) + ": " + show_size(part) +
                         " does not fit into --" + std::string(other) + " of " + show_size(whole));
  };
  fits(json.document_bytes, "max-document-size", server.request_bytes, "max-request-size");
  fits(server.request_bytes, "max-request-size", server.total_request_bytes, "max-request-memory");
  fits(server.target_bytes, "max-url-size", server.header_bytes, "max-header-size");
  return problems;
}

std::vector<setting_description> describe_settings() {
  std::vector<setting_description> out;
  const settings initial;
  for (const setting& one : all_settings())
    out.push_back({std::string(one.name), variable_of(one.name, one.repeats),
                   std::string(one.value), one.show(initial), std::string(one.group),
                   std::string(one.help), one.repeats});
  return out;
}

result<void> assign(settings& all, std::string_view name, const std::string& text) {
  for (const setting& one : all_settings())
    if (one.name == name) return one.set(all, text);
  return fail(ec::not_found, "there is no such setting");
}

} // namespace treadmill
