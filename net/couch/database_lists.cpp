#include "net/couch/answers.hpp"
#include "net/couch/databases.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/parameters.hpp"
#include "net/couch/version.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <limits>

namespace treadmill::couch {

namespace {

constexpr size_t most_asked = 100; ///< keys of one POST

/// All databases in the order of their names.
std::vector<database> all_databases(const store& rows) {
  std::vector<database> all;
  for (bucket_info& bucket : rows.buckets())
    if (auto name = database_name(bucket.name)) all.push_back({std::move(bucket), *name});
  std::sort(all.begin(), all.end(),
            [](const database& a, const database& b) { return a.name < b.name; });
  return all;
}

struct name_range {
  std::optional<std::string> start;
  std::optional<std::string> end;
  bool inclusive_end = true;
  bool descending = false;
  uint64_t limit = std::numeric_limits<uint64_t>::max();
  uint64_t skip = 0;
};

outcome<name_range> read_range(const api::exchange& x) {
  name_range range;
  const auto start = read_key(x, "startkey", "start_key");
  if (!start) return fault(start.error());
  const auto end = read_key(x, "endkey", "end_key");
  if (!end) return fault(end.error());
  const auto inclusive = read_flag(x, "inclusive_end", true);
  if (!inclusive) return fault(inclusive.error());
  const auto descending = read_flag(x, "descending");
  if (!descending) return fault(descending.error());
  const auto limit = read_count(x, "limit");
  if (!limit) return fault(limit.error());
  const auto skip = read_count(x, "skip");
  if (!skip) return fault(skip.error());
  range.start = *start;
  range.end = *end;
  range.inclusive_end = *inclusive;
  range.descending = *descending;
  range.limit = limit->value_or(range.limit);
  range.skip = skip->value_or(0);
  return range;
}

bool is_in(const name_range& range, const std::string& name) {
  const auto before = [&](const std::string& a, const std::string& b) {
    return range.descending ? b < a : a < b;
  };
  if (range.start && before(name, *range.start)) return false;
  if (!range.end) return true;
  return range.inclusive_end ? !before(*range.end, name) : before(name, *range.end);
}

std::vector<database> listed(const store& rows, const name_range& range) {
  std::vector<database> all = all_databases(rows);
  std::erase_if(all, [&](const database& one) { return !is_in(range, one.name); });
  if (range.descending) std::reverse(all.begin(), all.end());
  all.erase(all.begin(),
            all.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(range.skip, all.size())));
  all.erase(all.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(range.limit, all.size())),
            all.end());
  return all;
}

/// Appends `{"key":…,"info":{…}}`. A database that is dropped meanwhile still has its facts.
result<void> append_info(std::string& out, const node_backend& node, const database& asked) {
  if (!out.ends_with('[')) out += ',';
  out += R"({"key":)" + quoted(asked.name) + R"(,"info":)";
  if (auto done = append_database(out, node, asked); !done) return done;
  out += '}';
  return {};
}

} // namespace

void list_databases(api::exchange& x) {
  const auto range = read_range(x);
  if (!range) return refuse(x.answer, range.error());
  std::string body = "[";
  for (const database& one : listed(x.node.backend.rows(), *range)) {
    if (body.size() > 1) body += ',';
    body += quoted(one.name);
  }
  answer_json(x.answer, body + ']');
}

void list_database_info(api::exchange& x) {
  const auto range = read_range(x);
  if (!range) return refuse(x.answer, range.error());
  std::string body = "[";
  for (const database& one : listed(x.node.backend.rows(), *range))
    if (auto done = append_info(body, x.node.backend, one); !done)
      return x.answer.refuse(done.error());
  answer_json(x.answer, body + ']');
}

void list_asked_info(api::exchange& x) {
  const auto keys = parse_string_list(x.request.body, "keys", x.node.options.limits);
  if (!keys) return x.answer.refuse(keys.error());
  if (keys->size() > most_asked)
    return refuse(x.answer, bad_request("at most " + std::to_string(most_asked) + " keys"));
  const store& rows = x.node.backend.rows();
  std::string body = "[";
  for (const std::string& key : *keys) {
    const auto name = bucket_name(key);
    const auto found = name ? rows.find_bucket(*name) : std::nullopt;
    if (!found) {
      if (body.size() > 1) body += ',';
      body += R"({"key":)" + quoted(key) + R"(,"error":"not_found"})";
    } else if (auto done = append_info(body, x.node.backend, {*found, key}); !done) {
      return x.answer.refuse(done.error());
    }
  }
  answer_json(x.answer, body + ']');
}

} // namespace treadmill::couch
