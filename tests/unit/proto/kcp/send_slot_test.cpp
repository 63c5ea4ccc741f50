// Shows that a slot remembers its first and its last three transmissions with microseconds, and names no other.
// How: up to forty transmissions of one slot, each stamp asked for after each.
#include "proto/kcp/send_slot.hpp"

#include <catch2/catch.hpp>

using namespace penstock;
using namespace penstock::kcp;

TEST_CASE("the first and the last three transmissions are remembered to the microsecond") {
  for (const std::uint32_t origin : {0u, 0xffff'ff00u, 0x7fff'ff00u}) {
    SendSlot slot;
    for (int sent = 1; sent <= 40; ++sent) {
      const auto at = [&](int transmission) {
        return Moment::at(Instant::at_us(transmission * 7'333), Stamp32(origin));
      };
      slot.record(at(sent));
      REQUIRE(slot.transmissions == sent);
      REQUIRE(slot.ikcp.stamps[slot.latest()] == at(sent).stamp);
      for (int asked = 1; asked <= 40; ++asked) {
        const bool remembered = asked <= sent && (asked == 1 || asked > sent - 3);
        const auto age = slot.since(at(asked).stamp, at(50));
        INFO("sent " << sent << " asked " << asked);
        REQUIRE(age.has_value() == remembered);
        if (remembered) REQUIRE(*age == (50u - static_cast<unsigned>(asked)) * 7'333u);
      }
    }
  }
}

TEST_CASE("of two transmissions within a millisecond the later one is meant") {
  SendSlot slot;
  slot.record(Moment::at(Instant::at_us(5'100), Stamp32(0)));
  slot.record(Moment::at(Instant::at_us(5'900), Stamp32(0)));
  CHECK(slot.since(Stamp32(5), Moment::at(Instant::at_us(6'000), Stamp32(0))) == 100u);
}

TEST_CASE("an age is not negative, and no longer than its field") {
  SendSlot slot;
  slot.record(Moment::at(Instant::at_us(5'900), Stamp32(0)));
  CHECK(slot.since(Stamp32(5), Moment::at(Instant::at_us(5'100), Stamp32(0))) == 0u);
  CHECK(slot.since(Stamp32(5), Moment::at(Instant::at_us(5'000'000'000), Stamp32(0))) == 0xffff'ffffu);
}

TEST_CASE("the age of an only transmission follows from when it is to be repeated") {
  for (const bool quick : {false, true}) {
    Options options;
    options.nodelay = quick ? 1 : 0;
    const Moment sent = Moment::at(Instant::at_us(7'333), Stamp32(5));
    SendSlot slot;
    slot.ikcp.rto_us = 123'457;
    slot.ikcp.resend_at = sent.now + SendSlot::first_wait(slot.ikcp.rto_us, options);
    slot.record_first(sent);
    for (const std::int64_t age : {0L, 1L, 999L, 123'456L, 4'000'000'000L}) {
      const Instant now = sent.now + Duration::us(age);
      CHECK(slot.first_age_us(now, options) == age);
      CHECK(slot.first_age_us(now, options) == slot.since(sent.stamp, Moment::at(now, Stamp32(5))));
    }
    CHECK(slot.first_age_us(sent.now + Duration::us(5'000'000'000), options) == 0xffff'ffff);
    CHECK(slot.first_age_us(Instant::at_us(7'000), options) == 0);
  }
}

TEST_CASE("nothing is remembered of a slot that was never sent") {
  const SendSlot slot({}, 3);
  CHECK(slot.fragment == 3);
  CHECK(!slot.acked());
  CHECK(!slot.since(Stamp32(0), Moment::at(Instant::at_us(0), Stamp32(0))));
}

TEST_CASE("by time: the first and the last three copies are known to the microsecond") {
  for (const std::uint32_t origin : {0u, 0xffff'ff00u, 0x7fff'ff00u}) {
    SendSlot slot;
    for (int sent = 1; sent <= 40; ++sent) {
      const auto at = [&](int copy) {
        return Moment::at(Instant::at_us(4'294'000'000 + copy * 7'333), Stamp32(origin));
      };
      slot.record_flown(at(sent).now);
      REQUIRE(slot.transmissions == sent);
      for (int asked = 1; asked <= 40; ++asked) {
        const bool remembered = asked <= sent && (asked == 1 || asked > sent - 3);
        const auto copy = slot.copy_named(at(asked).stamp, at(50));
        INFO("sent " << sent << " asked " << asked);
        REQUIRE(copy.has_value() == remembered);
        if (!remembered) continue;
        REQUIRE(copy->age_us == (50u - static_cast<unsigned>(asked)) * 7'333u);
        REQUIRE((copy->place == Flown::latest) == (asked == sent));
      }
    }
  }
}
