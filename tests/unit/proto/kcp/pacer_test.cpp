// Shows that a pacer keeps to its rate in the long run, lets no more out at once than a tick's worth and a segment, and tells
// when it opens again.
// How: a sender that asks at every microsecond, or now and then, for seconds of virtual time.
#include "proto/kcp/pacer.hpp"

#include <catch2/catch.hpp>

using namespace penstock;
using namespace penstock::kcp;

namespace {

constexpr std::uint32_t segment = 1400;

struct Sent {
  std::uint64_t bytes = 0;
  std::uint64_t most_at_once = 0;
};

// Asks each `step_us` for `seconds`, and sends whatever it may.
Sent drive(Pacer& pacer, std::uint64_t rate, std::int64_t step_us, std::int64_t from_us, std::int64_t to_us) {
  Sent sent;
  for (std::int64_t us = from_us; us < to_us; us += step_us) {
    std::uint64_t now = 0;
    while (pacer.allows(rate, Instant::at_us(us))) {
      pacer.on_sent(segment, Instant::at_us(us));
      now += segment;
    }
    sent.bytes += now;
    sent.most_at_once = std::max(sent.most_at_once, now);
  }
  return sent;
}

}  // namespace

TEST_CASE("what leaves keeps to the rate, by the microsecond and by the tick") {
  for (const std::uint64_t rate : {100'000ull, 12'500'000ull, 1'250'000'000ull}) {
    for (const std::int64_t step_us : {1, 10, 128}) {
      Pacer pacer;
      const Sent sent = drive(pacer, rate, step_us, 1'000'000, 2'000'000);
      const std::uint64_t tick = rate * Pacer::burst_us / 1'000'000;
      INFO("rate " << rate << " step " << step_us);
      CHECK(sent.bytes >= rate - tick - segment);
      CHECK(sent.bytes <= rate + tick + segment);
      CHECK(sent.most_at_once <= tick + segment);
    }
  }
}

TEST_CASE("time that was not used is not made up for, but for a tick") {
  Pacer pacer;
  constexpr std::uint64_t rate = 12'500'000;
  drive(pacer, rate, 1, 0, 1000);
  const Sent late = drive(pacer, rate, 1, 1'000'000, 1'000'001);
  CHECK(late.bytes <= rate * Pacer::burst_us / 1'000'000 + segment);
}

TEST_CASE("without a rate nothing is held back") {
  Pacer pacer;
  for (int i = 0; i < 10'000; ++i) {
    REQUIRE(pacer.allows(congestion::unbounded, Instant::at_us(5)));
    pacer.on_sent(segment, Instant::at_us(5));
  }
  CHECK(pacer.held_until().is_never());
}

TEST_CASE("a pacer that holds tells until when") {
  Pacer pacer;
  constexpr std::uint64_t rate = 1'400'000;  // a segment a millisecond
  REQUIRE(pacer.allows(rate, Instant::at_us(10'000)));
  pacer.on_sent(segment, Instant::at_us(10'000));
  CHECK(pacer.held_until().is_never());  // nobody asked
  REQUIRE(!pacer.allows(rate, Instant::at_us(10'000)));
  CHECK(pacer.held_until() == Instant::at_us(11'000 - Pacer::burst_us));
  CHECK(pacer.holds(Instant::at_us(11'000 - Pacer::burst_us - 1)));
  CHECK(!pacer.holds(Instant::at_us(11'000 - Pacer::burst_us)));
  CHECK(pacer.allows(rate, Instant::at_us(11'000 - Pacer::burst_us)));
}
