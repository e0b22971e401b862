#include "net/api/answer_text.hpp"
#include "net/api/preconditions.hpp"
#include "net/api/query_answer.hpp"
#include "net/api/query_feed.hpp"
#include "net/api/write_answers.hpp"
#include "net/http/error_body.hpp"
#include "net/http/url.hpp"
#include "net/rest/handlers.hpp"
#include "storage/documents/names.hpp"
#include "storage/engine/bucket_core.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>

namespace treadmill::rest {

namespace {

// Defining
// -------------------------------------------------------------------------------------------------

http::response defined(const std::string& bucket, const std::string& name, const revision& rev,
                       bool written) {
  http::response answer;
  answer.body = R"({"status":"OK","name":)";
  append_json_string(answer.body, name);
  answer.body += R"(,"rev":")";
  api::append_revision(answer.body, rev);
  answer.body += "\"}";
  if (written) {
    answer.status = 201;
    answer.headers.emplace_back("Location", "/" + http::percent_encode(bucket) + "/_query/" +
                                                http::percent_encode(name));
  }
  return answer;
}

/// The revision of the query's document if it already holds this definition and has no conflicts.
/// Nothing for a suspended query: the same text defines it anew.
std::optional<revision> same_definition(const node_backend& node, std::string_view bucket,
                                        const std::string& name, std::string_view body) {
  const auto found = node.rows().find_bucket(bucket);
  if (!found) return std::nullopt;
  const auto shown = node.queries().find(found->number, name);
  if (shown && shown->phase == query_phase::suspended) return std::nullopt;
  const auto stored =
      node.rows().latest().read(keys::document(found->number, query_document_id(name)));
  if (!stored || !*stored) return std::nullopt;
  const auto row = document_row::decode(**stored);
  if (!row || row->deleted || row->conflicts || row->body != body) return std::nullopt;
  return row->winner;
}

/// The live definitions of a query: the winner, then the conflicts, best first.
result<std::vector<revision>> live_definitions(const read_view& view, uint32_t bucket,
                                               const std::string& id) {
  const auto stored = view.read(keys::document(bucket, id));
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) return std::vector<revision>();
  const auto row = document_row::decode(**stored);
  if (!row) return tl::unexpected(row.error());
  std::vector<revision> live;
  if (!row->deleted) live.push_back(row->winner);
  if (!row->conflicts) return live;
  const auto tree = view.full_tree(bucket, id);
  if (!tree) return tl::unexpected(tree.error());
  for (const revision& rev : api::conflicts_of(*tree)) live.push_back(rev);
  return live;
}

/// A new definition resolves the conflicts of its query: adds operations before it that remove the
/// other live definitions. The group is then atomic, so that a refused definition removes nothing.
/// Adds none if the definition names a revision that is not live: the bucket refuses it, or a
/// repeated request stored it earlier.
result<void> add_removals(const node_backend& node, std::string_view bucket, write_group& group) {
  const auto found = node.rows().find_bucket(bucket);
  if (!found) return {};
  const write_op defining = group.ops.front();
  const auto live = live_definitions(node.rows().snapshot(), found->number, defining.id);
  if (!live) return tl::unexpected(live.error());
  if (live->size() < 2) return {};
  const revision goes_on = defining.rev.value_or(live->front());
  if (std::find(live->begin(), live->end(), goes_on) == live->end()) return {};
  group.atomic = true;
  group.ops.clear();
  for (const revision& rev : *live) {
    if (rev == goes_on) continue;
    write_op& op = group.ops.emplace_back();
    op.what = write_op::kind::remove;
    op.id = defining.id;
    op.rev = rev;
  }
  group.ops.push_back(defining);
  return {};
}

std::shared_ptr<write_group> write_of(write_op::kind what, std::string_view name) {
  auto group = std::make_shared<write_group>();
  write_op& op = group->ops.emplace_back();
  op.what = what;
  op.id = query_document_id(name);
  return group;
}

/// Calls `use` with the outcome of the last write of a group, or answers the error of the write
/// that caused the refusal.
template<typename Use>
std::function<void(write_answer)> on_written(std::shared_ptr<api::reply> to, Use use) {
  return [to = std::move(to), use = std::move(use)](const write_answer& done) {
    if (done.problem.code != ec::none) return to->refuse(done.problem);
    const write_outcome& outcome = api::at_fault(done.outcomes);
    if (!outcome.ok()) return to->refuse(outcome.problem, api::current_revision(outcome));
    use(*to, done.outcomes.back());
  };
}

void define_query(api::exchange& x) {
  if (!x.query.all().empty())
    return x.answer.refuse({ec::bad_request, "a definition takes no query parameters"});
  auto definition = parse_definition(x.request.body, x.node.options.limits);
  if (!definition) return x.answer.refuse(definition.error());
  if (auto checked = check_definition(*definition); !checked)
    return x.answer.refuse(checked.error());
  std::string bucket(x.bucket());
  std::string name(x.id());
  const auto asked = api::write_precondition(x.request, std::nullopt, std::nullopt);
  if (!asked) return x.answer.refuse(asked.error());
  auto group = write_of(write_op::kind::put, name);
  group->ops.front().body = definition_body(*definition);
  group->ops.front().when = asked->when;
  group->ops.front().rev = asked->rev;
  if (auto added = add_removals(x.node.backend, bucket, *group); !added)
    return x.answer.refuse(added.error());
  const bool plain = asked->when == write_op::only::always && !asked->rev;
  if (const auto rev = plain ? same_definition(x.node.backend, bucket, name, group->ops.back().body)
                             : std::nullopt)
    return x.answer(defined(bucket, name, *rev, false));
  node_backend& backend = x.node.backend;
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  const auto deadline = x.request.deadline;
  backend.check_functions(std::move(*definition), [&backend, to, bucket, name,
                                                   group = std::move(group),
                                                   deadline](const result<void>& good) {
    if (!good) return to->refuse(good.error());
    backend.write(bucket, true, group, deadline,
                  on_written(to, [bucket, name](api::reply& answer, const write_outcome& outcome) {
                    answer(defined(bucket, name, outcome.rev, true));
                  }));
  });
}

// Asking
// -------------------------------------------------------------------------------------------------

/// Answers with the definition of one revision, be it the winner or a conflict.
void read_one_definition(api::exchange& x, const bucket_info& bucket, std::string_view rev) {
  if (x.query.all().size() != 1)
    return x.answer.refuse({ec::bad_request, "rev asks for a definition: it is given alone"});
  const auto parsed = parse_revision(rev);
  if (!parsed) return x.answer.refuse(parsed.error());
  const auto view = x.node.backend.rows().snapshot();
  const std::string id = query_document_id(x.id());
  const auto body = view.leaf_body(bucket.number, id, *parsed);
  if (!body) return x.answer.refuse(body.error());
  http::response answer;
  answer.body = R"({"name":)";
  append_json_string(answer.body, x.id());
  answer.body += R"(,"rev":")";
  api::append_revision(answer.body, *parsed);
  answer.body += '"';
  // A document from a peer or an import may hold no valid definition: show it as it is.
  if (const auto definition = parse_definition(*body)) {
    answer.body += R"(,"map":)";
    append_json_string(answer.body, definition->map);
    answer.body += R"(,"reduce":)";
    api::append_string_or_null(answer.body, definition->reduce);
  } else {
    answer.body += R"(,"document":)" + *body;
  }
  answer.body += '}';
  answer.headers.emplace_back("ETag", api::etag_of(*parsed));
  x.answer(std::move(answer));
}

void ask(api::exchange& x, const bucket_info& bucket, std::optional<std::string_view> terms) {
  auto asked = api::read_query_request(x.query, x.node.options.limits, terms);
  if (!asked) return x.answer.refuse(asked.error());
  auto ranges = api::asked_ranges::make(*asked);
  if (!ranges) return x.answer.refuse(ranges.error());
  const bool stale = asked->stale;
  api::with_source(x, bucket, stale,
                   [&node = x.node, asked = std::move(*asked), ranges = std::move(*ranges)](
                       api::reply& answer, api::query_source source) mutable {
                     api::answer_query(node, answer, std::move(source), asked, std::move(ranges));
                   });
}

/// A POST to a query: a definition, or a request with `terms`.
struct posted_query {
  bool defines = true;
  std::string terms{}; ///< of a request, in their stored form
};

result<posted_query> read_posted(std::string_view body, const json_limits& limits) {
  posted_query posted;
  const auto stored = stored_form(body, limits);
  if (!stored) return tl::unexpected(stored.error());
  json_cursor in(*stored);
  std::string_view name;
  std::string_view value;
  bool others = false;
  if (!in.take('{')) return posted; // define_query refuses it
  while (in.take_string(name) && in.take(':') && in.take_value(value)) {
    if (name == R"("map")") return posted;
    if (name == R"("terms")") {
      posted.defines = false;
      posted.terms = value;
    } else {
      others = true;
    }
    in.take(',');
  }
  if (!posted.defines && others)
    return fail(ec::bad_request, "a request for a query's rows has only the member terms");
  return posted;
}

// Listing
// -------------------------------------------------------------------------------------------------

/// The part of the log that the index has seen, from 0 to 1. It is 1 only if the index has reached
/// the end.
double progress_of(const index_state& state, uint64_t last) {
  const uint64_t target = std::max(state.target, last);
  if (state.consistent() && state.position >= target) return 1;
  if (target == 0) return 0;
  const double part = static_cast<double>(state.position) / static_cast<double>(target);
  return std::min(part, 0.99);
}

/// Facts of one query as the list shows them.
class query_line {
public:
  query_line(const store& rows, uint32_t bucket, uint64_t last)
      : rows_(rows), bucket_(bucket), last_(last) {}

  void append(std::string& out, const shown_query& query, const revision& rev,
              const std::vector<revision>& lost) const {
    const bool two = query.phase == query_phase::redefining || query.next.target != 0;
    const index_state& newest = two ? query.next : query.state;
    out += R"({"name":)";
    append_json_string(out, query.name);
    out += R"(,"map":)";
    append_json_string(out, query.definition.map);
    out += R"(,"reduce":)";
    api::append_string_or_null(out, query.definition.reduce);
    out += R"(,"rev":")";
    api::append_revision(out, rev);
    out += '"';
    if (!lost.empty()) {
      out += R"(,"conflicts":)";
      api::append_revisions(out, lost);
    }
    out += R"(,"state":")";
    out += to_string(query.phase);
    append_fact(out, R"(","sequence":)", query.state.sequence);
    append_fact(out, R"(,"rows":)", query.state.rows);
    append_fact(out, R"(,"bytes":)", bytes_of(query.where));
    append_progress(out, query, newest);
    append_errors(out, newest);
    if (!query.problem.empty()) {
      out += R"(,"problem":)";
      append_json_string(out, query.problem);
    }
    out += '}';
  }

private:
  static void append_fact(std::string& out, std::string_view before, uint64_t number) {
    out += before;
    api::append_number(out, number);
  }

  uint64_t bytes_of(index_id where) const {
    if (where.index == 0) return 0;
    return rows_.approximate_bytes(keys::index_begin(bucket_, where.index),
                                   keys::index_end(bucket_, where.index));
  }

  void append_progress(std::string& out, const shown_query& query,
                       const index_state& newest) const {
    out += R"(,"progress":)";
    api::append_decimal(out, progress_of(newest, last_));
    const bool builds =
        query.phase == query_phase::building || query.phase == query_phase::redefining;
    if (!builds) return;
    out += R"(,"rate":)";
    api::append_decimal(out, query.rate);
    const uint64_t target = std::max(newest.target, last_);
    if (query.rate <= 0 || target < newest.position) return;
    out += R"(,"seconds_left":)";
    api::append_decimal(out, static_cast<double>(target - newest.position) / query.rate);
  }

  static void append_errors(std::string& out, const index_state& state) {
    append_fact(out, R"(,"errors":)", state.errors);
    out += R"(,"last_error":)";
    if (state.errors == 0) {
      out += "null";
      return;
    }
    out += R"({"id":)";
    append_json_string(out, state.error_id);
    out += R"(,"message":)";
    append_json_string(out, state.error_message);
    out += '}';
  }

  const store& rows_;
  uint32_t bucket_;
  uint64_t last_;
};

/// Lists the queries of a bucket from their documents, so that it includes those that are not on
/// the board yet.
class query_listing : public api::row_stream {
public:
  query_listing(const node_backend& node, const bucket_info& bucket, uint64_t last)
      : node_(node), view_(node.rows().snapshot()), bucket_(bucket.number),
        from_(keys::document(bucket.number, query_document_id({}))), to_(from_ + '\xff'),
        line_(node.rows(), bucket.number, last) {}

protected:
  state slice(std::string& out) override {
    if (!std::exchange(opened_, true)) out += R"({"queries":[)";
    std::vector<std::pair<std::string, std::string>> found;
    size_t bytes = 0;
    const auto read = view_.scan(from_, to_, [&](std::string_view key, std::string_view value) {
      found.emplace_back(key, value);
      bytes += value.size();
      return found.size() < queries_at_once && bytes < api::slice_bytes;
    });
    if (!read) return give_up(read.error());
    for (const auto& [key, value] : found)
      if (auto done = append(out, keys::id_of(key), value); !done) return give_up(done.error());
    if (found.size() == queries_at_once || bytes >= api::slice_bytes) {
      from_ = found.back().first + '\0';
      return state::more;
    }
    out += R"(],"count":)";
    api::append_number(out, count_);
    out += '}';
    return state::done;
  }

private:
  static constexpr size_t queries_at_once = 64;

  result<void> append(std::string& out, std::string_view id, std::string_view value) {
    const auto row = document_row::decode(value);
    if (!row) return tl::unexpected(row.error());
    if (row->deleted) return {};
    if (count_++ > 0) out += ',';
    const std::string_view name = query_name_of(id);
    std::vector<revision> lost;
    if (row->conflicts) {
      auto found = live_definitions(view_, bucket_, std::string(id));
      if (!found) return tl::unexpected(std::move(found.error()));
      lost = std::move(*found);
      lost.erase(lost.begin()); // the winner
    }
    if (const auto shown = node_.queries().find(bucket_, name)) {
      line_.append(out, *shown, row->winner, lost);
      return {};
    }
    shown_query unseen;
    unseen.name = name;
    unseen.definition = parse_definition(row->body).value_or(query_definition{});
    line_.append(out, unseen, row->winner, lost);
    return {};
  }

  const node_backend& node_;
  read_view view_;
  uint32_t bucket_;
  std::string from_;
  std::string to_;
  query_line line_;
  bool opened_ = false;
  uint64_t count_ = 0;
};

} // namespace

void list_queries(api::exchange& x) {
  const auto bucket = x.existing_bucket();
  if (!bucket) return;
  const auto state = x.node.backend.rows().latest().state(bucket->number);
  if (!state) return x.answer.refuse(state.error());
  api::answer_rows(x.answer,
                   std::make_unique<query_listing>(x.node.backend, *bucket, state->sequence));
}

void post_query(api::exchange& x) {
  if (auto checked = check_bucket_name(x.bucket()); !checked)
    return x.answer.refuse(checked.error());
  if (auto checked = check_query_name(x.id()); !checked) return x.answer.refuse(checked.error());
  const auto posted = read_posted(x.request.body, x.node.options.limits);
  if (!posted) return x.answer.refuse(posted.error());
  if (posted->defines) return define_query(x);
  for (const auto* condition : {"If-Match", "If-None-Match"})
    if (!x.request.header(condition).empty())
      return x.answer.refuse(
          {ec::bad_request, "a request for a query's rows takes no " + std::string(condition)});
  const auto bucket = x.existing_bucket();
  if (bucket) ask(x, *bucket, posted->terms);
}

void read_query(api::exchange& x) {
  const auto bucket = x.existing_bucket();
  if (!bucket) return;
  if (const auto rev = x.text("rev")) return read_one_definition(x, *bucket, *rev);
  if (x.text("feed")) return api::follow_query(x, *bucket);
  ask(x, *bucket, std::nullopt);
}

void drop_query(api::exchange& x) {
  if (!x.existing_bucket()) return;
  if (auto checked = check_query_name(x.id()); !checked) return x.answer.refuse(checked.error());
  const auto asked = api::write_precondition(x.request, x.text("rev"), std::nullopt);
  if (!asked) return x.answer.refuse(asked.error());
  std::string bucket(x.bucket());
  std::string name(x.id());
  auto group = write_of(write_op::kind::remove, name);
  group->ops.front().when = asked->when;
  group->ops.front().rev = asked->rev;
  node_backend& backend = x.node.backend;
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  backend.write(bucket, false, std::move(group), x.request.deadline,
                on_written(to, [bucket, name](api::reply& answer, const write_outcome& outcome) {
                  answer(defined(bucket, name, outcome.rev, false));
                }));
}

} // namespace treadmill::rest
