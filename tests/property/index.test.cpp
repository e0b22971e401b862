#include "storage/index/block_tree.hpp"
#include "storage/json/json_number.hpp"
#include "tests/property/random_json.hpp"
#include "tests/property/seed.hpp"
#include "tests/unit/storage/index/local_index.hpp"
#include <cmath>
#include <doctest/doctest.h>
#include <set>

// Random histories of documents, and what an index answers after each of them, held against rows in
// a plain list that is ordered by a comparison of values (random_json.hpp) and folded as
// storage/README.md says.

namespace treadmill {
namespace {

using tests::emitted;
using tests::index_store;
using tests::local_index;

std::string stored(const json_value& value) {
  std::string text;
  write(text, value);
  return stored_form(text).value();
}

struct model_row {
  json_value key;
  std::string id;
  size_t emission = 0;
  json_value value;
};

bool before(const model_row& a, const model_row& b) {
  if (const int order = compare(a.key, b.key); order != 0) return order < 0;
  return a.id != b.id ? a.id < b.id : a.emission < b.emission;
}

std::string suffix_of(const model_row& row) {
  return row_suffix(tests::term_of(stored(row.key)), row.id, static_cast<uint16_t>(row.emission));
}

json_value integer(uint64_t value) {
  json_value made;
  made.is = json_value::type::number;
  made.of_number.magnitude = value;
  return made;
}

json_value array_of(std::vector<json_value> elements) {
  json_value made;
  made.is = json_value::type::array;
  made.elements = std::move(elements);
  return made;
}

/// Documents whose first row begins a block of some level, which few do: searched for once.
struct landmark {
  json_value key;
  std::string id;
};

const std::vector<landmark>& landmarks() {
  static const std::vector<landmark> found = [] {
    std::vector<landmark> made;
    const auto search = [&](const json_value& key, unsigned level) {
      const std::string term = tests::term_of(stored(key));
      for (int number = 0;; ++number) {
        std::string id = "mark" + std::to_string(number);
        if (block_tree::boundary_level(row_suffix(term, id, 0)) != level) continue;
        made.push_back({key, std::move(id)});
        return;
      }
    };
    for (uint64_t i = 0; i < 12; ++i) search(integer(i % 5), 1);
    for (uint64_t i = 0; i < 8; ++i) search(array_of({integer(i % 3), integer(i)}), 1);
    for (uint64_t i = 0; i < 6; ++i) search(integer(i), 2);
    search(array_of({integer(1)}), 2);
    search(integer(2), 3);
    search({}, 3); // null: before all others
    return made;
  }();
  return found;
}

/// The rows of all documents in a plain list, and what follows from them.
class model {
public:
  std::map<std::string, std::vector<model_row>> documents{};

  std::vector<model_row> rows() const {
    std::vector<model_row> all;
    for (const auto& [id, rows] : documents) all.insert(all.end(), rows.begin(), rows.end());
    std::sort(all.begin(), all.end(), before);
    return all;
  }
};

/// Folds a range of rows in the order of the block tree. `Value`: made of a row, and merged.
template<typename Value>
class tree_fold {
public:
  explicit tree_fold(const std::vector<model_row>& rows) : rows_(rows) {
    for (const model_row& row : rows) levels_.push_back(block_tree::boundary_level(suffix_of(row)));
    for (const unsigned level : levels_) top_ = std::max(top_, level + 1);
  }

  Value range(size_t from, size_t to) const {
    Value all;
    while (from < to) {
      unsigned level = from == 0 ? top_ : levels_[from];
      while (level > 0 && block_end(level, from) > to) --level;
      if (level == 0) {
        all.add(rows_[from++]);
      } else {
        all.merge(block(level, from));
        from = block_end(level, from);
      }
    }
    return all;
  }

private:
  size_t block_end(unsigned level, size_t at) const {
    for (++at; at < rows_.size() && levels_[at] < level;) ++at;
    return at;
  }
  Value block(unsigned level, size_t at) const {
    Value all;
    const size_t end = block_end(level, at);
    while (at < end) {
      if (level == 1) {
        all.add(rows_[at++]);
      } else {
        all.merge(block(level - 1, at));
        at = block_end(level - 1, at);
      }
    }
    return all;
  }

  const std::vector<model_row>& rows_;
  std::vector<unsigned> levels_{};
  unsigned top_ = 1;
};

double double_of(const json_value& value) {
  const auto& n = value.of_number;
  if (!n.integer) return n.value;
  if (!n.digits.empty()) return std::strtod(n.digits.c_str(), nullptr) * (n.negative ? -1 : 1);
  const auto magnitude = static_cast<double>(n.magnitude);
  return n.negative ? -magnitude : magnitude;
}

/// All built-in reductions at once, in the plainest way.
struct plain_numbers {
  size_t count = 0;
  double sum = 0;
  double squares = 0;
  double least = 0;
  double greatest = 0;
  std::string offender;
  const json_value* min = nullptr;
  const json_value* max = nullptr;

  void add(const model_row& row) {
    plain_numbers one;
    one.count = 1;
    one.min = one.max = &row.value;
    // An integer that no double can hold has no place in a sum.
    if (row.value.is != json_value::type::number || !std::isfinite(double_of(row.value))) {
      one.offender = row.id;
    } else {
      one.sum = one.least = one.greatest = double_of(row.value);
      one.squares = one.sum * one.sum;
    }
    merge(one);
  }
  void merge(const plain_numbers& next) {
    if (next.count == 0) return;
    least = count == 0 ? next.least : std::min(least, next.least);
    greatest = count == 0 ? next.greatest : std::max(greatest, next.greatest);
    if (min == nullptr || compare(*next.min, *min) < 0) min = next.min;
    if (max == nullptr || compare(*next.max, *max) > 0) max = next.max;
    count += next.count;
    sum += next.sum;
    squares += next.squares;
    if (offender.empty()) offender = next.offender;
  }
};

/// What tests::reduce_to_nest makes of blocks.
struct plain_nest {
  std::string text;
  bool of_rows = true;
  void add(const model_row& row) { text += ',' + stored(row.value); }
  void merge(const plain_nest& next) {
    of_rows = false;
    text += ',' + next.whole();
  }
  std::string whole() const { return (of_rows ? "[\"m\"" : "[\"r\"") + text + ']'; }
};

std::string number_text(double value) {
  if (!std::isfinite(value)) return "null";
  std::string text;
  append_double(text, value);
  return text;
}

/// Numbers are compared as the doubles that they are, whichever way they are spelled.
bool same_number(std::string_view shown, double wanted) {
  if (!std::isfinite(wanted)) return shown == "null";
  const auto read = parse_number(shown);
  if (!read) return false;
  const auto magnitude = static_cast<double>(read->magnitude);
  const double value = !read->integer ? read->value : read->negative ? -magnitude : magnitude;
  return value == wanted;
}

bool same_value(std::string_view shown, const json_value* wanted) {
  if (wanted == nullptr) return shown == "null";
  return tests::term_of(shown) == tests::term_of(stored(*wanted));
}

std::string member(const std::string& object, const std::string& name) {
  const size_t at = object.find('"' + name + "\":") + name.size() + 3;
  return object.substr(at, object.find_first_of(",}", at) - at);
}

bool same_answer(reduction how, const reduced_group& group, const plain_numbers& wanted) {
  const std::string shown = tests::json_of(group);
  const bool numbers = how == reduction::sum || how == reduction::avg || how == reduction::stats;
  if (numbers && !wanted.offender.empty()) return group.value->offender() == wanted.offender;
  const auto count = static_cast<double>(wanted.count);
  switch (how) {
  case reduction::count: return shown == std::to_string(wanted.count);
  case reduction::sum: return same_number(shown, wanted.sum);
  case reduction::avg: return same_number(shown, wanted.count == 0 ? NAN : wanted.sum / count);
  case reduction::min: return same_value(shown, wanted.min);
  case reduction::max: return same_value(shown, wanted.max);
  case reduction::stats:
    return same_number(member(shown, "sum"), wanted.sum) &&
           same_number(member(shown, "count"), count) &&
           same_number(member(shown, "sumsqr"), wanted.squares) &&
           same_number(member(shown, "min"), wanted.count == 0 ? NAN : wanted.least) &&
           same_number(member(shown, "max"), wanted.count == 0 ? NAN : wanted.greatest);
  default: return false;
  }
}

/// Random keys of few kinds, so that many are equal or begin alike.
class key_pool {
public:
  explicit key_pool(std::mt19937_64& random) {
    for (int i = 0; i < 12; ++i) keys_.push_back(random_value(random, 2));
    for (uint64_t i = 0; i < 6; ++i) keys_.push_back(integer(i));
    for (uint64_t i = 0; i < 12; ++i) {
      std::vector<json_value> elements{integer(i % 3)};
      if (i % 4 > 0) elements.push_back(keys_[random() % 8]);
      if (i % 4 > 1) elements.push_back(integer(i % 2));
      keys_.push_back(array_of(std::move(elements)));
    }
    for (const char32_t* text : {U"a", U"ab", U"abc", U"b", U""}) {
      json_value made;
      made.is = json_value::type::string;
      made.text = text;
      keys_.push_back(std::move(made));
    }
  }
  const json_value& any(std::mt19937_64& random) const { return keys_[random() % keys_.size()]; }

private:
  std::vector<json_value> keys_{};
};

class history {
public:
  history(index_store& store, std::mt19937_64& random, reduction how)
      : random_(random), keys_(random), index_(store, how), store_(store),
        only_numbers_(random() % 4 != 0) {}

  void run() {
    grow(random_() % 40);
    index_.write({}, true);
    index_.build();
    check();
    for (int round = 0; round < 3; ++round) {
      for (size_t batches = random_() % 6 + 1; batches > 0; --batches) batch(random_() % 10 + 1);
      check();
    }
    if (random_() % 4 == 0) { // everything goes
      std::vector<local_index::document> none;
      for (const auto& [id, rows] : model_.documents) none.push_back({id, {}});
      index_.write(none);
      model_.documents.clear();
      check();
      REQUIRE(index_.dump().empty());
    }
  }

private:
  json_value random_result() {
    if (only_numbers_ || random_() % 3 != 0) {
      json_value made;
      made.is = json_value::type::number;
      made.of_number = random_number(random_);
      if (random_() % 2 == 0) made.of_number = integer(random_() % 1000).of_number;
      return made;
    }
    return random_value(random_, 1);
  }

  /// Gives a random document random rows.
  local_index::document change() {
    const bool is_mark = random_() % 3 == 0;
    const landmark& mark = landmarks()[random_() % landmarks().size()];
    const std::string id = is_mark ? mark.id : "d" + std::to_string(random_() % 30);
    std::vector<model_row> rows;
    if (is_mark && random_() % 3 != 0) rows.push_back({mark.key, id, 0, random_result()});
    for (size_t count = random_() % 6; count > 0; --count)
      rows.push_back({keys_.any(random_), id, rows.size(), random_result()});
    const auto old = model_.documents.find(id);
    if (old != model_.documents.end() && random_() % 6 == 0) rows = old->second; // nothing changes
    model_.documents[id] = rows;
    return {id, mapped(rows)};
  }

  static std::vector<mapped_row> mapped(const std::vector<model_row>& rows) {
    std::vector<mapped_row> made;
    for (const model_row& row : rows) made.push_back(emitted(stored(row.key), stored(row.value)));
    return made;
  }

  void batch(size_t size) {
    std::vector<local_index::document> documents;
    for (; size > 0; --size) documents.push_back(change());
    index_.write(documents, random_() % 2 == 0);
  }
  void grow(size_t documents) {
    for (; documents > 0; documents -= std::min<size_t>(documents, 10)) {
      std::vector<local_index::document> some;
      for (size_t i = 0; i < std::min<size_t>(documents, 10); ++i) some.push_back(change());
      index_.write(some, false);
    }
  }

  void check() {
    rows_ = model_.rows();
    numbers_.emplace(rows_);
    nests_.emplace(rows_);
    check_fresh_build();
    check_rows(index_range{}, 0, rows_.size());
    for (int i = 0; i < 6; ++i) check_random_range();
  }

  static std::string hex(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
      char digits[4];
      std::snprintf(digits, sizeof digits, "%02x ", static_cast<unsigned>(static_cast<uint8_t>(c)));
      text += digits;
    }
    return text;
  }

  static std::string first_difference(const std::map<std::string, std::string>& fresh,
                                      const std::map<std::string, std::string>& kept) {
    for (const auto& [key, value] : fresh) {
      const auto found = kept.find(key);
      if (found == kept.end()) return hex(key) + "is missing";
      if (found->second != value)
        return hex(key) + "is " + hex(found->second) + "not " + hex(value);
    }
    for (const auto& [key, value] : kept)
      if (fresh.count(key) == 0) return hex(key) + "is too much";
    return {};
  }

  /// The same rows in another order, in batches of another size: the same bytes.
  void check_fresh_build() {
    local_index fresh(store_, index_.how());
    std::vector<local_index::document> all;
    for (const auto& [id, rows] : model_.documents) all.push_back({id, mapped(rows)});
    std::shuffle(all.begin(), all.end(), random_);
    const size_t built = random_() % (all.size() + 1);
    fresh.write({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(built)});
    fresh.build();
    for (size_t at = built; at < all.size();) {
      const size_t end = std::min(all.size(), at + 1 + random_() % 20);
      fresh.write({all.begin() + static_cast<std::ptrdiff_t>(at),
                   all.begin() + static_cast<std::ptrdiff_t>(end)});
      at = end;
    }
    const std::string difference = first_difference(fresh.dump(), index_.dump());
    INFO(difference);
    REQUIRE(difference.empty());
    REQUIRE(fresh.state().levels == index_.state().levels);
    REQUIRE(index_.state().rows == rows_.size());
    size_t with_rows = 0;
    for (const auto& [id, rows] : model_.documents) with_rows += rows.empty() ? 0 : 1;
    REQUIRE(index_.state().documents == with_rows);
  }

  /// The rows of the range must be those from `from` to `to` of the list.
  void check_rows(index_range range, size_t from, size_t to) {
    const bool down = range.descending;
    std::optional<size_t> stop; // then go on with a cursor
    if (to > from && random_() % 2 == 0) stop = from + random_() % (to - from);
    size_t seen = 0;
    const auto row = [&](const index_row& shown) {
      REQUIRE(seen < to - from);
      const model_row& wanted = rows_[down ? to - 1 - seen : from + seen];
      ++seen;
      REQUIRE(shown.id == wanted.id);
      REQUIRE(shown.emission == wanted.emission);
      REQUIRE(shown.value == stored(wanted.value));
      std::string key;
      REQUIRE(append_key(key, shown));
      REQUIRE(tests::term_of(key) == tests::term_of(stored(wanted.key)));
      if (stop && seen == *stop - from + 1) cursor_ = cursor_after_row(shown.suffix);
      return !stop || seen < *stop - from + 1;
    };
    REQUIRE(index_.reader().rows(range, row));
    if (stop) {
      range_request rest;
      rest.descending = down;
      rest.after = cursor_;
      const index_range after = make_range(rest).value();
      range.raise(after.from);
      range.lower(after.to);
      stop.reset();
      REQUIRE(index_.reader().rows(range, row));
    }
    REQUIRE(seen == to - from);
  }

  void check_random_range() {
    range_request request;
    request.descending = random_() % 2 == 0;
    request.inclusive_end = random_() % 3 != 0;
    std::function<bool(const json_value&)> in = [](const json_value&) { return true; };
    const json_value a = random_() % 5 == 0 ? random_value(random_, 2) : keys_.any(random_);
    const json_value b = random_() % 5 == 0 ? random_value(random_, 2) : keys_.any(random_);
    const bool down = request.descending;
    switch (random_() % 6) {
    case 0: break;
    case 1:
      request.term = stored(a);
      in = [&](const json_value& key) { return compare(key, a) == 0; };
      break;
    case 2:
      request.from = stored(a);
      in = [&](const json_value& key) {
        return down ? compare(key, a) <= 0 : compare(key, a) >= 0;
      };
      break;
    case 3:
      if (a.is == json_value::type::string) {
        request.prefix = stored(a);
        in = [&](const json_value& key) {
          return key.is == a.is && key.text.compare(0, a.text.size(), a.text) == 0;
        };
      } else if (a.is == json_value::type::array) {
        request.prefix = stored(a);
        in = [&](const json_value& key) { return begins_with(key, a); };
      } else {
        request.prefix = stored(a);
        REQUIRE(!make_range(request));
        return;
      }
      break;
    default:
      request.from = stored(a);
      request.to = stored(b);
      in = [&](const json_value& key) {
        const int begin = down ? compare(a, key) : compare(key, a);
        const int end = down ? compare(key, b) : compare(b, key);
        return begin >= 0 && (end > 0 || (end == 0 && request.inclusive_end));
      };
    }
    size_t from = 0;
    while (from < rows_.size() && !in(rows_[from].key)) ++from;
    size_t to = from;
    while (to < rows_.size() && in(rows_[to].key)) ++to;
    for (size_t rest = to; rest < rows_.size(); ++rest) REQUIRE(!in(rows_[rest].key));
    const index_range range = make_range(request).value();
    check_rows(range, from, to);
    check_groups(range, from, to, {});
    check_groups(range, from, to, {grouping::by::term, 0});
    check_groups(range, from, to, {grouping::by::elements, 1 + random_() % 3});
  }

  static bool begins_with(const json_value& key, const json_value& front) {
    if (key.is != json_value::type::array || key.elements.size() < front.elements.size())
      return false;
    for (size_t i = 0; i < front.elements.size(); ++i)
      if (compare(key.elements[i], front.elements[i]) != 0) return false;
    return true;
  }

  static bool is_of_group(const json_value& key, const json_value& group, const grouping& groups) {
    if (groups.how == grouping::by::elements && group.is == json_value::type::array &&
        group.elements.size() == groups.level)
      return begins_with(key, group);
    return compare(key, group) == 0;
  }

  static json_value group_key(const json_value& key, const grouping& groups) {
    json_value group = key;
    if (groups.how == grouping::by::elements && key.is == json_value::type::array &&
        key.elements.size() > groups.level)
      group.elements.resize(groups.level);
    return group;
  }

  void check_groups(const index_range& range, size_t from, size_t to, grouping groups) {
    auto reduced = index_.reduce_range(range, groups);
    std::vector<reduced_group> shown = tests::groups_of(reduced);
    if (range.descending) std::reverse(shown.begin(), shown.end());
    size_t at = from;
    for (const reduced_group& group : shown) {
      size_t end = to;
      if (groups.how != grouping::by::nothing) {
        REQUIRE(at < to);
        const json_value key = group_key(rows_[at].key, groups);
        REQUIRE(same_value(group.key, &key));
        end = at;
        while (end < to && is_of_group(rows_[end].key, key, groups)) ++end;
      }
      check_group(group, at, end);
      at = end;
    }
    REQUIRE(at == to);
    if (groups.how == grouping::by::nothing) REQUIRE(shown.size() == 1);
  }

  void check_group(const reduced_group& group, size_t from, size_t to) {
    if (index_.how() == reduction::javascript) {
      std::string shown;
      for (const reduce_piece& piece : group.pieces)
        for (const std::string& value : piece.values) shown += ',' + value;
      plain_nest wanted = nests_->range(from, to);
      REQUIRE(shown == wanted.text);
    } else if (index_.how() == reduction::approx_count_distinct) {
      double distinct = to > from ? 1 : 0;
      for (size_t i = from + 1; i < to; ++i)
        distinct += compare(rows_[i].key, rows_[i - 1].key) != 0 ? 1 : 0;
      const double shown = std::stod(tests::json_of(group));
      REQUIRE(std::fabs(shown - distinct) <= 2 + distinct * 0.1);
    } else {
      const auto wanted = numbers_->range(from, to);
      INFO(tests::json_of(group) << ", sum " << number_text(wanted.sum));
      REQUIRE(same_answer(index_.how(), group, wanted));
    }
  }

  std::mt19937_64& random_;
  key_pool keys_;
  local_index index_;
  index_store& store_;
  bool only_numbers_;
  model model_{};
  std::vector<model_row> rows_{};
  std::optional<tree_fold<plain_numbers>> numbers_{};
  std::optional<tree_fold<plain_nest>> nests_{};
  std::string cursor_{};
};

} // namespace

TEST_CASE(
    "an index is what a fresh computation over its documents gives, in bytes and in answers") {
  std::mt19937_64 random(property_seed("index.histories"));
  index_store store;
  constexpr reduction all[] = {reduction::count,
                               reduction::sum,
                               reduction::min,
                               reduction::max,
                               reduction::avg,
                               reduction::stats,
                               reduction::approx_count_distinct,
                               reduction::javascript};
  for (int round = 0; round < 10; ++round)
    for (const reduction how : all) {
      CAPTURE(round);
      CAPTURE(static_cast<int>(how));
      history(store, random, how).run();
    }
}

} // namespace treadmill
