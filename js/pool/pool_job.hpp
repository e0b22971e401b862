#pragma once
#include "js/wire/frame.hpp"
#include "js/wire/jobs.hpp"
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::js {

/// A job of a pool: a map, a reduction or a check, with its answers so far. Its items are documents
/// or calls. **Thread**: one at a time.
class pool_job {
public:
  pool_job(std::shared_ptr<const map_job> job, map_callback done);
  pool_job(reduce_job job, reduce_callback done);
  static std::unique_ptr<pool_job> check(std::shared_ptr<const function> what, map_callback done);

  const function& what() const { return *what_; }
  size_t size() const { return documents_.size() + calls_.size(); }
  bool suspect() const { return suspect_; }
  size_t answered() const { return answers_.size(); }

  /// The next items for a worker: from `answered()` on, as many as fit into `bytes` but at least
  /// one. An item that had a strike goes alone.
  struct piece {
    size_t first = 0;
    size_t count = 0;
    bool alone = false;
  };
  piece next_piece(size_t bytes) const;
  void put_request(std::string& out, uint64_t request, const piece& items) const;
  size_t item_bytes(size_t item) const;

  /// Takes the answers of a piece. True: finish the job now, even if not all items are answered.
  bool take(const piece& from, std::vector<mapped> items, size_t answer_bytes);
  /// An item of the piece killed its worker. True as for take().
  bool attribute(const piece& from, size_t item, fault problem);
  /// The worker died while it compiled the function. True: for the second time.
  bool attribute_to_function() { return ++compile_deaths_ > 1; }
  /// Its worker died of an unknown cause. True: more than `limit` times in a row.
  bool count_death(uint32_t limit) { return ++unexplained_ > limit; }
  bool needs_isolation() const { return suspect_ || struck_ || compile_deaths_ > 0; }
  void answer_item(fault problem, std::string message);

  const std::vector<mapped>& answers() const { return answers_; }
  bool is_reduction() const { return static_cast<bool>(reduced_); }
  /// Calls the callback, once.
  void finish(outcome how, std::string message);

private:
  explicit pool_job(std::shared_ptr<const function> what) : what_(std::move(what)) {}
  void add(mapped item);

  std::shared_ptr<const function> what_;
  std::shared_ptr<const map_job> map_{};  ///< nullptr: a reduction, or a check
  std::span<const document> documents_{}; ///< of `map_`
  std::vector<reduce_call> calls_{};
  bool suspect_ = false;
  bool once_ = false;
  map_callback mapped_{};
  reduce_callback reduced_{};
  std::vector<mapped> answers_{};
  size_t answer_bytes_ = 0;
  std::optional<size_t> struck_{}; ///< the item to try alone
  unsigned compile_deaths_ = 0;
  uint32_t unexplained_ = 0;
};

} // namespace treadmill::js
