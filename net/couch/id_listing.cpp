#include "net/couch/id_listing.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/parameters.hpp"
#include "net/couch/databases.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/json_values.hpp"
#include "net/couch/names.hpp"
#include "net/couch/revisions.hpp"
#include "net/couch/sequences.hpp"
#include "storage/base/json_string.hpp"
#include "storage/engine/keys.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

/// Rows before the first one that are counted for `offset`; beyond that it is null.
constexpr uint64_t counted_rows = 20'000;

/// The key right after `key`.
std::string next_key(std::string key) { return key += '\0'; }

outcome<void> read_flags(const listing_parameters& find, listing& made) {
  const std::pair<std::string_view, bool*> flags[] = {{"inclusive_end", &made.inclusive_end},
                                                      {"descending", &made.descending},
                                                      {"include_docs", &made.include_docs},
                                                      {"conflicts", &made.conflicts},
                                                      {"update_seq", &made.update_seq}};
  for (const auto& [name, flag] : flags) {
    const auto text = find(name);
    if (!text) continue;
    if (*text != "true" && *text != "false")
      return fault(bad_parameter(std::string(name) + " must be true or false"));
    *flag = *text == "true";
  }
  return {};
}

outcome<void> read_counts(const listing_parameters& find, listing& made) {
  const std::pair<std::string_view, uint64_t*> counts[] = {{"limit", &made.limit},
                                                           {"skip", &made.skip}};
  for (const auto& [name, count] : counts) {
    const auto text = find(name);
    if (!text) continue;
    const auto number = api::read_number(*text);
    if (!number) return fault(bad_parameter(std::string(name) + " must be a number from 0 on"));
    *count = *number;
  }
  return {};
}

// Other values than strings sort before all ids, or after them.
constexpr std::string_view before_ids = "";
constexpr std::string_view after_ids = "\xff"; // a byte that no UTF-8 text has

/// An id; nothing: the parameter is missing.
outcome<std::optional<std::string>> read_id(const listing_parameters& find, std::string_view name,
                                            std::string_view other, const json_limits& limits) {
  auto text = find(name);
  if (!text) text = find(other);
  if (!text) return std::optional<std::string>();
  const auto stored = stored_form(*text, limits);
  if (!stored) return fault(bad_parameter(std::string(name) + " must be JSON"));
  if (is_string(*stored)) return std::optional(unquoted(*stored));
  const bool is_after = stored->starts_with('[') || stored->starts_with('{');
  return std::optional(std::string(is_after ? after_ids : before_ids));
}

outcome<void> read_bounds(const listing_parameters& find, listing& made,
                          const json_limits& limits) {
  auto start = read_id(find, "startkey", "start_key", limits);
  if (!start) return fault(std::move(start.error()));
  auto end = read_id(find, "endkey", "end_key", limits);
  if (!end) return fault(std::move(end.error()));
  auto key = read_id(find, "key", "key", limits);
  if (!key) return fault(std::move(key.error()));
  made.start = *key ? *key : std::move(*start);
  made.end = *key ? std::move(*key) : std::move(*end);
  return {};
}

} // namespace

outcome<listing> read_listing(const listing_parameters& find, const json_limits& limits) {
  listing made;
  if (auto read = read_flags(find, made); !read) return fault(std::move(read.error()));
  if (auto read = read_counts(find, made); !read) return fault(std::move(read.error()));
  if (auto read = read_bounds(find, made, limits); !read) return fault(std::move(read.error()));
  if (find("key")) made.inclusive_end = true;
  const auto keys = find("keys");
  if (!keys) return made;
  const auto stored = stored_form(*keys, limits);
  if (stored) made.keys = strings_of(*stored, limits.items);
  if (!made.keys)
    return fault(
        bad_parameter("keys must be an array of strings, at most " + std::to_string(limits.items)));
  if (made.start || made.end)
    return fault(bad_parameter("keys cannot be combined with key, startkey or endkey"));
  if (made.descending) std::reverse(made.keys->begin(), made.keys->end());
  return made;
}

id_listing::id_listing(const listed_documents& from, listing asked)
    : from_(from), asked_(std::move(asked)), before_(rows_before()), rest_(asked_range()) {}

id_listing::key_range id_listing::whole() const {
  const uint32_t bucket = from_.bucket.number;
  key_range range{keys::document(bucket, from_.prefix), keys::documents_end(bucket)};
  if (!from_.prefix.empty()) range.to = range.from + '\xff'; // a byte that no UTF-8 text has
  return range;
}

id_listing::key_range id_listing::asked_range() const {
  key_range range = whole();
  const auto& low = asked_.descending ? asked_.end : asked_.start;
  const auto& high = asked_.descending ? asked_.start : asked_.end;
  const uint32_t bucket = from_.bucket.number;
  if (low) {
    std::string key = keys::document(bucket, *low);
    if (asked_.descending && !asked_.inclusive_end) key = next_key(std::move(key));
    range.from = std::max(range.from, key);
  }
  if (high) {
    std::string key = keys::document(bucket, *high);
    if (asked_.descending || asked_.inclusive_end) key = next_key(std::move(key));
    range.to = std::min(range.to, key);
  }
  return range;
}

/// The rows before the first one of the range, in the direction of the list.
id_listing::key_range id_listing::rows_before() const {
  key_range range = whole();
  const key_range asked = asked_range();
  if (asked_.descending)
    range.from = std::max(range.from, asked.to);
  else
    range.to = std::min(range.to, asked.from);
  return range;
}

bool id_listing::is_shown(std::string_view id) const {
  return id.starts_with(from_.prefix) && !is_hidden(id);
}

result<bool> id_listing::slice(std::string& out) {
  if (asked_.keys) return look_up_keys(out);
  if (counts_) {
    auto more = count_before();
    if (!more || *more) return more;
    counts_ = false;
  }
  return scan_rows(out);
}

result<bool> id_listing::count_before() {
  if (before_.from >= before_.to) return false;
  api::slice_bounds bounds;
  bool more = false;
  result<void> failed;
  const auto read = from_.view.scan(before_.from, before_.to, [&](auto key, auto value) {
    if (bounds.reached(0, value.size())) {
      more = true;
      before_.from = key;
      return false;
    }
    const auto row = document_row::decode(value);
    if (!row) {
      failed = tl::unexpected(row.error());
      return false;
    }
    if (!row->deleted && is_shown(keys::id_of(key))) ++rows_before_;
    uncounted_ = rows_before_ > counted_rows;
    return !uncounted_;
  });
  if (!failed) return tl::unexpected(std::move(failed.error()));
  if (!read) return tl::unexpected(read.error());
  return more;
}

result<bool> id_listing::scan_rows(std::string& out) {
  api::slice_bounds bounds{out.size()};
  bool more = false;
  result<void> failed;
  const auto row = [&](std::string_view key, std::string_view value) {
    if (bounds.reached(out.size(), value.size())) {
      more = true;
      if (asked_.descending)
        rest_.to = next_key(std::string(key));
      else
        rest_.from = key;
      return false;
    }
    failed = take_row(out, keys::id_of(key), value);
    return failed.has_value() && !at_limit();
  };
  if (rest_.from < rest_.to && !at_limit()) {
    const auto read = asked_.descending ? from_.view.scan_back(rest_.from, rest_.to, row)
                                        : from_.view.scan(rest_.from, rest_.to, row);
    if (!failed) return tl::unexpected(std::move(failed.error()));
    if (!read) return tl::unexpected(read.error());
  }
  if (more) return true;
  if (auto opened = open(out); !opened) return tl::unexpected(std::move(opened.error()));
  out += "\n]}";
  return false;
}

result<void> id_listing::take_row(std::string& out, std::string_view id, std::string_view value) {
  const auto row = document_row::decode(value);
  if (!row) return tl::unexpected(row.error());
  if (row->deleted || !is_shown(id)) return {};
  if (skipped_ < asked_.skip) {
    ++skipped_;
    return {};
  }
  if (auto opened = open(out); !opened) return opened;
  begin_row(out);
  out += R"({"id":)";
  const size_t text = out.size();
  append_json_string(out, id);
  const std::string quoted = out.substr(text);
  (out += R"(,"key":)") += quoted;
  out += R"(,"value":{"rev":")";
  append_revision(out, row->winner);
  out += "\"}";
  if (auto shown = append_document_of(out, id, *row); !shown) return shown;
  out += '}';
  return {};
}

result<void> id_listing::append_document_of(std::string& out, std::string_view id,
                                            const document_row& row) {
  if (!asked_.include_docs) return {};
  out += R"(,"doc":)";
  if (row.deleted) {
    out += "null";
    return {};
  }
  std::string extra;
  if (asked_.conflicts && row.conflicts) {
    const auto tree = row.tree();
    if (!tree) return tl::unexpected(tree.error());
    extra = R"(,"_conflicts":)";
    append_revisions(extra, api::conflicts_of(*tree));
  }
  append_document(out, id, row.winner, false, row.body, extra);
  return {};
}

result<bool> id_listing::look_up_keys(std::string& out) {
  if (auto opened = open(out); !opened) return tl::unexpected(std::move(opened.error()));
  api::slice_bounds bounds{out.size()};
  const auto& keys = *asked_.keys;
  if (next_key_ == 0) next_key_ = static_cast<size_t>(std::min<uint64_t>(asked_.skip, keys.size()));
  for (; next_key_ < keys.size() && !at_limit(); ++next_key_) {
    if (bounds.reached(out.size(), 0)) return true;
    if (auto shown = append_key(out, keys[next_key_]); !shown)
      return tl::unexpected(std::move(shown.error()));
  }
  out += "\n]}";
  return false;
}

result<void> id_listing::append_key(std::string& out, const std::string& id) {
  result<std::optional<std::string>> stored;
  if (is_shown(id)) {
    stored = from_.view.read(keys::document(from_.bucket.number, id));
    if (!stored) return tl::unexpected(stored.error());
  }
  begin_row(out);
  if (!*stored) {
    out += R"({"key":)";
    append_json_string(out, id);
    out += R"(,"error":"not_found"})";
    return {};
  }
  const auto row = document_row::decode(**stored);
  if (!row) return tl::unexpected(row.error());
  out += R"({"id":)";
  append_json_string(out, id);
  out += R"(,"key":)";
  append_json_string(out, id);
  out += R"(,"value":{"rev":")";
  append_revision(out, row->winner);
  out += row->deleted ? R"(","deleted":true})" : "\"}";
  if (auto shown = append_document_of(out, id, *row); !shown) return shown;
  out += '}';
  return {};
}

result<void> id_listing::open(std::string& out) {
  if (std::exchange(opened_, true)) return {};
  const auto state = from_.view.state(from_.bucket.number);
  if (!state) return tl::unexpected(state.error());
  out += R"({"total_rows":)";
  api::append_number(out, state->documents);
  out += R"(,"offset":)";
  if (asked_.keys || uncounted_)
    out += "null";
  else
    api::append_number(out, rows_before_ + skipped_);
  if (asked_.update_seq) {
    out += R"(,"update_seq":)";
    append_sequence(out, from_.bucket.log_id, {state->sequence, state->chain});
  }
  out += R"(,"rows":[)";
  return {};
}

void id_listing::begin_row(std::string& out) { out += shown_++ == 0 ? "\n" : ",\n"; }

} // namespace treadmill::couch
