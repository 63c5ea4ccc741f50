// Shows when a segment is sent, resent and let go: windows, timeouts, fast resends, what an ACK must name, what una may claim.
// How: a Sender alone, acknowledged by hand at chosen times; a slot's RTO is read off next_resend().
#include "proto/kcp/sender.hpp"

#include <catch2/catch.hpp>

#include "aborts.hpp"
#include "kcp/world.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

Options plain() {
  Options options;
  options.no_congestion_window = true;
  options.interval_ms = 10;
  return options;
}

struct Bench {
  explicit Bench(const Options& options = plain(), Seq32 first = {})
      : world(options),
        sender(first),
        rtt(options),
        congestion(options.no_congestion_window ? Congestion::Kind::none : Congestion::Kind::kcp, options.mss()) {
    tell_window(128);
  }
  ~Bench() {
    sender.release(world.env);
    world.check_whole();
  }

  SendResult send(std::string_view bytes, std::size_t piece = block_bytes) {
    SegmentQueue message = world.message(bytes, piece);
    return sender.send(message, world.env);
  }
  void send_many(int count) {
    for (int i = 0; i < count; ++i) REQUIRE(send("x") == SendResult::accepted);
  }
  // The segments of the next datagram.
  std::vector<Parsed> write(std::int64_t us, std::uint32_t room = 1400) {
    now_us = us;
    Block* head = world.pool.allocate();
    REQUIRE(head != nullptr);
    OutDatagram out(head, 128, room, fold_all);
    Header common;
    common.conv = conv;
    sender.write(out, common, moment(), rtt, congestion, world.env);
    return parse(flat(out));
  }
  std::vector<std::uint32_t> write_sns(std::int64_t us, std::uint32_t room = 1400) {
    std::vector<std::uint32_t> sns;
    for (const Parsed& segment : write(us, room)) sns.push_back(segment.header.sn.raw());
    return sns;
  }
  struct Ack {
    std::uint32_t sn;
    std::uint32_t ts;
  };
  // One datagram that acknowledges `acks` and tells una.
  AckRound acknowledge(std::int64_t us, std::vector<Ack> acks, std::uint32_t una, std::uint16_t window = 128) {
    now_us = us;
    AckRound round = sender.begin_round();
    sender.on_window(round, Seq32(una), window, world.env);
    for (const Ack& ack : acks) sender.on_ack(round, Seq32(ack.sn), Stamp32(ack.ts), moment(), rtt, world.env);
    sender.end_round(round, moment(), congestion, world.env);
    return round;
  }
  void tell_window(std::uint16_t window) { acknowledge(now_us, {}, sender.una().raw(), window); }
  Moment moment() const { return Moment::at(Instant::at_us(now_us), Stamp32(0)); }

  World world;
  Sender sender;
  Rtt rtt;
  Congestion congestion;
  std::int64_t now_us = 0;
};

using Sns = std::vector<std::uint32_t>;

}  // namespace

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
  for (const std::uint32_t ts : {1u, 49u, 50u, 51u, 0x8000'0000u, 0xffff'ffffu}) bench.acknowledge(100'000, {{0, ts}}, 0);
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
  bench.sender.refresh(Instant::at_us(221'000));
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
  bench.sender.refresh(Instant::at_us(225'000));
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
    if (resent != expected) FAIL("step " << step << ": " << resent.size() << " resent, " << expected.size() << " expected");
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
  Sender sender{Seq32()};
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
