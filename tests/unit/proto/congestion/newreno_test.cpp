// Shows NewReno's own rules: a segment a round trip, half a window on loss, one segment after a timeout.
#include "proto/congestion/newreno.hpp"

#include <catch2/catch.hpp>

#include "proto/congestion/feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

TEST_CASE("newreno doubles in slow start and halves on loss") {
  NewReno reno(setup_at());
  CHECK(reno.threshold() == unbounded);
  reno.on_acked(acked(100, 10));
  CHECK(segments(reno) == 20);
  reno.on_lost(lost(200, 100));
  CHECK(segments(reno) == 10);
  CHECK(reno.threshold() == 10 * segment);
  reno.on_lost(lost(201, 150));
  CHECK(segments(reno) == 10);
}

TEST_CASE("newreno grows by a segment for each window that arrives") {
  NewReno reno(setup_at());
  reno.on_lost(lost(200, 100));
  REQUIRE(segments(reno) == 5);
  reno.on_acked(acked(310, 4));
  CHECK(segments(reno) == 5);
  reno.on_acked(acked(311, 1));
  CHECK(segments(reno) == 6);
  reno.on_acked(acked(312, 5));
  CHECK(segments(reno) == 6);
  reno.on_acked(acked(313, 1));
  CHECK(segments(reno) == 7);
  // Two windows in one datagram.
  reno.on_acked(acked(314, 14));
  CHECK(segments(reno) == 9);
}

TEST_CASE("newreno takes half of what was in flight for its threshold after a timeout") {
  NewReno reno(setup_at());
  reno.on_acked(acked(100, 30));
  REQUIRE(segments(reno) == 40);
  reno.on_timeout({.now = at_ms(900), .in_flight = 24'000});
  CHECK(segments(reno) == 1);
  CHECK(reno.threshold() == 12 * segment);
}

TEST_CASE("newreno undoes what had no reason") {
  NewReno reno(setup_at());
  reno.on_acked(acked(100, 10));
  reno.on_lost(lost(200, 100));
  reno.on_spurious(spurious(210, 100));
  CHECK(segments(reno) == 20);
  CHECK(reno.threshold() == unbounded);
}
