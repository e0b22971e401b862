#include "storage/documents/features.hpp"
#include <utility>

namespace treadmill::feature {

std::vector<std::string_view> names_of(uint64_t features) {
  constexpr std::pair<uint64_t, std::string_view> names[] = {
      {long_integers, "long_integers"},
      {own_members, "own_members"},
      {tombstone_bodies, "tombstone_bodies"},
      {attachments, "attachments"},
      {superseded_bodies, "superseded_bodies"}};
  std::vector<std::string_view> found;
  for (const auto& [bit, name] : names)
    if ((features & bit) != 0) found.push_back(name);
  return found;
}

} // namespace treadmill::feature
