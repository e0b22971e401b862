#include "net/api/answer_text.hpp"
#include "net/rest/handlers.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <limits>

namespace treadmill::rest {

namespace {

/// Conflicts that are shown in one slice: each costs a read of its own.
constexpr size_t slice_conflicts = 256;

/// A range of keys: `from` is inclusive, `to` is exclusive.
struct key_range {
  std::string from;
  std::string to;
  void raise(const std::string& key) { from = std::max(from, key); }
  void lower(const std::string& key) { to = std::min(to, key); }
};

/// The key right after `key`.
std::string next_key(std::string key) {
  key += '\0';
  return key;
}

/// The text of `{"rows":[…],"count":n,"next":…}`, grown row by row.
class id_rows {
public:
  explicit id_rows(std::optional<uint64_t> limit)
      : limit_(limit.value_or(std::numeric_limits<uint64_t>::max())) {}

  void open(std::string& out) {
    if (!opened_) out += R"({"rows":[)";
    opened_ = true;
  }
  /// False: the limit is reached, and the answer is complete.
  bool begin_row(std::string& out, std::string_view id, const revision& rev) {
    if (count_ == limit_) {
      cut_ = true;
      return false;
    }
    out += count_++ == 0 ? R"({"id":)" : R"(,{"id":)";
    append_json_string(out, id);
    out += R"(,"rev":")";
    api::append_revision(out, rev);
    out += '"';
    last_ = id;
    return true;
  }
  bool cut() const { return cut_; }
  void close(std::string& out) const {
    out += R"(],"count":)";
    api::append_number(out, count_);
    if (cut_ && count_ > 0) {
      out += R"(,"next":)";
      append_json_string(out, last_);
    }
    out += '}';
  }

private:
  uint64_t limit_;
  uint64_t count_ = 0;
  bool opened_ = false;
  bool cut_ = false;
  std::string last_{}; ///< id of the last row
};

class document_listing : public api::row_stream {
public:
  document_listing(const api::exchange& x, read_view view, key_range range)
      : view_(std::move(view)), range_(std::move(range)), rows_(x.number("limit")),
        descending_(x.flag("descending")), include_docs_(x.flag("include_docs")) {}

protected:
  state slice(std::string& out) override {
    api::slice_bounds bounds{out.size()};
    rows_.open(out);
    bool more = false;
    result<void> failed;
    const auto row = [&](std::string_view key, std::string_view value) {
      if (bounds.reached(out.size(), value.size())) {
        more = true;
        go_on_at(key);
        return false;
      }
      failed = append_row(out, keys::id_of(key), value);
      return failed && !rows_.cut();
    };
    const auto read = descending_ ? view_.scan_back(range_.from, range_.to, row)
                                  : view_.scan(range_.from, range_.to, row);
    if (!failed) return give_up(std::move(failed.error()));
    if (!read) return give_up(read.error());
    if (more) return state::more;
    rows_.close(out);
    return state::done;
  }

private:
  void go_on_at(std::string_view key) {
    if (descending_) {
      range_.to = next_key(std::string(key));
    } else {
      range_.from = key;
    }
  }

  result<void> append_row(std::string& out, std::string_view id, std::string_view value) {
    const auto row = document_row::decode(value);
    if (!row) return tl::unexpected(row.error());
    if (row->deleted || is_query_document(id)) return {};
    if (!rows_.begin_row(out, id, row->winner)) return {};
    if (include_docs_) {
      out += R"(,"document":)";
      append_document(out, id, row->winner.text(), row->body);
    }
    out += '}';
    return {};
  }

  read_view view_;
  key_range range_;
  id_rows rows_;
  bool descending_ = false;
  bool include_docs_ = false;
};

class conflict_listing : public api::row_stream {
public:
  conflict_listing(const api::exchange& x, read_view view, uint32_t bucket, key_range range)
      : view_(std::move(view)), bucket_(bucket), range_(std::move(range)),
        rows_(x.number("limit")) {}

protected:
  state slice(std::string& out) override {
    rows_.open(out);
    // A scan holds the store, so the documents are read after it.
    std::vector<std::string> ids;
    const auto read = view_.scan(range_.from, range_.to, [&](std::string_view key, auto) {
      ids.emplace_back(keys::id_of(key));
      return ids.size() < slice_conflicts;
    });
    if (!read) return give_up(read.error());
    for (const std::string& id : ids) {
      if (auto shown = append_row(out, id); !shown) return give_up(std::move(shown.error()));
      if (rows_.cut()) break;
    }
    if (ids.size() < slice_conflicts || rows_.cut()) {
      rows_.close(out);
      return state::done;
    }
    range_.from = next_key(keys::conflict(bucket_, ids.back()));
    return state::more;
  }

private:
  result<void> append_row(std::string& out, const std::string& id) {
    const auto stored = view_.read(keys::document(bucket_, id));
    if (!stored) return tl::unexpected(stored.error());
    if (!*stored) return fail(ec::corrupt, "a conflict names a document that is missing");
    const auto row = document_row::decode(**stored);
    if (!row) return tl::unexpected(row.error());
    const auto tree = row->tree(); // the recent part of the tree has every leaf
    if (!tree) return tl::unexpected(tree.error());
    if (!rows_.begin_row(out, id, row->winner)) return {};
    out += R"(,"conflicts":)";
    api::append_revisions(out, api::conflicts_of(*tree));
    out += '}';
    return {};
  }

  read_view view_;
  uint32_t bucket_ = 0;
  key_range range_;
  id_rows rows_;
};

key_range asked_documents(const api::exchange& x, uint32_t bucket) {
  key_range range{keys::document(bucket, {}), keys::documents_end(bucket)};
  const bool descending = x.flag("descending");
  if (const auto low = x.text(descending ? "to" : "from"))
    range.raise(keys::document(bucket, *low));
  if (const auto high = x.text(descending ? "from" : "to"))
    range.lower(next_key(keys::document(bucket, *high)));
  if (const auto prefix = x.text("prefix")) {
    range.raise(keys::document(bucket, *prefix));
    range.lower(keys::document(bucket, *prefix) + '\xff'); // a byte that no UTF-8 text has
  }
  const auto after = x.text("after");
  if (!after || after->empty()) return range;
  if (descending) {
    range.lower(keys::document(bucket, *after));
  } else {
    range.raise(next_key(keys::document(bucket, *after)));
  }
  return range;
}

} // namespace

void list_documents(api::exchange& x) {
  const auto bucket = x.existing_bucket();
  if (!bucket) return;
  api::answer_rows(x.answer,
                   std::make_unique<document_listing>(x, x.node.backend.rows().snapshot(),
                                                      asked_documents(x, bucket->number)));
}

void list_conflicts(api::exchange& x) {
  const auto bucket = x.existing_bucket();
  if (!bucket) return;
  key_range range{keys::conflict(bucket->number, {}), keys::conflicts_end(bucket->number)};
  if (const auto after = x.text("after"); after && !after->empty())
    range.raise(next_key(keys::conflict(bucket->number, *after)));
  api::answer_rows(x.answer, std::make_unique<conflict_listing>(x, x.node.backend.rows().snapshot(),
                                                                bucket->number, std::move(range)));
}

} // namespace treadmill::rest
