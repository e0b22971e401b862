#include "tests/unit/net/rest_client.hpp"
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
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
  const auto routes = node.api.routes();
  const std::set<std::string> in_table(routes.begin(), routes.end());
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
      const auto got = node.send(method, target, body);
      CHECK(got.status < 300);
      CHECK(got.route == operation.value["operationId"].GetString());
      const auto& answers = operation.value["responses"];
      const std::string status = std::to_string(got.status);
      REQUIRE(answers.HasMember(status.c_str()));
      const auto& content = answers[status.c_str()]["content"];
      CHECK(content.HasMember(got.content_type.substr(0, got.content_type.find(';')).c_str()));
    }
  }
}

TEST_CASE("the members that the description requires are in the answers") {
  const auto document = described();
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  node.send("POST", "/b/_query/q", R"({"map":"returns"})");
  node.send("POST", "/_system/peers", R"({"zmq_uri":"tcp://box2:1445"})");
  const std::vector<std::pair<std::string, std::string>> reads{
      {"/_system", "Node"},           {"/_system/buckets", "Buckets"}, {"/b", "Bucket"},
      {"/b/_documents", "Listing"},   {"/b/_conflicts", "Conflicts"},  {"/b/_activity", "Activity"},
      {"/b/d", "Document"},           {"/_system/health", "Ok"},       {"/b/none", "Error"},
      {"/b/_query", "Queries"},       {"/b/_query/q", "Answer"},       {"/_system/peers", "Peers"},
      {"/_system/peers/box2", "Peer"}};
  for (const auto& read : reads) {
    const auto& [target, schema] = read;
    INFO(read.first);
    rapidjson::Document body;
    const std::string text = node.get(target).body;
    body.Parse(text.data(), text.size());
    REQUIRE_FALSE(body.HasParseError());
    const auto& shape = document["components"]["schemas"][schema.c_str()];
    if (!shape.HasMember("required")) continue;
    for (const auto& member : shape["required"].GetArray())
      CHECK_MESSAGE(body.HasMember(member.GetString()), member.GetString());
  }
}
