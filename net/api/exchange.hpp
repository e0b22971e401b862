#pragma once
#include "net/api/api_options.hpp"
#include "net/api/dialect.hpp"
#include "net/api/metrics.hpp"
#include "net/api/router.hpp"
#include "net/http/http.hpp"
#include "net/http/url.hpp"
#include "net/node/node_backend.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill::api {

/// The state that all requests of a dialect share. Lives as long as its dispatcher.
struct context {
  node_backend& backend;
  const dialect& rules;
  api_options options;
  request_metrics requests;
  std::function<http::server_counters()> server; ///< may be empty
  std::string openapi;

  clock::time_point now() const { return options.now ? options.now() : clock::now(); }
};

/// Sends the answer of a request: adds the route's label and the headers that a page of an allowed
/// origin needs. Move-only; calls its responder once, from any thread.
class reply {
public:
  reply() = default;
  reply(http::responder answer, const dialect& rules)
      : answer_(std::move(answer)), rules_(&rules) {}
  void label(std::string_view route) { route_ = route; }
  /// Sets the responder of a reply that was made before there was one.
  void answer_to(http::responder answer) { answer_ = std::move(answer); }
  /// The value of Access-Control-Allow-Origin; empty: none is sent.
  void allow_origin(std::string origin) { origin_ = std::move(origin); }
  const std::string& allowed_origin() const { return origin_; }
  void operator()(http::response&& answer);
  void refuse(const error& problem, std::string_view extra = {});
  /// Refuses the rest of a request of which a part was applied: without Retry-After, because the
  /// client must not repeat the whole.
  void refuse_rest(const error& problem, std::string_view extra);

private:
  http::responder answer_;
  const dialect* rules_ = nullptr;
  std::string_view route_ = "other"; ///< of static storage
  std::string origin_;
};

/// One request in its handler. Lives until the handler returns; a handler that answers later moves
/// `answer` out.
struct exchange {
  context& node;
  const http::request& request;
  reply answer;
  const route* where = nullptr;
  path_values values{};
  http::query query{};
  bool ndjson = false; ///< the body is application/x-ndjson

  /// The bucket of the path. Only writes check its name: a read of a bad name finds nothing.
  std::string_view bucket() const { return values.bucket; }
  /// The last variable of the path: a document, a query, a peer or a file.
  std::string_view id() const {
    return values.count == 0 ? std::string_view{} : values.others[values.count - 1];
  }

  std::optional<std::string_view> text(std::string_view name) const { return query.find(name); }
  bool flag(std::string_view name) const { return query.find(name) == "true"; }
  std::optional<uint64_t> number(std::string_view name) const;

  /// The bucket of a read. If the bucket is missing, answers the request (404, or 400 for an
  /// invalid name) and returns nothing.
  std::optional<bucket_info> existing_bucket();
};

/// The error of a document that was not found: that of check_id if the id is invalid, else
/// not_found.
error missing_document(std::string_view id);

/// A body that a route makes from rows of the store, slice by slice. The first slice can be made
/// before the answer begins, so that its failure can still be answered as an error.
class row_stream : public http::body_stream {
public:
  state next(std::string& out) final;
  /// Makes the first slice. `done`: `take_first` returns the whole body. `cut`: `problem` says why;
  /// nothing was sent.
  state first_slice();
  std::string take_first() { return std::move(first_); }
  const error& problem() const { return problem_; }

protected:
  virtual state slice(std::string& out) = 0;
  state give_up(error problem);

private:
  std::string first_;
  error problem_{ec::none, {}};
};

/// Answers with the rows: as one body if the first slice completes them, else as a stream.
void answer_rows(reply& answer, std::unique_ptr<row_stream> rows,
                 std::string_view content_type = "application/json");

/// Limits of one slice: bytes of the answer (the slice ends after the row that exceeds them), rows
/// read, and bytes of rows read.
inline constexpr size_t slice_bytes = 64 * 1024;
inline constexpr size_t slice_rows = 4096;
inline constexpr size_t slice_read_bytes = 1024 * 1024;

/// Counts what one slice has cost so far.
struct slice_bounds {
  size_t begin = 0; ///< size of the answer before the slice
  size_t rows = 0;
  size_t read_bytes = 0;
  /// True: the slice ends before a row of `row_bytes`. False: the row is counted. The first row is
  /// always taken.
  bool reached(size_t answer_size, size_t row_bytes) {
    if (rows > 0 && (rows >= slice_rows || answer_size >= begin + slice_bytes ||
                     read_bytes + row_bytes > slice_read_bytes))
      return true;
    ++rows;
    read_bytes += row_bytes;
    return false;
  }
};

} // namespace treadmill::api
