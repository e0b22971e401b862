#include "net/api/preconditions.hpp"
#include "net/rest/console_files.hpp"
#include "net/rest/handlers.hpp"
#include <algorithm>
#include <array>

namespace treadmill::rest {

namespace {

/// The page may use its own files and call its own node, and nothing else. Text from documents
/// cannot become markup, because the browser lets no script write markup.
constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

struct media_type {
  std::string_view ending;
  std::string_view type;
};
constexpr std::array media_types{media_type{".html", "text/html; charset=utf-8"},
                                 media_type{".css", "text/css; charset=utf-8"},
                                 media_type{".js", "text/javascript; charset=utf-8"},
                                 media_type{".svg", "image/svg+xml; charset=utf-8"}};

std::string_view media_type_of(std::string_view name) {
  const auto* const found =
      std::find_if(media_types.begin(), media_types.end(),
                   [&](const media_type& one) { return name.ends_with(one.ending); });
  return found == media_types.end() ? "application/octet-stream" : found->type;
}

void answer_file(api::exchange& x, std::string_view name) {
  const auto files = console_files();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const console_file& one) { return one.name == name; });
  if (found == files.end()) return x.answer.refuse({ec::not_found, "the console has no such file"});
  http::response answer;
  answer.headers.emplace_back("ETag", '"' + std::string(found->hash) + '"');
  answer.headers.emplace_back("Cache-Control", "no-cache");
  answer.headers.emplace_back("Content-Security-Policy", policy);
  if (api::none_match_names(x.request.header("If-None-Match"), found->hash)) {
    answer.status = 304;
    answer.content_type.clear();
  } else {
    answer.content_type = media_type_of(name);
    answer.body = found->content;
  }
  x.answer(std::move(answer));
}

} // namespace

void read_console(api::exchange& x) { answer_file(x, "index.html"); }

void read_console_file(api::exchange& x) { answer_file(x, x.id()); }

} // namespace treadmill::rest
