#include "tests/cluster/write_load.hpp"
#include <algorithm>
#include <rapidjson/document.h>
#include <thread>

namespace treadmill::cluster {

namespace {

constexpr size_t own_documents = 120;  // of one writer
constexpr size_t shared_documents = 8; // of a bucket
constexpr size_t large_text = 20'000;  // so that tables fill and LevelDB compacts

const header_list json_lines{{"Content-Type", "application/x-ndjson"}};

} // namespace

writer::writer(unsigned number, uint64_t seed, std::vector<std::string> buckets)
    : number_(number), random_(seed + number), buckets_(std::move(buckets)) {
  own_.reserve(own_documents);
}

write_record writer::take() { return std::exchange(record_, {}); }

void writer::run(const address& where, const std::atomic<bool>& stop) {
  client_.emplace(where);
  gone_ = false;
  if (resend_) send_again();
  while (!gone_ && !stop) step();
  client_.reset();
}

void writer::step() {
  const size_t dice = below(100);
  if (dice < 12) return create();
  if (dice < 16) return create_nameless();
  if (dice < 34) return put_with_revision();
  if (dice < 46) return put_blindly();
  if (dice < 56) return put_shared();
  if (dice < 59) return put_stale();
  if (dice < 61) return put_only_new();
  if (dice < 69) return patch();
  if (dice < 77) return remove();
  if (dice < 83) return bulk(false);
  if (dice < 89) return bulk(true);
  if (dice < 91) return refused_atomic();
  if (dice < 92) return use_short_bucket();
  read();
}

// What is written
// ------------------------------------------------------------------------------------------------

std::string writer::new_mark() {
  return std::to_string(number_) + "." + std::to_string(++counter_);
}

std::string writer::new_id() {
  return "own-" + std::to_string(number_) + "-" + std::to_string(++counter_);
}

std::string writer::document_text(const std::string& mark, const std::string& first) {
  const size_t size = below(50) == 0 ? large_text : below(160);
  std::string text(size, ' ');
  for (char& c : text) c = static_cast<char>('a' + below(26)); // so that it does not compress
  return "{" + first + "\"mark\":\"" + mark + "\",\"text\":\"" + text + "\"}";
}

std::string writer::target_of(const sent_write& what) const {
  return "/" + buckets_[what.bucket] + "/" + what.id;
}

writer::own_document& writer::any_own() {
  if (own_.size() < own_documents) {
    own_.push_back({below(buckets_.size()), new_id(), {}, false, true});
    return own_.back();
  }
  own_document& chosen = own_[below(own_.size())];
  if (below(20) == 0 && chosen.known) // now and then another one takes its place
    chosen = {below(buckets_.size()), new_id(), {}, false, true};
  return chosen;
}

/// A document of its own that is there; makes one where chance finds none.
writer::own_document& writer::live_own() {
  for (int tries = 0; tries < 8 && !own_.empty(); ++tries) {
    own_document& one = own_[below(own_.size())];
    if (one.known && one.live) return one;
  }
  own_document& made = any_own();
  if (!refresh(made) || made.live) return made;
  const sent_write what{made.bucket, made.id, new_mark(), &made};
  write("PUT", target_of(what), document_text(what.mark), {}, what, {201});
  return made;
}

/// Reads a document whose state is not known. False: the node is gone.
bool writer::refresh(own_document& own) {
  if (own.known) return true;
  const auto answer = exchange("GET", "/" + buckets_[own.bucket] + "/" + own.id);
  if (gone_) return false;
  own.live = answer.status == 200;
  own.rev = own.live ? answer.member("rev") : "";
  own.known = answer.status == 200 || answer.status == 404;
  if (!own.known) complain("a read", answer);
  return own.known;
}

// How it is sent, and what is noted
// ------------------------------------------------------------------------------------------------

http_answer writer::exchange(const std::string& method, const std::string& target,
                             const std::string& body, const header_list& headers) {
  ++record_.requests;
  http_answer answer = client_->send(method, target, body, headers);
  if (answer.status == 0) gone_ = true;
  if (answer.status == 503) {
    ++record_.refused_for_now;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return answer;
}

void writer::complain(const std::string& what, const http_answer& answer) {
  record_.problems.push_back(what + " was answered " + std::to_string(answer.status) + " " +
                             answer.body.substr(0, 300));
}

void writer::note(const http_answer& answer, const sent_write& what, uint64_t group) {
  if (answer.ok()) {
    const std::string rev = answer.member("rev");
    const std::string id = what.id.empty() ? answer.member("id") : what.id;
    record_.acknowledged.push_back({what.bucket, id, rev, what.mark, number_});
    if (what.own != nullptr) {
      what.own->live = !what.mark.empty();
      what.own->rev = what.own->live ? rev : "";
      what.own->known = true;
    }
  } else if (answer.status == 0 && answer.sent) {
    record_.unknown.push_back({what.bucket, what.id, what.mark, group});
    if (what.own != nullptr) what.own->known = false;
  }
}

void writer::write(const std::string& method, const std::string& target, const std::string& body,
                   const header_list& headers, const sent_write& what, std::vector<int> expected) {
  const auto answer = exchange(method, target, body, headers);
  note(answer, what);
  expected.insert(expected.end(), {0, 503});
  if (std::find(expected.begin(), expected.end(), answer.status) == expected.end())
    complain(method + " " + target, answer);
}

/// The same request again, after its answer was lost: it must be OK, and there once.
void writer::send_again() {
  const resend again = std::move(*resend_);
  resend_.reset();
  write("PUT", again.target, again.body, {}, again.what, {200, 201});
  if (gone_) resend_ = again;
}

// The ways to write
// ------------------------------------------------------------------------------------------------

void writer::create() {
  own_document& own = any_own();
  if (!refresh(own)) return;
  const sent_write what{own.bucket, own.id, new_mark(), &own};
  const bool live = own.live;
  write("POST", "/" + buckets_[own.bucket], document_text(what.mark, "\"id\":\"" + own.id + "\","),
        {}, what, {live ? 409 : 201});
}

void writer::create_nameless() {
  const sent_write what{below(buckets_.size()), {}, new_mark()};
  write("POST", "/" + buckets_[what.bucket], document_text(what.mark), {}, what, {201});
}

void writer::put_with_revision() {
  own_document& own = live_own();
  if (gone_ || !own.known || !own.live) return;
  const sent_write what{own.bucket, own.id, new_mark(), &own};
  const size_t way = below(3);
  if (way == 0)
    return write("PUT", target_of(what), document_text(what.mark),
                 {{"If-Match", '"' + own.rev + '"'}}, what, {200});
  std::string target = target_of(what);
  if (way == 1) target += "?rev=" + own.rev;
  const std::string body = document_text(what.mark, way == 1 ? "" : "\"rev\":\"" + own.rev + "\",");
  write("PUT", target, body, {}, what, {200});
  if (!own.known) resend_ = resend{target, body, what};
}

void writer::put_blindly() {
  own_document& own = any_own();
  if (!refresh(own)) return;
  const sent_write what{own.bucket, own.id, new_mark(), &own};
  const int expected = own.live ? 200 : 201;
  write("PUT", target_of(what), document_text(what.mark), {}, what, {expected});
}

void writer::put_shared() {
  sent_write what{below(buckets_.size()), "shared-" + std::to_string(below(shared_documents)),
                  new_mark()};
  if (below(6) == 0) {
    what.mark.clear();
    return write("DELETE", target_of(what), {}, {}, what, {200, 404});
  }
  write("PUT", target_of(what), document_text(what.mark), {}, what, {200, 201});
}

void writer::put_stale() {
  own_document& own = live_own();
  if (gone_ || !own.known || !own.live) return;
  const std::string stale = "rev1-00000000000000000000000000000000";
  const auto answer = exchange("PUT", "/" + buckets_[own.bucket] + "/" + own.id + "?rev=" + stale,
                               document_text(new_mark()));
  if (answer.status == 409 && answer.member("rev") != own.rev)
    complain("a stale PUT of " + own.id + " at " + own.rev, answer);
  if (answer.status != 409 && answer.status != 0 && answer.status != 503)
    complain("a stale PUT", answer);
}

void writer::put_only_new() {
  own_document& own = any_own();
  if (!refresh(own)) return;
  const sent_write what{own.bucket, own.id, new_mark(), &own};
  write("PUT", target_of(what), document_text(what.mark), {{"If-None-Match", "*"}}, what,
        {own.live ? 412 : 201});
}

void writer::patch() {
  own_document& own = live_own();
  if (gone_ || !own.known || !own.live) return;
  const sent_write what{own.bucket, own.id, new_mark(), &own};
  write("PATCH", target_of(what), "{\"mark\":\"" + what.mark + "\",\"patched\":true}", {}, what,
        {200});
}

void writer::remove() {
  own_document& own = any_own();
  if (!refresh(own)) return;
  const sent_write what{own.bucket, own.id, {}, &own};
  std::string target = target_of(what);
  if (own.live && below(2) == 0) target += "?rev=" + own.rev;
  const int expected = own.live ? 200 : 404;
  write("DELETE", target, {}, {}, what, {expected});
}

/// What was answered with OK before a read was asked is in that read.
void writer::read() {
  if (own_.empty()) return;
  own_document& own = own_[below(own_.size())];
  if (!own.known) return static_cast<void>(refresh(own));
  const auto answer = exchange("GET", "/" + buckets_[own.bucket] + "/" + own.id);
  if (answer.status == 0 || answer.status == 503) return;
  if (answer.status != (own.live ? 200 : 404) || (own.live && answer.member("rev") != own.rev))
    complain("a read of " + own.id + " after " + (own.live ? own.rev : "its deletion"), answer);
}

void writer::bulk(bool atomic) {
  const size_t bucket = below(buckets_.size());
  std::vector<bulk_line> lines;
  const size_t count = 2 + below(30);
  for (size_t i = 0; i < count; ++i) {
    bulk_line line{{bucket, new_id(), new_mark()}, {}};
    line.text = document_text(line.what.mark, "\"id\":\"" + line.what.id + "\",");
    lines.push_back(std::move(line));
  }
  if (!atomic) { // blind ones and deletions too
    bulk_line shared{{bucket, "shared-" + std::to_string(below(shared_documents)), new_mark()}, {}};
    shared.text = document_text(shared.what.mark, "\"id\":\"" + shared.what.id + "\",");
    bulk_line gone{{bucket, lines.front().what.id, {}}, {}};
    gone.text = "{\"id\":\"" + gone.what.id + "\",\"_deleted\":true}";
    lines.push_back(std::move(shared));
    lines.push_back(std::move(gone));
  }
  const bool as_lines = below(2) == 0;
  std::string body = as_lines ? "" : "{\"docs\":[";
  for (const bulk_line& line : lines) {
    if (!as_lines && &line != &lines.front()) body += ',';
    body += line.text;
    if (as_lines) body += '\n';
  }
  if (!as_lines) body += "]}";
  const auto answer =
      exchange("POST", "/" + buckets_[bucket] + "/_bulk" + (atomic ? "?atomic=true" : ""), body,
               as_lines ? json_lines : header_list{});
  note_bulk(answer, lines, atomic);
}

void writer::note_bulk(const http_answer& answer, const std::vector<bulk_line>& lines,
                       bool atomic) {
  if (answer.status == 503) return;
  const uint64_t group = atomic ? (uint64_t{number_} << 32U) + ++groups_ : 0;
  if (answer.status == 0) {
    for (const bulk_line& line : lines) note(answer, line.what, group);
    return;
  }
  rapidjson::Document read;
  read.Parse(answer.body.c_str());
  if (answer.status != 200 || read.HasParseError() || !read.HasMember("results") ||
      read["results"].Size() != lines.size())
    return complain("a bulk", answer);
  for (rapidjson::SizeType i = 0; i < read["results"].Size(); ++i) {
    const auto& one = read["results"][i];
    const sent_write& what = lines[i].what;
    if (!one.HasMember("rev") || one["status"] != "OK" || one["id"] != what.id.c_str())
      return complain("a document of a bulk", answer);
    record_.acknowledged.push_back(
        {what.bucket, what.id, one["rev"].GetString(), what.mark, number_});
  }
}

/// The whole group is refused for its last document, and nothing of it may be seen later.
void writer::refused_atomic() {
  own_document& own = live_own();
  if (gone_ || !own.known || !own.live) return;
  const std::string body = document_text(new_mark(), "\"id\":\"" + new_id() + "\",") + "\n" +
                           document_text(new_mark(), "\"id\":\"" + own.id +
                                                         "\",\"rev\":\"rev1-"
                                                         "11111111111111111111111111111111\",") +
                           "\n";
  const auto answer =
      exchange("POST", "/" + buckets_[own.bucket] + "/_bulk?atomic=true", body, json_lines);
  if (answer.status != 409 && answer.status != 503 && answer.status != 0)
    complain("an atomic bulk with a stale revision", answer);
}

/// Buckets that live for a moment: made, written, dropped. A drop that was answered stays.
void writer::use_short_bucket() {
  if (!dropped_.empty()) {
    const auto answer = exchange("GET", "/" + dropped_[below(dropped_.size())]);
    if (answer.status != 404 && answer.status != 0) complain("a dropped bucket", answer);
    if (gone_) return;
  }
  if (!short_bucket_) {
    short_bucket_ = "short-" + std::to_string(number_) + "-" + std::to_string(++counter_);
    short_bucket_sure_ = false;
    const auto made = exchange("PUT", "/" + *short_bucket_);
    if (made.status != 201 && made.status != 0) complain("making a bucket", made);
    const auto filled =
        gone_ ? made : exchange("POST", "/" + *short_bucket_, "{\"id\":\"a\",\"b\":1}");
    short_bucket_sure_ = filled.status == 201;
    return;
  }
  if (short_bucket_sure_) {
    const auto read = exchange("GET", "/" + *short_bucket_ + "/a");
    if (read.status != 200 && read.status != 0) complain("a document of a new bucket", read);
    if (gone_) return;
  }
  const auto dropped = exchange("DELETE", "/" + *short_bucket_);
  if (dropped.status == 503) return;
  if (short_bucket_sure_ && dropped.status != 200 && dropped.status != 0)
    complain("dropping a bucket", dropped);
  if (dropped.status == 200) dropped_.push_back(*short_bucket_);
  if (!gone_) short_bucket_.reset();
  short_bucket_sure_ = false; // without an answer it may be gone
}

} // namespace treadmill::cluster
