#include "net/api/answer_text.hpp"
#include "net/api/query_answer.hpp"
#include "storage/base/defaults.hpp"
#include "storage/index/index_reader.hpp"
#include "storage/index/index_reduction.hpp"
#include <iterator>
#include <limits>
#include <mutex>
#include <vector>

namespace treadmill::api {

namespace {

/// Groups whose values a JavaScript reduction computes in one piece of the answer.
constexpr size_t groups_at_once = 64;
/// Without grouping, more values than this are reduced to one before more are added.
constexpr size_t most_values = 64;

grouping grouping_of(const query_request& asked) {
  if (asked.group) return {grouping::by::term, 0};
  if (const auto level = asked.group_level.value_or(0))
    return {grouping::by::elements, static_cast<size_t>(level)};
  return {};
}

/// Iterates over the groups that the answer to a request shows.
///
/// Without grouping there is one group per range, and all of them are parts of one row: the class
/// then skips nothing and applies no limit.
class group_walk {
public:
  using receiver = std::function<bool(reduced_group&& group)>;

  group_walk(query_source source, const query_request& asked, asked_ranges ranges)
      : source_(std::move(source)), groups_(grouping_of(asked)), ranges_(std::move(ranges)),
        limit_(asked.limit.value_or(std::numeric_limits<uint64_t>::max())), skip_(asked.skip),
        paged_(asked.limit && !asked.terms), request_(asked.range) {}

  const query_source& source() const { return source_; }
  bool grouped() const { return groups_.how != grouping::by::nothing; }
  /// Whether an answer without grouping shows its one row.
  bool shows_total() const { return skip_ == 0 && limit_ > 0; }

  /// Continues for one slice, or until `give` returns false. False: there are no more groups.
  result<bool> step(const receiver& give) {
    size_t read = 0;
    bool wanted = true;
    while (wanted && !ended_ && read < slice_rows) {
      if (!reduction_ && !begin_range()) break;
      const size_t before = reduction_->rows_read() + reduction_->partials_read();
      const auto more = reduction_->step([&](reduced_group&& group) {
        wanted = take(std::move(group), give);
        return wanted;
      });
      if (!more) return tl::unexpected(more.error());
      read += reduction_->rows_read() + reduction_->partials_read() - before + range_cost;
      if (!*more) reduction_.reset();
    }
    return !ended_;
  }

  /// The cursor behind the last group, if the limit excluded another group; else empty.
  result<std::string> next() const {
    if (!paged_ || !cut_here_ || last_.empty()) return std::string{};
    range_request behind = request_;
    behind.after = cursor_after_group(last_);
    const auto range = make_range(behind);
    if (!range) return tl::unexpected(range.error());
    bool found = false;
    const auto read = index_reader(source_.view, source_.where).rows(*range, [&](const index_row&) {
      found = true;
      return false;
    });
    if (!read) return tl::unexpected(read.error());
    return found ? *behind.after : std::string{};
  }

private:
  /// The cost of beginning a range, counted in rows.
  static constexpr size_t range_cost = 8;

  bool begin_range() {
    auto range = ranges_.next();
    ended_ = !range;
    if (range)
      reduction_.emplace(source_.view, source_.where, source_.state.levels, source_.how(),
                         std::move(*range), groups_);
    return !ended_;
  }

  bool take(reduced_group&& group, const receiver& give) {
    if (!grouped()) return give(std::move(group));
    if (skip_ > 0) {
      --skip_;
      return true;
    }
    if (given_ == limit_) { // only if the limit is 0
      ended_ = true;
      return false;
    }
    ++given_;
    if (paged_) last_ = group.group;
    ended_ = cut_here_ = given_ == limit_;
    return give(std::move(group)) && !ended_;
  }

  query_source source_;
  grouping groups_;
  asked_ranges ranges_;
  std::optional<index_reduction> reduction_{}; ///< of the current range
  uint64_t limit_;
  uint64_t skip_;
  uint64_t given_ = 0;
  bool ended_ = false;
  bool cut_here_ = false; ///< the limit is reached
  bool paged_;            ///< the answer may have a cursor; a term is one group and needs none
  range_request request_; ///< for the cursor
  std::string last_{};    ///< the last group that was given
};

/// The text of `{"rows":[{"key":…,"value":…}],…}`, grown group by group.
class reduced_text {
public:
  void open(std::string& out) {
    if (!std::exchange(opened_, true)) out += R"({"rows":[)";
  }
  void begin_row(std::string& out, std::string_view key) {
    out += count_++ == 0 ? R"({"key":)" : R"(,{"key":)";
    out += key;
    out += R"(,"value":)";
  }
  result<void> close(std::string& out, const group_walk& groups) const {
    auto next = groups.next();
    if (!next) return tl::unexpected(std::move(next.error()));
    append_end(out, groups.source(), {count_, std::move(*next)});
    return {};
  }

private:
  bool opened_ = false;
  uint64_t count_ = 0;
};

/// An answer by a built-in reduction.
class builtin_rows : public row_stream {
public:
  explicit builtin_rows(group_walk groups)
      : groups_(std::move(groups)), total_(groups_.source().how()) {}

protected:
  state slice(std::string& out) override {
    text_.open(out);
    const size_t begin = out.size();
    result<void> failed;
    const auto more = groups_.step([&](reduced_group&& group) {
      failed = take(std::move(group), out);
      return failed && out.size() < begin + slice_bytes;
    });
    if (!failed) return give_up(std::move(failed.error()));
    if (!more) return give_up(more.error());
    if (*more) return state::more;
    if (!groups_.grouped() && groups_.shows_total()) failed = show("null", total_, out);
    if (failed) failed = text_.close(out, groups_);
    return failed ? state::done : give_up(std::move(failed.error()));
  }

private:
  result<void> take(reduced_group&& group, std::string& out) {
    if (!group.value) return fail(ec::internal, "a group has no value");
    if (groups_.grouped()) return show(group.key, *group.value, out);
    if (std::exchange(totalled_, true)) {
      total_.merge(*group.value);
    } else {
      total_ = std::move(*group.value);
    }
    return {};
  }

  result<void> show(std::string_view key, const partial_result& value, std::string& out) {
    text_.begin_row(out, key);
    auto done = value.append_json(out);
    out += '}';
    return done;
  }

  group_walk groups_;
  reduced_text text_{};
  partial_result total_; ///< of all ranges, without grouping
  bool totalled_ = false;
};

/// An answer by a JavaScript reduction, which the backend runs. It is made in pieces of some
/// groups, one piece at a time.
/// **Thread**: one at a time; after `make_piece`, only the thread that calls back uses it.
class javascript_reading : public std::enable_shared_from_this<javascript_reading> {
public:
  struct piece {
    std::string text{};
    error problem{ec::none, {}};
    bool last = false;
  };
  using receiver =
      std::function<void(const std::shared_ptr<javascript_reading>& reading, piece made)>;

  javascript_reading(context& node, group_walk groups) : node_(node), groups_(std::move(groups)) {}

  /// Makes the next piece and calls `then` with it, now or later, once.
  void make_piece(receiver then) {
    then_ = std::move(then);
    if (auto gathered = gather(); !gathered) return give({{}, gathered.error(), true});
    reduce_runs();
  }

private:
  struct open_group {
    std::string key;
    std::vector<reduce_piece> pieces;
    std::vector<std::string> values; ///< the values that its pieces were reduced to
  };

  result<void> gather() {
    open_.clear();
    size_t bytes = 0;
    bool more = true;
    while (more && open_.size() < groups_at_once && bytes < defaults::reduce_input_bytes) {
      const auto stepped = groups_.step([&](reduced_group&& group) {
        for (const reduce_piece& one : group.pieces)
          for (const std::string& value : one.values) bytes += value.size();
        open_.push_back({std::move(group.key), std::move(group.pieces), {}});
        return open_.size() < groups_at_once && bytes < defaults::reduce_input_bytes;
      });
      if (!stepped) return tl::unexpected(stepped.error());
      more = *stepped;
    }
    ended_ = !more;
    return {};
  }

  /// First step: reduces each run of rows to one value.
  void reduce_runs() {
    std::vector<reduce_input> inputs;
    for (open_group& group : open_) {
      for (reduce_piece& one : group.pieces)
        if (!one.partial) inputs.push_back({false, std::move(one.keys), std::move(one.values)});
    }
    run(std::move(inputs), &javascript_reading::take_runs);
  }

  void take_runs(std::vector<std::string> reduced) {
    auto next = reduced.begin();
    for (open_group& group : open_) {
      for (reduce_piece& one : group.pieces)
        group.values.push_back(std::move(one.partial ? one.values.front() : *next++));
      group.pieces.clear();
    }
    if (!groups_.grouped()) carry_total();
    reduce_values();
  }

  /// Without grouping, collects the values of all ranges as those of one group.
  void carry_total() {
    for (open_group& group : open_)
      std::move(group.values.begin(), group.values.end(), std::back_inserter(total_));
    open_.clear();
    if (ended_ || total_.size() > most_values) open_.push_back({"null", {}, std::move(total_)});
    if (!open_.empty()) total_.clear();
  }

  /// Second step: reduces the values of each group that has several.
  void reduce_values() {
    std::vector<reduce_input> inputs;
    for (open_group& group : open_)
      if (group.values.size() > 1) inputs.push_back({true, {}, std::move(group.values)});
    run(std::move(inputs), &javascript_reading::take_values);
  }

  void take_values(std::vector<std::string> reduced) {
    auto next = reduced.begin();
    for (open_group& group : open_)
      if (group.values.empty() && next != reduced.end()) group.values = {std::move(*next++)};
    show();
  }

  void show() {
    piece made;
    made.last = ended_;
    text_.open(made.text);
    if (!groups_.grouped() && !ended_) {
      for (open_group& group : open_) total_ = std::move(group.values);
      return give(std::move(made));
    }
    if (groups_.grouped() || groups_.shows_total()) {
      for (const open_group& group : open_) {
        text_.begin_row(made.text, group.key);
        made.text += group.values.empty() ? "null" : group.values.front();
        made.text += '}';
      }
    }
    if (ended_)
      if (auto closed = text_.close(made.text, groups_); !closed) made.problem = closed.error();
    give(std::move(made));
  }

  void run(std::vector<reduce_input> inputs,
           void (javascript_reading::*then)(std::vector<std::string>)) {
    if (inputs.empty()) return (this->*then)({});
    const size_t asked = inputs.size();
    node_.backend.reduce_rows(
        groups_.source().query->answering.reduce, std::move(inputs),
        [self = shared_from_this(), then, asked](result<std::vector<std::string>> reduced) {
          if (!reduced) return self->give({{}, std::move(reduced.error()), true});
          if (reduced->size() != asked)
            return self->give({{}, {ec::internal, "a reduction lost a value"}, true});
          ((*self).*then)(std::move(*reduced));
        });
  }

  void give(piece made) { std::exchange(then_, nullptr)(shared_from_this(), std::move(made)); }

  context& node_;
  group_walk groups_;
  reduced_text text_{};
  receiver then_{};
  std::vector<open_group> open_{}; ///< of the piece that is being made
  std::vector<std::string> total_{};
  bool ended_ = false; ///< all groups were gathered
};

/// The rest of an answer by a JavaScript reduction, piece by piece.
class javascript_rows : public http::body_stream {
public:
  javascript_rows(std::shared_ptr<javascript_reading> reading, std::string first)
      : reading_(std::move(reading)) {
    here_->made = {std::move(first), {ec::none, {}}, false};
  }
  javascript_rows(const javascript_rows&) = delete;
  javascript_rows& operator=(const javascript_rows&) = delete;
  ~javascript_rows() override {
    const std::lock_guard lock(here_->mutex);
    here_->wake = {};
  }

  void start(const waker& wake) override {
    const std::lock_guard lock(here_->mutex);
    here_->wake = wake;
  }

  state next(std::string& out) override {
    std::optional<javascript_reading::piece> made;
    {
      const std::lock_guard lock(here_->mutex);
      made.swap(here_->made);
    }
    if (!made) return state::wait;
    if (made->problem.code != ec::none) return state::cut;
    out += made->text;
    if (made->last) return state::done;
    reading_->make_piece([here = here_](const auto&, javascript_reading::piece piece) {
      waker wake;
      {
        const std::lock_guard lock(here->mutex);
        here->made = std::move(piece);
        wake = here->wake;
      }
      wake();
    });
    const std::lock_guard lock(here_->mutex);
    return here_->made ? state::more : state::wait;
  }

private:
  /// Receives pieces from any thread, also after the stream is gone.
  struct arrival {
    std::mutex mutex{};
    std::optional<javascript_reading::piece> made{};
    waker wake{};
  };
  std::shared_ptr<javascript_reading> reading_;
  std::shared_ptr<arrival> here_ = std::make_shared<arrival>();
};

/// Makes the first piece before the answer begins, so that a failing function is answered as an
/// error.
void answer_javascript(context& node, reply& answer, group_walk groups) {
  auto reading = std::make_shared<javascript_reading>(node, std::move(groups));
  auto to = std::make_shared<reply>(std::move(answer));
  reading->make_piece([to](const auto& read, javascript_reading::piece first) {
    if (first.problem.code != ec::none) return to->refuse(first.problem);
    http::response made;
    if (first.last) {
      made.body = std::move(first.text);
    } else {
      made.stream = std::make_unique<javascript_rows>(read, std::move(first.text));
    }
    (*to)(std::move(made));
  });
}

} // namespace

void answer_reduced(context& node, reply& answer, query_source source, const query_request& asked,
                    asked_ranges ranges) {
  const bool javascript = source.how() == reduction::javascript;
  group_walk groups(std::move(source), asked, std::move(ranges));
  if (javascript) return answer_javascript(node, answer, std::move(groups));
  answer_rows(answer, std::make_unique<builtin_rows>(std::move(groups)));
}

} // namespace treadmill::api
