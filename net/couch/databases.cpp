#include "net/couch/databases.hpp"
#include "net/api/answer_text.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/names.hpp"
#include "net/couch/sequences.hpp"
#include "storage/base/json_string.hpp"
#include <mutex>

namespace treadmill::couch {

namespace {

/// Waits until what a bucket has answered is on disk, then answers. It keeps itself alive by its
/// place among the bucket's followers, which it gives up when it answers.
class full_commit : public std::enable_shared_from_this<full_commit> {
public:
  full_commit(const node_backend& node, bucket_info bucket, uint64_t sequence, api::reply answer)
      : node_(node), bucket_(std::move(bucket)), sequence_(sequence), answer_(std::move(answer)) {}

  void start(node_backend& node) {
    auto place = node.follow(bucket_.number, waker([self = shared_from_this()] { self->look(); }));
    {
      const std::lock_guard lock(mutex_);
      if (!done_) place_ = std::move(place);
    }
    look();
  }

private:
  void look() {
    const auto state = node_.rows().synced().state(bucket_.number);
    const bool ends = node_.stopping() || !node_.rows().alive(bucket_.number) || !state;
    if (!ends && state->sequence < sequence_) return;
    std::shared_ptr<void> place;
    {
      const std::lock_guard lock(mutex_);
      if (done_) return;
      done_ = true;
      place = std::move(place_);
    }
    if (!state) return answer_.refuse(state.error());
    if (ends) return answer_.refuse({ec::shutting_down, "the node or the database is ending"});
    answer_json(answer_, R"({"ok":true,"instance_start_time":")" + instance_of(bucket_) + "\"}",
                201);
  }

  const node_backend& node_;
  const bucket_info bucket_;
  const uint64_t sequence_;
  api::reply answer_;
  std::mutex mutex_{};
  std::shared_ptr<void> place_{};
  bool done_ = false;
};

void append_sizes(std::string& out, uint64_t bytes) {
  out += R"(,"sizes":{"file":)";
  api::append_number(out, bytes);
  out += R"(,"external":)";
  api::append_number(out, bytes);
  out += R"(,"active":)";
  api::append_number(out, bytes);
  out += '}';
}

} // namespace

result<void> append_database(std::string& out, const node_backend& node, const database& asked) {
  const store& rows = node.rows();
  const auto state = rows.latest().state(asked.bucket.number);
  if (!state) return tl::unexpected(state.error());
  out += R"({"db_name":)";
  append_json_string(out, asked.name);
  out += R"(,"update_seq":)";
  append_sequence(out, asked.bucket.log_id, {state->sequence, state->chain});
  out += R"(,"purge_seq":)";
  append_sequence(out, asked.bucket.log_id, {});
  append_sizes(out, rows.approximate_bytes(asked.bucket.number));
  api::append_fact(out, "doc_count", state->documents);
  api::append_fact(out, "doc_del_count", state->deleted);
  out += R"(,"props":{},"disk_format_version":8,"compact_running":)";
  out += rows.compacting() ? "true" : "false";
  out += R"(,"cluster":{"q":1,"n":1,"w":1,"r":1},"instance_start_time":")";
  out += instance_of(asked.bucket);
  out += "\"}";
  return {};
}

void make_database(api::exchange& x) {
  if (const auto refused = refused_write(x.bucket())) return refuse(x.answer, *refused);
  const auto bucket = bucket_name(x.bucket());
  if (!bucket) return refuse(x.answer, bad_database_name(x.bucket()));
  if (x.flag("partitioned"))
    return refuse(x.answer, not_implemented("a database has no partitions here"));
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  const std::string place = location(x.request, {x.bucket()});
  x.node.backend.create_bucket(*bucket, x.request.deadline, [to, place](result<bool> created) {
    if (!created) return to->refuse(created.error());
    if (!*created) return refuse(*to, database_exists());
    http::response answer = json_answer(201);
    answer.headers.emplace_back("Location", place);
    answer.body = R"({"ok":true})";
    (*to)(std::move(answer));
  });
}

void read_database(api::exchange& x) {
  const auto asked = find_database(x);
  if (!asked) return;
  std::string body;
  if (auto done = append_database(body, x.node.backend, *asked); !done)
    return x.answer.refuse(done.error());
  answer_json(x.answer, std::move(body));
}

void drop_database(api::exchange& x) {
  if (x.text("rev"))
    return refuse(x.answer,
                  bad_request("a database has no revision: was a document meant to be deleted?"));
  const auto asked = find_database(x);
  if (!asked) return;
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  x.node.backend.drop_bucket(asked->bucket.name, x.request.deadline, [to](result<void> dropped) {
    if (dropped) return answer_ok(*to);
    if (dropped.error().code == ec::not_found) return refuse(*to, no_database());
    to->refuse(dropped.error());
  });
}

void compact_database(api::exchange& x) {
  const auto asked = find_database(x);
  if (!asked) return;
  x.node.backend.compact(asked->bucket.number);
  answer_ok(x.answer, 202);
}

void ensure_full_commit(api::exchange& x) {
  const auto asked = find_database(x);
  if (!asked) return;
  const auto state = x.node.backend.rows().latest().state(asked->bucket.number);
  if (!state) return x.answer.refuse(state.error());
  std::make_shared<full_commit>(x.node.backend, asked->bucket, state->sequence, std::move(x.answer))
      ->start(x.node.backend);
}

} // namespace treadmill::couch
