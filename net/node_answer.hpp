#pragma once
#include "net/node_client.hpp"
#include "storage/result.hpp"
#include <cstdint>
#include <rapidjson/document.h>
#include <string>
#include <vector>

/// Reads what a node answers over REST, for those of this folder that ask one. Brings RapidJSON
/// along: included by sources alone.
namespace treadmill::http {

/// Errors: internal (it is no JSON object).
result<rapidjson::Document> parse_answer(const std::string& text);

/// The value of a member; empty or 0 where there is none of that kind.
std::string text_of(const rapidjson::Value& from, const char* name);
double number_of(const rapidjson::Value& from, const char* name);
uint64_t count_of(const rapidjson::Value& from, const char* name);
/// The array that a member is; nullptr where it is none.
const rapidjson::Value* list_of(const rapidjson::Value& from, const char* name);
/// The objects in it.
std::vector<const rapidjson::Value*> objects_of(const rapidjson::Value& from, const char* name);

/// The names of a node's buckets. Errors: those of asking; internal (it is no node).
result<std::vector<std::string>> buckets_of(node_client& node);

} // namespace treadmill::http
