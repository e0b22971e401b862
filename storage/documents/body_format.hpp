#pragma once
#include <string_view>

namespace treadmill {

/// Whether a body in its stored form is one that nodes of format 1 neither make nor accept from a
/// peer: it has an integer that format 1 would have rounded, or a top-level member `id` or `rev`.
/// (Format 1 keeps integers of the int64/uint64 range, and reads any other as a double.) It reads
/// the text once, and computes doubles only for integers of 20 to 24 digits.
bool needs_format_2(std::string_view body);

} // namespace treadmill
