#include "net/client/export_merge.hpp"
#include "net/client/import_request.hpp"
#include "net/client/node_answer.hpp"
#include "net/http/url.hpp"
#include <optional>
#include <vector>

namespace treadmill::http {

namespace {

/// Limits of one request; far below what a node accepts.
constexpr size_t request_bytes = 1024 * 1024;
constexpr size_t request_lines = 2000;
constexpr std::string_view document_begin = R"({"id":)";
constexpr std::string_view last_begin = R"({"count":)";

std::string_view trimmed(std::string_view line) {
  while (line.ends_with('\r') || line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  return line;
}

/// The text of the id, with quotes and escapes as in the file: an export always writes an id the
/// same way.
std::string_view id_text(std::string_view line) {
  line.remove_prefix(document_begin.size());
  size_t end = 1;
  while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
  return line.substr(0, end);
}

class merger {
public:
  merger(node_client& node, const merge_options& options)
      : options_(options),
        sender_(node, "/" + percent_encode(options.bucket) + "/_import?restore=true"),
        watch_(node, options.bucket) {}

  result<merged_export> run(document_source& lines) {
    if (auto made = watch_.make(); !made) return tl::unexpected(made.error());
    source_document line;
    while (true) {
      const auto more = lines.next(line);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      if (auto taken = take(line); !taken) return tl::unexpected(taken.error());
    }
    if (auto sent = send(); !sent) return tl::unexpected(sent.error());
    if (within_) return fail(ec::corrupt, "the export does not come to its end");
    if (auto same = watch_.check(); !same) return tl::unexpected(same.error());
    return done_;
  }

private:
  result<void> refuse(uint64_t line, const error& problem) {
    if (!options_.problem)
      return fail(problem.code, "line " + std::to_string(line) + ": " + problem.reason);
    ++done_.errors;
    options_.problem(line, problem);
    return {};
  }

  result<void> take(const source_document& line) {
    const std::string_view text = trimmed(line.text);
    if (line.fault.code != ec::none) {
      ++count_;
      return refuse(line.line, line.fault);
    }
    if (text.starts_with(document_begin)) {
      ++count_;
      waiting_bytes_ += text.size();
      waiting_.push_back({line.line, std::string(text), false});
      const bool full = waiting_bytes_ >= request_bytes || waiting_.size() >= request_lines;
      return full ? send() : result<void>();
    }
    if (is_export_head(text)) {
      if (within_) return fail(ec::corrupt, "the export does not come to its end");
      within_ = true;
      count_ = 0;
      return {};
    }
    if (text.starts_with(last_begin)) {
      const auto last = parse_answer(std::string(text));
      within_ = false;
      if (last && count_of(*last, "count") == count_) return {};
      return fail(ec::corrupt, "line " + std::to_string(line.line) +
                                   ": the export does not come to its end: lines are missing");
    }
    ++count_;
    return refuse(line.line, {ec::bad_json, "it is no line of an export"});
  }

  result<void> send() {
    std::optional<std::string> last = std::exchange(last_id_, std::nullopt);
    auto sent = sender_.send(
        waiting_,
        [&](std::span<const outgoing> items, const std::string&) -> result<void> {
          sender_.rest();
          for (const outgoing& one : items) {
            const std::string_view id = id_text(one.text);
            if (last != id) ++done_.documents;
            last = id;
          }
          return {};
        },
        [&](const outgoing& one, const error& problem) { return refuse(one.line, problem); });
    if (!sent) return sent;
    last_id_ = std::move(last);
    waiting_.clear();
    waiting_bytes_ = 0;
    if (options_.progress) options_.progress(done_);
    return {};
  }

  const merge_options& options_;
  document_sender sender_;
  bucket_watch watch_;
  std::vector<outgoing> waiting_{};
  size_t waiting_bytes_ = 0;
  std::optional<std::string> last_id_{}; ///< of the last merged line
  bool within_ = true;                   ///< inside an export
  uint64_t count_ = 0;                   ///< document lines of the current export
  merged_export done_{};
};

} // namespace

bool is_export_head(std::string_view line) {
  if (!line.starts_with(R"({"bucket":")")) return false;
  for (const std::string_view member :
       {R"(","log":")", R"(","since":)", R"(,"last_seq":)", R"(,"digest":")"})
    if (line.find(member) == std::string_view::npos) return false;
  return true;
}

result<merged_export> merge_export(node_client& node, document_source& lines,
                                   const merge_options& options) {
  return merger(node, options).run(lines);
}

} // namespace treadmill::http
