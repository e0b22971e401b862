#pragma once
#include "net/exchange.hpp"
#include "storage/bucket_core.hpp"
#include <string>

namespace treadmill::rest {

enum class write_call : uint8_t {
  create, ///< POST: 201
  put,    ///< 201 where the document was not there, else 200
  update, ///< PATCH and DELETE: 200, and no bucket is made
};

/// Hands one write to the node; the answer is given when it comes back.
void write_document(exchange& x, write_op&& op, write_call call);

/// `,"rev":"…"` where the outcome carries one: the current revision beside an error.
std::string current_revision(const write_outcome& outcome);

} // namespace treadmill::rest
