#pragma once
#include "js/frame.hpp"
#include "js/jobs.hpp"
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::js {

/// A job of a pool: a map, a reduction or a check, with the answers that are there so far. Its
/// items are documents or calls. **Thread**: one at a time.
class pool_job {
public:
  pool_job(std::shared_ptr<const map_job> job, map_callback done);
  pool_job(reduce_job job, reduce_callback done);
  static std::unique_ptr<pool_job> check(std::shared_ptr<const function> what, map_callback done);

  const function& what() const { return *what_; }
  const std::shared_ptr<const function>& shared_function() const { return what_; }
  size_t size() const { return documents_.size() + calls_.size(); }
  bool suspect() const { return suspect_; }
  size_t answered() const { return answers_.size(); }

  /// What goes to a worker next: items from `answered()` on, as many as `bytes` hold but at least
  /// one. The item that had a strike goes alone.
  struct piece {
    size_t first = 0;
    size_t count = 0;
    bool alone = false;
  };
  piece next_piece(size_t bytes) const;
  void put_request(std::string& out, uint64_t request, const piece& items) const;
  size_t item_bytes(size_t item) const;

  /// Takes the answers of a piece. True: the job is answered as far as it goes.
  bool take(const piece& from, std::vector<mapped> items, size_t answer_bytes);
  /// An item of the piece killed its worker. True as for take().
  bool blame(const piece& from, size_t item, fault problem);
  /// The compiler was killed. True: for the second time.
  bool blame_function() { return ++compile_deaths_ > 1; }
  /// Its worker died, and it is not known that this job did it. True: too often.
  bool bear(uint32_t limit) { return ++unexplained_ > limit; }
  bool delicate() const { return suspect_ || struck_ || compile_deaths_ > 0; }
  void answer_item(fault problem, std::string message);

  const std::vector<mapped>& answers() const { return answers_; }
  bool is_reduction() const { return static_cast<bool>(reduced_); }
  /// Calls back, once.
  void finish(outcome how, std::string message);

private:
  explicit pool_job(std::shared_ptr<const function> what) : what_(std::move(what)) {}
  void add(mapped item);

  std::shared_ptr<const function> what_;
  std::shared_ptr<const map_job> map_{};  ///< nullptr: a reduction, or a check
  std::span<const document> documents_{}; ///< of it
  std::vector<reduce_call> calls_{};
  bool suspect_ = false;
  bool once_ = false;
  map_callback mapped_{};
  reduce_callback reduced_{};
  std::vector<mapped> answers_{};
  size_t answer_bytes_ = 0;
  std::optional<size_t> struck_{}; ///< the item that is to be tried alone
  unsigned compile_deaths_ = 0;
  uint32_t unexplained_ = 0;
};

} // namespace treadmill::js
