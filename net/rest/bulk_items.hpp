#pragma once
#include "storage/base/result.hpp"
#include "storage/engine/bucket_core.hpp"
#include "storage/json/json.hpp"
#include <string>
#include <vector>

/// The documents of a bulk as writes, and their results as JSON.
namespace treadmill::rest {

/// Fills the operation for one document of a bulk; an error of the document becomes its result.
void fill_op(write_op& op, result<client_document>& document, bool create);

/// `,"id":…,"rev":…` for the body of an error: what the outcome has of them.
std::string members_of(const write_outcome& outcome);

/// Appends the result of one document: an object.
void append_result(std::string& out, const write_outcome& outcome);

/// All results: an array.
std::string results_of(const std::vector<write_outcome>& outcomes);

} // namespace treadmill::rest
