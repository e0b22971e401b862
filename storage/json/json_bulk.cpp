#include "storage/base/text_lines.hpp"
#include "storage/json/json_documents.hpp"
#include <utility>

namespace treadmill {

namespace {

using documents = std::vector<result<client_document>>;

/// Watches a text `{"docs":[…]}`, in which the members of documents have depth 3.
class document_list final : public json_watcher {
public:
  explicit document_list(const json_limits& limits) : json_watcher(3), limits_(limits) {}

  void member(size_t depth, std::string_view text, size_t at) override {
    if (depth == 3 && in_list()) return taker_.member(text, at);
    if (depth != 1) return;
    if (text.substr(at) == "\"docs\"")
      list_at_ = text.size() + 1; // after the ':'
    else
      has_others_ = true;
  }

  size_t value(size_t depth, bool in_array, std::string_view text) override {
    if (depth == 3 && in_list()) taker_.value(text, true);
    if (depth != 2 || !in_array || !in_list()) return text.size();
    // Each element is removed once it is read; only the comma before the next element stays.
    const size_t begin = list_at_ + 1;
    auto document =
        taker_.finish(text, text[begin] == ',' ? begin + 1 : begin, limits_.document_bytes);
    if (all_.size() < limits_.items)
      all_.push_back(std::move(document));
    else
      refused = error{ec::too_large, "there are more documents than the limit"};
    return begin;
  }

  result<documents> finish(std::string_view text) {
    if (text.front() != '{') return fail(ec::not_object, "the text must be a JSON object");
    if (has_others_) return fail(ec::bad_request, "beside docs there must be no other member");
    if (list_at_ == 0 || text[list_at_] != '[')
      return fail(ec::bad_request, "the member docs must be a list of documents");
    return std::move(all_);
  }

private:
  bool in_list() const { return list_at_ != 0 && !has_others_; }

  const json_limits limits_;
  document_taker taker_;
  documents all_;
  size_t list_at_ = 0; ///< position of the value of `docs`
  bool has_others_ = false;
};

} // namespace

result<documents> parse_bulk(std::string_view text, const json_limits& limits) {
  document_list list(limits);
  json_reader reader(limits.depth + 2, &list); // a document may nest as deep as a single one
  if (auto read = reader.read(text); !read) return tl::unexpected(std::move(read.error()));
  return list.finish(reader.written());
}

result<documents> parse_bulk_lines(std::string_view text, const json_limits& limits,
                                   size_t first_line) {
  documents all;
  single_document document(true);
  json_reader reader(limits.depth, &document);
  const auto take = [&](size_t number, std::string_view line) -> result<void> {
    if (const auto written = reader.read(line); !written)
      return tl::unexpected(in_line(number, written.error()));
    if (all.size() == limits.items)
      return fail(ec::too_large, "there are more documents than the limit");
    auto taken = document.finish(reader.written(), limits.document_bytes);
    if (!taken) taken = tl::unexpected(in_line(number, taken.error()));
    all.push_back(std::move(taken));
    return {};
  };
  if (auto read = each_line(text, take, first_line); !read)
    return tl::unexpected(std::move(read.error()));
  return all;
}

} // namespace treadmill
