#include "net/client/import_resume.hpp"
#include "net/client/node_answer.hpp"
#include "storage/json/json.hpp"
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace treadmill::http {

namespace {

bool read_hex(const std::string& text, hash128& hash) {
  if (text.size() != 2 * hash.size()) return false;
  for (size_t i = 0; i < hash.size(); ++i) {
    const char* two = text.data() + 2 * i;
    const auto [end, problem] = std::from_chars(two, two + 2, hash[i], 16);
    if (problem != std::errc() || end != two + 2) return false;
  }
  return true;
}

} // namespace

std::optional<import_position> import_resume::find() const {
  if (path_.empty()) return std::nullopt;
  std::ifstream file(path_, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto read = parse_answer(text);
  import_position found;
  if (!read || !read_hex(text_of(*read, "read"), found.read)) return std::nullopt;
  found.documents = count_of(*read, "documents");
  found.errors = count_of(*read, "errors");
  found.id_begin = text_of(*read, "id_begin");
  found.log = text_of(*read, "log");
  found.into = text_of(*read, "into");
  found.as = text_of(*read, "as");
  if (found.documents == 0 || found.log.empty()) return std::nullopt;
  return found;
}

bool import_resume::there() const {
  std::error_code failure;
  return !path_.empty() && std::filesystem::exists(path_, failure);
}

bool import_resume::keep(const import_position& position) const {
  if (path_.empty()) return true;
  std::string text = R"({"documents":)" + std::to_string(position.documents) + R"(,"errors":)" +
                     std::to_string(position.errors) + R"(,"read":")" + to_hex(position.read) + '"';
  for (const auto& [name, value] :
       {std::pair("id_begin", &position.id_begin), std::pair("log", &position.log),
        std::pair("into", &position.into), std::pair("as", &position.as)}) {
    text += std::string(",\"") + name + "\":";
    append_json_string(text, *value);
  }
  const std::string made = path_ + ".new";
  std::ofstream file(made, std::ios::binary);
  file << text << "}\n";
  file.close();
  if (file && std::rename(made.c_str(), path_.c_str()) == 0) return true;
  std::remove(made.c_str());
  return false;
}

void import_resume::remove() const {
  if (!path_.empty()) std::remove(path_.c_str());
}

std::string_view why_begin_anew(const import_position& found, const import_position& now) {
  if (found.into != now.into) return "it was into another bucket or node";
  if (found.as != now.as) return "it had other options";
  if (now.log.empty()) return "the bucket is not there any more";
  if (found.log != now.log) return "the bucket was dropped and made anew since";
  return {};
}

} // namespace treadmill::http
