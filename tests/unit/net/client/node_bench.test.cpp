#include "net/client/node_bench.hpp"
#include <doctest/doctest.h>

using namespace std::chrono_literals;
using treadmill::http::bench_figure;

TEST_CASE("a figure's times are those that a half and 99 of 100 requests did not exceed") {
  std::vector<std::chrono::microseconds> times;
  for (int i = 200; i > 0; --i) times.emplace_back(i);
  bench_figure figure;
  treadmill::http::take_times(figure, times);
  CHECK(figure.requests == 200);
  CHECK(figure.half == 100us);
  CHECK(figure.most == 198us);
  std::vector<std::chrono::microseconds> one{7us};
  treadmill::http::take_times(figure, one);
  CHECK(figure.half == 7us);
  CHECK(figure.most == 7us);
  std::vector<std::chrono::microseconds> none;
  bench_figure empty;
  treadmill::http::take_times(empty, none);
  CHECK(empty.requests == 0);
  CHECK(empty.documents_a_second() == 0);
}

TEST_CASE("a figure is shown to people and to machines") {
  bench_figure figure;
  figure.what = "bulk";
  figure.connections = 1;
  figure.requests = 4;
  figure.documents = 2000;
  figure.seconds = 0.5;
  figure.half = 1500us;
  figure.most = 20ms;
  CHECK(treadmill::http::figure_text(figure) ==
        "bulk      1 connection          4000 documents/s   p50     1.500 ms   p99    20.000 ms\n");
  CHECK(treadmill::http::figure_json(figure) ==
        R"({"what":"bulk","connections":1,"requests":4,"documents":2000,"seconds":0.500000,)"
        R"("documents_a_second":4000.000000,"p50_us":1500,"p99_us":20000})");
}
