#include "net/api/answer_text.hpp"
#include "net/rest/handlers.hpp"
#include "storage/verify/verify.hpp"
#include <mutex>
#include <utility>

namespace treadmill::rest {

namespace {

/// Time between two lines that report progress.
constexpr std::chrono::seconds progress_pause(1);

/// Checks a snapshot of a bucket: writes lines with the number of rows that were read and of
/// documents that were mapped again, then the report.
class verify_stream : public api::row_stream {
public:
  ~verify_stream() override { client_.leave(); }
  verify_stream(node_backend& backend, const bucket_info& bucket)
      : backend_(backend), check_(backend.rows().snapshot(), bucket) {}

  void start(const waker& wake) override { answer_->wake = wake; }
  clock::time_point due() const override { return next_line_; }

protected:
  state slice(std::string& out) override {
    tell_progress(out);
    if (!std::exchange(begun_, true)) return state::more; // no map runs before `start`
    if (reading_) {
      auto more = check_.advance();
      if (!more) return give_up(std::move(more.error()));
      reading_ = *more;
      return state::more;
    }
    if (mapping_) {
      auto rows = answer_->take();
      if (!rows) return state::wait;
      mapping_ = false;
      if (auto held = hold(*rows); !held) return give_up(std::move(held.error()));
    }
    auto part = check_.next_part();
    if (!part) return give_up(std::move(part.error()));
    if (*part) {
      if (!(*part)->documents.empty()) ask(std::move(**part));
      return state::more;
    }
    out += check_.report().json();
    out += '\n';
    return state::done;
  }

private:
  /// Receives the rows from the backend, which runs the maps.
  struct mapped_answer {
    std::mutex mutex{};
    std::optional<result<std::vector<run_rows>>> rows{};
    waker wake{};
    std::optional<result<std::vector<run_rows>>> take() {
      const std::lock_guard lock(mutex);
      return std::exchange(rows, std::nullopt);
    }
  };

  void tell_progress(std::string& out) {
    const auto now = clock::now();
    if (begun_ && now < next_line_) return;
    next_line_ = now + progress_pause;
    out += R"({"rows":)";
    api::append_number(out, check_.report().rows);
    out += R"(,"mapped":)";
    api::append_number(out, check_.report().mapped);
    out += "}\n";
  }

  void ask(bucket_verifier::part part) {
    mapping_ = true;
    backend_.try_map({std::move(part.map), std::move(part.documents), client_, true},
                     [to = answer_](result<trial_rows> tried) {
                       {
                         const std::lock_guard lock(to->mutex);
                         to->rows = std::move(tried).map(
                             [](trial_rows&& all) { return std::move(all.rows); });
                       }
                       to->wake();
                     });
  }

  result<void> hold(const result<std::vector<run_rows>>& rows) {
    if (rows) return check_.mapped(*rows);
    if (rows.error().code != ec::bad_map) return tl::unexpected(rows.error());
    check_.not_mapped(rows.error().reason);
    return {};
  }

  node_backend& backend_;
  bucket_verifier check_;
  std::shared_ptr<mapped_answer> answer_ = std::make_shared<mapped_answer>();
  clock::time_point next_line_{};
  bool begun_ = false;
  bool reading_ = true;
  bool mapping_ = false;                             ///< the backend is mapping a part
  client_presence client_ = client_presence::make(); ///< present while the stream exists
};

} // namespace

void verify_bucket(api::exchange& x) {
  const auto bucket = x.existing_bucket();
  if (!bucket) return;
  api::answer_rows(x.answer, std::make_unique<verify_stream>(x.node.backend, *bucket),
                   "application/x-ndjson");
}

} // namespace treadmill::rest
