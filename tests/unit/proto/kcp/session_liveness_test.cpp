// Shows how a silent peer is asked for a sign of life: first by a ping whose echo measures the round trip, then by WASK; that
// only the echo of the very ping counts, once; and that an unproven or closed session asks nothing.
// How: one Session, its peer played by hand.
#include <catch2/catch.hpp>

#include "proto/kcp/session_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SessionBench;

TEST_CASE("the first question is a ping that measures the round trip") {
  Bench bench;
  REQUIRE(bench.send("a") == SendResult::accepted);
  const auto data = bench.sent();
  REQUIRE(bench.deliver(wire({ack(0, data.at(0).header.stamp.raw(), 1)}), 10) == Refusal::none);
  const std::uint32_t srtt_us = bench.session.stats().srtt_us;
  CHECK(srtt_us == 10'000);
  bench.session.ask_for_life(true);
  CHECK(bench.session.wants_transmit(at_ms(1000)));
  CHECK_FALSE(bench.session.idle());
  CHECK(bench.sent(1000, 23).empty());
  const auto asked = bench.sent(1000);
  REQUIRE(asked.size() == 1);
  const Header& ping = asked[0].header;
  CHECK(ping.command == Command::push);
  CHECK(ping.length == 0);
  CHECK(ping.sn.raw() == 0xffff'ffff);  // in the past, and not 0, by which a stranger would begin
  CHECK(ping.window == 128);
  CHECK_FALSE(bench.session.wants_transmit(at_ms(1000)));
  CHECK(bench.session.next_deadline().is_never());  // nothing resends it
  // Another ts, or a sn to come, answers nothing.
  CHECK(bench.deliver(wire({ack(0xffff'ffff, ping.stamp.raw() + 1, 1)}), 1018) == Refusal::none);
  CHECK(bench.deliver(wire({ack(1, ping.stamp.raw(), 1)}), 1018) == Refusal::none);
  CHECK(bench.session.stats().srtt_us == srtt_us);
  CHECK(bench.deliver(wire({ack(0xffff'ffff, ping.stamp.raw(), 1)}), 1018) == Refusal::none);
  CHECK(bench.session.stats().srtt_us == (7 * 10'000 + 18'000) / 8);
  CHECK(bench.world.counters.rtt_us.count() == 2);
  // A second copy is none.
  CHECK(bench.deliver(wire({ack(0xffff'ffff, ping.stamp.raw(), 1)}), 3000) == Refusal::none);
  CHECK(bench.world.counters.rtt_us.count() == 2);
  CHECK(bench.world.counters.life_probes_sent == 1);
  CHECK(bench.session.idle());
}

TEST_CASE("no two pings share a ts, and only the latest is awaited") {
  Bench bench;
  bench.session.ask_for_life(true);
  const auto first = bench.sent(1000).at(0).header.stamp;
  bench.session.ask_for_life(true);
  const auto second = bench.sent(2000).at(0).header.stamp;
  CHECK(first != second);
  CHECK(bench.deliver(wire({ack(0xffff'ffff, first.raw(), 0)}), 2010) == Refusal::none);
  CHECK(bench.world.counters.rtt_us.count() == 0);
  CHECK(bench.deliver(wire({ack(0xffff'ffff, second.raw(), 0)}), 2010) == Refusal::none);
  CHECK(bench.world.counters.rtt_us.count() == 1);
}

TEST_CASE("later questions, and those beside data in flight, are WASKs") {
  Bench bench;
  bench.session.ask_for_life(false);
  auto asked = bench.sent(1000);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].header.command == Command::wask);
  CHECK(bench.deliver(wire({Wire{.command = Command::wins}}), 1010) == Refusal::none);
  CHECK(bench.session.idle());
  REQUIRE(bench.send("a", 1010) == SendResult::accepted);
  bench.sent(1010);
  bench.session.ask_for_life(true);
  asked = bench.sent(1011);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].header.command == Command::wask);
  CHECK(bench.world.counters.life_probes_sent == 2);
}

TEST_CASE("a window that shuts takes the ping's place with its own questions") {
  Bench bench;
  REQUIRE(bench.send("a") == SendResult::accepted);
  const auto data = bench.sent();
  const Wire shut = ack(0, data.at(0).header.stamp.raw(), 1, 0);
  REQUIRE(bench.deliver(wire({shut}), 10) == Refusal::none);
  bench.session.ask_for_life(true);
  REQUIRE(bench.send("b", 20) == SendResult::accepted);
  CHECK(bench.sent(20).empty());
  bench.session.ask_for_life(true);
  const auto asked = bench.sent(21);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].header.command == Command::wask);
}

TEST_CASE("an unproven peer is not asked, nor one that is closed to") {
  Bench unproven(quick(), theirs());
  REQUIRE(unproven.deliver(wire({push(0, "x")})) == Refusal::none);
  CHECK(unproven.sent().size() == 1);
  unproven.session.ask_for_life(true);
  CHECK(unproven.sent(10).empty());
  CHECK(unproven.world.counters.life_probes_sent == 0);
  Bench closed;
  closed.session.close(CloseReason::stopped, at_ms(1));
  closed.session.ask_for_life(true);
  CHECK(closed.sent(10).empty());
}

// Two sessions, either of which asks: an unmodified KCP answers a ping with an ACK and a WASK with a WINS, and so do we.
TEST_CASE("a session answers the questions of another") {
  Bench asking;
  Bench asked;
  for (const bool first : {true, false}) {
    asking.session.ask_for_life(first);
    for (const Bytes& question : transmit_all(asking.world, asking.session, at_ms(100))) {
      CHECK(asked.deliver(question, 110) == Refusal::none);
    }
    const auto answers = transmit_all(asked.world, asked.session, at_ms(110));
    REQUIRE(answers.size() == 1);
    CHECK(asking.deliver(answers[0], 120) == Refusal::none);
    CHECK(receive_all(asked.session).empty());
  }
  CHECK(asking.session.stats().srtt_us == 20'000);
}
