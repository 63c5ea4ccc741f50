// Shows the schedule of window questions, the give-up, that one answer is owed however often the peer asks, and what
// answers a proof ping.
// How: virtual time moved from deadline to deadline.
#include "proto/kcp/probe.hpp"

#include <catch2/catch.hpp>

#include "aborts.hpp"

using namespace penstock;
using namespace penstock::kcp;

TEST_CASE("a shut window is asked about after 7 s, then each time half as long again up to 120 s") {
  // rule: 4.A probe-schedule
  Options options;
  options.stall_timeout_ms = 3'600'000;
  Probe probe;
  CHECK(probe.next_deadline().is_never());
  Instant now = Instant::at_us(500);
  probe.on_blocked(true, now, options);
  std::int64_t wait_ms = 7'000;
  for (int i = 0; i < 20; ++i) {
    CHECK(probe.next_deadline() == now + Duration::ms(wait_ms));
    CHECK(!probe.wask_owed());
    now = probe.next_deadline();
    REQUIRE(probe.on_timeout(now, options));
    CHECK(probe.wask_owed());
    probe.wask_written();
    wait_ms = std::min<std::int64_t>(wait_ms + wait_ms / 2, 120'000);
    // Being told again that it is shut changes nothing.
    probe.on_blocked(true, now, options);
  }
  CHECK(wait_ms == 120'000);
}

TEST_CASE("an opened window ends the questions, a shut one begins anew") {
  const Options options;
  Probe probe;
  probe.on_blocked(true, Instant::at_us(0), options);
  REQUIRE(probe.on_timeout(Instant::at_us(7'000'000), options));
  CHECK(probe.wask_owed());
  probe.on_blocked(false, Instant::at_us(7'000'001), options);
  CHECK(!probe.wask_owed());
  CHECK(probe.next_deadline().is_never());
  probe.on_blocked(true, Instant::at_us(9'000'000), options);
  CHECK(probe.next_deadline() == Instant::at_us(16'000'000));
}

TEST_CASE("a session stalled for stall_timeout is given up, not a microsecond earlier") {
  const Options options;
  Probe probe;
  probe.on_blocked(true, Instant::at_us(0), options);
  CHECK(probe.on_timeout(Instant::at_us(119'999'999), options));
  CHECK(!probe.on_timeout(Instant::at_us(120'000'000), options));
}

TEST_CASE("a window that shut between two milliseconds is not given up early, nor more than one late") {
  Options options;
  options.stall_timeout_ms = 10'000;
  Probe probe;
  const Instant shut = Instant::at_us(5'000'700);
  probe.on_blocked(true, shut, options);
  CHECK(probe.on_timeout(shut + Duration::us(1), options));
  CHECK(!probe.wask_owed());
  CHECK(probe.on_timeout(shut + Duration::ms(7'000), options));
  CHECK(probe.wask_owed());
  CHECK(probe.on_timeout(shut + Duration::us(9'999'999), options));
  CHECK(probe.next_deadline() <= shut + Duration::ms(10'001));
  CHECK(!probe.on_timeout(probe.next_deadline(), options));
}

TEST_CASE("however often the peer asks, one answer is owed") {
  Probe probe;
  for (int i = 0; i < 1000; ++i) probe.on_wask();
  CHECK(probe.wins_owed());
  probe.wins_written();
  CHECK(!probe.wins_owed());
}

TEST_CASE("one ping goes out for each datagram that came, and only the echo of its secret answers it") {
  const Stamp32 secret(0x1234'5678);
  Probe probe;
  CHECK(!probe.ping_allowed());
  probe.allow_ping();
  Header common;
  common.conv = 5;
  common.window = 77;
  const Header ping = probe.make_ping(common, Seq32(0), secret);
  CHECK(ping.command == Command::push);
  CHECK(ping.sn.raw() == 0xffff'ffff);
  CHECK(ping.length == 0);
  CHECK(ping.window == 77);
  CHECK(!probe.ping_allowed());
  probe.allow_ping();
  // What was acknowledged in between moves its sn on; the echo of either answers.
  const Header again = probe.make_ping(common, Seq32(9), secret);
  CHECK(again.sn.raw() == 8);
  CHECK(again.stamp == ping.stamp);
  CHECK(Probe::answers_ping(ping.sn, ping.stamp, Seq32(0), secret));
  CHECK(Probe::answers_ping(ping.sn, ping.stamp, Seq32(9), secret));
  CHECK(Probe::answers_ping(again.sn, again.stamp, Seq32(9), secret));
  CHECK(!Probe::answers_ping(ping.sn, ping.stamp + 1, Seq32(0), secret));
  CHECK(!Probe::answers_ping(ping.sn + 1, ping.stamp, Seq32(0), secret));
}

TEST_CASE("the peer's latest ping is answered once") {
  Probe probe;
  CHECK(!probe.answer_owed());
  probe.on_ping(Seq32(1), Stamp32(2));
  probe.on_ping(Seq32(3), Stamp32(4));
  const Header answer = probe.make_answer(Header{});
  CHECK(answer.command == Command::ack);
  CHECK(answer.sn.raw() == 3);
  CHECK(answer.stamp.raw() == 4);
  CHECK(!probe.answer_owed());
}

TEST_CASE("a ping that was not allowed is our own mistake") {
  CHECK(penstock::test::aborts([] {
    Probe probe;
    probe.make_ping(Header{}, Seq32(0), Stamp32(1));
  }));
}
