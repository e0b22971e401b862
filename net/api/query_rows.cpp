#include "net/api/query_rows.hpp"
#include "storage/json/json.hpp"

namespace treadmill::api {

query_row_text::query_row_text(std::string_view name, bool include_docs) {
  if (name == "key" || name == "value" || (include_docs && name == "document")) return;
  member_ = ',';
  append_json_string(member_, name);
  member_ += ':';
}

result<void> query_row_text::append(std::string& out, const index_row& row) const {
  const bool returned = row.value.empty();
  out += returned ? R"({"key":)" : R"({"id":)";
  append_json_string(out, row.id);
  if (!returned) {
    out += R"(,"key":)";
    if (auto done = append_key(out, row); !done) return done;
  }
  out += R"(,"value":)";
  const size_t begin = out.size();
  if (auto done = append_value(out, row); !done) return done;
  if (!returned || member_.empty()) return {};
  const size_t size = out.size() - begin;
  out += member_;
  out.append(out, begin, size);
  return {};
}

result<void> query_row_text::append(std::string& out, std::string_view id,
                                    const mapped_row& row) const {
  index_row one;
  one.term = row.term;
  one.id = id;
  one.value = row.value;
  auto done = append(out, one);
  out += '}';
  return done;
}

} // namespace treadmill::api
