#include "net/api/write_answers.hpp"
#include "net/api/answer_text.hpp"
#include "net/http/error_body.hpp"
#include "net/http/url.hpp"
#include "storage/json/json.hpp"
#include <algorithm>

namespace treadmill::api {

namespace {

http::response written(const std::string& bucket, const write_outcome& outcome, write_call call) {
  http::response answer;
  const bool created = call == write_call::create || (call == write_call::put && outcome.created);
  answer.headers.emplace_back("ETag", etag_of(outcome.rev));
  if (created) {
    answer.status = 201;
    answer.headers.emplace_back("Location", "/" + http::percent_encode(bucket) + "/" +
                                                http::percent_encode(outcome.id));
  }
  answer.body = R"({"status":"OK","id":)";
  append_json_string(answer.body, outcome.id);
  answer.body += R"(,"rev":")";
  append_revision(answer.body, outcome.rev);
  answer.body += "\"}";
  return answer;
}

} // namespace

std::string current_revision(const write_outcome& outcome) {
  std::string extra;
  if (outcome.rev.empty()) return extra;
  extra = R"(,"rev":")";
  append_revision(extra, outcome.rev);
  extra += '"';
  return extra;
}

const write_outcome& at_fault(const std::vector<write_outcome>& outcomes) {
  const auto faulty = std::find_if(outcomes.begin(), outcomes.end(), [](const write_outcome& one) {
    return !one.ok() && one.problem.code != ec::not_applied;
  });
  return faulty == outcomes.end() ? outcomes.front() : *faulty;
}

void write_document(exchange& x, write_op&& op, write_call call) {
  auto group = std::make_shared<write_group>();
  group->ops.push_back(std::move(op));
  auto to = std::make_shared<reply>(std::move(x.answer));
  std::string bucket(x.bucket());
  x.node.backend.write(bucket, call != write_call::update, std::move(group), x.request.deadline,
                       [to, bucket, call](write_answer done) {
                         if (done.problem.code != ec::none) return to->refuse(done.problem);
                         const write_outcome& outcome = done.outcomes.front();
                         if (!outcome.ok())
                           return to->refuse(outcome.problem, current_revision(outcome));
                         (*to)(written(bucket, outcome, call));
                       });
}

} // namespace treadmill::api
