// Shows what `none` keeps to, though it answers no loss: what the path delivers, and how long the way is without a queue.
// How: events by hand, then the model of bottleneck.hpp in virtual time.
#include "proto/congestion/none.hpp"

#include <catch2/catch.hpp>
#include <cstdio>

#include "proto/congestion/bottleneck.hpp"
#include "proto/congestion/feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

namespace {

constexpr std::uint64_t mbit = 125'000;  // bytes a second

Figures alone(const Path& path, double from_s = 3, double for_s = 10) {
  Bottleneck world(path);
  world.add(Kind::none);
  world.run(from_s);
  world.measure();
  world.run(for_s);
  const Figures figures = world.measure();
  std::printf("none, %4.1f Mbit/s, %3.0f ms, %4.1f %% loss  link %5.1f %%  queue %6.2f ms  lost %5.2f %%\n",
              static_cast<double>(path.rate) / mbit, static_cast<double>(path.rtt_us) / 1000, path.loss_ppm / 10'000.0,
              figures.utilisation * 100, figures.queue_ms, figures.lost * 100);
  return figures;
}

// A round trip of 100 ms in which so many segments arrived, measured to be its rate.
Acked round_trip(std::int64_t ms, std::uint64_t segments, bool starved = false) {
  Acked event = acked(ms, segments);
  event.round_began = true;
  event.in_flight = segments * segment;
  event.rate = {.interval_us = 100'000,
                .delivered = segments * segment,
                .lost = 0,
                .flight_at_send = segments * segment,
                .delivered_before = 0,
                .app_limited = starved};
  return event;
}

}  // namespace

TEST_CASE("none is without bound until a round trip brings hardly more than the one before") {
  None none(setup_at());
  CHECK(none.window() == unbounded);
  CHECK(none.pacing_rate() == unbounded);
  none.on_acked(round_trip(100, 100));
  none.on_acked(round_trip(200, 200));
  none.on_acked(round_trip(300, 400));
  CHECK(none.window() == unbounded);
  none.on_acked(round_trip(400, 401));
  none.on_acked(round_trip(500, 401));
  REQUIRE(none.window() != unbounded);
  CHECK(none.rate() == 4'010'000);
  // What waits in queues leaves first.
  CHECK(none.window() < 401 * segment);
  Acked drained = acked(510, 1);
  drained.in_flight = 250 * segment;
  none.on_acked(drained);
  CHECK(none.window() >= 401 * segment);
  CHECK(none.window() <= 5 * 401 * segment / 2);
  CHECK(none.pacing_rate() >= 4'010'000);
}

TEST_CASE("losses change nothing") {
  None none(setup_at());
  for (const std::int64_t ms : {100, 200, 300, 400}) none.on_acked(round_trip(ms, 100));
  const std::uint64_t window = none.window(), rate = none.pacing_rate();
  REQUIRE(window != unbounded);
  for (std::int64_t i = 0; i < 50; ++i) none.on_lost(lost(410, 300 + i));
  CHECK(none.window() == window);
  CHECK(none.pacing_rate() == rate);
}

TEST_CASE("while the service has too little to send none learns no plateau, and forgets none") {
  None none(setup_at());
  for (std::int64_t round = 1; round <= 20; ++round) none.on_acked(round_trip(100 * round, 2, true));
  CHECK(none.window() == unbounded);
  CHECK(none.rate() == 0);
  for (std::int64_t round = 21; round <= 24; ++round) none.on_acked(round_trip(100 * round, 100));
  REQUIRE(none.window() != unbounded);
  for (std::int64_t round = 25; round <= 60; ++round) none.on_acked(round_trip(100 * round, 2, true));
  CHECK(none.rate() == 1'000'000);
}

TEST_CASE("what a round of more has left in the queue is drained in the next") {
  None none(setup_at());
  bool asked = false;
  int drained = 0;
  for (std::int64_t round = 1; round <= 40; ++round) {
    Acked event = round_trip(100 * round, 100);
    event.in_flight = 140 * segment;
    none.on_acked(event);
    if (asked) {
      CHECK(none.window() <= 101 * segment);
      ++drained;
    }
    // The queue is empty.
    event = acked(100 * round + 10, 1);
    event.in_flight = 50 * segment;
    none.on_acked(event);
    asked = none.window() != unbounded && none.pacing_rate() > none.rate() * 9 / 8;
  }
  CHECK(drained >= 3);
}

TEST_CASE("a timeout makes none forget the path") {
  None none(setup_at());
  for (const std::int64_t ms : {100, 200, 300, 400}) none.on_acked(round_trip(ms, 100));
  REQUIRE(none.window() != unbounded);
  none.on_timeout({.now = at_ms(900), .in_flight = 100 * segment});
  CHECK(none.window() == unbounded);
  CHECK(none.rate() == 0);
}

TEST_CASE("none fills links that lose by chance, and leaves their queues short") {
  for (const std::uint64_t rate : {20 * mbit, 100 * mbit}) {
    for (const std::uint32_t loss_ppm : {0u, 10'000u, 50'000u, 150'000u}) {
      for (const std::int64_t flush_us : {0, 10'000}) {
        Path path{.rate = rate, .loss_ppm = loss_ppm, .flush_us = flush_us};
        path.buffer = 8 * path.bdp();
        const Figures figures = alone(path);
        CHECK(figures.utilisation >= 0.9 * (1 - loss_ppm / 1e6));
        CHECK(figures.queue_ms <= 20);
      }
    }
  }
}

TEST_CASE("none follows a link that becomes faster or slower") {
  for (const auto& [from, to] : {std::pair{20 * mbit, 200 * mbit}, std::pair{200 * mbit, 20 * mbit}}) {
    Path path{.rate = from};
    // Of the slower one 1.6 s.
    path.buffer = 4 * 40'000 * 200 * mbit / 1'000'000;
    Bottleneck world(path);
    world.add(Kind::none);
    world.run(5);
    world.path().rate = to;
    world.run(5);
    world.measure();
    world.run(5);
    const Figures figures = world.measure();
    CHECK(figures.utilisation >= 0.9);
    CHECK(figures.queue_ms <= 40);
  }
}

TEST_CASE("none overruns a buffer that holds a tenth of what the path does by no more than a tenth") {
  Path path;
  path.buffer = path.bdp() / 10;
  const Figures figures = alone(path);
  CHECK(figures.utilisation >= 0.9);
  CHECK(figures.lost <= 0.1);
}
