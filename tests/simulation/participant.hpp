#pragma once
#include "storage/engine/bucket_core.hpp"
#include "tests/simulation/disk_reader.hpp"
#include "tests/simulation/history.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/random_source.hpp"
#include "tests/simulation/schedule.hpp"
#include <optional>
#include <string>

namespace treadmill::simulation {

/// What a node has around it: clock, chance and network, and who takes notes.
class surroundings {
public:
  virtual ~surroundings() = default;
  virtual ticks now() const = 0;
  virtual void after(ticks wait, schedule::action what) = 0;
  virtual random_source& random() = 0;
  virtual const plan& planned() const = 0;
  virtual history& notes() = 0;
  virtual unsigned failing_commits() const = 0; ///< permille, now
  /// Hands a frame to the network.
  virtual void send(size_t from, size_t to, std::string frame) = 0;
  /// A promise is broken: the run ends.
  virtual void fail(const std::string& what) = 0;
  /// Where the planned fault is this one: whether it is to be put in now. Counts it.
  virtual bool injects(fault what) = 0;
  /// Does something by which a node loses what it has of its buckets: what no other node has is
  /// excused then.
  virtual void losing(size_t node, const std::function<void()>& loss) = 0;
  /// An operator or a client made a bucket that was dropped there.
  virtual void made_again(size_t node, const std::string& bucket) = 0;
  virtual bool tracing() const = 0;
  virtual void trace(const std::string& what) = 0;
};

/// What a node's links have counted.
struct link_counts {
  uint64_t entries = 0;
  uint64_t documents = 0;
  uint64_t fetched = 0;
  uint64_t rejected = 0;
  uint64_t restarts = 0;
  uint64_t rescans = 0;
};

/// A node of a run, whatever it runs.
class participant {
public:
  virtual ~participant() = default;

  // Life
  virtual void start() = 0; ///< from what is stored
  virtual void crash() = 0; ///< what is not durable may be lost
  virtual bool up() const = 0;
  virtual void pause(ticks until) = 0; ///< nothing of it runs until then
  virtual void wipe() = 0;             ///< a new, empty store; it is down
  virtual void keep_copy() = 0;        ///< of the store as it is now
  virtual bool set_back() = 0;         ///< to that copy, where there is one; it is down

  /// From now on it speaks the newest version of the protocol.
  virtual void upgrade() = 0;

  // Peers
  virtual void add_peer(size_t peer, bool invites) = 0;
  virtual void remove_peer(size_t peer) = 0;
  virtual bool has_peer(size_t peer) const = 0;
  virtual void receive(size_t from, std::string frame) = 0;
  virtual void connection_lost(size_t peer) = 0;

  // Clients
  virtual void write(const std::string& bucket, write_group group) = 0;
  /// Takes in what somebody made up: it keeps the form of documents, and nothing else.
  virtual void import(const std::string& bucket, replicated_document document) = 0;
  virtual void drop_bucket(const std::string& bucket) = 0;
  virtual void make_bucket(const std::string& bucket) = 0;
  virtual bool has_bucket(const std::string& bucket) const = 0;
  virtual bool has_left(const std::string& bucket) const = 0;
  /// A live leaf of the document, by chance; nothing where there is none.
  virtual std::optional<revision> some_leaf(const std::string& bucket, const std::string& id) = 0;

  // What the checker looks at
  virtual const std::string& id() const = 0;
  virtual bool idle() const = 0; ///< no write is on its way
  /// What is durable, or all that is committed.
  virtual std::optional<bucket_facts> facts(const std::string& bucket, bool durable) const = 0;
  virtual std::optional<state_facts> state(const std::string& bucket) const = 0;
  /// How far the bucket has taken in that of a peer.
  virtual std::optional<checkpoint_facts> reached(const std::string& bucket,
                                                  const participant& peer) const = 0;
  virtual std::optional<hash_bytes> chain_at(const std::string& bucket,
                                             uint64_t sequence) const = 0;
  virtual bool settled() const = 0; ///< every link is live
  virtual link_counts counts() const = 0;
  virtual uint64_t version() const = 0; ///< changes with what is durable
};

} // namespace treadmill::simulation
