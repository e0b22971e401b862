#pragma once
#include <chrono>
#include <string_view>

namespace treadmill::http {

/// A time as HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT". Each thread keeps the text of the
/// last second, so that it is written once for all answers of one second. The result is valid until
/// the thread's next call.
/// **Limits**: years that `when` can hold, 1677 to 2262.
std::string_view http_date(std::chrono::system_clock::time_point when);

} // namespace treadmill::http
