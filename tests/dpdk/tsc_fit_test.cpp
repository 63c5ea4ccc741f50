// Shows that the fitted line keeps within 50 ppm of the reference whatever the samples do: read late, jump, stand still, run
// back, change their rate for good. A counter of known rate is sampled with planted errors; no real clock is read.
#include <catch2/catch.hpp>
#include <cmath>

#include "base/rng.hpp"
#include "nic/tsc_fit.hpp"

using namespace penstock;
using namespace penstock::nic;

namespace {

// A counter of `hz` ticks a second beside a reference clock, read with an error of up to half the width.
struct Plant {
  double hz = 2'596'137'000;
  double seconds = 1000;
  double tsc = 5e12;
  Rng rng{7};

  TscSample after(double span, std::uint64_t width = 200) {
    seconds += span;
    tsc += span * hz;
    const double error = (static_cast<double>(rng.below(1000)) / 1000 - 0.5) * static_cast<double>(width);
    return {.tsc = static_cast<std::uint64_t>(tsc + error),
            .raw_ns = static_cast<std::int64_t>(seconds * 1e9),
            .width_ticks = width};
  }
};

TscFit start(Plant& plant) {
  const TscSample first = plant.after(0);
  return {first, plant.after(0.05)};
}

double line_ppm(const TscLine& line, double hz) {
  const double us_per_tick = static_cast<double>(line.rate_q48) / std::pow(2.0, 48);
  return (us_per_tick * hz / 1e6 - 1) * 1e6;
}

}  // namespace

TEST_CASE("tsc_fit: the line starts at the reference and with its rate") {
  Plant plant;
  TscFit fit = start(plant);
  CHECK(std::abs(line_ppm(fit.line(), plant.hz)) < 5);
  CHECK(fit.tsc_hz() == Approx(plant.hz).epsilon(5e-6));
  CHECK(fit.line().at(fit.line().tsc0).count_us() == static_cast<std::int64_t>(plant.seconds * 1e6));
}

TEST_CASE("tsc_fit: stays within 50 ppm and a few microseconds over an hour, and never goes back") {
  Plant plant;
  TscFit fit = start(plant);
  Instant last = fit.line().at(fit.line().tsc0);
  for (int i = 0; i < 7200; ++i) {
    const TscSample sample = plant.after(0.5, 100 + plant.rng.below(2000));
    const Instant before = fit.line().at(sample.tsc);
    fit.add(sample);
    REQUIRE(std::abs(line_ppm(fit.line(), plant.hz)) <= 50);
    REQUIRE(before >= last);
    REQUIRE(fit.line().at(sample.tsc) >= before - Duration::us(1));
    last = before;
    REQUIRE(std::abs(fit.offset_us()) < 12);
  }
}

TEST_CASE("tsc_fit: an offset is bent out, never stepped") {
  Plant plant;
  TscFit fit = start(plant);
  plant.seconds += 0.010;  // the reference jumps ahead by 10 ms
  CHECK_FALSE(fit.add(plant.after(1)));
  double offset_us = 10'000;
  for (int i = 0; i < 2000; ++i) {
    const TscSample sample = plant.after(1);
    const std::int64_t before = fit.line().at(sample.tsc).count_us();
    fit.add(sample);
    REQUIRE(std::abs(fit.line().at(sample.tsc).count_us() - before) <= 1);
    REQUIRE(std::abs(line_ppm(fit.line(), plant.hz)) <= 50);
    REQUIRE(std::abs(fit.offset_us()) <= offset_us + 12);
    offset_us = std::min(offset_us, std::abs(fit.offset_us()));
  }
  CHECK(std::abs(fit.offset_us()) < 12);
}

TEST_CASE("tsc_fit: a reading too wide teaches nothing") {
  Plant plant;
  TscFit fit = start(plant);
  const TscLine before = fit.line();
  CHECK_FALSE(fit.add(plant.after(0.1, 100'000'000)));
  CHECK(fit.line().rate_q48 == before.rate_q48);
  CHECK(fit.line().tsc0 == before.tsc0);
  CHECK(fit.add(plant.after(0.1)));
}

TEST_CASE("tsc_fit: a reference that stands still or goes back does not stop the line") {
  Plant plant;
  TscFit fit = start(plant);
  const double still = plant.seconds;
  for (int i = 0; i < 5; ++i) {
    plant.seconds = still - 1 - i;
    CHECK_FALSE(fit.add(plant.after(0.1)));
  }
  CHECK(std::abs(line_ppm(fit.line(), plant.hz)) < 50);
}

TEST_CASE("tsc_fit: a counter that begins anew makes the line go on from where it stood") {
  Plant plant;
  TscFit fit = start(plant);
  fit.add(plant.after(1));
  const Instant stood = fit.line().at(fit.line().tsc0);
  plant.tsc = 1e9;
  const TscSample fresh = plant.after(1);
  CHECK(fit.add(fresh));
  CHECK(fit.line().at(fresh.tsc) == stood);
  const TscSample later = plant.after(1);
  CHECK(std::abs((fit.line().at(later.tsc) - stood).count_us() - 1'000'000) < 50);
}

TEST_CASE("tsc_fit: a rate that changes for good is learnt within three samples") {
  Plant plant;
  TscFit fit = start(plant);
  for (int i = 0; i < 100; ++i) fit.add(plant.after(1));
  plant.hz *= 1.001;
  for (int i = 0; i < 3; ++i) fit.add(plant.after(1));
  CHECK(std::abs(line_ppm(fit.line(), plant.hz)) <= 50);
}

TEST_CASE("tsc_fit: ticks before the line's beginning stand at it") {
  const TscLine line = {.tsc0 = 1000, .us0_q16 = 500 << 16, .rate_q48 = std::uint64_t{1} << 48};
  CHECK(line.at(1000).count_us() == 500);
  CHECK(line.at(999).count_us() == 500);
  CHECK(line.at(0).count_us() == 500);
  CHECK(line.at(1007).count_us() == 507);
}

TEST_CASE("tsc_fit: a year of uptime does not overflow") {
  const std::uint64_t ticks = std::uint64_t{5'000'000'000} * 86'400 * 366;
  const TscLine line = {.tsc0 = 0, .us0_q16 = 0, .rate_q48 = static_cast<std::uint64_t>(std::pow(2.0, 48) / 5000)};
  CHECK(std::abs(static_cast<double>(line.at(ticks).count_us()) / (86'400e6 * 366) - 1) < 1e-9);
}

TEST_CASE("tsc_fit: nanoseconds agree with the microseconds, after a year too") {
  const TscLine line = {
      .tsc0 = 1000, .us0_q16 = (500 << 16) + 0x8000, .rate_q48 = static_cast<std::uint64_t>(std::pow(2.0, 48) / 4000)};
  CHECK(line.ns_at(1000) == 500'500);
  CHECK(std::abs(static_cast<double>(line.ns_at(1000 + 40)) - 500'510) <= 1);
  const std::uint64_t year = 1000 + std::uint64_t{4'000'000'000} * 86'400 * 366;
  CHECK(line.ns_at(year) / 1000 == static_cast<std::uint64_t>(line.at(year).count_us()));
  CHECK(line.ns_at(year + 4) >= line.ns_at(year));
}
