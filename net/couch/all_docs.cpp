#include "net/couch/answers.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/id_listing.hpp"
#include "net/couch/names.hpp"
#include "storage/json/json_cursor.hpp"
#include <utility>

namespace treadmill::couch {

namespace {

constexpr std::string_view designs = "_design/";
constexpr size_t most_queries = 1000; ///< of one request

/// One list, or an array of lists in the member `results`.
class listing_stream : public api::row_stream {
public:
  listing_stream(listed_documents from, std::vector<listing> asked, bool many)
      : from_(std::move(from)), asked_(std::move(asked)), many_(many) {}

protected:
  state slice(std::string& out) override {
    if (many_ && next_ == 0 && !listing_) out += R"({"results":[)";
    if (!listing_ && next_ < asked_.size()) {
      if (next_ > 0) out += ',';
      listing_.emplace(from_, std::move(asked_[next_]));
    }
    if (listing_) {
      const auto more = listing_->slice(out);
      if (!more) return give_up(more.error());
      if (*more) return state::more;
      listing_.reset();
      if (++next_ < asked_.size()) return state::more;
    }
    if (many_) out += "]}";
    return state::done;
  }

private:
  listed_documents from_;
  std::vector<listing> asked_;
  const bool many_;
  size_t next_ = 0; ///< of asked_
  std::optional<id_listing> listing_{};
};

/// The members of an object in stored form, and behind them the parameters of the query.
class parameters_of {
public:
  parameters_of(const api::exchange& x, std::string_view object) : x_(x) {
    const auto take = [&](std::string_view name, std::string_view value) {
      members_.emplace_back(name.substr(1, name.size() - 2), value);
      return result<void>();
    };
    if (!object.empty()) is_object_ = object.starts_with('{') && each_member(object, take);
  }
  bool is_object() const { return is_object_; }
  std::optional<std::string_view> operator()(std::string_view name) const {
    for (const auto& [member, value] : members_)
      if (member == name && value != "null") return value;
    return x_.text(name);
  }

private:
  const api::exchange& x_;
  std::vector<std::pair<std::string_view, std::string_view>> members_{};
  bool is_object_ = true;
};

outcome<listing> read_one(const api::exchange& x, std::string_view object) {
  const parameters_of parameters(x, object);
  if (!parameters.is_object()) return fault(bad_request("a query must be an object"));
  return read_listing([&](std::string_view name) { return parameters(name); },
                      x.node.options.limits);
}

outcome<std::vector<listing>> read_queries(const api::exchange& x, std::string_view stored) {
  std::string_view queries;
  if (stored.starts_with('{')) {
    const auto read = each_member(stored, [&](std::string_view name, std::string_view value) {
      if (name == "\"queries\"") queries = value;
      return result<void>();
    });
    if (!read) return fault(of(read.error()));
  }
  json_cursor in(queries);
  if (!in.take('[')) return fault(bad_request("the body must have an array queries"));
  std::vector<listing> asked;
  size_t keys = 0; // of all of them
  while (!in.take(']')) {
    if (asked.size() == most_queries || keys > x.node.options.limits.items)
      return fault(too_large("there are too many queries, or keys in them"));
    std::string_view one;
    if (!in.take_value(one)) return fault(of({ec::internal, "a stored form cannot be read"}));
    auto read = read_one(x, one);
    if (!read) return fault(std::move(read.error()));
    if (read->keys) keys += read->keys->size();
    asked.push_back(std::move(*read));
    in.take(',');
  }
  return asked;
}

void answer_lists(api::exchange& x, const database& from, std::string_view prefix,
                  std::vector<listing> asked, bool many) {
  listed_documents documents{x.node.backend.rows().snapshot(), from.bucket, std::string(prefix)};
  api::answer_rows(x.answer,
                   std::make_unique<listing_stream>(std::move(documents), std::move(asked), many));
}

void list(api::exchange& x, std::string_view prefix) {
  const auto from = find_database(x);
  if (!from) return;
  std::string body;
  if (x.where->method == api::verb::post && !x.request.body.empty()) {
    auto stored = read_json(x.request.body, x.node.options.limits);
    if (!stored) return refuse(x.answer, stored.error());
    body = std::move(*stored);
  }
  auto asked = read_one(x, body);
  if (!asked) return refuse(x.answer, asked.error());
  std::vector<listing> lists;
  lists.push_back(std::move(*asked));
  answer_lists(x, *from, prefix, std::move(lists), false);
}

void list_queries(api::exchange& x, std::string_view prefix) {
  const auto from = find_database(x);
  if (!from) return;
  const auto stored = read_json(x.request.body, x.node.options.limits);
  if (!stored) return refuse(x.answer, stored.error());
  auto asked = read_queries(x, *stored);
  if (!asked) return refuse(x.answer, asked.error());
  answer_lists(x, *from, prefix, std::move(*asked), true);
}

} // namespace

void list_all_docs(api::exchange& x) { list(x, {}); }
void list_design_docs(api::exchange& x) { list(x, designs); }
void query_all_docs(api::exchange& x) { list_queries(x, {}); }
void query_design_docs(api::exchange& x) { list_queries(x, designs); }

} // namespace treadmill::couch
