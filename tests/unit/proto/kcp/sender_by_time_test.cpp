// Shows what recovery by time sends and when: spares, windows and paces, memory.
// How: a Sender alone, acknowledged by hand. What is taken for lost: flight_loss_test.cpp.
#include <catch2/catch.hpp>

#include "proto/kcp/by_time_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SenderBench;

TEST_CASE("by time: what was lost twice leaves in two copies, each in a datagram of its own") {
  Bench bench(by_time());
  warm_up(bench, 8);
  bench.send_many(9);
  REQUIRE(bench.write_sns(100'000).size() == 8);
  bench.acknowledge(120'000, {{2, 100}, {3, 100}, {4, 100}}, 1);
  REQUIRE(due(bench, 120'000) == Sns{1});
  bench.let_out(3);
  REQUIRE(bench.write_sns(121'000) == Sns{9, 10, 11});
  bench.acknowledge(125'000, {{5, 100}, {6, 100}, {7, 100}, {8, 100}}, 1);
  bench.acknowledge(141'000, {{9, 121}, {10, 121}, {11, 121}}, 1);
  CHECK(due(bench, 141'000) == Sns{1});
  CHECK(bench.write_sns(141'300) == Sns{1});
  CHECK(bench.write_sns(141'600).empty());
  CHECK(bench.world.counters.retransmit_spare == 1);
  // Both arrive. The spare was not needless for having been late.
  bench.acknowledge(161'000, {{1, 141}}, 2);
  bench.acknowledge(161'300, {{1, 141}}, 2);
  CHECK(bench.world.counters.retransmit_spurious == 0);
  CHECK(bench.world.counters.acks_stale == 1);
}

TEST_CASE("by time: a spare that is alone to be sent does not share a datagram with its twin") {
  Bench bench(by_time());
  warm_up(bench, 8);
  bench.send_many(9);
  REQUIRE(bench.write_sns(100'000).size() == 8);
  bench.acknowledge(120'000, {{2, 100}, {3, 100}, {4, 100}}, 1);
  REQUIRE(due(bench, 120'000) == Sns{1});
  bench.let_out(3);
  REQUIRE(bench.write_sns(121'000) == Sns{9, 10, 11});
  bench.acknowledge(125'000, {{5, 100}, {6, 100}, {7, 100}, {8, 100}}, 1);
  bench.acknowledge(141'000, {{9, 121}, {10, 121}, {11, 121}}, 1);
  bench.let_out(1);
  CHECK(due(bench, 141'000) == Sns{1});
  // … though it leaves in the same microsecond, with what is new.
  CHECK(bench.write_sns(141'000) == Sns{1, 12});
}

TEST_CASE("by time: a flow whose window is shut by what is missing waits for numbers, and repeats that once") {
  Bench bench(by_time(congestion::Kind::newreno));
  warm_up(bench, 8);
  bench.send_many(9);
  REQUIRE(bench.write_sns(100'000).size() == 8);
  REQUIRE(bench.write_sns(100'100).empty());
  bench.acknowledge(120'000, {{2, 100}, {3, 100}, {4, 100}, {5, 100}, {6, 100}, {7, 100}, {8, 100}}, 1);
  CHECK(due(bench, 120'000) == Sns{1});
  for (std::int64_t us = 120'500; us < 135'000; us += 500) CHECK(due(bench, us).empty());
}

TEST_CASE("by time: without a bound five eighths of the numbers stay free, to go on while something is repeated") {
  Options options = by_time();
  options.snd_wnd = 600;
  options.send_queue_segments_max = 1024;
  Bench bench(options);
  bench.tell_window(1000);
  bench.send_many(700);
  std::size_t sent = 0;
  for (std::size_t more = 1; more > 0; sent += more) more = bench.write_sns(0).size();
  CHECK(sent == 225);
}

TEST_CASE("by time: an ACK that names no copy proves nothing") {
  Bench bench(by_time());
  warm_up(bench);
  bench.send_many(2);
  REQUIRE(bench.write_sns(100'000) == Sns{1, 2});
  bench.acknowledge(120'000, {{1, 99}, {2, 101}, {7, 100}}, 1);
  CHECK(bench.world.counters.acks_forged == 3);
  CHECK(bench.sender.in_flight() == 2);
}

TEST_CASE("by time: a peer's window bounds what is new, and not what is repeated") {
  Bench bench(by_time());
  bench.send_many(1);
  REQUIRE(bench.write_sns(0) == Sns{0});
  bench.acknowledge(20'000, {{0, 0}}, 1, 4);
  bench.send_many(9);
  REQUIRE(bench.write_sns(100'000) == Sns{1, 2, 3, 4});
  bench.acknowledge(120'000, {{2, 100}, {3, 100}, {4, 100}}, 1, 0);
  CHECK(due(bench, 120'000) == Sns{1});
}

TEST_CASE("by time: the controller's window bounds new and repeated alike, and paces them") {
  Bench bench(by_time(congestion::Kind::newreno));
  warm_up(bench);
  for (int i = 0; i < 100; ++i) REQUIRE(bench.send(std::string(1376, 'x')) == SendResult::accepted);
  std::uint32_t sent = 0;
  for (std::int64_t us = 100'000; us < 119'000; us += 128) {
    const auto now = due(bench, us).size();
    CHECK(now <= 2);
    sent += static_cast<std::uint32_t>(now);
    sent += static_cast<std::uint32_t>(bench.write_sns(us).size());
  }
  CHECK(sent >= 10);
  CHECK(sent <= 12);
}

TEST_CASE("by time: what drains gives its memory back and remembers the window") {
  Bench bench(by_time(congestion::Kind::newreno));
  const std::size_t idle = bench.world.memory.in_use_bytes();
  warm_up(bench);
  CHECK(bench.sender.drained());
  CHECK(bench.world.memory.in_use_bytes() == idle);
  CHECK(bench.sender.next_resend().is_never());
}

TEST_CASE("by time: without memory for a flight nothing is taken") {
  Bench bench(by_time());
  std::vector<void*> taken;
  while (void* block = bench.world.memory.take(512)) taken.push_back(block);
  CHECK(bench.send("x") == SendResult::full);
  CHECK(bench.world.counters.sends_no_memory == 1);
  for (void* block : taken) bench.world.memory.give(block, 512);
  CHECK(bench.send("x") == SendResult::accepted);
}

TEST_CASE(
    "by time: copies that a full queue swallows one round trip after another are no dead link, if it does not last") {
  Options options = by_time();
  options.dead_link = 4;
  Bench bench(options);
  warm_up(bench, 1);
  bench.send_many(3);
  std::int64_t us = 100'000;
  REQUIRE(bench.write_sns(us) == Sns{1});
  for (; us < 2'099'000; us += 1000) {
    due(bench, us);
    if (us % 10'000 == 0) bench.tell_window(1);
  }
  CHECK(bench.sender.retransmissions() > 4);
  CHECK_FALSE(bench.sender.dead());
  for (; us < 20'000'000 && !bench.sender.dead(); us += 1000) due(bench, us);
  CHECK(bench.sender.dead());
}
