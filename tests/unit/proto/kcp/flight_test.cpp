// Shows what a Flight counts and tells: bytes in flight and delivered, the rate of the newest transmission that is named, rounds,
// what a controller hears of losses and of needless repetitions, and what outlives it.
// How: a ring of segments whose fates the test decides; none tells the rate it was told. The rules of finding losses are in
// flight_loss_test.cpp.
#include "proto/kcp/flight.hpp"

#include <catch2/catch.hpp>

#include "proto/kcp/world.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

using congestion::Kind;

constexpr std::uint32_t payload = 976, segment = payload + header_bytes;

struct Bench {
  explicit Bench(Kind kind = Kind::none, std::uint32_t segments = 64)
      : world(by_time()), rtt(world.env.options), window{ring, Seq32(), Seq32()} {
    REQUIRE(ring.reserve(world.env.memory, segments, Seq32(), Seq32()));
    for (std::uint32_t sn = 0; sn < segments; ++sn) {
      SegmentQueue message = world.message(std::string(payload, 'x'), block_bytes);
      ring.place(Seq32(sn), message.pop_front(), std::uint8_t{0});
    }
    flight.begin(kind, {.now = at(0), .segment_bytes = segment, .seed = 1}, Seq32());
  }
  ~Bench() {
    for (Seq32 sn; sn != Seq32(64); ++sn) ring[sn].payload.reset();
    ring.release(world.env.memory);
  }

  static Options by_time() {
    Options options;
    options.recovery = Recovery::rack;
    return options;
  }
  static Instant at(std::int64_t us) { return Instant::at_us(us); }
  static Moment moment(std::int64_t us) { return Moment::at(at(us), Stamp32(0)); }

  void send(std::uint32_t count, std::int64_t us) {
    for (; count > 0; --count) {
      const Seq32 sn = window.next;
      ++window.next;
      flight.on_sent(window, sn, false, at(us));
    }
  }
  void arrive(std::uint32_t sn, std::int64_t sent_us, std::int64_t us) {
    const auto copy = ring[Seq32(sn)].copy_named(Stamp32(static_cast<std::uint32_t>(sent_us / 1000)), moment(us));
    REQUIRE(copy);
    rtt.sample(copy->age_us, world.env.options);
    flight.on_arrived(window, Seq32(sn), *copy, at(us), world.counters);
    ring[Seq32(sn)].acked_run = 1;
  }
  void cover(std::uint32_t sn, std::int64_t us) {
    flight.on_covered(window, Seq32(sn), at(us));
    ring[Seq32(sn)].acked_run = 1;
  }
  void end(std::int64_t us) {
    while (window.una != window.next && ring[window.una].acked()) ++window.una;
    flight.end_round(window, rtt, at(us));
  }

  World world;
  SendRing ring;
  Rtt rtt;
  Flight flight;
  Flight::Window window;
};

}  // namespace

TEST_CASE("a flight counts what is out, each segment once however often it was sent") {
  Bench bench;
  bench.send(4, 1000);
  CHECK(bench.flight.in_flight_bytes() == 4 * segment);
  bench.flight.on_sent(bench.window, Seq32(2), false, Bench::at(5000));
  CHECK(bench.flight.in_flight_bytes() == 4 * segment);
  bench.arrive(0, 1000, 21'000);
  bench.end(21'000);
  CHECK(bench.flight.in_flight_bytes() == 3 * segment);
}

TEST_CASE("what is found lost is in flight no more, and waits to be repeated, the first sent first") {
  Bench bench;
  bench.send(8, 1000);
  for (const std::uint32_t sn : {2u, 3u, 4u}) bench.arrive(sn, 1000, 21'000);
  bench.end(21'000);
  CHECK(bench.flight.in_flight_bytes() == 3 * segment);
  REQUIRE(bench.flight.wants_repeat(Bench::at(21'000)));
  CHECK(bench.flight.to_repeat(bench.window, bench.rtt, Bench::at(21'000)) == Seq32(0));
  bench.flight.on_sent(bench.window, Seq32(0), false, Bench::at(21'000));
  CHECK(bench.flight.to_repeat(bench.window, bench.rtt, Bench::at(21'000)) == Seq32(1));
}

TEST_CASE("a controller is told the rate between two receipts, and none bounds nothing before it knows one") {
  Bench bench;
  CHECK_FALSE(bench.flight.is_bounded());
  // Ten segments a round trip of 20 ms, three times over: 500 segments a second.
  for (int round = 0; round < 5; ++round) {
    const std::int64_t us = 1000 + 20'000 * round;
    const std::uint32_t first = 10u * static_cast<std::uint32_t>(round);
    bench.send(10, us);
    for (std::uint32_t sn = first; sn < first + 10; ++sn) bench.arrive(sn, us, us + 20'000);
    bench.end(us + 20'000);
  }
  REQUIRE(bench.flight.is_bounded());
  const std::uint64_t rate = bench.flight.controller().pacing_rate();
  CHECK(rate >= 500 * segment);
  CHECK(rate <= 2 * 500 * segment);
}

TEST_CASE("a reduction is taken back when what was held for lost arrives") {
  Bench bench(Kind::newreno);
  bench.send(10, 1000);
  const std::uint64_t before = bench.flight.controller().window();
  for (const std::uint32_t sn : {1u, 2u, 3u}) bench.arrive(sn, 1000, 21'000);
  bench.end(21'000);
  CHECK(bench.flight.controller().window() < before);
  bench.flight.on_sent(bench.window, Seq32(0), false, Bench::at(21'000));
  bench.arrive(0, 1000, 22'000);
  bench.end(22'000);
  CHECK(bench.flight.controller().window() >= before);
  CHECK(bench.world.counters.retransmit_spurious == 1);
}

TEST_CASE("what una alone covers counts as delivered once an ACK names something later") {
  Bench bench(Kind::newreno);
  bench.send(10, 1000);
  const std::uint64_t before = bench.flight.controller().window();
  for (std::uint32_t sn = 0; sn < 6; ++sn) bench.cover(sn, 21'000);
  bench.end(21'000);
  CHECK(bench.flight.in_flight_bytes() == 4 * segment);
  CHECK(bench.flight.controller().window() == before);
  bench.arrive(6, 1000, 22'000);
  bench.end(22'000);
  CHECK(bench.flight.controller().window() > before + 5 * segment);
}

TEST_CASE("another path: what is out is to be repeated, and nothing that was learnt holds") {
  Bench bench(Kind::cubic);
  bench.send(6, 1000);
  bench.arrive(0, 1000, 21'000);
  bench.end(21'000);
  bench.flight.on_path_changed(bench.window, Kind::bbr,
                               {.now = Bench::at(30'000), .segment_bytes = segment, .seed = 2});
  CHECK(bench.flight.controller().kind() == Kind::bbr);
  CHECK(bench.flight.in_flight_bytes() == 0);
  for (std::uint32_t sn = 1; sn < 6; ++sn) {
    REQUIRE(bench.flight.wants_repeat(Bench::at(30'000)));
    CHECK(bench.flight.to_repeat(bench.window, bench.rtt, Bench::at(30'000)) == Seq32(sn));
    bench.flight.on_sent(bench.window, Seq32(sn), false, Bench::at(30'000));
  }
  CHECK_FALSE(bench.flight.wants_repeat(Bench::at(30'000)));
}

TEST_CASE("a flight leaves behind what its controller knows, and the next one begins with it as far as it may") {
  Bench bench(Kind::newreno);
  bench.send(10, 1000);
  for (std::uint32_t sn = 0; sn < 10; ++sn) bench.arrive(sn, 1000, 21'000);
  bench.end(21'000);
  const congestion::Essence essence = bench.flight.essence();
  CHECK(essence.window_segments == bench.flight.controller().window() / segment);
  Flight next;
  next.remember(essence, true);
  CHECK(next.reordered());
  CHECK(next.essence().window_segments == essence.window_segments);
  next.begin(Kind::newreno, {.now = Bench::at(30'000), .segment_bytes = segment, .seed = 1}, Seq32(10));
  // After a pause no flow may burst its old window (RFC 5681, 4.1).
  CHECK(next.controller().window() == 10 * segment);
  CHECK(next.controller().threshold() >= essence.window_segments * segment / 2);
}

TEST_CASE("a flow of little is not held by a rate that it never asked for") {
  Bench bench;
  Flight slow;
  slow.remember({.window_segments = 4, .threshold_segments = 0, .rate_kib_s = 1}, false);
  slow.begin(Kind::bbr, {.now = Bench::at(0), .segment_bytes = segment, .seed = 1}, Seq32());
  REQUIRE(slow.controller().pacing_rate() < 4096);
  bench.rtt.sample(20'000, bench.world.env.options);
  std::uint32_t left = 0;
  for (std::int64_t us = 0; us < 20'000; us += 100) {
    if (!slow.may_send(segment, bench.rtt, Bench::at(us))) continue;
    const Seq32 sn = bench.window.next;
    ++bench.window.next;
    slow.on_sent(bench.window, sn, false, Bench::at(us));
    ++left;
  }
  CHECK(left == 4);
}

TEST_CASE("a spare leaves though its segment fills the window by itself") {
  Bench bench(Kind::newreno);
  bench.send(2, 1000);
  bench.flight.on_starved(true);
  bench.arrive(1, 1000, 21'000);
  bench.end(21'000);
  bench.flight.controller().on_timeout({.now = Bench::at(21'000), .in_flight = segment});
  REQUIRE(bench.flight.controller().window() == segment);
  bench.flight.on_sent(bench.window, Seq32(0), false, Bench::at(21'000));
  bench.flight.rearm(bench.window, bench.rtt, bench.world.env.options);
  const Instant spare_at = bench.flight.wake_at();
  REQUIRE(spare_at < Bench::at(26'000));
  CHECK_FALSE(bench.flight.wants_repeat(spare_at - Duration::us(1)));
  REQUIRE(bench.flight.wants_repeat(spare_at));
  CHECK(bench.flight.to_repeat(bench.window, bench.rtt, spare_at) == Seq32(0));
  CHECK(bench.flight.is_open(spare_at));
  CHECK(bench.flight.may_send_spare(bench.rtt, spare_at));
  CHECK_FALSE(bench.flight.may_send(segment, bench.rtt, spare_at));
}
