#pragma once
#include <cstdint>
#include <string_view>

/// Where the blocks of an index begin (storage/README.md, "Block tree"): decided by the keys of the
/// rows alone, so that equal rows have equal blocks in whatever order they came. Frozen: partial
/// results on disk lie at these boundaries.
namespace treadmill::block_tree {

/// A block of a level holds 2^this entries of the level below on average.
inline constexpr unsigned bits_a_level = 6;
/// No row begins blocks of more levels; one level above lies the block of all.
inline constexpr unsigned most_boundaries = 64 / bits_a_level;
inline constexpr unsigned most_levels = most_boundaries + 1;

/// FNV-1a of 64 bits, then the finaliser of MurmurHash3.
uint64_t hash(std::string_view bytes);

/// Up to which level (0: none) a block begins at the row with this suffix. (At the empty suffix one
/// begins at every level.)
unsigned boundary_level(std::string_view suffix);

} // namespace treadmill::block_tree
