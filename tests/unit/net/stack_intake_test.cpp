// The way in: for every reason to drop in this room at least one frame, made from a good one, that moves exactly that counter;
// answers byte by byte against vectors made elsewhere. ICMP is in stack_icmp_test.cpp, frames bent at random are in
// stack_robust_test.cpp.
#include <catch2/catch.hpp>

#include "rig.hpp"
#include "vectors.hpp"

using namespace penstock;
using namespace penstock::net;
using Intake = Stack::Intake;

namespace {

const MacAddress all_nodes_mac = wire::mac("33:33:00:00:00:01");
const MacAddress our_group_mac = wire::mac("33:33:ff:00:00:02");
const IpAddress our_group = wire::ip("ff02::1:ff00:2");
const IpAddress us4 = wire::ip("10.0.0.2");
const IpAddress us6 = wire::ip("fd77::2");
const IpAddress them4 = wire::ip("10.0.0.1");
const IpAddress them6 = wire::ip("fd77::1");

wire::Bytes arp_frame(const wire::Bytes& message, const wire::Link& link = {}) {
  return wire::ethernet(0x0806, message, link);
}
wire::Bytes ask_us(const MacAddress& mac, const IpAddress& from) { return arp_frame(wire::arp(1, mac, from, {}, us4)); }
// A frame with the IPv4 header changed at `at` and its checksum made good again.
wire::Bytes with_ip4(std::size_t at, unsigned value) {
  wire::Bytes packet = wire::ip4(wire::to_us4, wire::udp(wire::to_us4, {1, 2, 3}));
  wire::put16(packet, at, value);
  wire::put16(packet, 10, 0);
  wire::put16(packet, 10, wire::checksum({packet.begin(), packet.begin() + 20}));
  return wire::ethernet(0x0800, packet);
}

}  // namespace

TEST_CASE("UDP arrives with its path, without headers and padding", "[net][intake]") {
  Rig rig;
  rig.up();
  SECTION("IPv4") {
    wire::Bytes frame = wire::hex(vectors::udp4_in);
    frame.resize(60, 0xee);
    RxFrame rx = rig.frame_of(frame);
    rx.has_rss_hash = true;
    rx.rss_hash = 0xabcd;
    REQUIRE(rig.feed(std::move(rx)) == Intake::udp);
    CHECK(rig.payload() == wire::Bytes{'p', 'e', 'n', 's', 't', 'o', 'c'});
    CHECK(rig.packet.path == Path{{us4, 4000}, {them4, 5000}, 0});
    CHECK(rig.packet.ip_bytes == 28);
    CHECK(rig.packet.has_rss_hash);
    CHECK(rig.packet.rss_hash == 0xabcd);
  }
  SECTION("IPv6") {
    wire::Bytes frame = wire::hex(vectors::udp6_in);
    frame.resize(frame.size() + 5, 0xee);
    REQUIRE(rig.feed(frame) == Intake::udp);
    CHECK(rig.payload() == wire::Bytes{'p', 'e', 'n', 's', 't', 'o', 'c', 'k'});
    CHECK(rig.packet.path == Path{{us6, 4000}, {them6, 5000}, 0});
    CHECK(rig.packet.ip_bytes == 48);
    CHECK_FALSE(rig.packet.has_rss_hash);
  }
  SECTION("empty") {
    REQUIRE(rig.feed(wire::udp_frame(wire::to_us4, {})) == Intake::udp);
    CHECK(rig.payload().empty());
  }
  SECTION("with a tag") {
    wire::Bytes frame = wire::udp_frame(wire::to_us4, {7, 8}, {.tags = {0xe000}});
    frame.resize(64, 0xee);
    REQUIRE(rig.feed(frame) == Intake::udp);
    CHECK(rig.payload() == wire::Bytes{7, 8});
  }
  SECTION("second address of the interface") {
    const wire::Ip second{them4, wire::ip("10.0.0.3")};
    REQUIRE(rig.feed(wire::udp_frame(second, {1})) == Intake::udp);
    CHECK(rig.packet.path.local.address == second.to);
  }
  SECTION("from beyond a router") {
    REQUIRE(rig.feed(wire::udp_frame({wire::ip("192.0.2.9"), us4}, {1})) == Intake::udp);
  }
  CHECK(rig.packet.source_mac == wire::them);
  CHECK(rig.drops.total() == 0);
  rig.done();
  CHECK(rig.rx_pool.whole());
}

TEST_CASE("the tags name the interface", "[net][intake]") {
  Rig rig;
  rig.up();
  const wire::Ip to_tagged{wire::ip("10.1.0.1"), wire::ip("10.1.0.2")};
  const wire::Ip to_twice{wire::ip("10.2.0.1"), wire::ip("10.2.0.2")};
  REQUIRE(rig.feed(wire::udp_frame(to_tagged, {1}, {.tags = {100}})) == Intake::udp);
  CHECK(rig.packet.path.interface == 1);
  REQUIRE(rig.feed(wire::udp_frame(to_twice, {1}, {.tags = {100, 200}, .outer_type = 0x88a8}), 1) == Intake::udp);
  CHECK(rig.packet.path.interface == 2);
  REQUIRE(rig.feed(wire::udp_frame(wire::to_us4, {1}, {.tags = {0xe000}})) == Intake::udp);
  CHECK(rig.packet.path.interface == 0);
  rig.done();
  CHECK(rig.drops.total() == 0);
  // An address of one interface is none of another.
  rig.refuses(wire::udp_frame(to_tagged, {1}), DropReason::ip4_not_for_us);
  rig.refuses(wire::udp_frame(wire::to_us4, {1}, {.tags = {100}}), DropReason::ip4_not_for_us);
}

TEST_CASE("Ethernet that is not for us", "[net][intake]") {
  Rig rig;
  rig.up();
  const auto udp = [](const wire::Link& link) { return wire::udp_frame(wire::to_us4, {1}, link); };
  rig.refuses(wire::Bytes{}, DropReason::eth_too_short);
  rig.refuses(wire::Bytes(13, 0), DropReason::eth_too_short);
  rig.refuses(wire::ethernet(0x8100, {0}), DropReason::eth_too_short);
  rig.refuses(udp({.tags = {101}}), DropReason::eth_vlan_unknown);
  rig.refuses(udp({.tags = {4095}}), DropReason::eth_vlan_unknown);
  rig.refuses(udp({.tags = {100, 200}}), DropReason::eth_vlan_unknown);
  rig.refuses(udp({}), DropReason::eth_vlan_unknown, 1);
  rig.refuses(udp({.tags = {1, 2, 3}}), DropReason::eth_vlan_unknown);
  rig.refuses(udp({.to = wire::them}), DropReason::eth_not_for_us);
  rig.refuses(udp({.to = wire::mac("01:00:5e:00:00:01")}), DropReason::eth_not_for_us);
  rig.refuses(udp({.to = wire::mac("33:33:ff:00:00:03")}), DropReason::eth_not_for_us);
  rig.refuses(udp({.to = wire::mac("33:33:00:00:00:02")}), DropReason::eth_not_for_us);
  rig.refuses(udp({.from = wire::us}), DropReason::eth_bad_source);
  rig.refuses(udp({.from = MacAddress{}}), DropReason::eth_bad_source);
  rig.refuses(udp({.from = wire::mac("03:00:00:00:00:01")}), DropReason::eth_bad_source);
  rig.refuses(udp({.from = MacAddress::broadcast()}), DropReason::eth_bad_source);
  const unsigned type = GENERATE(0x0000u, 0x05dcu, 0x0801u, 0x88ccu, 0x9100u, 0xffffu);
  rig.refuses(wire::ethernet(type, wire::Bytes(60, 0)), DropReason::eth_type_unknown);
}

TEST_CASE("a good frame vouches for none that came another way", "[net][intake]") {
  Rig rig;
  rig.up();
  const wire::Bytes good = wire::udp_frame(wire::to_us4, {1});
  const auto after_good = [&](const wire::Bytes& frame, DropReason reason) {
    REQUIRE(rig.feed(good) == Intake::udp);
    rig.done();
    rig.refuses(frame, reason);
  };
  REQUIRE(rig.feed(good) == Intake::udp);
  rig.done();
  for (const unsigned bit : {1u, 0x10u, 0x80u}) {
    // Each byte of our MAC address, and of our address.
    for (std::size_t at = 0; at < 6; ++at) {
      wire::Bytes frame = good;
      frame[at] = static_cast<std::uint8_t>(frame[at] ^ bit);
      after_good(frame, DropReason::eth_not_for_us);
    }
  }
  after_good(wire::udp_frame(wire::to_us4, {1}, {.from = wire::us}), DropReason::eth_bad_source);
  after_good(wire::udp_frame(wire::to_us4, {1}, {.from = MacAddress{}}), DropReason::eth_bad_source);
  after_good(wire::udp_frame({them4, wire::ip("10.0.0.9")}, {1}), DropReason::ip4_not_for_us);
  after_good(wire::udp_frame({them4, wire::ip("11.0.0.2")}, {1}), DropReason::ip4_not_for_us);
  rig.refuses(good, DropReason::eth_vlan_unknown, 1);
}

TEST_CASE("ARP questions about us are answered", "[net][intake]") {
  Rig rig;
  rig.up();
  CHECK(rig.feed(wire::hex(vectors::arp_request_in)) == Intake::handled);
  const auto sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].port == 0);
  CHECK(sent[0].bytes == wire::hex(vectors::arp_reply_out));
  CHECK(sent[0].frame.l3_bytes == 0);
  CHECK(rig.drops.total() == 0);
  // The one who asked is known now: no question goes out before the answer to its datagram, one follows it.
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  CHECK(rig.send(path, {1}) == Stack::SendVerdict::ready);
}

TEST_CASE("an address probe is answered and learnt from nobody", "[net][intake]") {
  Rig rig;
  rig.up();
  CHECK(rig.feed(ask_us(wire::them, wire::ip("0.0.0.0"))) == Intake::handled);
  CHECK(rig.sent().size() == 1);
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  CHECK(rig.send(path, {1}) == Stack::SendVerdict::queued);
}

TEST_CASE("answers leave under the tags of the question", "[net][intake]") {
  Rig rig;
  rig.up();
  const wire::Link one{.to = MacAddress::broadcast(), .tags = {100}};
  CHECK(rig.feed(arp_frame(wire::arp(1, wire::them, wire::ip("10.1.0.1"), {}, wire::ip("10.1.0.2")), one)) ==
        Intake::handled);
  const wire::Link two{.to = MacAddress::broadcast(), .tags = {100, 200}};
  CHECK(rig.feed(arp_frame(wire::arp(1, wire::them, wire::ip("10.2.0.1"), {}, wire::ip("10.2.0.2")), two), 1) ==
        Intake::handled);
  const auto sent = rig.sent();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].bytes == arp_frame(wire::arp(2, wire::us, wire::ip("10.1.0.2"), wire::them, wire::ip("10.1.0.1")),
                                   {.to = wire::them, .from = wire::us, .tags = {100}}));
  CHECK(sent[1].port == 1);
  CHECK(sent[1].bytes == arp_frame(wire::arp(2, wire::us, wire::ip("10.2.0.2"), wire::them, wire::ip("10.2.0.1")),
                                   {.to = wire::them, .from = wire::us, .tags = {100, 200}, .outer_type = 0x88a8}));
}

TEST_CASE("ARP that is wrong, not for us, from nobody or unasked", "[net][intake]") {
  Rig rig;
  rig.up();
  const wire::Bytes good = wire::arp(1, wire::them, them4, {}, us4);
  wire::Bytes bad = good;
  wire::put16(bad, 6, 3);
  rig.refuses(arp_frame(bad), DropReason::arp_malformed);
  rig.refuses(arp_frame({good.begin(), good.end() - 1}), DropReason::arp_malformed);
  rig.refuses(arp_frame(wire::arp(1, wire::them, them4, {}, wire::ip("10.0.0.9"))), DropReason::arp_not_for_us);
  rig.refuses(arp_frame(wire::arp(2, wire::them, them4, wire::us, wire::ip("10.1.0.2"))), DropReason::arp_not_for_us);
  // Gratuitous ARP.
  rig.refuses(arp_frame(wire::arp(1, wire::them, them4, {}, them4), {.to = MacAddress::broadcast()}),
              DropReason::arp_not_for_us);
  rig.refuses(ask_us(wire::us, them4), DropReason::arp_bad_sender);
  rig.refuses(ask_us(MacAddress{}, them4), DropReason::arp_bad_sender);
  rig.refuses(ask_us(MacAddress::broadcast(), them4), DropReason::arp_bad_sender);
  for (const char* sender :
       {"10.0.0.2", "10.1.0.2", "10.0.1.1", "10.0.0.255", "127.0.0.1", "224.0.0.1", "255.255.255.255"}) {
    rig.refuses(ask_us(wire::them, wire::ip(sender)), DropReason::arp_bad_sender);
  }
  rig.refuses(arp_frame(wire::arp(2, wire::them, wire::ip("0.0.0.0"), wire::us, us4)), DropReason::arp_bad_sender);
  rig.refuses(arp_frame(wire::arp(2, wire::them, them4, wire::us, us4)), DropReason::arp_unasked);
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  CHECK(rig.send(path, {1}) == Stack::SendVerdict::queued);
}

TEST_CASE("an ARP answer to everybody answers nobody's question", "[net][intake]") {
  Rig rig;
  rig.up();
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  CHECK(rig.send(path, {1}) == Stack::SendVerdict::queued);
  CHECK(rig.sent().size() == 1);
  rig.refuses(arp_frame(wire::arp(2, wire::them, them4, wire::us, us4), {.to = MacAddress::broadcast()}),
              DropReason::arp_unasked);
}

TEST_CASE("IPv4 packets that are refused", "[net][intake]") {
  Rig rig;
  rig.up();
  REQUIRE(rig.feed(with_ip4(4, 0)) == Intake::udp);
  rig.done();
  rig.refuses(with_ip4(0, 0x4400), DropReason::ip4_malformed);
  rig.refuses(with_ip4(2, 1500), DropReason::ip4_malformed);
  rig.refuses(wire::ethernet(0x0800, {}), DropReason::ip4_malformed);
  wire::Bytes flipped = wire::udp_frame(wire::to_us4, {1});
  flipped[22] ^= 1;
  rig.refuses(flipped, DropReason::ip4_bad_checksum);
  rig.refuses(with_ip4(6, 0x2000), DropReason::ip4_fragment);
  rig.refuses(with_ip4(6, 0x0001), DropReason::ip4_fragment);
  for (const char* source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
                             "10.0.0.255", "10.0.0.2", "10.0.0.3", "10.1.0.2"}) {
    rig.refuses(wire::udp_frame({wire::ip(source), us4}, {1}), DropReason::ip4_bad_source);
  }
  for (const char* destination :
       {"10.0.0.4", "10.1.0.2", "10.0.0.255", "255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0"}) {
    rig.refuses(wire::udp_frame({them4, wire::ip(destination)}, {1}), DropReason::ip4_not_for_us);
  }
  // To our address, but to everybody on the link (RFC 1122, 3.3.6).
  rig.refuses(wire::udp_frame(wire::to_us4, {1}, {.to = MacAddress::broadcast()}), DropReason::ip4_not_for_us);
  rig.refuses(wire::icmp_frame(wire::to_us4, wire::echo(8, {}), {.to = MacAddress::broadcast()}),
              DropReason::ip4_not_for_us);
  for (const unsigned protocol : {0u, 2u, 6u, 58u, 132u, 255u}) {
    rig.refuses(wire::packet_frame({them4, us4, protocol}, wire::Bytes(20, 0)), DropReason::ip_protocol_unknown);
  }
}

TEST_CASE("IPv6 packets that are refused", "[net][intake]") {
  Rig rig;
  rig.up();
  wire::Bytes bad = wire::udp_frame(wire::to_us6, {1});
  bad[14] = 0x40;
  rig.refuses(bad, DropReason::ip6_malformed);
  bad = wire::udp_frame(wire::to_us6, {1});
  wire::put16(bad, 18, 1000);
  rig.refuses(bad, DropReason::ip6_malformed);
  rig.refuses(wire::ethernet(0x86dd, wire::ip6(wire::to_us6, {17, 9, 0, 0, 0, 0, 0, 0}, 60)),
              DropReason::ip6_bad_extension);
  rig.refuses(wire::ethernet(0x86dd, wire::ip6(wire::to_us6, {17, 0, 0, 0, 0, 0, 0, 1}, 44)), DropReason::ip6_fragment);
  for (const char* source : {"::", "::1", "ff02::1", "fd77::2", "fd78::2"}) {
    rig.refuses(wire::udp_frame({wire::ip(source), us6}, {1}), DropReason::ip6_bad_source);
  }
  rig.refuses(wire::ethernet(0x86dd, wire::ip6({them4, us6}, wire::udp(wire::to_us6, {1}))),
              DropReason::ip6_bad_source);
  // Without a source only a probe may come.
  rig.refuses(wire::icmp_frame({IpAddress{}, us6}, wire::echo(128, {})), DropReason::ip6_bad_source);
  for (const char* destination : {"fd77::3", "fd78::2", "ff02::2", "ff02::1:ff00:3", "::1", "::"}) {
    rig.refuses(wire::udp_frame({them6, wire::ip(destination)}, {1}), DropReason::ip6_not_for_us);
  }
  rig.refuses(wire::udp_frame({them6, wire::ip("ff02::1")}, {1}, {.to = all_nodes_mac}), DropReason::ip6_not_for_us);
  rig.refuses(wire::udp_frame(wire::to_us6, {1}, {.to = all_nodes_mac}), DropReason::ip6_not_for_us);
  rig.refuses(wire::ethernet(0x86dd, wire::ip6({them6, us4}, {1})), DropReason::ip6_not_for_us);
  for (const unsigned protocol : {1u, 6u, 59u, 132u, 253u}) {
    rig.refuses(wire::packet_frame({them6, us6, protocol}, wire::Bytes(20, 0)), DropReason::ip_protocol_unknown);
  }
}

TEST_CASE("UDP that is refused", "[net][intake]") {
  Rig rig;
  rig.up();
  const wire::Ip ip = GENERATE(wire::to_us4, wire::to_us6);
  const wire::Bytes good = wire::udp(ip, {1, 2, 3});
  wire::Bytes bad = good;
  wire::put16(bad, 4, 12);
  rig.refuses(wire::packet_frame(ip, bad), DropReason::udp_malformed);
  rig.refuses(wire::packet_frame(ip, {1, 2, 3}), DropReason::udp_malformed);
  rig.refuses(wire::packet_frame(ip, {}), DropReason::udp_malformed);
  bad = good;
  bad[9] ^= 0x80;
  rig.refuses(wire::packet_frame(ip, bad), DropReason::udp_bad_checksum);
  RxFrame said_bad = rig.frame_of(wire::packet_frame(ip, good));
  said_bad.l4_checksum = ChecksumState::bad;
  rig.refuses(std::move(said_bad), DropReason::udp_bad_checksum);
  rig.refuses(wire::packet_frame(ip, wire::udp(ip, {}, 0, 4000)), DropReason::udp_zero_port);
  rig.refuses(wire::packet_frame(ip, wire::udp(ip, {}, 5000, 0)), DropReason::udp_zero_port);
  bad = good;
  wire::put16(bad, 6, 0);
  if (ip.to.is_v4()) {
    CHECK(rig.feed(wire::packet_frame(ip, bad)) == Intake::udp);
    rig.done();
  } else {
    rig.refuses(wire::packet_frame(ip, bad), DropReason::udp_no_checksum6);
  }
}

TEST_CASE("a port's good word is believed, and a local peer's partial sum is let through", "[net][intake]") {
  StackConfig config = rig_config();
  config.rx_checksum[1] = RxChecksumPolicy::trust_local;
  Rig rig(config);
  rig.up();
  // What a veth's sender leaves: the sum of the pseudo-header only.
  wire::Bytes partial = wire::udp(wire::to_us4, {1, 2, 3});
  wire::put16(partial, 6, ~wire::checksum(wire::pseudo(wire::to_us4, partial.size())) & 0xffff);
  rig.refuses(wire::packet_frame(wire::to_us4, partial), DropReason::udp_bad_checksum);
  RxFrame said_good = rig.frame_of(wire::packet_frame(wire::to_us4, partial));
  said_good.l4_checksum = ChecksumState::good;
  CHECK(rig.feed(std::move(said_good)) == Intake::udp);

  const wire::Ip to_twice{wire::ip("10.2.0.1"), wire::ip("10.2.0.2")};
  const wire::Link tags{.tags = {100, 200}};
  CHECK(rig.feed(wire::packet_frame(to_twice, partial, tags), 1) == Intake::udp);
  rig.done();
  // The header's own sum is still looked at.
  wire::Bytes bad = wire::packet_frame(to_twice, partial, tags);
  bad[30] ^= 1;
  rig.refuses(bad, DropReason::ip4_bad_checksum, 1);
}

TEST_CASE("nothing is answered when no block is free, and the rest goes on", "[net][intake]") {
  Rig rig;
  rig.up();
  rig.pool.keep_back(rig.pool.capacity());
  rig.loses_answer(wire::hex(vectors::arp_request_in), DropReason::no_tx_block);
  rig.loses_answer(wire::hex(vectors::ns_in), DropReason::no_tx_block);
  rig.loses_answer(wire::hex(vectors::ping4_in), DropReason::no_tx_block);
  rig.loses_answer(wire::hex(vectors::ping6_in), DropReason::no_tx_block);
  CHECK(rig.feed(wire::hex(vectors::udp4_in)) == Intake::udp);
  rig.done();
  rig.pool.keep_back(0);
  CHECK(rig.feed(wire::hex(vectors::arp_request_in)) == Intake::handled);
  CHECK(rig.sent().size() == 1);
}

TEST_CASE("answers that nobody fetches are bounded", "[net][intake]") {
  StackConfig config = rig_config();
  HeapPool pool(256, 2000);
  DropCounters drops;
  HeapMemory memory(Stack::cost(config));
  Arena arena(memory.bytes());
  {
    Stack stack(arena, config, pool, drops, SipKey{}, Rng(1));
    HeapPool rx(2048, 1);
    for (int i = 0; i < 1500; ++i) {
      const wire::Bytes bytes = wire::hex(vectors::arp_request_in);
      RxFrame frame;
      frame.bytes = Segment::adopt(rx.allocate(), 0, static_cast<std::uint32_t>(bytes.size()));
      std::copy(bytes.begin(), bytes.end(), frame.bytes.writable().begin());
      Packet packet;
      CHECK(stack.take_in(0, frame, packet, Instant::at_us(1)) == Intake::handled);
    }
    CHECK(pool.available() == pool.capacity() - 512);
    CHECK(drops.of(DropReason::no_tx_block) == 1500 - 512);
    CHECK(drops.total() == 1500 - 512);
  }
  CHECK(pool.whole());
}

TEST_CASE("what is routed to a local prefix is taken in and answered, but not asked for on the link", "[net][intake]") {
  StackConfig config = rig_config();
  config.interfaces[0].local_prefixes = {*parse_prefix("10.128.0.0/9"), *parse_prefix("fd99::/64")};
  Rig rig(config);
  rig.up();
  const auto [from, to] =
      GENERATE(table<const char*, const char*>({{"10.0.0.1", "10.130.1.2"}, {"fd77::1", "fd99::1:2"}}));
  const wire::Ip routed{wire::ip(from), wire::ip(to)};
  REQUIRE(rig.feed(wire::udp_frame(routed, {1})) == Intake::udp);
  CHECK(rig.packet.path.local.address == routed.to);
  Path back = rig.packet.path;
  rig.done();
  // The answer leaves from there.
  CHECK(rig.send(back, {1}) != Stack::SendVerdict::dropped);
  CHECK(rig.stack.owns(0, routed.to));
  CHECK_FALSE(rig.stack.owns(1, routed.to));
  const unsigned echo_request = routed.to.is_v4() ? 8 : 128;
  CHECK(rig.feed(wire::icmp_frame(routed, wire::echo(echo_request, {1, 2}))) == Intake::handled);
  // A stranger that claims to be one of us is refused.
  const wire::Ip forged{routed.to, wire::ip(routed.to.is_v4() ? "10.0.0.2" : "fd77::2")};
  rig.sent();
  rig.refuses(wire::udp_frame(forged, {1}),
              routed.to.is_v4() ? DropReason::ip4_bad_source : DropReason::ip6_bad_source);
  if (routed.to.is_v4()) {
    rig.refuses(wire::ethernet(0x0806, wire::arp(1, wire::them, wire::ip("10.0.0.1"), {}, routed.to)),
                DropReason::arp_not_for_us);
  }
}
