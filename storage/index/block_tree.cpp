#include "storage/index/block_tree.hpp"
#include <bit>

namespace treadmill::block_tree {

uint64_t hash(std::string_view bytes) {
  uint64_t h = 0xcbf29ce484222325U;
  for (const char c : bytes) h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
  h = (h ^ h >> 33) * 0xff51afd7ed558ccdU;
  h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53U;
  return h ^ h >> 33;
}

unsigned boundary_level(std::string_view suffix) {
  return static_cast<unsigned>(std::countr_zero(hash(suffix))) / bits_a_level;
}

} // namespace treadmill::block_tree
