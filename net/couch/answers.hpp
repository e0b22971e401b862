#pragma once
#include "net/api/exchange.hpp"
#include "net/http/http.hpp"
#include <string>
#include <string_view>

/// Answers in the form that CouchDB's clients know.
namespace treadmill::couch {

/// An answer in JSON that no cache keeps without asking again.
http::response json_answer(int status = 200);
/// Answers with this JSON.
void answer_json(api::reply& answer, std::string body, int status = 200);
/// `{"ok":true}`
void answer_ok(api::reply& answer, int status = 200);

/// The path of a Location header: the pieces after what the dialect is mounted below. Each piece is
/// encoded.
std::string location(const http::request& request, std::initializer_list<std::string_view> pieces);

} // namespace treadmill::couch
