#include "net/http/url.hpp"
#include "storage/base/hash.hpp"
#include "storage/documents/revision.hpp"
#include "tests/property/seed.hpp"
#include "tests/unit/net/rest/rest_client.hpp"
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <rapidjson/document.h>
#include <set>

using treadmill::make_revision;
using treadmill::revision;
using treadmill::tests::answer;
using treadmill::tests::rest_node;

namespace {

using generator = std::mt19937_64;
using members = std::vector<std::pair<std::string, int>>;

std::string text_of(const members& body) {
  std::string text = "{";
  for (const auto& [name, value] : body)
    text += (text.size() > 1 ? ",\"" : "\"") + name + "\":" + std::to_string(value);
  return text + "}";
}

/// One document as its clients know it: a line of edits, since nothing merges here.
struct model_document {
  std::vector<revision> line; ///< oldest first
  std::vector<bool> tombstones;
  members body;
  bool live() const { return !line.empty() && !tombstones.back(); }
  revision current() const { return line.empty() ? revision{} : line.back(); }
};

struct model_entry {
  std::string id;
  revision rev;
  bool deleted = false;
};

/// What a write answers.
struct expected {
  int status = 200;
  revision rev{}; ///< empty: none is named
};

struct write {
  enum class kind { post, put, patch, remove } what = kind::put;
  std::string id;
  std::optional<revision> rev;
  members body;
  std::vector<std::string> nulls; ///< members that a patch removes
};

/// The rules of DESIGN, sections 3 to 5, for one client at a time.
class model {
public:
  std::map<std::string, model_document> documents;
  std::vector<model_entry> log;

  expected apply(const write& w) {
    if (w.id.starts_with('_')) return {400, {}};
    model_document& doc = documents[w.id];
    switch (w.what) {
    case write::kind::post: return doc.live() ? expected{409, doc.current()} : edit(doc, w, 201);
    case write::kind::put: return put(doc, w);
    case write::kind::patch: return patch(doc, w);
    case write::kind::remove: return remove(doc, w);
    }
    return {};
  }

private:
  /// The edit that this one repeats, if it does.
  static std::optional<revision> repeated(const model_document& doc, const revision& parent,
                                          const revision& made) {
    for (size_t i = 0; i + 1 < doc.line.size(); ++i)
      if (doc.line[i] == parent && doc.line[i + 1] == made) return made;
    return std::nullopt;
  }

  expected add(model_document& doc, const std::string& id, const revision& made, bool deleted,
               int status) {
    doc.line.push_back(made);
    doc.tombstones.push_back(deleted);
    log.push_back({id, made, deleted});
    return {status, made};
  }

  expected edit(model_document& doc, const write& w, int status) {
    doc.body = w.body;
    return add(doc, w.id, make_revision(doc.current(), false, text_of(w.body)), false, status);
  }

  expected put(model_document& doc, const write& w) {
    const bool holds = !w.rev || (doc.live() && *w.rev == doc.current());
    if (holds) return edit(doc, w, doc.live() ? 200 : 201);
    const auto made = repeated(doc, *w.rev, make_revision(*w.rev, false, text_of(w.body)));
    return made ? expected{200, *made} : expected{409, doc.current()};
  }

  expected patch(model_document& doc, const write& w) {
    if (!doc.live()) return {404, {}};
    if (w.rev && *w.rev != doc.current()) return {409, doc.current()};
    write merged = w;
    merged.body = doc.body;
    for (const auto& change : w.body) {
      const auto found = std::find_if(merged.body.begin(), merged.body.end(),
                                      [&](const auto& one) { return one.first == change.first; });
      if (found == merged.body.end()) {
        merged.body.push_back(change);
      } else {
        found->second = change.second;
      }
    }
    std::erase_if(merged.body, [&](const auto& one) {
      return std::find(w.nulls.begin(), w.nulls.end(), one.first) != w.nulls.end();
    });
    return edit(doc, merged, 200);
  }

  expected remove(model_document& doc, const write& w) {
    if (w.rev && !(doc.live() && *w.rev == doc.current())) {
      if (const auto made = repeated(doc, *w.rev, make_revision(*w.rev, true, "")))
        return {200, *made};
      return doc.live() ? expected{409, doc.current()} : expected{404, {}};
    }
    if (!doc.live()) return {404, {}};
    return add(doc, w.id, make_revision(doc.current(), true, ""), true, 200);
  }
};

const std::array<std::string, 7> ids{"hot", "a", "a/b", "ü", "100%", "z z", "\xF0\x9F\x98\x80"};

class random_writes {
public:
  random_writes(generator& random, const model& state) : random_(random), state_(state) {}

  size_t below(size_t bound) { return static_cast<size_t>(random_() % bound); }

  write any() {
    write w;
    w.what = static_cast<write::kind>(below(4));
    // One document is changed so often that its older ancestry leaves its row.
    w.id = below(3) == 0 ? ids[below(ids.size())] : ids[0];
    if (w.id == ids[0] && w.what == write::kind::remove && below(4) != 0) w.what = write::kind::put;
    w.body = body();
    if (w.what != write::kind::post && below(2) == 0) w.rev = some_revision(w);
    if (w.what == write::kind::patch && below(2) == 0) {
      w.nulls.push_back(std::string(1, static_cast<char>('p' + below(4))));
      std::erase_if(w.body, [&](const auto& one) { return one.first == w.nulls[0]; });
    }
    return w;
  }

private:
  members body() {
    members made;
    for (char name = 'p'; name < 't'; ++name)
      if (below(2) == 0) made.emplace_back(std::string(1, name), static_cast<int>(below(3)));
    return made;
  }

  /// The current one, an older one, or one that never was.
  revision some_revision(write& w) {
    const auto found = state_.documents.find(w.id);
    if (found == state_.documents.end() || found->second.line.empty() || below(10) == 0)
      return revision(static_cast<uint32_t>(1 + below(5)), "0123456789abcdef0123456789abcdef");
    const auto& line = found->second.line;
    if (below(3) != 0) return line.back();
    const size_t at = below(line.size());
    if (at + 1 == line.size()) w.body = found->second.body; // perhaps what made the current one
    return line[at];
  }

  generator& random_;
  const model& state_;
};

std::string quoted(const std::string& text) { return '"' + text + '"'; }

std::string with_names(const write& w, bool id, bool rev) {
  std::string text;
  const auto add = [&](const std::string& member) { text += (text.empty() ? "" : ",") + member; };
  if (id) add("\"id\":" + quoted(w.id));
  if (rev && w.rev) add("\"rev\":" + quoted(w.rev->text()));
  for (const auto& [name, value] : w.body) add(quoted(name) + ":" + std::to_string(value));
  for (const auto& name : w.nulls) add(quoted(name) + ":null");
  return "{" + text + "}";
}

answer send(rest_node& node, const write& w, bool rev_in_url) {
  std::string target = "/b/" + treadmill::http::percent_encode(w.id);
  if (w.rev && (rev_in_url || w.what == write::kind::remove)) target += "?rev=" + w.rev->text();
  switch (w.what) {
  case write::kind::post: return node.send("POST", "/b", with_names(w, true, false));
  case write::kind::put: return node.send("PUT", target, with_names(w, rev_in_url, !rev_in_url));
  case write::kind::patch: return node.send("PATCH", target, with_names(w, false, !rev_in_url));
  case write::kind::remove: return node.send("DELETE", target);
  }
  return {};
}

std::string revision_text(const revision& rev) { return rev.empty() ? "" : rev.text(); }

rapidjson::Document parsed(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

std::string rev_in(const rapidjson::Value& value) {
  return value.HasMember("rev") ? value["rev"].GetString() : "";
}

const std::map<std::string, int> statuses{
    {"bad_id", 400}, {"conflict", 409}, {"not_found", 404}, {"not_applied", 424}};

void write_one(rest_node& node, model& state, random_writes& random) {
  const write w = random.any();
  const expected wanted = state.apply(w);
  const answer got = send(node, w, random.below(2) == 0);
  REQUIRE(got.status == wanted.status);
  REQUIRE(got.rev() == revision_text(wanted.rev));
}

/// A bulk speaks of puts and deletions alone, some of them with an id that is refused.
void write_bulk(rest_node& node, model& state, random_writes& random, bool atomic) {
  model after = state;
  std::string docs;
  std::vector<expected> wanted;
  std::optional<size_t> first_refused;
  const size_t count = 1 + random.below(8);
  for (size_t i = 0; i < count; ++i) {
    write w = random.any();
    if (w.what != write::kind::remove) w.what = write::kind::put;
    w.nulls.clear();
    if (random.below(atomic ? 60 : 15) == 0) w.id = "_bad";
    std::string doc = with_names(w, true, true);
    if (w.what == write::kind::remove) doc.insert(doc.size() - 1, ",\"_deleted\":true");
    docs += (docs.empty() ? "" : ",") + doc;
    wanted.push_back(after.apply(w));
    if (!first_refused && wanted.back().status >= 400) first_refused = i;
  }
  const auto got =
      node.send("POST", atomic ? "/b/_bulk?atomic=true" : "/b/_bulk", "{\"docs\":[" + docs + "]}");
  const bool refused = atomic && first_refused;
  REQUIRE(got.status == (refused ? wanted[*first_refused].status : 200));
  const auto body = parsed(got.body);
  REQUIRE(body["results"].Size() == count);
  for (rapidjson::SizeType i = 0; i < count; ++i) {
    const auto& result = body["results"][i];
    const bool ok = std::string(result["status"].GetString()) == "OK";
    if (refused && i != *first_refused) {
      REQUIRE(std::string(result["error"].GetString()) == "not_applied");
      continue;
    }
    REQUIRE(ok == (wanted[i].status < 400));
    if (!ok) REQUIRE(statuses.at(result["error"].GetString()) == wanted[i].status);
    REQUIRE(rev_in(result) == revision_text(wanted[i].rev));
  }
  if (!refused) state = after;
}

void check_documents(rest_node& node, const model& state) {
  std::map<std::string, std::string> live;
  size_t deleted = 0;
  treadmill::hash128 digest{};
  for (const auto& [id, doc] : state.documents) {
    const std::string target = "/b/" + treadmill::http::percent_encode(id);
    if (doc.line.empty()) {
      REQUIRE(node.get(target).reason() == "missing");
      continue;
    }
    const std::string rev = doc.current().text();
    digest = treadmill::add(digest, treadmill::hash_parts({id, rev + "\n"}));
    const answer got = node.get(target + "?history=true");
    if (!doc.live()) {
      ++deleted;
      REQUIRE(got.reason() == "deleted");
      continue;
    }
    live[id] = rev;
    REQUIRE(got.body.ends_with(text_of(doc.body).substr(1)));
    const auto body = parsed(got.body);
    std::vector<std::string> line;
    for (const auto& one : body["_history"].GetArray()) line.emplace_back(one.GetString());
    const size_t kept = std::min<size_t>(doc.line.size(), treadmill::defaults::revision_depth);
    REQUIRE(line.size() == kept);
    for (size_t i = 0; i < kept; ++i) REQUIRE(line[i] == doc.line[doc.line.size() - 1 - i].text());
  }
  const auto rows = parsed(node.text("/b/_documents"));
  REQUIRE(rows["rows"].Size() == live.size());
  auto next = live.begin();
  for (const auto& row : rows["rows"].GetArray()) {
    REQUIRE(row["id"].GetString() == next->first);
    REQUIRE(row["rev"].GetString() == next->second);
    ++next;
  }
  const answer facts = node.get("/b");
  const auto numbers = parsed(facts.body);
  REQUIRE(numbers["documents"].GetUint64() == live.size());
  REQUIRE(numbers["deleted"].GetUint64() == deleted);
  REQUIRE(numbers["conflicts"].GetUint64() == 0);
  REQUIRE(numbers["sequence"].GetUint64() == state.log.size());
  REQUIRE(facts.member("digest") == treadmill::to_hex(digest));
}

void check_activity(rest_node& node, const model& state) {
  const auto all = parsed(node.text("/b/_activity"));
  REQUIRE(all["activity"].Size() == state.log.size());
  REQUIRE(all["last_seq"].GetUint64() == state.log.size());
  std::map<std::string, uint64_t> latest;
  for (rapidjson::SizeType i = 0; i < state.log.size(); ++i) {
    const auto& entry = all["activity"][i];
    REQUIRE(entry["seq"].GetUint64() == i + 1); // without a gap
    REQUIRE(entry["id"].GetString() == state.log[i].id);
    REQUIRE(entry["changes"].Size() == 1);
    REQUIRE(entry["changes"][0].GetString() == state.log[i].rev.text());
    REQUIRE(entry.HasMember("deleted") == state.log[i].deleted);
    latest[state.log[i].id] = i + 1;
  }
  const auto shown = parsed(node.text("/b/_activity?latest=true&include_docs=true"));
  REQUIRE(shown["activity"].Size() == latest.size());
  for (const auto& entry : shown["activity"].GetArray()) {
    const std::string id = entry["id"].GetString();
    const model_document& doc = state.documents.at(id);
    REQUIRE(entry["seq"].GetUint64() == latest.at(id));
    REQUIRE(entry["changes"][0].GetString() == doc.current().text());
    REQUIRE(entry.HasMember("document") == doc.live());
    if (doc.live()) REQUIRE(rev_in(entry["document"]) == doc.current().text());
  }
}

} // namespace

TEST_CASE("random writes over REST leave what a simple model says") {
  const uint64_t seed = property_seed("rest_model");
  for (uint64_t run = 0; run < 8; ++run) {
    INFO("seed " << seed << ", run " << run);
    generator random(seed + run);
    rest_node node;
    node.send("PUT", "/b");
    model state;
    random_writes writes(random, state);
    for (int step = 0; step < 400; ++step) {
      INFO("step " << step);
      if (writes.below(8) == 0) {
        write_bulk(node, state, writes, writes.below(2) == 0);
      } else {
        write_one(node, state, writes);
      }
      if (step % 100 == 99) {
        check_documents(node, state);
        check_activity(node, state);
      }
    }
    REQUIRE(state.documents["hot"].line.size() > 150);
  }
}
