// Shows every refusal, that a refused datagram leaves nothing behind, and the forged datagrams of TESTING F1 and F2.
// How: one Session, and hand-made datagrams with one thing wrong in each.
#include <catch2/catch.hpp>

#include "proto/kcp/session_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SessionBench;

TEST_CASE("what cannot be KCP is refused whole") {
  Bench bench;
  for (std::size_t size = 0; size < 24; ++size) CHECK(bench.deliver(Bytes(size, 0x51)) == Refusal::too_short);
  // rule: 4.A input-wrong-conv
  Wire other = push(0, "x");
  other.conversation = conv + 1;
  CHECK(bench.deliver(wire({other})) == Refusal::wrong_conv);
  // rule: 4.A input-bad-command
  for (unsigned command = 0; command < 256; ++command) {
    if (command >= 81 && command <= 84) continue;
    Wire odd = push(0, "x");
    odd.command = static_cast<Command>(command);
    REQUIRE(bench.deliver(wire({odd})) == Refusal::bad_command);
  }
  // rule: 4.A input-bad-length
  Bytes cut = wire({push(0, "payload")});
  cut.pop_back();
  CHECK(bench.deliver(cut) == Refusal::bad_length);
  Bytes huge = wire({push(0, "payload")});
  huge[20] = huge[21] = huge[22] = huge[23] = 0xff;
  CHECK(bench.deliver(huge) == Refusal::bad_length);
  CHECK(bench.session.idle());
  CHECK(bench.world.counters.segments_received == 0);
}

TEST_CASE("a first datagram is judged without a session as a new session would") {
  Wire other = push(1, "x");
  other.conversation = conv + 1;
  Wire odd = push(1, "x");
  odd.command = static_cast<Command>(80);
  Wire ahead = push(0, "x");
  ahead.una = 1;
  Wire behind = push(0, "x");
  behind.una = 0xffff'ffff;
  Bytes cut = wire({push(0, "x"), push(1, "yz")});
  cut.pop_back();
  const std::pair<Bytes, Refusal> judged[] = {{Bytes(23, 0x51), Refusal::too_short},
                                              {wire({push(0, "x"), other}), Refusal::wrong_conv},
                                              {wire({push(0, "x"), odd}), Refusal::bad_command},
                                              {cut, Refusal::bad_length},
                                              {wire({ahead}), Refusal::una_ahead},
                                              {wire({push(0, "x", 200)}), Refusal::bad_fragment},
                                              {wire({behind}), Refusal::none},
                                              {wire({ack(0xf000'0000, 5, 0), push(0, "x")}), Refusal::none},
                                              {wire({push(1, "y"), push(0, "x")}), Refusal::none}};
  for (const auto& [bytes, refusal] : judged) {
    Bench bench;
    const std::size_t used = bench.world.memory.in_use_bytes();
    CHECK(Session::judge_first(bench.world.env, conv, bytes, Instant()) == refusal);
    CHECK(bench.world.memory.in_use_bytes() == used);
    CHECK(bench.deliver(bytes) == refusal);
  }
}

TEST_CASE("a datagram with one bad segment leaves nothing behind, wherever it stands") {
  Wire other = push(9, "x");
  other.conversation = 5;
  Wire odd = push(9, "x");
  odd.command = static_cast<Command>(80);
  Wire ahead = push(9, "x");
  ahead.una = 2;
  const Wire fragment = push(9, "x", 200);
  const std::pair<Wire, Refusal> bad[] = {{other, Refusal::wrong_conv},
                                          {odd, Refusal::bad_command},
                                          {ahead, Refusal::una_ahead},
                                          {fragment, Refusal::bad_fragment}};
  for (const auto& [segment, refusal] : bad) {
    for (int place = 0; place < 3; ++place) {
      Bench bench;
      REQUIRE(bench.send("sent") == SendResult::accepted);
      bench.sent();
      std::vector<Wire> all = {ack(0, 0, 1), {.command = Command::wask, .una = 1}, push(0, "data")};
      all.insert(all.begin() + place, segment);
      CHECK(bench.deliver(wire({all[0], all[1], all[2], all[3]})) == refusal);
      CHECK(bench.session.stats().in_flight == 1);
      CHECK(!bench.session.receivable());
      CHECK(bench.sent().empty());
    }
  }
}

TEST_CASE("frg that could never complete, or contradicts its neighbours, is refused") {
  Bench bench;
  CHECK(bench.deliver(wire({push(0, "x", 128)})) == Refusal::bad_fragment);
  CHECK(bench.deliver(wire({push(0, "a", 2), push(1, "b", 2)})) == Refusal::bad_fragment);
  REQUIRE(bench.deliver(wire({push(0, "a", 2)})) == Refusal::none);
  CHECK(bench.deliver(wire({push(1, "b", 0)})) == Refusal::bad_fragment);
  // In an order that only applying reveals, the second of the pair is left out and not acknowledged.
  CHECK(bench.deliver(wire({push(5, "f", 0), push(4, "e", 3)})) == Refusal::none);
  CHECK(!bench.session.receivable());
  std::vector<std::uint32_t> acked;
  for (const Parsed& segment : bench.sent()) acked.push_back(segment.header.sn.raw());
  CHECK(acked == std::vector<std::uint32_t>{0, 5});
  REQUIRE(bench.deliver(wire({push(1, "b", 1), push(2, "c", 0)})) == Refusal::none);
  CHECK(receive_all(bench.session) == "abc|");
}

TEST_CASE("200 fragments that never end do not shut the window: PROTOCOLS 6.2") {
  Bench bench;
  for (std::uint32_t sn = 0; sn < 128; ++sn) CHECK(bench.deliver(wire({push(sn, "x", 200)})) == Refusal::bad_fragment);
  CHECK(bench.session.stats().receive_window == 128);
  REQUIRE(bench.deliver(wire({push(0, "fine")})) == Refusal::none);
  CHECK(receive_all(bench.session) == "fine|");
}

TEST_CASE("what lies beyond the window is neither stored nor acknowledged, and its acknowledgements still count") {
  Bench bench;
  REQUIRE(bench.send("sent") == SendResult::accepted);
  bench.sent();
  Wire far = push(128, "far");
  far.una = 1;
  CHECK(bench.deliver(wire({far})) == Refusal::beyond_window);
  CHECK(bench.session.stats().in_flight == 0);
  CHECK(bench.sent().empty());
  // With one segment that is taken the datagram counts as taken.
  far.una = 0;
  CHECK(bench.deliver(wire({far, push(0, "near")})) == Refusal::none);
  CHECK(bench.world.counters.beyond_window == 2);
}

TEST_CASE("without memory a segment is not acknowledged, and comes through when resent") {
  Bench bench;
  std::vector<void*> taken;
  while (void* block = bench.world.memory.take(256)) taken.push_back(block);
  // A message alone needs no ring; the next one does, and so does one that comes out of order.
  CHECK(bench.deliver(wire({push(0, "one")})) == Refusal::none);
  CHECK(bench.sent().size() == 1);
  CHECK(bench.deliver(wire({push(1, "two")})) == Refusal::no_memory);
  CHECK(bench.deliver(wire({push(2, "three")})) == Refusal::no_memory);
  CHECK(bench.sent().empty());
  CHECK(bench.world.counters.no_memory == 2);
  for (void* block : taken) bench.world.memory.give(block, 256);
  CHECK(bench.deliver(wire({push(1, "two")})) == Refusal::none);
  CHECK(bench.sent().size() == 1);
  CHECK(receive_all(bench.session) == "one|two|");
}

TEST_CASE("in need of blocks data may be refused, and all else of the datagram counts") {
  Bench bench;
  using Storage = Session::Storage;
  const auto deliver = [&](const Bytes& datagram, Storage storage) {
    return bench.session.on_datagram_in_need(bench.world.datagram(datagram), storage, at_ms(0));
  };
  REQUIRE(bench.send("sent") == SendResult::accepted);
  bench.sent();
  Wire with_news = push(0, "one");
  with_news.una = 1;
  CHECK(deliver(wire({with_news}), Storage::nothing) == Refusal::no_memory);
  CHECK(bench.session.stats().in_flight == 0);
  CHECK(bench.sent().empty());
  // What would leave a gap waits as well, and what fills one does not.
  CHECK(deliver(wire({push(1, "two")}), Storage::next_in_order) == Refusal::no_memory);
  CHECK(bench.sent().empty());
  CHECK(deliver(wire({push(0, "one"), push(2, "three"), push(1, "two")}), Storage::next_in_order) == Refusal::none);
  CHECK(bench.sent().size() == 2);
  CHECK(receive_all(bench.session) == "one|two|");
  // A duplicate takes no place: the ACK before it was lost.
  CHECK(deliver(wire({push(1, "two")}), Storage::nothing) == Refusal::none);
  CHECK(bench.sent().size() == 1);
  CHECK(deliver(wire({push(2, "three")}), Storage::all) == Refusal::none);
  CHECK(receive_all(bench.session) == "three|");
  CHECK(bench.world.counters.no_memory == 3);
}

TEST_CASE("the refusals are the kcp rows of the drop reasons, in their order") {
  const std::string_view rows[] = {"kcp_too_short",     "kcp_wrong_conv", "kcp_bad_command",
                                   "kcp_bad_length",    "kcp_una_ahead",  "kcp_bad_fragment",
                                   "kcp_beyond_window", "kcp_no_memory",  "kcp_closed"};
  REQUIRE(std::size(rows) + 1 == refusal_count);
  CHECK(name_of(Refusal::none) == "none");
  for (std::size_t i = 0; i < std::size(rows); ++i) CHECK("kcp_" + std::string(refusal_names[i + 1]) == rows[i]);
}

TEST_CASE("F1: a forged una beyond what was sent is refused, and everything is delivered") {
  // rule: 4.A una-on-every-segment
  Options options = quick();
  options.snd_wnd = 50;
  Bench ours_side(options);
  Bench peer(options);
  for (int i = 0; i < 100; ++i) REQUIRE(ours_side.send("message " + std::to_string(i)) == SendResult::accepted);
  auto in_flight = transmit_all(ours_side.world, ours_side.session, at_ms(0));
  REQUIRE(ours_side.session.stats().in_flight == 50);
  for (const Command command : {Command::push, Command::ack, Command::wask, Command::wins}) {
    CHECK(ours_side.deliver(wire({{.command = command, .una = 200}})) == Refusal::una_ahead);
    CHECK(ours_side.deliver(wire({{.command = command, .una = 51}})) == Refusal::una_ahead);
  }
  CHECK(ours_side.session.stats().in_flight == 50);
  std::string got;
  for (std::int64_t ms = 0; ms < 2000 && !ours_side.session.idle(); ms += 10) {
    for (const Bytes& datagram : in_flight) peer.deliver(datagram, ms);
    got += receive_all(peer.session);
    for (const Bytes& reply : transmit_all(peer.world, peer.session, at_ms(ms))) ours_side.deliver(reply, ms);
    ours_side.session.on_timeout(at_ms(ms));
    in_flight = transmit_all(ours_side.world, ours_side.session, at_ms(ms));
  }
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += "message " + std::to_string(i) + "|";
  CHECK(got == expected);
}

TEST_CASE("F2: a forged ts in an ACK is no sample and frees nothing") {
  Bench bench;
  REQUIRE(bench.send("a") == SendResult::accepted);
  bench.sent(1'000);
  const Stats before = bench.session.stats();
  for (const std::uint32_t ts : {0u, 999u, 1001u, 0x7fff'ffffu, 0x8000'0000u, 0x8000'03e8u, 0xffff'ffffu}) {
    CHECK(bench.deliver(wire({ack(0, ts, 0)}), 1'050) == Refusal::none);
  }
  CHECK(bench.session.stats().rto_us == before.rto_us);
  CHECK(bench.session.stats().srtt_us == 0);
  CHECK(bench.session.stats().in_flight == 1);
  CHECK(bench.world.counters.acks_forged == 7);
  CHECK(bench.deliver(wire({ack(0, 1'000, 1)}), 1'050) == Refusal::none);
  CHECK(bench.session.stats().srtt_us == 50'000);
}

TEST_CASE("with recovery by time una tells what it has passed, and one ACK names the latest of it") {
  Options options = quick();
  options.recovery = Recovery::rack;
  Bench bench(options);
  REQUIRE(bench.deliver(wire({push(0, "a", 0, 5), push(1, "b", 0, 5), push(2, "c", 0, 6)})) == Refusal::none);
  auto sent = bench.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].header.command == Command::ack);
  CHECK(sent[0].header.sn == Seq32(2));
  CHECK(sent[0].header.stamp == Stamp32(6));
  CHECK(sent[0].header.una == Seq32(3));
  // What una has not passed is named, and so is a question for a sign of life.
  REQUIRE(bench.deliver(wire({push(4, "e", 0, 7), push(5, "f", 0, 8), push(2, "", 0, 77)})) == Refusal::none);
  sent = bench.sent();
  REQUIRE(sent.size() == 3);
  CHECK(sent[0].header.sn == Seq32(4));
  CHECK(sent[1].header.sn == Seq32(5));
  CHECK(sent[2].header.sn == Seq32(2));
  CHECK(sent[2].header.stamp == Stamp32(77));
}

TEST_CASE("ACKs that wait for data are forgotten once una has passed what they name") {
  Options options = quick();
  options.recovery = Recovery::rack;
  options.ack_delay_ms = 40;
  Bench bench(options);
  REQUIRE(bench.deliver(wire({push(2, "c", 0, 5)})) == Refusal::none);
  REQUIRE(bench.deliver(wire({push(1, "b", 0, 6)})) == Refusal::none);
  REQUIRE(bench.deliver(wire({push(4, "e", 0, 7)})) == Refusal::none);
  REQUIRE(bench.deliver(wire({push(0, "a", 0, 8)})) == Refusal::none);
  bench.session.on_timeout(at_ms(40));
  const auto sent = bench.sent(40);
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].header.sn == Seq32(4));
  CHECK(sent[0].header.una == Seq32(3));
  CHECK(sent[1].header.sn == Seq32(0));
  CHECK(sent[1].header.stamp == Stamp32(8));
}
