// Shows the cycle of ProbeBW: when it probes, how it goes up and down, and what losses teach it.
#include <catch2/catch.hpp>

#include "proto/congestion/bbr.hpp"
#include "proto/congestion/bbr_feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

using State = Bbr::State;

namespace {

constexpr std::uint64_t rate = 1'000'000;

BbrFeed in_up() {
  BbrFeed feed;
  feed.cruise();
  feed.reach(State::refill, rate, 40);
  feed.reach(State::up, rate, 3);
  return feed;
}

}  // namespace

TEST_CASE("the cycle probes again two to three seconds after the last time, or 63 round trips") {
  BbrFeed feed;
  feed.cruise();
  const std::int64_t start = feed.now_ms;
  REQUIRE(feed.reach(State::refill, rate, 40));
  CHECK(feed.now_ms - start >= 1700);  // some of the wait passed on the way down
  CHECK(feed.now_ms - start <= 3010);

  BbrFeed near(10);
  near.cruise();
  near.in_flight = 9 * segment;
  near.reach(State::cruise, rate, 10);
  // A BDP of 10 segments: Reno would need 10 round trips.
  REQUIRE(near.reach(State::refill, rate, 12));
}

TEST_CASE("refill lasts one round at the level rate, up paces a quarter faster with a wider window") {
  BbrFeed feed;
  feed.cruise();
  REQUIRE(feed.reach(State::refill, rate, 40));
  const std::int64_t refill = feed.now_ms;
  CHECK(feed.bbr.pacing_rate() == 990'000);
  REQUIRE(feed.reach(State::up, rate, 3));
  CHECK(feed.now_ms - refill <= 110);
  CHECK(feed.bbr.pacing_rate() == 1'237'500);
}

TEST_CASE("up ends when the rate does not follow for three rounds, and down drains what it queued") {
  BbrFeed feed = in_up();
  REQUIRE(feed.bbr.state() == State::up);
  feed.in_flight = 170 * segment;
  feed.round(rate);
  feed.round(rate);
  CHECK(feed.bbr.state() == State::up);
  REQUIRE(feed.reach(State::down, rate, 3));
  CHECK(feed.bbr.pacing_rate() == 891'000);
  feed.round(rate);
  CHECK(feed.bbr.state() == State::down);
  feed.in_flight = 100 * segment;
  feed.step(rate);
  CHECK(feed.bbr.state() == State::cruise);
}

TEST_CASE("up goes on while the rate follows, and the new rate is the path's at once") {
  BbrFeed feed = in_up();
  std::uint64_t faster = rate;
  for (int i = 0; i < 10; ++i) {
    faster = faster * 124 / 100;
    feed.in_flight = faster / 10;
    feed.round(faster);
  }
  CHECK(feed.bbr.state() == State::up);
  CHECK(feed.bbr.model().max_bw() == Approx(static_cast<double>(faster)).epsilon(0.01));
}

TEST_CASE("the rate of two cycles ago is forgotten") {
  BbrFeed feed;
  feed.cruise();
  CHECK(feed.bbr.model().max_bw() == rate);
  feed.in_flight = 40 * segment;
  bool forgotten = false;
  for (int i = 0; i < 120 && !forgotten; ++i) {
    feed.round(rate / 2);
    forgotten = feed.bbr.model().max_bw() <= rate / 2;
  }
  CHECK(forgotten);
  CHECK(feed.now_ms < 14'000);
}

TEST_CASE("too many losses in up bound what may be in flight, and end it") {
  BbrFeed feed = in_up();
  feed.in_flight = 150 * segment;
  // 2 % of 150 are 3, and twice chance is 3.5 more.
  feed.lose(150, 6);
  CHECK(feed.bbr.state() == State::up);
  feed.lose(150, 7);
  CHECK(feed.bbr.state() == State::down);
  // 149 before it, of which 6 were lost: more than 2 %, so what came before is what the path took.
  CHECK(feed.bbr.model().long_term() == 149 * segment);
  feed.in_flight = 140 * segment;
  feed.step(rate);
  CHECK(feed.bbr.window() <= 149 * segment);
  // Cruise leaves 15 % of it to others.
  feed.in_flight = 90 * segment;
  REQUIRE(feed.reach(State::cruise, rate, 5));
  feed.step(rate);
  CHECK(feed.bbr.window() <= 149 * segment * 85 / 100 + 1);
}

TEST_CASE("the bound is no lower than seven tenths of the target, and stays when the application limited the flow") {
  BbrFeed feed = in_up();
  feed.lose(20, 10);
  CHECK(feed.bbr.model().long_term() == 70 * segment);
  BbrFeed limited = in_up();
  limited.lose(150, 30, true);
  CHECK(limited.bbr.state() == State::down);
  CHECK(limited.bbr.model().long_term() == volume_unlimited);
}

TEST_CASE("after a probe that went too high the next one turns back at the bound, and a third follows at once") {
  BbrFeed feed = in_up();
  feed.in_flight = 150 * segment;
  feed.lose(150, 20);
  REQUIRE(feed.bbr.model().long_term() == 149 * segment);
  feed.in_flight = 90 * segment;
  REQUIRE(feed.reach(State::up, rate, 60));
  feed.step(rate);
  CHECK(feed.bbr.state() == State::up);
  feed.in_flight = 149 * segment;
  feed.step(rate);
  CHECK(feed.bbr.state() == State::down);
  // A round without loss, and it probes again without cruising.
  feed.in_flight = 120 * segment;
  CHECK(feed.reach(State::refill, rate, 3));
  REQUIRE(feed.reach(State::up, rate, 3));
  feed.in_flight = 149 * segment;
  feed.step(rate);
  CHECK(feed.bbr.state() == State::up);
}

TEST_CASE("in up the bound rises by 1, 2, 4, 8 segments a round while it is what limits the flow") {
  BbrFeed feed = in_up();
  feed.in_flight = 150 * segment;
  feed.lose(150, 20);
  feed.in_flight = 90 * segment;
  REQUIRE(feed.reach(State::up, rate, 60));
  feed.in_flight = 149 * segment;
  feed.step(rate);
  feed.in_flight = 120 * segment;
  REQUIRE(feed.reach(State::refill, rate, 3));
  REQUIRE(feed.reach(State::up, rate, 3));
  feed.window_limited = true;
  // Rates that grow keep the full-pipe estimator quiet.
  std::uint64_t faster = rate;
  std::uint32_t bound = feed.bbr.model().long_term(), last = 0;
  for (int i = 0; i < 5; ++i) {
    feed.in_flight = feed.bbr.model().long_term() - segment;
    faster = faster * 5 / 4;
    feed.round(faster);
    const std::uint32_t rise = feed.bbr.model().long_term() - bound;
    INFO("round " << i << " rise " << rise);
    CHECK(rise >= last);
    bound = feed.bbr.model().long_term();
    last = rise;
  }
  CHECK(feed.bbr.state() == State::up);
  CHECK(last >= 8 * segment);
}

TEST_CASE("losses that ended a probe and had no reason restore the bound and probe again") {
  BbrFeed feed = in_up();
  feed.in_flight = 150 * segment;
  const std::int64_t sent_ms = feed.now_ms - feed.rtt_ms;
  for (std::uint64_t i = 1; i <= 7; ++i) feed.lose(150, i);
  REQUIRE(feed.bbr.state() == State::down);
  for (int i = 0; i < 7; ++i) feed.bbr.on_spurious(spurious(feed.now_ms, sent_ms));
  CHECK(feed.bbr.state() == State::refill);
  CHECK(feed.bbr.model().long_term() == volume_unlimited);
}

TEST_CASE("losses while cruising lower the rate to what was delivered, by three tenths a round at most") {
  BbrFeed feed;
  feed.cruise();
  feed.round(rate);
  feed.lose(90, 1);
  // A round that delivers all but 3 % says nothing.
  feed.round(rate * 97 / 100);
  feed.step(rate * 97 / 100);
  CHECK(feed.bbr.model().bw() == Approx(static_cast<double>(rate)).epsilon(0.001));
  // One that delivers 20 % less does.
  for (int i = 0; i < 2; ++i) {
    feed.lose(90, 1);
    feed.round(rate * 8 / 10);
  }
  feed.step(rate * 8 / 10);
  CHECK(feed.bbr.model().bw() == Approx(rate * 0.8 / 0.97).epsilon(0.01));
  const std::uint64_t before = feed.bbr.model().bw();
  feed.round(rate / 10);
  feed.lose(90, 1);
  feed.round(rate / 10);
  feed.step(rate / 10);
  CHECK(feed.bbr.model().bw() >= before * 69 / 100);
  // The next probe forgets it.
  REQUIRE(feed.reach(State::refill, rate, 60));
  CHECK(feed.bbr.model().bw() >= rate);
}
