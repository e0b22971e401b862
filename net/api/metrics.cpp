#include "net/api/metrics.hpp"
#include "net/api/answer_text.hpp"
#include <algorithm>
#include <charconv>
#include <fstream>

namespace treadmill::api {

namespace {

constexpr std::array<std::string_view, 5> status_classes{"1xx", "2xx", "3xx", "4xx", "5xx"};

void append_seconds(std::string& out, double seconds) {
  std::array<char, 352> digits{}; // fits any double without an exponent
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), seconds, std::chars_format::fixed)
          .ptr;
  out.append(digits.data(), end);
}

double in_seconds(std::chrono::microseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  ((out += "# HELP ") += name) += ' ';
  ((out += help) += "\n# TYPE ") += name;
  ((out += ' ') += type) += '\n';
}

void sample(std::string& out, std::string_view name, std::string_view labels, uint64_t value) {
  out += name;
  if (!labels.empty()) ((out += '{') += labels) += '}';
  out += ' ';
  append_number(out, value);
  out += '\n';
}

void seconds_sample(std::string& out, std::string_view name, std::string_view labels,
                    double seconds) {
  out += name;
  if (!labels.empty()) ((out += '{') += labels) += '}';
  out += ' ';
  append_seconds(out, seconds);
  out += '\n';
}

void single(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            uint64_t value) {
  head(out, name, type, help);
  sample(out, name, {}, value);
}

/// The lines of one histogram; `counts` has one slot per bound and one for the rest.
void histogram(std::string& out, const std::string& name, const std::string& labels,
               std::span<const uint64_t> counts, double sum) {
  std::string before = labels;
  before += labels.empty() ? "le=\"" : ",le=\"";
  uint64_t below = 0;
  for (size_t slot = 0; slot <= latency_bounds.size(); ++slot) {
    if (slot < counts.size()) below += counts[slot];
    std::string bound = "+Inf";
    if (slot < latency_bounds.size()) {
      bound.clear();
      append_seconds(bound, in_seconds(latency_bounds[slot]));
    }
    bound += '"';
    sample(out, name + "_bucket", before + bound, below);
  }
  seconds_sample(out, name + "_sum", labels, sum);
  sample(out, name + "_count", labels, below);
}

void append_commits(std::string& out, const node_facts& facts) {
  single(out, "treadmill_commits_total", "counter", "Group commits.", facts.commits);
  single(out, "treadmill_committed_batches_total", "counter", "Batches in group commits.",
         facts.committed_batches);
  single(out, "treadmill_failed_commits_total", "counter", "Commits that failed.",
         facts.failed_commits);
  single(out, "treadmill_queued_writes", "gauge", "Writes accepted and not yet answered.",
         facts.queued_writes);
  single(out, "treadmill_write_bytes", "gauge", "Bytes of batches on their way to the disk.",
         facts.budgets.write_bytes);
  single(out, "treadmill_actor_restarts_total", "counter", "Actors that died and were restarted.",
         facts.restarts);
  single(out, "treadmill_peer_cuts_total", "counter", "Peers that were cut, as they broke a bound.",
         facts.cut_peers);
  head(out, "treadmill_fsync_seconds", "histogram", "Time of the fsync of a commit.");
  histogram(out, "treadmill_fsync_seconds", {}, facts.fsync_histogram, facts.fsync_seconds);
}

void append_server(std::string& out, const http::server_counters& server) {
  single(out, "treadmill_http_connections", "gauge", "Open connections, feeds included.",
         server.connections);
  single(out, "treadmill_feed_clients", "gauge", "Open feeds.", server.feed_clients);
  single(out, "treadmill_http_accepted_total", "counter", "Connections accepted.", server.accepted);
  single(out, "treadmill_http_refused_total", "counter", "Connections refused by a limit.",
         server.refused);
  single(out, "treadmill_http_bad_requests_total", "counter", "Requests refused before routing.",
         server.bad_requests);
  single(out, "treadmill_http_timeouts_total", "counter", "Connections ended by a deadline.",
         server.timeouts);
  single(out, "treadmill_http_held_bytes", "gauge",
         "Bytes of requests, of what handling them takes, and of answers that wait.",
         server.request_bytes);
}

void append_buckets(std::string& out, const store& rows) {
  auto buckets = rows.buckets();
  single(out, "treadmill_buckets", "gauge", "Buckets of the node.", buckets.size());
  buckets.resize(std::min(buckets.size(), metrics_buckets));
  struct family {
    std::string_view name;
    std::string_view help;
    uint64_t bucket_state::*member;
  };
  static constexpr std::array<family, 4> families{
      family{"treadmill_documents", "Live documents.", &bucket_state::documents},
      family{"treadmill_deleted_documents", "Tombstones.", &bucket_state::deleted},
      family{"treadmill_conflicts", "Documents with conflicts.", &bucket_state::conflicts},
      family{"treadmill_sequence", "Last sequence of the activity.", &bucket_state::sequence}};
  std::vector<bucket_state> states;
  states.reserve(buckets.size());
  const read_view view = rows.latest();
  for (const bucket_info& bucket : buckets)
    states.push_back(view.state(bucket.number).value_or(bucket_state{}));
  for (const family& one : families) {
    head(out, one.name, "gauge", one.help);
    for (size_t i = 0; i < buckets.size(); ++i) // a bucket's name needs no escapes
      sample(out, one.name, "bucket=\"" + buckets[i].name + '"', states[i].*one.member);
  }
}

/// Escapes a label's value that comes from settings or from outside the node.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

/// The sample values of one query.
struct query_sample {
  std::string labels;
  uint64_t rows = 0;
  uint64_t sequence = 0;
  uint64_t behind = 0; ///< entries of the activity that its index has not seen
  uint64_t suspended = 0;
};

std::vector<query_sample> query_samples(const store& rows, const query_board& queries) {
  std::vector<query_sample> samples;
  auto buckets = rows.buckets();
  buckets.resize(std::min(buckets.size(), metrics_buckets));
  for (const bucket_info& bucket : buckets) {
    // Read the queries first, so that they are not ahead of the bucket's sequence.
    const auto shown = queries.all(bucket.number);
    if (shown.empty()) continue;
    const uint64_t last = rows.latest().state(bucket.number).value_or(bucket_state{}).sequence;
    for (const auto& query : shown) {
      if (samples.size() == metrics_queries) return samples;
      const uint64_t seen = std::min(query->state.position, last);
      samples.push_back({"bucket=\"" + bucket.name + "\",query=\"" + escaped(query->name) + '"',
                         query->state.rows, query->state.sequence, last - seen,
                         query->phase == query_phase::suspended ? 1U : 0U});
    }
  }
  return samples;
}

void append_queries(std::string& out, const store& rows, const query_board& queries,
                    const budget_use& budgets) {
  single(out, "treadmill_query_row_slots", "gauge",
         "Places for rows of queries that wait in memory.", budgets.row_slots);
  single(out, "treadmill_query_row_slots_taken", "gauge", "Of those, the ones that are taken.",
         budgets.row_slots_taken);
  single(out, "treadmill_query_trials", "gauge", "Trials of maps that run or wait.",
         budgets.trials);
  struct family {
    std::string_view name;
    std::string_view help;
    uint64_t query_sample::*member;
  };
  static constexpr std::array<family, 4> families{
      family{"treadmill_query_rows", "Rows of the index.", &query_sample::rows},
      family{"treadmill_query_sequence", "Sequence that the index covers.",
             &query_sample::sequence},
      family{"treadmill_query_behind", "Entries that the index has not seen.",
             &query_sample::behind},
      family{"treadmill_query_suspended", "1 where it takes in nothing and answers why.",
             &query_sample::suspended}};
  const auto samples = query_samples(rows, queries);
  for (const family& one : families) {
    head(out, one.name, "gauge", one.help);
    for (const query_sample& query : samples)
      sample(out, one.name, query.labels, query.*one.member);
  }
}

/// A metric whose value is a member of `Of`.
template<typename Of>
struct member_metric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  uint64_t Of::*member;
};

void append_query_workers(std::string& out, const query_worker_counts& counts) {
  using family = member_metric<query_worker_counts>;
  using counted = query_worker_counts;
  static constexpr std::array<family, 12> families{
      family{"treadmill_query_workers", "gauge", "Processes that run functions of queries.",
             &counted::workers},
      family{"treadmill_query_jobs_waiting", "gauge", "Jobs that no worker has.",
             &counted::waiting},
      family{"treadmill_query_jobs_running", "gauge", "Jobs that a worker has.", &counted::working},
      family{"treadmill_query_workers_started_total", "counter", "Workers that were started.",
             &counted::started},
      family{"treadmill_query_workers_failed_total", "counter", "Workers that could not start.",
             &counted::failed_starts},
      family{"treadmill_query_workers_killed_total", "counter",
             "Workers that the node killed: no answer in time, or a bad one.", &counted::killed},
      family{"treadmill_query_workers_died_total", "counter",
             "Workers that ended in any other way.", &counted::died},
      family{"treadmill_query_jobs_cancelled_total", "counter", "Jobs that were cancelled.",
             &counted::cancelled},
      family{"treadmill_query_mapped_documents_total", "counter", "Documents that were mapped.",
             &counted::documents},
      family{"treadmill_query_reductions_total", "counter", "Reductions in JavaScript.",
             &counted::reductions},
      family{"treadmill_query_faults_total", "counter", "Documents and reductions that failed.",
             &counted::faults},
      family{"treadmill_query_strikes_total", "counter",
             "Of those, the ones that killed a worker or cost seconds of its time.",
             &counted::strikes}};
  for (const family& one : families) single(out, one.name, one.type, one.help, counts.*one.member);
  head(out, "treadmill_query_worker_cpu_seconds_total", "counter", "CPU time of all workers.");
  seconds_sample(out, "treadmill_query_worker_cpu_seconds_total", {},
                 std::chrono::duration<double>(counts.cpu).count());
}

std::string peer_label(const shown_peer& peer) { return "peer=\"" + escaped(peer.name) + '"'; }

void append_peer_states(std::string& out, const std::vector<shown_peer>& peers) {
  head(out, "treadmill_peer_state", "gauge", "1 for the state that the link with the peer is in.");
  for (const shown_peer& peer : peers) {
    for (const link_state state : {link_state::connecting, link_state::catching_up,
                                   link_state::live, link_state::unreachable}) {
      sample(out, "treadmill_peer_state",
             peer_label(peer) + ",state=\"" + std::string(to_string(state)) + '"',
             peer.status.state == state ? 1 : 0);
    }
  }
  head(out, "treadmill_peer_lag_seconds", "gauge",
       "Since when there are entries of the peer that are not taken in.");
  for (const shown_peer& peer : peers)
    seconds_sample(out, "treadmill_peer_lag_seconds", peer_label(peer),
                   std::chrono::duration<double>(peer.status.lag).count());
}

void append_peers(std::string& out, const peer_traffic& traffic,
                  const std::vector<shown_peer>& peers) {
  using family = member_metric<link_status>;
  static constexpr std::array<family, 13> families{
      family{"treadmill_peer_sequence", "gauge", "Entries of the peer that are taken in.",
             &link_status::sequence_number},
      family{"treadmill_peer_behind", "gauge", "Entries of the peer that are not taken in yet.",
             &link_status::behind},
      family{"treadmill_peer_lacks", "gauge",
             "Entries of this node that the peer has not acknowledged.", &link_status::peer_behind},
      family{"treadmill_peer_refused_buckets", "gauge",
             "Buckets of the peer that exceed --max-buckets.", &link_status::refused_bucket_count},
      family{"treadmill_peer_held_bytes", "gauge",
             "Bytes of the peer's activity and documents that wait to be applied.",
             &link_status::held_bytes},
      family{"treadmill_peer_waited_total", "counter",
             "Frames that waited, because the peer had used up its time.", &link_status::waited},
      family{"treadmill_peer_entries_total", "counter", "Entries that came.",
             &link_status::entries_in},
      family{"treadmill_peer_documents_total", "counter", "Documents that were applied.",
             &link_status::documents_in},
      family{"treadmill_peer_fetched_total", "counter", "Documents that had to be asked for.",
             &link_status::fetched},
      family{"treadmill_peer_rejected_total", "counter", "Frames that break a rule.",
             &link_status::rejected},
      family{"treadmill_peer_refused_total", "counter",
             "Documents left out: above a limit of this node, or damaged.",
             &link_status::refused_documents},
      family{"treadmill_peer_restarts_total", "counter", "From 0: another log of the peer.",
             &link_status::restarts},
      family{"treadmill_peer_rescans_total", "counter", "From 0: digests differed at rest.",
             &link_status::rescans}};
  single(out, "treadmill_peers", "gauge", "Peers of the node.", peers.size());
  append_peer_states(out, peers);
  for (const family& one : families) {
    head(out, one.name, one.type, one.help);
    for (const shown_peer& peer : peers)
      sample(out, one.name, peer_label(peer), peer.status.*one.member);
  }
  single(out, "treadmill_peer_frames_received_total", "counter", "Frames from peers.",
         traffic.frames_in);
  single(out, "treadmill_peer_frames_sent_total", "counter", "Frames to peers.",
         traffic.frames_out);
  single(out, "treadmill_peer_bytes_received_total", "counter", "Bytes of frames from peers.",
         traffic.bytes_in);
  single(out, "treadmill_peer_bytes_sent_total", "counter", "Bytes of frames to peers.",
         traffic.bytes_out);
  single(out, "treadmill_peer_connections_cut_total", "counter",
         "Connections that held too much, or were too many.", traffic.cut_connections);
  single(out, "treadmill_peer_frames_dropped_total", "counter", "Frames that could not be sent.",
         traffic.dropped_frames);
}

void append_leveldb(std::string& out, const store& rows) {
  const auto number = [&](const std::string& name) {
    uint64_t value = 0;
    const std::string text = rows.property(name).value_or("");
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  single(out, "treadmill_leveldb_memory_bytes", "gauge", "LevelDB's memory, as it estimates it.",
         number("leveldb.approximate-memory-usage"));
  head(out, "treadmill_leveldb_files", "gauge", "LevelDB's files at each level.");
  for (int level = 0; level < 7; ++level) {
    const std::string text = std::to_string(level);
    sample(out, "treadmill_leveldb_files", "level=\"" + text + '"',
           number("leveldb.num-files-at-level" + text));
  }
  single(out, "treadmill_disk_free_bytes", "gauge", "Free space of the store's file system.",
         rows.space().free_bytes);
  single(out, "treadmill_store_writable", "gauge", "1 while the store takes writes.",
         rows.writable() ? 1 : 0);
}

void append_memory(std::string& out) {
  std::ifstream status("/proc/self/status");
  uint64_t resident = 0;
  uint64_t anonymous = 0;
  for (std::string line; std::getline(status, line);) {
    const auto kibibytes = [&](std::string_view name, uint64_t& value) {
      if (!line.starts_with(name)) return;
      const size_t digit = std::min(line.find_first_of("0123456789"), line.size());
      std::from_chars(line.data() + digit, line.data() + line.size(), value);
    };
    kibibytes("VmRSS:", resident);
    kibibytes("RssAnon:", anonymous);
  }
  single(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident * 1024);
  single(out, "treadmill_anonymous_memory_bytes", "gauge", "Resident memory that is no file's.",
         anonymous * 1024);
}

} // namespace

request_metrics::request_metrics(std::vector<std::string_view> routes,
                                 const std::vector<std::string_view>& later)
    : routes_(std::move(routes)), later_(later) {
  std::sort(later_.begin(), later_.end());
  routes_.insert(routes_.end(), later_.begin(), later_.end());
  std::sort(routes_.begin(), routes_.end());
  routes_.erase(std::unique(routes_.begin(), routes_.end()), routes_.end());
  lines_ = std::make_unique<line[]>(routes_.size() + 1);
}

void request_metrics::count(std::string_view route, int status,
                            std::chrono::microseconds duration) {
  const auto found = std::lower_bound(routes_.begin(), routes_.end(), route);
  const bool known = found != routes_.end() && *found == route;
  line& here = lines_[known ? static_cast<size_t>(found - routes_.begin()) : routes_.size()];
  const auto status_class = static_cast<size_t>(std::clamp(status / 100, 1, 5) - 1);
  const auto microseconds = static_cast<uint64_t>(std::max<int64_t>(duration.count(), 0));
  here.statuses[status_class].fetch_add(1, std::memory_order_relaxed);
  here.latencies[latency_slot(duration)].fetch_add(1, std::memory_order_relaxed);
  here.microseconds.fetch_add(microseconds, std::memory_order_relaxed);
}

void request_metrics::append_text(std::string& out) const {
  const auto label = [&](size_t i) {
    return "route=\"" + std::string(i < routes_.size() ? routes_[i] : "other") + '"';
  };
  head(out, "treadmill_http_requests_total", "counter", "Requests, by route and status class.");
  for (size_t i = 0; i <= routes_.size(); ++i)
    for (size_t status = 0; status < status_classes.size(); ++status)
      if (const uint64_t count = lines_[i].statuses[status].load(std::memory_order_relaxed))
        sample(out, "treadmill_http_requests_total",
               label(i) + ",status=\"" + std::string(status_classes[status]) + '"', count);
  head(out, "treadmill_http_request_seconds", "histogram",
       "From a request's last byte to the end of its answer.");
  for (size_t i = 0; i <= routes_.size(); ++i) {
    std::array<uint64_t, latency_bounds.size() + 1> counts{};
    for (size_t slot = 0; slot < counts.size(); ++slot)
      counts[slot] = lines_[i].latencies[slot].load(std::memory_order_relaxed);
    const bool is_later =
        i < routes_.size() && std::binary_search(later_.begin(), later_.end(), routes_[i]);
    if (is_later && std::all_of(counts.begin(), counts.end(), [](uint64_t n) { return n == 0; }))
      continue;
    const std::chrono::microseconds sum(lines_[i].microseconds.load(std::memory_order_relaxed));
    histogram(out, "treadmill_http_request_seconds", label(i), counts, in_seconds(sum));
  }
}

std::string metrics_text(const request_metrics& requests, const node_facts& facts,
                         const http::server_counters& server, const store& rows,
                         const query_board& queries, const peer_board& peers, bool ready) {
  std::string out;
  head(out, "treadmill_build_info", "gauge", "What runs here.");
  sample(out, "treadmill_build_info",
         "name=\"" + escaped(facts.name) + "\",version=\"" + escaped(facts.version) +
             "\",compiler=\"" + escaped(__VERSION__) + '"',
         1);
  head(out, "treadmill_uptime_seconds", "gauge", "Time since the start.");
  seconds_sample(out, "treadmill_uptime_seconds", {}, facts.uptime_seconds);
  single(out, "treadmill_ready", "gauge", "1 while the node takes writes.", ready ? 1 : 0);
  requests.append_text(out);
  append_server(out, server);
  append_commits(out, facts);
  append_buckets(out, rows);
  append_queries(out, rows, queries, facts.budgets);
  append_query_workers(out, facts.query_workers);
  append_peers(out, facts.peers, peers.all());
  append_leveldb(out, rows);
  append_memory(out);
  return out;
}

} // namespace treadmill::api
