// Shows the window and the pacing rate that BBR makes of its model.
// How: acknowledgements of a path of chosen rate (BbrFeed); the sums are in the comments.
#include <catch2/catch.hpp>

#include "proto/congestion/bbr.hpp"
#include "proto/congestion/bbr_feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

using State = Bbr::State;

TEST_CASE("startup paces at 2.77 of what it measured, first by the initial window") {
  BbrFeed feed;
  CHECK(feed.bbr.state() == State::startup);
  CHECK(feed.bbr.pacing_rate() == 27'700'000);  // ten segments a millisecond
  CHECK(segments(feed.bbr) == 10);
  feed.step(100'000);
  // Ten segments in a round trip of 100 ms.
  CHECK(feed.bbr.pacing_rate() == 277'000);
  feed.round(200'000);
  CHECK(feed.bbr.pacing_rate() == 200'000 * 277 / 100 * 99 / 100);
}

TEST_CASE("the window is two BDPs and what aggregation adds; the rate one percent below the path's") {
  BbrFeed feed;
  feed.cruise();
  REQUIRE(feed.bbr.state() == State::cruise);
  CHECK(feed.bbr.pacing_rate() == 990'000);
  for (int i = 0; i < 12; ++i) feed.round(1'000'000);
  // Steady acknowledgements come 10 segments at a time.
  CHECK(segments(feed.bbr) >= 200);
  CHECK(segments(feed.bbr) <= 215);
}

TEST_CASE("on a slow path four segments may be in flight, and six while probing upward") {
  BbrFeed feed;
  // 10 kB/s: a BDP of one segment.
  for (int i = 0; i < 8; ++i) feed.round(10'000);
  feed.in_flight = 2 * segment;
  REQUIRE(feed.reach(State::cruise, 10'000, 20));
  for (int i = 0; i < 12; ++i) feed.step(10'000);
  CHECK(segments(feed.bbr) >= 4);
  CHECK(segments(feed.bbr) <= 6);
  CHECK(feed.bbr.pacing_rate() == 9'900);
  REQUIRE(feed.reach(State::up, 10'000, 40));
  feed.round(10'000);
  feed.round(10'000);
  CHECK(segments(feed.bbr) >= 6);
}

TEST_CASE("a window above what the model allows is cut at once, and one below grows by what arrives") {
  BbrFeed feed;
  feed.cruise();
  for (int i = 0; i < 12; ++i) feed.round(1'000'000);
  feed.bbr.on_timeout({.now = at_ms(feed.now_ms + 300), .in_flight = 90 * segment});
  feed.now_ms += 300;
  std::uint64_t before = 4 * segment;
  feed.step(100'000);
  for (int i = 0; i < 3; ++i) {
    before = feed.bbr.window();
    feed.step(100'000);
    CHECK(feed.bbr.window() == before + segment);
  }
}
