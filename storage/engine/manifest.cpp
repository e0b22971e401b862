#include "storage/engine/manifest.hpp"
#include "storage/base/coding.hpp"

namespace treadmill {
namespace {

// Tags of LevelDB's VersionEdit, frozen by its format.
constexpr uint64_t comparator_tag = 1;
constexpr uint64_t log_number_tag = 2;
constexpr uint64_t next_file_tag = 3;
constexpr uint64_t last_sequence_tag = 4;
constexpr uint64_t compact_pointer_tag = 5;
constexpr uint64_t deleted_file_tag = 6;
constexpr uint64_t new_file_tag = 7;
constexpr uint64_t previous_log_tag = 9;

} // namespace

bool manifest::apply(std::string_view edit) {
  while (!edit.empty()) {
    uint64_t tag = 0;
    uint64_t level = 0;
    uint64_t number = 0;
    uint64_t size = 0;
    std::string_view bytes;
    std::string_view largest;
    bool read = take_varint(edit, tag);
    if (!read) return false;
    switch (tag) {
    case comparator_tag: read = take_bytes(edit, bytes); break;
    case log_number_tag: read = take_varint(edit, log_number); break;
    case previous_log_tag: read = take_varint(edit, previous_log); break;
    case next_file_tag: read = take_varint(edit, number); break;
    case last_sequence_tag:
      read = take_varint(edit, last_sequence);
      complete = true; // LevelDB writes it only together with the log and next-file numbers
      break;
    case compact_pointer_tag: read = take_varint(edit, level) && take_bytes(edit, bytes); break;
    case deleted_file_tag:
      read = take_varint(edit, level) && take_varint(edit, number);
      tables.erase(number);
      former_tables.insert(number);
      break;
    case new_file_tag:
      read = take_varint(edit, level) && take_varint(edit, number) && take_varint(edit, size) &&
             take_bytes(edit, bytes) && take_bytes(edit, largest);
      tables.insert(number);
      break;
    default: return false;
    }
    if (!read) return false;
  }
  return true;
}

} // namespace treadmill
