#include "net/client/import_request.hpp"
#include "net/client/node_answer.hpp"
#include "net/http/url.hpp"
#include <algorithm>
#include <thread>

namespace treadmill::http {

namespace {

/// Whether a document of the request can cause this code, with which the node refuses the whole
/// request.
bool is_of_document(ec code) {
  switch (code) {
  case ec::bad_request:
  case ec::bad_json:
  case ec::not_object:
  case ec::duplicate_key:
  case ec::too_deep:
  case ec::bad_encoding:
  case ec::bad_id:
  case ec::bad_rev:
  case ec::too_large: return true;
  default: return false;
  }
}

/// Removes the status, and the line number, which is meaningless in a request of one document.
std::string bare_reason(std::string reason) {
  for (const std::string_view before : {"it answers ", "line "}) {
    const size_t end = reason.find(": ");
    if (reason.starts_with(before) && end != std::string::npos) reason.erase(0, end + 2);
  }
  return reason;
}

} // namespace

bool is_for_now(ec code) {
  return code == ec::io_error || code == ec::overloaded || code == ec::ambiguous ||
         code == ec::shutting_down || code == ec::deadline_exceeded;
}

bool document_sender::pause() {
  const auto now = clock::now();
  if (!give_up_) {
    give_up_ = now + give_up_after;
    pauses_.reset();
  }
  if (now >= *give_up_) return false;
  std::this_thread::sleep_for(pauses_.next());
  return true;
}

result<std::string> document_sender::post(std::span<const outgoing> items) {
  std::string body;
  for (const outgoing& one : items) body += one.text + '\n';
  while (true) {
    auto answer = node_.post(path_, body, "application/x-ndjson");
    if (answer || !is_for_now(answer.error().code)) return answer;
    uncertain_ = uncertain_ || answer.error().code != ec::overloaded;
    if (!pause()) return answer;
  }
}

result<void> document_sender::send(std::span<const outgoing> items, const taken_fn& taken,
                                   const refused_fn& refused) {
  if (items.empty()) return {};
  const auto answer = post(items);
  if (answer) return taken(items, *answer);
  if (!is_of_document(answer.error().code)) return tl::unexpected(answer.error());
  if (items.size() == 1)
    return refused(items[0], {answer.error().code, bare_reason(answer.error().reason)});
  const size_t half = items.size() / 2;
  if (auto done = send(items.first(half), taken, refused); !done) return done;
  return send(items.subspan(half), taken, refused);
}

result<std::string> bucket_watch::find() {
  const auto shown = node_.get("/" + percent_encode(bucket_));
  if (!shown && shown.error().code == ec::not_found) return std::string();
  if (!shown) return tl::unexpected(shown.error());
  const auto read = parse_answer(*shown);
  const std::string log = read ? text_of(*read, "log") : "";
  if (log.empty()) return fail(ec::internal, "the answer is not that of a node");
  if (log_.empty()) log_ = log;
  return log;
}

result<std::string> bucket_watch::make() {
  auto there = find();
  if (!there || !there->empty()) return there;
  const auto made = node_.put("/" + percent_encode(bucket_));
  if (!made && made.error().code != ec::conflict) return tl::unexpected(made.error());
  return find();
}

result<void> bucket_watch::check() {
  const auto now = find();
  if (!now) return tl::unexpected(now.error());
  if (*now == log_) return {};
  return made_anew(bucket_);
}

tl::unexpected<error> bucket_watch::made_anew(const std::string& bucket) {
  return fail(ec::conflict, "the bucket " + bucket +
                                " was dropped meanwhile, and what was written to it is gone: give "
                                "the command again");
}

} // namespace treadmill::http
