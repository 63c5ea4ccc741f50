// Shows the smoothing and the RTO law of ikcp in µs, its clamps, and that no sample can poison it (TESTING F2).
// How: hand-computed steps, then random samples against a model in 64-bit integers.
#include "proto/kcp/rtt.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/rng.hpp"

using namespace penstock;
using namespace penstock::kcp;

namespace {

Options with(std::uint8_t nodelay, std::uint32_t interval_ms) {
  Options options;
  options.nodelay = nodelay;
  options.interval_ms = interval_ms;
  return options;
}

}  // namespace

TEST_CASE("before the first sample the RTO is the initial one") {
  const Rtt rtt{Options{}};
  CHECK(rtt.srtt_us() == 0);
  CHECK(rtt.rto_us() == 200'000);
}

TEST_CASE("the first sample sets srtt and half of it as variation") {
  // rule: 4.A rtt-first-sample
  const Options options = with(0, 10);
  Rtt rtt(options);
  rtt.sample(80'000, options);
  CHECK(rtt.srtt_us() == 80'000);
  CHECK(rtt.rttvar_us() == 40'000);
  CHECK(rtt.rto_us() == 240'000);
}

TEST_CASE("further samples weigh one eighth, their distance one quarter") {
  // rule: 4.A rtt-next-samples
  const Options options = with(0, 10);
  Rtt rtt(options);
  rtt.sample(80'000, options);
  rtt.sample(160'000, options);
  CHECK(rtt.rttvar_us() == (3 * 40'000 + 80'000) / 4);
  CHECK(rtt.srtt_us() == (7 * 80'000 + 160'000) / 8);
  rtt.sample(10'000, options);
  CHECK(rtt.rttvar_us() == (3 * 50'000 + 80'000) / 4);
  CHECK(rtt.srtt_us() == (7 * 90'000 + 10'000) / 8);
}

TEST_CASE("the RTO is srtt plus the larger of interval and four variations, clamped") {
  // rule: 4.A rto-law
  const Options slow = with(0, 100);
  Rtt by_interval(slow);
  for (int i = 0; i < 200; ++i) by_interval.sample(50'000, slow);
  CHECK(by_interval.rto_us() == 150'000);

  const Options floor = with(0, 10);
  Rtt low(floor);
  for (int i = 0; i < 200; ++i) low.sample(10, floor);
  CHECK(low.rto_us() == 100'000);

  const Options quick = with(1, 10);
  Rtt lower(quick);
  for (int i = 0; i < 200; ++i) lower.sample(10, quick);
  CHECK(lower.rto_us() == 30'000);

  Rtt high(floor);
  high.sample(50'000'000, floor);
  CHECK(high.rto_us() == 60'000'000);
}

TEST_CASE("a round trip of zero still counts as measured") {
  const Options options = with(1, 10);
  Rtt rtt(options);
  rtt.sample(0, options);
  CHECK(rtt.srtt_us() == 1);
}

TEST_CASE("no run of samples leaves the bounds or follows another law") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    const Options options =
        with(static_cast<std::uint8_t>(rng.below(3)), static_cast<std::uint32_t>(10 + rng.below(4990)));
    Rtt rtt(options);
    std::int64_t srtt = 0;
    std::int64_t var = 0;
    for (int i = 0; i < 5000; ++i) {
      const auto raw = static_cast<std::uint32_t>(rng.below(3) == 0 ? rng.next32() : rng.below(200'000));
      rtt.sample(raw, options);
      const std::int64_t sample = std::min<std::int64_t>(raw, 60'000'000);
      if (srtt == 0) {
        srtt = sample;
        var = sample / 2;
      } else {
        var = (3 * var + std::max(sample - srtt, srtt - sample)) / 4;
        srtt = (7 * srtt + sample) / 8;
      }
      srtt = std::max<std::int64_t>(srtt, 1);
      const std::int64_t rto = srtt + std::max<std::int64_t>(options.interval_ms * 1000, 4 * var);
      INFO("seed " << seed << " sample " << i);
      REQUIRE(rtt.srtt_us() == srtt);
      REQUIRE(rtt.rttvar_us() == var);
      REQUIRE(rtt.rto_us() == std::clamp<std::int64_t>(rto, options.rto_floor_ms() * 1000, 60'000'000));
    }
  }
}
