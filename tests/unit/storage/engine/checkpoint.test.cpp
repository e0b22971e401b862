#include "storage/engine/checkpoint.hpp"
#include <doctest/doctest.h>

namespace treadmill {
namespace {

checkpoint example() {
  checkpoint made;
  made.log_id.fill(0xab);
  made.sequence = 1ULL << 40;
  made.chain.fill(0x01);
  return made;
}

} // namespace

TEST_CASE("a checkpoint is read back") {
  for (const checkpoint& made : {checkpoint{}, example()}) {
    const auto read = checkpoint::decode(made.encode());
    REQUIRE(read);
    CHECK(*read == made);
  }
}

TEST_CASE("a checkpoint differs from one with another log, sequence or chain value") {
  checkpoint other = example();
  other.log_id[15] = 0;
  CHECK(other != example());
  CHECK(checkpoint::decode(other.encode()).value() == other);
  other = example();
  ++other.sequence;
  CHECK(other != example());
  other = example();
  other.chain[0] = 0;
  CHECK(other != example());
}

TEST_CASE("a checkpoint is the bytes that storage/README.md specifies") {
  checkpoint made = example();
  made.sequence = 300;
  CHECK(made.encode() == std::string(16, '\xab') + "\xac\x02" + std::string(16, '\x01'));
}

TEST_CASE("a checkpoint that is cut short or too long is corrupt") {
  const std::string bytes = example().encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = checkpoint::decode(std::string_view(bytes).substr(0, size));
    REQUIRE(!cut);
    CHECK(cut.error().code == ec::corrupt);
  }
  CHECK(checkpoint::decode(bytes + '\0').error().code == ec::corrupt);
}

} // namespace treadmill
