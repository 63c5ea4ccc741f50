// Shows when a segment is sent again: timeouts and their growth, skips and fast resends, the scan over what is in flight.
// How: a Sender alone; a slot's RTO is read off next_resend().
#include <catch2/catch.hpp>

#include "proto/kcp/sender_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SenderBench;

TEST_CASE("the first RTO is the session's, an eighth longer with nodelay 0") {
  // rule: 4.A first-send-rto
  for (std::uint8_t nodelay = 0; nodelay < 3; ++nodelay) {
    Options options = plain();
    options.nodelay = nodelay;
    Bench bench(options);
    bench.send_many(1);
    bench.write(0);
    CHECK(bench.sender.next_resend() == Instant::at_us(nodelay == 0 ? 225'000 : 200'000));
  }
}

TEST_CASE("each timeout grows the RTO by the law of nodelay") {
  // rule: 4.A nodelay0-doubles
  // rule: 4.A nodelay1-half
  // rule: 4.A nodelay2-session-half
  const std::vector<std::vector<std::int64_t>> waits_ms = {
      {225, 400, 800, 1600}, {200, 300, 450, 675}, {200, 300, 400, 500}};
  for (std::uint8_t nodelay = 0; nodelay < 3; ++nodelay) {
    Options options = plain();
    options.nodelay = nodelay;
    Bench bench(options);
    bench.send_many(1);
    std::int64_t at = 0;
    for (const std::int64_t wait : waits_ms[nodelay]) {
      INFO("nodelay " << int{nodelay} << " at " << at);
      CHECK(bench.write_sns(at) == Sns{0});
      CHECK(bench.sender.next_resend() == Instant::at_us(at + wait * 1000));
      CHECK(bench.write_sns(at + wait * 1000 - 1).empty());
      at += wait * 1000;
    }
    CHECK(bench.world.counters.retransmit_timeout == 3);
  }
}

TEST_CASE("a timeout counts as one of a settled path once a round trip was measured there") {
  Bench bench;
  bench.send_many(2);
  bench.write(0);
  const auto again = [&](std::int64_t at) { return bench.write_sns(at).size(); };
  REQUIRE(again(bench.sender.next_resend().count_us()) == 2);
  CHECK(bench.world.counters.retransmit_timeout == 2);
  CHECK(bench.world.counters.retransmit_settled == 0);
  bench.acknowledge(bench.now_us + 30'000, {{0, 0}}, 1);
  REQUIRE(bench.rtt.measured());
  REQUIRE(again(bench.sender.next_resend().count_us()) == 1);
  CHECK(bench.world.counters.retransmit_timeout == 3);
  CHECK(bench.world.counters.retransmit_settled == 1);
}

TEST_CASE("a doubled RTO stays within its 32 bits") {
  Options options = plain();
  options.dead_link = 255;
  Bench bench(options);
  bench.send_many(1);
  for (int i = 0; i < 100; ++i) {
    const std::int64_t at = i == 0 ? 0 : bench.sender.next_resend().count_us();
    REQUIRE(bench.write_sns(at) == Sns{0});
    REQUIRE(bench.sender.next_resend() > Instant::at_us(at));
    REQUIRE(bench.sender.next_resend() <= Instant::at_us(at + 3'600'000'000));
  }
}

TEST_CASE("a resend has a fresh stamp and the same sn, frg and bytes") {
  // rule: 4.A resend-fresh-ts-same-sn
  Bench bench;
  REQUIRE(bench.send(std::string(2000, 'y')) == SendResult::accepted);
  const auto first = bench.write(5'000);
  const auto again = bench.write(300'000);
  REQUIRE(first.size() == 1);
  REQUIRE(again.size() == 1);
  CHECK(again[0].header.sn == first[0].header.sn);
  CHECK(again[0].header.fragment == 1);
  CHECK(again[0].payload == first[0].payload);
  CHECK(again[0].header.stamp.raw() == 300);
}

TEST_CASE("each datagram counts one skip for every segment before the newest acknowledged one") {
  // rule: 4.A fastack-count
  // rule: 4.A newest-ack-of-datagram
  // rule: 4.A fast-resend
  Options options = plain();
  options.resend = 2;
  Bench bench(options);
  bench.send_many(10);
  bench.write(0);
  bench.acknowledge(10'000, {{5, 0}, {3, 0}, {4, 0}}, 0);  // one skip for 0, 1, 2
  CHECK(bench.write_sns(10'000).empty());
  bench.acknowledge(11'000, {{1, 0}}, 0);  // a second for 0 alone
  CHECK(bench.write_sns(11'000) == Sns{0});
  CHECK(bench.write_sns(11'000).empty());
  bench.acknowledge(12'000, {{6, 0}}, 0);
  CHECK(bench.write_sns(12'000) == Sns{2});
  CHECK(bench.world.counters.retransmit_fast == 2);
  CHECK(bench.world.counters.retransmit_timeout == 0);
}

TEST_CASE("a fast resend keeps the RTO and counts anew") {
  Options options = plain();
  options.resend = 1;
  options.nodelay = 1;
  Bench bench(options);
  bench.send_many(4);
  bench.write(0);
  bench.acknowledge(20'000, {{1, 0}}, 0);
  CHECK(bench.write_sns(20'000) == Sns{0});
  // The segment keeps the 200 ms it was first sent with.
  bench.acknowledge(21'000, {{2, 0}, {3, 0}}, 0);
  CHECK(bench.write_sns(21'000) == Sns{0});
  bench.sender.refresh(Instant::at_us(221'000), bench.rtt, bench.world.env.options);
  CHECK(bench.sender.next_resend() == Instant::at_us(221'000));
}

TEST_CASE("after fastack_limit transmissions only timeouts resend") {
  // rule: 4.A fast-resend-limit
  Options options = plain();
  options.resend = 1;
  options.dead_link = 255;
  options.snd_wnd = 64;
  for (const std::uint8_t limit : {std::uint8_t{5}, std::uint8_t{0}}) {
    options.fastack_limit = limit;
    Bench bench(options);
    bench.send_many(30);
    bench.write(0);
    int resent = 0;
    for (std::uint32_t sn = 1; sn < 30; ++sn) {
      bench.acknowledge(1'000, {{sn, 0}}, 0);
      resent += static_cast<int>(bench.write(1'000).size());
    }
    CHECK(resent == (limit == 5 ? 5 : 29));
  }
}

TEST_CASE("with fastack_conserve an ACK of an older transmission counts no skip") {
  // rule: 4.A fastack-conserve
  for (const bool conserve : {false, true}) {
    Options options = plain();
    options.resend = 2;
    options.fastack_conserve = conserve;
    Bench bench(options);
    bench.send_many(6);
    bench.write(0);
    bench.acknowledge(10'000, {{1, 0}}, 0);
    bench.acknowledge(10'000, {{2, 0}}, 0);
    REQUIRE(bench.write_sns(10'000) == Sns{0});
    // Answers to what was sent before the resend say nothing about the resend.
    bench.acknowledge(11'000, {{3, 0}}, 0);
    bench.acknowledge(11'000, {{4, 0}}, 0);
    CHECK(bench.write_sns(11'000) == (conserve ? Sns{} : Sns{0}));
  }
}

TEST_CASE("without resend skips do nothing") {
  Bench bench;
  bench.send_many(20);
  bench.write(0);
  for (std::uint32_t sn = 1; sn < 20; ++sn) bench.acknowledge(1'000, {{sn, 0}}, 0);
  CHECK(bench.write(1'000).empty());
}

TEST_CASE("losses reach the controller once, after the resends and what is new") {
  Options options = plain();
  options.no_congestion_window = false;
  Bench bench(options);
  bench.send_many(100);
  std::uint32_t una = 0;
  std::int64_t at = 0;
  while (bench.congestion.window() < 20) {
    // rule: 4.A window-bounds-sending
    const auto sent = bench.write(at);
    for (const Parsed& segment : sent) {
      ++una;
      bench.acknowledge(at, {{segment.header.sn.raw(), segment.header.stamp.raw()}}, una);
    }
    at += 1000;
    bench.send_many(static_cast<int>(sent.size()));
  }
  const std::uint32_t window = bench.congestion.window();
  REQUIRE(bench.write(at).size() == window);
  const std::int64_t late = at + 1'000'000;
  // The resends are spread over several small datagrams, and still count as one loss.
  std::size_t resent = 0;
  for (;;) {
    const auto part = bench.write(late, 3 * 25);
    if (part.empty()) break;
    resent += part.size();
  }
  CHECK(resent == window);
  CHECK(bench.congestion.window() == 1);
  CHECK(bench.congestion.ssthresh() == window / 2);
}

TEST_CASE("a scan that ran out of room goes on where it stopped") {
  Bench bench;
  bench.send_many(20);
  bench.write(0);
  Sns all;
  for (int i = 0; i < 20; ++i) {
    if (i == 5) bench.acknowledge(300'000, {{9, 0}, {10, 0}, {2, 0}}, 0);
    for (const std::uint32_t sn : bench.write_sns(300'000, 25)) all.push_back(sn);
  }
  CHECK(all == Sns{0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19});
  CHECK(bench.write(300'000).empty());
}

TEST_CASE("una may pass a scan that stands still") {
  Bench bench;
  bench.send_many(10);
  bench.write(0);
  CHECK(bench.write_sns(300'000, 2 * 25) == Sns{0, 1});
  bench.acknowledge(300'000, {}, 7);
  CHECK(bench.write_sns(300'000) == Sns{7, 8, 9});
  CHECK(bench.write_sns(300'000).empty());
}

TEST_CASE("the deadline is a lower bound that refresh makes exact") {
  Bench bench;
  bench.send_many(1);
  bench.write(0);
  bench.send_many(1);
  bench.write(100'000);
  bench.acknowledge(110'000, {{0, 0}}, 1);
  CHECK(bench.sender.next_resend() == Instant::at_us(225'000));
  bench.sender.refresh(Instant::at_us(225'000), bench.rtt, bench.world.env.options);
  CHECK(bench.sender.next_resend() == Instant::at_us(325'000));
  CHECK(bench.write(225'000).empty());
}

TEST_CASE("acknowledged runs are jumped over however they grew") {
  Options options = plain();
  options.resend = 3;
  options.snd_wnd = 2000;
  options.send_queue_segments_max = 2000;
  options.fastack_limit = 200;
  options.dead_link = 255;
  Bench bench(options);
  bench.acknowledge(0, {}, 0, 2000);
  bench.send_many(1000);
  while (!bench.write(0).empty()) {}
  REQUIRE(bench.sender.in_flight() == 1000);
  Rng rng(5);
  std::vector<bool> acked(1000, false);
  std::vector<int> skips(1000, 0);
  std::vector<int> resends(1000, 0);
  std::uint32_t una = 0;
  for (int step = 0; step < 20'000 && una < 1000; ++step) {
    const auto sn = static_cast<std::uint32_t>(una + rng.below(1000 - una));
    const bool fresh = !acked[sn];
    // Acknowledged by any remembered stamp; the first transmission always is.
    bench.acknowledge(1'000, {{sn, 0}}, 0, 2000);
    if (fresh) {
      acked[sn] = true;
      for (std::uint32_t i = una; i < sn; ++i) {
        if (!acked[i]) ++skips[i];
      }
    }
    while (una < 1000 && acked[una]) ++una;
    REQUIRE(bench.sender.una().raw() == una);
    // A model of the fast resends, segment by segment.
    Sns expected;
    for (std::uint32_t i = una; i < 1000; ++i) {
      if (acked[i] || skips[i] < 3 || resends[i] == 200) continue;
      expected.push_back(i);
      skips[i] = 0;
      ++resends[i];
    }
    Sns resent;
    for (;;) {
      const Sns part = bench.write_sns(1'000);
      if (part.empty()) break;
      resent.insert(resent.end(), part.begin(), part.end());
    }
    if (resent != expected)
      FAIL("step " << step << ": " << resent.size() << " resent, " << expected.size() << " expected");
  }
  CHECK(una == 1000);
}

TEST_CASE("a segment sent dead_link times in vain means a dead link") {
  // rule: 4.A dead-link
  Options options = plain();
  options.nodelay = 1;
  options.dead_link = 4;
  Bench bench(options);
  bench.send_many(1);
  for (int transmission = 1; transmission <= 4; ++transmission) {
    CHECK(!bench.sender.dead());
    const std::int64_t at = transmission == 1 ? 0 : bench.sender.next_resend().count_us();
    CHECK(bench.write_sns(at) == Sns{0});
  }
  CHECK(bench.sender.dead());
}
