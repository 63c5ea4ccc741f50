// Shows that the rules of conduct find what breaks them, each by one frame too many, and leave alone what keeps them; and that
// the man on the path changes shapes only, with checksums that hold.
#include <algorithm>
#include <catch2/catch.hpp>

#include "sim/broken.hpp"
#include "sim/conduct.hpp"
#include "sim/meddler.hpp"

using namespace penstock;
using namespace penstock::sim;

namespace {

constexpr std::uint32_t conv = 7;
constexpr Instant now = Instant::at_us(1'000'000);

Bytes to(std::uint32_t host, bool ip6, const Bytes& payload) {
  const net::Endpoint from{address_of(0, ip6), 4000};
  const net::Endpoint there{address_of(host, ip6), 5000};
  return ethernet(mac_of(host), mac_of(0), {}, ip6 ? 0x86dd : 0x0800,
                  ip(from.address, there.address, 17, udp(from, there, payload)));
}
Bytes push(std::uint32_t sn, std::uint32_t una = 0) { return sim::kcp(conv, command_push, 0, sn, una, Bytes(10)); }
Bytes ack(std::uint32_t sn) { return sim::kcp(conv, command_ack, 0, sn, 0, {}); }

// A host that holds the first three segments of everything.
Conduct conduct() {
  return {2, [](std::uint32_t, const net::Endpoint&, std::uint32_t, std::uint32_t sn, Instant) { return sn < 3; }};
}

}  // namespace

TEST_CASE("nothing may be said to a silent stranger, nor asked about him") {
  Conduct fair = conduct();
  CHECK_NOTHROW(fair.on_departure(0, to(1, false, push(0)), now));
  for (const bool ip6 : {false, true}) {
    Conduct rules = conduct();
    CHECK_THROWS_AS(rules.on_departure(0, to(silent_first + 3, ip6, push(0)), now), Broken);
    CHECK_FALSE(is_for_silent(to(silent_first + silent_count, ip6, push(0))));
    CHECK_FALSE(is_for_silent(to(silent_first - 1, ip6, push(0))));
  }
  const Bytes who_has = ethernet(mac_of(1), mac_of(0), {}, 0x0806,
                                 arp(1, mac_of(0), address_of(0, false), {}, address_of(silent_first, false)));
  CHECK(is_for_silent(who_has));
  Bytes solicitation{135, 0, 0, 0, 0, 0, 0, 0};
  put_address(solicitation, address_of(silent_first, true));
  CHECK(is_for_silent(
      ethernet(mac_of(1), mac_of(0), {}, 0x86dd, ip(address_of(0, true), address_of(1, true), 58, solicitation))));
}

TEST_CASE("what is not held is not acknowledged, by ACK or by una") {
  Conduct rules = conduct();
  CHECK_NOTHROW(rules.on_departure(0, to(1, false, ack(2)), now));
  CHECK_THROWS_AS(rules.on_departure(0, to(1, false, ack(3)), now), Broken);
  CHECK_NOTHROW(rules.on_departure(0, to(1, false, push(0, 3)), now));
  CHECK_THROWS_AS(rules.on_departure(0, to(1, false, push(0, 4)), now), Broken);
}

TEST_CASE("no segment goes beyond what the peer ever had room for") {
  Conduct rules = conduct();
  CHECK_NOTHROW(rules.on_departure(0, to(1, false, push(127)), now));
  CHECK_THROWS_AS(rules.on_departure(0, to(1, false, push(128)), now), Broken);
  // What acknowledges more than was sent opens nothing …
  rules.on_arrival(0, to(1, false, sim::kcp(conv, command_ack, 0, 0, 5'000, {})));
  CHECK_THROWS_AS(rules.on_departure(0, to(1, false, push(140)), now), Broken);
  // … but an honest una does.
  Conduct honest = conduct();
  honest.on_departure(0, to(1, false, push(0)), now);
  honest.on_arrival(0, to(1, false, sim::kcp(conv, command_ack, 0, 0, 1, {})));
  CHECK_NOTHROW(honest.on_departure(0, to(1, false, push(128)), now));
}

TEST_CASE("room lies behind what was acknowledged one by one, be it that una tells of less") {
  Conduct rules = conduct();
  for (std::uint32_t sn = 0; sn < 4; ++sn) rules.on_departure(0, to(1, false, push(sn)), now);
  const std::uint32_t window = 128;
  rules.on_arrival(0, to(1, false, ack(2)));
  CHECK_THROWS_AS(rules.on_departure(0, to(1, false, push(window)), now), Broken);
  for (const std::uint32_t sn : {1u, 0u}) rules.on_arrival(0, to(1, false, ack(sn)));
  CHECK_NOTHROW(rules.on_departure(0, to(1, false, push(window + 2)), now));
  CHECK_THROWS_AS(rules.on_departure(0, to(1, false, push(window + 3)), now), Broken);
}

TEST_CASE("a window is told to who asks for it or sends, and not without end") {
  Conduct rules = conduct();
  const Bytes window = to(1, false, sim::kcp(conv, command_wins, 0, 0, 0, {}));
  rules.on_arrival(0, to(0, false, push(0)));
  for (int i = 0; i < 10; ++i) CHECK_NOTHROW(rules.on_departure(0, window, now));
  rules.on_arrival(0, window);
  CHECK_THROWS_AS(rules.on_departure(0, window, now), Broken);
}

TEST_CASE("frames without data are as many as what came and the timers allow") {
  Conduct rules = conduct();
  for (int i = 0; i < 300; ++i) rules.on_departure(0, to(1, false, ack(0)), now);
  CHECK_NOTHROW(rules.check_answers(0, 100));
  CHECK_THROWS_AS(rules.check_answers(0, 99), Broken);
  rules.on_arrival(0, to(0, false, push(0)));
  CHECK_NOTHROW(rules.check_answers(0, 98));
  // An answer is no question.
  for (int i = 0; i < 10; ++i) rules.on_arrival(0, to(0, false, ack(0)));
  CHECK_THROWS_AS(rules.check_answers(0, 97), Broken);
}

TEST_CASE("what somebody forged between two hosts ends soon") {
  Conduct rules = conduct();
  constexpr std::uint32_t forged = 0xe0000001;
  const Bytes said = to(1, false, sim::kcp(forged, command_push, 0, 0, 0, {}));
  for (int i = 0; i < 100; ++i) CHECK_NOTHROW(rules.on_departure(0, said, now));
  rules.on_forged(forged, now);
  const auto talk = [&] {
    for (int i = 0; i < 100; ++i) rules.on_departure(0, said, now);
  };
  CHECK_THROWS_AS(talk(), Broken);
}

TEST_CASE("the man on the path changes shapes, and repeats what he saw") {
  Plan plan;
  plan.seed = 3;
  plan.heal = now + Duration::seconds(10);
  plan.mangle_ppm = 1'000'000;
  plan.replay_ppm = 1'000'000;
  for (const bool ip6 : {false, true}) {
    Coverage coverage;
    Meddler meddler(plan, coverage);
    const Bytes frame = to(1, ip6, push(0));
    std::uint32_t unread = 0, shorter = 0, longer = 0;
    for (int i = 0; i < 200; ++i) {
      const auto changed = meddler.pass(frame, now);
      REQUIRE(changed);
      CHECK(*changed != frame);
      const auto view = peek(*changed);
      unread += view ? 0u : 1u;
      shorter += view && view->payload.size() < 34 ? 1u : 0u;
      longer += view && view->payload.size() > 34 ? 1u : 0u;
    }
    CHECK(unread > 10);
    CHECK(shorter > 10);
    CHECK(longer > 10);
    CHECK_FALSE(meddler.quiet());
    const auto again = meddler.act(now + Duration::seconds(200));
    CHECK(again.size() == 200);
    CHECK(std::ranges::all_of(again, [&](const Bytes& said) { return said == frame; }));
    CHECK(meddler.quiet());
    CHECK_FALSE(meddler.pass(frame, plan.heal));
  }
}
