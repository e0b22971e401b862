#pragma once
#include <span>
#include <string_view>

namespace treadmill::rest {

/// A file of the folder `net/rest/console/`, as it was when the node was built.
struct console_file {
  std::string_view name;
  std::string_view hash; ///< of its content, hexadecimal
  std::string_view content;
};

/// All files, in static storage. Defined in a source that `cmake/embed_files.cmake` generates.
std::span<const console_file> console_files();

} // namespace treadmill::rest
