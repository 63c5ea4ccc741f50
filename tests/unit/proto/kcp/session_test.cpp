// Shows the machine on the wire: the published vectors byte for byte, every refusal and every end of a session, the forged
// datagrams of TESTING F1 and F2, and the rules toward a peer that has proven nothing.
// How: one Session, and a peer that is a handful of hand-made datagrams; the wire clock begins at 0 or as the vector says.
#include "proto/kcp/session.hpp"

#include <catch2/catch.hpp>

#include "kcp/world.hpp"
#include "net/drop_reason.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

Options quick() {
  Options options;
  options.no_congestion_window = true;
  options.nodelay = 1;
  options.interval_ms = 10;
  options.resend = 2;
  return options;
}

std::vector<SessionEvent> events(Session& session) {
  std::vector<SessionEvent> all;
  while (auto event = session.poll_event()) all.push_back(*event);
  return all;
}

CloseReason closed_by(Session& session) {
  const auto all = events(session);
  REQUIRE(!all.empty());
  REQUIRE(all.back().kind == SessionEvent::Kind::closed);
  REQUIRE(session.closed());
  return all.back().reason;
}

// A World whose session is open; both are checked for leaks at the end.
struct Bench {
  explicit Bench(const Options& options = quick(), const Start& start = ours(), const WorldSize& size = {})
      : world(options, 1, size), session(world.env, conv, Instant(), start) {}
  ~Bench() {
    session.release();
    world.check_whole();
  }
  Refusal deliver(const Bytes& datagram, std::int64_t ms = 0) { return test::deliver(world, session, datagram, at_ms(ms)); }
  SendResult send(std::string_view bytes, std::int64_t ms = 0) { return test::send(world, session, bytes, at_ms(ms)); }
  std::vector<Parsed> sent(std::int64_t ms = 0, std::uint32_t room = 9000) {
    return parse(transmit_all(world, session, at_ms(ms), room));
  }
  World world;
  Session session;
};

}  // namespace

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
  CHECK(bench.deliver(wire({push(0, "data")})) == Refusal::no_memory);
  CHECK(bench.sent().empty());
  CHECK(bench.world.counters.no_memory == 1);
  for (void* block : taken) bench.world.memory.give(block, 256);
  CHECK(bench.deliver(wire({push(0, "data")})) == Refusal::none);
  CHECK(bench.sent().size() == 1);
  CHECK(receive_all(bench.session) == "data|");
}

TEST_CASE("the refusals are the kcp rows of the drop reasons") {
  std::vector<std::string> rows;
  for (const std::string_view name : net::drop_reason_names) {
    if (name.starts_with("kcp_")) rows.emplace_back(name.substr(4));
  }
  REQUIRE(rows.size() + 1 == refusal_count);
  CHECK(name_of(Refusal::none) == "none");
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(refusal_names[i + 1] == rows[i]);
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

// ---- Toward a peer that has proven nothing ----

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

// ---- Windows ----

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

// ---- Ends ----

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

TEST_CASE("a session that is destroyed gives everything back") {
  World world(quick());
  {
    Session session(world.env, conv, Instant(), ours());
    for (int i = 0; i < 100; ++i) REQUIRE(send(world, session, std::string(500, 'x'), at_ms(0)) == SendResult::accepted);
    transmit(world, session, at_ms(0));
    for (std::uint32_t sn = 0; sn < 100; sn += 2) deliver(world, session, wire({push(sn, "data")}), at_ms(0));
  }
  world.check_whole();
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
  CHECK(out.head().length() == 24);
  CHECK(out.link().length() == 1000);
  CHECK(flat(out).size() == 1024);
}
