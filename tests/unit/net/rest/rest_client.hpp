#pragma once
#include "net/rest/routes.hpp"
#include "tests/unit/net/api/api_client.hpp"
#include "tests/unit/net/http/reason_form.hpp"

namespace treadmill::tests {

/// A node and its native REST interface. The reason of every refusal is held to its form.
class rest_node : public api_node {
public:
  explicit rest_node(api::api_options options = {})
      : api_node(rest::native(), std::move(options)) {}

protected:
  void check(const http::response& got) const override { check_reasons(got.body); }
};

} // namespace treadmill::tests
