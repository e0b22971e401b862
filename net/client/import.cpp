#include "net/client/import.hpp"
#include "net/client/document_source.hpp"
#include "net/client/export_merge.hpp"
#include "net/client/import_request.hpp"
#include "net/client/import_resume.hpp"
#include "net/client/node_answer.hpp"
#include "net/client/text_input.hpp"
#include "net/http/url.hpp"
#include "storage/base/hash.hpp"
#include "storage/documents/revision.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <cctype>
#include <chrono>
#include <initializer_list>
#include <vector>

namespace treadmill::http {

namespace {

using clock = std::chrono::steady_clock;

constexpr size_t batch_documents = 1000;
constexpr size_t batch_bytes = 1024 * 1024;
constexpr std::chrono::milliseconds between_progress(200);

/// The highest limits that a node can be configured with; the node itself refuses what exceeds its
/// own.
json_limits widest_limits() {
  json_limits limits;
  limits.depth = defaults::most_json_depth;
  limits.document_bytes = source_options().record_bytes;
  return limits;
}

/// Whether the current revision is the one that writing this document would have made.
bool is_there_as_written(const std::string& text, const std::string& current) {
  const auto read = parse_document(text, true, widest_limits());
  if (!read || read->deleted) return false;
  revision parent;
  if (read->rev) {
    const auto named = parse_revision(*read->rev);
    if (!named) return false;
    parent = *named;
  }
  return make_revision(parent, false, read->body).text() == current;
}

class importer {
public:
  importer(node_client& node, const import_options& options, const file_source& file,
           import_position begin, const std::string& log)
      : options_(options), file_(file),
        id_size_(options.file == "-" ? 0 : file.bytes()), // makes ids depend on the size of a file
        from_(std::move(begin)), at_(from_), node_(node),
        sender_(node, "/" + percent_encode(options.bucket) +
                          (options.update ? "/_bulk" : "/_bulk?create=true")),
        watch_(node, options.bucket), resume_(resume_path(options, file)) {
    at_.documents = 0;
    at_.read = {};
    at_.log = log;
    done_.errors = from_.errors;
    sender_.set_uncertain(from_.documents > 0);
  }

  static std::string resume_path(const import_options& options, const file_source& file) {
    return file.regular() ? options.file + ".import" : "";
  }

  /// Returns empty if the file differs from that of the earlier import before the position where
  /// that one ended.
  result<std::optional<import_done>> run(document_source& source, source_format format) {
    source_document document;
    while (true) {
      const auto more = source.next(document);
      if (!more || !*more) {
        if (!skipping())
          if (auto sent = send(); !sent) return tl::unexpected(sent.error());
        if (!more) return tl::unexpected(more.error());
        break;
      }
      if (at_.documents == 0 && format == source_format::ndjson && is_export_head(document.text))
        return merge(source).map([](import_done done) { return std::optional(done); });
      count_read(document);
      if (at_.documents <= from_.documents) {
        ++done_.skipped;
        if (at_.documents == from_.documents && at_.read != from_.read) return std::nullopt;
        continue;
      }
      take(document);
      if (batch_.size() >= batch_documents || batch_size_ >= batch_bytes)
        if (auto sent = send(); !sent) return tl::unexpected(sent.error());
      show();
    }
    if (skipping()) return std::nullopt;
    resume_.remove();
    done_.empty = at_.documents == 0;
    done_.seconds = seconds();
    return done_;
  }

private:
  bool skipping() const { return at_.documents < from_.documents; }
  double seconds() const { return std::chrono::duration<double>(clock::now() - begin_).count(); }

  result<import_done> merge(document_source& source) {
    merge_options how;
    how.bucket = options_.bucket;
    how.problem = [&](uint64_t line, const error& problem) {
      if (options_.problem) options_.problem(line, problem);
    };
    how.progress = [&](const merged_export& merged) {
      done_.documents = merged.documents;
      show();
    };
    const auto merged = merge_export(node_, source, how);
    if (!merged) return tl::unexpected(merged.error());
    done_.documents = merged->documents;
    done_.errors = merged->errors;
    done_.seconds = seconds();
    resume_.remove();
    return done_;
  }

  /// Counts and hashes a document that was read.
  void count_read(const source_document& document) {
    if (at_.documents == 0 && from_.documents == 0)
      at_.id_begin = to_hex(hash_parts({std::to_string(id_size_), document.text}));
    ++at_.documents;
    at_.read = hash_parts({as_bytes(at_.read), document.text, document.fault.reason});
  }

  void refuse(uint64_t line, const error& problem) {
    ++done_.errors;
    if (options_.problem) options_.problem(line, problem);
  }

  /// Refuses documents that no node accepts: in a request they would make the node refuse the whole
  /// request.
  void take(const source_document& document) {
    if (document.fault.code != ec::none) return refuse(document.line, document.fault);
    auto read = parse_document(document.text, true, widest_limits());
    if (!read) return refuse(document.line, read.error());
    outgoing one{document.line, {}, !read->id && !read->rev && !read->deleted};
    if (one.made_id) {
      one.text = R"({"id":")" + make_id(read->body);
      one.text += read->body == "{}" ? "\"}" : "\"," + read->body.substr(1);
    } else if (document.text.find_first_of("\r\n") == std::string::npos) {
      one.text = document.text;
    } else {
      one.text = stored_form(document.text, widest_limits()).value();
    }
    batch_size_ += one.text.size();
    batch_.push_back(std::move(one));
  }

  /// As long as a UUID: a hash of the file's beginning, the position in the file, and a hash of the
  /// document.
  std::string make_id(std::string_view body) const {
    constexpr size_t part = 12;
    uint64_t number = at_.documents;
    std::string place(8, '0');
    for (size_t i = place.size(); i-- > 0; number /= 16) place[i] = "0123456789abcdef"[number % 16];
    return at_.id_begin.substr(0, part) + place + to_hex(hash_parts({body})).substr(0, part);
  }

  result<void> send() {
    if (at_.documents == from_.documents) return {};
    if (auto sent = send_batch(); !sent)
      return fail(sent.error().code,
                  sent.error().reason +
                      (resume_.there() ? "; the same command goes on from there" : ""));
    at_.errors = done_.errors;
    if (!at_.log.empty() && !resume_.keep(at_) && !std::exchange(told_, true) && options_.note)
      options_.note(resume_.path() + " cannot be written: after an interruption it begins anew");
    return {};
  }

  result<void> send_batch() {
    if (batch_.empty()) return {};
    if (auto made = patiently([this] { return make_bucket(); }); !made) return made;
    std::vector<outgoing> rest = std::exchange(batch_, {});
    batch_size_ = 0;
    while (!rest.empty()) {
      again_.clear();
      auto sent = sender_.send(
          rest,
          [&](std::span<const outgoing> items, const std::string& answer) {
            return count(items, answer);
          },
          [&](const outgoing& one, const error& problem) -> result<void> {
            refuse(one.line, problem);
            return {};
          });
      if (!sent) return sent;
      const bool some = again_.size() < rest.size();
      rest = std::exchange(again_, {});
      if (some) sender_.rest();
      if (!rest.empty() && !sender_.pause()) return tl::unexpected(last_problem_);
    }
    sender_.rest();
    sender_.set_uncertain(false);
    auto same = patiently([this] { return watch_.check(); });
    sender_.rest();
    if (!same && same.error().code == ec::conflict) resume_.remove();
    return same;
  }

  /// Repeats a step until it succeeds, or another attempt cannot help.
  template<typename Step>
  result<void> patiently(Step step) {
    while (true) {
      result<void> done = step();
      if (done || !is_for_now(done.error().code) || !sender_.pause()) return done;
    }
  }

  result<void> make_bucket() {
    if (begun_) return {};
    const auto log = watch_.make();
    if (!log) return tl::unexpected(log.error());
    if (from_.documents > 0 && *log != at_.log) return bucket_watch::made_anew(options_.bucket);
    at_.log = *log;
    begun_ = true;
    return {};
  }

  result<void> count(std::span<const outgoing> items, const std::string& answer) {
    const auto read = parse_answer(answer);
    const rapidjson::Value* results = read ? list_of(*read, "results") : nullptr;
    if (results == nullptr || results->Size() != items.size())
      return fail(ec::internal, "the answer is not that of a node");
    for (rapidjson::SizeType i = 0; i < results->Size(); ++i)
      if (auto counted = count((*results)[i], items[i]); !counted) return counted;
    return {};
  }

  result<void> count(const rapidjson::Value& outcome, const outgoing& item) {
    const std::string word = outcome.IsObject() ? text_of(outcome, "error") : "";
    if (word.empty()) {
      ++done_.documents;
      return {};
    }
    const error problem{code_named(word), text_of(outcome, "reason")};
    if (problem.code == ec::conflict) {
      const auto there = is_there(item, text_of(outcome, "rev"));
      if (!there) return tl::unexpected(there.error());
      if (*there) {
        ++done_.already_there;
      } else {
        ++done_.conflicts;
        ++done_.errors;
      }
    } else if (is_for_now(problem.code)) {
      sender_.set_uncertain(sender_.uncertain() || problem.code != ec::overloaded);
      last_problem_ = problem;
      again_.push_back(item);
    } else if (problem.code == ec::disk_full || problem.code == ec::corrupt ||
               problem.code == ec::internal) {
      return tl::unexpected(problem); // a problem of the node, not of this document
    } else {
      refuse(item.line, problem);
    }
    return {};
  }

  /// Whether the node holds the document with the content of the file. `current`: its revision. If
  /// an import of this file may have written the document, the revision does not decide, because it
  /// may continue a deleted document. Then read the content.
  result<bool> is_there(const outgoing& item, const std::string& current) {
    if (is_there_as_written(item.text, current)) return true;
    if (!item.made_id && !sender_.uncertain()) return false;
    const auto sent = parse_document(item.text, true, widest_limits());
    if (!sent || !sent->id || sent->deleted) return false;
    std::string body;
    const auto shown = patiently([&]() -> result<void> {
      auto answer =
          node_.get("/" + percent_encode(options_.bucket) + "/" + percent_encode(*sent->id));
      if (!answer) return tl::unexpected(std::move(answer.error()));
      body = std::move(*answer);
      return {};
    });
    if (!shown && shown.error().code == ec::not_found) return false; // deleted meanwhile
    if (!shown) return tl::unexpected(shown.error());
    const auto stored = parse_document(body, false, widest_limits());
    return stored && stored->body == sent->body;
  }

  void show() {
    if (!options_.progress || clock::now() < next_progress_) return;
    next_progress_ = clock::now() + between_progress;
    const double part = file_.bytes() == 0 ? 0
                                           : static_cast<double>(file_.bytes_read()) /
                                                 static_cast<double>(file_.bytes());
    options_.progress({done_, part, seconds()});
  }

  const import_options& options_;
  const file_source& file_;
  const uint64_t id_size_;
  const import_position from_; ///< the position where the earlier import ended
  import_position at_;
  node_client& node_;
  document_sender sender_;
  bucket_watch watch_;
  import_resume resume_;
  clock::time_point begin_ = clock::now();
  clock::time_point next_progress_ = clock::now();
  std::vector<outgoing> batch_{};
  size_t batch_size_ = 0;
  std::vector<outgoing> again_{}; ///< documents that the node could not accept for the moment
  error last_problem_{};
  bool begun_ = false; ///< the bucket exists
  bool told_ = false;
  import_done done_{};
};

/// Whether the file's name has one of the endings, in any case and after the ending of a
/// compression is removed.
bool is_named(std::string name, std::initializer_list<std::string_view> endings) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string_view packed : {".gz", ".zst"})
    if (name.ends_with(packed)) name.resize(name.size() - packed.size());
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

/// Refuses a text that does not look like CSV, because any text can be read as CSV.
result<void> check_csv(const std::string& file, text_window& window) {
  constexpr size_t most_looked_at = 64 * 1024;
  const auto first = [&] { return window.rest().find_first_not_of(" \t\r\n"); };
  while (window.rest().find_first_of("\r\n", first()) == std::string_view::npos &&
         window.rest().size() < most_looked_at) {
    const auto more = window.more();
    if (!more) return tl::unexpected(more.error());
    if (!*more) break;
  }
  std::string_view text = window.rest();
  const auto refuse = [](const std::string& what) {
    return fail(ec::unsupported_media_type, what);
  };
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  if (text.starts_with('<')) return refuse("it is HTML or XML");
  const std::string_view names = text.substr(0, text.find_first_of("\r\n"));
  if (names.find(',') != std::string_view::npos) return {};
  for (const auto& [c, name] : {std::pair(';', "semicolons"), std::pair('\t', "tabs")})
    if (names.find(c) != std::string_view::npos)
      return refuse(std::string("its values are separated by ") + name +
                    ": CSV has commas (--format csv takes it as one column)");
  if (is_named(file, {".csv"})) return {};
  return refuse(
      "it looks like neither JSON nor CSV: its first line has no comma (--format csv takes "
      "it as one column)");
}

/// The requested format, or the one detected from the text. A file that is named as JSON is never
/// read as CSV, even if its first line is broken.
result<source_format> asked_format(const import_options& options, text_window& text) {
  auto looks = format_of(text);
  if (!looks) return looks;
  const std::string& name = options.format;
  if (name.empty() && *looks == source_format::csv &&
      is_named(options.file, {".ndjson", ".jsonl", ".json"}))
    return source_format::ndjson;
  if (name.empty()) return looks;
  if (name == "ndjson") return source_format::ndjson;
  if (name == "json") return source_format::json;
  if (name == "csv") return source_format::csv;
  return fail(ec::bad_request, "--format is ndjson, json or csv");
}

/// The position where an import begins, and the log of the existing bucket.
struct beginning {
  import_position from{};
  std::string log{};
};

result<beginning> find_beginning(node_client& node, const import_options& options,
                                 const file_source& file, const std::string& as) {
  beginning found;
  import_position now;
  now.into = node.url() + "/" + options.bucket;
  now.as = as;
  const auto log = bucket_watch(node, options.bucket).find();
  if (!log) return tl::unexpected(log.error());
  found.log = now.log = *log;
  found.from = now;
  const import_resume resume(importer::resume_path(options, file));
  if (options.restart || !resume.there()) return found;
  const auto before = resume.find();
  const std::string_view why =
      before ? why_begin_anew(*before, now) : std::string_view("its position cannot be read");
  if (why.empty()) {
    found.from = *before;
  } else if (options.note) {
    options.note("an earlier import was interrupted, but " + std::string(why) +
                 ": this one begins anew");
  }
  return found;
}

/// Makes one pass over the file; returns empty if the file has changed since the earlier import.
result<std::optional<import_done>> import_once(node_client& node, const import_options& options) {
  const auto file = file_source::open(options.file);
  if (!file) return tl::unexpected(file.error());
  const auto unpacked = open_text(**file);
  if (!unpacked) return tl::unexpected(unpacked.error());
  text_window text(**unpacked);
  const auto format = asked_format(options, text);
  if (!format) return tl::unexpected(format.error());
  if (*format == source_format::csv && options.format.empty())
    if (auto right = check_csv(options.file, text); !right) return tl::unexpected(right.error());
  const std::string as = std::to_string(static_cast<int>(*format)) +
                         (options.text_only ? " text" : "") + (options.update ? " update" : "");
  const auto begin = find_beginning(node, options, **file, as);
  if (!begin) return tl::unexpected(begin.error());
  source_options how;
  how.text_only = options.text_only;
  const auto source = open_documents(text, *format, how);
  return importer(node, options, **file, begin->from, begin->log).run(*source, *format);
}

} // namespace

result<import_done> import_file(node_client& node, const import_options& options) {
  auto done = import_once(node, options);
  if (done && !*done) {
    if (options.note)
      options.note("an earlier import was interrupted, but the file has changed since: this one "
                   "begins anew");
    import_options anew = options;
    anew.restart = true;
    done = import_once(node, anew);
  }
  if (!done) return tl::unexpected(done.error());
  if (!*done) return fail(ec::io_error, "the file changes while it is read");
  return **done;
}

} // namespace treadmill::http
