#pragma once
#include "net/api/exchange.hpp"
#include "storage/engine/bucket_core.hpp"
#include <string>
#include <vector>

namespace treadmill::api {

enum class write_call : uint8_t {
  create, ///< POST: 201
  put,    ///< 201 if the document was created, else 200
  update, ///< PATCH and DELETE: 200, and no bucket is made
};

/// Submits one write to the node, and answers when its result comes back.
void write_document(exchange& x, write_op&& op, write_call call);

/// `,"rev":"…"` for the body of an error: the current revision, if the outcome has one.
std::string current_revision(const write_outcome& outcome);

/// The outcome that caused the refusal of an atomic group; the first outcome if the group was not
/// refused. Precondition: not empty.
const write_outcome& at_fault(const std::vector<write_outcome>& outcomes);

} // namespace treadmill::api
