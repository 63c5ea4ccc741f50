// Shows CUBIC's curve, its regions and its memory (RFC 9438), and that the cube root is exact.
// How: steps whose sums are in the comments; the curve against the same law in floating point.
#include "proto/congestion/cubic.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "proto/congestion/cube_root.hpp"
#include "proto/congestion/feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

namespace {

// In congestion avoidance, with so many segments.
Cubic cruising(std::uint32_t window, std::uint32_t rtt_ms = 100) {
  Cubic cubic(setup_at());
  cubic.take_over({.window_segments = window, .threshold_segments = 2, .rate_kib_s = 0}, at_ms(0));
  cubic.on_acked(acked(0, 1, rtt_ms));
  return cubic;
}

// A whole window arrives every round trip, in ten datagrams.
void pass(Cubic& cubic, std::int64_t& ms, std::int64_t until_ms, std::uint32_t rtt_ms = 100) {
  for (; ms < until_ms; ms += rtt_ms / 10) {
    Acked event = acked(ms, 0, rtt_ms);
    event.bytes = cubic.window() / 10;
    cubic.on_acked(event);
  }
}

}  // namespace

TEST_CASE("the cube root is exact over the whole range") {
  constexpr std::uint64_t largest = 2'642'245;  // its cube is the last below 2⁶⁴
  bool exact = true;
  for (std::uint64_t root = 1; root <= largest; ++root) {
    const std::uint64_t cube = root * root * root;
    exact = exact && cube_root(cube) == root && cube_root(cube - 1) == root - 1;
  }
  CHECK(exact);
  CHECK(cube_root(0) == 0);
  CHECK(cube_root(std::numeric_limits<std::uint64_t>::max()) == largest);
}

TEST_CASE("cubic reduces to seven tenths") {
  Cubic cubic = cruising(1000);
  const std::uint64_t before = cubic.window();
  cubic.on_lost(lost(200, 100));
  CHECK(cubic.window() == before / 10 * 7);
  cubic.on_lost(lost(201, 100));
  CHECK(cubic.window() == before / 10 * 7);
}

TEST_CASE("the window follows the curve: back at K, flat there, and beyond") {
  // 1,000 segments lost 300: K = ∛(300 / 0.4) = 9.086 s.
  Cubic cubic = cruising(1000);
  const double w_max = static_cast<double>(cubic.window()) / segment;
  std::int64_t ms = 1000;
  cubic.on_lost(lost(ms, ms - 100));
  const double low = static_cast<double>(cubic.window()) / segment;
  const double k = std::cbrt((w_max - low) / 0.4);
  CHECK(k == Approx(9.086).epsilon(0.01));
  ms += 110;
  const std::int64_t epoch = ms;
  for (const double t : {2.0, 5.0, 8.0, 9.0, 10.0, 13.0, 16.0}) {
    pass(cubic, ms, epoch + static_cast<std::int64_t>(t * 1000));
    // The target is a round trip ahead, and a round trip leads to it.
    const double curve = 0.4 * std::pow(t - k, 3) + w_max;
    INFO("t " << t << " curve " << curve);
    CHECK(static_cast<double>(cubic.window()) / segment == Approx(curve).epsilon(0.02));
  }
}

TEST_CASE("where Reno is faster, cubic grows as Reno does, by 9/17 and then by one a round trip") {
  // On a short path the curve of 20 segments takes ∛(6 / 0.4) = 2.47 s; Reno's way takes 6 × 17/9 = 11 round trips of 20 ms.
  Cubic cubic = cruising(20, 20);
  std::int64_t ms = 1000;
  cubic.on_lost(lost(ms, ms - 20));
  REQUIRE(segments(cubic) == 14);
  ms += 22;
  pass(cubic, ms, ms + 20 * 6, 20);
  CHECK(segments(cubic) >= 16);
  CHECK(segments(cubic) <= 18);
  const std::uint64_t before = cubic.window();
  pass(cubic, ms, ms + 20 * 40, 20);
  CHECK(static_cast<double>(cubic.window() - before) / segment == Approx(36).epsilon(0.2));
}

TEST_CASE("a flow that did not get as far as before aims lower") {
  Cubic cubic = cruising(1000);
  cubic.on_lost(lost(1000, 900));   // W_max 1,000, window 700
  cubic.on_lost(lost(1200, 1150));  // below W_max: 0.85 × 700 = 595, window 490
  REQUIRE(segments(cubic) == 490);
  std::int64_t ms = 1310;
  // K = ∛((595 − 490) / 0.4) = 6.4 s, where the curve is flat at 595 and not at 700.
  pass(cubic, ms, ms + 6400);
  CHECK(static_cast<double>(cubic.window()) / segment == Approx(595).epsilon(0.02));
}

TEST_CASE("time without enough to send does not move the curve") {
  Cubic busy = cruising(1000), idle = cruising(1000);
  busy.on_lost(lost(1000, 900));
  idle.on_lost(lost(1000, 900));
  std::int64_t ms = 1110, late = 1110;
  pass(busy, ms, 4110);
  pass(idle, late, 4110);
  REQUIRE(busy.window() == idle.window());
  // Ten seconds of a trickle.
  for (; late < 14'110; late += 10) idle.on_acked(acked(late, 1, 100, late < 4'220));
  const std::uint64_t after = idle.window();
  CHECK(after < busy.window() + 20 * segment);
  pass(busy, ms, 5110);
  pass(idle, late, 15'110);
  CHECK(static_cast<double>(idle.window()) == Approx(static_cast<double>(busy.window())).epsilon(0.02));
}

TEST_CASE("cubic undoes what had no reason, curve and all") {
  Cubic cubic = cruising(1000);
  cubic.on_lost(lost(1000, 900));
  std::int64_t ms = 1110;
  pass(cubic, ms, 14'000);
  // Four seconds beyond K, where the curve is steep.
  Cubic undone = cubic;
  undone.on_lost(lost(14'000, 13'950));
  CHECK(undone.window() < cubic.window());
  undone.on_spurious(spurious(14'010, 13'950));
  CHECK(undone.window() == cubic.window());
  std::int64_t other = ms = 14'010;
  const std::uint64_t before = cubic.window();
  pass(cubic, ms, 17'000);
  pass(undone, other, 17'000);
  CHECK(undone.window() > before + 80 * segment);
  CHECK(static_cast<double>(undone.window()) == Approx(static_cast<double>(cubic.window())).epsilon(0.01));
}

TEST_CASE("after a timeout cubic starts slowly, and its curve is flat where slow start ends") {
  Cubic cubic = cruising(100);
  cubic.on_timeout({.now = at_ms(1000), .in_flight = 100 * segment});
  CHECK(segments(cubic) == 1);
  CHECK(cubic.threshold() == 70 * segment);
  for (std::int64_t ms = 1200; segments(cubic) < 70; ms += 100) cubic.on_acked(acked(ms, segments(cubic)));
  const std::uint64_t start = cubic.window();
  std::int64_t ms = 3000;
  pass(cubic, ms, 4000);
  // A second later: the curve has 0.4 segments more, Reno some five or ten.
  CHECK(cubic.window() <= start + 12 * segment);
}
