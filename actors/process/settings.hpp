#pragma once
#include "actors/defaults.hpp"
#include "actors/logging.hpp"
#include "js/wire/defaults.hpp"
#include "net/http/http_server.hpp"
#include "net/replication/replication_defaults.hpp"
#include "net/transport/transport_defaults.hpp"
#include "storage/base/result.hpp"
#include "storage/json/json.hpp"
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// An address to listen at or dial: an IP address or a name, IPv6 without brackets.
struct endpoint {
  std::string host;
  uint16_t port = 0; ///< 0: any free one

  friend bool operator==(const endpoint&, const endpoint&) = default;
};

/// Reads `HOST:PORT` or `[IPV6]:PORT`. With a `scheme` (for example "tcp://"), requires that
/// prefix. Errors: bad_request, with the reason.
result<endpoint> parse_endpoint(std::string_view text, std::string_view scheme = {});
/// The text that parse_endpoint reads, without a scheme.
std::string to_string(const endpoint& where);

/// All settings of an operator. The members' defaults are those that `--help` and the
/// README show.
struct settings {
  std::string name; ///< of this node among its peers; parse_settings fills in the host name
  std::string data = "data";                     ///< folder of the store, made if missing
  endpoint zmq{"127.0.0.1", defaults::zmq_port}; ///< address that accepts connections of peers
  bool listens = true;   ///< false: this node accepts no peers, it only dials
  std::string advertise; ///< address at which others can dial this node; see advertised_uri
  std::vector<std::string> peers; ///< addresses to federate with at every start
  size_t most_peers = replication::defaults::peers;
  /// Most connections that peers make. Not a setting: derived from the limit of open files
  /// (run_node).
  size_t peer_connections = replication::defaults::incoming_connections;
  uint64_t open_files = 0; ///< that limit; not a setting either

  /// Zero: a write is fsynced before its answer (`commit`). Otherwise: written before its answer
  /// and fsynced within this time.
  std::chrono::milliseconds sync_interval{0};

  http::server_options server{.port = defaults::http_port}; ///< where REST listens, and its limits
  bool couch_listens = false;                               ///< at `couch`, for CouchDB's clients
  endpoint couch{};
  std::chrono::milliseconds feed_heartbeat = http::defaults::feed_heartbeat;
  std::chrono::milliseconds feed_timeout = http::defaults::feed_timeout;
  std::vector<std::string>
      cors_origins; ///< `scheme://host[:port]`, or one `*`; empty: no other origins

  json_limits json;
  size_t buckets = defaults::buckets;
  size_t queries = defaults::queries; ///< of a bucket
  uint64_t free_floor_bytes = defaults::free_floor_bytes;
  size_t write_buffer_bytes = defaults::write_buffer_bytes;
  size_t block_cache_bytes = defaults::block_cache_bytes;

  size_t scheduler_threads = defaults::scheduler_threads;
  size_t queued_writes = defaults::queued_writes;
  size_t queued_bytes = defaults::queued_bytes;

  size_t map_workers = 0;     ///< 0: one per core
  std::string map_executable; ///< of the workers; empty: `treadmill-map` beside this executable
  bool jitless = false;       ///< workers run without V8's compilers
  std::chrono::milliseconds map_cpu =
      js::defaults::document_cpu;               ///< of a function for one document
  size_t map_memory = js::defaults::heap_bytes; ///< V8's heap in one worker
  std::chrono::milliseconds shutdown_grace = defaults::shutdown_grace;

  log::options logging;
  bool access_log = false; ///< a line for each request

  /// All problems, one sentence each that names the setting; empty: the settings are valid.
  std::vector<std::string> validate() const;
};

/// The address that this node gives to its peers for dialling: --advertise, or the address where it
/// listens, unless that is loopback or all addresses. Empty: peers cannot dial it; it dials them.
std::string advertised_uri(const settings& all);

/// One setting as an operator sees it: `--http`, `TREADMILL_HTTP`, and `http = …` in the
/// configuration file.
struct setting_description {
  std::string name;        ///< without the dashes
  std::string environment; ///< the variable's name
  std::string value;       ///< form of the value, for example `HOST:PORT`
  std::string initial;     ///< the default as text
  std::string group;       ///< heading of `--help`
  std::string help;
  bool repeats = false; ///< a list: repeat the flag; separate by commas elsewhere
};

/// Every setting, in the order of `--help`.
std::vector<setting_description> describe_settings();

/// Reads one setting's text. Errors: bad_request, with a reason that follows the text in a message;
/// not_found (no such setting).
result<void> assign(settings& all, std::string_view name, const std::string& text);

} // namespace treadmill
