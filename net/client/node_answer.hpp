#pragma once
#include "net/client/node_client.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <rapidjson/document.h>
#include <string>
#include <vector>

/// Reads the REST answers of a node, for other files of this folder. Includes RapidJSON, so only
/// .cpp files include it.
namespace treadmill::http {

/// Errors: internal (not a JSON object).
result<rapidjson::Document> parse_answer(const std::string& text);

/// The value of a member; empty or 0 if there is none of that type.
std::string text_of(const rapidjson::Value& from, const char* name);
double number_of(const rapidjson::Value& from, const char* name);
uint64_t count_of(const rapidjson::Value& from, const char* name);
/// The array in a member; nullptr if it is not an array.
const rapidjson::Value* list_of(const rapidjson::Value& from, const char* name);
/// The objects in the array of a member.
std::vector<const rapidjson::Value*> objects_of(const rapidjson::Value& from, const char* name);

/// The names of a node's buckets. Errors: those of the client; internal (the answer is not a
/// node's).
result<std::vector<std::string>> buckets_of(node_client& node);

} // namespace treadmill::http
