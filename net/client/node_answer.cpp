#include "net/client/node_answer.hpp"

namespace treadmill::http {

namespace {

/// nullptr if there is none.
const rapidjson::Value* member_of(const rapidjson::Value& from, const char* name) {
  const auto found = from.FindMember(name);
  return found == from.MemberEnd() ? nullptr : &found->value;
}

} // namespace

result<rapidjson::Document> parse_answer(const std::string& text) {
  rapidjson::Document read;
  read.Parse<rapidjson::kParseIterativeFlag>(text.c_str(), text.size());
  if (read.HasParseError() || !read.IsObject())
    return fail(ec::internal, "this is not a Treadmill node");
  return read;
}

std::string text_of(const rapidjson::Value& from, const char* name) {
  const rapidjson::Value* found = member_of(from, name);
  if (found == nullptr || !found->IsString()) return {};
  return {found->GetString(), found->GetStringLength()};
}

double number_of(const rapidjson::Value& from, const char* name) {
  const rapidjson::Value* found = member_of(from, name);
  return found != nullptr && found->IsNumber() ? found->GetDouble() : 0;
}

uint64_t count_of(const rapidjson::Value& from, const char* name) {
  const rapidjson::Value* found = member_of(from, name);
  return found != nullptr && found->IsUint64() ? found->GetUint64() : 0;
}

const rapidjson::Value* list_of(const rapidjson::Value& from, const char* name) {
  const rapidjson::Value* found = member_of(from, name);
  return found != nullptr && found->IsArray() ? found : nullptr;
}

std::vector<const rapidjson::Value*> objects_of(const rapidjson::Value& from, const char* name) {
  std::vector<const rapidjson::Value*> objects;
  const rapidjson::Value* list = list_of(from, name);
  if (list == nullptr) return objects;
  for (const rapidjson::Value& one : list->GetArray())
    if (one.IsObject()) objects.push_back(&one);
  return objects;
}

result<std::vector<std::string>> buckets_of(node_client& node) {
  const auto listed = node.get("/_system/buckets");
  if (!listed) return tl::unexpected(listed.error());
  const auto read = parse_answer(*listed);
  if (!read || list_of(*read, "buckets") == nullptr)
    return fail(ec::internal, "the list of buckets is not that of a node");
  std::vector<std::string> names;
  for (const auto* one : objects_of(*read, "buckets")) names.push_back(text_of(*one, "name"));
  return names;
}

} // namespace treadmill::http
