#pragma once
#include <cstdint>
#include <string_view>

namespace treadmill {

/// What a body in its stored form has that format 1 does not: feature::long_integers (an integer
/// that format 1 would have rounded: it keeps those of the int64/uint64 range, and reads any other
/// as a double), feature::own_members (a top-level member `id` or `rev`), both, or 0. Nodes of
/// format 1 neither make such a body nor accept it from a peer.
///
/// An ordinary body costs a look at every 19th byte and at each colon. Another one is read once,
/// and doubles are computed only for integers of 20 to 24 digits.
uint64_t features_of(std::string_view body);

} // namespace treadmill
