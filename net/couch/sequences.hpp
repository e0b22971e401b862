#pragma once
#include "net/api/activity_reader.hpp"
#include "net/couch/errors.hpp"
#include "storage/engine/store.hpp"
#include <string>
#include <string_view>

/// Sequences as CouchDB's clients see them: `N-…`, where N is the sequence of the log and the rest
/// names the log and the chain value of the entry. Clients keep them as opaque texts.
namespace treadmill::couch {

/// Appends `"N-…"` with quotes.
void append_sequence(std::string& out, const hash128& log, const api::log_point& at);

/// The place in a bucket's log that a client names: a sequence, as a text in quotes or without; a
/// number alone; `now`. A sequence of another log, or one whose entry differs here, means the
/// beginning of the log: so a database that was dropped and made again, restored, or is another
/// one behind the same name, is read from its beginning. Errors: bad_request (its form); those of
/// the store.
outcome<api::log_point> read_sequence(std::string_view text, const bucket_info& bucket,
                                      const store& rows);

/// The time at which an instance of a database began, as CouchDB's clients compare it: a text that
/// is made of the log's id.
std::string instance_of(const bucket_info& bucket);

} // namespace treadmill::couch
