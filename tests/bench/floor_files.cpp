#include "tests/bench/floor_files.hpp"
#include <fstream>
#include <stdexcept>

namespace treadmill::bench {

namespace {

// Every text is its length, a line end, and its bytes.
void put(std::ofstream& out, const std::string& text) { out << text.size() << '\n' << text; }

std::string take(std::ifstream& in) {
  size_t size = 0;
  if (!(in >> size)) throw std::runtime_error("a file of the floor is damaged");
  in.get();
  std::string text(size, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(size)))
    throw std::runtime_error("a file of the floor is damaged");
  return text;
}

void put_pairs(std::ofstream& out, const std::vector<std::pair<std::string, std::string>>& pairs) {
  put(out, std::to_string(pairs.size()));
  for (const auto& [first, second] : pairs) {
    put(out, first);
    put(out, second);
  }
}

std::vector<std::pair<std::string, std::string>> take_pairs(std::ifstream& in) {
  std::vector<std::pair<std::string, std::string>> pairs(std::stoul(take(in)));
  for (auto& [first, second] : pairs) {
    first = take(in);
    second = take(in);
  }
  return pairs;
}

} // namespace

void write_answer(const std::string& path, const kept_answer& answer) {
  std::ofstream out(path, std::ios::binary);
  put(out, std::to_string(answer.status));
  put(out, answer.content_type);
  put_pairs(out, answer.headers);
  put(out, answer.body);
}

kept_answer read_answer(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  kept_answer answer;
  answer.status = std::stoi(take(in));
  answer.content_type = take(in);
  answer.headers = take_pairs(in);
  answer.body = take(in);
  return answer;
}

void write_rows(const std::string& path, const std::vector<row>& rows) {
  std::ofstream out(path, std::ios::binary);
  put_pairs(out, rows);
}

std::vector<row> read_rows(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return take_pairs(in);
}

} // namespace treadmill::bench
