#include "net/import.hpp"
#include "net/backup.hpp"
#include "net/document_source.hpp"
#include "net/node_answer.hpp"
#include "storage/hash.hpp"
#include "storage/json.hpp"
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>
#include <vector>

namespace treadmill::http {

namespace {

using clock = std::chrono::steady_clock;

constexpr size_t batch_documents = 1000;
constexpr size_t batch_bytes = 1024 * 1024;
constexpr std::chrono::milliseconds between_progress(200);
constexpr std::chrono::seconds patience(60);

/// How far an import got: a line in the file beside the one that is imported.
class resume_file {
public:
  /// `key`: what is imported into what; a file of something else is not gone by.
  resume_file(const import_options& options, std::string key)
      : path_(options.file == "-" ? "" : options.file + ".import"), key_(std::move(key)) {
    if (path_.empty() || options.restart) return;
    std::ifstream file(path_);
    std::string found;
    uint64_t documents = 0;
    if (file >> documents && file.get() == ' ' && std::getline(file, found) && found == key_)
      documents_ = documents;
  }
  uint64_t documents() const { return documents_; }
  void keep(uint64_t documents) const {
    if (path_.empty()) return;
    const std::string made = path_ + ".new";
    std::ofstream(made) << documents << ' ' << key_ << '\n';
    std::rename(made.c_str(), path_.c_str());
  }
  void remove() const {
    if (!path_.empty()) std::remove(path_.c_str());
  }

private:
  std::string path_;
  std::string key_;
  uint64_t documents_ = 0;
};

struct batch_item {
  uint64_t line = 0;
  bool made_id = false;
};
struct batch {
  std::vector<batch_item> items{};
  std::string text{};
  bool uncertain = false; ///< some of it may have been written before
};

bool worth_another_try(ec code) { return code == ec::io_error || code == ec::overloaded; }

class importer {
public:
  importer(node_client& node, const import_options& options, std::istream& text, uint64_t bytes)
      : node_(node), options_(options), text_(text), bytes_(bytes),
        resume_(options, node.url() + "/" + options.bucket + " " + std::to_string(bytes)) {}

  result<import_done> run(document_source& source, source_format format) {
    source_document document;
    uint64_t at = 0;
    while (true) {
      const auto more = source.next(document);
      if (!more || !*more)
        if (auto sent = send(at); !sent) return tl::unexpected(sent.error());
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      if (at == 0 && format == source_format::ndjson && is_export_head(document.text))
        return merge_export();
      if (at == 0) begins_ = to_hex(hash_parts({std::to_string(bytes_), document.text}));
      if (at++ < resume_.documents()) {
        ++done_.skipped;
        continue;
      }
      take(document, at);
      if (batch_.items.size() >= batch_documents || batch_.text.size() >= batch_bytes)
        if (auto sent = send(at); !sent) return tl::unexpected(sent.error());
      show(source.bytes());
    }
    resume_.remove();
    done_.seconds = seconds();
    return done_;
  }

private:
  /// The rest of the lines.
  result<import_done> merge_export() {
    const auto merged = import_lines(node_, options_.bucket, text_);
    if (!merged) return tl::unexpected(merged.error());
    done_.documents = *merged;
    done_.seconds = seconds();
    return done_;
  }

  double seconds() const { return std::chrono::duration<double>(clock::now() - begin_).count(); }

  void refuse(uint64_t line, const error& problem) {
    ++done_.errors;
    if (options_.problem) options_.problem(line, problem);
  }

  /// What the node would refuse is refused here: in a request it would take the others with it.
  void take(const source_document& document, uint64_t number) {
    auto read = parse_document(document.text, true);
    if (!read) return refuse(document.line, read.error());
    const bool makes_id = !read->id && !read->rev && !read->deleted;
    if (makes_id) {
      batch_.text += R"({"id":")" + make_id(number, read->body);
      batch_.text += read->body == "{}" ? "\"}" : "\"," + read->body.substr(1);
    } else if (document.text.find('\n') == std::string::npos) {
      batch_.text += document.text;
    } else {
      batch_.text += stored_form(document.text).value();
    }
    batch_.text += '\n';
    batch_.items.push_back({document.line, makes_id});
  }

  /// As long as a UUID: of the file's beginning, the place in it, the document.
  std::string make_id(uint64_t number, std::string_view body) const {
    constexpr size_t part = 12;
    std::string place(8, '0');
    for (size_t i = place.size(); i-- > 0; number /= 16) place[i] = "0123456789abcdef"[number % 16];
    return begins_.substr(0, part) + place + to_hex(hash_parts({body})).substr(0, part);
  }

  result<void> send(uint64_t at) {
    if (batch_.items.empty()) return {};
    batch_.uncertain = batch_.uncertain || (resume_.documents() > 0 && !sent_any_);
    const auto give_up = clock::now() + patience;
    auto pause = std::chrono::milliseconds(50);
    while (true) {
      const auto answer =
          node_.post("/" + options_.bucket + (options_.update ? "/_bulk" : "/_bulk?create=true"),
                     batch_.text, "application/x-ndjson");
      if (answer) {
        if (auto counted = count(*answer); !counted) return counted;
        break;
      }
      if (!worth_another_try(answer.error().code) || clock::now() >= give_up)
        return fail(answer.error().code,
                    answer.error().reason + "; the same command goes on from there");
      batch_.uncertain = batch_.uncertain || answer.error().code == ec::io_error;
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, std::chrono::milliseconds(2000));
    }
    sent_any_ = true;
    batch_ = {};
    resume_.keep(at);
    return {};
  }

  result<void> count(const std::string& answer) {
    const auto read = parse_answer(answer);
    const rapidjson::Value* results = read ? list_of(*read, "results") : nullptr;
    if (results == nullptr || results->Size() != batch_.items.size())
      return fail(ec::internal, "the answer is not that of a node");
    for (rapidjson::SizeType i = 0; i < results->Size(); ++i) count((*results)[i], batch_.items[i]);
    return {};
  }

  void count(const rapidjson::Value& outcome, const batch_item& item) {
    const std::string word = outcome.IsObject() ? text_of(outcome, "error") : "";
    if (word.empty()) {
      ++done_.documents;
      return;
    }
    const ec code = code_named(word);
    if (code == ec::conflict && (item.made_id || batch_.uncertain)) {
      ++done_.already_there;
    } else {
      refuse(item.line, {code, text_of(outcome, "reason")});
    }
  }

  void show(uint64_t read) {
    if (!options_.progress || clock::now() < next_progress_) return;
    next_progress_ = clock::now() + between_progress;
    const double part = bytes_ == 0 ? 0 : static_cast<double>(read) / static_cast<double>(bytes_);
    options_.progress({done_, part, seconds()});
  }

  node_client& node_;
  const import_options& options_;
  std::istream& text_;
  uint64_t bytes_; ///< of the file; 0: not known
  resume_file resume_;
  clock::time_point begin_ = clock::now();
  clock::time_point next_progress_ = clock::now();
  batch batch_{};
  std::string
      begins_{}; ///< of the file, by its first document: all ids that are made begin with it
  bool sent_any_ = false;
  import_done done_{};
};

result<source_format> asked_format(const std::string& name, std::istream& text) {
  const source_format looks = format_of(text);
  if (name.empty()) return looks;
  if (name == "ndjson") return source_format::ndjson;
  if (name == "json") return source_format::json;
  if (name == "csv") return source_format::csv;
  return fail(ec::bad_request, "--format is ndjson, json or csv");
}

result<import_done> import_text(node_client& node, const import_options& options,
                                std::istream& text, uint64_t bytes) {
  const auto format = asked_format(options.format, text);
  if (!format) return tl::unexpected(format.error());
  const auto source = open_documents(text, *format, options.text_only);
  return importer(node, options, text, bytes).run(*source, *format);
}

} // namespace

result<import_done> import_file(node_client& node, const import_options& options) {
  if (options.file == "-") return import_text(node, options, std::cin, 0);
  std::error_code failure;
  const uint64_t bytes = std::filesystem::file_size(options.file, failure);
  std::ifstream file(options.file, std::ios::binary);
  if (failure || !file)
    return fail(ec::io_error, failure ? failure.message() : "it cannot be read");
  return import_text(node, options, file, bytes);
}

} // namespace treadmill::http
