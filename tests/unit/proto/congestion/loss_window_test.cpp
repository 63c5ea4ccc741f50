// Shows the rules that NewReno and Cubic share, by steps whose sums are in the comments.
#include "proto/congestion/loss_window.hpp"

#include <catch2/catch.hpp>

#include "proto/congestion/feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

TEST_CASE("slow start grows by what arrived, from ten segments on") {
  LossWindow window(setup_at());
  CHECK(segments(window) == 10);
  CHECK(window.in_slow_start());
  CHECK(window.on_acked(acked(100, 10)) == 0);
  CHECK(segments(window) == 20);
  CHECK(window.on_acked(acked(200, 20)) == 0);
  CHECK(segments(window) == 40);
}

TEST_CASE("a window that nothing fills does not grow") {
  LossWindow window(setup_at());
  window.on_acked(acked(100'000, 5, 100, false));
  CHECK(segments(window) == 10);
  // More than half of it in flight is enough in slow start.
  Acked half = acked(100'200, 2, 100, false);
  half.flight_before = 6 * segment;
  window.on_acked(half);
  CHECK(segments(window) == 12);
  // What was limited once counts for a round trip.
  window.on_acked(acked(100'300, 1, 100, false));
  CHECK(segments(window) == 13);
  window.on_acked(acked(100'301, 1, 100, false));
  CHECK(segments(window) == 13);
}

TEST_CASE("one reduction a round trip, and what was sent before it grows nothing") {
  LossWindow window(setup_at());
  REQUIRE(window.on_lost(lost(200, 100)));
  window.reduce(lost(200, 100), 5 * segment);
  CHECK(segments(window) == 5);
  CHECK_FALSE(window.on_lost(lost(210, 150)));
  CHECK_FALSE(window.on_lost(lost(210, 200)));
  CHECK(window.on_acked(acked(300, 3, 100)) == 0);  // sent at 200
  CHECK(window.on_acked(acked(301, 3, 100)) == 3 * segment);
  CHECK(window.on_lost(lost(400, 201)));
}

TEST_CASE("the threshold is two segments at the least") {
  LossWindow window(setup_at());
  window.reduce(lost(200, 100), 10);
  CHECK(segments(window) == 2);
  window.on_timeout({.now = at_ms(900), .in_flight = 2000}, 10);
  CHECK(segments(window) == 1);
  CHECK(window.threshold() == 2 * segment);
}

TEST_CASE("slow start ends at the threshold, and the rest of the bytes is left for what follows") {
  LossWindow window(setup_at());
  window.on_timeout({.now = at_ms(100), .in_flight = 20'000}, 10 * segment);
  CHECK(segments(window) == 1);
  CHECK(window.on_acked(acked(300, 6)) == 0);
  CHECK(segments(window) == 7);
  CHECK(window.on_acked(acked(301, 5)) == 2 * segment);
  CHECK(segments(window) == 10);
  CHECK_FALSE(window.in_slow_start());
}

TEST_CASE("a second timeout in a row keeps the threshold of the first") {
  LossWindow window(setup_at());
  CHECK(window.on_timeout({.now = at_ms(100), .in_flight = 20'000}, 10 * segment));
  CHECK_FALSE(window.on_timeout({.now = at_ms(400), .in_flight = 1'000}, segment));
  CHECK(window.threshold() == 10 * segment);
  window.on_acked(acked(600, 2));
  CHECK(window.on_timeout({.now = at_ms(900), .in_flight = 3'000}, 3 * segment));
  CHECK(window.threshold() == 3 * segment);
}

TEST_CASE("a reduction without reason is undone, of losses as of a timeout") {
  LossWindow window(setup_at());
  window.on_acked(acked(100, 10));
  window.reduce(lost(200, 100), 10 * segment);
  CHECK_FALSE(window.on_lost(lost(201, 101)));
  CHECK_FALSE(window.on_spurious(spurious(210, 100)));
  CHECK(segments(window) == 10);
  CHECK(window.on_spurious(spurious(211, 101)));
  CHECK(segments(window) == 20);
  CHECK(window.in_slow_start());

  // Of two timeouts in a row the first is undone.
  window.on_timeout({.now = at_ms(900), .in_flight = 20'000}, 10 * segment);
  window.on_timeout({.now = at_ms(1800), .in_flight = 1'000}, segment);
  CHECK(segments(window) == 1);
  CHECK(window.on_spurious(spurious(1900, 800, true)));
  CHECK(segments(window) == 20);
  CHECK(window.threshold() == volume_unlimited);
}

TEST_CASE("an idle flow begins with the initial window, and finds its way back by slow start") {
  LossWindow window(setup_at());
  window.take_over({.window_segments = 100, .threshold_segments = 50, .rate_kib_s = 0}, at_ms(0));
  CHECK_FALSE(window.on_sent(sent(1000)));
  window.on_acked(acked(1100, 1));
  CHECK_FALSE(window.on_sent(sent(1200)));
  CHECK_FALSE(window.on_sent(sent(1500)));  // three round trips are not yet over
  CHECK_FALSE(window.on_sent(sent(2000, 5)));
  CHECK(window.on_sent(sent(2301)));
  CHECK(segments(window) == 10);
  CHECK(window.threshold() == 75 * segment);
}

TEST_CASE("pacing is a window and a quarter a round trip, two windows in slow start") {
  LossWindow window(setup_at());
  CHECK(window.pacing_rate() == unbounded);
  window.on_acked(acked(100, 10));
  CHECK(window.pacing_rate() == 2 * 20 * segment * 10);
  window.reduce(lost(200, 100), 10 * segment);
  CHECK(window.pacing_rate() == 10 * segment * 10 / 4 * 5);
}

TEST_CASE("what outlives a flow brings its threshold back, and its window only under way") {
  LossWindow window(setup_at());
  CHECK(window.essence().threshold_segments == 0);
  window.take_over({.window_segments = 80, .threshold_segments = 40, .rate_kib_s = 0}, at_ms(0));
  window.on_acked(acked(100, 1));
  const Essence essence = window.essence();
  CHECK(essence.window_segments == 80);
  CHECK(essence.threshold_segments == 40);
  CHECK(essence.rate_kib_s == 80 * segment * 10 / 1024);

  LossWindow later(setup_at());
  later.resume(essence, at_ms(5000));
  CHECK(segments(later) == 10);
  CHECK(later.threshold() == 60 * segment);
  LossWindow fresh(setup_at());
  fresh.resume({}, at_ms(5000));
  CHECK(segments(fresh) == 10);
  CHECK(fresh.threshold() == volume_unlimited);
}
