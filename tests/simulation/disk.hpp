#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace treadmill::simulation {

/// The disk of a node as its store uses it: rows, written in records that are there whole or not at
/// all. A record that is not synced may be lost in a crash, with all that follow it.
class disk {
public:
  /// Changes of rows; no value: the row is removed. Later changes of a key win.
  using record = std::vector<std::pair<std::string, std::optional<std::string>>>;
  using row = std::function<bool(std::string_view key, std::string_view value)>;

  void write(record changes);
  void sync();
  /// Keeps that many of the records that are not synced, the oldest; what is kept is durable then.
  void crash(size_t kept);
  size_t unsynced() const { return unsynced_.size(); }
  uint64_t version() const { return version_; } ///< grows with every change of what is synced
  /// What is synced, as a copy of the files would have it.
  disk copy() const;

  const std::string* read_synced(std::string_view key) const;
  const std::string* read_latest(std::string_view key) const;
  /// From `from` (inclusive) to `to` (exclusive), until `each` returns false.
  void scan_synced(std::string_view from, std::string_view to, const row& each) const;
  void scan_latest(std::string_view from, std::string_view to, const row& each) const;

  // Faults of a disk that keeps less than it promises
  void lose_oldest(); ///< the oldest record that is not synced is lost, later ones are not
  void forget_synced(size_t records); ///< the last records that were synced are lost all the same
  void remember_synced(size_t records) { remembered_ = records; }

private:
  void apply(const record& changes);

  std::map<std::string, std::string, std::less<>> synced_{};
  std::deque<record> unsynced_{};
  std::map<std::string, std::optional<std::string>, std::less<>> over_{}; ///< of `unsynced_`
  uint64_t version_ = 0;
  size_t remembered_ = 0;
  std::deque<record> undo_{}; ///< of the last records that were synced, newest last
};

} // namespace treadmill::simulation
