// Shows the rules toward a peer that has proven nothing: no byte more than it sent, nothing acknowledged, no timer, and what
// proves it.
// How: one Session that was opened by its peer, with `room` as the credit of that peer.
#include <catch2/catch.hpp>

#include "proto/kcp/session_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SessionBench;

TEST_CASE("an echo to an unproven peer fits exactly the bytes of its request") {
  for (const std::size_t size : {1u, 24u, 64u, 1376u}) {
    Bench bench(quick(), theirs());
    const std::string text(size, 'e');
    REQUIRE(bench.deliver(wire({push(0, text, 0, 777)})) == Refusal::none);
    CHECK(receive_all(bench.session) == text + "|");
    REQUIRE(bench.send(text) == SendResult::accepted);
    const auto credit = static_cast<std::uint32_t>(24 + size);
    const auto reply = transmit(bench.world, bench.session, at_ms(0), credit);
    REQUIRE(reply);
    CHECK(reply->size() == credit);
    const Parsed segment = parse(*reply).at(0);
    CHECK(segment.header.command == Command::push);
    CHECK(segment.payload == text);
    // Not acknowledged yet, so that the peer resends until it is proven.
    CHECK(segment.header.una.raw() == 0);
    CHECK(!bench.session.proven());
    CHECK(!transmit(bench.world, bench.session, at_ms(0)));
    // Nothing resends by itself before the peer has proven its address.
    CHECK(bench.session.next_deadline().is_never());
    CHECK(bench.deliver(wire({ack(0, 0, 1)}), 20) == Refusal::none);
    CHECK(bench.session.proven());
    const auto all = events(bench.session);
    REQUIRE(all.size() == 1);
    CHECK(all[0].kind == SessionEvent::Kind::proven);
    // Now the request is acknowledged.
    const auto owed = bench.sent(20);
    REQUIRE(owed.size() == 1);
    CHECK(owed[0].header.command == Command::ack);
    CHECK(owed[0].header.stamp.raw() == 777);
    CHECK(owed[0].header.una.raw() == 1);
    CHECK(bench.session.idle());
  }
}

TEST_CASE("a reply that does not fit waits for the answer to a ping, one for each datagram that came") {
  Bench bench(quick(), theirs());
  REQUIRE(bench.deliver(wire({push(0, "GET 10", 0, 777)})) == Refusal::none);
  CHECK(receive_all(bench.session) == "GET 10|");
  REQUIRE(bench.send(std::string(1000, 'r')) == SendResult::accepted);
  const auto datagrams = transmit_all(bench.world, bench.session, at_ms(0), 30);
  REQUIRE(datagrams.size() == 1);
  REQUIRE(datagrams[0].size() == 24);
  const Header ping = parse(datagrams[0]).at(0).header;
  CHECK(ping.command == Command::push);
  CHECK(ping.sn.raw() == 0xffff'ffff);
  CHECK(ping.length == 0);
  CHECK(ping.una.raw() == 0);
  CHECK(!transmit(bench.world, bench.session, at_ms(0), 30));
  REQUIRE(bench.deliver(wire({push(0, "GET 10", 0, 977)}), 200) == Refusal::none);
  const auto again = bench.sent(200, 30);
  REQUIRE(again.size() == 1);
  CHECK(again[0].header.sn == ping.sn);
  CHECK(again[0].header.stamp == ping.stamp);
  // A wrong echo proves nothing, the right one everything; ACKs and data follow.
  CHECK(bench.deliver(wire({ack(0xffff'ffff, ping.stamp.raw() + 1, 0)}), 210) == Refusal::none);
  CHECK(!bench.session.proven());
  CHECK(!transmit(bench.world, bench.session, at_ms(210), 60));
  CHECK(bench.deliver(wire({ack(0xffff'ffff, ping.stamp.raw(), 0)}), 220) == Refusal::none);
  CHECK(bench.session.proven());
  CHECK(events(bench.session).size() == 1);
  const auto rest = bench.sent(220);
  REQUIRE(rest.size() == 3);
  CHECK(rest[0].header.command == Command::ack);
  CHECK(rest[0].header.stamp.raw() == 777);
  CHECK(rest[1].header.stamp.raw() == 977);
  CHECK(rest[2].payload.size() == 1000);
  CHECK(rest[2].header.una.raw() == 1);
  CHECK(bench.world.counters.proof_pings_sent == 2);
}

TEST_CASE("with nothing to say a ping answers, whatever the room") {
  for (const std::uint32_t room : {24u, 48u, 1400u}) {
    Bench bench(quick(), theirs());
    REQUIRE(bench.deliver(wire({push(0, "x"), push(1, "y")})) == Refusal::none);
    CHECK(!transmit(bench.world, bench.session, at_ms(0), 23));
    const auto reply = bench.sent(0, room);
    REQUIRE(reply.size() == 1);
    CHECK(reply[0].header.command == Command::push);
    CHECK(reply[0].header.una.raw() == 0);
    CHECK(!bench.session.wants_transmit(at_ms(0)));
    const Wire echo = ack(reply[0].header.sn.raw(), reply[0].header.stamp.raw(), 0);
    CHECK(bench.deliver(wire({echo})) == Refusal::none);
    CHECK(bench.session.proven());
    CHECK(bench.sent().size() == 2);
  }
}

TEST_CASE("a lost reply, or a lost answer to it, is made good by the peer's resend") {
  Bench bench(quick(), theirs());
  REQUIRE(bench.deliver(wire({push(0, "request")})) == Refusal::none);
  REQUIRE(bench.send("reply") == SendResult::accepted);
  CHECK(bench.sent(0, 31).at(0).payload == "reply");
  // Not due again: the resend of the peer is answered by a ping, a later one by the reply.
  REQUIRE(bench.deliver(wire({push(0, "request", 0, 100)}), 100) == Refusal::none);
  CHECK(bench.sent(100, 33).at(0).header.length == 0);
  REQUIRE(bench.deliver(wire({push(0, "request", 0, 300)}), 300) == Refusal::none);
  CHECK(bench.sent(300, 40).at(0).payload == "reply");
}

TEST_CASE("two engines that know nothing of each other converge to silence") {
  World world(quick());
  Session a(world.env, conv, Instant(), theirs(1));
  Session b(world.env, conv, Instant(), theirs(2));
  REQUIRE(deliver(world, a, wire({push(0, "from nowhere")}), at_ms(0)) == Refusal::none);
  std::size_t datagrams = 0;
  for (std::int64_t ms = 0; ms < 10; ++ms) {
    for (const Bytes& bytes : transmit_all(world, a, at_ms(ms))) {
      deliver(world, b, bytes, at_ms(ms));
      ++datagrams;
    }
    for (const Bytes& bytes : transmit_all(world, b, at_ms(ms))) {
      deliver(world, a, bytes, at_ms(ms));
      ++datagrams;
    }
  }
  CHECK(datagrams <= 6);
  CHECK(!a.wants_transmit(at_ms(10)));
  CHECK(!b.wants_transmit(at_ms(10)));
}

TEST_CASE("una alone proves nothing") {
  Bench bench(quick(), theirs());
  REQUIRE(bench.deliver(wire({push(0, "request")})) == Refusal::none);
  REQUIRE(bench.send("reply") == SendResult::accepted);
  bench.sent(0, 31);
  REQUIRE(bench.session.stats().in_flight == 1);
  Wire next = push(1, "request");
  next.una = 1;
  CHECK(bench.deliver(wire({next}), 10) == Refusal::none);
  CHECK(bench.session.stats().in_flight == 0);
  CHECK(!bench.session.proven());
  CHECK(events(bench.session).empty());
}

TEST_CASE("bytes to an unproven peer never exceed bytes from it, whatever comes") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    Bench bench(quick(), theirs(rng.next32()));
    std::uint32_t sn = 0;
    std::int64_t credit = 0;
    for (std::int64_t ms = 0; ms < 500 && !bench.session.closed(); ms += 10) {
      if (rng.below(3) == 0) {
        const Bytes datagram = wire({push(rng.below(4) == 0 ? sn / 2 : sn++, std::string(rng.below(60), 'x')),
                                     ack(rng.next32() % 4, rng.next32(), 0)});
        credit += static_cast<std::int64_t>(datagram.size());
        bench.deliver(datagram, ms);
      }
      receive_all(bench.session);
      if (rng.below(4) == 0) bench.send(std::string(rng.below(200), 'y'), ms);
      if (at_ms(ms) >= bench.session.next_deadline()) bench.session.on_timeout(at_ms(ms));
      while (auto datagram = transmit(bench.world, bench.session, at_ms(ms), static_cast<std::uint32_t>(credit))) {
        credit -= static_cast<std::int64_t>(datagram->size());
        REQUIRE(credit >= 0);
      }
    }
    REQUIRE(!bench.session.proven());
  }
}

TEST_CASE("the side that opens trusts the address it chose, and resends to it") {
  Bench bench(quick(), ours());
  CHECK(bench.session.proven());
  REQUIRE(bench.send("hello") == SendResult::accepted);
  bench.sent();
  CHECK(bench.session.next_deadline() == at_ms(200));
  bench.session.on_timeout(at_ms(200));
  CHECK(bench.sent(200).size() == 1);
  CHECK(events(bench.session).empty());
}
