#pragma once
#include <cstdint>
#include <string_view>

/// Computes where the blocks of an index begin (storage/README.md, "Block tree"). Only the keys of
/// the rows decide, so equal rows have equal blocks in any order of insertion. Frozen: partial
/// results on disk use these boundaries.
namespace treadmill::block_tree {

/// A block holds on average 2^bits_a_level entries of the level below.
inline constexpr unsigned bits_a_level = 6;
/// The highest level at which a row can begin a block; one level above, a single block covers all
/// rows.
inline constexpr unsigned most_boundaries = 64 / bits_a_level;
inline constexpr unsigned most_levels = most_boundaries + 1;

/// FNV-1a of 64 bits, then the finaliser of MurmurHash3.
uint64_t hash(std::string_view bytes);

/// The highest level (0: none) at which a block begins at the row with this suffix. (At the empty
/// suffix, a block begins at every level.)
unsigned boundary_level(std::string_view suffix);

} // namespace treadmill::block_tree
