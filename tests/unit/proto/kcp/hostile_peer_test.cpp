// Shows what a peer gains who breaks the rules, or who guesses: nothing by claims and copies, a window in 2^32 numbers by guessing
// data, and no standstill by pulses of loss in step with the timeouts where no congestion window closes.
// How: one session spoken to by hand, counts against the sums on paper; two sessions over a line that fails in pulses.
#include <catch2/catch.hpp>

#include "proto/kcp/pair.hpp"
#include "proto/kcp/session_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

constexpr std::int64_t begin_us = 2'000'000;  // of the pulses, when the round trip is known

// How many messages arrive within a while over a line with pulses.
std::uint32_t transferred(const Options& options, std::int64_t every_us, std::int64_t pulse_us, std::int64_t phase_us) {
  Scenario scenario;
  scenario.seed = 4;
  scenario.link = {
      .delay_us = 10'000, .pulse_begin_us = begin_us + phase_us, .pulse_every_us = every_us, .pulse_us = pulse_us};
  scenario.messages = 1'000'000;
  scenario.message_bytes = 3000;
  scenario.options[0] = scenario.options[1] = options;
  scenario.size = {.memory_bytes = 4u << 20, .blocks = {{2048, 2048, 2048}}, .chunks = 4096, .datagrams = 4096};
  Pair pair(scenario);
  pair.run_until(Instant::at_us(begin_us));
  const std::uint32_t before = pair.side(0).received + pair.side(1).received;
  pair.run_until(Instant::at_us(begin_us + 5'000'000));
  return pair.side(0).received + pair.side(1).received - before;
}

}  // namespace

// What the congestion window, and timeouts that double, make of such pulses is ikcp's law and told in SECURITY.md.
TEST_CASE("without a congestion window pulses in step with the timeouts do not stop a transfer") {
  for (const std::uint8_t nodelay : {std::uint8_t{1}, std::uint8_t{2}}) {
    Options options = quick();
    options.nodelay = nodelay;
    options.dead_link = 255;
    const std::uint32_t clean = transferred(options, 0, 0, 0);
    const std::int64_t rto = std::int64_t{options.rto_floor_ms()} * 1000;
    for (int phase = 0; phase < 3; ++phase) {
      INFO("nodelay " << int{nodelay} << ", phase " << phase);
      // One in two timeouts, as long as a round trip: a third of all time, and half at least of the rest is used.
      CHECK(transferred(options, 2 * rto, rto * 2 / 3, phase * rto / 2) > clean * 2 / 3 / 2);
      // One in each, a third of the time again: a sixth at least of the rest.
      CHECK(transferred(options, rto, rto / 3, phase * rto / 3) > clean * 2 / 3 / 6);
    }
  }
}

TEST_CASE("a receiver who claims by una what he never got frees a segment a claim, and his window does not grow") {
  Options options = quick();
  options.no_congestion_window = false;
  options.rto_initial_ms = 60'000;
  SessionBench bench(options);
  for (int i = 0; i < 200; ++i) REQUIRE(bench.send("x") == SendResult::accepted);
  std::uint32_t sent = static_cast<std::uint32_t>(bench.sent(0).size());
  std::uint32_t claims = 0;
  // He guesses right each time: that everything was sent that may be.
  for (int ms = 1; ms <= 100; ++ms) {
    REQUIRE(bench.deliver(wire({{.command = Command::wins, .una = sent}}), ms) == Refusal::none);
    sent += static_cast<std::uint32_t>(bench.sent(ms).size());
    ++claims;
    REQUIRE(bench.session.stats().in_flight <= 1);
    REQUIRE(sent <= claims + 1);
  }
  // With stamps by guess he claims no better.
  for (std::uint32_t i = 0; i < 1000; ++i) {
    REQUIRE(bench.deliver(wire({ack(sent - 1, 7777 + i, sent - 1)}), 101) == Refusal::none);
  }
  CHECK(bench.session.stats().in_flight == 1);
  CHECK(bench.world.counters.acks_forged == 1000);
}

TEST_CASE("by time a claim frees what it covers, and is no delivery by which a window grows or a path looks faster") {
  using congestion::Kind;
  for (const Kind kind : {Kind::kcp, Kind::newreno, Kind::cubic, Kind::bbr}) {
    INFO(name_of(kind));
    Options options = quick();
    options.recovery = Recovery::rack;
    options.congestion = kind;
    options.rto_initial_ms = 60'000;
    options.snd_wnd = 1000;
    options.send_queue_segments_max = 2000;
    options.mtu = 50;  // full segments, as windows are of bytes
    const std::string full(options.mss(), 'x');
    SessionBench bench(options, ours(),
                       {.memory_bytes = 4u << 20, .blocks = {{4096, 64, 64}}, .chunks = 4096, .datagrams = 4096});
    for (int i = 0; i < 1500; ++i) REQUIRE(bench.send(full) == SendResult::accepted);
    std::uint32_t sent = static_cast<std::uint32_t>(bench.sent(0).size());
    const std::uint32_t begin = bench.session.stats().cwnd;
    for (int ms = 1; ms <= 50; ++ms) {
      REQUIRE(bench.deliver(wire({{.command = Command::wins, .una = sent, .wnd = 1000}}), 10 * ms) == Refusal::none);
      const auto more = static_cast<std::uint32_t>(bench.sent(10 * ms).size());
      sent += more;
      REQUIRE(more <= begin);
    }
    CHECK(bench.session.stats().cwnd <= begin);
    CHECK(bench.session.stats().in_flight <= begin);
  }
}

TEST_CASE("one receipt told in a hundred ACKs, or a hundred times, lets the window grow once") {
  Options options = quick();
  options.no_congestion_window = false;
  SessionBench bench(options), divided(options);
  std::uint32_t window[2] = {0, 0};
  int side = 0;
  for (SessionBench* const one : {&bench, &divided}) {
    for (int i = 0; i < 100; ++i) REQUIRE(one->send("x") == SendResult::accepted);
    for (int ms = 0; ms < 5; ++ms) {
      const auto out = one->sent(ms);
      if (out.empty()) break;
      const std::uint32_t una = out.back().header.sn.raw() + 1;
      Bytes all;
      for (const Parsed& p : out) {
        const Bytes told = wire({ack(p.header.sn.raw(), p.header.stamp.raw(), una)});
        all.insert(all.end(), told.begin(), told.end());
      }
      for (int copy = 0; copy < (side == 0 ? 1 : 100); ++copy) REQUIRE(one->deliver(all, ms) == Refusal::none);
    }
    window[side++] = static_cast<std::uint32_t>(one->sent(5).size());
  }
  CHECK(window[0] > 1);
  CHECK(window[1] == window[0]);
}

TEST_CASE(
    "a million repetitions at one moment are owed 512 ACKs, in nine datagrams, and no more memory than these take") {
  SessionBench bench;
  for (std::uint32_t sn = 0; sn < 58; ++sn) REQUIRE(bench.deliver(wire({push(sn, "x")})) == Refusal::none);
  bench.sent();
  std::uint32_t ts = 1;
  for (int i = 0; i < 17'242; ++i) {
    Bytes datagram;
    for (std::uint32_t sn = 0; sn < 58; ++sn) {
      const Bytes one = wire({push(sn, "", 0, ts++)});
      datagram.insert(datagram.end(), one.begin(), one.end());
    }
    REQUIRE(bench.deliver(datagram) == Refusal::none);
  }
  REQUIRE(ts > 1'000'000);
  CHECK(bench.world.counters.acks_left_out == ts - 1 - 512);
  // Those ACKs, and the ring of what nobody read.
  CHECK(bench.world.memory.in_use_bytes() <= 512 * 8 + 4096);
  const auto datagrams = transmit_all(bench.world, bench.session, at_ms(0));
  CHECK(datagrams.size() == 9);
  CHECK(parse(datagrams).size() == 512);
}

TEST_CASE("who guesses data must try 2^26 datagrams for one, who guesses an ACK 2^32 for each that is in flight") {
  // The sum on paper: 128 numbers of 2^32 lie in the window, and one una of two is not after what we sent.
  constexpr std::uint64_t expected_probes = (std::uint64_t{1} << 32) / 128 * 2;
  static_assert(expected_probes == std::uint64_t{1} << 26);
  SessionBench bench;
  REQUIRE(bench.session.stats().receive_window == 128);
  // Around the window each number is tried but its first, and many elsewhere. What was taken shows when the first one comes.
  const auto probe = [&](std::uint32_t sn) {
    static_cast<void>(bench.deliver(wire({push(sn, "evil")})));
    bench.sent();
  };
  for (std::uint32_t sn = 1; sn < 3000; ++sn) probe(sn);
  for (std::uint32_t sn = 0u - 3000; sn != 0; ++sn) probe(sn);
  Rng rng(5);
  for (int i = 0; i < 100'000; ++i) probe(static_cast<std::uint32_t>(rng.between(3000, 0xffff'ffff - 3000)));
  CHECK(bench.session.stats().undelivered == 0);
  probe(0);
  CHECK(bench.session.stats().undelivered == 128);
  // Of una half of the circle is old, and the other half is refused.
  SessionBench other;
  std::uint32_t refused = 0;
  constexpr std::uint32_t tries = 100'000;
  for (std::uint32_t i = 0; i < tries; ++i) {
    refused += other.deliver(wire({{.command = Command::wins, .una = rng.next32()}})) == Refusal::una_ahead ? 1u : 0u;
  }
  CHECK(refused > tries * 49 / 100);
  CHECK(refused < tries * 51 / 100);
  // An ACK by guess of a stamp, for a number that is right.
  SessionBench sender;
  for (int i = 0; i < 32; ++i) REQUIRE(sender.send("x") == SendResult::accepted);
  REQUIRE(sender.sent().size() == 32);
  for (std::uint32_t i = 0; i < tries; ++i) {
    static_cast<void>(sender.deliver(wire({ack(i % 32, 1 + static_cast<std::uint32_t>(rng.below(0xffff'ffff)), 0)})));
  }
  CHECK(sender.session.stats().in_flight == 32);
  CHECK(sender.world.counters.acks_forged == tries);
}
