// Shows what later arrivals show to be lost, what merely came late, probes, timeouts, needless repetitions.
// How: a Sender alone, acknowledged by hand.
#include <catch2/catch.hpp>

#include "proto/kcp/by_time_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SenderBench;

TEST_CASE("by time: a segment is lost once three later ones arrived") {
  Bench bench(by_time());
  warm_up(bench, 5);
  bench.send_many(6);
  REQUIRE(bench.write_sns(100'000) == Sns{1, 2, 3, 4, 5});
  bench.acknowledge(120'000, {{2, 100}, {3, 100}}, 1);
  CHECK(due(bench, 120'000).empty());
  bench.acknowledge(120'100, {{4, 100}}, 1);
  CHECK(due(bench, 120'100) == Sns{1});
  CHECK(bench.world.counters.retransmit_fast == 1);
  CHECK(bench.world.counters.retransmit_timeout == 0);
}

TEST_CASE("by time: fewer arrivals show it a quarter of a round trip later") {
  Bench bench(by_time());
  warm_up(bench, 2);
  bench.send_many(3);
  REQUIRE(bench.write_sns(100'000) == Sns{1, 2});
  bench.acknowledge(120'000, {{2, 100}}, 1);
  CHECK(bench.sender.next_resend() == Instant::at_us(125'000));
  CHECK(due(bench, 124'999).empty());
  CHECK(due(bench, 125'000) == Sns{1});
}

TEST_CASE("by time: a repetition that was lost as well is found by what was sent after it") {
  Bench bench(by_time());
  warm_up(bench, 8);
  bench.send_many(9);
  REQUIRE(bench.write_sns(100'000).size() == 8);
  bench.acknowledge(120'000, {{2, 100}, {3, 100}, {4, 100}}, 1);
  REQUIRE(due(bench, 120'000) == Sns{1});
  bench.let_out(4);
  REQUIRE(bench.write_sns(121'000) == Sns{9, 10, 11, 12});
  bench.acknowledge(125'000, {{5, 100}, {6, 100}, {7, 100}, {8, 100}}, 1);
  CHECK(due(bench, 125'000).empty());  // they left before the repetition
  bench.acknowledge(141'000, {{9, 121}}, 1);
  CHECK(due(bench, 141'000) == Sns{1});
  CHECK(bench.world.counters.retransmit_fast == 2);
  CHECK(bench.world.counters.retransmit_spurious == 0);
}

TEST_CASE("by time: una shows what is lost as an ACK does") {
  Bench bench(by_time());
  warm_up(bench, 6);
  bench.send_many(7);
  REQUIRE(bench.write_sns(100'000).size() == 6);
  bench.acknowledge(120'000, {{6, 100}}, 4);  // 1, 2 and 3 by una alone
  CHECK(bench.sender.next_resend() == Instant::at_us(125'000));
  CHECK(due(bench, 125'000) == Sns{4, 5, 7});
}

TEST_CASE("by time: a tail that is lost is asked about by its oldest segment") {
  Bench bench(by_time());
  warm_up(bench);
  bench.send_many(3);
  REQUIRE(bench.write_sns(100'000) == Sns{1, 2, 3});
  const Instant probe = bench.sender.next_resend();
  CHECK(probe == Instant::at_us(100'000 + bench.rtt.rto_us()));
  CHECK(due(bench, probe.count_us() - 1).empty());
  REQUIRE(due(bench, probe.count_us()) == Sns{1});
  CHECK(bench.world.counters.retransmit_timeout == 1);
  // Its arrival shows that what was sent before it is lost.
  const auto probe_ms = static_cast<std::uint32_t>(probe.count_ms());
  bench.acknowledge(probe.count_us() + 20'000, {{1, probe_ms}}, 2);
  CHECK(due(bench, probe.count_us() + 25'000) == Sns{2, 3});
}

TEST_CASE("by time: a probe that is owed is not sent once something was heard") {
  Bench bench(by_time());
  warm_up(bench);
  bench.send_many(2);
  REQUIRE(bench.write_sns(100'000, header_bytes + 1) == Sns{1});
  const std::int64_t us = bench.sender.next_resend().count_us();
  bench.sender.refresh(Instant::at_us(us), bench.rtt, bench.world.env.options);
  bench.acknowledge(us, {{1, 100}}, 2);
  // What follows is new, and counts as sent.
  CHECK(bench.write_sns(us) == Sns{2});
  CHECK(bench.sender.next() == Seq32(3));
  CHECK(bench.world.counters.retransmit_timeout == 0);
}

TEST_CASE("by time: while receipts come in nothing is asked, be the way ever so long now") {
  Bench bench(by_time());
  // A path so even that the timeout is short.
  for (std::uint32_t sn = 0; sn < 10; ++sn) {
    const std::int64_t us = 20'000 * sn;
    bench.send_many(1);
    REQUIRE(bench.write_sns(us) == Sns{sn});
    bench.acknowledge(us + 20'000, {{sn, 20 * sn}}, sn + 1);
  }
  REQUIRE(bench.rtt.rto_us() < 35'000);
  bench.send_many(30);
  std::size_t sent = 0;
  for (std::size_t more = 1; more > 0; sent += more) more = bench.write_sns(300'000).size();
  REQUIRE(sent == 30);
  // A queue has formed: the receipts come one each 10 ms.
  for (std::uint32_t sn = 10; sn < 40; ++sn) {
    const std::int64_t us = 320'000 + 10'000 * (sn - 9);
    bench.acknowledge(us, {{sn, 300}}, sn + 1);
    CHECK(due(bench, us).empty());
    CHECK(due(bench, us + 9'999).empty());
  }
  CHECK(bench.world.counters.retransmit_timeout == 0);
}

TEST_CASE("by time: silence after two probes gives up all that is out, and only then the window") {
  Bench bench(by_time(congestion::Kind::newreno));
  warm_up(bench, 8);
  bench.send_many(9);
  REQUIRE(bench.write_sns(100'000).size() > 0);
  std::int64_t us = 100'000;
  Sns all;
  for (int i = 0; i < 3; ++i) {
    us = bench.sender.next_resend().count_us();
    const Sns sent = due(bench, us);
    INFO("timer " << i);
    REQUIRE(!sent.empty());
    CHECK(sent[0] == 1);
    CHECK((sent.size() == 1) == (i < 2));
  }
  CHECK(bench.world.counters.retransmit_timeout == 3);
}

TEST_CASE("by time: a segment that comes late after all is known to have been repeated for nothing") {
  Bench bench(by_time());
  warm_up(bench);
  bench.send_many(5);
  REQUIRE(bench.write_sns(100'000).size() == 5);
  bench.acknowledge(120'000, {{2, 100}, {3, 100}, {4, 100}}, 1);
  REQUIRE(due(bench, 120'000) == Sns{1});
  bench.acknowledge(121'000, {{1, 100}}, 5);  // the first copy
  CHECK(bench.world.counters.retransmit_spurious == 1);
  bench.acknowledge(140'000, {{1, 120}, {5, 100}}, 6);  // the second one
  CHECK(bench.world.counters.retransmit_spurious == 1);
  CHECK(bench.world.counters.acks_stale == 1);
  // From now on three arrivals are no proof: segments overtake each other here.
  bench.send_many(5);
  REQUIRE(bench.write_sns(200'000).size() == 5);
  bench.acknowledge(220'000, {{7, 200}, {8, 200}, {9, 200}, {10, 200}}, 6);
  CHECK(due(bench, 220'000).empty());
  CHECK(due(bench, 225'000) == Sns{6});
}

TEST_CASE("by time: a needless probe is counted, and no sign that segments overtake each other") {
  Bench bench(by_time());
  warm_up(bench);
  bench.send_many(1);
  REQUIRE(bench.write_sns(100'000) == Sns{1});
  const std::int64_t probe_us = bench.sender.next_resend().count_us();
  REQUIRE(due(bench, probe_us) == Sns{1});
  bench.acknowledge(probe_us + 100, {{1, 100}}, 2);  // the first copy was late
  CHECK(bench.world.counters.retransmit_spurious == 1);
  bench.send_many(5);
  REQUIRE(bench.write_sns(300'000).size() == 5);
  bench.acknowledge(320'000, {{3, 300}, {4, 300}, {5, 300}}, 2);
  CHECK(due(bench, 320'000) == Sns{2});
}
