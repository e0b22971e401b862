#include "net/node/link_status.hpp"

namespace treadmill {

std::string_view to_string(link_state state) {
  switch (state) {
  case link_state::connecting: return "connecting";
  case link_state::catching_up: return "catching_up";
  case link_state::live: return "live";
  case link_state::unreachable: return "unreachable";
  }
  return "unknown";
}

} // namespace treadmill
