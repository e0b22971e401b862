#pragma once
#include "net/api/dialect.hpp"
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace treadmill::api {

/// Pieces of the longest path that a route may have.
inline constexpr size_t path_pieces_most = 8;

/// The values of a path's variables, decoded and not checked.
struct path_values {
  std::string_view bucket{}; ///< the variable with `is_bucket`
  std::array<std::string_view, path_pieces_most> others{};
  size_t count = 0; ///< of the others
  /// The variable `{name...}`, which is the first piece of it in `others`.
  std::string rest{};
};

/// Finds the routes of a path. Made of a dialect's table alone; a fixed name goes before a
/// variable.
/// **Thread**: any, once it is made.
class router {
public:
  /// Throws std::logic_error where two routes are the same, or variables of paths contradict.
  explicit router(const dialect& rules);

  /// The routes of one path, by method.
  struct place {
    std::array<const route*, verbs> routes{};
    std::string_view path{};
    const route* of(verb method) const { return routes[static_cast<size_t>(method)]; }
    /// "GET, HEAD, OPTIONS": the value of Allow.
    std::string allowed_methods() const;
  };
  struct match {
    const place* where = nullptr;
    path_values values{};
  };
  /// Errors: those of the path's variables; that of `dialect::no_route`.
  result<match> find(std::span<const std::string_view> pieces) const;

private:
  struct step {
    std::vector<std::pair<std::string_view, size_t>> fixed{}; ///< name, index of its step
    size_t variable = 0;                                      ///< index of its step; 0: none
    const path_variable* rule = nullptr;
    bool takes_rest = false; ///< the variable takes the rest of the path
    place here{};
    bool ends = false; ///< a route has this path
    bool is_last() const { return fixed.empty() && variable == 0; }
  };
  size_t step_of(size_t from, std::string_view piece);

  const dialect& rules_;
  std::vector<step> steps_{1};
};

} // namespace treadmill::api
