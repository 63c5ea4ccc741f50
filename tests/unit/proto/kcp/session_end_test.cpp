// Shows every end that a session can come to, what it still delivers, and that all memory is back then.
// How: one Session, closed by each reason, or left to a peer that never answers or keeps its window shut.
#include <catch2/catch.hpp>

#include "proto/kcp/session_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SessionBench;

TEST_CASE("a session closed by its service delivers what is queued, then ends") {
  for (const CloseReason reason : {CloseReason::service, CloseReason::drained}) {
    Bench bench;
    REQUIRE(bench.send("last words") == SendResult::accepted);
    bench.session.close(reason, at_ms(0));
    CHECK(bench.session.closing());
    CHECK(bench.send("more") == SendResult::closed);
    const auto sent = bench.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].header.window == 0);
    CHECK(!bench.session.closed());
    CHECK(bench.deliver(wire({push(0, "late")}), 10) == Refusal::closed);
    CHECK(bench.deliver(wire({ack(0, 0, 1)}), 20) == Refusal::none);
    CHECK(closed_by(bench.session) == reason);
    bench.world.check_whole();
    CHECK(!bench.session.poll_event());
    CHECK(bench.sent(20).empty());
    CHECK(bench.session.next_deadline().is_never());
    CHECK(bench.deliver(wire({push(0, "late")}), 30) == Refusal::closed);
  }
}

TEST_CASE("a session with nothing queued ends at once, or when its ACKs are out") {
  Bench quiet;
  quiet.session.close(CloseReason::service, at_ms(0));
  CHECK(closed_by(quiet.session) == CloseReason::service);

  Bench owing;
  REQUIRE(owing.deliver(wire({push(0, "x")})) == Refusal::none);
  owing.session.close(CloseReason::service, at_ms(0));
  CHECK(!owing.session.closed());
  CHECK(owing.sent().size() == 1);
  CHECK(closed_by(owing.session) == CloseReason::service);
}

TEST_CASE("lingering is bounded: a service's close ends as such, a drain as stopped") {
  const std::pair<CloseReason, CloseReason> ends[] = {{CloseReason::service, CloseReason::service},
                                                      {CloseReason::drained, CloseReason::stopped}};
  for (const auto& [asked, told] : ends) {
    Options options = quick();
    options.linger_ms = 50;
    Bench bench(options);
    REQUIRE(bench.send("never acknowledged") == SendResult::accepted);
    bench.session.close(asked, at_ms(0));
    bench.sent();
    CHECK(bench.session.next_deadline() == at_ms(50));
    bench.session.on_timeout(at_ms(50));
    CHECK(closed_by(bench.session) == told);
  }
}

TEST_CASE("any other reason ends at once, also while lingering") {
  for (const CloseReason reason : {CloseReason::stopped, CloseReason::idle, CloseReason::unproven}) {
    Bench bench;
    REQUIRE(bench.send("x") == SendResult::accepted);
    REQUIRE(bench.deliver(wire({push(0, "a"), push(2, "c")})) == Refusal::none);
    if (reason == CloseReason::stopped) bench.session.close(CloseReason::service, at_ms(0));
    bench.session.close(reason, at_ms(0));
    CHECK(closed_by(bench.session) == reason);
    bench.session.close(CloseReason::service, at_ms(1));
    CHECK(!bench.session.poll_event());
    CHECK(!bench.session.poll_receive());
    bench.world.check_whole();
  }
}

TEST_CASE("a link that answers nothing is dead after dead_link transmissions") {
  Options options = quick();
  options.dead_link = 5;
  Bench bench(options);
  REQUIRE(bench.send("x") == SendResult::accepted);
  std::size_t transmissions = bench.sent().size();
  while (!bench.session.closed()) {
    const std::int64_t ms = bench.session.next_deadline().count_ms();
    REQUIRE(transmissions < 10);
    bench.session.on_timeout(bench.session.next_deadline());
    transmissions += bench.sent(ms + 1).size();
  }
  CHECK(transmissions == 5);
  CHECK(closed_by(bench.session) == CloseReason::dead_link);
}

TEST_CASE("a peer that keeps its window shut stalls the session to its end") {
  Bench bench;
  REQUIRE(bench.send("a") == SendResult::accepted);
  bench.sent();
  REQUIRE(bench.deliver(wire({ack(0, 0, 1, 0)})) == Refusal::none);
  REQUIRE(bench.send("b") == SendResult::accepted);
  std::vector<std::int64_t> asked_ms;
  while (!bench.session.closed()) {
    const Instant now = bench.session.next_deadline();
    REQUIRE(now <= at_ms(120'000));
    bench.session.on_timeout(now);
    for (const Parsed& segment : bench.sent(now.count_ms())) {
      CHECK(segment.header.command == Command::wask);
      asked_ms.push_back(now.count_ms());
      REQUIRE(bench.deliver(wire({{.command = Command::wins, .una = 1, .wnd = 0}}), now.count_ms()) == Refusal::none);
    }
  }
  CHECK(closed_by(bench.session) == CloseReason::stalled);
  CHECK(asked_ms == std::vector<std::int64_t>{7'000, 17'500, 33'250, 56'875, 92'312});
}

TEST_CASE("a peer that sends what follows and never what is missing stalls the session to its end") {
  Bench bench;
  REQUIRE(bench.deliver(wire({push(0, "a")}), 0) == Refusal::none);
  std::uint32_t sn = 2;
  for (std::int64_t ms = 0; ms < 120'000; ms += 5'000) {
    REQUIRE(bench.deliver(wire({push(sn++, "d")}), ms) == Refusal::none);
    REQUIRE(!bench.session.closed());
  }
  SECTION("by one that is stored") { REQUIRE(bench.deliver(wire({push(sn, "d")}), 120'000) == Refusal::none); }
  SECTION("by one that came before") { REQUIRE(bench.deliver(wire({push(2, "d")}), 120'000) == Refusal::none); }
  SECTION("by one beyond the window") {
    REQUIRE(bench.deliver(wire({push(1000, "d")}), 120'000) == Refusal::beyond_window);
  }
  CHECK(closed_by(bench.session) == CloseReason::stalled);
}

TEST_CASE("a gap that is filled in time ends nothing") {
  Bench bench;
  for (std::int64_t ms = 0; ms < 119'000; ms += 5'000) {
    REQUIRE(bench.deliver(wire({push(1, "b")}), ms) == Refusal::none);
  }
  REQUIRE(bench.deliver(wire({push(0, "a")}), 120'000) == Refusal::none);
  REQUIRE(bench.deliver(wire({push(1, "b")}), 300'000) == Refusal::none);
  CHECK(!bench.session.closed());
}

TEST_CASE("a gap stays through no fault of its sender while there is no memory for what fills it") {
  Bench bench;
  REQUIRE(bench.deliver(wire({push(1, "b")}), 0) == Refusal::none);
  const auto repeat = [&](std::int64_t ms) {
    return bench.session.on_datagram_in_need(bench.world.datagram(wire({push(0, "a"), push(1, "b")})),
                                             Session::Storage::nothing, at_ms(ms));
  };
  for (std::int64_t ms = 5'000; ms < 300'000; ms += 5'000) REQUIRE(repeat(ms) == Refusal::none);
  CHECK(bench.world.counters.no_memory == 59);
  CHECK(!bench.session.closed());
  REQUIRE(bench.deliver(wire({push(0, "a")}), 300'000) == Refusal::none);
  CHECK(receive_all(bench.session) == "a|b|");
}

TEST_CASE("a session that is destroyed gives everything back") {
  World world(quick());
  {
    Session session(world.env, conv, Instant(), ours());
    for (int i = 0; i < 100; ++i)
      REQUIRE(send(world, session, std::string(500, 'x'), at_ms(0)) == SendResult::accepted);
    transmit(world, session, at_ms(0));
    for (std::uint32_t sn = 0; sn < 100; sn += 2) deliver(world, session, wire({push(sn, "data")}), at_ms(0));
  }
  world.check_whole();
}
