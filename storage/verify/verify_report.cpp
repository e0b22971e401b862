#include "storage/base/defaults.hpp"
#include "storage/base/json_string.hpp"
#include "storage/documents/names.hpp"
#include "storage/engine/keys.hpp"
#include "storage/verify/verify.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {
namespace {

/// Stored bytes, which may be damaged, as text: bytes that are not text appear in hex.
std::string printable(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  const bool text = is_utf8(bytes);
  std::string shown;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && (text || byte < 0x80)) {
      shown += c;
    } else {
      shown += "\\x";
      shown += digits[byte >> 4];
      shown += digits[byte & 0xf];
    }
  }
  return shown;
}

} // namespace

void bucket_report::add(std::string_view below, std::string_view what) {
  if (++problems_found > defaults::verify_problems) return;
  verify_problem& problem = problems.emplace_back();
  problem.where = bucket;
  if (!below.empty()) problem.where += "/" + printable(below);
  problem.what = printable(what);
}

std::string bucket_report::text() const {
  std::string out = bucket + ": " + std::to_string(counted.documents) + " documents, " +
                    std::to_string(counted.deleted) + " deleted, " +
                    std::to_string(counted.conflicts) + " with conflicts, " +
                    std::to_string(counted.sequence) + " changes, " + std::to_string(indexes) +
                    " indexes with " + std::to_string(index_rows) + " rows";
  if (mapped > 0) out += ", " + std::to_string(mapped) + " documents mapped again";
  out += ": ";
  out += whole() ? std::string("whole") : std::to_string(problems_found) + " problems";
  for (const verify_problem& problem : problems) out += "\n" + problem.where + ": " + problem.what;
  if (problems_found > problems.size())
    out += "\n" + bucket + ": and " + std::to_string(problems_found - problems.size()) + " more";
  return out += '\n';
}

std::string bucket_report::json() const {
  std::string out = R"({"bucket":)";
  append_json_string(out, bucket);
  out += R"(,"whole":)";
  out += whole() ? "true" : "false";
  for (const auto& [name, number] : {std::pair{"documents", counted.documents},
                                     {"deleted", counted.deleted},
                                     {"conflicts", counted.conflicts},
                                     {"queries", counted.queries},
                                     {"sequence", counted.sequence},
                                     {"indexes", indexes},
                                     {"index_rows", index_rows},
                                     {"mapped", mapped},
                                     {"rows", rows},
                                     {"problems_found", problems_found}})
    out += ",\"" + std::string(name) + "\":" + std::to_string(number);
  out += R"(,"digest":")" + to_hex(counted.digest) + R"(","problems":[)";
  for (const verify_problem& problem : problems) {
    out += out.back() == '[' ? R"({"where":)" : R"(,{"where":)";
    append_json_string(out, problem.where);
    out += R"(,"what":)";
    append_json_string(out, problem.what);
    out += '}';
  }
  return out += "]}";
}

result<bucket_report> verify_bucket(const read_view& snapshot, const bucket_info& bucket,
                                    const std::function<void(uint64_t rows)>& progress,
                                    const map_runner& run_map) {
  bucket_verifier check(snapshot, bucket);
  result<bool> more = true;
  while (more && *more) {
    more = check.advance();
    if (more && *more && progress) progress(check.report().rows);
  }
  if (!more) return tl::unexpected(std::move(more.error()));
  while (run_map) {
    auto part = check.next_part();
    if (!part) return tl::unexpected(std::move(part.error()));
    if (!*part) break;
    if ((*part)->documents.empty()) continue;
    const auto rows = run_map((*part)->map, (*part)->documents);
    if (rows) {
      if (auto held = check.mapped(*rows); !held) return tl::unexpected(std::move(held.error()));
    } else if (rows.error().code == ec::bad_map) {
      check.not_mapped(rows.error().reason);
    } else {
      return tl::unexpected(rows.error());
    }
  }
  return check.report();
}

result<bucket_report> verify_catalogue(const store& rows) {
  bucket_report report;
  report.bucket = "_system";
  const read_view view = rows.snapshot();
  std::string from = keys::bucket_begin(0);
  const std::string end = keys::buckets_end();
  for (bool more = true; more;) {
    std::string found;
    const auto scanned = view.scan(from, end, [&](std::string_view key, std::string_view) {
      found = key;
      return false;
    });
    if (!scanned) return tl::unexpected(scanned.error());
    more = !found.empty();
    if (!more) break;
    ++report.rows;
    const uint32_t number = keys::number_of(found);
    const auto dropped = view.read(keys::dead_bucket(number));
    if (!dropped) return tl::unexpected(dropped.error());
    if (!rows.alive(number) && !*dropped)
      report.add("", "there are rows of the bucket " + std::to_string(number) +
                         ", which is not in the catalogue");
    from = std::move(found) + '\0';
    if (number < UINT32_MAX) from = std::max(from, keys::bucket_begin(number + 1));
  }
  return report;
}

} // namespace treadmill
