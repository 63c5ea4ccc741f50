// Shows the table of controllers: names, switching in the middle of a flow, and that no story of events breaks any of them.
#include "proto/congestion/controller.hpp"

#include <catch2/catch.hpp>

#include "base/rng.hpp"
#include "proto/congestion/feed.hpp"

using namespace penstock;
using namespace penstock::congestion;
using namespace penstock::congestion::test;

namespace {

constexpr Kind kinds[kind_count] = {Kind::none, Kind::kcp, Kind::newreno, Kind::cubic, Kind::bbr};

// A number of a random length, so that small ones come up as often as large.
std::uint64_t number(Rng& rng, int bits_max) {
  return rng.next() >> (64 - rng.below(static_cast<std::uint64_t>(bits_max)) - 1);
}

// Events as no machine would tell them: any order, any numbers, time that stands still, leaps or wraps.
class Story {
 public:
  Story(std::uint64_t seed, Kind kind)
      : rng_(seed),
        setup_{.now = Instant::at_us(1'000'000),
               .segment_bytes = static_cast<std::uint32_t>(500 + rng_.below(8'501)),
               .seed = rng_.next32()},
        now_(setup_.now),
        controller(kind, setup_) {}

  void step() {
    now_ = now_ + Duration::us(static_cast<std::int64_t>(number(rng_, 27)));
    setup_.now = now_;
    const std::uint64_t dice = rng_.below(1000);
    if (dice < 400) {
      acknowledge();
    } else if (dice < 700) {
      controller.on_sent({.now = now_, .bytes = setup_.segment_bytes, .in_flight = volume(), .app_limited = flip()});
    } else if (dice < 900) {
      controller.on_lost({.now = now_,
                          .sent_at = earlier(),
                          .bytes = setup_.segment_bytes,
                          .in_flight = volume(),
                          .flight_at_send = volume(),
                          .lost_since_send = volume(),
                          .delivered = number(rng_, 60),
                          .app_limited = flip()});
    } else if (dice < 930) {
      controller.on_timeout({.now = now_, .in_flight = volume()});
    } else if (dice < 998) {
      controller.on_spurious({.now = now_,
                              .sent_at = earlier(),
                              .bytes = setup_.segment_bytes,
                              .delivered = number(rng_, 60),
                              .by_timeout = flip()});
    } else {
      change();
    }
  }
  std::uint32_t segment_bytes() const { return setup_.segment_bytes; }

 private:
  bool flip() { return rng_.below(2) == 0; }
  std::uint64_t volume() { return number(rng_, 29); }
  Instant earlier() { return now_ - Duration::us(static_cast<std::int64_t>(number(rng_, 27))); }

  void acknowledge() {
    Acked event{.now = now_, .rate = {}};
    event.bytes = volume();
    event.lost = volume();
    event.in_flight = volume();
    event.flight_before = volume();
    event.delivered = number(rng_, 60);
    event.rtt_us = static_cast<std::uint32_t>(number(rng_, 26));
    event.srtt_us = static_cast<std::uint32_t>(number(rng_, 26));
    event.round_began = flip();
    event.window_limited = flip();
    event.rate = {.interval_us = static_cast<std::uint32_t>(number(rng_, 26)),
                  .delivered = volume(),
                  .lost = volume(),
                  .flight_at_send = volume(),
                  .delivered_before = number(rng_, 60),
                  .app_limited = flip()};
    controller.on_acked(event);
  }

  void change() {
    if (flip()) {
      controller.switch_to(kinds[rng_.below(kind_count)], setup_);
      return;
    }
    const Kind kind = controller.kind();
    const Essence essence = controller.essence();
    controller = AnyController(kind, setup_);
    controller.resume(essence, now_);
  }

  Rng rng_;
  Setup setup_;
  Instant now_;

 public:
  AnyController controller;
};

}  // namespace

TEST_CASE("each controller has a name, and each name a controller") {
  for (const Kind kind : kinds) CHECK(kind_named(name_of(kind)) == kind);
  CHECK(name_of(Kind::newreno) == "newreno");
  CHECK_FALSE(kind_named("reno"));
  CHECK_FALSE(kind_named(""));
}

TEST_CASE("a new controller is none until told otherwise") {
  const AnyController any(setup_at());
  CHECK(any.kind() == Kind::none);
  CHECK(any.window() == unbounded);
  CHECK(any.pacing_rate() == unbounded);
}

TEST_CASE("a flow keeps its window when its controller changes") {
  AnyController any(Kind::newreno, setup_at());
  any.on_acked(acked(100, 50));
  any.on_lost(lost(200, 100));
  REQUIRE(segments(any) == 30);
  any.on_acked(acked(310, 1));
  any.switch_to(Kind::cubic, setup_at(320));
  CHECK(any.kind() == Kind::cubic);
  CHECK(segments(any) == 30);
  CHECK(any.threshold() == 30 * segment);
  any.on_acked(acked(430, 1));
  any.switch_to(Kind::bbr, setup_at(440));
  CHECK(segments(any) == 30);
  // 30 segments in 100 ms.
  CHECK(any.pacing_rate() == Approx(300'000).epsilon(0.02));
  any.switch_to(Kind::kcp, setup_at(450));
  CHECK(segments(any) >= 4);
  any.switch_to(Kind::none, setup_at(460));
  CHECK(any.window() == unbounded);
  // From none nothing is known.
  any.switch_to(Kind::newreno, setup_at(470));
  CHECK(segments(any) == 10);
}

TEST_CASE("no story of events breaks a controller: a segment may always leave, and nothing overflows") {
  for (const Kind kind : kinds) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      Story story(seed, kind);
      for (int i = 0; i < 10'000; ++i) {
        story.step();
        const AnyController& any = story.controller;
        const bool sound = any.window() >= story.segment_bytes() && any.pacing_rate() > 0 &&
                           (any.window() == unbounded || any.window() <= window_max + 3ull * story.segment_bytes());
        if (sound) continue;
        INFO(name_of(any.kind()) << " seed " << seed << " step " << i << " window " << any.window());
        REQUIRE(sound);
      }
    }
  }
}
