#include "net/api/answer_text.hpp"
#include "net/api/query_answer.hpp"
#include "net/api/query_rows.hpp"
#include "net/http/error_body.hpp"
#include "net/rest/handlers.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <vector>

namespace treadmill::rest {

namespace {

namespace defaults = http::defaults;

/// The first documents of the bucket, by id.
result<std::vector<run_document>> first_documents(const read_view& view, uint32_t bucket) {
  std::vector<run_document> documents;
  size_t bytes = 0;
  size_t looks = 0;
  result<void> failed;
  const auto read = view.scan(
      keys::document(bucket, {}), keys::documents_end(bucket),
      [&](std::string_view key, std::string_view value) {
        const std::string_view id = keys::id_of(key);
        const auto row = document_row::decode(value);
        if (!row) {
          failed = tl::unexpected(row.error());
          return false;
        }
        if (!row->deleted && !is_query_document(id)) {
          bytes += row->body.size();
          documents.push_back({std::string(id), row->winner.text(), std::string(row->body)});
        }
        return documents.size() < defaults::trial_documents && bytes < defaults::trial_bytes &&
               ++looks < defaults::trial_looks;
      });
  if (!failed) return tl::unexpected(std::move(failed.error()));
  if (!read) return tl::unexpected(read.error());
  return documents;
}

/// The state of a trial until it is answered.
struct trial {
  api::context& node;
  api::reply answer;
  query_definition definition;
  std::vector<run_document> documents;
  trial_rows tried{};

  /// A row with its sort key in the order of an index.
  struct placed_row {
    std::string suffix;
    std::string_view id;
    const mapped_row* row = nullptr;
  };
  std::vector<placed_row> placed{};
  std::string text{}; ///< the answer up to its reduction
};

void place_rows(trial& t) {
  for (size_t i = 0; i < t.tried.rows.size(); ++i) {
    const std::string_view id = t.documents[i].id;
    uint16_t emission = 0;
    for (const mapped_row& row : t.tried.rows[i].rows)
      t.placed.push_back({row_suffix(row.term, id, emission++), id, &row});
  }
  std::sort(t.placed.begin(), t.placed.end(),
            [](const auto& a, const auto& b) { return a.suffix < b.suffix; });
}

result<void> append_rows(trial& t) {
  const api::query_row_text text("value"); // a trial has no name
  size_t shown = 0;
  t.text = R"({"rows":[)";
  for (; shown < t.placed.size() && t.text.size() < defaults::trial_answer_bytes; ++shown) {
    if (shown > 0) t.text += ',';
    const auto& one = t.placed[shown];
    if (auto done = text.append(t.text, one.id, *one.row); !done) return done;
  }
  t.text += R"(],"count":)";
  api::append_number(t.text, shown);
  t.text += R"(,"documents":)";
  api::append_number(t.text, t.tried.rows.size());
  if (shown < t.placed.size()) t.text += R"(,"cut":true)";
  if (t.tried.stopped.empty()) return {};
  t.text += R"(,"stopped":)";
  append_json_string(t.text, t.tried.stopped);
  return {};
}

void append_errors(trial& t) {
  t.text += R"(,"errors":[)";
  bool first = true;
  for (size_t i = 0; i < t.tried.rows.size(); ++i) {
    if (t.tried.rows[i].problem.empty()) continue;
    t.text += std::exchange(first, false) ? R"({"id":)" : R"(,{"id":)";
    append_json_string(t.text, t.documents[i].id);
    t.text += R"(,"message":)";
    append_json_string(t.text, t.tried.rows[i].problem);
    t.text += '}';
  }
  t.text += ']';
}

/// Ends the answer with the reduction of all rows, or with the reason of its failure.
void finish(trial& t, const result<std::string>* reduced) {
  if (reduced != nullptr && *reduced) {
    t.text += R"(,"reduced":[{"key":null,"value":)" + **reduced + "}]";
  } else if (reduced != nullptr) {
    t.text += R"(,"reduced":null,"reduce_error":)";
    append_json_string(t.text, reduced->error().reason);
  }
  t.text += '}';
  http::response made;
  made.body = std::move(t.text);
  t.answer(std::move(made));
}

result<std::string> reduce_builtin(const trial& t, reduction how) {
  partial_result total(how);
  for (const auto& one : t.placed) {
    index_row row;
    row.suffix = one.suffix;
    row.term = one.row->term;
    row.id = one.id;
    row.value = one.row->value;
    if (auto added = total.add(row); !added) return tl::unexpected(added.error());
  }
  std::string value;
  if (auto done = total.append_json(value); !done) return tl::unexpected(done.error());
  return value;
}

result<reduce_input> input_of(const trial& t) {
  reduce_input input;
  for (const auto& one : t.placed) {
    index_row row;
    row.term = one.row->term;
    row.value = one.row->value;
    std::string key = "[";
    if (auto done = append_key(key, row); !done) return tl::unexpected(done.error());
    key += ',';
    append_json_string(key, one.id);
    key += ']';
    input.keys.push_back(std::move(key));
    if (auto done = append_value(input.values.emplace_back(), row); !done)
      return tl::unexpected(done.error());
  }
  return input;
}

void reduce_javascript(const std::shared_ptr<trial>& t) {
  auto input = input_of(*t);
  if (!input) return t->answer.refuse(input.error());
  t->node.backend.reduce_rows(
      t->definition.reduce, {std::move(*input)}, [t](result<std::vector<std::string>> values) {
        result<std::string> reduced = fail(ec::internal, "a reduction lost a value");
        if (!values) {
          reduced = tl::unexpected(std::move(values.error()));
        } else if (!values->empty()) {
          reduced = std::move(values->front());
        }
        finish(*t, &reduced);
      });
}

void show_trial(const std::shared_ptr<trial>& t) {
  place_rows(*t);
  if (auto done = append_rows(*t); !done) return t->answer.refuse(done.error());
  append_errors(*t);
  const reduction how = reduction_of(t->definition.reduce);
  if (how == reduction::none) return finish(*t, nullptr);
  if (how == reduction::javascript && !t->placed.empty()) return reduce_javascript(t);
  const auto reduced =
      how == reduction::javascript ? result<std::string>("null") : reduce_builtin(*t, how);
  finish(*t, &reduced);
}

} // namespace

void try_query(api::exchange& x) {
  const auto bucket = x.existing_bucket();
  if (!bucket) return;
  auto definition = parse_definition(x.request.body, x.node.options.limits);
  if (!definition) return x.answer.refuse(definition.error());
  if (auto checked = check_definition(*definition); !checked)
    return x.answer.refuse(checked.error());
  auto documents = first_documents(x.node.backend.rows().snapshot(), bucket->number);
  if (!documents) return x.answer.refuse(documents.error());
  auto t = std::make_shared<trial>(
      trial{x.node, std::move(x.answer), std::move(*definition), *documents});
  x.node.backend.try_map({t->definition.map, std::move(*documents), x.request.client},
                         [t](result<trial_rows> tried) {
                           if (!tried) return t->answer.refuse(tried.error());
                           t->tried = std::move(*tried);
                           show_trial(t);
                         });
}

} // namespace treadmill::rest
