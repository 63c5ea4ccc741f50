// Shows that products beyond 64 bits are exact or saturate, and that windows stop at their bound.
#include "proto/congestion/scale.hpp"

#include <catch2/catch.hpp>

using namespace penstock::congestion;

TEST_CASE("a product beyond 64 bits is divided exactly") {
  CHECK(scaled(7, 3, 2) == 10);
  // 100 Gbit/s for a minute, in µs.
  CHECK(scaled(12'500'000'000, 60'000'000, 1'000'000) == 750'000'000'000);
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  CHECK(scaled(most, 10, 10) == most);
  CHECK(scaled(most - 1, 1'000'000, 2'000'000) == (most - 1) / 2);
  CHECK(scaled(most, 3, 2) == most);
}

TEST_CASE("a window does not grow above its bound, nor a volume above 32 bits") {
  CHECK(widened(1000, 500) == 1500);
  CHECK(widened(window_max - 10, 500) == window_max);
  CHECK(widened(window_max, std::numeric_limits<std::uint64_t>::max()) == window_max);
  CHECK(window_max > 32'768u * 9'000u);
  CHECK(to_volume(std::uint64_t{1} << 40) == volume_unlimited);
}
