#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

/// What the contents of a bucket use that format 1 does not have: a set of bits that the bucket's
/// state row keeps (storage/README.md, "Features"). Frozen.
namespace treadmill::feature {

inline constexpr uint64_t long_integers = 1;
inline constexpr uint64_t own_members = 2;
inline constexpr uint64_t tombstone_bodies = 4;
inline constexpr uint64_t attachments = 8;
inline constexpr uint64_t superseded_bodies = 16; ///< kept on request; of this node alone

/// All that this version knows.
inline constexpr uint64_t known =
    long_integers | own_members | tombstone_bodies | attachments | superseded_bodies;
/// Those in documents that version 1 of the peer protocol cannot carry.
inline constexpr uint64_t beyond_protocol_1 =
    long_integers | own_members | tombstone_bodies | attachments;

/// Their names, as above.
std::vector<std::string_view> names_of(uint64_t features);

} // namespace treadmill::feature
