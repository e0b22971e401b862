#include "net/couch/names.hpp"
#include "storage/base/defaults.hpp"
#include "storage/documents/names.hpp"
#include "storage/documents/query_definition.hpp"
#include <algorithm>
#include <array>
#include <utility>

namespace treadmill::couch {

namespace {

constexpr std::array escapes{
    std::pair{'$', std::string_view(".24")}, std::pair{'(', std::string_view(".28")},
    std::pair{')', std::string_view(".29")}, std::pair{'+', std::string_view(".2b")},
    std::pair{'/', std::string_view(".2f")}};
constexpr size_t escape_bytes = 3;
constexpr std::string_view system_prefix = "0."; ///< of the bucket of a system database

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_plain(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; }

} // namespace

bool is_system_database(std::string_view database) {
  constexpr std::array<std::string_view, 3> names{"_users", "_replicator", "_global_changes"};
  return std::find(names.begin(), names.end(), database) != names.end();
}

std::optional<std::string> bucket_name(std::string_view database) {
  std::string made;
  if (is_system_database(database)) {
    made = system_prefix;
    database.remove_prefix(1);
  }
  if (database.empty() || !is_letter(database.front())) return std::nullopt;
  for (const char c : database) {
    const auto escape = std::find_if(escapes.begin(), escapes.end(),
                                     [&](const auto& one) { return one.first == c; });
    if (escape != escapes.end()) {
      made += escape->second;
    } else if (is_plain(c)) {
      made += c;
    } else {
      return std::nullopt;
    }
  }
  if (made.size() > defaults::name_bytes) return std::nullopt;
  return made;
}

std::optional<std::string> database_name(std::string_view bucket) {
  std::string made;
  if (bucket.starts_with(system_prefix)) {
    made = '_';
    bucket.remove_prefix(system_prefix.size());
  }
  if (bucket.empty() || !is_letter(bucket.front())) return std::nullopt;
  while (!bucket.empty()) {
    size_t taken = 1;
    if (bucket.front() == '.') {
      taken = escape_bytes;
      const auto escape = std::find_if(escapes.begin(), escapes.end(), [&](const auto& one) {
        return bucket.starts_with(one.second);
      });
      if (escape == escapes.end()) return std::nullopt;
      made += escape->first;
    } else if (is_plain(bucket.front())) {
      made += bucket.front();
    } else {
      return std::nullopt;
    }
    bucket.remove_prefix(taken);
  }
  if (made.starts_with('_') && !is_system_database(made)) return std::nullopt;
  return made;
}

std::optional<couch_error> refused_write(std::string_view database) {
  if (database == "_users")
    return couch_error{403, "forbidden", "this node has no accounts: nothing is kept in _users"};
  if (database == "_replicator")
    return couch_error{403, "forbidden",
                       "this node runs no replications of its own: nothing is kept in _replicator"};
  return std::nullopt;
}

std::optional<database> find_database(api::exchange& x) {
  if (const auto bucket = bucket_name(x.bucket()))
    if (auto found = x.node.backend.rows().find_bucket(*bucket))
      return database{std::move(*found), std::string(x.bucket())};
  refuse(x.answer, no_database());
  return std::nullopt;
}

std::optional<database> find_writable(api::exchange& x) {
  if (const auto refused = refused_write(x.bucket())) {
    refuse(x.answer, *refused);
    return std::nullopt;
  }
  return find_database(x);
}

bool is_hidden(std::string_view id) { return is_query_document(id); }

outcome<void> check_document_id(std::string_view id) {
  if (id.starts_with("_design/"))
    return fault(not_implemented("design documents are not kept yet"));
  if (id.starts_with('_'))
    return fault(bad_document_id("only _design/ and _local/ may begin with an underscore"));
  if (const auto checked = check_id(id); !checked) return fault(of(checked.error()));
  return {};
}

} // namespace treadmill::couch
