#pragma once
#include "storage/engine/bucket_core.hpp"
#include "storage/engine/store.hpp"
#include "tests/crash/bucket_check.hpp"
#include <map>
#include <random>
#include <string>
#include <vector>

namespace treadmill::test {

struct workload_options {
  size_t buckets = 3;       ///< at most at a time
  size_t ids = 12;          ///< of documents a bucket
  size_t body_bytes = 3000; ///< the most that an ordinary document has
  bool drops = true;
  bool interval = false; ///< commits without sync, and a sync now and then
};

/// Random writes to several buckets of a store, and what is known of them: which were acknowledged,
/// and which may be there. It drives `bucket_core` as the actors do: groups of ops, batches of
/// several buckets in one commit, a new core after a failure.
class workload {
public:
  workload(uint64_t seed, workload_options options);

  enum class outcome {
    done,
    refused,  ///< disk_full: nothing was attempted
    ambiguous ///< a commit, or a bucket's creation or drop, failed
  };
  /// One commit, creation, drop or slice of cleaning. What a follower is then shown counts as
  /// acknowledged.
  outcome step(store& rows);

  /// To be called when the store was opened again, by `try_reopen` or anew: holds all that is
  /// stored against all that is known, and goes on from there. What might have been there and is
  /// not must never be seen again. Empty: all is right; else what is wrong.
  std::string verify(const store& rows);
  /// Holds the acknowledged documents against what a store answers that stopped.
  std::string verify_reads(const store& rows);

  uint64_t acknowledged() const { return acknowledged_; } ///< document writes, all in all
  uint64_t checked() const { return checked_; }           ///< activity entries looked at

private:
  struct entry {
    std::string id{};
    std::vector<revision> changes{};
    friend bool operator==(const entry&, const entry&) = default;
  };
  enum class life { there, being_made, being_dropped };
  struct bucket {
    bucket_info info{};
    life state = life::there;
    std::map<uint64_t, entry> known{}; ///< acknowledged, or seen after an open
    std::map<uint64_t, entry> maybe{}; ///< committed without sync, or ambiguous
  };

  size_t below(size_t limit) { return random_() % limit; }
  std::string random_body();
  write_op random_op(const bucket_core& core, const store& rows, uint32_t number);
  outcome write_documents(store& rows);
  outcome create(store& rows);
  outcome drop(store& rows);
  outcome sync(store& rows);
  outcome settle(const result<void>& done);
  outcome some_step(store& rows);
  void follow(const store& rows);
  bucket_core* core_of(const store& rows, bucket& wanted);
  void note(bucket& written, const std::vector<write_outcome>& outcomes, uint64_t first_sequence,
            const std::vector<write_op>& ops);
  std::string verify_buckets(const store& rows);
  std::string verify_bucket(const store& rows, bucket& kept);

  workload_options options_;
  std::mt19937_64 random_;
  std::vector<bucket> buckets_{};
  std::map<uint32_t, bucket_core> cores_{};
  uint32_t highest_number_ = 0; ///< of a bucket that was acknowledged
  uint64_t acknowledged_ = 0;
  uint64_t checked_ = 0;
  uint64_t names_ = 0;
  std::string text_{};
  std::string problem_{}; ///< seen on the way; told by `verify`
};

} // namespace treadmill::test
