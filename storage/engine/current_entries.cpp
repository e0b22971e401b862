#include "storage/engine/current_entries.hpp"
#include "storage/engine/keys.hpp"
#include <vector>

namespace treadmill {

result<looked_through> scan_current_entries(
    const read_view& view, uint32_t bucket, uint64_t from, uint64_t to,
    const std::function<bool(std::string_view key, std::string_view value)>& entry) {
  std::vector<uint64_t> marks;
  const auto marked = view.scan(keys::superseded(bucket, from), keys::superseded(bucket, to + 1),
                                [&](std::string_view key, std::string_view) {
                                  marks.push_back(keys::sequence_of(key));
                                  return marks.size() < superseded_entries;
                                });
  if (!marked) return tl::unexpected(marked.error());
  looked_through looked;
  looked.up_to = marks.size() == superseded_entries ? marks.back() : to;
  auto mark = marks.begin();
  for (; mark != marks.end() && *mark == from; ++mark) ++from; // skip without reading
  looked.last = from - 1;
  const auto scanned =
      view.scan(keys::activity(bucket, from), keys::activity(bucket, looked.up_to + 1),
                [&](std::string_view key, std::string_view value) {
                  looked.last = keys::sequence_of(key);
                  if (mark == marks.end() || *mark != looked.last) return entry(key, value);
                  ++mark;
                  return true;
                });
  if (!scanned) return tl::unexpected(scanned.error());
  return looked;
}

} // namespace treadmill
