#include "tests/cluster/place_updater.hpp"
#include "storage/documents/revision.hpp"
#include <algorithm>
#include <rapidjson/document.h>
#include <thread>

namespace treadmill::cluster {

namespace {

const std::string bucket = "/places";

} // namespace

std::string marked(const std::string& mark, const std::string& text) {
  return "{\"mark\":\"" + mark + "\"," + text.substr(1);
}

place_updater::place_updater(unsigned number, std::vector<known_place> own, size_t in_one)
    : number_(number), own_(std::move(own)), in_one_(in_one) {}

void place_updater::run(const address& where, const std::atomic<bool>& stop) {
  client_.emplace(where);
  gone_ = false;
  while (!gone_ && !stop && !done()) step();
  client_.reset();
}

void place_updater::step() {
  if (in_one_ > 1) return replace_many();
  switch (at_ % 20) {
  case 0: return change("DELETE", {});
  case 1:
    if (!created_again_) return change("DELETE", {});
    return change("PUT", marked(mark_of(at_), own_[at_].text));
  case 2: return change("PATCH", "{\"mark\":\"" + mark_of(at_) + "\",\"admin2\":null}");
  default: return replace();
  }
}

void place_updater::next() {
  const bool first_of_two = at_ % 20 == 1 && in_one_ == 1 && !created_again_;
  created_again_ = first_of_two;
  unsure_ = false;
  if (!first_of_two) ++at_;
}

std::string place_updater::mark_of(size_t place) const {
  return std::to_string(number_) + "." + std::to_string(place);
}

/// The revision that a replacement must get.
std::string place_updater::expected(size_t place) const {
  const known_place& one = own_[place];
  return make_revision(parse_revision(one.rev).value(), false, marked(mark_of(place), one.text))
      .text();
}

http_answer place_updater::exchange(const std::string& method, const std::string& target,
                                    const std::string& body, const header_list& headers) {
  ++record_.requests;
  auto answer = client_->send(method, target, body, headers);
  gone_ = answer.status == 0;
  if (answer.status == 503) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return answer;
}

void place_updater::complain(const std::string& what, const http_answer& answer) {
  record_.problems.push_back(what + " was answered " + std::to_string(answer.status) + " " +
                             answer.body.substr(0, 300));
  gone_ = true;
}

void place_updater::note(known_place& place, const std::string& rev, const std::string& mark) {
  record_.acknowledged.push_back({0, place.id, rev, mark, number_});
  place.rev = mark.empty() ? "" : rev;
  ++acknowledged_;
}

/// With the revision that it replaces: may be sent any number of times.
void place_updater::replace() {
  known_place& one = own_[at_];
  const std::string mark = mark_of(at_);
  const std::string wanted = expected(at_);
  const auto answer =
      exchange("PUT", bucket + "/" + one.id + "?rev=" + one.rev, marked(mark, one.text));
  if (answer.status == 0 && answer.sent) record_.unknown.push_back({0, one.id, mark});
  if (answer.status == 0 || answer.status == 503) return;
  if (answer.status != 200 || answer.member("rev") != wanted)
    return complain("a PUT of " + one.id + " that makes " + wanted, answer);
  note(one, wanted, mark);
  next();
}

/// PATCH, DELETE, and the PUT of what is not there.
void place_updater::change(const std::string& method, const std::string& body) {
  if (unsure_ && was_done()) return;
  if (gone_) return;
  known_place& one = own_[at_];
  const std::string mark = method == "DELETE" ? "" : mark_of(at_);
  std::string target = bucket + "/" + one.id;
  if (!one.rev.empty()) target += "?rev=" + one.rev;
  const int wanted = one.rev.empty() ? 201 : 200;
  const auto answer = exchange(method, target, body);
  if (answer.status == 0 && answer.sent) {
    record_.unknown.push_back({0, one.id, mark});
    unsure_ = true;
  }
  if (answer.status == 0 || answer.status == 503) return;
  if (answer.status != wanted) return complain(method + " " + target, answer);
  note(one, answer.member("rev"), mark);
  next();
}

/// Reads what became of the change that was not answered; goes on to the next if it was made.
bool place_updater::was_done() {
  known_place& one = own_[at_];
  const auto answer = exchange("GET", bucket + "/" + one.id, {});
  if (gone_ || answer.status == 503) return true; // not to be known now
  if (answer.status != 200 && answer.status != 404) {
    complain("a read of " + one.id, answer);
    return true;
  }
  const std::string rev = answer.status == 200 ? answer.member("rev") : "";
  unsure_ = false;
  if (rev == one.rev) return false;
  one.rev = rev;
  next();
  return true;
}

void place_updater::replace_many() {
  const size_t end = std::min(own_.size(), at_ + in_one_);
  std::string body;
  for (size_t i = at_; i < end; ++i)
    body += "{\"id\":\"" + own_[i].id + "\",\"rev\":\"" + own_[i].rev + "\"," +
            marked(mark_of(i), own_[i].text).substr(1) + "\n";
  const auto answer =
      exchange("POST", bucket + "/_bulk", body, {{"Content-Type", "application/x-ndjson"}});
  if (answer.status == 0 && answer.sent)
    for (size_t i = at_; i < end; ++i) record_.unknown.push_back({0, own_[i].id, mark_of(i)});
  if (answer.status == 0 || answer.status == 503) return;
  note_many(answer, end);
}

void place_updater::note_many(const http_answer& answer, size_t end) {
  rapidjson::Document read;
  read.Parse(answer.body.c_str());
  if (answer.status != 200 || read.HasParseError() || read["results"].Size() != end - at_)
    return complain("a bulk", answer);
  for (const auto& result : read["results"].GetArray()) {
    const std::string wanted = expected(at_);
    if (!result.HasMember("rev") || result["status"] != "OK" || result["rev"] != wanted.c_str())
      return complain("a document of a bulk, " + own_[at_].id, answer);
    note(own_[at_], wanted, mark_of(at_));
    ++at_;
  }
}

} // namespace treadmill::cluster
