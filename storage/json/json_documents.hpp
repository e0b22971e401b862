#pragma once
#include "storage/json/json.hpp"
#include "storage/json/json_reader.hpp"

namespace treadmill {

/// Splits a document while a json_reader writes it: notes which top-level members are not the
/// user's, and removes them when the document is complete. Puts the members of `_members` in its
/// place.
class document_taker {
public:
  /// A top-level member's name was written as `"name"`, from `at` to the end of `text`.
  void member(std::string_view text, size_t at);
  /// Its value was written, up to the end of `text`.
  void value(std::string_view text, bool take_deleted);
  /// The document (or another value in its place) was written, from `at` to the end of `text`.
  /// Resets this object for the next document.
  result<client_document> finish(std::string_view text, size_t at, size_t limit);

private:
  enum class kind { of_user, id, rev, deleted, members, ignored, unknown };
  struct range {
    size_t begin = 0;
    size_t end = 0;
  };
  void refuse(ec code, const char* reason);
  void take(std::string_view value, bool take_deleted);
  void take_members(std::string_view value, size_t end);
  std::string cut_body(std::string_view text, size_t at) const;

  kind kind_ = kind::of_user;
  size_t value_at_ = 0;
  client_document document_;
  std::vector<range> cuts_;
  std::optional<error> refused_;
};

/// Watches a text that is one document.
class single_document final : public json_watcher {
public:
  explicit single_document(bool take_deleted) : json_watcher(1), take_deleted_(take_deleted) {}

  void member(size_t, std::string_view text, size_t at) override { taker_.member(text, at); }
  size_t value(size_t depth, bool, std::string_view text) override {
    if (depth == 1) taker_.value(text, take_deleted_);
    return text.size();
  }
  result<client_document> finish(std::string_view text, size_t limit) {
    return taker_.finish(text, 0, limit);
  }

private:
  const bool take_deleted_;
  document_taker taker_;
};

} // namespace treadmill
