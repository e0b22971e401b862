#include "net/api/answer_text.hpp"
#include "net/node/zmq_uri.hpp"
#include "net/rest/handlers.hpp"
#include "storage/documents/names.hpp"
#include "storage/json/json.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>
#include <array>
#include <ctime>

namespace treadmill::rest {

namespace {

constexpr size_t longest_named = 64; ///< bytes of an unknown member's name that a reason quotes

void append_milliseconds(std::string& out, std::string_view name, std::chrono::milliseconds time) {
  api::append_fact(out, name, static_cast<uint64_t>(std::max<int64_t>(time.count(), 0)));
}

/// `"2026-05-01T09:30:00.123Z"`
void append_time(std::string& out, std::chrono::system_clock::time_point at) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
  const std::time_t seconds = since.count() / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  out.append(text.data(), std::strftime(text.data(), text.size(), "\"%Y-%m-%dT%H:%M:%S.", &parts));
  const std::string fraction = std::to_string(1000 + since.count() % 1000);
  (out += std::string_view(fraction).substr(1)) += "Z\"";
}

void append_bucket(std::string& out, const bucket_progress& bucket) {
  out += R"({"bucket":)";
  append_json_string(out, bucket.bucket);
  api::append_fact(out, "sequence", bucket.sequence);
  api::append_fact(out, "behind", bucket.behind);
  append_milliseconds(out, "lag_ms", bucket.lag);
  if (bucket.peer_behind) api::append_fact(out, "peer_behind", *bucket.peer_behind);
  if (!bucket.reason.empty()) {
    out += R"(,"reason":)";
    append_json_string(out, bucket.reason);
  }
  out += '}';
}

template<class List, class Append>
void append_list(std::string& out, std::string_view name, const List& list, const Append& append) {
  ((out += ",\"") += name) += "\":[";
  bool first = true;
  for (const auto& item : list) {
    if (!std::exchange(first, false)) out += ',';
    append(out, item);
  }
  out += ']';
}

void append_peer(std::string& out, const shown_peer& peer) {
  const link_status& status = peer.status;
  out += R"({"name":)";
  append_json_string(out, peer.name);
  out += R"(,"zmq_uri":)";
  api::append_string_or_null(out, peer.zmq_uri);
  out += R"(,"node_id":)";
  api::append_string_or_null(out, peer.node_id);
  out += R"(,"state":)";
  append_json_string(out, to_string(status.state));
  if (const auto& reason = peer.refusal.empty() ? status.reason : peer.refusal; !reason.empty()) {
    out += R"(,"reason":)";
    append_json_string(out, reason);
  }
  api::append_fact(out, "sequence_number", status.sequence_number);
  api::append_fact(out, "behind", status.behind);
  api::append_fact(out, "peer_behind", status.peer_behind);
  append_milliseconds(out, "lag_ms", status.lag);
  out += R"(,"last_seen":)";
  if (peer.last_seen) {
    append_time(out, *peer.last_seen);
  } else {
    out += "null";
  }
  api::append_fact(out, "restarts", status.restarts);
  api::append_fact(out, "rescans", status.rescans);
  api::append_fact(out, "rejected", status.rejected);
  append_list(out, "refused", status.refused, append_json_string);
  api::append_fact(out, "refused_documents", status.refused_documents);
  append_list(out, "refused_buckets", status.refused_buckets, append_json_string);
  api::append_fact(out, "refused_bucket_count", status.refused_bucket_count);
  api::append_fact(out, "waited", status.waited);
  api::append_fact(out, "cuts", status.cuts);
  append_list(out, "buckets", status.buckets, append_bucket);
  out += '}';
}

// The body of a POST
// -------------------------------------------------------------------------------------------------

tl::unexpected<error> bad(std::string reason) { return fail(ec::bad_request, std::move(reason)); }

/// Reads the list of buckets from its stored form.
result<void> take_buckets(std::string_view value, peer_request& asked) {
  if (value == "null") return {};
  const auto wrong = [] { return bad("buckets must be a list of names"); };
  if (value.front() != '[') return wrong();
  asked.all_buckets = false;
  json_cursor in(value);
  in.take('[');
  while (!in.take(']')) {
    std::string_view quoted;
    if (!in.take_string(quoted)) return wrong();
    std::string name;
    append_unescaped(name, quoted);
    if (auto checked = check_bucket_name(name); !checked) return checked;
    asked.buckets.push_back(std::move(name));
    in.take(',');
  }
  std::sort(asked.buckets.begin(), asked.buckets.end());
  asked.buckets.erase(std::unique(asked.buckets.begin(), asked.buckets.end()), asked.buckets.end());
  if (asked.buckets.empty()) return bad("buckets is empty: leave it out for all of them");
  return {};
}

result<void> take_member(json_cursor& in, peer_request& asked) {
  std::string_view quoted;
  std::string_view value;
  if (!in.take_string(quoted) || !in.take(':') || !in.take_value(value))
    return fail(ec::internal, "a stored form cannot be read");
  if (quoted == R"("buckets")") return take_buckets(value, asked);
  if (quoted != R"("zmq_uri")")
    return bad("a peer has the members zmq_uri and buckets, and no " +
               (quoted.size() <= longest_named ? std::string(quoted) : "other one"));
  if (value.front() != '"') return bad("zmq_uri must be a string");
  append_unescaped(asked.zmq_uri, value);
  return check_zmq_uri(asked.zmq_uri);
}

result<peer_request> read_peer_request(std::string_view body, const json_limits& limits) {
  const auto stored = stored_form(body, limits);
  if (!stored) return tl::unexpected(stored.error());
  if (stored->front() != '{') return fail(ec::not_object, "a peer must be a JSON object");
  if (stored->size() > limits.document_bytes)
    return fail(ec::too_large, "the peer is larger than the limit of a document");
  peer_request asked;
  json_cursor in(*stored);
  in.take('{');
  while (!in.take('}')) {
    if (auto taken = take_member(in, asked); !taken) return tl::unexpected(taken.error());
    in.take(',');
  }
  if (asked.zmq_uri.empty()) return bad("a peer needs the member zmq_uri: tcp://HOST:PORT");
  return asked;
}

http::response answer_added(const peer_added& added) {
  http::response answer;
  answer.body = R"({"status":"OK","name":)";
  append_json_string(answer.body, added.name);
  answer.body += R"(,"zmq_uri":)";
  append_json_string(answer.body, added.zmq_uri);
  answer.body += '}';
  switch (added.what) {
  case peer_added::how::known: break;
  case peer_added::how::made:
    answer.status = 201;
    answer.headers.emplace_back("Location", "/_system/peers/" + added.name);
    break;
  case peer_added::how::waiting: answer.status = 202; break;
  }
  return answer;
}

} // namespace

void list_peers(api::exchange& x) {
  const auto peers = x.node.backend.peers().all();
  http::response answer;
  answer.body = R"({"count":)";
  api::append_number(answer.body, peers.size());
  append_list(answer.body, "peers", peers, append_peer);
  answer.body += '}';
  x.answer(std::move(answer));
}

void read_peer(api::exchange& x) {
  for (const shown_peer& peer : x.node.backend.peers().all()) {
    if (peer.name != x.id() && peer.zmq_uri != "tcp://" + std::string(x.id())) continue;
    http::response answer;
    append_peer(answer.body, peer);
    return x.answer(std::move(answer));
  }
  x.answer.refuse({ec::not_found, "there is no such peer"});
}

void add_peer(api::exchange& x) {
  auto asked = read_peer_request(x.request.body, x.node.options.limits);
  if (!asked) return x.answer.refuse(asked.error());
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  x.node.backend.add_peer(std::move(*asked), x.request.deadline, [to](result<peer_added> added) {
    if (!added) return to->refuse(added.error());
    (*to)(answer_added(*added));
  });
}

void remove_peer(api::exchange& x) {
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  x.node.backend.remove_peer(std::string(x.id()), x.request.deadline, [to](result<void> removed) {
    if (!removed) return to->refuse(removed.error());
    http::response answer;
    answer.body = R"({"status":"OK"})";
    (*to)(std::move(answer));
  });
}

} // namespace treadmill::rest
