#include "net/api/answer_text.hpp"
#include "net/api/line_upload.hpp"
#include "net/http/error_body.hpp"
#include "net/rest/bulk_items.hpp"
#include "net/rest/handlers.hpp"
#include "storage/base/free_text.hpp"
#include "storage/base/json_string.hpp"
#include "storage/documents/names.hpp"
#include "storage/json/json.hpp"

namespace treadmill::rest {

namespace {

/// The answer is one piece as long as its results do not exceed this. Beyond it begins as a stream,
/// and the client has to read while it sends. Clients that send everything first have no trouble
/// with smaller answers.
constexpr size_t held_result_bytes = 4 * 1024 * 1024;
/// Once the answer is a stream, the next batch waits while its client has this much to take.
constexpr size_t untaken_result_bytes = 256 * 1024;
/// A bulk of lines that is written batch by batch; each line as in a bulk that is not atomic.
class bulk_upload final : public api::line_upload {
public:
  explicit bulk_upload(api::exchange& x)
      : line_upload(2 * x.node.options.limits.document_bytes), backend_(x.node.backend),
        limits_(x.node.options.limits), bucket_(x.bucket()), create_(x.flag("create")),
        batch_time_(x.request.deadline - clock::now()), answer_(std::move(x.answer)) {}

  void start(http::responder answer) override { answer_.answer_to(std::move(answer)); }

  /// Appends a piece of the answer.
  http::body_stream::state next(std::string& out);

protected:
  void submit(batch lines) override;
  bool is_full() const override {
    const std::lock_guard lock(results_mutex_);
    return streams_ && untaken() > untaken_result_bytes;
  }
  size_t result_bytes() const override {
    const std::lock_guard lock(results_mutex_);
    return results_.capacity();
  }
  void finish(const error& problem) override;

private:
  std::shared_ptr<bulk_upload> self() {
    return std::static_pointer_cast<bulk_upload>(shared_from_this());
  }
  void note(const write_answer& done);
  void answer_whole(const error& problem);
  size_t untaken() const { return results_.size() - taken_; }

  node_backend& backend_;
  const json_limits limits_;
  const std::string bucket_;
  const bool create_;
  const clock::duration batch_time_; ///< until each batch has to be answered
  api::reply answer_;

  mutable std::mutex results_mutex_{};
  std::string results_{};
  size_t taken_ = 0; ///< bytes of results_ that are in the stream
  size_t count_ = 0;
  bool streams_ = false;
  bool began_ = false; ///< the stream has its first byte
  bool finished_ = false;
  error problem_{ec::none, {}};
};

/// The answer of a bulk that is not finished, or too large for one piece.
class result_stream final : public http::body_stream {
public:
  explicit result_stream(std::shared_ptr<bulk_upload> upload) : upload_(std::move(upload)) {}
  void start(const waker&) override {} // the upload wakes the connection, and with it this stream
  state next(std::string& out) override { return upload_->next(out); }

private:
  std::shared_ptr<bulk_upload> upload_;
};

void bulk_upload::submit(batch lines) {
  auto documents = parse_bulk_lines(lines.text, limits_, lines.first_line);
  free_text(lines.text);
  if (!documents) return batch_done(tl::unexpected(std::move(documents.error())));
  if (documents->empty()) return batch_done({});
  auto group = std::make_shared<write_group>();
  group->ops.reserve(documents->size());
  for (auto& document : *documents) fill_op(group->ops.emplace_back(), document, create_);
  backend_.write(bucket_, true, std::move(group), clock::now() + batch_time_,
                 [upload = self(), lines = std::move(lines)](const write_answer& done) {
                   if (done.problem.code != ec::none)
                     return upload->batch_done(tl::unexpected(lines.fault(done.problem)));
                   upload->note(done);
                   upload->batch_done({});
                 });
}

void bulk_upload::note(const write_answer& done) {
  {
    const std::lock_guard lock(results_mutex_);
    for (const write_outcome& outcome : done.outcomes) {
      if (count_++ > 0) results_ += ',';
      append_result(results_, outcome);
    }
    if (streams_ || results_.size() <= held_result_bytes) return;
    streams_ = true;
  }
  http::response made;
  made.stream = std::make_unique<result_stream>(self());
  answer_(std::move(made));
}

void bulk_upload::finish(const error& problem) {
  {
    const std::lock_guard lock(results_mutex_);
    finished_ = true;
    problem_ = problem;
    if (streams_) return; // the stream has the rest
  }
  answer_whole(problem);
}

void bulk_upload::answer_whole(const error& problem) {
  std::string counted;
  counted.reserve(results_.size() + 64);
  api::append_number(counted += R"(,"count":)", count_);
  counted += R"(,"results":[)";
  counted += std::exchange(results_, {});
  counted += ']';
  if (problem.code != ec::none)
    return count_ == 0 ? answer_.refuse(problem, counted) : answer_.refuse_rest(problem, counted);
  http::response made;
  made.body = R"({"status":"OK")" + std::move(counted) + '}';
  answer_(std::move(made));
}

http::body_stream::state bulk_upload::next(std::string& out) {
  bool was_full = false;
  bool more = false;
  {
    const std::lock_guard lock(results_mutex_);
    was_full = untaken() > untaken_result_bytes;
    if (!began_) out += R"({"results":[)";
    began_ = true;
    const auto piece = std::string_view(results_).substr(taken_, api::slice_bytes);
    out += piece;
    taken_ += piece.size();
    was_full = was_full && untaken() <= untaken_result_bytes;
    more = untaken() > 0;
    if (2 * taken_ >= results_.size()) {
      results_.erase(0, taken_);
      taken_ = 0;
      // Not the megabytes that were held before the stream began.
      if (results_.capacity() > 4 * untaken_result_bytes) results_.shrink_to_fit();
    }
    if (!more && finished_) {
      api::append_number(out += R"(],"count":)", count_);
      // The members of an error body, without its brace.
      out += ',';
      out += problem_.code == ec::none ? R"("status":"OK"})" : http::error_body(problem_).substr(1);
      return http::body_stream::state::done;
    }
  }
  if (was_full) wake(); // the next batch may go
  return more ? http::body_stream::state::more : http::body_stream::state::wait;
}

} // namespace

result<std::unique_ptr<http::body_sink>> open_bulk(api::exchange& x) {
  if (!x.ndjson || x.flag("atomic")) return nullptr;
  if (auto checked = check_bucket_name(x.bucket()); !checked)
    return tl::unexpected(std::move(checked.error()));
  return api::sink_of(std::make_shared<bulk_upload>(x), true);
}

} // namespace treadmill::rest
