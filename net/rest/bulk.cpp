#include "net/api/answer_text.hpp"
#include "net/api/write_answers.hpp"
#include "net/rest/bulk_items.hpp"
#include "net/rest/handlers.hpp"
#include "storage/documents/names.hpp"
#include "storage/json/json.hpp"
#include <algorithm>

namespace treadmill::rest {

namespace {

void answer_bulk(api::reply& answer, const std::vector<write_outcome>& outcomes) {
  http::response made;
  made.body = R"({"status":"OK","count":)";
  api::append_number(made.body, outcomes.size());
  made.body += R"(,"results":)";
  made.body += results_of(outcomes);
  made.body += '}';
  answer(std::move(made));
}

/// Answers a refused atomic group with the error of the document at fault, and with all results.
void refuse_bulk(api::reply& answer, const std::vector<write_outcome>& outcomes) {
  const write_outcome& first = api::at_fault(outcomes);
  answer.refuse(first.problem, members_of(first) + R"(,"results":)" + results_of(outcomes));
}

/// The documents of a list of ids, from one snapshot.
class bulk_reading : public api::row_stream {
public:
  bulk_reading(read_view view, uint32_t bucket, std::vector<std::string> ids)
      : view_(std::move(view)), bucket_(bucket), ids_(std::move(ids)) {}

protected:
  state slice(std::string& out) override {
    const size_t begin = out.size();
    if (at_ == 0) out += R"({"documents":[)";
    for (size_t looked = 0; at_ < ids_.size(); ++looked, ++at_) {
      if (looked == api::slice_rows || out.size() - begin >= api::slice_bytes) return state::more;
      if (at_ > 0) out += ',';
      if (auto shown = append(out, ids_[at_]); !shown) return give_up(std::move(shown.error()));
    }
    out += R"(],"count":)";
    api::append_number(out, ids_.size());
    out += '}';
    return state::done;
  }

private:
  result<void> append(std::string& out, const std::string& id) {
    const auto there = api::append_winner(out, view_, bucket_, id);
    if (!there) return tl::unexpected(there.error());
    if (!*there) out += "null";
    return {};
  }

  read_view view_;
  uint32_t bucket_ = 0;
  std::vector<std::string> ids_;
  size_t at_ = 0;
};

} // namespace

void write_bulk(api::exchange& x) {
  if (auto checked = check_bucket_name(x.bucket()); !checked)
    return x.answer.refuse(checked.error());
  const json_limits& limits = x.node.options.limits;
  auto documents =
      x.ndjson ? parse_bulk_lines(x.request.body, limits) : parse_bulk(x.request.body, limits);
  if (!documents) return x.answer.refuse(documents.error());
  auto group = std::make_shared<write_group>();
  group->atomic = x.flag("atomic");
  group->ops.reserve(documents->size());
  for (auto& document : *documents) fill_op(group->ops.emplace_back(), document, x.flag("create"));
  if (group->ops.empty()) return answer_bulk(x.answer, {});
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  const bool atomic = group->atomic;
  x.node.backend.write(
      std::string(x.bucket()), true, std::move(group), x.request.deadline,
      [to, atomic](write_answer done) {
        if (done.problem.code != ec::none) return to->refuse(done.problem);
        const bool refused = atomic && !std::all_of(done.outcomes.begin(), done.outcomes.end(),
                                                    [](const auto& one) { return one.ok(); });
        return refused ? refuse_bulk(*to, done.outcomes) : answer_bulk(*to, done.outcomes);
      });
}

void read_bulk(api::exchange& x) {
  const auto bucket = x.existing_bucket();
  if (!bucket) return;
  auto ids = parse_string_list(x.request.body, "ids", x.node.options.limits);
  if (!ids) return x.answer.refuse(ids.error());
  api::answer_rows(x.answer, std::make_unique<bulk_reading>(x.node.backend.rows().snapshot(),
                                                            bucket->number, std::move(*ids)));
}

} // namespace treadmill::rest
