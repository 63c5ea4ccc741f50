// Shows ack_delay_ms: an owed ACK waits for data to ride on, as long as it may, and leaves sooner where waiting gains nothing.
// How: one Session with a delay of 10 ms, and a peer that is a handful of hand-made datagrams.
#include <catch2/catch.hpp>

#include "proto/kcp/session_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

Options patient() {
  Options options = quick();
  options.ack_delay_ms = 10;
  return options;
}

struct Bench : SessionBench {
  explicit Bench(const Start& start = ours(), const WorldSize& size = {}) : SessionBench(patient(), start, size) {}
};

}  // namespace

TEST_CASE("an ACK that waits rides on the next data") {
  Bench bench;
  REQUIRE(bench.deliver(wire({push(0, "question", 0, 111)})) == Refusal::none);
  CHECK(receive_all(bench.session) == "question|");
  CHECK(bench.sent().empty());
  CHECK(bench.session.next_deadline() == at_ms(10));
  CHECK_FALSE(bench.session.idle());
  REQUIRE(bench.send("answer", 4) == SendResult::accepted);
  const auto datagrams = transmit_all(bench.world, bench.session, at_ms(4));
  REQUIRE(datagrams.size() == 1);
  const auto sent = parse(datagrams[0]);
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].header.command == Command::ack);
  CHECK(sent[0].header.stamp.raw() == 111);
  CHECK(sent[1].payload == "answer");
  CHECK(sent[1].header.una.raw() == 1);
  // The deadline left is the resend's; once that is acknowledged there is none.
  CHECK(bench.session.next_deadline() > at_ms(14));
  REQUIRE(bench.deliver(wire({ack(0, 4, 1)}), 5) == Refusal::none);
  CHECK(bench.session.next_deadline().is_never());
  CHECK(bench.session.idle());
}

TEST_CASE("without data every segment is acknowledged when the oldest ACK has waited its time") {
  Bench bench;
  REQUIRE(bench.deliver(wire({push(0, "a", 0, 1), push(1, "b", 0, 2)}), 0) == Refusal::none);
  REQUIRE(bench.deliver(wire({push(2, "c", 0, 3)}), 9) == Refusal::none);
  CHECK(bench.sent(9).empty());
  CHECK_FALSE(bench.session.wants_transmit(at_ms(9)));
  REQUIRE(bench.session.next_deadline() == at_ms(10));
  bench.session.on_timeout(at_ms(10));
  const auto sent = bench.sent(10);
  REQUIRE(sent.size() == 3);
  for (std::uint32_t i = 0; i < 3; ++i) {
    CHECK(sent[i].header.command == Command::ack);
    CHECK(sent[i].header.sn.raw() == i);
    CHECK(sent[i].header.una.raw() == 3);
  }
  CHECK(bench.session.next_deadline().is_never());
  // The next one waits as long again.
  REQUIRE(bench.deliver(wire({push(3, "d")}), 50) == Refusal::none);
  CHECK(bench.session.next_deadline() == at_ms(60));
  CHECK(bench.sent(50).empty());
}

TEST_CASE("ACKs that fill a datagram do not wait") {
  Bench bench;
  for (std::uint32_t sn = 0; sn < 57; ++sn) REQUIRE(bench.deliver(wire({push(sn, "x")})) == Refusal::none);
  CHECK(bench.sent().empty());
  REQUIRE(bench.deliver(wire({push(57, "x")})) == Refusal::none);
  const auto datagrams = transmit_all(bench.world, bench.session, at_ms(0));
  REQUIRE(datagrams.size() == 1);
  CHECK(datagrams[0].size() == 58 * 24);
  CHECK(bench.session.next_deadline().is_never());
}

TEST_CASE("an answer about the window does not wait, and takes the ACKs along") {
  Bench bench;
  REQUIRE(bench.deliver(wire({push(0, "x"), {.command = Command::wask}})) == Refusal::none);
  const auto sent = bench.sent();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].header.command == Command::ack);
  CHECK(sent[1].header.command == Command::wins);
  CHECK(bench.session.next_deadline().is_never());
}

TEST_CASE("a session that closes has nothing to wait for") {
  Bench bench;
  REQUIRE(bench.deliver(wire({push(0, "last")})) == Refusal::none);
  CHECK(receive_all(bench.session) == "last|");
  bench.session.close(CloseReason::service, at_ms(1));
  const auto sent = bench.sent(1);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].header.command == Command::ack);
  CHECK(closed_by(bench.session) == CloseReason::service);
}

TEST_CASE("toward a peer that has proven nothing the wait neither acknowledges nor keeps the timer busy") {
  Bench bench(theirs());
  REQUIRE(bench.deliver(wire({push(0, "q", 0, 7)})) == Refusal::none);
  CHECK(receive_all(bench.session) == "q|");
  REQUIRE(bench.send("a") == SendResult::accepted);
  REQUIRE(bench.sent(0, 48).size() == 1);
  REQUIRE(bench.session.next_deadline() == at_ms(10));
  bench.session.on_timeout(at_ms(10));
  CHECK(bench.sent(10, 48).empty());
  CHECK(bench.session.next_deadline().is_never());
  // Proven at last: the ACK has waited long enough.
  REQUIRE(bench.deliver(wire({ack(0, 0, 1)}), 30) == Refusal::none);
  REQUIRE(bench.session.proven());
  const auto sent = bench.sent(30);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].header.stamp.raw() == 7);
}

TEST_CASE("a send that waits for memory and an ACK that waits for data share the deadline and lose nothing") {
  WorldSize size;
  size.memory_bytes = BuddyMemory::smallest_bytes * 2;
  Bench bench(ours(), size);
  // The whole memory is taken away, so that the send ring cannot be made.
  std::vector<void*> taken;
  REQUIRE(bench.deliver(wire({push(0, "q")})) == Refusal::none);
  CHECK(receive_all(bench.session) == "q|");
  while (void* block = bench.world.memory.take(BuddyMemory::smallest_bytes)) taken.push_back(block);
  CHECK(bench.send("a", 4) == SendResult::full);
  CHECK(bench.session.next_deadline() == at_ms(10));
  bench.session.on_timeout(at_ms(10));
  const auto told = events(bench.session);
  REQUIRE(told.size() == 1);
  CHECK(told[0].kind == SessionEvent::Kind::writable);
  const auto sent = bench.sent(10);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].header.command == Command::ack);
  // Without an ACK the retry has the deadline to itself.
  CHECK(bench.send("a", 20) == SendResult::full);
  CHECK(bench.session.next_deadline() == at_ms(30));
  for (void* block : taken) bench.world.memory.give(block, BuddyMemory::smallest_bytes);
  REQUIRE(bench.deliver(wire({push(1, "r")}), 25) == Refusal::none);
  CHECK(bench.session.next_deadline() == at_ms(30));
  REQUIRE(bench.send("a", 26) == SendResult::accepted);
  CHECK(bench.sent(26).size() == 2);
}
