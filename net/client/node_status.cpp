#include "net/client/node_status.hpp"
#include "net/client/node_answer.hpp"
#include "net/http/error_body.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <array>
#include <cstdio>

namespace treadmill::rest {

namespace {

using http::number_of;
using http::objects_of;
using http::parse_answer;
using http::text_of;
using json = rapidjson::Value;

bool is_true(const json& from, const char* name) {
  const auto member = from.FindMember(name);
  return member != from.MemberEnd() && member->value.IsTrue();
}

// Texts
// -------------------------------------------------------------------------------------------------

std::string fixed(double number, int places) {
  std::array<char, 352> text{};
  return std::string(text.data(), static_cast<size_t>(std::snprintf(text.data(), text.size(),
                                                                    "%.*f", places, number)));
}

/// `171,075`
std::string count_text(double number) {
  std::string text = fixed(number, 0);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string size_text(double bytes) {
  constexpr std::array units{"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < units.size(); ++unit) bytes /= 1000;
  return fixed(bytes, unit > 0 && bytes < 100 ? 1 : 0) + " " + units[unit];
}

/// In the largest unit in which the time is at least 2.
std::string time_text(double seconds) {
  if (seconds < 2) return fixed(seconds * 1000, 0) + " ms";
  if (seconds < 120) return fixed(seconds, 0) + " s";
  if (seconds < 7200) return fixed(seconds / 60, 0) + " min";
  if (seconds < 172'800) return fixed(seconds / 3600, 0) + " h";
  return fixed(seconds / 86'400, 0) + " d";
}

/// Approximate terminal columns of a UTF-8 text.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

/// Text from a peer or a function must not move the cursor.
std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

/// Columns of a table; the first and the last are left-aligned, those between them right-aligned.
class text_table {
public:
  explicit text_table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) {
    for (std::string& cell : row) cell = printable(std::move(cell));
    row.front().insert(0, "  "); // indents rows below the heading
    rows_.push_back(std::move(row));
  }
  void append_to(std::string& out) const {
    std::vector<size_t> widths(rows_.front().size());
    for (const auto& row : rows_)
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    for (const auto& row : rows_) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i) {
        const std::string gap(widths[i] - width_of(row[i]), ' ');
        const bool left = i == 0 || i + 1 == row.size();
        line += (left ? row[i] + gap : gap + row[i]) + "  ";
      }
      out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
  }

private:
  std::vector<std::vector<std::string>> rows_;
};

void append_node(std::string& out, const std::string& url, const json& node) {
  out += printable(text_of(node, "name")) + "  " + url + "  version " +
         printable(text_of(node, "version")) + "  up " +
         time_text(number_of(node, "uptime_seconds")) + "  durability " +
         printable(text_of(node, "durability"));
  if (const std::string couch = text_of(node, "couch"); !couch.empty())
    out += "  couch http://" + printable(couch);
  if (!is_true(node, "writable")) out += "  TAKES NO WRITES";
  out += '\n';
  if (const std::string problem = text_of(node, "map_problem"); !problem.empty())
    out += "NO QUERIES: " + printable(problem) + '\n';
}

void append_buckets(std::string& out, const json& buckets) {
  text_table table({"buckets", "documents", "deleted", "conflicts", "sequence", "size", ""});
  for (const json* one : objects_of(buckets, "buckets"))
    table.add({text_of(*one, "name"), count_text(number_of(*one, "documents")),
               count_text(number_of(*one, "deleted")), count_text(number_of(*one, "conflicts")),
               count_text(number_of(*one, "sequence")), size_text(number_of(*one, "bytes")), ""});
  table.append_to(out);
}

/// Why there is no link, or what this node refuses from the peer.
std::string remark_on_peer(const json& peer) {
  std::string remark = text_of(peer, "reason");
  const auto add = [&](std::string_view list, std::string_view total, const std::string& what) {
    const double count = number_of(peer, std::string(total).c_str());
    if (count == 0) return;
    remark += (remark.empty() ? "" : "; ") + count_text(count) + what + ":";
    const auto names = peer.FindMember(std::string(list).c_str());
    if (names == peer.MemberEnd() || !names->value.IsArray()) return;
    for (const auto& name : names->value.GetArray())
      if (name.IsString()) remark += ' ' + std::string(name.GetString(), name.GetStringLength());
    if (names->value.Size() < count) remark += " ...";
  };
  add("refused_buckets", "refused_bucket_count", " buckets exceed --max-buckets");
  add("refused", "refused_documents", " documents above a limit here");
  return remark;
}

void append_peers(std::string& out, const json& peers) {
  text_table table({"peers", "state", "behind", "lag", "peer behind", ""});
  for (const json* one : objects_of(peers, "peers")) {
    const double behind = number_of(*one, "behind");
    table.add({text_of(*one, "name"), text_of(*one, "state"), count_text(behind),
               behind > 0 ? time_text(number_of(*one, "lag_ms") / 1000) : "-",
               count_text(number_of(*one, "peer_behind")), remark_on_peer(*one)});
  }
  table.append_to(out);
}

/// The last error of a query, or the progress of its build.
std::string remark_on(const json& query) {
  std::string remark;
  if (text_of(query, "state") == "building") {
    remark = fixed(100 * number_of(query, "progress"), 0) + " %";
    if (query.HasMember("seconds_left"))
      remark += ", " + time_text(number_of(query, "seconds_left")) + " left";
  }
  const auto last = query.FindMember("last_error");
  if (last == query.MemberEnd() || !last->value.IsObject()) return remark;
  return remark + (remark.empty() ? "" : "; ") + text_of(last->value, "id") + ": " +
         text_of(last->value, "message");
}

result<void> append_queries(std::string& out, const node_status& status) {
  text_table table({"queries", "state", "rows", "size", "errors", ""});
  for (const auto& [bucket, answer] : status.queries) {
    const auto queries = parse_answer(answer);
    if (!queries) return tl::unexpected(queries.error());
    if (const std::string code = text_of(*queries, "error"); !code.empty())
      table.add({bucket + "/_query", code, "", "", "", text_of(*queries, "reason")});
    for (const json* one : objects_of(*queries, "queries"))
      table.add({bucket + '/' + text_of(*one, "name"), text_of(*one, "state"),
                 count_text(number_of(*one, "rows")), size_text(number_of(*one, "bytes")),
                 count_text(number_of(*one, "errors")), remark_on(*one)});
  }
  if (!status.queries.empty()) table.append_to(out);
  return {};
}

} // namespace

result<node_status> read_status(http::node_client& node) {
  node_status status;
  status.url = node.url();
  const auto take = [&](std::string& into, const std::string& path) {
    return node.get(path).map([&](std::string body) { into = std::move(body); });
  };
  auto done = take(status.node, "/_system");
  if (done) done = take(status.buckets, "/_system/buckets");
  if (done) done = take(status.peers, "/_system/peers");
  if (!done) return tl::unexpected(done.error());
  const auto buckets = parse_answer(status.buckets);
  if (!buckets) return tl::unexpected(buckets.error());
  for (const json* one : objects_of(*buckets, "buckets")) {
    if (number_of(*one, "queries") == 0) continue;
    const std::string name = text_of(*one, "name");
    auto answer = node.get("/" + name + "/_query");
    if (!answer && answer.error().code == ec::not_found)
      continue; // the bucket was dropped meanwhile
    status.queries.emplace_back(name,
                                answer ? std::move(*answer) : http::error_body(answer.error()));
  }
  return status;
}

result<std::string> status_text(const node_status& status) {
  const auto node = parse_answer(status.node);
  const auto buckets = parse_answer(status.buckets);
  const auto peers = parse_answer(status.peers);
  for (const auto* one : {&node, &buckets, &peers})
    if (!*one) return tl::unexpected(one->error());
  std::string out;
  append_node(out, status.url, *node);
  append_buckets(out, *buckets);
  append_peers(out, *peers);
  if (auto done = append_queries(out, status); !done) return tl::unexpected(done.error());
  return out;
}

std::string status_json(const node_status& status) {
  std::string out = R"({"url":)";
  append_json_string(out, status.url);
  out += R"(,"node":)" + status.node + R"(,"buckets":)" + status.buckets + R"(,"peers":)" +
         status.peers + R"(,"queries":{)";
  for (const auto& [bucket, answer] : status.queries) {
    if (out.back() != '{') out += ',';
    append_json_string(out, bucket);
    out += ':' + answer;
  }
  return out + "}}\n";
}

} // namespace treadmill::rest
