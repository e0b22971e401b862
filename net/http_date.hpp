#pragma once
#include <chrono>
#include <string_view>

namespace treadmill::http {

/// A time as HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT". Each thread keeps the text of the
/// second that it asked for last, so that the answers of one second share its making; what is
/// returned is good until the thread's next call.
/// **Limits**: years that `when` can hold, 1677 to 2262.
std::string_view http_date(std::chrono::system_clock::time_point when);

} // namespace treadmill::http
