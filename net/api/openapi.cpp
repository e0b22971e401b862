#include "net/api/openapi.hpp"
#include "net/api/answer_text.hpp"
#include "storage/base/json_string.hpp"

namespace treadmill::api {

namespace {

void append_schema(std::string& out, std::string_view name) {
  out += R"({"schema":{"$ref":"#/components/schemas/)";
  out += name;
  out += "\"}}";
}

void append_parameters(std::string& out, const route& row) {
  out += R"("parameters":[)";
  const size_t begin = out.size();
  const auto separate = [&] { out += out.size() == begin ? "" : ","; };
  for (std::string_view path = row.path; path.find('{') != std::string_view::npos;) {
    path.remove_prefix(path.find('{') + 1);
    separate();
    out += R"({"$ref":"#/components/parameters/)";
    out += path.substr(0, path.find('}'));
    out += "\"}";
  }
  for (const parameter& one : row.parameters) {
    separate();
    out += R"({"name":)";
    append_json_string(out, one.name);
    out += R"(,"in":"query","description":)";
    append_json_string(out, one.about);
    out += R"(,"schema":)";
    out += one.type->schema;
    out += '}';
  }
  out += "],";
}

/// `"<media type>":{"schema":…},`
void append_media(std::string& out, std::string_view type, std::string_view schema) {
  append_json_string(out, type);
  out += ':';
  append_schema(out, schema);
  out += ',';
}

void append_body(std::string& out, const request_body& body) {
  if (body.schema.empty()) return;
  out += R"("requestBody":{"required":true,"content":{)";
  append_media(out, "application/json", body.schema);
  if (body.merge_patch) append_media(out, "application/merge-patch+json", body.schema);
  if (!body.lines.empty()) append_media(out, "application/x-ndjson", body.lines);
  out.back() = '}';
  out += "},";
}

void append_content(std::string& out, const described_answer& answer) {
  if (answer.schema.empty() && answer.lines.empty() && answer.text.empty()) return;
  out += R"(,"content":{)";
  if (!answer.schema.empty()) append_media(out, "application/json", answer.schema);
  if (!answer.lines.empty()) append_media(out, "application/x-ndjson", answer.lines);
  for (const std::string_view type : answer.text) {
    append_json_string(out, type);
    out += R"(:{"schema":{"type":"string"}},)";
  }
  out.back() = '}';
}

void append_answers(std::string& out, const route& row) {
  out += R"("responses":{)";
  for (const described_answer& one : row.answers) {
    out += '"';
    append_number(out, static_cast<uint64_t>(one.status));
    out += R"(":{"description":)";
    append_json_string(out, one.about);
    append_content(out, one);
    out += "},";
  }
  out += R"("default":{"$ref":"#/components/responses/Error"}})";
}

void append_operation(std::string& out, const route& row) {
  for (const char c : to_string(row.method)) out += static_cast<char>(c + ('a' - 'A'));
  out.insert(out.size() - to_string(row.method).size(), 1, '"');
  out += R"(":{"operationId":)";
  append_json_string(out, row.name);
  out += R"(,"summary":)";
  append_json_string(out, row.summary);
  out += ',';
  append_parameters(out, row);
  append_body(out, row.body);
  append_answers(out, row);
  out += '}';
}

} // namespace

std::string openapi_text(const dialect& rules) {
  std::string out = R"({"openapi":"3.0.3","info":)";
  out += rules.info;
  out += R"(,"paths":{)";
  // The routes of a path lie together in the table.
  std::string_view before;
  for (const route& row : rules.routes) {
    if (before == row.path) {
      out += ',';
    } else {
      if (!before.empty()) out += "},";
      append_json_string(out, row.path);
      out += ":{";
    }
    append_operation(out, row);
    before = row.path;
  }
  out += R"(}},"components":)";
  out += rules.components;
  out += '}';
  return out;
}

} // namespace treadmill::api
