#pragma once
#include "net/api/exchange.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/stored_document.hpp"
#include <cstdint>
#include <string>

namespace treadmill::couch {

/// What a request wants to see beside a document.
struct shown_members {
  bool revs = false;
  bool revs_info = false;
  bool conflicts = false;
  bool deleted_conflicts = false;
  bool local_seq = false;
  bool latest = false;
  bool any() const { return revs || revs_info || conflicts || deleted_conflicts || local_seq; }
};

/// Errors: query_parse_error.
outcome<shown_members> read_shown(const api::exchange& x);

/// The members that `shown` asks for, each behind a comma; empty: none. Errors: those of reading.
outcome<std::string> extra_members(const shown_members& shown, const stored_document& document,
                                   const revision& rev, uint64_t revs_limit);

} // namespace treadmill::couch
