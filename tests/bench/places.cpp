#include "tests/bench/places.hpp"
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <stdexcept>

namespace treadmill::bench {

namespace {

std::vector<std::string> read_places(const std::string& file, size_t count) {
  std::ifstream in(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  rapidjson::Document read;
  read.Parse(text.c_str(), text.size());
  if (read.HasParseError() || !read.IsArray() || read.Empty())
    throw std::runtime_error(file + " is not a list of places");
  std::vector<std::string> texts;
  for (const auto& one : read.GetArray()) {
    if (texts.size() == count) break;
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    one.Accept(writer);
    texts.emplace_back(buffer.GetString(), buffer.GetSize());
  }
  return texts;
}

std::vector<std::string> make_places(size_t count) {
  std::mt19937_64 random(171'075);
  const auto below = [&](unsigned end) { return static_cast<unsigned>(random() % end); };
  const auto letter = [&] { return static_cast<char>('a' + below(26)); };
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; ++i) {
    std::string name(3 + below(14), ' ');
    std::generate(name.begin(), name.end(), letter);
    const std::string country{static_cast<char>('A' + below(26)),
                              static_cast<char>('A' + below(26))};
    char text[256];
    std::snprintf(text, sizeof text,
                  R"({"name":"%s","lat":"%u.%05u","lng":"%u.%05u","country":"%s",)"
                  R"("admin1":"%02u","admin2":"%u"})",
                  name.c_str(), below(90), below(100'000), below(180), below(100'000),
                  country.c_str(), below(100), below(1'000'000));
    texts.emplace_back(text);
  }
  return texts;
}

std::vector<std::string> bodies_of(size_t count, size_t in_one, const std::string& begin,
                                   const std::function<std::string(size_t)>& document) {
  std::vector<std::string> bodies;
  for (size_t done = 0; done < count; done += in_one) {
    std::string body = begin;
    for (size_t i = done; i < std::min(count, done + in_one); ++i) {
      if (i > done) body += ',';
      body += document(i);
    }
    bodies.push_back(body + "]}");
  }
  return bodies;
}

} // namespace

places::places(const std::string& file, size_t count)
    : texts_(file.empty() ? make_places(count) : read_places(file, count)),
      kind_(file.empty() ? "made-up places" : "places") {}

std::string places::id(size_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "place-%08zu", number);
  return text;
}

std::vector<std::string> places::bulks(size_t count, size_t in_one, size_t first) const {
  return bodies_of(count, in_one, R"({"docs":[)", [&](size_t i) {
    return R"({"id":")" + id(first + i) + "\"," + text(first + i).substr(1);
  });
}

std::vector<std::string> places::couch_bulks(size_t count, size_t in_one, bool replicas) const {
  const std::string begin = replicas ? R"({"new_edits":false,"docs":[)" : R"({"docs":[)";
  return bodies_of(count, in_one, begin, [&](size_t i) {
    char rev[64];
    std::snprintf(rev, sizeof rev, R"("_rev":"1-%032zx",)", i);
    return R"({"_id":")" + id(i) + "\"," + (replicas ? rev : "") + text(i).substr(1);
  });
}

} // namespace treadmill::bench
