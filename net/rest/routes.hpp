#pragma once
#include "net/api/dialect.hpp"

namespace treadmill::rest {

/// The native dialect: every call of Treadmill's own REST interface, in one table.
const api::dialect& native();

} // namespace treadmill::rest
