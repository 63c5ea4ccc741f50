// Shows that the kcp controller takes ikcp's steps at the moments that every controller hears of.
#include "proto/congestion/kcp.hpp"

#include <catch2/catch.hpp>

#include "proto/congestion/feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

TEST_CASE("kcp begins with one segment and grows by one for a datagram up to its threshold") {
  Kcp kcp(setup_at());
  CHECK(segments(kcp) == 1);
  kcp.on_acked(acked(100, 30));
  CHECK(segments(kcp) == 2);
  // mss²/incr + mss/16 = 562 more, then 452: ⌈3014 / 1000⌉ = 4.
  kcp.on_acked(acked(200, 1));
  CHECK(segments(kcp) == 2);
  kcp.on_acked(acked(200, 1));
  CHECK(segments(kcp) == 4);
  CHECK(kcp.pacing_rate() == unbounded);
}

TEST_CASE("kcp does not grow a window that nothing fills") {
  Kcp kcp(setup_at());
  for (int i = 0; i < 100; ++i) kcp.on_acked(acked(100, 1, 100, false));
  CHECK(segments(kcp) == 1);
  // What arrives together with a datagram that found it full grows it as well.
  kcp.on_timeout({.now = at_ms(150), .in_flight = 20'000});
  kcp.on_lost(lost(200, 151, 40));
  REQUIRE(segments(kcp) == 22);
  kcp.on_timeout({.now = at_ms(300), .in_flight = 20'000});
  kcp.on_acked(acked(400, 1));
  kcp.on_acked(acked(400, 1, 100, false));
  CHECK(segments(kcp) == 3);
  kcp.on_acked(acked(401, 1, 100, false));
  CHECK(segments(kcp) == 3);
}

TEST_CASE("kcp halves what is in flight once a round trip, and begins with one segment after a timeout") {
  Kcp kcp(setup_at());
  kcp.on_lost(lost(200, 100, 40));
  CHECK(segments(kcp) == 20 + 2);
  CHECK(kcp.threshold() == 20 * segment);
  kcp.on_lost(lost(210, 150, 20));
  CHECK(segments(kcp) == 22);
  kcp.on_lost(lost(320, 210, 20));
  CHECK(segments(kcp) == 12);
  kcp.on_timeout({.now = at_ms(900), .in_flight = 9'000});
  CHECK(segments(kcp) == 1);
  CHECK(kcp.threshold() == 6 * segment);
}

TEST_CASE("kcp takes over the window and the threshold of another controller") {
  Kcp kcp(setup_at());
  kcp.take_over({.window_segments = 50, .threshold_segments = 30, .rate_kib_s = 0}, at_ms(0));
  CHECK(segments(kcp) == 50);
  CHECK(kcp.threshold() == 30 * segment);
  CHECK(kcp.essence().window_segments == 50);
  CHECK(kcp.essence().threshold_segments == 30);
  Kcp fresh(setup_at());
  fresh.resume({}, at_ms(0));
  CHECK(segments(fresh) == 1);
  fresh.resume({.window_segments = 9, .threshold_segments = 60, .rate_kib_s = 0}, at_ms(0));
  CHECK(segments(fresh) == 9);
}
