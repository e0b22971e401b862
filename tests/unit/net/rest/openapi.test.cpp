#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>
#include <set>

using treadmill::tests::rest_node;

namespace {

rapidjson::Document described() {
  rest_node node;
  const auto got = node.get("/_system/openapi.json");
  CHECK(got.content_type == "application/json");
  rapidjson::Document document;
  document.Parse(got.body.data(), got.body.size());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

/// Calls `visit` with every `$ref` below `value`.
template<class Visit>
void each_reference(const rapidjson::Value& value, const Visit& visit) {
  if (value.IsArray())
    for (const auto& item : value.GetArray()) each_reference(item, visit);
  if (!value.IsObject()) return;
  for (const auto& member : value.GetObject()) {
    if (member.name == "$ref") visit(std::string(member.value.GetString()));
    each_reference(member.value, visit);
  }
}

/// OpenAPI's `nullable` in the words of JSON Schema, and objects closed: a member that the
/// description does not name is a fault.
void to_json_schema(rapidjson::Value& value, rapidjson::Document::AllocatorType& memory,
                    bool composed = false) {
  if (value.IsArray())
    for (auto& item : value.GetArray()) to_json_schema(item, memory, composed);
  if (!value.IsObject()) return;
  for (auto& member : value.GetObject()) {
    const std::string name = member.name.GetString();
    to_json_schema(member.value, memory, name == "allOf" || name == "anyOf" || name == "oneOf");
  }
  if (!composed && value.HasMember("properties") && value["properties"].IsObject() &&
      !value.HasMember("additionalProperties"))
    value.AddMember("additionalProperties", false, memory);
  if (!value.HasMember("nullable")) return;
  value.RemoveMember("nullable");
  rapidjson::Value schema(value, memory);
  rapidjson::Value nothing(rapidjson::kObjectType);
  nothing.AddMember("type", "null", memory);
  rapidjson::Value either(rapidjson::kArrayType);
  either.PushBack(nothing, memory).PushBack(schema, memory);
  value.SetObject().AddMember("anyOf", either, memory);
}

/// What is wrong with an answer beside its schema; empty: nothing.
std::string fault_of(const std::string& answer, const std::string& schema) {
  rapidjson::Document body;
  body.Parse(answer.data(), answer.size());
  if (body.HasParseError()) return "it is no JSON";
  rapidjson::Document rules = described();
  to_json_schema(rules["components"]["schemas"], rules.GetAllocator());
  rapidjson::Value all(rapidjson::kArrayType);
  rapidjson::Value one(rapidjson::kObjectType);
  one.AddMember("$ref", rapidjson::Value(schema.c_str(), rules.GetAllocator()),
                rules.GetAllocator());
  all.PushBack(one, rules.GetAllocator());
  rules.AddMember("allOf", all, rules.GetAllocator());
  const rapidjson::SchemaDocument compiled(rules);
  rapidjson::SchemaValidator validator(compiled);
  if (body.Accept(validator)) return {};
  rapidjson::StringBuffer place;
  validator.GetInvalidDocumentPointer().StringifyUriFragment(place);
  return std::string(place.GetString()) + " breaks " + validator.GetInvalidSchemaKeyword();
}

std::string read_all(std::unique_ptr<treadmill::http::body_stream> stream) {
  treadmill::tests::stream_driver driver(std::move(stream));
  CHECK(driver.run() == treadmill::http::body_stream::state::done);
  return driver.take();
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(c - ('a' - 'A'));
  return text;
}

} // namespace

TEST_CASE("the description names exactly the routes that there are") {
  rest_node node;
  const auto document = described();
  CHECK(std::string(document["openapi"].GetString()) == "3.0.3");
  CHECK(document["info"].HasMember("title"));
  CHECK(document["info"].HasMember("version"));
  std::set<std::string> in_description;
  for (const auto& path : document["paths"].GetObject())
    for (const auto& operation : path.value.GetObject())
      CHECK(in_description.insert(upper(operation.name.GetString()) + ' ' + path.name.GetString())
                .second);
  const auto routes = treadmill::rest::native().routes;
  std::set<std::string> in_table;
  for (const auto& row : routes)
    in_table.insert(std::string(to_string(row.method)) + ' ' + std::string(row.path));
  CHECK(in_table.size() == routes.size());
  CHECK(in_table == in_description);
}

TEST_CASE("every operation is complete") {
  const auto document = described();
  std::set<std::string> names;
  for (const auto& path : document["paths"].GetObject()) {
    const std::string pattern = path.name.GetString();
    for (const auto& operation : path.value.GetObject()) {
      INFO(pattern);
      CHECK(names.insert(operation.value["operationId"].GetString()).second);
      CHECK(operation.value["summary"].GetStringLength() > 0);
      std::set<std::string> parameters;
      std::set<std::string> pieces; // of the path
      for (const auto& one : operation.value["parameters"].GetArray()) {
        const std::string name = one.HasMember("$ref")
                                     ? std::string(one["$ref"].GetString())
                                           .substr(sizeof("#/components/parameters/") - 1)
                                     : one["name"].GetString();
        CHECK(parameters.insert(name).second);
        if (one.HasMember("$ref")) pieces.insert(name);
      }
      for (const std::string piece : {"bucket", "id", "name", "peer", "file"})
        CHECK(pieces.contains(piece) == (pattern.find("{" + piece + "}") != std::string::npos));
      CHECK(operation.value["responses"].MemberCount() >= 2);
      for (const auto& answer : operation.value["responses"].GetObject())
        CHECK((answer.value.HasMember("description") || answer.value.HasMember("$ref")));
      const std::string method = operation.name.GetString();
      const bool only_starts = pattern == "/_system/compact";
      CHECK(operation.value.HasMember("requestBody") ==
            (method == "patch" || (method == "post" && !only_starts) ||
             (method == "put" && pieces.contains("id"))));
    }
  }
}

TEST_CASE("every reference of the description leads somewhere") {
  const auto document = described();
  int references = 0;
  each_reference(document, [&](const std::string& reference) {
    ++references;
    INFO(reference);
    const rapidjson::Pointer pointer(reference.c_str());
    CHECK(pointer.IsValid());
    CHECK(pointer.Get(document) != nullptr);
  });
  CHECK(references > 30);
}

TEST_CASE("every route of the table answers as described") {
  const auto document = described();
  for (const auto& path : document["paths"].GetObject()) {
    for (const auto& operation : path.value.GetObject()) {
      rest_node node;
      node.send("PUT", "/b/d", R"({"n":1})");
      node.send("POST", "/b/_query/q", R"({"map":"returns"})");
      node.send("POST", "/_system/peers", R"({"zmq_uri":"tcp://box2:1445"})");
      std::string target = path.name.GetString();
      if (const size_t at = target.find("{bucket}"); at != std::string::npos)
        target.replace(at, 8, "b");
      if (const size_t at = target.find("{id}"); at != std::string::npos)
        target.replace(at, 4, "d");
      if (const size_t at = target.find("{name}"); at != std::string::npos)
        target.replace(at, 6, "q");
      if (const size_t at = target.find("{peer}"); at != std::string::npos)
        target.replace(at, 6, "box2");
      if (const size_t at = target.find("{file}"); at != std::string::npos)
        target.replace(at, 6, "console.css");
      const std::string method = upper(operation.name.GetString());
      std::string body;
      if (operation.value.HasMember("requestBody")) {
        const rapidjson::Pointer schema("/requestBody/content/application~1json/schema/$ref");
        const std::string name = schema.Get(operation.value)->GetString();
        body = name.ends_with("/Bulk")          ? R"({"docs":[{}]})"
               : name.ends_with("/ExportLine")  ? R"({"count":0})"
               : name.ends_with("/Ids")         ? R"({"ids":["d"]})"
               : name.ends_with("/PeerRequest") ? R"({"zmq_uri":"tcp://box3:1445"})"
               : name.find("/Definition") != std::string::npos
                   ? R"({"map":"returns","reduce":"_count"})"
                   : R"({"n":2})";
      }
      INFO(method << ' ' << target);
      auto got = node.send(method, target, body);
      CHECK(got.status < 300);
      CHECK(got.route == operation.value["operationId"].GetString());
      const auto& answers = operation.value["responses"];
      const std::string status = std::to_string(got.status);
      REQUIRE(answers.HasMember(status.c_str()));
      const auto& content = answers[status.c_str()]["content"];
      const std::string type = got.content_type.substr(0, got.content_type.find(';'));
      REQUIRE(content.HasMember(type.c_str()));
      const auto& schema = content[type.c_str()]["schema"];
      if (!schema.HasMember("$ref")) continue; // text
      const std::string text = got.stream ? read_all(std::move(got.stream)) : got.body;
      const bool lines = type == "application/x-ndjson";
      for (size_t at = 0; at < text.size();) {
        const size_t end = lines ? std::min(text.find('\n', at), text.size()) : text.size();
        CHECK(fault_of(text.substr(at, end - at), schema["$ref"].GetString()) == "");
        at = end + 1;
      }
    }
  }
}

TEST_CASE("answers of all kinds have the form that the description says") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  node.send("PUT", "/b/e", R"({"n":2})");
  node.send("DELETE", "/b/e");
  node.send("POST", "/b/_query/q", R"({"map":"returns"})");
  node.send("POST", "/b/_query/r", R"({"map":"emits","reduce":"_count"})");
  node.send("POST", "/_system/peers", R"({"zmq_uri":"tcp://box2:1445"})");
  const std::vector<std::pair<std::string, std::string>> reads{
      {"/b/_documents?include_docs=true", "Listing"},
      {"/b/_documents?limit=1", "Listing"},
      {"/b/_activity?include_docs=true", "Activity"},
      {"/b/d?conflicts=true&history=true", "Document"},
      {"/b/none", "Error"},
      {"/b/_query/q?include_docs=true", "Answer"},
      {"/b/_query/r", "Answer"},
      {"/b/_query/r?group=true", "Answer"},
      {"/b/_query/r?reduce=false", "Answer"},
      {"/_system/peers/box2", "Peer"}};
  for (const auto& [target, schema] : reads) {
    INFO(target);
    CHECK(fault_of(node.text(target), "#/components/schemas/" + schema) == "");
  }
  const auto bulk = node.send("POST", "/b/_bulk", R"({"docs":[{"id":"d"},{"id":"_x"},{"n":1}]})");
  CHECK(fault_of(bulk.body, "#/components/schemas/BulkWritten") == "");
  const auto atomic =
      node.send("POST", "/b/_bulk?atomic=true", R"({"docs":[{"id":"f"},{"id":"_x"}]})");
  CHECK(atomic.status == 400);
  CHECK(fault_of(atomic.body, "#/components/schemas/Error") == "");
}

TEST_CASE("a member that the description does not name is found") {
  CHECK(fault_of(R"({"status":"OK"})", "#/components/schemas/Ok") == "");
  CHECK(fault_of(R"({"status":"OK","more":1})", "#/components/schemas/Ok") != "");
  CHECK(fault_of(R"({"status":1})", "#/components/schemas/Ok") != "");
  CHECK(fault_of("{}", "#/components/schemas/Ok") != "");
}
