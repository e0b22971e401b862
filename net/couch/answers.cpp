#include "net/couch/answers.hpp"
#include "net/http/url.hpp"

namespace treadmill::couch {

http::response json_answer(int status) {
  http::response answer;
  answer.status = status;
  answer.headers.emplace_back("Cache-Control", "must-revalidate");
  return answer;
}

void answer_json(api::reply& answer, std::string body, int status) {
  http::response made = json_answer(status);
  made.body = std::move(body);
  answer(std::move(made));
}

void answer_ok(api::reply& answer, int status) { answer_json(answer, R"({"ok":true})", status); }

std::string location(const http::request& request, std::initializer_list<std::string_view> pieces) {
  // Where the dialect is mounted below a prefix, the target still has it and the path does not.
  std::string_view whole = request.target.substr(0, request.target.find_first_of("?#"));
  std::string text;
  if (whole.ends_with(request.path)) text = whole.substr(0, whole.size() - request.path.size());
  for (const std::string_view piece : pieces) text += '/' + http::percent_encode(piece);
  return text;
}

} // namespace treadmill::couch
