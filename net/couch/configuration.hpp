#pragma once
#include "net/api/exchange.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::couch {

/// A value of CouchDB's configuration, and the setting of this node that stands for it.
struct configuration_entry {
  std::string_view key;
  std::string value;
  std::string_view setting{}; ///< empty: it cannot be changed
};
struct configuration_section {
  std::string_view name;
  std::vector<configuration_entry> entries;
};
using configuration = std::vector<configuration_section>;

/// This node's settings under the names of CouchDB's configuration, as far as clients look at them.
configuration configuration_of(const api::context& node);

} // namespace treadmill::couch
