#include "tests/cluster/bucket_model.hpp"
#include "storage/documents/revision.hpp"
#include "storage/engine/rows.hpp"
#include <algorithm>
#include <rapidjson/document.h>
#include <set>
#include <unordered_set>

namespace treadmill::cluster {

namespace {

constexpr size_t uuid_length = 36;
constexpr size_t most_remembered = 1000; // edits of a branch
constexpr size_t read_in_one = 10'000;

seen_entry entry_of(const rapidjson::Value& from) {
  seen_entry entry;
  if (!from.IsObject() || !from.HasMember("seq") || !from.HasMember("id") ||
      !from.HasMember("changes") || from["changes"].Size() != 1)
    return entry;
  entry.sequence = from["seq"].GetUint64();
  entry.id = from["id"].GetString();
  entry.rev = from["changes"][0].GetString();
  entry.deleted = from.HasMember("deleted") && from["deleted"].GetBool();
  return entry;
}

uint32_t number_of(const std::string& rev) {
  const auto read = parse_revision(rev);
  return read ? read->number() : 0;
}

std::string quoted_list(const std::vector<std::string>& ids) {
  std::string text = "{\"ids\":[";
  for (const std::string& id : ids) {
    if (text.size() > 8) text += ',';
    text += '"' + id + '"';
  }
  return text + "]}";
}

std::string text_of(const rapidjson::Value& from, const char* name) {
  const auto found = from.FindMember(name);
  return found != from.MemberEnd() && found->value.IsString() ? found->value.GetString() : "";
}

} // namespace

seen_entry read_entry(std::string_view json) {
  rapidjson::Document read;
  read.Parse(json.data(), json.size());
  return read.HasParseError() ? seen_entry{} : entry_of(read);
}

void bucket_model::append(seen_entry entry) {
  document& one = documents_[entry.id];
  const uint32_t number = number_of(entry.rev);
  if (number != one.sequences.size() + 1)
    complain("entry " + std::to_string(entry.sequence) + " of " + entry.id + " is " + entry.rev +
             ", the revision before it was number " + std::to_string(one.sequences.size()));
  const bool was_live = !one.sequences.empty() && !last_of(one).deleted;
  if (!one.sequences.empty() && !was_live && entry.deleted)
    complain(entry.id + " was deleted twice");
  live_ += (entry.deleted ? 0U : 1U);
  live_ -= (was_live ? 1U : 0U);
  one.sequences.push_back(entry.sequence);
  changed_.push_back(entry.id);
  suspects_.push_back(entry.id);
  entries_.push_back(std::move(entry));
}

void bucket_model::read_on(http_client& node) {
  const auto answer = node.get("/" + name_ + "/_activity?since=" + std::to_string(entries_.size()));
  if (answer.status == 404 && entries_.empty()) return; // nothing was written yet
  rapidjson::Document read;
  read.Parse(answer.body.c_str());
  if (answer.status != 200 || read.HasParseError())
    return complain("its activity was answered " + std::to_string(answer.status) + answer.problem);
  const std::string log = text_of(read, "log");
  if (!log_.empty() && log != log_) complain("the id of its log has changed");
  log_ = log;
  for (const auto& one : read["activity"].GetArray()) {
    seen_entry entry = entry_of(one);
    if (entry.sequence != entries_.size() + 1)
      return complain("sequence " + std::to_string(entry.sequence) + " follows " +
                      std::to_string(entries_.size()));
    append(std::move(entry));
  }
  if (read["last_seq"].GetUint64() != entries_.size())
    complain("last_seq is not that of its last entry");
}

void bucket_model::settle(const std::vector<write_record>& records) {
  for (const write_record& record : records) {
    for (const acknowledged_write& write : record.acknowledged)
      if (write.bucket == index_) settle_acknowledged(write);
    for (const unknown_write& write : record.unknown) {
      if (write.bucket != index_) continue;
      if (write.id.empty()) {
        ++nameless_;
        continue;
      }
      document& one = documents_[write.id];
      ++one.unknown;
      if (!write.mark.empty()) one.unknown_marks.push_back(write.mark);
    }
  }
  settle_groups(records);
  check_nothing_unexplained();
}

void bucket_model::settle_acknowledged(const acknowledged_write& write) {
  const auto found = documents_.find(write.id);
  const uint32_t number = number_of(write.rev);
  const std::string what = write.id + " " + write.rev + " (mark " + write.mark + ")";
  if (found == documents_.end() || number == 0 || number > found->second.sequences.size())
    return complain("lost: " + what + " was acknowledged");
  document& one = found->second;
  const seen_entry& entry = entries_[one.sequences[number - 1] - 1];
  if (entry.rev != write.rev)
    return complain("lost: " + what + " was acknowledged, but its place has " + entry.rev);
  if (entry.deleted != write.mark.empty()) complain(what + " is logged with the wrong `deleted`");
  if (!one.marks.emplace(write.rev, write.mark).second)
    return complain(what + " was acknowledged to two writes");
  ++one.acknowledged;
  size_t& last = one.last_of_writer[write.writer];
  if (number <= last) complain(what + " is before an earlier write of the same writer");
  last = number;
}

/// An atomic bulk without an answer is there as a whole or not at all.
void bucket_model::settle_groups(const std::vector<write_record>& records) {
  std::map<uint64_t, std::pair<size_t, size_t>> groups; // there, not there
  for (const write_record& record : records)
    for (const unknown_write& write : record.unknown) {
      if (write.bucket != index_ || write.group == 0) continue;
      auto& [there, missing] = groups[write.group];
      ++(documents_[write.id].sequences.empty() ? missing : there);
    }
  for (const auto& [group, count] : groups)
    if (count.first != 0 && count.second != 0)
      complain("an atomic bulk was applied in part: " + std::to_string(count.first) + " of " +
               std::to_string(count.first + count.second));
}

/// Whatever is in the log was acknowledged, or may have been applied without an answer: nothing
/// that was refused, and nothing twice.
void bucket_model::check_nothing_unexplained() {
  for (const std::string& id : std::exchange(suspects_, {})) {
    document& one = documents_[id];
    if (one.sequences.size() <= one.acknowledged + one.unknown) continue;
    if (id.size() == uuid_length && one.sequences.size() == 1 && nameless_ > 0) {
      --nameless_;
      ++one.unknown;
      continue;
    }
    complain(id + " has " + std::to_string(one.sequences.size()) + " entries, of which " +
             std::to_string(one.acknowledged) + " were acknowledged and " +
             std::to_string(one.unknown) + " may be there");
  }
}

void bucket_model::check_facts(http_client& node) {
  if (entries_.empty()) return;
  const auto answer = node.get("/" + name_);
  rapidjson::Document read;
  read.Parse(answer.body.c_str());
  if (answer.status != 200 || read.HasParseError())
    return complain("its facts were answered " + std::to_string(answer.status));
  const auto held = static_cast<uint64_t>(
      std::count_if(documents_.begin(), documents_.end(),
                    [](const auto& one) { return !one.second.sequences.empty(); }));
  const auto check = [&](const char* fact, uint64_t expected) {
    if (read[fact].GetUint64() != expected)
      complain(std::string(fact) + " is " + std::to_string(read[fact].GetUint64()) + ", not " +
               std::to_string(expected));
  };
  check("sequence", entries_.size());
  check("documents", live_);
  check("deleted", held - live_);
  check("conflicts", 0);
  digest_ = read["digest"].GetString();
}

void bucket_model::check_document(const std::string& id, const std::string* rev,
                                  const std::string& mark) {
  const document& one = documents_[id];
  const seen_entry& last = last_of(one);
  if (rev == nullptr) {
    if (!last.deleted) complain(id + " is missing, its last entry is " + last.rev);
    return;
  }
  if (last.deleted || *rev != last.rev)
    return complain(id + " is at " + *rev + ", its last entry is " + last.rev);
  const auto known = one.marks.find(*rev);
  const bool right = known != one.marks.end()
                         ? known->second == mark
                         : id.size() == uuid_length ||
                               std::find(one.unknown_marks.begin(), one.unknown_marks.end(),
                                         mark) != one.unknown_marks.end();
  if (!right) complain(id + " at " + *rev + " has another write's body, mark " + mark);
}

void bucket_model::check_documents(http_client& node, const std::vector<std::string>& ids) {
  const auto answer = node.send("POST", "/" + name_ + "/_get", quoted_list(ids));
  rapidjson::Document read;
  read.Parse(answer.body.c_str());
  if (answer.status != 200 || read.HasParseError() || read["documents"].Size() != ids.size())
    return complain("_get was answered " + std::to_string(answer.status) + answer.problem);
  for (rapidjson::SizeType i = 0; i < read["documents"].Size(); ++i) {
    const auto& one = read["documents"][i];
    if (one.IsNull()) {
      check_document(ids[i], nullptr, {});
      continue;
    }
    const std::string rev = text_of(one, "rev");
    check_document(ids[i], &rev, text_of(one, "mark"));
  }
}

/// The bytes that are shown have the hash that their revision names.
void bucket_model::check_text(http_client& node, const std::string& id) {
  const document& one = documents_[id];
  if (last_of(one).deleted) return;
  const auto answer = node.get("/" + name_ + "/" + id);
  const std::string& rev = last_of(one).rev;
  const std::string head = "{\"id\":\"" + id + "\",\"rev\":\"" + rev + "\",";
  const std::string shown = answer.line();
  if (answer.status != 200 || !shown.starts_with(head))
    return complain(id + " was answered " + std::to_string(answer.status));
  const std::string body = "{" + shown.substr(head.size());
  const revision parent =
      one.sequences.size() < 2
          ? revision()
          : parse_revision(entries_[one.sequences[one.sequences.size() - 2] - 1].rev).value();
  if (make_revision(parent, false, body).text() != rev)
    complain(id + ": the hash of its bytes is not that of " + rev);
}

void bucket_model::check_history(http_client& node, const std::string& id) {
  const document& one = documents_[id];
  if (last_of(one).deleted) return;
  const auto answer = node.get("/" + name_ + "/" + id + "?history=true");
  rapidjson::Document read;
  read.Parse(answer.body.c_str());
  if (answer.status != 200 || read.HasParseError() || !read.HasMember("_history"))
    return complain("the history of " + id + " was answered " + std::to_string(answer.status));
  const auto& history = read["_history"];
  if (history.Size() != std::min(one.sequences.size(), most_remembered))
    return complain("the history of " + id + " has " + std::to_string(history.Size()) +
                    " revisions of " + std::to_string(one.sequences.size()));
  for (rapidjson::SizeType i = 0; i < history.Size(); ++i)
    if (history[i] != entries_[one.sequences[one.sequences.size() - 1 - i] - 1].rev.c_str())
      return complain("the history of " + id + " is not what the log says");
}

void bucket_model::check_changed(http_client& node, std::mt19937_64& random) {
  std::sort(changed_.begin(), changed_.end());
  changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
  for (size_t done = 0; done < changed_.size(); done += read_in_one)
    check_documents(node, {changed_.begin() + static_cast<ptrdiff_t>(done),
                           changed_.begin() + static_cast<ptrdiff_t>(
                                                  std::min(changed_.size(), done + read_in_one))});
  for (int i = 0; i < 5 && !changed_.empty(); ++i) {
    const std::string& id = changed_[random() % changed_.size()];
    check_text(node, id);
    check_history(node, id);
  }
  changed_.clear();
  check_facts(node);
}

void bucket_model::check_listing(http_client& node) {
  const auto answer = node.get("/" + name_ + "/_documents?include_docs=true");
  rapidjson::Document read;
  read.Parse(answer.body.c_str());
  if (answer.status != 200 || read.HasParseError())
    return complain("its listing was answered " + std::to_string(answer.status) + answer.problem);
  std::string before;
  for (const auto& row : read["rows"].GetArray()) {
    const std::string id = row["id"].GetString();
    if (id <= before) complain("its listing is not in order at " + id);
    before = id;
    const auto known = documents_.find(id);
    if (known == documents_.end() || known->second.sequences.empty()) {
      complain("its listing has " + id + ", its log has not");
      continue;
    }
    const std::string rev = row["rev"].GetString();
    check_document(id, &rev, text_of(row["document"], "mark"));
  }
  // Every row is a live document and none is there twice, so the number says that none is missing.
  if (read["rows"].Size() != live_)
    complain("its listing has " + std::to_string(read["rows"].Size()) + " rows of " +
             std::to_string(live_));
}

std::string bucket_model::expected_digest() const {
  hash128 sum{};
  for (const auto& [id, one] : documents_) {
    if (one.sequences.empty()) continue;
    revision_tree tree;
    tree.add(parse_revision(last_of(one).rev).value(), {}, last_of(one).deleted);
    sum = add(sum, document_digest(id, tree));
  }
  return to_hex(sum);
}

void bucket_model::check_all(http_client& node, std::mt19937_64& random) {
  if (entries_.empty()) return;
  bucket_model again(name_, index_);
  again.read_on(node);
  problems.insert(problems.end(), again.problems.begin(), again.problems.end());
  if (again.entries_ != entries_) complain("its activity is not what it was");
  check_listing(node);
  check_facts(node);
  if (digest_ != expected_digest())
    complain("its digest is " + digest_ + ", not " + expected_digest());
  for (int i = 0; i < 20; ++i) {
    const std::string& id = entries_[random() % entries_.size()].id;
    check_text(node, id);
    check_history(node, id);
  }
}

} // namespace treadmill::cluster
