// The way out: datagrams to known, unknown and silent neighbours in virtual time, byte by byte against vectors made elsewhere;
// unreachables; every reason for which a datagram is dropped; a pool that runs dry.
#include <catch2/catch.hpp>
#include <cstring>
#include <set>

#include "rig.hpp"
#include "vectors.hpp"

using namespace penstock;
using namespace penstock::net;
using Intake = Stack::Intake;
using Verdict = Stack::SendVerdict;

namespace {

const wire::Bytes penstock8 = {'p', 'e', 'n', 's', 't', 'o', 'c', 'k'};
const wire::Bytes penstoc7 = {'p', 'e', 'n', 's', 't', 'o', 'c'};

// Headers of a packet of `size` payload bytes whose port nobody listens on.
wire::Bytes closed(const wire::Ip& ip, std::size_t size) {
  return wire::packet_frame(ip, wire::udp(ip, wire::Bytes(size, 0x55), 5000, 9));
}
std::uint64_t refused(Rig& rig, const wire::Bytes& frame) {
  const std::uint64_t before = rig.drops.total();
  REQUIRE(rig.feed(frame) == Intake::udp);
  rig.stack.refuse(rig.packet, rig.now);
  rig.done();
  CHECK(rig.drops.of(DropReason::udp_no_listener) > 0);
  return rig.drops.total() - before;
}

}  // namespace

TEST_CASE("a datagram waits for the answer to our question and then leaves", "[net][egress]") {
  Rig rig;
  rig.up();
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  CHECK(rig.send(path, penstock8) == Verdict::queued);
  CHECK(rig.stack.pending_frames() == 1);
  auto sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::hex(vectors::arp_question_out));
  rig.answer4();
  sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].port == 0);
  CHECK(sent[0].bytes == wire::hex(vectors::udp4_out));
  CHECK(rig.stack.pending_frames() == 0);
  Sent one;
  CHECK(rig.send(path, penstock8, &one) == Verdict::ready);
  CHECK(one.bytes == wire::hex(vectors::udp4_out));
  CHECK(rig.sent().empty());
  CHECK(rig.drops.total() == 0);
  CHECK(rig.pool.whole());
}

TEST_CASE("the same over IPv6", "[net][egress]") {
  Rig rig;
  rig.up();
  Path path = Rig::path("fd77::2", "fd77::1");
  CHECK(rig.send(path, penstoc7) == Verdict::queued);
  auto sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::hex(vectors::ns_out));
  CHECK(rig.feed(wire::hex(vectors::na_in)) == Intake::handled);
  sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::hex(vectors::udp6_out));
  // When it has grown stale, the neighbour is asked alone.
  rig.wait(Duration::seconds(46));
  Sent one;
  CHECK(rig.send(path, penstoc7, &one) == Verdict::ready);
  CHECK(one.bytes == wire::hex(vectors::udp6_out));
  sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::nd_frame(wire::ip("fd77::2"), wire::ip("fd77::1"),
                                        wire::nd(135, 0, wire::ip("fd77::1"), wire::nd_option(1, wire::us)),
                                        {.to = wire::them, .from = wire::us}));
  CHECK(rig.drops.total() == 0);
}

TEST_CASE("far destinations go through their gateway", "[net][egress]") {
  Rig rig;
  rig.up();
  Path path = Rig::path("10.0.0.2", "192.0.2.9");
  CHECK(rig.send(path, {1}) == Verdict::queued);
  auto sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::ethernet(0x0806,
                                        wire::arp(1, wire::us, wire::ip("10.0.0.2"), {}, wire::ip("10.0.0.254")),
                                        {.to = MacAddress::broadcast(), .from = wire::us}));
  rig.feed(wire::ethernet(0x0806, wire::arp(2, wire::them, wire::ip("10.0.0.254"), wire::us, wire::ip("10.0.0.2"))));
  sent = rig.sent();
  REQUIRE(sent.size() == 1);
  const wire::Ip ip{wire::ip("10.0.0.2"), wire::ip("192.0.2.9")};
  CHECK(sent[0].bytes == wire::packet_frame(ip, wire::udp(ip, {1}, 4000, 5000), {.to = wire::them, .from = wire::us}));
  // Another far destination shares the gateway's entry.
  Path second = Rig::path("10.0.0.2", "198.51.100.1");
  CHECK(rig.send(second, {1}) == Verdict::ready);
  CHECK(second.next_hop_hint == path.next_hop_hint);
}

TEST_CASE("frames leave under the tags and by the port of their interface", "[net][egress]") {
  Rig rig;
  rig.up();
  Path path = Rig::path("10.2.0.2", "10.2.0.1", 2);
  CHECK(rig.send(path, {1}) == Verdict::queued);
  const wire::Link out{.to = MacAddress::broadcast(), .from = wire::us, .tags = {100, 200}, .outer_type = 0x88a8};
  auto sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].port == 1);
  CHECK(sent[0].bytes ==
        wire::ethernet(0x0806, wire::arp(1, wire::us, wire::ip("10.2.0.2"), {}, wire::ip("10.2.0.1")), out));
  rig.feed(wire::ethernet(0x0806, wire::arp(2, wire::them, wire::ip("10.2.0.1"), wire::us, wire::ip("10.2.0.2")),
                          {.tags = {100, 200}}),
           1);
  sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].port == 1);
  CHECK(sent[0].frame.l2_bytes == 22);
  const wire::Ip ip{wire::ip("10.2.0.2"), wire::ip("10.2.0.1")};
  CHECK(sent[0].bytes ==
        wire::packet_frame(ip, wire::udp(ip, {1}, 4000, 5000),
                           {.to = wire::them, .from = wire::us, .tags = {100, 200}, .outer_type = 0x88a8}));
}

TEST_CASE("what may be longer than its path leaves so that routers may cut it", "[net][egress]") {
  StackConfig offloads = rig_config();
  offloads.ports[0].tx_ip_checksum = true;
  const bool offloaded = GENERATE(false, true);
  Rig rig(offloaded ? offloads : rig_config());
  rig.up();
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  const auto send = [&](bool may_fragment) {
    OutDatagram datagram = rig.datagram({});
    datagram.limit_room(10);
    if (may_fragment) REQUIRE(datagram.widen(30));
    std::memset(datagram.header(9), 7, 9);
    Sent one;
    const auto verdict = rig.stack.send_udp(path, std::move(datagram), one.frame, one.port, rig.now);
    return verdict == Verdict::ready ? Rig::flatten(std::move(one)).bytes : wire::Bytes();
  };
  // The first waits for its neighbour, as what follows does not.
  send(true);
  rig.sent();
  rig.answer4();
  auto waited = rig.sent();
  REQUIRE(waited.size() == 1);
  std::vector<wire::Bytes> frames{waited[0].bytes, send(true), send(true)};
  std::set<unsigned> names;
  for (const wire::Bytes& frame : frames) {
    REQUIRE(frame.size() == 14 + 20 + 8 + 9);
    CHECK((frame[20] == 0 && frame[21] == 0));
    names.insert(unsigned{frame[18]} << 8 | frame[19]);
    if (!offloaded) CHECK(wire::checksum(wire::Bytes(frame.begin() + 14, frame.begin() + 34)) == 0);
  }
  CHECK(names.size() == 3);
  const wire::Bytes ordinary = send(false);
  CHECK((ordinary[18] == 0 && ordinary[19] == 0));
  CHECK((ordinary[20] == 0x40 && ordinary[21] == 0));
}

TEST_CASE("a linked payload stays a link, offloads are told to the port", "[net][egress]") {
  StackConfig config = rig_config();
  config.ports[0] = {.tx_ip_checksum = true, .tx_udp_checksum = true, .multi_segment = true, .mtu = 1500};
  Rig rig(config);
  rig.up();
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  rig.send(path, {1});
  rig.sent();
  rig.answer4();
  rig.sent();
  Segment payload = Segment::adopt(rig.rx_pool.allocate(), 0, 900);
  OutDatagram datagram = rig.datagram({1, 2, 3}, 100);
  datagram.append(payload);
  TxFrame frame;
  std::uint16_t port = 9;
  CHECK(rig.stack.send_udp(path, std::move(datagram), frame, port, rig.now) == Verdict::ready);
  CHECK(frame.link.block() == payload.block());
  CHECK(frame.head.length() == 45);
  CHECK(frame.offload_ip_checksum);
  CHECK(frame.offload_udp_checksum);
}

TEST_CASE("a silent neighbour is asked three times, then the datagrams are dropped", "[net][egress]") {
  Rig rig;
  rig.up();
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  CHECK(rig.send(path, {1}) == Verdict::queued);
  CHECK(rig.send(path, {2}) == Verdict::queued);
  int asked = 0;
  for (int i = 0; i < 50; ++i) {
    for (const Sent& one : rig.sent()) asked += one.bytes == wire::hex(vectors::arp_question_out) ? 1 : 100;
    rig.wait(Duration::ms(100));
  }
  CHECK(asked == 3);
  CHECK(rig.drops.of(DropReason::neighbor_unresolved) == 2);
  CHECK(rig.drops.total() == 2);
  CHECK(rig.stack.pending_frames() == 0);
  CHECK(rig.pool.whole());
}

TEST_CASE("waiting datagrams are bounded for each hop and altogether", "[net][egress]") {
  Rig rig;
  rig.up();
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  for (int i = 0; i < 4; ++i) CHECK(rig.send(path, {1}) == Verdict::queued);
  CHECK(rig.send(path, {1}) == Verdict::dropped);
  CHECK(rig.drops.of(DropReason::neighbor_pending_full) == 1);
  std::uint32_t queued = 4;
  for (int host = 10; host < 16; ++host) {
    Path other{{wire::ip("10.0.0.2"), 1}, {IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(host)), 2}, 0};
    for (int i = 0; i < 4; ++i) queued += rig.send(other, {1}) == Verdict::queued ? 1u : 0u;
  }
  CHECK(queued == 16);
  CHECK(rig.stack.pending_frames() == 16);
  CHECK(rig.drops.of(DropReason::neighbor_pending_full) == 1 + 24 - 12);
  CHECK(rig.drops.total() == rig.drops.of(DropReason::neighbor_pending_full));
}

TEST_CASE("datagrams that cannot be sent are dropped, counted and let go", "[net][egress]") {
  Rig rig;
  rig.up();
  SECTION("no route out of this interface") {
    Path path = Rig::path("10.1.0.2", "192.0.2.9", 1);
    CHECK(rig.send(path, {1}) == Verdict::dropped);
    CHECK(rig.drops.of(DropReason::no_route) == 1);
  }
  SECTION("the source is not ours yet, or no more") {
    rig.stack.on_link(0, true, rig.now);
    Path tentative = Rig::path("fd77::2", "fd77::1");
    CHECK(rig.send(tentative, {1}) == Verdict::dropped);
    CHECK(rig.drops.of(DropReason::no_route) == 1);
    rig.stack.apply({NeighborNews::Kind::duplicate_address, 0, wire::ip("fd77::2"), wire::them}, rig.now);
    rig.wait(Duration::seconds(5));
    CHECK(rig.send(tentative, {1}) == Verdict::dropped);
    CHECK(rig.drops.of(DropReason::no_route) == 2);
    // The others are not touched by that.
    Path v4 = Rig::path("10.0.0.2", "10.0.0.1");
    CHECK(rig.send(v4, {1}) == Verdict::queued);
  }
  SECTION("longer than the MTU by one byte") {
    Path v4 = Rig::path("10.0.0.2", "10.0.0.1");
    Path v6 = Rig::path("fd77::2", "fd77::1");
    CHECK(rig.stack.payload_max(v4) == 1472);
    CHECK(rig.stack.payload_max(v6) == 1452);
    CHECK(rig.send(v4, wire::Bytes(1472, 1)) == Verdict::queued);
    CHECK(rig.send(v6, wire::Bytes(1452, 1)) == Verdict::queued);
    CHECK(rig.send(v4, wire::Bytes(1473, 1)) == Verdict::dropped);
    CHECK(rig.send(v6, wire::Bytes(1453, 1)) == Verdict::dropped);
    CHECK(rig.drops.of(DropReason::mtu_exceeded) == 2);
  }
  CHECK(rig.pool.available() + rig.stack.pending_frames() == rig.pool.capacity());
}

TEST_CASE("a wrong hint costs nothing but the look-up", "[net][egress]") {
  Rig rig;
  rig.up();
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  rig.send(path, penstock8);
  CHECK(rig.sent().size() == 1);
  rig.answer4();
  CHECK(rig.sent().size() == 1);
  const std::uint32_t right = path.next_hop_hint;
  const std::uint32_t wrong = GENERATE(0u, 1u, 63u, 64u, 0xffffffffu);
  path.next_hop_hint = wrong;
  Sent one;
  CHECK(rig.send(path, penstock8, &one) == Verdict::ready);
  CHECK(one.bytes == wire::hex(vectors::udp4_out));
  CHECK(path.next_hop_hint == right);
}

TEST_CASE("a closed port is told, quoting the packet", "[net][egress]") {
  Rig rig;
  rig.up();
  const auto [in, out] = GENERATE(table<std::string_view, std::string_view>(
      {{vectors::closed4_in, vectors::unreach4_out}, {vectors::closed6_in, vectors::unreach6_out}}));
  CHECK(refused(rig, wire::hex(in)) == 1);
  const auto sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::hex(out));
  CHECK(rig.pool.whole());
  CHECK(rig.rx_pool.whole());
}

TEST_CASE("an unreachable is never longer than the datagram", "[net][egress]") {
  StackConfig config = rig_config();
  config.icmp_per_second = 1'000'000;
  Rig rig(config);
  rig.up();
  for (const wire::Ip& ip : {wire::to_us4, wire::to_us6}) {
    const std::size_t least = ip.to.is_v4() ? 28 : 48;
    for (std::size_t size = 0; size < 1400; size += size < 60 ? 1 : 133) {
      const wire::Bytes frame = closed(ip, size);
      CHECK(refused(rig, frame) == 1);
      const auto sent = rig.sent();
      CHECK(sent.size() == (size >= least ? 1 : 0));
      if (!sent.empty())
        CHECK(sent[0].bytes.size() == std::min<std::size_t>(frame.size(), 14 + (ip.to.is_v4() ? 576 : 1280)));
    }
  }
}

TEST_CASE("unreachables keep to the rate, and need a block and the headers", "[net][egress]") {
  StackConfig config = rig_config();
  config.icmp_per_second = 10;
  Rig rig(config);
  rig.up();
  const wire::Bytes frame = closed(wire::to_us4, 100);
  SECTION("rate") {
    for (int i = 0; i < 5; ++i) CHECK(refused(rig, frame) == 1);
    CHECK(rig.sent().size() == 1);
    rig.wait(Duration::ms(100));
    refused(rig, frame);
    CHECK(rig.sent().size() == 1);
  }
  SECTION("no block") {
    rig.pool.keep_back(rig.pool.capacity());
    CHECK(refused(rig, frame) == 1);
    CHECK(rig.sent().empty());
  }
  SECTION("a copy without headers") {
    REQUIRE(rig.feed(frame) == Intake::udp);
    rig.packet.ip_bytes = 0;
    rig.stack.refuse(rig.packet, rig.now);
    CHECK(rig.sent().empty());
    CHECK(rig.drops.of(DropReason::udp_no_listener) == 1);
  }
  SECTION("options and tags") {
    const wire::Ip ip{wire::ip("10.1.0.1"), wire::ip("10.1.0.2")};
    const wire::Bytes packet = wire::ip4(ip, wire::udp(ip, wire::Bytes(100, 5), 5000, 9), 0, wire::Bytes(8, 1));
    CHECK(refused(rig, wire::ethernet(0x0800, packet, {.tags = {100}})) == 1);
    const auto sent = rig.sent();
    REQUIRE(sent.size() == 1);
    const wire::Bytes quote(packet.begin(), packet.end() - 28);
    CHECK(sent[0].bytes == wire::icmp_frame({ip.to, ip.from}, wire::join({{3, 3}, wire::be16(0), wire::be32(0), quote}),
                                            {.to = wire::them, .from = wire::us, .tags = {100}}));
  }
}

TEST_CASE("with a dry pool questions are lost and counted, and asked again", "[net][egress]") {
  Rig rig;
  rig.up();
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  CHECK(rig.send(path, penstock8) == Verdict::queued);
  rig.pool.keep_back(rig.pool.capacity());
  CHECK(rig.sent().empty());
  CHECK(rig.sent().empty());
  CHECK(rig.drops.of(DropReason::no_tx_block) == 1);
  rig.pool.keep_back(0);
  rig.wait(Duration::seconds(1));
  CHECK(rig.sent().size() == 1);
  rig.answer4();
  CHECK(rig.sent().size() == 1);
  CHECK(rig.drops.total() == 1);
}
