// Shows what a Sender takes, sends and lets go: windows, numbering, what an ACK must name, what una may claim, streams.
// How: a Sender alone, acknowledged by hand at chosen times.
#include "proto/kcp/sender.hpp"

#include <catch2/catch.hpp>

#include "proto/kcp/sender_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SenderBench;

TEST_CASE("segments are numbered from 0 and carry the stamp of their transmission") {
  // rule: 4.A sn-starts-at-0
  Bench bench;
  bench.send_many(2);
  const auto sent = bench.write(1'010'000);
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].header.sn.raw() == 0);
  CHECK(sent[1].header.sn.raw() == 1);
  CHECK(sent[0].header.stamp.raw() == 1010);
}

TEST_CASE("a datagram takes segments while they fit, and only those count as sent") {
  Bench bench;
  bench.send_many(5);
  CHECK(bench.write_sns(0, 2 * 25 + 24) == Sns{0, 1});
  CHECK(bench.sender.in_flight() == 2);
  CHECK(bench.sender.unsent() == 3);
  CHECK(bench.write_sns(0, 24) == Sns{});
  CHECK(bench.sender.in_flight() == 2);
  CHECK(bench.write_sns(0) == Sns{2, 3, 4});
}

TEST_CASE("the smallest of three windows bounds what is in flight") {
  // rule: 4.A window-min-of-three
  Options options = plain();
  options.snd_wnd = 10;
  Bench by_own(options);
  by_own.send_many(40);
  CHECK(by_own.write(0).size() == 10);
  CHECK(by_own.write(0).empty());

  Bench by_peer(options);
  by_peer.tell_window(128);
  by_peer.send_many(40);
  by_peer.write(0);
  by_peer.acknowledge(1000, {}, 2, 7);
  CHECK(by_peer.write(1000).empty());
  by_peer.acknowledge(1000, {}, 4, 7);
  CHECK(by_peer.write(1000).size() == 1);

  options.no_congestion_window = false;
  Bench by_congestion(options);
  by_congestion.send_many(40);
  CHECK(by_congestion.write(0).size() == 1);
  by_congestion.acknowledge(1000, {{0, 0}}, 1);
  CHECK(by_congestion.write(1000).size() == 2);
}

TEST_CASE("una frees everything before it") {
  // rule: 4.A una-frees
  Bench bench;
  bench.send_many(10);
  bench.write(0);
  bench.acknowledge(1000, {}, 7);
  CHECK(bench.sender.una().raw() == 7);
  CHECK(bench.sender.in_flight() == 3);
  CHECK(bench.sender.queued_bytes() == 3);
  bench.acknowledge(1000, {}, 3);
  CHECK(bench.sender.una().raw() == 7);
  bench.acknowledge(1000, {}, 10);
  CHECK(bench.sender.drained());
  CHECK(bench.world.memory.in_use_bytes() == 0);
  CHECK(bench.sender.next_resend().is_never());
}

TEST_CASE("only an una up to what was sent is plausible") {
  Bench bench;
  bench.send_many(10);
  bench.write(0, 5 * 25);
  CHECK(bench.sender.plausible(Seq32(0)));
  CHECK(bench.sender.plausible(Seq32(5)));
  CHECK(!bench.sender.plausible(Seq32(6)));
  CHECK(!bench.sender.plausible(Seq32(200)));
  CHECK(bench.sender.plausible(Seq32(0xffff'fff0)));
}

TEST_CASE("an ACK frees its segment, and the left edge jumps over acknowledged ones") {
  // rule: 4.A ack-frees-sn
  Bench bench;
  bench.send_many(5);
  bench.write(0);
  bench.acknowledge(1000, {{1, 0}, {2, 0}, {4, 0}}, 0);
  CHECK(bench.sender.una().raw() == 0);
  CHECK(bench.sender.queued_bytes() == 2);
  bench.acknowledge(1000, {{0, 0}}, 0);
  CHECK(bench.sender.una().raw() == 3);
  bench.acknowledge(1000, {{3, 0}}, 0);
  CHECK(bench.sender.drained());
}

TEST_CASE("an ACK outside what is in flight changes nothing") {
  // rule: 4.A ack-outside-ignored
  Bench bench;
  bench.send_many(5);
  bench.write(0, 3 * 25);
  bench.acknowledge(1000, {{3, 0}, {4, 0}, {100, 0}, {0x8000'0000, 0}, {0xffff'ffff, 0}}, 0);
  CHECK(bench.sender.in_flight() == 3);
  CHECK(bench.world.counters.acks_received == 0);
  bench.acknowledge(1000, {{0, 0}, {0, 0}}, 0);
  CHECK(bench.world.counters.acks_received == 1);
  // A second ACK for it, and the one long past.
  CHECK(bench.world.counters.acks_stale + bench.world.counters.acks_forged == 6);
}

TEST_CASE("an ACK counts only with the stamp of a transmission of that very segment") {
  Bench bench;
  bench.send_many(2);
  bench.write(0, 25);
  bench.write(50'000);
  for (const std::uint32_t ts : {1u, 49u, 50u, 51u, 0x8000'0000u, 0xffff'ffffu})
    bench.acknowledge(100'000, {{0, ts}}, 0);
  CHECK(bench.world.counters.acks_forged == 6);
  CHECK(bench.sender.in_flight() == 2);
  CHECK(bench.rtt.srtt_us() == 0);
  const AckRound round = bench.acknowledge(100'000, {{0, 0}}, 0);
  CHECK(round.acked.proven);
  CHECK(bench.sender.in_flight() == 1);
}

TEST_CASE("a round trip is measured in µs from the transmission that the ACK names") {
  // rule: 4.A ack-rtt-sample
  Bench bench;
  bench.send_many(1);
  bench.write(1'234);
  bench.write(400'777);
  bench.acknowledge(450'000, {{0, 1}}, 1);
  CHECK(bench.rtt.srtt_us() == 450'000 - 1'234);
  bench.send_many(1);
  bench.write(1'000'000);
  bench.write(3'000'900);
  bench.acknowledge(3'010'000, {{1, 3'000}}, 2);
  CHECK(bench.rtt.srtt_us() == (7 * 448'766 + 9'100) / 8);
  CHECK(bench.world.counters.rtt_us.count() == 2);
}

TEST_CASE("una alone proves nothing and measures nothing") {
  Bench bench;
  bench.send_many(3);
  bench.write(0);
  const AckRound round = bench.acknowledge(50'000, {}, 3);
  CHECK(round.acked.segments == 3);
  CHECK(!round.acked.proven);
  CHECK(bench.rtt.srtt_us() == 0);
}

TEST_CASE("the peer's window is taken from the newest una, and the larger of two equal ones") {
  // rule: 4.A window-on-every-segment
  Bench bench;
  bench.send_many(20);
  bench.write(0);
  bench.acknowledge(0, {}, 5, 60);
  CHECK(bench.sender.peer_window() == 60);
  bench.acknowledge(0, {}, 4, 0);  // an old datagram, reordered
  CHECK(bench.sender.peer_window() == 60);
  bench.acknowledge(0, {}, 5, 55);
  CHECK(bench.sender.peer_window() == 60);
  CHECK(bench.world.counters.windows_stale == 1);
  bench.acknowledge(0, {}, 9, 0);
  CHECK(bench.sender.peer_window() == 0);
  bench.acknowledge(0, {}, 9, 12);  // the WINS that reopens
  CHECK(bench.sender.peer_window() == 12);
}

TEST_CASE("the first window told replaces the assumed 128, be it smaller") {
  World world(plain());
  Sender sender(Seq32(), plain());
  CHECK(sender.peer_window() == 128);
  AckRound round = sender.begin_round();
  sender.on_window(round, Seq32(0), 32, world.env);
  CHECK(sender.peer_window() == 32);
}

TEST_CASE("a message longer than 255 fragments, or than the peer can hold, can never be sent") {
  // rule: 4.A fragments-limit
  Options options = plain();
  options.mtu = 50;
  Bench bench(options);
  bench.acknowledge(0, {}, 0, 300);
  CHECK(bench.send(std::string(26 * 255, 'a')) == SendResult::accepted);
  CHECK(bench.send(std::string(26 * 255 + 1, 'a')) == SendResult::too_large);
  Bench small(options);
  CHECK(small.send(std::string(26 * 128, 'a')) == SendResult::accepted);
  CHECK(small.send(std::string(26 * 128 + 1, 'a')) == SendResult::too_large);
}

TEST_CASE("send takes all or nothing, and tells when there is room again") {
  Bench bench;
  bench.send_many(200);
  const std::string message(60 * 1376, 'm');
  CHECK(bench.send(message, 6 * 1376) == SendResult::full);
  CHECK(bench.sender.unsent() == 200);
  CHECK(bench.sender.wants_room());
  CHECK(!bench.sender.take_room_again(bench.world.env.options));
  bench.write(0, 25 * 4);
  CHECK(bench.sender.take_room_again(bench.world.env.options));
  CHECK(!bench.sender.take_room_again(bench.world.env.options));
  CHECK(bench.send(message, 6 * 1376) == SendResult::accepted);
  CHECK(bench.sender.unsent() == 256);
  CHECK(bench.world.counters.sends_full == 1);
}

TEST_CASE("send without memory changes nothing") {
  Options options = plain();
  Bench bench(options);
  std::vector<void*> taken;
  while (void* block = bench.world.memory.take(256)) taken.push_back(block);
  CHECK(bench.send("message") == SendResult::full);
  CHECK(!bench.sender.wants_room());
  CHECK(bench.sender.drained());
  CHECK(bench.world.counters.sends_no_memory == 1);
  for (void* block : taken) bench.world.memory.give(block, 256);
  CHECK(bench.send("message") == SendResult::accepted);
}

TEST_CASE("small writes of a stream share a segment that was not sent yet") {
  // rule: 4.A stream-appends
  Options options = plain();
  options.stream = true;
  Bench bench(options);
  REQUIRE(bench.send("first") == SendResult::accepted);
  REQUIRE(bench.write(0).at(0).payload == "first");
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string part(static_cast<std::size_t>(1 + i % 17), static_cast<char>('a' + i % 26));
    REQUIRE(bench.send(part) == SendResult::accepted);
    expected += part;
  }
  CHECK(bench.sender.unsent() == 2);
  std::string sent;
  for (int i = 0; i < 10; ++i) {
    for (const Parsed& segment : bench.write(1'000)) sent += segment.payload;
  }
  CHECK(sent == expected);
  CHECK(bench.sender.queued_bytes() == 5 + expected.size());
  CHECK(bench.world.counters.messages_sent == 201);
}

TEST_CASE("message mode never joins two messages") {
  Bench bench;
  bench.send_many(5);
  CHECK(bench.sender.unsent() == 5);
}

TEST_CASE("an empty stream write is nothing, an empty message is a segment") {
  Options options = plain();
  options.stream = true;
  Bench stream(options);
  CHECK(stream.send("") == SendResult::accepted);
  CHECK(stream.sender.drained());
  Bench message;
  CHECK(message.send("") == SendResult::accepted);
  CHECK(message.write_sns(0) == Sns{0});
}

TEST_CASE("sequence numbers wrap without a trace") {
  // rule: 4.A serial-compare
  Options options = plain();
  options.resend = 2;
  Bench bench(options, Seq32(0xffff'fffc));
  bench.send_many(10);
  CHECK(bench.write_sns(0) == Sns{0xffff'fffc, 0xffff'fffd, 0xffff'fffe, 0xffff'ffff, 0, 1, 2, 3, 4, 5});
  bench.acknowledge(1'000, {{0xffff'ffff, 0}}, 0xffff'fffc);
  bench.acknowledge(1'000, {{0, 0}}, 0xffff'fffc);
  CHECK(bench.write_sns(1'000) == Sns{0xffff'fffc, 0xffff'fffd, 0xffff'fffe});
  bench.acknowledge(1'000, {}, 3);
  CHECK(bench.sender.in_flight() == 3);
}
