#include "net/api/exchange.hpp"
#include "net/api/parameters.hpp"
#include "storage/documents/names.hpp"

namespace treadmill::api {

void reply::operator()(http::response&& answer) {
  answer.route = route_;
  if (!origin_.empty()) {
    answer.headers.emplace_back("Access-Control-Allow-Origin", origin_);
    if (rules_->cors_credentials)
      answer.headers.emplace_back("Access-Control-Allow-Credentials", "true");
    answer.headers.emplace_back("Access-Control-Expose-Headers", rules_->cors_answer_headers);
    if (origin_ != "*") answer.headers.emplace_back("Vary", "Origin");
  }
  answer_(std::move(answer));
}

void reply::refuse(const error& problem, std::string_view extra) {
  (*this)(rules_->error_answer(problem, extra));
}

void reply::refuse_rest(const error& problem, std::string_view extra) {
  http::response answer = rules_->error_answer(problem, extra);
  std::erase_if(answer.headers, [](const auto& header) { return header.first == "Retry-After"; });
  (*this)(std::move(answer));
}

std::optional<uint64_t> exchange::number(std::string_view name) const {
  const auto value = query.find(name);
  return value ? read_number(*value) : std::nullopt;
}

std::optional<bucket_info> exchange::existing_bucket() {
  auto found = node.backend.rows().find_bucket(bucket());
  if (found) return found;
  const auto checked = check_bucket_name(bucket());
  answer.refuse(checked ? error{ec::not_found, "the bucket is missing"} : checked.error());
  return std::nullopt;
}

error missing_document(std::string_view id) {
  const auto checked = check_id(id);
  return checked ? error{ec::not_found, "missing"} : checked.error();
}

http::body_stream::state row_stream::next(std::string& out) {
  if (first_.empty()) return slice(out);
  if (out.empty()) {
    out = std::move(first_);
  } else {
    out += first_;
  }
  first_.clear();
  return state::more;
}

http::body_stream::state row_stream::first_slice() { return slice(first_); }

http::body_stream::state row_stream::give_up(error problem) {
  problem_ = std::move(problem);
  return state::cut;
}

void answer_rows(reply& answer, std::unique_ptr<row_stream> rows, std::string_view content_type) {
  http::response made;
  made.content_type = content_type;
  switch (rows->first_slice()) {
  case http::body_stream::state::done: made.body = rows->take_first(); break;
  case http::body_stream::state::cut: return answer.refuse(rows->problem());
  case http::body_stream::state::more:
  case http::body_stream::state::wait: made.stream = std::move(rows); break;
  }
  answer(std::move(made));
}

} // namespace treadmill::api
