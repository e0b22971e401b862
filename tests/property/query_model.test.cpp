#include "net/http/url.hpp"
#include "tests/property/seed.hpp"
#include "tests/unit/net/rest/rest_client.hpp"
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <vector>

using treadmill::tests::rest_node;
using treadmill::tests::stream_driver;

namespace {

using generator = std::mt19937_64;

/// A term, in the place that it has in the order.
struct pool_term {
  std::string json;
  std::vector<std::string> elements{}; ///< of an array
  bool is_array() const { return json.front() == '['; }
  bool is_string() const { return json.front() == '"'; }
};

const std::vector<pool_term> pool{{"null"},
                                  {"false"},
                                  {"true"},
                                  {"-1"},
                                  {"0"},
                                  {"1.5"},
                                  {"2"},
                                  {"\"\""},
                                  {"\"a\""},
                                  {"\"a\u00e9\""},
                                  {"\"b\""},
                                  {"[]"},
                                  {"[1]", {"1"}},
                                  {"[1,1]", {"1", "1"}},
                                  {"[1,\"x\"]", {"1", "\"x\""}},
                                  {"[1,\"x\",3]", {"1", "\"x\"", "3"}},
                                  {"[\"a\"]", {"\"a\""}},
                                  {"[\"a\",2]", {"\"a\"", "2"}},
                                  {"{}"},
                                  {"{\"k\":1}"}};

struct model_row {
  size_t term = 0;
  std::string id;
  size_t emission = 0;
  int value = 0;
  friend auto operator<=>(const model_row&, const model_row&) = default;
};

struct question {
  std::optional<std::vector<size_t>> terms;
  bool one = false; ///< by `term`
  std::optional<size_t> from;
  std::optional<size_t> to;
  std::optional<size_t> prefix;
  bool inclusive_end = true;
  bool descending = false;
  std::optional<size_t> limit;
  size_t skip = 0;
  std::optional<bool> reduce;
  bool group = false;
  size_t level = 0;
};

bool begins_with(const pool_term& term, const pool_term& prefix) {
  if (prefix.is_string())
    return term.is_string() && term.json.starts_with(prefix.json.substr(0, prefix.json.size() - 1));
  return term.is_array() && term.elements.size() >= prefix.elements.size() &&
         std::equal(prefix.elements.begin(), prefix.elements.end(), term.elements.begin());
}

/// Evaluates questions the slow way.
class model {
public:
  std::map<std::string, std::vector<std::pair<size_t, int>>> documents;
  std::string reduce;

  std::vector<std::string> answer(const question& q) const {
    std::vector<std::string> rows;
    const bool reduces = !reduce.empty() && q.reduce.value_or(true);
    if (reduces && !q.group && q.level == 0) {
      rows.push_back(R"({"key":null,"value":)" + total(q) + "}");
    } else {
      for (const auto& range : ranges(q)) reduces ? add_groups(q, range, rows) : add(range, rows);
    }
    rows.erase(rows.begin(), rows.begin() + static_cast<long>(std::min(q.skip, rows.size())));
    if (q.limit && rows.size() > *q.limit) rows.resize(*q.limit);
    return rows;
  }

private:
  std::vector<model_row> sorted() const {
    std::vector<model_row> rows;
    for (const auto& [id, pairs] : documents)
      for (size_t i = 0; i < pairs.size(); ++i)
        rows.push_back({pairs[i].first, id, i, pairs[i].second});
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  static bool is_in(const question& q, size_t term) {
    const auto low = q.descending ? q.to : q.from;
    const auto high = q.descending ? q.from : q.to;
    if ((low && term < *low) || (high && term > *high)) return false;
    if (q.to && term == *q.to && !q.inclusive_end) return false;
    return !q.prefix || begins_with(pool[term], pool[*q.prefix]);
  }

  std::vector<std::vector<model_row>> ranges(const question& q) const {
    std::vector<std::vector<model_row>> found;
    const auto all = sorted();
    const auto take = [&](const auto& wanted) {
      auto& range = found.emplace_back();
      for (const model_row& row : all)
        if (wanted(row.term)) range.push_back(row);
      if (q.descending) std::reverse(range.begin(), range.end());
    };
    if (!q.terms) take([&](size_t term) { return is_in(q, term); });
    if (q.terms)
      for (const size_t one : *q.terms) take([&](size_t term) { return term == one; });
    return found;
  }

  std::string total(const question& q) const {
    int64_t sum = 0;
    size_t count = 0;
    for (const auto& range : ranges(q))
      for (const model_row& row : range) {
        sum += row.value;
        ++count;
      }
    if (reduce == "add" && count == 0) return "null";
    return std::to_string(reduce == "_count" ? static_cast<int64_t>(count) : sum);
  }

  static void add(const std::vector<model_row>& range, std::vector<std::string>& rows) {
    for (const model_row& row : range)
      rows.push_back(R"({"id":")" + row.id + R"(","key":)" + pool[row.term].json + R"(,"value":)" +
                     std::to_string(row.value) + "}");
  }

  static std::string group_of(const question& q, const pool_term& term) {
    if (q.level == 0 || !term.is_array() || term.elements.size() < q.level) return term.json;
    std::string key = "[";
    for (size_t i = 0; i < q.level; ++i) key += (i > 0 ? "," : "") + term.elements[i];
    return key + "]";
  }

  void add_groups(const question& q, const std::vector<model_row>& range,
                  std::vector<std::string>& rows) const {
    for (size_t i = 0; i < range.size();) {
      const std::string key = group_of(q, pool[range[i].term]);
      int64_t value = 0;
      for (; i < range.size() && group_of(q, pool[range[i].term]) == key; ++i)
        value += reduce == "_count" ? 1 : range[i].value;
      rows.push_back(R"({"key":)" + key + R"(,"value":)" + std::to_string(value) + "}");
    }
  }
};

size_t below(generator& random, size_t bound) {
  return std::uniform_int_distribution<size_t>(0, bound - 1)(random);
}
bool chance(generator& random, size_t one_in) { return below(random, one_in) == 0; }

question ask_something(generator& random, bool reduces) {
  question q;
  const auto term = [&] { return below(random, pool.size()); };
  switch (below(random, 6)) {
  case 0: break;
  case 1:
    q.terms = {term()};
    q.one = true;
    break;
  case 2:
    q.terms.emplace();
    for (size_t i = below(random, 5); i > 0; --i) q.terms->push_back(term());
    break;
  case 3:
    do q.prefix = term();
    while (!pool[*q.prefix].is_array() && !pool[*q.prefix].is_string());
    break;
  default:
    if (!chance(random, 3)) q.from = term();
    if (!chance(random, 3)) q.to = term();
    if (q.to) q.inclusive_end = !chance(random, 3);
  }
  q.descending = chance(random, 3);
  if (chance(random, 2)) q.limit = below(random, 6);
  if (reduces && chance(random, 3)) q.reduce = false;
  if (!reduces || q.reduce) return q;
  if (chance(random, 3)) q.group = true;
  if (!q.group && chance(random, 2)) q.level = 1 + below(random, 3);
  return q;
}

std::string target_of(const question& q) {
  std::string target = "/b/_query/q?descending=" + std::string(q.descending ? "true" : "false");
  const auto add = [&](const std::string& name, const std::string& value) {
    target += "&" + name + "=" + treadmill::http::percent_encode(value);
  };
  if (q.one) add("term", pool[q.terms->front()].json);
  if (q.terms && !q.one) {
    std::string list;
    for (const size_t one : *q.terms) list += (list.empty() ? "" : ",") + pool[one].json;
    add("terms", "[" + list + "]");
  }
  if (q.from) add("from", pool[*q.from].json);
  if (q.to) add("to", pool[*q.to].json);
  if (q.prefix) add("prefix", pool[*q.prefix].json);
  if (!q.inclusive_end) add("inclusive_end", "false");
  if (q.limit) add("limit", std::to_string(*q.limit));
  if (q.skip > 0) add("skip", std::to_string(q.skip));
  if (q.reduce) add("reduce", *q.reduce ? "true" : "false");
  if (q.group) add("group", "true");
  if (q.level > 0) add("group_level", std::to_string(q.level));
  return target;
}

std::vector<std::string> rows_of(const std::string& body, std::string& next) {
  rapidjson::Document document;
  document.Parse(body.data(), body.size());
  REQUIRE_MESSAGE(!document.HasParseError(), body);
  REQUIRE_MESSAGE(document.HasMember("rows"), body);
  std::vector<std::string> rows;
  for (const auto& row : document["rows"].GetArray()) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    row.Accept(writer);
    rows.emplace_back(buffer.GetString());
  }
  CHECK(document["count"].GetUint64() == rows.size());
  next = document.HasMember("next") ? document["next"].GetString() : "";
  return rows;
}

/// The answer, and, through all of its pages, what would be the answer without a limit.
void check_answer(rest_node& node, const model& known, question q, generator& random) {
  std::string next;
  const question first = q;
  std::vector<std::string> paged = rows_of(node.text(target_of(q)), next);
  const auto expected = known.answer(q);
  INFO(target_of(q) << " reduce " << known.reduce);
  REQUIRE(paged == expected);
  for (int pages = 0; !next.empty() && pages < 200; ++pages) {
    q.limit = 1 + below(random, 4);
    const auto page = rows_of(node.text(target_of(q) + "&after=" + next), next);
    paged.insert(paged.end(), page.begin(), page.end());
  }
  q = first;
  const bool leads_on = first.limit && *first.limit > 0 && (!first.terms || first.one);
  if (leads_on) q.limit.reset();
  CHECK(paged == known.answer(q));
  q = first;
  q.skip = below(random, 4);
  CHECK(rows_of(node.text(target_of(q)), next) == known.answer(q));
}

void change_something(rest_node& node, model& known, generator& random) {
  const std::string id = "d" + std::to_string(below(random, 12));
  if (chance(random, 5)) {
    known.documents.erase(id);
    node.send("DELETE", "/b/" + id);
    return;
  }
  auto& pairs = known.documents[id];
  pairs.clear();
  std::string text;
  for (size_t i = below(random, 5); i > 0; --i) {
    pairs.emplace_back(below(random, pool.size()), static_cast<int>(below(random, 9)) - 4);
    text += (text.empty() ? "[" : ",[") + pool[pairs.back().first].json + "," +
            std::to_string(pairs.back().second) + "]";
  }
  REQUIRE(node.send("PUT", "/b/" + id, R"({"e":[)" + text + "]}").status < 300);
}

void define(rest_node& node, model& known, generator& random) {
  static const std::array<std::string, 4> reductions{"", "_sum", "_count", "add"};
  known.reduce = reductions.at(below(random, reductions.size()));
  std::string body = R"({"map":"emits")";
  if (!known.reduce.empty()) body += R"(,"reduce":")" + known.reduce + '"';
  REQUIRE(node.send("POST", "/b/_query/q", body + "}").status < 300);
  node.text("/b/_query/q?limit=0"); // the new index answers from here on
}

} // namespace

TEST_CASE("queries answer what a slow evaluation of all documents does") {
  generator random(property_seed("queries"));
  for (int history = 0; history < 600; ++history) {
    rest_node node;
    model known;
    for (size_t i = below(random, 30); i > 0; --i) change_something(node, known, random);
    define(node, known, random);
    for (int step = 0; step < 30; ++step) {
      for (size_t i = below(random, 4); i > 0; --i) change_something(node, known, random);
      if (chance(random, 12)) define(node, known, random);
      if (chance(random, 15)) {
        REQUIRE(node.send("DELETE", "/b/_query/q").status == 200);
        define(node, known, random);
      }
      check_answer(node, known, ask_something(random, !known.reduce.empty()), random);
    }
  }
}
