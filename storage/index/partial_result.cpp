#include "storage/index/partial_result.hpp"
#include "storage/base/coding.hpp"
#include "storage/index/block_tree.hpp"
#include "storage/index/term.hpp"
#include "storage/json/json_number.hpp"
#include <bit>
#include <cmath>
#include <limits>

namespace treadmill {
namespace {

// The first byte of a numeric partial result.
constexpr char of_numbers = 0;
constexpr char of_offender = 1;

tl::unexpected<error> damaged() {
  return fail(ec::corrupt, "a stored partial result cannot be read");
}

/// NaN has many bit patterns, which differ between machines, so it is written as one fixed pattern.
void put_double(std::string& out, double value) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  put_fixed64_be(out, std::bit_cast<uint64_t>(std::isnan(value) ? none : value));
}

bool take_double(std::string_view& in, double& value) {
  uint64_t bits = 0;
  if (!take_fixed64_be(in, bits)) return false;
  value = std::bit_cast<double>(bits);
  return true;
}

/// The number in a stored form; nullopt if it is not a number.
std::optional<double> number_of(std::string_view stored) {
  const char first = stored.empty() ? '\0' : stored.front();
  if (first != '-' && (first < '0' || first > '9')) return std::nullopt;
  bool whole = false;
  if (number_length(stored, whole) != stored.size()) return std::nullopt;
  const auto number = parse_number(stored);
  if (!number) return std::nullopt;
  if (!number->integer) return number->value;
  const auto magnitude = static_cast<double>(number->magnitude);
  return number->negative ? -magnitude : magnitude;
}

/// A number as answers show it: digits if it is an integer of the int64 range, null if it is not
/// finite.
void append_number(std::string& out, double value) {
  constexpr double integers_end = 0x1p63;
  if (!std::isfinite(value)) {
    out += "null";
  } else if (std::trunc(value) == value && std::fabs(value) < integers_end) {
    out += std::to_string(static_cast<int64_t>(value));
  } else {
    append_double(out, value);
  }
}

} // namespace

result<void> partial_result::add(const index_row& row) {
  ++count_;
  switch (how_) {
  case reduction::sum:
  case reduction::avg:
  case reduction::stats: return add_number(row);
  case reduction::min:
  case reduction::max: return add_extreme(row);
  case reduction::approx_count_distinct: distinct_.add(block_tree::hash(row.term)); return {};
  case reduction::none:
  case reduction::count:
  case reduction::javascript: break;
  }
  return {};
}

result<void> partial_result::add_number(const index_row& row) {
  if (!offender_.empty()) return {};
  std::string decoded;
  std::string_view value = row.value;
  if (value.empty()) {
    if (auto read = append_key(decoded, row); !read) return read;
    value = decoded;
  }
  const auto number = number_of(value);
  if (!number) {
    offender_ = row.id;
    return {};
  }
  const double plain = *number + 0.0; // -0 becomes 0, since fmin and fmax may return either
  min_ = count_ == 1 ? plain : std::fmin(min_, plain);
  max_ = count_ == 1 ? plain : std::fmax(max_, plain);
  sum_ += plain;
  squares_ += plain * plain;
  return {};
}

result<void> partial_result::add_extreme(const index_row& row) {
  if (row.value.empty()) {
    take_extreme(row.term);
    return {};
  }
  std::string term;
  if (!append_term(term, row.value)) return damaged();
  take_extreme(term);
  return {};
}

void partial_result::take_extreme(std::string_view term) {
  if (term.empty()) return;
  const bool taken =
      extreme_.empty() || (how_ == reduction::min ? term < extreme_ : term > extreme_);
  if (taken) extreme_ = term;
}

void partial_result::merge(const partial_result& next) {
  if (next.count_ == 0) return;
  const bool first = count_ == 0;
  count_ += next.count_;
  if (offender_.empty()) offender_ = next.offender_;
  min_ = first ? next.min_ : std::fmin(min_, next.min_);
  max_ = first ? next.max_ : std::fmax(max_, next.max_);
  sum_ += next.sum_;
  squares_ += next.squares_;
  take_extreme(next.extreme_);
  distinct_.merge(next.distinct_);
}

std::string partial_result::encode() const {
  std::string out;
  if (takes_numbers() && !offender_.empty()) {
    out += of_offender;
    put_varint(out, count_);
    out += offender_;
    return out;
  }
  if (takes_numbers()) out += of_numbers;
  put_varint(out, count_);
  if (takes_numbers()) put_double(out, sum_);
  if (how_ == reduction::stats)
    for (const double number : {min_, max_, squares_}) put_double(out, number);
  out += extreme_;
  if (how_ == reduction::approx_count_distinct) out += distinct_.encode();
  return out;
}

bool partial_result::decode_numbers(std::string_view& bytes) {
  const char form = bytes.empty() ? '\xff' : bytes.front();
  bytes.remove_prefix(bytes.empty() ? 0 : 1);
  if (!take_varint(bytes, count_)) return false;
  if (form == of_offender) {
    offender_ = bytes;
    bytes = {};
    return !offender_.empty() && count_ > 0;
  }
  if (form != of_numbers || !take_double(bytes, sum_)) return false;
  return how_ != reduction::stats ||
         (take_double(bytes, min_) && take_double(bytes, max_) && take_double(bytes, squares_));
}

result<partial_result> partial_result::decode(reduction how, std::string_view bytes) {
  partial_result partial(how);
  if (partial.takes_numbers()) {
    if (!partial.decode_numbers(bytes) || !bytes.empty()) return damaged();
    return partial;
  }
  if (!take_varint(bytes, partial.count_)) return damaged();
  if (how == reduction::approx_count_distinct) {
    if (!partial.distinct_.decode(bytes)) return damaged();
  } else if (how == reduction::min || how == reduction::max) {
    if ((partial.count_ > 0) == bytes.empty() || term_size(bytes) != bytes.size()) return damaged();
    partial.extreme_ = bytes;
  } else if (!bytes.empty()) {
    return damaged();
  }
  return partial;
}

void partial_result::append_stats(std::string& out) const {
  out += R"({"sum":)";
  append_number(out, sum_);
  out += R"(,"count":)" + std::to_string(count_) + R"(,"min":)";
  append_number(out, count_ == 0 ? NAN : min_);
  out += R"(,"max":)";
  append_number(out, count_ == 0 ? NAN : max_);
  out += R"(,"sumsqr":)";
  append_number(out, squares_);
  out += '}';
}

result<void> partial_result::append_json(std::string& out) const {
  if (!offender_.empty()) {
    return fail(ec::bad_reduce, std::string(to_string(how_)) +
                                    " takes numbers alone, and the document " + offender_ +
                                    " has a row with another value");
  }
  switch (how_) {
  case reduction::count: out += std::to_string(count_); return {};
  case reduction::sum: append_number(out, sum_); return {};
  case reduction::avg:
    append_number(out, count_ == 0 ? NAN : sum_ / static_cast<double>(count_));
    return {};
  case reduction::stats: append_stats(out); return {};
  case reduction::approx_count_distinct: out += std::to_string(distinct_.estimate()); return {};
  case reduction::min:
  case reduction::max: {
    std::string_view term = extreme_;
    if (!term.empty()) return take_term(out, term);
    break;
  }
  case reduction::none:
  case reduction::javascript: break;
  }
  out += "null";
  return {};
}

} // namespace treadmill
