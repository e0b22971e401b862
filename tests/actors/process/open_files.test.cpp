#include "actors/process/open_files.hpp"
#include <doctest/doctest.h>
#include <initializer_list>

using treadmill::open_file_needs;
using treadmill::share_open_files;

namespace {

const open_file_needs usual{512, 256, 64, 256, 32, 2, 18};

} // namespace

TEST_CASE("with room for everything the settings hold as they are") {
  for (const uint64_t limit : {uint64_t{4096}, uint64_t{1} << 20, UINT64_MAX}) {
    const auto shares = share_open_files(limit, usual);
    CHECK_FALSE(shares.lowered);
    CHECK_FALSE(shares.too_low);
    CHECK(shares.connections == 512);
    CHECK(shares.feeds == 256);
    CHECK(shares.refusals == 64);
    CHECK(shares.peer_connections == 256);
  }
}

TEST_CASE("whatever the limit, what others can open and what is kept for the store are below it") {
  for (uint64_t limit = 128; limit < 2048; ++limit) {
    CAPTURE(limit);
    const auto shares = share_open_files(limit, usual);
    CHECK_FALSE(shares.too_low);
    CHECK(shares.kept >= 32 + 24 + 18);
    CHECK(shares.kept + shares.connections + shares.feeds + shares.refusals +
              shares.peer_connections <=
          limit);
    CHECK(shares.connections >= 8);
    CHECK(shares.feeds >= 2);
  }
}

TEST_CASE(
    "shares are lowered in proportion, grow with the limit, and are never more than was asked") {
  size_t before = 0;
  for (uint64_t limit = 0; limit < 2048; ++limit) {
    const auto shares = share_open_files(limit, usual);
    CHECK(shares.connections >= before);
    CHECK(shares.connections <= 512);
    CHECK(shares.lowered == (shares.connections < 512));
    before = shares.connections;
  }
  CHECK(before == 512);
  open_file_needs few = usual;
  few.connections = 1;
  few.feeds = 0;
  few.peer_connections = 0;
  const auto shares = share_open_files(64, few);
  CHECK(shares.connections == 1);
  CHECK(shares.feeds == 0);
  CHECK(shares.peer_connections == 0);
}

TEST_CASE("a limit that has no room for the least is told") {
  CHECK(share_open_files(64, usual).too_low);
  CHECK(share_open_files(0, usual).too_low);
}
