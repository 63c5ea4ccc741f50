// Shows that moments come at the rate asked for, grow into it over a ramp, and do not drift.
#include "load/pace.hpp"

#include <catch2/catch.hpp>

using namespace penstock::load;

TEST_CASE("at a rate each has its own moment, without drift", "[pace]") {
  Pace pace(3, 0);
  pace.begin(1'000);
  CHECK(pace.due_ns() == 1'000);
  pace.advance();
  CHECK(pace.due_ns() == 333'334'333);
  for (int i = 0; i < 299; ++i) pace.advance();
  CHECK(pace.due_ns() == 100'000'001'000);
  CHECK(pace.count() == 300);
  pace.begin(7);
  CHECK(pace.due_ns() == 7);
}

TEST_CASE("over a ramp half as many come, and the rate is reached at its end", "[pace]") {
  Pace pace(1000, 10);
  pace.begin(0);
  std::uint64_t last = 0;
  std::uint64_t at_5_s = 0;
  std::uint64_t at_10_s = 0;
  while (pace.due_ns() < 11'000'000'000) {
    REQUIRE(pace.due_ns() >= last);
    last = pace.due_ns();
    if (last < 5'000'000'000) ++at_5_s;
    if (last < 10'000'000'000) ++at_10_s;
    pace.advance();
  }
  CHECK(at_5_s >= 1240);
  CHECK(at_5_s <= 1260);
  CHECK(at_10_s >= 4990);
  CHECK(at_10_s <= 5010);
  const std::uint64_t step_from = pace.due_ns();
  pace.advance();
  CHECK(pace.due_ns() - step_from == 1'000'000);
}
