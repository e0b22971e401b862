#include "net/api/answer_text.hpp"
#include "net/api/line_upload.hpp"
#include "net/rest/handlers.hpp"
#include "net/rest/import_lines.hpp"
#include "storage/base/free_text.hpp"
#include "storage/base/json_string.hpp"
#include "storage/base/text_lines.hpp"
#include "storage/documents/names.hpp"

namespace treadmill::rest {

namespace {

/// An import above the limit of a request: each batch is merged all or none. The first one that
/// fails ends it, and the answer says which lines were merged.
class import_upload final : public api::line_upload {
public:
  explicit import_upload(api::exchange& x)
      : line_upload(2 * x.node.options.limits.document_bytes), backend_(x.node.backend),
        limits_(x.node.options.limits), trees_(trees_of(x)), bucket_(x.bucket()),
        batch_time_(x.request.deadline - clock::now()), answer_(std::move(x.answer)) {}

  void start(http::responder answer) override { answer_.answer_to(std::move(answer)); }

protected:
  void submit(batch lines) override;
  void finish(const error& problem) override;

private:
  /// `documents`: lines of the batch that are documents.
  void note(const batch& lines, size_t documents, const merge_answer& done);

  node_backend& backend_;
  const json_limits limits_;
  const tree_limits trees_;
  const std::string bucket_;
  const clock::duration batch_time_; ///< until each batch has to be answered
  api::reply answer_;
  // Of one thread at a time: a batch begins when the one before is done.
  size_t count_ = 0;
  std::string faulty_id_{};
};

void import_upload::submit(batch lines) {
  api::merged_lines merged(limits_, trees_);
  if (auto read = read_import_lines(lines.text, merged, lines.first_line); !read)
    return batch_done(std::move(read));
  free_text(lines.text);
  auto documents = merged.take();
  if (!documents) return batch_done(tl::unexpected(std::move(documents.error())));
  if (documents->empty()) return batch_done({});
  merge_request request;
  request.documents = std::move(*documents);
  request.limits = trees_;
  request.deadline = clock::now() + batch_time_;
  backend_.merge(bucket_, std::move(request),
                 [upload = std::static_pointer_cast<import_upload>(shared_from_this()),
                  lines = std::move(lines), count = merged.lines()](const merge_answer& done) {
                   upload->note(lines, count, done);
                 });
}

void import_upload::note(const batch& lines, size_t documents, const merge_answer& done) {
  if (done.problem.code == ec::none) {
    count_ += documents;
    return batch_done({});
  }
  faulty_id_ = done.id;
  batch_done(tl::unexpected(lines.fault(done.problem)));
}

void import_upload::finish(const error& problem) {
  std::string counted;
  api::append_number(counted += R"(,"count":)", count_);
  if (problem.code != ec::none) {
    std::string extra;
    if (!faulty_id_.empty()) append_json_string(extra += R"(,"id":)", faulty_id_);
    return answer_.refuse(problem, extra + counted);
  }
  http::response made;
  made.body = R"({"status":"OK")" + counted + '}';
  answer_(std::move(made));
}

} // namespace

result<std::unique_ptr<http::body_sink>> open_import(api::exchange& x) {
  if (auto checked = check_bucket_name(x.bucket()); !checked)
    return tl::unexpected(std::move(checked.error()));
  // An import within the limit of a request stays all or none.
  return api::sink_of(std::make_shared<import_upload>(x), false);
}

} // namespace treadmill::rest
