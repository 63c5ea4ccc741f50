// Shows BBR's states outside ProbeBW, its window and its pacing: Startup, Drain, ProbeRTT, timeout, idleness, undo.
// How: acknowledgements of a path of chosen rate (BbrFeed); the sums are in the comments.
#include "proto/congestion/bbr.hpp"

#include <catch2/catch.hpp>

#include "proto/congestion/bbr_feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

using State = Bbr::State;

TEST_CASE("startup goes on while the rate grows by a quarter a round, and ends after three rounds without") {
  BbrFeed feed;
  std::uint64_t rate = 100'000;
  for (int i = 0; i < 12; ++i, rate = rate * 13 / 10) feed.round(rate);
  CHECK(feed.bbr.state() == State::startup);
  feed.in_flight = 1000 * segment;
  feed.round(rate);
  feed.round(rate);
  feed.round(rate);
  CHECK(feed.bbr.state() == State::startup);
  feed.round(rate);
  CHECK(feed.bbr.state() == State::drain);
  CHECK(feed.bbr.model().full_pipe_reached());
}

TEST_CASE("what the application limited does not end startup") {
  BbrFeed feed;
  for (int i = 0; i < 50; ++i) feed.round(100'000, true);
  CHECK(feed.bbr.state() == State::startup);
}

TEST_CASE("startup ends when six runs and more than chance brings were lost in a round") {
  for (const bool heavy : {true, false}) {
    BbrFeed feed;
    for (std::uint64_t rate = 125'000; rate <= 1'000'000; rate *= 2) feed.round(rate);
    feed.in_flight = 300 * segment;
    feed.obeys = false;
    // Of 300 segments 2 % are 6, and twice chance is 4.9 more.
    const std::uint64_t lost = heavy ? 20 : 8;
    for (std::uint64_t i = 0; i < lost; ++i) feed.lose(150 + i * 3, i + 1);
    feed.lost_in_round = lost * segment;
    feed.round(2'000'000);
    feed.step(2'000'000);
    INFO("heavy " << heavy);
    CHECK((feed.bbr.state() == State::drain) == heavy);
    CHECK((feed.bbr.model().long_term() != volume_unlimited) == heavy);
  }
}

TEST_CASE("one run of losses, however long, does not end startup") {
  BbrFeed feed;
  for (std::uint64_t rate = 125'000; rate <= 1'000'000; rate *= 2) feed.round(rate);
  feed.in_flight = 200 * segment;
  for (std::uint64_t i = 0; i < 40; ++i) feed.lose(150 + i, i + 1);
  feed.lost_in_round = 40 * segment;
  feed.round(2'000'000);
  feed.step(2'000'000);
  CHECK(feed.bbr.state() == State::startup);
}

TEST_CASE("drain paces at half until one BDP is in flight, for three rounds at most") {
  for (const bool drains : {true, false}) {
    BbrFeed feed;
    for (std::uint64_t rate = 125'000; rate <= 1'000'000; rate *= 2) feed.round(rate);
    feed.in_flight = 200 * segment;
    REQUIRE(feed.reach(State::drain, 1'000'000, 5));
    CHECK(feed.bbr.pacing_rate() == 495'000);
    feed.round(1'000'000);
    CHECK(feed.bbr.state() == State::drain);
    if (drains) {
      feed.in_flight = 100 * segment;
      feed.step(1'000'000);
      CHECK(feed.bbr.state() >= State::down);
    } else {
      CHECK(feed.reach(State::down, 1'000'000, 4));
    }
  }
}

TEST_CASE(
    "probe_rtt halves the window for 200 ms every five seconds, unless the round trip fell or the flow was idle") {
  BbrFeed feed;
  feed.cruise();
  feed.in_flight = 90 * segment;
  feed.obeys = false;
  std::int64_t entered = 0;
  for (int i = 0; i < 600 && feed.bbr.state() != State::probe_rtt; ++i) feed.step(1'000'000);
  REQUIRE(feed.bbr.state() == State::probe_rtt);
  entered = feed.now_ms;
  CHECK(entered - 1000 > 5000);
  CHECK(entered - 1000 < 5500);
  CHECK(segments(feed.bbr) == 50);
  // It waits for the flight to come down, and then 200 ms and a round.
  feed.round(900'000);
  CHECK(feed.bbr.state() == State::probe_rtt);
  feed.in_flight = 45 * segment;
  feed.step(500'000);
  const std::int64_t low = feed.now_ms;
  while (feed.bbr.state() == State::probe_rtt && feed.now_ms < low + 2000) feed.step(500'000);
  CHECK(feed.bbr.state() == State::cruise);
  CHECK(feed.now_ms - low > 200);
  CHECK(feed.now_ms - low <= 320);
  CHECK(segments(feed.bbr) >= 200);
  // What was measured meanwhile does not count against the path.
  CHECK(feed.bbr.model().max_bw() == 1'000'000);

  BbrFeed idle;
  idle.cruise();
  idle.now_ms += 6000;
  idle.bbr.on_sent(sent(idle.now_ms));
  idle.step(1'000'000);
  CHECK(idle.bbr.state() != State::probe_rtt);
}

TEST_CASE("after a timeout one segment may leave, and the window is back after two rounds") {
  BbrFeed feed;
  feed.cruise();
  for (int i = 0; i < 12; ++i) feed.round(1'000'000);
  const std::uint64_t before = segments(feed.bbr);
  feed.bbr.on_timeout({.now = at_ms(feed.now_ms + 300), .in_flight = 90 * segment});
  CHECK(segments(feed.bbr) == 1);
  feed.now_ms += 400;
  feed.in_flight = segment;
  feed.step(10'000);
  CHECK(segments(feed.bbr) >= 4);
  CHECK(segments(feed.bbr) < before / 2);
  feed.round(10'000);
  feed.round(20'000);
  CHECK(segments(feed.bbr) > 70);  // by the short-term bound of one loss, 0.7
}

TEST_CASE("a timeout without reason is undone at once") {
  BbrFeed feed;
  feed.cruise();
  for (int i = 0; i < 12; ++i) feed.round(1'000'000);
  const std::uint64_t before = segments(feed.bbr);
  feed.bbr.on_timeout({.now = at_ms(feed.now_ms + 300), .in_flight = 90 * segment});
  feed.bbr.on_spurious(spurious(feed.now_ms + 310, feed.now_ms, true));
  CHECK(segments(feed.bbr) == before);
  CHECK_FALSE(feed.bbr.model().loss_in_round());
}

TEST_CASE("losses that ended startup and had no reason lead back to it") {
  BbrFeed feed;
  for (std::uint64_t rate = 125'000; rate <= 1'000'000; rate *= 2) feed.round(rate);
  feed.in_flight = 300 * segment;
  feed.obeys = false;
  for (std::uint64_t i = 0; i < 20; ++i) feed.lose(150 + i * 3, i + 1);
  feed.lost_in_round = 20 * segment;
  const std::int64_t sent_ms = feed.now_ms - feed.rtt_ms;
  feed.round(2'000'000);
  feed.step(2'000'000);
  REQUIRE(feed.bbr.state() == State::drain);
  for (int i = 0; i < 20; ++i) feed.bbr.on_spurious(spurious(feed.now_ms, sent_ms));
  CHECK(feed.bbr.state() == State::startup);
  CHECK_FALSE(feed.bbr.model().full_pipe_reached());
  CHECK(feed.bbr.model().long_term() == volume_unlimited);
}

TEST_CASE("a flow that was idle paces at the path's rate again") {
  BbrFeed feed;
  feed.cruise();
  const Essence essence = feed.bbr.essence();
  CHECK(essence.rate_kib_s == 1'000'000 / 1024);
  CHECK(essence.window_segments == 100);

  Bbr later(setup_at(60'000));
  later.resume(essence, at_ms(60'000));
  CHECK(later.state() == State::cruise);
  CHECK(segments(later) == 100);
  CHECK(later.pacing_rate() == Approx(990'000).epsilon(0.01));
  // Without a rate it begins as any flow.
  Bbr unknown(setup_at(60'000));
  unknown.resume({.window_segments = 100, .threshold_segments = 0, .rate_kib_s = 0}, at_ms(60'000));
  CHECK(unknown.state() == State::startup);
  CHECK(segments(unknown) == 10);
}
