#include "net/api/router.hpp"
#include <algorithm>
#include <stdexcept>

namespace treadmill::api {

namespace {

constexpr std::string_view rest_mark = "...";

std::string joined(std::span<const std::string_view> pieces) {
  std::string text;
  for (const std::string_view piece : pieces) {
    if (!text.empty()) text += '/';
    text += piece;
  }
  return text;
}

} // namespace

std::string_view to_string(verb method) {
  switch (method) {
  case verb::get: return "GET";
  case verb::post: return "POST";
  case verb::put: return "PUT";
  case verb::patch: return "PATCH";
  case verb::remove: return "DELETE";
  case verb::copy: return "COPY";
  }
  return "GET";
}

std::string router::place::allowed_methods() const {
  std::string methods;
  for (const route* row : routes) {
    if (row == nullptr) continue;
    methods += to_string(row->method);
    methods += row->method == verb::get ? ", HEAD, " : ", ";
  }
  return methods + "OPTIONS";
}

router::router(const dialect& rules) : rules_(rules) {
  for (const route& row : rules.routes) {
    size_t at = 0;
    std::string_view rest = row.path.substr(1);
    while (!rest.empty()) {
      const size_t slash = std::min(rest.find('/'), rest.size());
      at = step_of(at, rest.substr(0, slash));
      rest.remove_prefix(std::min(slash + 1, rest.size()));
    }
    step& here = steps_[at];
    here.ends = true;
    here.here.path = row.path;
    const route*& entry = here.here.routes[static_cast<size_t>(row.method)];
    if (entry != nullptr)
      throw std::logic_error("two routes are the same: " + std::string(row.path));
    entry = &row;
  }
}

size_t router::step_of(size_t from, std::string_view piece) {
  const size_t made = steps_.size();
  if (!piece.starts_with('{')) {
    for (const auto& [name, next] : steps_[from].fixed)
      if (name == piece) return next;
    steps_[from].fixed.emplace_back(piece, made);
    steps_.emplace_back();
    return made;
  }
  std::string_view name = piece.substr(1, piece.size() - 2);
  const bool takes_rest = name.ends_with(rest_mark);
  if (takes_rest) name.remove_suffix(rest_mark.size());
  if (steps_[from].variable != 0) {
    if (steps_[from].rule->name != name || steps_[from].takes_rest != takes_rest)
      throw std::logic_error("one place of paths has two variables: " + std::string(piece));
    return steps_[from].variable;
  }
  const auto rule = std::find_if(rules_.variables.begin(), rules_.variables.end(),
                                 [&](const path_variable& one) { return one.name == name; });
  if (rule == rules_.variables.end())
    throw std::logic_error("a path has the unknown variable " + std::string(name));
  steps_[from].variable = made;
  steps_[from].rule = &*rule;
  steps_[from].takes_rest = takes_rest;
  steps_.emplace_back();
  return made;
}

result<router::match> router::find(std::span<const std::string_view> pieces) const {
  match found;
  size_t at = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const std::string_view piece = pieces[i];
    const step& here = steps_[at];
    const auto fixed = std::find_if(here.fixed.begin(), here.fixed.end(),
                                    [&](const auto& one) { return one.first == piece; });
    if (fixed != here.fixed.end()) {
      at = fixed->second;
      continue;
    }
    // A path that goes on below a variable where no route does is refused as a whole.
    const bool goes_on = i + 1 < pieces.size() && !here.takes_rest;
    if (here.variable == 0 || i == path_pieces_most || (goes_on && steps_[here.variable].is_last()))
      return tl::unexpected(rules_.no_route(pieces));
    if (here.rule->reserved != ec::none && piece.starts_with('_'))
      return fail(here.rule->reserved, std::string(here.rule->reason));
    if (here.rule->is_bucket) {
      found.values.bucket = piece;
    } else {
      found.values.others[found.values.count++] = piece;
    }
    at = here.variable;
    if (!here.takes_rest) continue;
    found.values.rest = joined(pieces.subspan(i));
    break;
  }
  if (!steps_[at].ends) return tl::unexpected(rules_.no_route(pieces));
  found.where = &steps_[at].here;
  return found;
}

} // namespace treadmill::api
