#pragma once
#include "net/http.hpp"
#include "storage/bucket_core.hpp"
#include "storage/store.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace treadmill::rest {

/// What happened to a group of writes: either all outcomes, in order, or one problem of the whole
/// (overloaded, shutting_down, deadline_exceeded, ambiguous, disk_full, …), in which case nothing
/// is known to have been applied.
struct write_answer {
  error problem{ec::none, {}};
  std::vector<write_outcome> outcomes;
};

/// Facts that only the running node has, for /_system and the metrics.
struct node_facts {
  std::string name;
  std::string node_id;
  std::string version;
  std::string durability;
  double uptime_seconds = 0;
  uint64_t commits = 0;           ///< group commits since the start
  uint64_t committed_batches = 0; ///< batches in them
  uint64_t failed_commits = 0;
  std::vector<uint64_t>
      fsync_histogram; ///< counts per bound of metrics.hpp's latency bounds, one more for the rest
  double fsync_seconds = 0;   ///< sum
  uint64_t queued_writes = 0; ///< writes accepted and not yet answered
  uint64_t restarts = 0;      ///< actors that died and were restarted
};

/// The node behind the REST routes: what they cannot do by reading the store. Implemented by the
/// actors' REST gateway, and by a plain object in the tests of the routes. **Thread**: any; no call
/// blocks; each callback is called exactly once, from any thread.
class node_backend {
public:
  virtual ~node_backend() = default;

  virtual const store& rows() const = 0;
  /// Applies writes to a bucket, made where it is missing and `make_bucket`; else not_found.
  virtual void write(std::string bucket, bool make_bucket, std::shared_ptr<const write_group> group,
                     http::clock::time_point deadline,
                     std::function<void(write_answer)> answer) = 0;
  /// Makes a bucket; `created` is false where it was there.
  virtual void create_bucket(std::string name, http::clock::time_point deadline,
                             std::function<void(result<bool> created)> answer) = 0;
  virtual void drop_bucket(std::string name, http::clock::time_point deadline,
                           std::function<void(result<void>)> answer) = 0;
  /// Calls `wake` whenever the bucket (by number) has new activity that is durable
  /// (`rows().synced()`) or was dropped, until the returned handle is destroyed.
  virtual std::shared_ptr<void> follow(uint32_t bucket, http::waker wake) = 0;

  virtual node_facts facts() const = 0;
  virtual bool ready() const = 0;    ///< takes writes
  virtual bool stopping() const = 0; ///< feeds end themselves
};

} // namespace treadmill::rest
