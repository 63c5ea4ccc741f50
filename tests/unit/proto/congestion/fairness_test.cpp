// Shows how flows share a bottleneck: two of a kind evenly, different ones within a factor of two of their share.
// How: the model of bottleneck.hpp in virtual time, several seeds; each figure is printed, and held to a bound with some room.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "proto/congestion/bottleneck.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

namespace {

// 20 Mbit/s, 40 ms, and a buffer of so many BDPs; the second flow begins five seconds after the first.
Figures shared(Kind first, Kind second, double bdps, std::int64_t flush_us, std::uint64_t seed, double for_s) {
  Path path{.rate = 2'500'000, .flush_us = flush_us};
  path.buffer = static_cast<std::uint64_t>(static_cast<double>(path.bdp()) * bdps);
  Bottleneck world(path, seed);
  world.add(first);
  world.add(second, 5);
  world.run(30);
  world.measure();
  world.run(for_s);
  return world.measure();
}

}  // namespace

TEST_CASE("two flows of a kind share evenly, however long the first was alone") {
  for (const Kind kind : {Kind::newreno, Kind::cubic, Kind::bbr}) {
    for (const std::int64_t flush_us : {0, 10'000}) {
      double sum = 0, worst = 0.5;
      constexpr std::uint64_t seeds = 3;
      for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        const Figures figures = shared(kind, kind, 1, flush_us, seed, 120);
        CHECK(figures.utilisation >= 0.95);
        sum += figures.shares[0];
        if (std::abs(figures.shares[0] - 0.5) > std::abs(worst - 0.5)) worst = figures.shares[0];
      }
      std::printf("two of a kind, flush of %2u ms        %-8s first has %.1f %% in the mean, %.1f %% at the worst\n",
                  static_cast<unsigned>(flush_us / 1000), name_of(kind).data(), sum / seeds * 100, worst * 100);
      INFO(name_of(kind) << " flush " << flush_us);
      // Within 10 % of each other are 47.6 and 52.4 %.
      CHECK(sum / seeds == Approx(0.5).margin(0.024));
      CHECK(worst == Approx(0.5).margin(flush_us == 0 ? 0.04 : 0.06));
    }
  }
}

TEST_CASE("a flow beside a cubic one keeps between half and twice its share") {
  for (const Kind kind : {Kind::newreno, Kind::bbr}) {
    for (const double bdps : {0.5, 1.0, 2.0, 4.0}) {
      double sum = 0;
      constexpr std::uint64_t seeds = 3;
      for (std::uint64_t seed = 1; seed <= seeds; ++seed) sum += shared(kind, Kind::cubic, bdps, 0, seed, 60).shares[0];
      std::printf("beside cubic, %.1f BDPs of buffer     %-8s has %.1f %%\n", bdps, name_of(kind).data(),
                  sum / seeds * 100);
      INFO(name_of(kind) << " buffer " << bdps);
      if (kind == Kind::bbr || bdps <= 2) CHECK(sum / seeds == Approx(0.5).margin(0.25));
    }
  }
}
