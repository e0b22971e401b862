#pragma once
#include "net/couch/routes.hpp"
#include "tests/unit/net/api/api_client.hpp"
#include <stdexcept>
#include <string>
#include <string_view>

namespace treadmill::tests {

/// A node and its dialect for CouchDB's clients. Every refusal must have an error and a reason.
class couch_node : public api_node {
public:
  explicit couch_node(api::api_options options = {})
      : api_node(couch::couchdb(), std::move(options)) {}

  /// The revision that an accepted write made.
  std::string wrote(std::string_view method, std::string_view target, std::string_view body = {},
                    const header_list& headers = {}) {
    const answer got = send(method, target, body, headers);
    if (got.status != 201 && got.status != 200) throw std::runtime_error(got.body);
    return got.rev();
  }
  uint64_t sequence(std::string_view bucket) {
    const auto found = backend.rows().find_bucket(bucket);
    return backend.rows().latest().state(found.value().number).value().sequence;
  }

protected:
  void check(const http::response& got) const override {
    if (got.status < 400) return;
    if (got.body.find(R"({"error":")") != 0 || got.body.find(R"(,"reason":")") == std::string::npos)
      throw std::runtime_error("a refusal without error and reason: " + got.body);
  }
};

/// The hash of a revision `N-hash`.
inline std::string hash_of(const std::string& rev) { return rev.substr(rev.find('-') + 1); }

} // namespace treadmill::tests
