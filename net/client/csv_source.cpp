#include "net/client/document_source.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace treadmill::http {

namespace {

/// Whether the text is a number, and nothing else, whose stored form keeps all its digits. An
/// integer beyond 64 bits is none: so many digits are mostly the name of something, and most
/// readers would round it.
bool is_exact_number(const std::string& text) {
  constexpr std::ptrdiff_t exact_digits = 15; // that every double can represent
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || (text[0] != '-' && !is_digit(text[0])) || !is_digit(text.back()))
    return false;
  const auto stored = stored_form_of_doubles(text);
  if (!stored) return false;
  return *stored == text || std::count_if(text.begin(), text.end(), is_digit) <= exact_digits;
}

/// Number of line ends, each CR LF, LF or CR.
uint64_t count_line_ends(std::string_view text) {
  uint64_t lines = 0;
  for (size_t at = 0; (at = text.find_first_of("\r\n", at)) != std::string_view::npos; ++at) {
    if (text.substr(at, 2) == "\r\n") ++at;
    ++lines;
  }
  return lines;
}

class csv_source final : public document_source {
public:
  csv_source(text_window& text, const source_options& options) : text_(text), options_(options) {}

  result<bool> next(source_document& document) override {
    while (true) {
      const auto found = read_row();
      if (!found) return tl::unexpected(found.error());
      if (*found == row::none) return false;
      const uint64_t begin = line_;
      document = {begin, {}, {ec::none, {}}};
      if (*found == row::broken) {
        if (names_.empty()) return in_header(problem_);
        document.fault = {problem_.code, problem_.reason};
        auto dropped = drop_first_line(document.text);
        if (!dropped) return tl::unexpected(std::move(dropped.error()));
        return true;
      }
      take(at_);
      if (*found == row::blank) continue;
      if (names_.empty()) {
        if (auto named = take_names(begin); !named) return tl::unexpected(named.error());
        continue;
      }
      make_object(document);
      return true;
    }
  }

private:
  enum class row : uint8_t { none, blank, whole, broken };
  enum class place : uint8_t { value_begin, value, quoted, quote };

  tl::unexpected<error> in_header(const error& problem) const {
    return fail(ec::bad_json, "line " + std::to_string(line_) + ": " + problem.reason);
  }
  void take(size_t bytes) {
    line_ += count_line_ends(text_.rest().substr(0, bytes));
    text_.drop(bytes);
  }
  row broken(ec code, std::string reason) {
    problem_ = {code, std::move(reason)};
    return row::broken;
  }
  /// Appends the complete value to the row.
  void end_value() { fields_.push_back(std::exchange(field_, {})); }

  /// Reads the row at the front of the text, up to `at_`, without consuming it.
  result<row> read_row() {
    fields_.clear();
    field_.clear();
    bool quotes = false;
    place where = place::value_begin;
    std::string_view rest = text_.rest();
    for (at_ = 0;; ++at_) {
      if (at_ == rest.size()) {
        if (at_ > options_.record_bytes)
          return broken(ec::too_large, too_long("a row", options_).reason +
                                           (where == place::quoted ? ": is a quote open?" : ""));
        const auto more = text_.more();
        if (!more) return tl::unexpected(more.error());
        if (!*more && at_ == 0) return row::none;
        if (!*more && where == place::quoted) return broken(ec::bad_json, "a quote is not closed");
        if (!*more) {
          end_value();
          return whole_row(quotes);
        }
        rest = text_.rest();
      }
      const char c = rest[at_];
      const bool separates = c == ',' || c == '\n' || c == '\r';
      if (where == place::quoted) {
        if (c == '"') {
          where = place::quote;
        } else {
          field_ += c;
        }
      } else if (where == place::quote && c == '"') {
        field_ += c;
        where = place::quoted;
      } else if (separates) {
        end_value();
        where = place::value_begin;
        if (fields_.size() > most_values) return broken(ec::too_large, "a row has too many values");
        if (c == ',') continue;
        if (auto ended = take_line_end(c); !ended) return tl::unexpected(ended.error());
        return whole_row(quotes);
      } else if (where == place::quote) {
        return broken(ec::bad_json, "something follows the quote that ends a value");
      } else if (c == '"' && where == place::value) {
        return broken(ec::bad_json, "a quote is in a value that does not begin with one");
      } else if (c == '"') {
        quotes = true;
        where = place::quoted;
      } else {
        where = place::value;
        field_ += c;
      }
    }
  }
  row whole_row(bool quotes) {
    if (at_ > options_.record_bytes)
      return broken(ec::too_large, too_long("a row", options_).reason);
    return is_blank(quotes) ? row::blank : row::whole;
  }
  bool is_blank(bool quotes) const { return fields_.size() == 1 && fields_[0].empty() && !quotes; }

  /// Moves `at_` after the line end.
  result<void> take_line_end(char c) {
    ++at_;
    if (c == '\n') return {};
    if (at_ == text_.rest().size()) {
      const auto more = text_.more();
      if (!more) return tl::unexpected(more.error());
    }
    if (text_.rest().substr(at_).starts_with('\n')) ++at_;
    return {};
  }

  /// Leaves out only the first line of a row that cannot be read: one quote too many must not
  /// remove the valid rows after it. The following lines, up to the position of the fault, may be
  /// the rest of the broken row, so there a row is accepted only if it has all its values.
  result<void> drop_first_line(std::string& shown) {
    const std::string_view seen = text_.rest().substr(0, at_);
    whole_up_to_ = std::max(whole_up_to_, line_ + count_line_ends(seen));
    at_ = 0;
    while ((at_ = text_.rest().find_first_of("\r\n", at_)) == std::string_view::npos) {
      at_ = text_.rest().size();
      if (at_ > options_.record_bytes) text_.drop(std::exchange(at_, 0));
      const auto more = text_.more();
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
    }
    constexpr size_t shown_bytes = 256;
    shown = text_.rest().substr(0, std::min(at_, shown_bytes));
    if (at_ < text_.rest().size())
      if (auto ended = take_line_end(text_.rest()[at_]); !ended) return ended;
    take(at_);
    return {};
  }

  result<void> take_names(uint64_t line) {
    std::set<std::string_view> different;
    for (size_t i = 0; i < fields_.size(); ++i) {
      const std::string column = "column " + std::to_string(i + 1);
      const std::string where = "line " + std::to_string(line) + ": ";
      if (fields_[i].empty()) return fail(ec::bad_json, where + column + " has no name");
      if (!different.insert(fields_[i]).second)
        return fail(ec::bad_json, where + column + " has the name of another one");
    }
    names_ = fields_;
    return {};
  }

  void make_object(source_document& document) const {
    const bool strict = document.line <= whole_up_to_;
    if (strict && fields_.size() != names_.size()) {
      document.fault = {ec::bad_json,
                        "it does not have a value for each name, and may be a part of "
                        "the row before it"};
    } else if (std::any_of(fields_.begin() +
                               static_cast<std::ptrdiff_t>(std::min(names_.size(), fields_.size())),
                           fields_.end(), [](const auto& value) { return !value.empty(); })) {
      document.fault = {ec::bad_json, "there are more values than names"};
    }
    document.text = "{";
    for (size_t i = 0; i < std::min(fields_.size(), names_.size()); ++i)
      append_member(document.text, names_[i], fields_[i]);
    document.text += '}';
  }

  void append_member(std::string& object, const std::string& name, const std::string& value) const {
    if (value.empty()) return;
    if (object.size() > 1) object += ',';
    append_json_string(object, name);
    object += ':';
    // An id is always a string.
    const bool plain = !options_.text_only && name != "id" &&
                       (value == "true" || value == "false" || is_exact_number(value));
    if (plain) {
      object += value;
    } else {
      append_json_string(object, value);
    }
  }

  static constexpr size_t most_values = 100'000;

  text_window& text_;
  const source_options options_;
  std::vector<std::string> fields_{}; ///< of the current row
  std::string field_{};
  size_t at_ = 0; ///< position relative to the row's beginning
  std::vector<std::string> names_{};
  error problem_{ec::none, {}};
  uint64_t line_ = 1;        ///< line where the row begins
  uint64_t whole_up_to_ = 0; ///< rows that begin up to this line must have all values
};

} // namespace

std::unique_ptr<document_source> open_csv(text_window& text, const source_options& options) {
  return std::make_unique<csv_source>(text, options);
}

} // namespace treadmill::http
