#pragma once
#include "tests/actors/actor_world.hpp"
// The type ids come first.
#include "actors/bucket_actor.hpp"
#include "actors/defaults.hpp"
#include <deque>
#include <doctest/doctest.h>

namespace treadmill::test {

/// A storage actor whose answers the test gives by hand. A message that it does not expect fails
/// the test. Answers go to the bucket as messages: a promise may be kept by its own actor alone.
struct scripted_storage {
  bucket_actor bucket{};
  size_t begins = 0;
  std::deque<commit_batch> commits{};

  void begin(uint64_t epoch) { give(epoch_begun{epoch, ec::none, {}}); }
  void refuse_begin(ec code) { give(epoch_begun{0, code, "no"}); }
  /// Writes the batch to the store, as the real one does, and says so.
  void commit(store& rows, bool sync = true) {
    REQUIRE(!commits.empty());
    const row_batch* batch = commits.front().rows.get();
    REQUIRE(rows.commit({&batch, 1}, sync));
    answer(ec::none, sync);
  }
  void answer(ec code, bool synced = false) {
    REQUIRE(!commits.empty());
    const commit_batch& front = commits.front();
    caf::anon_send(bucket, batch_done{front.epoch, front.number, code, "said the test", synced});
    commits.pop_front();
  }

private:
  void give(epoch_begun answer) {
    REQUIRE(begins > 0);
    --begins;
    caf::anon_send(bucket, std::move(answer));
  }
};

inline storage_actor::behavior_type scripted(storage_actor::pointer self,
                                             scripted_storage* script) {
  return {
      [=](const begin_epoch&) -> caf::result<epoch_begun> {
        ++script->begins;
        return self->make_response_promise<epoch_begun>();
      },
      [=](const commit_batch& batch) -> caf::result<batch_done> {
        script->commits.push_back(batch);
        return self->make_response_promise<batch_done>();
      },
      [](const make_bucket&) -> caf::result<bucket_facts> {
        FAIL("a bucket makes no bucket");
        return bucket_facts{};
      },
      [](const drop_bucket&) -> caf::result<bucket_facts> {
        FAIL("a bucket drops no bucket");
        return bucket_facts{};
      },
      [](const begin_index&) -> caf::result<index_begun> {
        FAIL("a bucket begins no index");
        return index_begun{};
      },
      [](const commit_index&) -> caf::result<index_committed> {
        FAIL("a bucket writes no index");
        return index_committed{};
      },
      [](const drop_query&) -> caf::result<index_committed> {
        FAIL("a bucket drops no query");
        return index_committed{};
      },
      [](const keep_peers&) -> caf::result<peers_kept> {
        FAIL("a bucket knows no peers");
        return peers_kept{};
      },
      [](flush_batch) { FAIL("only storage flushes itself"); },
      [](tick) { FAIL("only storage ticks itself"); },
  };
}

inline follower_actor::behavior_type note_sequences(follower_actor::pointer,
                                                    std::vector<uint64_t>* sequences) {
  return {[=](const activity_advanced& news) { sequences->push_back(news.sequence); }};
}

/// Two of them are enough to be handed over.
inline std::vector<write_op> large_documents(size_t count) {
  const std::string body =
      R"({"text":")" + std::string(defaults::bulk_batch_bytes / 2, 'x') + "\"}";
  std::vector<write_op> ops;
  for (size_t i = 0; i < count; ++i) ops.push_back(put("d" + std::to_string(i), body));
  return ops;
}

struct bucket_world : actor_world {
  bucket_world() {
    info = *rows->create_bucket("b");
    storage = system.spawn(scripted, &script);
    follower = system.spawn(note_sequences, &sequences);
    bucket_options options{info.number, rows, storage, {follower}, {}, {}, counters};
    options.clock = [this] { return now += each_look; };
    subject = system.spawn(bucket, options);
    script.bucket = subject;
    run();
  }
  ~bucket_world() {
    script.bucket = bucket_actor();
    for (const auto& actor :
         {caf::actor_cast<caf::actor>(subject), caf::actor_cast<caf::actor>(storage),
          caf::actor_cast<caf::actor>(follower)}) {
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    }
    run();
  }
  /// As a peer link sends it: documents of one edit each, and how far the peer's log is then.
  void merge(std::optional<ec>& answer, const std::vector<write_op>& ops, uint64_t reached) {
    auto batch = documents_of(ops);
    batch->peer_id = "peer";
    batch->run = 1;
    batch->first = first_of_run;
    batch->reached = checkpoint{{1}, reached, {2}};
    merge(std::move(batch), [&answer](const auto& done) { answer = done.code; });
  }
  /// As an import comes.
  void import(std::optional<replication::batch_outcome>& answer, const std::vector<write_op>& ops,
              steady_time deadline = soon()) {
    auto batch = documents_of(ops);
    batch->first = true;
    merge(
        std::move(batch), [&answer](const auto& done) { answer = done; }, deadline);
  }
  std::shared_ptr<replication::apply_batch> documents_of(const std::vector<write_op>& ops) const {
    auto batch = std::make_shared<replication::apply_batch>();
    batch->bucket = info.number;
    batch->limits = limits;
    for (const write_op& op : ops) {
      replicated_document document;
      document.id = op.id;
      const revision rev = make_revision({}, false, op.body);
      document.tree.add(rev, {}, false);
      if (with_bodies) document.bodies.push_back({rev, op.body});
      batch->documents.push_back(std::move(document));
    }
    return batch;
  }
  void merge(std::shared_ptr<replication::apply_batch> batch,
             std::function<void(const replication::batch_outcome&)> answer,
             steady_time deadline = steady_time::max()) {
    auto carried = std::make_shared<reply<replication::batch_outcome>>(
        std::move(answer), replication::batch_outcome{ec::ambiguous, {}, {}});
    caf::anon_send(subject,
                   merge_documents{std::move(batch), reopens, std::move(carried), deadline});
  }
  std::optional<uint64_t> stored_checkpoint() const {
    const auto bytes = rows->latest().read(keys::checkpoint(info.number, "peer"));
    if (!bytes || !*bytes) return std::nullopt;
    return checkpoint::decode(**bytes)->sequence;
  }
  void write(answer_box& box, std::vector<write_op> ops, steady_time deadline = soon(),
             bool atomic = false) {
    caf::anon_send(subject,
                   write_documents{group(std::move(ops), atomic), deadline, box.reply_to_here()});
  }

  /// The bucket's clock; it moves with each look at it.
  steady_time now = std::chrono::steady_clock::now();
  std::chrono::milliseconds each_look{0};
  bool with_bodies = true; ///< of what is merged
  bool first_of_run = true;
  tree_limits limits{}; ///< of what is merged
  uint64_t reopens = 0; ///< when what is merged was read
  scripted_storage script{};
  std::vector<uint64_t> sequences{};
  bucket_info info{};
  storage_actor storage{};
  follower_actor follower{};
  bucket_actor subject{};
};

} // namespace treadmill::test
