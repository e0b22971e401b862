#include "net/client/node_verify.hpp"
#include "net/client/node_answer.hpp"
#include "net/http/url.hpp"
#include <optional>

namespace treadmill::http {
namespace {

bucket_report report_of(const rapidjson::Value& line) {
  bucket_report report;
  report.bucket = text_of(line, "bucket");
  report.counted.documents = count_of(line, "documents");
  report.counted.deleted = count_of(line, "deleted");
  report.counted.conflicts = count_of(line, "conflicts");
  report.counted.queries = count_of(line, "queries");
  report.counted.sequence = count_of(line, "sequence");
  report.rows = count_of(line, "rows");
  report.indexes = count_of(line, "indexes");
  report.index_rows = count_of(line, "index_rows");
  report.mapped = count_of(line, "mapped");
  report.problems_found = count_of(line, "problems_found");
  for (const auto* one : objects_of(line, "problems"))
    report.problems.push_back({text_of(*one, "where"), text_of(*one, "what")});
  return report;
}

result<verified_bucket> verify_one(node_client& node, const std::string& bucket,
                                   const std::function<void(const verify_progress&)>& progress) {
  std::optional<verified_bucket> report;
  std::string text; // of a line that is not complete
  const auto take = [&](const std::string& line) {
    const auto read = parse_answer(line);
    if (!read) return false;
    if (read->HasMember("whole")) {
      report = verified_bucket{report_of(*read), line};
    } else {
      progress({bucket, count_of(*read, "rows"), count_of(*read, "mapped")});
    }
    return true;
  };
  const auto read =
      node.get("/" + percent_encode(bucket) + "/_verify", [&](std::string_view piece) {
        text += piece;
        for (size_t end = 0; (end = text.find('\n')) != std::string::npos;) {
          if (!take(text.substr(0, end))) return false;
          text.erase(0, end + 1);
        }
        return true;
      });
  if (!read) return tl::unexpected(read.error());
  if (!report) return fail(ec::io_error, "the check did not come to its end");
  return std::move(*report);
}

} // namespace

result<void> verify_node(node_client& node, const std::string& bucket,
                         const std::function<void(const verified_bucket&)>& found,
                         const std::function<void(const verify_progress&)>& progress) {
  const auto names = bucket.empty() ? buckets_of(node) : std::vector<std::string>{bucket};
  if (!names) return tl::unexpected(names.error());
  for (const std::string& name : *names) {
    auto report = verify_one(node, name, progress);
    if (report) {
      found(*report);
    } else if (!bucket.empty() || report.error().code != ec::not_found) {
      return tl::unexpected(std::move(report.error()));
    }
  }
  return {};
}

} // namespace treadmill::http
