#include "net/api/answer_text.hpp"
#include "net/http/error_body.hpp"
#include "net/rest/handlers.hpp"
#include "storage/documents/features.hpp"
#include "storage/documents/names.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"

namespace treadmill::rest {

namespace {

constexpr std::string_view ok_body = R"({"status":"OK"})";

void append_member(std::string& out, std::string_view name, std::string_view value) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
  out += ',';
}

void append_features(std::string& out, uint64_t features) {
  if (features == 0) return;
  out += R"(,"features":[)";
  for (const std::string_view name : feature::names_of(features)) {
    if (out.back() != '[') out += ',';
    append_json_string(out, name);
  }
  out += ']';
}

/// Appends the facts of one bucket, for its own route and for the list of all.
result<void> append_bucket(std::string& out, const store& rows, const bucket_info& bucket) {
  const auto state = rows.latest().state(bucket.number);
  if (!state) return tl::unexpected(state.error());
  out += R"({"name":)";
  append_json_string(out, bucket.name);
  api::append_fact(out, "documents", state->documents);
  api::append_fact(out, "deleted", state->deleted);
  api::append_fact(out, "conflicts", state->conflicts);
  api::append_fact(out, "sequence", state->sequence);
  out += R"(,"digest":")" + to_hex(state->digest) + '"';
  api::append_fact(out, "bytes", rows.approximate_bytes(bucket.number));
  api::append_fact(out, "queries", state->queries);
  out += R"(,"log":")" + to_hex(bucket.log_id) + '"';
  append_features(out, state->features);
  out += '}';
  return {};
}

http::response bucket_made(const std::string& name, bool created) {
  http::response answer;
  answer.body = R"({"status":"OK","name":)";
  append_json_string(answer.body, name);
  answer.body += '}';
  if (created) {
    answer.status = 201;
    answer.headers.emplace_back("Location", "/" + name);
  }
  return answer;
}

void answer_body(api::exchange& x, std::string_view body) {
  http::response answer;
  answer.body = body;
  x.answer(std::move(answer));
}

} // namespace

void make_bucket(api::exchange& x) {
  if (auto checked = check_bucket_name(x.bucket()); !checked)
    return x.answer.refuse(checked.error());
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  std::string name(x.bucket());
  x.node.backend.create_bucket(name, x.request.deadline, [to, name](result<bool> created) {
    if (!created) return to->refuse(created.error());
    (*to)(bucket_made(name, *created));
  });
}

void read_bucket(api::exchange& x) {
  const auto bucket = x.existing_bucket();
  if (!bucket) return;
  http::response answer;
  if (auto done = append_bucket(answer.body, x.node.backend.rows(), *bucket); !done)
    return x.answer.refuse(done.error());
  x.answer(std::move(answer));
}

void drop_bucket(api::exchange& x) {
  if (!x.existing_bucket()) return;
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  x.node.backend.drop_bucket(std::string(x.bucket()), x.request.deadline,
                             [to](result<void> dropped) {
                               if (!dropped) return to->refuse(dropped.error());
                               http::response answer;
                               answer.body = ok_body;
                               (*to)(std::move(answer));
                             });
}

void read_system(api::exchange& x) {
  const node_facts facts = x.node.backend.facts();
  http::response answer;
  std::string& out = answer.body;
  out += '{';
  append_member(out, "name", facts.name);
  append_member(out, "node_id", facts.node_id);
  append_member(out, "version", facts.version);
  append_member(out, "durability", facts.durability);
  out += R"("uptime_seconds":)";
  api::append_decimal(out, facts.uptime_seconds);
  api::append_fact(out, "buckets", x.node.backend.rows().buckets().size());
  api::append_fact(out, "peers", x.node.backend.peers().count());
  out += R"(,"zmq_uri":)";
  api::append_string_or_null(out, facts.zmq_uri);
  out += R"(,"couch":)";
  api::append_string_or_null(out, facts.couch);
  out += R"(,"writable":)";
  out += x.node.backend.rows().writable() ? "true" : "false";
  out += R"(,"map_problem":)";
  api::append_string_or_null(out, facts.map_problem);
  out += R"(,"limits":{"open_files":)";
  api::append_number(out, facts.open_files.open_files);
  api::append_fact(out, "connections", facts.open_files.connections);
  api::append_fact(out, "feed_clients", facts.open_files.feed_clients);
  api::append_fact(out, "peer_connections", facts.open_files.peer_connections);
  out += "}}";
  x.answer(std::move(answer));
}

void list_buckets(api::exchange& x) {
  const store& rows = x.node.backend.rows();
  http::response answer;
  answer.body = R"({"buckets":[)";
  uint64_t count = 0;
  for (const bucket_info& bucket : rows.buckets()) {
    if (count++ > 0) answer.body += ',';
    if (auto done = append_bucket(answer.body, rows, bucket); !done)
      return x.answer.refuse(done.error());
  }
  answer.body += ']';
  api::append_fact(answer.body, "count", count);
  answer.body += '}';
  x.answer(std::move(answer));
}

namespace {

/// Finds the bucket that the request names; nothing: all buckets. False: the bucket is missing, and
/// the request was answered.
bool find_asked(api::exchange& x, std::optional<uint32_t>& bucket) {
  const auto name = x.text("bucket");
  if (!name) return true;
  const auto found = x.node.backend.rows().find_bucket(*name);
  if (!found) {
    x.answer.refuse({ec::not_found, "the bucket is missing"});
    return false;
  }
  bucket = found->number;
  return true;
}

void answer_compaction(api::exchange& x, std::optional<uint32_t> bucket) {
  const store& rows = x.node.backend.rows();
  const uint64_t bytes = bucket
                             ? rows.approximate_bytes(*bucket)
                             : rows.approximate_bytes(keys::bucket_begin(0), keys::buckets_end());
  http::response answer;
  answer.body = R"({"running":)";
  answer.body += rows.compacting() ? "true" : "false";
  api::append_fact(answer.body, "bytes", bytes);
  answer.body += '}';
  x.answer(std::move(answer));
}

} // namespace

void start_compaction(api::exchange& x) {
  std::optional<uint32_t> bucket;
  if (!find_asked(x, bucket)) return;
  x.node.backend.compact(bucket);
  answer_compaction(x, bucket);
}

void read_compaction(api::exchange& x) {
  std::optional<uint32_t> bucket;
  if (find_asked(x, bucket)) answer_compaction(x, bucket);
}

void read_health(api::exchange& x) { answer_body(x, ok_body); }

void read_ready(api::exchange& x) {
  if (x.node.backend.ready()) return answer_body(x, ok_body);
  if (x.node.backend.stopping()) return x.answer.refuse({ec::shutting_down, "the node is ending"});
  auto answer = http::error_response({ec::overloaded, "the node does not take writes now"});
  if (!x.node.backend.rows().writable())
    answer.body = http::error_body(x.node.backend.rows().why_not_writable());
  x.answer(std::move(answer));
}

void read_metrics(api::exchange& x) {
  const auto server = x.node.server ? x.node.server() : http::server_counters{};
  http::response answer;
  answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
  answer.body =
      api::metrics_text(x.node.requests, x.node.backend.facts(), server, x.node.backend.rows(),
                        x.node.backend.queries(), x.node.backend.peers(), x.node.backend.ready());
  x.answer(std::move(answer));
}

void read_openapi(api::exchange& x) { answer_body(x, x.node.openapi); }

} // namespace treadmill::rest
