#include "net/api/answer_text.hpp"
#include "net/rest/handlers.hpp"
#include "net/rest/import_lines.hpp"
#include "storage/base/text_lines.hpp"
#include "storage/documents/document_line.hpp"
#include "storage/documents/names.hpp"

namespace treadmill::rest {

tree_limits trees_of(const api::exchange& x) {
  return x.flag("restore") ? tree_limits{} : imported_tree;
}

result<void> read_import_lines(std::string_view text, api::merged_lines& into, size_t first_line) {
  const auto take = [&](size_t number, std::string_view line) -> result<void> {
    if (line.starts_with(export_first_line) || line.starts_with(export_last_line)) return {};
    return into.add(number, line);
  };
  return each_line(text, take, first_line);
}

void import_documents(api::exchange& x) {
  if (auto checked = check_bucket_name(x.bucket()); !checked)
    return x.answer.refuse(checked.error());
  merge_request asked;
  asked.limits = trees_of(x);
  asked.deadline = x.request.deadline;
  api::merged_lines lines(x.node.options.limits, asked.limits);
  if (auto read = read_import_lines(x.request.body, lines); !read)
    return x.answer.refuse(read.error());
  auto documents = lines.take();
  if (!documents) return x.answer.refuse(documents.error());
  asked.documents = std::move(*documents);
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  x.node.backend.merge(std::string(x.bucket()), std::move(asked),
                       [to, count = lines.lines()](const merge_answer& done) {
                         std::string id;
                         if (!done.id.empty()) append_json_string(id += R"(,"id":)", done.id);
                         if (done.problem.code != ec::none) return to->refuse(done.problem, id);
                         http::response made;
                         made.body = R"({"status":"OK","count":)";
                         api::append_number(made.body, count);
                         made.body += '}';
                         (*to)(std::move(made));
                       });
}

} // namespace treadmill::rest
