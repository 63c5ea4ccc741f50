// Shows the machine on the wire: the published vectors byte for byte, what is answered by what and in which order, windows,
// and that an idle session costs nothing.
// How: one Session, and a peer that is a handful of hand-made datagrams.
#include "proto/kcp/session.hpp"

#include <catch2/catch.hpp>

#include "proto/kcp/session_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SessionBench;

TEST_CASE("the published vectors come out byte for byte") {
  Options options;
  options.no_congestion_window = true;
  Bench sender(options, ours());
  REQUIRE(sender.send("hi", 1010) == SendResult::accepted);
  const auto first = transmit_all(sender.world, sender.session, at_ms(1010));
  REQUIRE(first.size() == 1);
  CHECK(first[0] == hex("44332211 51 00 8000 f2030000 00000000 00000000 02000000 6869"));

  REQUIRE(sender.send(std::string(3000, 'z'), 1010) == SendResult::accepted);
  const auto message = transmit_all(sender.world, sender.session, at_ms(1010));
  REQUIRE(message.size() == 3);
  CHECK(message[0].size() == 1400);
  CHECK(message[1].size() == 1400);
  CHECK(message[2].size() == 272);
  const std::uint32_t lengths[] = {1376, 1376, 248};
  for (std::uint32_t i = 0; i < 3; ++i) {
    const Header header = parse(message[i]).at(0).header;
    CHECK(header.fragment == 2 - i);
    CHECK(header.length == lengths[i]);
    CHECK(header.sn.raw() == i + 1);
  }

  Bench receiver(options, ours());
  CHECK(receiver.deliver(first[0]) == Refusal::none);
  for (const Bytes& datagram : message) CHECK(receiver.deliver(datagram) == Refusal::none);
  const auto reply = transmit_all(receiver.world, receiver.session, at_ms(0));
  REQUIRE(reply.size() == 1);
  CHECK(reply[0].size() == 96);
  // rule: 4.A ack-carries-wnd-una
  for (std::uint32_t i = 0; i < 4; ++i) {
    const Header header = parse(reply[0]).at(i).header;
    CHECK(header.command == Command::ack);
    CHECK(header.window == 0x7c);
    CHECK(header.una.raw() == 4);
    CHECK(header.sn.raw() == i);
    CHECK(header.stamp.raw() == 1010);
  }
  CHECK(receive_all(receiver.session) == "hi|" + std::string(3000, 'z') + "|");
}

TEST_CASE("a padded WASK is answered by a WINS of 24 bytes") {
  // rule: 4.A wask-answered-by-wins
  Bench bench;
  const Wire padded{.command = Command::wask, .payload = std::string(1376, 'p')};
  CHECK(bench.deliver(wire({padded})) == Refusal::none);
  CHECK(bench.deliver(wire({padded})) == Refusal::none);
  const auto reply = transmit_all(bench.world, bench.session, at_ms(0));
  REQUIRE(reply.size() == 1);
  CHECK(reply[0] == hex("44332211 54 00 8000 00000000 00000000 00000000 00000000"));
  CHECK(bench.world.counters.probes_received == 2);
}

TEST_CASE("a PUSH received before is acknowledged again and not delivered") {
  // rule: 4.A push-duplicate-acked
  Bench bench;
  REQUIRE(bench.deliver(wire({push(0, "hi", 0, 1010)})) == Refusal::none);
  CHECK(receive_all(bench.session) == "hi|");
  bench.sent();
  REQUIRE(bench.deliver(wire({push(0, "xx", 0, 333)})) == Refusal::none);
  CHECK(receive_all(bench.session).empty());
  const auto reply = transmit_all(bench.world, bench.session, at_ms(0));
  REQUIRE(reply.size() == 1);
  CHECK(reply[0] == hex("44332211 52 00 8000 4d010000 00000000 01000000 00000000"));
  CHECK(bench.world.counters.duplicates == 1);
}

TEST_CASE("a zero-length PUSH in the past is acknowledged with its sn and ts: the hidden challenge of KCP") {
  Bench bench;
  for (const std::uint32_t sn : {0xffff'ffffu, 0xc0ff'ee01u}) {
    REQUIRE(bench.deliver(wire({push(sn, "", 0, 0xdead'be01)})) == Refusal::none);
    const auto reply = bench.sent();
    REQUIRE(reply.size() == 1);
    CHECK(reply[0].header.command == Command::ack);
    CHECK(reply[0].header.sn.raw() == sn);
    CHECK(reply[0].header.stamp.raw() == 0xdead'be01);
    CHECK(reply[0].header.una.raw() == 0);
  }
  CHECK(bench.deliver(wire({push(0x8000'0001, "")})) == Refusal::beyond_window);
  CHECK(bench.sent().empty());
}

TEST_CASE("each PUSH is owed one ACK, 58 in a datagram of 1400 bytes") {
  // rule: 4.A push-ack-owed
  // rule: 4.A acks-per-datagram
  Bench bench;
  for (std::uint32_t sn = 0; sn < 100; ++sn) REQUIRE(bench.deliver(wire({push(sn, "x", 0, sn * 10)})) == Refusal::none);
  const auto reply = transmit_all(bench.world, bench.session, at_ms(0));
  REQUIRE(reply.size() == 2);
  CHECK(reply[0].size() == 58 * 24);
  CHECK(reply[1].size() == 42 * 24);
  const auto acks = parse(reply);
  for (std::uint32_t sn = 0; sn < 100; ++sn) {
    CHECK(acks[sn].header.sn.raw() == sn);
    CHECK(acks[sn].header.stamp.raw() == sn * 10);
  }
  CHECK(bench.world.counters.acks_sent == 100);
}

TEST_CASE("a datagram is written in the order ACK, WASK, WINS, PUSH") {
  // rule: 4.A flush-order
  Bench bench;
  REQUIRE(bench.send("early") == SendResult::accepted);
  bench.sent();
  REQUIRE(bench.deliver(wire({ack(0, 0, 1, 0)})) == Refusal::none);
  REQUIRE(bench.send("waits") == SendResult::accepted);
  CHECK(bench.sent().empty());
  CHECK(bench.session.next_deadline() == at_ms(7'000));
  bench.session.on_timeout(at_ms(7'000));
  // All at once: a segment to acknowledge, a question to answer, and a WASK of our own.
  REQUIRE(bench.deliver(wire({{.command = Command::push, .sn = 0, .una = 1, .wnd = 0, .payload = "p"},
                              {.command = Command::wask, .una = 1, .wnd = 0}}),
                        7'000) == Refusal::none);
  auto sent = bench.sent(7'000);
  REQUIRE(sent.size() == 3);
  CHECK(sent[0].header.command == Command::ack);
  CHECK(sent[1].header.command == Command::wask);
  CHECK(sent[2].header.command == Command::wins);
  REQUIRE(bench.deliver(wire({{.command = Command::push, .sn = 1, .una = 1, .payload = "q"},
                              {.command = Command::wask, .una = 1}}),
                        7'001) == Refusal::none);
  sent = bench.sent(7'001);
  REQUIRE(sent.size() == 3);
  CHECK(sent[0].header.command == Command::ack);
  CHECK(sent[1].header.command == Command::wins);
  CHECK(sent[2].header.command == Command::push);
  CHECK(sent[2].payload == "waits");
}

TEST_CASE("an ACK below una is never needed: una alone lets go, as kcp-go acknowledges") {
  // rule: 4.A kcp-go-una-is-the-ack
  Bench bench;
  for (int i = 0; i < 20; ++i) REQUIRE(bench.send("x") == SendResult::accepted);
  const auto sent = bench.sent(5);
  REQUIRE(sent.size() == 20);
  // Only the last ACK of the list is left, with una for all.
  CHECK(bench.deliver(wire({ack(19, 5, 20)}), 25) == Refusal::none);
  CHECK(bench.session.idle());
  CHECK(bench.session.stats().srtt_us == 20'000);
}

TEST_CASE("WINS brings its window and una and nothing else") {
  // rule: 4.A wins-common-fields
  Bench bench;
  for (int i = 0; i < 5; ++i) REQUIRE(bench.send("x") == SendResult::accepted);
  bench.sent();
  CHECK(bench.deliver(wire({{.command = Command::wins, .una = 3, .wnd = 77}})) == Refusal::none);
  CHECK(bench.session.stats().in_flight == 2);
  CHECK(bench.session.stats().peer_window == 77);
  CHECK(bench.sent().empty());
}

TEST_CASE("an idle session arms nothing and holds nothing") {
  Bench bench;
  CHECK(bench.session.idle());
  CHECK(bench.session.next_deadline().is_never());
  CHECK(!bench.session.wants_transmit(at_ms(0)));
  REQUIRE(bench.send("x") == SendResult::accepted);
  bench.sent();
  CHECK(!bench.session.next_deadline().is_never());
  REQUIRE(bench.deliver(wire({ack(0, 0, 1), push(0, "y")}), 10) == Refusal::none);
  CHECK(receive_all(bench.session) == "y|");
  bench.sent(10);
  CHECK(bench.session.idle());
  CHECK(bench.session.next_deadline().is_never());
  CHECK(!bench.session.holds_undelivered());
  bench.world.check_whole();
}

TEST_CASE("the stamp on the wire begins at a secret that differs between sessions") {
  World world(quick());
  Session a(world.env, 1, Instant());
  Session b(world.env, 1, Instant());
  std::vector<std::uint32_t> stamps;
  for (Session* session : {&a, &b}) {
    REQUIRE(send(world, *session, "x", at_ms(5)) == SendResult::accepted);
    stamps.push_back(parse(*transmit(world, *session, at_ms(5))).at(0).header.stamp.raw());
  }
  CHECK(stamps[0] != stamps[1]);
  CHECK(stamps[0] != 5);
}

TEST_CASE("the ACK list is bounded under a flood of resends, and una still tells all") {
  Bench bench;
  REQUIRE(bench.deliver(wire({push(0, "x")})) == Refusal::none);
  for (std::uint32_t ts = 1; ts <= 100'000; ++ts) REQUIRE(bench.deliver(wire({push(0, "", 0, ts)})) == Refusal::none);
  CHECK(bench.world.memory.in_use_bytes() <= 4096 + 256);
  const auto reply = bench.sent();
  CHECK(reply.size() == AckList::entries_max);
  CHECK(reply.back().header.una.raw() == 1);
  CHECK(bench.world.counters.acks_left_out == 100'001 - AckList::entries_max);
}

TEST_CASE("payload is linked, not copied, above the copy break") {
  Bench bench;
  const std::string text(1000, 'L');
  REQUIRE(bench.send(text) == SendResult::accepted);
  Block* head = bench.world.pool.allocate();
  OutDatagram out(head, 128, 1400, 512);
  REQUIRE(bench.session.poll_transmit(out, at_ms(0)));
  CHECK(out.head().size() == 24);
  CHECK(out.link().length() == 1000);
  CHECK(flat(out).size() == 1024);
}
TEST_CASE("a shut window stops what is new, is asked about, and opens by the answer") {
  Bench bench;
  REQUIRE(bench.send("a") == SendResult::accepted);
  bench.sent();
  REQUIRE(bench.deliver(wire({ack(0, 0, 1, 0)}), 10) == Refusal::none);
  REQUIRE(bench.send("b", 10) == SendResult::accepted);
  CHECK(bench.sent(10).empty());
  CHECK(bench.session.next_deadline() == at_ms(7'010));
  bench.session.on_timeout(at_ms(7'010));
  const auto question = bench.sent(7'010);
  REQUIRE(question.size() == 1);
  CHECK(question[0].header.command == Command::wask);
  REQUIRE(bench.deliver(wire({{.command = Command::wins, .una = 1, .wnd = 5}}), 7'020) == Refusal::none);
  CHECK(bench.sent(7'020).size() == 1);
  CHECK(bench.world.counters.probes_sent == 1);
}

TEST_CASE("a reordered old datagram does not shut the window") {
  Bench bench;
  for (int i = 0; i < 4; ++i) REQUIRE(bench.send("x") == SendResult::accepted);
  bench.sent();
  REQUIRE(bench.deliver(wire({ack(1, 0, 2, 100)})) == Refusal::none);
  REQUIRE(bench.deliver(wire({ack(0, 0, 1, 0)})) == Refusal::none);
  CHECK(bench.session.stats().peer_window == 100);
}

TEST_CASE("a service that opens a window that was shut volunteers a WINS") {
  // rule: 4.A window-reopened-wins
  Bench bench;
  for (std::uint32_t sn = 0; sn < 128; ++sn) REQUIRE(bench.deliver(wire({push(sn, "x")})) == Refusal::none);
  for (const Parsed& segment : bench.sent()) CHECK(segment.header.window == 0);
  CHECK(bench.deliver(wire({push(128, "x")})) == Refusal::beyond_window);
  receive_all(bench.session);
  const auto update = bench.sent();
  REQUIRE(update.size() == 1);
  CHECK(update[0].header.command == Command::wins);
  CHECK(update[0].header.window == 128);
  CHECK(update[0].header.una.raw() == 128);
}

TEST_CASE("with recovery by time the window is told once half of it is free, and no crumbs before") {
  Options options = quick();
  options.recovery = Recovery::rack;
  Bench bench(options);
  std::uint32_t sn = 0;
  const auto fill = [&](std::uint32_t count) {
    for (; count > 0; --count) REQUIRE(bench.deliver(wire({push(sn++, "x")})) == Refusal::none);
    bench.sent();
  };
  const auto take = [&](int count) {
    for (; count > 0; --count) REQUIRE(bench.session.poll_receive());
    return bench.sent();
  };
  fill(128);
  CHECK(take(63).empty());
  auto update = take(1);
  REQUIRE(update.size() == 1);
  CHECK(update[0].header.command == Command::wins);
  CHECK(update[0].header.window == 64);
  CHECK(take(64).empty());
  // A window that was small and not shut is told of as well; one that was never below half is not.
  fill(100);
  CHECK(take(35).empty());
  update = take(1);
  REQUIRE(update.size() == 1);
  CHECK(update[0].header.window == 64);
  take(64);
  fill(60);
  CHECK(take(60).empty());
}

TEST_CASE("writable follows a full queue once there is room") {
  Bench bench;
  bench.deliver(wire({{.command = Command::wins, .wnd = 1}}));
  for (int i = 0; i < 256; ++i) REQUIRE(bench.send("x") == SendResult::accepted);
  CHECK(bench.send("y") == SendResult::full);
  CHECK(events(bench.session).empty());
  bench.sent();
  const auto all = events(bench.session);
  REQUIRE(all.size() == 1);
  CHECK(all[0].kind == SessionEvent::Kind::writable);
  CHECK(bench.send("y") == SendResult::accepted);
}

TEST_CASE("a send refused for memory is tried again by a deadline") {
  Bench bench;
  std::vector<void*> taken;
  while (void* block = bench.world.memory.take(256)) taken.push_back(block);
  CHECK(bench.send("y", 5) == SendResult::full);
  CHECK(bench.session.next_deadline() == at_ms(15));
  for (void* block : taken) bench.world.memory.give(block, 256);
  bench.session.on_timeout(at_ms(15));
  const auto all = events(bench.session);
  REQUIRE(all.size() == 1);
  CHECK(all[0].kind == SessionEvent::Kind::writable);
  CHECK(bench.session.next_deadline().is_never());
  CHECK(bench.send("y", 15) == SendResult::accepted);
}
