#include "net/api/query_answer.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/query_rows.hpp"
#include "storage/index/index_reader.hpp"
#include <limits>
#include <vector>

namespace treadmill::api {

namespace {

/// Rows that wait for their documents to be read.
constexpr size_t pending_rows = 256;

/// Requests that are repeated often read few rows, so their blocks are worth keeping in the cache.
bool is_short(const query_request& asked) {
  constexpr uint64_t few = 1000;
  return asked.terms.has_value() || asked.limit.value_or(few + 1) <= few;
}

/// The rows of an index, in order, from one view.
class index_rows : public row_stream {
public:
  index_rows(query_source source, const query_request& asked, asked_ranges ranges)
      : source_(std::move(source)),
        reader_(is_short(asked) ? source_.view.keeping_blocks() : source_.view, source_.where),
        text_(source_.query->name, asked.include_docs), ranges_(std::move(ranges)),
        limit_(asked.limit.value_or(std::numeric_limits<uint64_t>::max())), skip_(asked.skip),
        include_docs_(asked.include_docs), paged_(asked.limit && !asked.listed) {}

protected:
  state slice(std::string& out) override {
    if (!std::exchange(opened_, true)) out += R"({"rows":[)";
    slice_bounds bounds{out.size()};
    while (true) {
      if (auto shown = show_pending(out); !shown) return give_up(std::move(shown.error()));
      if (!pending_.empty()) return state::more;
      if (cut_ || !next_range()) return close(out);
      const auto more = read(out, bounds);
      if (!more) return give_up(more.error());
      // A range without rows costs as much as one row.
      if (*more || ++bounds.rows >= slice_rows || out.size() >= bounds.begin + slice_bytes)
        return state::more;
    }
  }

private:
  struct pending_row {
    std::string id;
    std::string text; ///< the row without its closing brace
  };

  /// True: there is a range that is not read to its end.
  bool next_range() {
    if (!range_) range_ = ranges_.next();
    return range_.has_value();
  }

  /// Reads rows of the current range. True: the slice is full, or rows wait for documents.
  result<bool> read(std::string& out, slice_bounds& bounds) {
    bool more = false;
    result<void> failed;
    std::string next; // the first row that the slice has no room for
    const auto read = reader_.rows(*range_, [&](const index_row& row) {
      if (pending_.size() >= pending_rows ||
          bounds.reached(out.size(), row.suffix.size() + row.value.size())) {
        more = true;
        next = row.suffix;
        return false;
      }
      failed = take(row, out);
      return failed && !cut_;
    });
    if (!failed) return tl::unexpected(std::move(failed.error()));
    if (!read) return tl::unexpected(read.error());
    if (more) {
      range_->go_on_at(next);
    } else {
      range_.reset();
    }
    return more;
  }

  result<void> take(const index_row& row, std::string& out) {
    if (skip_ > 0) {
      --skip_;
      return {};
    }
    if (count_ == limit_) {
      cut_ = true;
      return {};
    }
    ++count_;
    if (paged_) last_ = row.suffix;
    if (include_docs_) {
      pending_.push_back({std::string(row.id), {}});
      return text_.append(pending_.back().text, row);
    }
    if (count_ > 1) out += ',';
    auto done = text_.append(out, row);
    out += '}';
    return done;
  }

  /// A scan holds the store, so the documents are read after it.
  result<void> show_pending(std::string& out) {
    const size_t begin = out.size();
    for (; next_pending_ < pending_.size(); ++next_pending_) {
      if (out.size() - begin >= slice_bytes) return {};
      const pending_row& row = pending_[next_pending_];
      if (shown_++ > 0) out += ',';
      out += row.text;
      out += R"(,"document":)";
      // As it is in the view, which may be ahead of the index.
      const auto there = append_winner(out, source_.view, source_.where.bucket, row.id);
      if (!there) return tl::unexpected(there.error());
      if (!*there) return fail(ec::corrupt, "an index names a document that is missing");
      out += '}';
    }
    pending_.clear();
    next_pending_ = 0;
    return {};
  }

  state close(std::string& out) const {
    answer_end end{count_, {}};
    if (cut_ && paged_ && count_ > 0) end.next = cursor_after_row(last_);
    append_end(out, source_, end);
    return state::done;
  }

  query_source source_;
  index_reader reader_;
  query_row_text text_;
  asked_ranges ranges_;
  std::optional<index_range> range_{}; ///< the unread rest of the current one
  uint64_t limit_;
  uint64_t skip_;
  bool include_docs_;
  bool paged_; ///< the last row is remembered for the cursor
  bool opened_ = false;
  bool cut_ = false; ///< the limit excluded a row
  uint64_t count_ = 0;
  uint64_t shown_ = 0; ///< of the rows with documents
  std::string last_{};
  std::vector<pending_row> pending_{};
  size_t next_pending_ = 0;
};

} // namespace

result<void> check_reductions(const query_request& asked, reduction how) {
  if (how == reduction::none) {
    if (asked.reduce == true) return fail(ec::bad_request, "reduce: the query has no reduction");
    if (asked.grouped())
      return fail(ec::bad_request, "group and group_level: the query has no reduction");
    return {};
  }
  if (asked.include_docs && asked.reduce.value_or(true))
    return fail(ec::bad_request, "include_docs of this query needs reduce=false");
  return {};
}

void answer_query(context& node, reply& answer, query_source source, const query_request& asked,
                  asked_ranges ranges) {
  if (auto checked = check_reductions(asked, source.how()); !checked)
    return answer.refuse(checked.error());
  if (source.how() != reduction::none && asked.reduce.value_or(true))
    return answer_reduced(node, answer, std::move(source), asked, std::move(ranges));
  answer_rows(answer, std::make_unique<index_rows>(std::move(source), asked, std::move(ranges)));
}

void append_end(std::string& out, const query_source& source, const answer_end& end) {
  out += R"(],"count":)";
  append_number(out, end.count);
  out += R"(,"sequence":)";
  append_number(out, source.state.sequence);
  if (!end.next.empty()) (out += R"(,"next":")") += end.next + '"';
  if (source.redefining()) out += R"(,"redefining":true)";
  out += '}';
}

} // namespace treadmill::api
