#include "net/api/dispatcher.hpp"
#include "net/api/content_type.hpp"
#include "net/api/exchange.hpp"
#include "net/api/openapi.hpp"
#include "net/api/parameters.hpp"
#include "net/api/router.hpp"
#include "net/http/gzip_body.hpp"
#include "net/http/http_head.hpp"
#include <algorithm>
#include <array>

namespace treadmill::api {

namespace {

/// The pieces of a path. A short path without a percent sign, as nearly all requests have, is split
/// in place.
class path_pieces {
public:
  result<std::span<const std::string_view>> split(std::string_view path,
                                                  http::trailing_slash trailing) {
    if (path.find('%') == std::string_view::npos && split_plain(path))
      return std::span<const std::string_view>(views_.data(), count_);
    auto owned = http::split_path(path, trailing);
    if (!owned) return tl::unexpected(std::move(owned.error()));
    owned_ = std::move(*owned);
    owned_views_.assign(owned_.begin(), owned_.end());
    return std::span<const std::string_view>(owned_views_);
  }

private:
  /// False: the path is not a simple one; split_path then reads it or reports the error.
  bool split_plain(std::string_view path) {
    if (path.empty() || path.front() != '/') return false;
    path.remove_prefix(1);
    while (!path.empty()) {
      const size_t slash = path.find('/');
      if (slash == 0 || count_ == views_.size()) return false;
      views_[count_++] = path.substr(0, slash);
      if (slash == std::string_view::npos) return true;
      path.remove_prefix(slash + 1);
    }
    return count_ == 0;
  }

  std::array<std::string_view, path_pieces_most + 1> views_{};
  size_t count_ = 0;
  std::vector<std::string> owned_;
  std::vector<std::string_view> owned_views_;
};

std::optional<verb> verb_of(std::string_view method) {
  if (method == "GET" || method == "HEAD") return verb::get;
  if (method == "POST") return verb::post;
  if (method == "PUT") return verb::put;
  if (method == "PATCH") return verb::patch;
  if (method == "DELETE") return verb::remove;
  if (method == "COPY") return verb::copy;
  return std::nullopt;
}

/// "http://box1:1444" is this node's own origin if the request has the Host "box1:1444".
bool is_own_origin(std::string_view origin, std::string_view host) {
  const size_t scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos) return false;
  const std::string_view authority = origin.substr(scheme_end + 3);
  return !host.empty() && authority == host; // browsers send both in lower case
}

/// The value of Access-Control-Allow-Origin: empty for this node's own pages and for clients that
/// are not browsers.
result<std::string> check_origin(const http::request& request, const context& shared) {
  const std::string_view origin = request.header("Origin");
  if (origin.empty() || is_own_origin(origin, request.header("Host"))) return std::string{};
  for (const std::string& one : shared.options.cors_origins)
    if (one == "*" || one == origin)
      return shared.rules.cors_credentials ? std::string(origin) : one;
  return fail(ec::forbidden, "pages of this origin are not allowed");
}

void answer_options(exchange& x, const router::place& where) {
  http::response answer;
  answer.status = 204;
  answer.content_type.clear();
  const std::string methods = where.allowed_methods();
  if (!x.answer.allowed_origin().empty()) {
    answer.headers.emplace_back("Access-Control-Allow-Methods", methods);
    answer.headers.emplace_back("Access-Control-Allow-Headers", x.node.rules.cors_request_headers);
    answer.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  answer.headers.emplace_back("Allow", methods);
  x.answer.label("options");
  x.answer(std::move(answer));
}

/// `OPTIONS *` asks whether the server is alive and names no resource.
void answer_options_of_server(exchange& x) {
  http::response answer;
  answer.status = 204;
  answer.content_type.clear();
  answer.headers.emplace_back("Allow", std::string(http::known_methods));
  x.answer.label("options");
  x.answer(std::move(answer));
}

void refuse_method(exchange& x, const router::place& where) {
  const dialect& rules = x.node.rules;
  if (rules.no_method)
    if (const auto why = rules.no_method(where.path, x.request.method))
      return x.answer.refuse(*why);
  http::response answer =
      rules.error_answer({ec::method_not_allowed, "this path does not take this method"}, {});
  answer.headers.emplace_back("Allow", where.allowed_methods());
  x.answer(std::move(answer));
}

/// Conditional headers. A request other than a read is refused if it has one that its route does
/// not evaluate.
constexpr std::array conditions{"If-Match", "If-None-Match", "If-Modified-Since",
                                "If-Unmodified-Since", "If-Range"};
constexpr size_t revision_conditions = 2; ///< the first two are about revisions

result<void> check_conditions(const exchange& x) {
  if (x.where->method == verb::get) return {};
  for (size_t i = x.where->conditional ? revision_conditions : 0; i < conditions.size(); ++i)
    if (!x.request.header(conditions[i]).empty())
      return fail(ec::bad_request, "this call takes no " + std::string(conditions[i]));
  return {};
}

/// Makes all checks of a request that need only its route.
result<void> check_request(exchange& x) {
  const dialect& rules = x.node.rules;
  if (!x.where->body.schema.empty()) {
    auto read_as = rules.read_content_type(x.request.header("Content-Type"), x.where->body);
    if (!read_as) return tl::unexpected(std::move(read_as.error()));
    x.ndjson = *read_as == body_format::ndjson;
  } else if (rules.bodies == unknown::refused && x.where->method != verb::get &&
             !x.request.body.empty()) {
    return fail(ec::bad_request, "this call takes no body");
  }
  if (rules.conditions == unknown::refused)
    if (auto checked = check_conditions(x); !checked) return checked;
  if (x.request.query.empty()) return {};
  auto query = http::query::parse(x.request.query, rules.twice);
  if (!query) return tl::unexpected(std::move(query.error()));
  x.query = std::move(*query);
  return check_parameters(x.query, x.where->parameters, rules.parameters, x.node.options);
}

/// Answers a request that failed its checks before its body arrived.
class refused_upload final : public http::body_sink {
public:
  refused_upload(reply answer, error problem)
      : answer_(std::move(answer)), problem_(std::move(problem)) {}
  bool takes_small() const override { return false; }
  size_t memory() const override { return 0; }
  void start(http::responder answer, const waker&) override {
    answer_.answer_to(std::move(answer));
    answer_.refuse(problem_);
  }
  state take(std::string_view) override { return state::refused; }
  state resume() override { return state::refused; }
  void end() override {}
  void fail(const error&) override {}

private:
  reply answer_;
  error problem_;
};

/// Keeps an inflated body until the request is answered.
struct inflated_request {
  std::string body;
  http::responder answer;
};

} // namespace

class dispatcher::impl {
public:
  impl(const dialect& rules, node_backend& backend, api_options options)
      : context_{backend,
                 rules,
                 std::move(options),
                 request_metrics(labels(rules), context_.options.other_labels),
                 {},
                 openapi_text(rules)},
        router_(rules) {}

  void handle(const http::request& request, http::responder responder) {
    if (!context_.rules.gzip_bodies || request.body.empty() || !http::is_encoded(request))
      return handle_plain(request, std::move(responder));
    auto inflated = http::decoded_body(request, context_.options.request_bytes);
    if (!inflated) return reply(std::move(responder), context_.rules).refuse(inflated.error());
    auto held = std::make_shared<inflated_request>();
    held->body = std::move(*inflated);
    held->answer = std::move(responder);
    http::request plain = request;
    plain.body = held->body;
    handle_plain(plain, http::responder(
                            [held](http::response&& answer) { held->answer(std::move(answer)); }));
  }

  void handle_plain(const http::request& request, http::responder responder) {
    exchange x{context_, request, reply(std::move(responder), context_.rules)};
    auto origin = check_origin(request, context_);
    if (!origin) return x.answer.refuse(origin.error());
    x.answer.allow_origin(std::move(*origin));
    if (request.path == "*") return answer_options_of_server(x);
    path_pieces pieces;
    const auto split = pieces.split(request.path, context_.rules.trailing_slash);
    if (!split) return x.answer.refuse(split.error());
    const auto found = router_.find(*split);
    if (!found) return x.answer.refuse(found.error());
    x.values = found->values;
    dispatch(x, *found->where);
  }

  std::unique_ptr<http::body_sink> open_sink(const http::request& head) {
    if (http::is_encoded(head)) return nullptr; // handle() inflates it, or the server refuses it
    path_pieces pieces;
    const auto method = verb_of(head.method);
    const auto split = pieces.split(head.path, context_.rules.trailing_slash);
    if (!method || !split) return nullptr;
    const auto found = router_.find(*split);
    if (!found) return nullptr;
    exchange x{context_, head, reply({}, context_.rules)};
    x.where = found->where->of(*method);
    if (x.where == nullptr || x.where->open_sink == nullptr) return nullptr;
    x.values = found->values;
    x.answer.label(x.where->name);
    auto made = checked_sink(x);
    if (made) return std::move(*made);
    return std::make_unique<refused_upload>(std::move(x.answer), std::move(made.error()));
  }

  context& shared() { return context_; }

private:
  result<std::unique_ptr<http::body_sink>> checked_sink(exchange& x) {
    auto origin = check_origin(x.request, context_);
    if (!origin) return tl::unexpected(std::move(origin.error()));
    x.answer.allow_origin(std::move(*origin));
    if (auto checked = check_request(x); !checked)
      return tl::unexpected(std::move(checked.error()));
    return x.where->open_sink(x);
  }

  static void dispatch(exchange& x, const router::place& where) {
    const auto method = verb_of(x.request.method);
    if (method) x.where = where.of(*method);
    if (x.where == nullptr)
      return x.request.method == "OPTIONS" ? answer_options(x, where) : refuse_method(x, where);
    x.answer.label(x.where->name);
    if (auto checked = check_request(x); !checked) return x.answer.refuse(checked.error());
    x.where->handle(x);
  }

  static std::vector<std::string_view> labels(const dialect& rules) {
    std::vector<std::string_view> all{"options"};
    for (const route& row : rules.routes) all.push_back(row.name);
    return all;
  }

  context context_;
  router router_;
};

dispatcher::dispatcher(const dialect& rules, node_backend& backend, api_options options)
    : impl_(std::make_unique<impl>(rules, backend, std::move(options))) {}
dispatcher::~dispatcher() = default;

void dispatcher::handle(const http::request& request, http::responder answer) {
  impl_->handle(request, std::move(answer));
}

std::unique_ptr<http::body_sink> dispatcher::open_sink(const http::request& head) {
  return impl_->open_sink(head);
}

void dispatcher::record(const http::request_record& done) {
  impl_->shared().requests.count(done.route, done.status, done.duration);
}

void dispatcher::set_server_counters(std::function<http::server_counters()> counters) {
  impl_->shared().server = std::move(counters);
}

} // namespace treadmill::api
