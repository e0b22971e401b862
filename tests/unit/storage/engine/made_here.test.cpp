#include "storage/documents/names.hpp"
#include "storage/engine/bucket_core.hpp"
#include <doctest/doctest.h>

namespace treadmill::test {

TEST_CASE("a document whose id was just made is not looked up, and any other one is") {
  int lookups = 0;
  bucket_core core(1, bucket_state{}, [&](std::string_view) -> result<std::optional<std::string>> {
    ++lookups;
    return std::optional<std::string>{};
  });
  write_group group;
  group.ops.resize(2);
  group.ops[0].id = make_document_id();
  group.ops[0].made_here = true;
  group.ops[0].body = "{}";
  const auto made = core.apply(group);
  REQUIRE(made.size() == 2);
  CHECK(made[0].ok());
  CHECK(made[0].rev.number() == 1);
  CHECK(lookups == 1); // the second op's

  // Once it is there, it is found like any other.
  write_group again;
  again.ops.resize(1);
  again.ops[0].id = group.ops[0].id;
  again.ops[0].body = "{}";
  CHECK(core.apply(again)[0].rev.number() == 2);
}

} // namespace treadmill::test
