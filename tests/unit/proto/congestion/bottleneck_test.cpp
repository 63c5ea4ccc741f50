// Shows what the papers of the controllers claim of one flow on a bottleneck: use of the link, queue, loss, recovery, undo.
// How: the model of bottleneck.hpp in virtual time; each figure is printed, and held to a bound with some room.
#include "proto/congestion/bottleneck.hpp"

#include <catch2/catch.hpp>
#include <cstdio>
#include <string_view>

using namespace penstock::congestion;
using namespace penstock::congestion::test;

namespace {

constexpr Kind all[] = {Kind::kcp, Kind::newreno, Kind::cubic, Kind::bbr};
constexpr Kind good[] = {Kind::newreno, Kind::cubic, Kind::bbr};

void print(std::string_view scenario, Kind kind, const Figures& figures) {
  std::printf("%-34s %-8s link %5.1f %%  queue %6.2f ms  lost %5.2f %%\n", scenario.data(), name_of(kind).data(),
              figures.utilisation * 100, figures.queue_ms, figures.lost * 100);
}

// One flow, from `from_s` on for `for_s`.
Figures alone(std::string_view scenario, Kind kind, const Path& path, double from_s = 8, double for_s = 15) {
  Bottleneck world(path);
  world.add(kind);
  world.run(from_s);
  world.measure();
  world.run(for_s);
  const Figures figures = world.measure();
  print(scenario, kind, figures);
  return figures;
}

// Seconds until the flow uses 90 % of the link and loses less than 2 % for half a second; 60: it did not.
double settles(Bottleneck& world) {
  const double start = world.now_s();
  while (world.now_s() - start < 60) {
    world.run(0.5);
    const Figures figures = world.measure();
    if (figures.utilisation >= 0.9 && figures.lost < 0.02) break;
  }
  return world.now_s() - start;
}

double recovery(Kind kind, std::uint64_t from_mbit, std::uint64_t to_mbit) {
  Path path{.rate = from_mbit * 125'000};
  path.buffer = path.bdp();
  Bottleneck world(path);
  world.add(kind);
  world.run(12);
  world.path().rate = to_mbit * 125'000;
  world.measure();
  const double seconds = settles(world);
  std::printf("%3u to %3u Mbit/s                   %-8s settles in %.1f s\n", static_cast<unsigned>(from_mbit),
              static_cast<unsigned>(to_mbit), name_of(kind).data(), seconds);
  return seconds;
}

}  // namespace

TEST_CASE("with a buffer of one BDP newreno, cubic and bbr fill the link") {
  for (const Kind kind : all) {
    const Figures figures = alone("1 BDP of buffer", kind, {});
    CHECK(figures.utilisation >= 0.95);
    CHECK(figures.lost < 0.02);
  }
}

TEST_CASE("acknowledgements once in 10 ms, as KCP's receivers send them, cost none of it") {
  for (const Kind kind : all) {
    const Figures figures = alone("1 BDP, flush of 10 ms", kind, {.flush_us = 10'000});
    // ikcp's law grows once a datagram, however much that acknowledges.
    if (kind != Kind::kcp) CHECK(figures.utilisation >= 0.95);
  }
  for (const Kind kind : good) {
    const Figures figures = alone("1 BDP, flush of 50 ms", kind, {.flush_us = 50'000});
    CHECK(figures.utilisation >= 0.85);
  }
}

TEST_CASE("bbr keeps the queue short where cubic fills a buffer of four BDPs") {
  Path deep;
  deep.buffer = 4 * deep.bdp();
  double cubic = 0;
  for (const Kind kind : good) {
    const Figures figures = alone("4 BDPs of buffer", kind, deep);
    CHECK(figures.utilisation >= 0.95);
    if (kind == Kind::cubic) cubic = figures.queue_ms;
    if (kind == Kind::bbr) CHECK(figures.queue_ms < cubic / 10);
  }
}

TEST_CASE("with a tenth of a BDP of buffer bbr still fills the link") {
  Path shallow;
  shallow.buffer = shallow.bdp() / 10;
  for (const Kind kind : good) {
    const Figures figures = alone("0.1 BDP of buffer", kind, shallow);
    CHECK(figures.utilisation >= (kind == Kind::bbr ? 0.9 : 0.7));
    CHECK(figures.lost < 0.03);
  }
}

TEST_CASE("at one percent of loss by chance bbr fills the link, where newreno and cubic collapse") {
  for (const std::int64_t flush_us : {0, 10'000}) {
    for (const Kind kind : all) {
      const Figures figures = alone(flush_us == 0 ? "1 % loss" : "1 % loss, flush of 10 ms", kind,
                                    {.loss_ppm = 10'000, .flush_us = flush_us});
      if (kind == Kind::bbr) {
        CHECK(figures.utilisation >= 0.9);
      } else {
        CHECK(figures.utilisation < 0.2);
      }
    }
  }
  // A receiver that acknowledges less often than a round trip takes.
  Path rare{.rtt_us = 20'000, .loss_ppm = 10'000, .flush_us = 50'000};
  rare.buffer = rare.rate * 70 / 1000;
  CHECK(alone("1 % loss, 20 ms, flush of 50 ms", Kind::bbr, rare).utilisation >= 0.85);
  for (const std::int64_t rtt_us : {20'000, 100'000, 300'000}) {
    Path path{.rate = 25'000'000, .rtt_us = rtt_us, .loss_ppm = 10'000};
    path.buffer = path.bdp();
    const Figures figures = alone(rtt_us == 20'000    ? "1 % loss, 200 Mbit/s, 20 ms"
                                  : rtt_us == 100'000 ? "1 % loss, 200 Mbit/s, 100 ms"
                                                      : "1 % loss, 200 Mbit/s, 300 ms",
                                  Kind::bbr, path, 10, 15);
    CHECK(figures.utilisation >= 0.9);
  }
}

TEST_CASE("told that a path loses more, bbr bears it, and still keeps to what the link carries") {
  for (const std::uint32_t percent : {5u, 15u}) {
    for (const std::int64_t flush_us : {0, 10'000}) {
      Path path{.loss_ppm = percent * 10'000,
                .told_loss_percent = static_cast<std::uint8_t>(percent * 3 / 2),
                .flush_us = flush_us};
      path.buffer = path.bdp();
      const char* name = percent == 5 ? (flush_us == 0 ? "5 % loss, told 7 %" : "5 % loss, told 7 %, flush 10 ms")
                                      : (flush_us == 0 ? "15 % loss, told 22 %" : "15 % loss, told 22 %, flush 10 ms");
      const Figures figures = alone(name, Kind::bbr, path);
      CHECK(figures.utilisation >= (percent == 5 ? 0.88 : 0.75));
    }
  }
  // A full buffer is no nature of the path, and loses no more than the probes upward cost.
  for (const double bdps : {0.1, 1.0}) {
    Path path{.told_loss_percent = 22};
    path.buffer = static_cast<std::uint64_t>(static_cast<double>(path.bdp()) * bdps);
    const Figures figures =
        alone(bdps < 1 ? "0.1 BDP of buffer, told 22 %" : "1 BDP of buffer, told 22 %", Kind::bbr, path);
    CHECK(figures.utilisation >= 0.9);
    CHECK(figures.lost < 0.05);
  }
}

TEST_CASE("on a long fat path cubic is faster than newreno") {
  Path path{.rate = 25'000'000, .rtt_us = 100'000, .loss_ppm = 20};
  path.buffer = path.bdp();
  const Figures reno = alone("long and fat, 0.002 % loss", Kind::newreno, path, 20, 60);
  const Figures cubic = alone("long and fat, 0.002 % loss", Kind::cubic, path, 20, 60);
  const Figures bbr = alone("long and fat, 0.002 % loss", Kind::bbr, path, 20, 20);
  CHECK(cubic.utilisation > 1.5 * reno.utilisation);
  CHECK(bbr.utilisation >= 0.9);
}

TEST_CASE("a link twice as fast is found, and one half as fast is kept to") {
  for (const Kind kind : good) {
    CHECK(recovery(kind, 50, 100) <= 15);
    CHECK(recovery(kind, 100, 50) <= 8);
  }
}

TEST_CASE("bbr finds ten times the rate within ten seconds, and a tenth within fifteen") {
  CHECK(recovery(Kind::bbr, 10, 100) <= 10);
  CHECK(recovery(Kind::bbr, 100, 10) <= 15);
}

TEST_CASE("a new flow finds the link's rate within a second or two") {
  for (const std::int64_t flush_us : {0, 10'000}) {
    for (const Kind kind : good) {
      Path path{.flush_us = flush_us};
      path.buffer = path.bdp();
      Bottleneck world(path);
      world.add(kind);
      Figures figures;
      while (world.now_s() < 20) {
        world.run(0.1);
        figures = world.measure();
        if (figures.utilisation >= 0.9) break;
      }
      const double seconds = world.now_s();
      world.run(1);
      const Figures after = world.measure();
      std::printf("from nothing, flush of %2u ms        %-8s full after %.1f s, lost %.2f %% in the second after\n",
                  static_cast<unsigned>(flush_us / 1000), name_of(kind).data(), seconds, after.lost * 100);
      INFO(name_of(kind) << " flush " << flush_us);
      CHECK(seconds <= 3);
      CHECK(after.lost < 0.1);
    }
  }
}

TEST_CASE("on the slowest path a flow still gets all there is") {
  // 64 kbit/s and 100 ms: a BDP of half a segment.
  Path path{.rate = 8'000, .rtt_us = 100'000, .buffer = 20 * Flow::segment};
  for (const Kind kind : good) {
    const Figures figures = alone("64 kbit/s", kind, path, 20, 60);
    CHECK(figures.utilisation >= 0.9);
  }
}

TEST_CASE("copies that took a longer way are no loss: the window comes back when they arrive") {
  for (const Kind kind : good) {
    // From the sixth second what leaves in 3 ms arrives 15 ms late, after some hundred later segments.
    Path path{.detour_from_us = 6'000'000, .detour_us = 3'000, .detour_late_us = 15'000};
    path.buffer = 2 * path.bdp();
    Bottleneck world(path);
    const Flow& flow = world.add(kind);
    world.run(6.0);
    const std::uint64_t before = flow.controller.window();
    const std::uint32_t reductions = flow.reductions;
    world.run(0.3);
    INFO(name_of(kind));
    CHECK(flow.spurious > 0);
    if (kind != Kind::bbr) CHECK(flow.reductions == reductions + 1);
    CHECK(flow.controller.window() >= before * 95 / 100);
    std::printf("late, not lost                      %-8s window %u before, %u after\n", name_of(kind).data(),
                static_cast<unsigned>(before / Flow::segment),
                static_cast<unsigned>(flow.controller.window() / Flow::segment));
  }
}
