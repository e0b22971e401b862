#pragma once
#include "storage/base/result.hpp"
#include <caf/error.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>

CAF_ERROR_CODE_ENUM(treadmill::ec, "treadmill")

namespace treadmill {

/// The one place that converts treadmill::error to CAF's errors and back. An error of CAF itself (a
/// time-out, a receiver that died) becomes `ambiguous`.
caf::error to_caf(const error& problem);
error from_caf(const caf::error& problem);

} // namespace treadmill
