#include "net/api/answer_text.hpp"
#include "net/api/log_position.hpp"
#include "net/rest/handlers.hpp"
#include "storage/documents/document_line.hpp"
#include "storage/engine/current_entries.hpp"
#include "storage/engine/keys.hpp"

namespace treadmill::rest {

namespace {

/// Entries whose documents wait to be read.
constexpr size_t pending_entries = 256;

struct pending_entry {
  uint64_t sequence = 0;
  std::string id{};
};

/// Exports a bucket's documents with their revision histories, in the order of their last changes,
/// as lines: a first line about the export, the lines of the documents, and a last line with their
/// number, which shows a reader that the export is complete. A document with several leaves has a
/// line for each, with the history of that leaf, so that no line has more than one body.
class export_stream : public api::row_stream {
public:
  /// `view`: of durable state only, so that no sequence in it is ever reused for another entry.
  export_stream(read_view view, bucket_info bucket, const bucket_state& covered, uint64_t since)
      : view_(std::move(view)), bucket_(std::move(bucket)), state_(covered), position_(since),
        since_(since) {}

protected:
  state slice(std::string& out) override {
    if (!begun_) append_head(out);
    begun_ = true;
    const size_t full = out.size() + api::slice_bytes;
    if (next_ == pending_.size())
      if (auto looked = look_further(); !looked) return give_up(std::move(looked.error()));
    row_finder rows(view_);
    while (next_ < pending_.size()) {
      if (out.size() >= full) return state::more;
      auto shown = append_document_of(rows, pending_[next_], out, full);
      if (!shown) return give_up(std::move(shown.error()));
      if (!*shown) return state::more;
      ++next_;
    }
    if (position_ < state_.sequence) return state::more;
    out += export_last_line;
    api::append_number(out, count_);
    out += "}\n";
    return state::done;
  }

private:
  void append_head(std::string& out) const {
    out += export_first_line;
    append_json_string(out, bucket_.name);
    out += R"(,"log":")" + to_hex(bucket_.log_id) + '"';
    api::append_fact(out, "since", since_);
    api::append_fact(out, "last_seq", state_.sequence);
    api::append_fact(out, "documents", state_.documents);
    out += R"(,"digest":")" + to_hex(state_.digest) + "\"}\n";
  }

  /// Reads some entries of the activity; their documents are read after the scan.
  result<void> look_further() {
    pending_.clear();
    next_ = 0;
    result<void> failed;
    activity_entry entry;
    size_t found = 0;
    const auto row = [&](std::string_view key, std::string_view value) {
      failed = entry.assign(keys::sequence_of(key), value);
      if (!failed) return false;
      position_ = entry.sequence;
      pending_.push_back({entry.sequence, entry.id});
      return ++found < pending_entries;
    };
    const auto looked =
        scan_current_entries(view_, bucket_.number, position_ + 1, state_.sequence, row);
    if (!failed) return failed;
    if (!looked) return tl::unexpected(looked.error());
    if (found < pending_entries) position_ = looked->up_to;
    return {};
  }

  /// Appends lines of one document from its leaf `next_leaf_` on; nothing if a later entry is about
  /// the same document. False: the slice is full and there are more lines.
  result<bool> append_document_of(row_finder& rows, const pending_entry& entry, std::string& out,
                                  size_t full) {
    const auto stored = rows.read(keys::document(bucket_.number, entry.id));
    if (!stored) return tl::unexpected(stored.error());
    if (!*stored) return fail(ec::corrupt, "the activity names a document that is missing");
    const auto row = document_row::decode(**stored);
    if (!row) return tl::unexpected(row.error());
    if (row->sequence != entry.sequence) return true;
    const auto tree = row->older ? view_.full_tree(bucket_.number, entry.id) : row->tree();
    if (!tree) return tl::unexpected(tree.error());
    std::string losing;
    const auto body_of = [&](const revision& rev) -> result<std::string_view> {
      if (rev == row->winner) return row->body;
      auto body = view_.leaf_body(bucket_.number, entry.id, rev);
      if (!body) return tl::unexpected(body.error());
      losing = std::move(*body);
      return std::string_view(losing);
    };
    const auto leaves = tree->leaves();
    for (; next_leaf_ < leaves.size(); ++next_leaf_) {
      if (out.size() >= full) return false;
      auto appended = append_document_line(
          out, entry.id, entry.sequence,
          leaves.size() == 1 ? *tree : revision_tree::of(tree->branch(leaves[next_leaf_].rev)),
          body_of);
      if (!appended) return tl::unexpected(appended.error());
      out += '\n';
      ++count_;
    }
    next_leaf_ = 0;
    return true;
  }

  read_view view_;
  bucket_info bucket_;
  bucket_state state_;
  uint64_t position_; ///< entries up to it were read
  uint64_t since_;
  std::vector<pending_entry> pending_{};
  size_t next_ = 0;      ///< of `pending_`
  size_t next_leaf_ = 0; ///< of the document of `pending_[next_]`
  uint64_t count_ = 0;   ///< lines of documents
  bool begun_ = false;
};

} // namespace

void export_bucket(api::exchange& x) {
  const auto bucket = x.existing_bucket();
  if (!bucket) return;
  const read_view view = x.node.backend.rows().synced();
  const auto state = view.state(bucket->number);
  if (!state) return x.answer.refuse(state.error());
  api::log_position since;
  if (const auto asked = x.text("since"))
    since = api::parse_log_position(*asked).value_or(
        api::log_position{state->sequence, {}}); // else `now`
  if (!api::is_of_log(since, bucket->log_id, state->sequence))
    return x.answer.refuse({ec::bad_request,
                            "`since` is beyond the bucket's last sequence, or of a "
                            "log before the bucket was made anew"});
  api::answer_rows(x.answer, std::make_unique<export_stream>(view, *bucket, *state, since.sequence),
                   "application/x-ndjson");
}

} // namespace treadmill::rest
