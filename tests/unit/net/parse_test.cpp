// Parse: valid frames in every dress (tags, options, extension headers, padding), and for each check the nearest frame that
// fails it. Each layer is asked by itself; what whole frames do is in stack_intake_test.cpp.
#include <catch2/catch.hpp>

#include "net/parse.hpp"
#include "vectors.hpp"
#include "wire.hpp"

using namespace penstock::net;

namespace {

template <class T>
DropReason refusal(const Parsed<T>& parsed) {
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error();
}

wire::Bytes extension(unsigned next, const wire::Bytes& body) {
  return wire::join({{static_cast<std::uint8_t>(next), static_cast<std::uint8_t>((body.size() - 6) / 8)}, body});
}
const wire::Bytes padding = {1, 4, 0, 0, 0, 0};  // PadN over the rest of the eight bytes

Parsed<IpHeader> ip6_with(int first, const wire::Bytes& behind) {
  return parse_ip6(wire::ip6(wire::to_us6, behind, first));
}

}  // namespace

TEST_CASE("Ethernet with none, one and two tags", "[net][parse]") {
  const auto plain = parse_ethernet(wire::ethernet(0x0800, {}));
  REQUIRE(plain);
  CHECK(plain->destination == wire::us);
  CHECK(plain->source == wire::them);
  CHECK(plain->type == 0x0800);
  CHECK(plain->l2_bytes == 14);
  CHECK(plain->tags == TagStack{});

  const auto one = parse_ethernet(wire::ethernet(0x86dd, {}, {.tags = {0xe064}}));
  REQUIRE(one);
  CHECK(one->tags == TagStack{1, {100, 0}});
  CHECK(one->l2_bytes == 18);

  const unsigned outer = GENERATE(0x8100u, 0x88a8u);
  const auto two = parse_ethernet(wire::ethernet(0x0806, {}, {.tags = {100, 200}, .outer_type = outer}));
  REQUIRE(two);
  CHECK(two->tags == TagStack{2, {100, 200}});
  CHECK(two->type == 0x0806);
  CHECK(two->l2_bytes == 22);
}

TEST_CASE("a tag with VLAN id 0 carries a priority only", "[net][parse]") {
  const auto alone = parse_ethernet(wire::ethernet(0x0800, {}, {.tags = {0xe000}}));
  REQUIRE(alone);
  CHECK(alone->tags == TagStack{});
  CHECK(alone->l2_bytes == 18);
  const auto inner = parse_ethernet(wire::ethernet(0x0800, {}, {.tags = {0, 7}}));
  REQUIRE(inner);
  CHECK(inner->tags == TagStack{1, {7, 0}});
}

TEST_CASE("Ethernet that ends early or has a third tag is refused", "[net][parse]") {
  const wire::Bytes whole = wire::ethernet(0x0800, {}, {.tags = {100, 200}});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CHECK(refusal(parse_ethernet(Bytes(whole).first(length))) == DropReason::eth_too_short);
  }
  CHECK(refusal(parse_ethernet(wire::ethernet(0x0800, {0, 0}, {.tags = {1, 2, 3}}))) == DropReason::eth_vlan_unknown);
}

TEST_CASE("IPv4 with options and Ethernet padding", "[net][parse]") {
  const wire::Bytes options = GENERATE(wire::Bytes{}, wire::Bytes{1, 1, 1, 0}, wire::Bytes(40, 1));
  wire::Bytes packet = wire::ip4(wire::to_us4, {1, 2, 3}, 0x4000, options);
  const std::size_t total = packet.size();
  packet.resize(total + 20, 0xee);
  const auto ip = parse_ip4(packet, ChecksumState::unknown);
  REQUIRE(ip);
  CHECK(ip->is_v4);
  CHECK(ip->source == wire::ip("10.0.0.1"));
  CHECK(ip->destination == wire::ip("10.0.0.2"));
  CHECK(ip->protocol == 17);
  CHECK(ip->hop_limit == 64);
  CHECK(ip->header_bytes == 20 + options.size());
  CHECK(ip->total_bytes == total);
}

TEST_CASE("IPv4 headers that do not fit are refused", "[net][parse]") {
  const wire::Bytes good = wire::ip4(wire::to_us4, {1, 2, 3});
  for (std::size_t length = 0; length < good.size(); ++length) {
    CHECK(refusal(parse_ip4(Bytes(good).first(length), ChecksumState::good)) == DropReason::ip4_malformed);
  }
  const auto with_first = [&](std::uint8_t byte) {
    wire::Bytes bad = good;
    bad[0] = byte;
    return bad;
  };
  const auto first = GENERATE(as<std::uint8_t>{}, 0x00, 0x44, 0x46, 0x4f, 0x55, 0x65);
  CHECK(refusal(parse_ip4(with_first(first), ChecksumState::good)) == DropReason::ip4_malformed);
  wire::Bytes bad = good;
  const unsigned total = GENERATE(0u, 19u, 24u, 0xffffu);
  wire::put16(bad, 2, total);
  CHECK(refusal(parse_ip4(bad, ChecksumState::good)) == DropReason::ip4_malformed);
}

TEST_CASE("the IPv4 checksum is the port's word, or looked up", "[net][parse]") {
  const wire::Bytes good = wire::ip4(wire::to_us4, {1, 2, 3});
  wire::Bytes bad = good;
  bad[8] = 63;
  CHECK(parse_ip4(good, ChecksumState::unknown));
  CHECK(refusal(parse_ip4(bad, ChecksumState::unknown)) == DropReason::ip4_bad_checksum);
  CHECK(parse_ip4(bad, ChecksumState::good));
  CHECK(refusal(parse_ip4(good, ChecksumState::bad)) == DropReason::ip4_bad_checksum);
}

TEST_CASE("IPv4 fragments are refused, \"don't fragment\" is not", "[net][parse]") {
  const auto [field, passes] = GENERATE(table<unsigned, bool>({{0x0000, true},
                                                               {0x4000, true},
                                                               {0x8000, true},
                                                               {0x2000, false},
                                                               {0x0001, false},
                                                               {0x1fff, false},
                                                               {0x6000, false}}));
  const auto ip = parse_ip4(wire::ip4(wire::to_us4, {1}, field), ChecksumState::unknown);
  CHECK(ip.has_value() == passes);
  if (!passes) CHECK(refusal(ip) == DropReason::ip4_fragment);
}

TEST_CASE("IPv6 without extension headers", "[net][parse]") {
  wire::Bytes packet = wire::ip6(wire::to_us6, {1, 2, 3});
  packet[0] = 0x6f;  // traffic class and flow label are anybody's
  packet.resize(packet.size() + 9, 0xee);
  const auto ip = parse_ip6(packet);
  REQUIRE(ip);
  CHECK_FALSE(ip->is_v4);
  CHECK(ip->source == wire::ip("fd77::1"));
  CHECK(ip->destination == wire::ip("fd77::2"));
  CHECK(ip->protocol == 17);
  CHECK(ip->header_bytes == 40);
  CHECK(ip->total_bytes == 43);
}

TEST_CASE("IPv6 headers that do not fit are refused", "[net][parse]") {
  const wire::Bytes good = wire::ip6(wire::to_us6, {1, 2, 3});
  for (std::size_t length = 0; length < good.size(); ++length) {
    CHECK(refusal(parse_ip6(Bytes(good).first(length))) == DropReason::ip6_malformed);
  }
  wire::Bytes bad = good;
  bad[0] = GENERATE(as<std::uint8_t>{}, 0x00, 0x45, 0x50, 0x70);
  CHECK(refusal(parse_ip6(bad)) == DropReason::ip6_malformed);
}

TEST_CASE("mapped addresses do not pass for IPv4", "[net][parse]") {
  CHECK(refusal(parse_ip6(wire::ip6({wire::ip("10.0.0.1"), wire::ip("fd77::2")}, {1}))) == DropReason::ip6_bad_source);
  CHECK(refusal(parse_ip6(wire::ip6({wire::ip("fd77::1"), wire::ip("10.0.0.2")}, {1}))) == DropReason::ip6_not_for_us);
}

TEST_CASE("extension headers are walked to the payload", "[net][parse]") {
  const wire::Bytes spent_routing = {2, 0, 0, 0, 0, 0};
  const wire::Bytes chain =
      wire::join({extension(60, padding), extension(43, padding), extension(17, spent_routing), {9, 9}});
  const auto ip = ip6_with(0, chain);
  REQUIRE(ip);
  CHECK(ip->protocol == 17);
  CHECK(ip->header_bytes == 64);
  CHECK(ip->total_bytes == 66);
  // A router alert (RFC 2711) and other options that may be skipped do no harm.
  CHECK(ip6_with(0, extension(58, {5, 2, 0, 0, 0, 0})));
  CHECK(ip6_with(60, extension(17, {0x3e, 1, 7, 1, 1, 0})));
}

TEST_CASE("at most eight extension headers are walked", "[net][parse]") {
  wire::Bytes eight;
  for (int i = 0; i < 8; ++i) eight = wire::join({extension(i == 0 ? 17u : 60u, padding), eight});
  CHECK(ip6_with(60, eight));
  CHECK(refusal(ip6_with(60, wire::join({extension(60, padding), eight}))) == DropReason::ip6_bad_extension);
}

TEST_CASE("extension headers that are cut short, unknown or out of place are refused", "[net][parse]") {
  const DropReason reason = DropReason::ip6_bad_extension;
  for (std::size_t length = 0; length < 8; ++length) {
    CHECK(refusal(ip6_with(60, wire::Bytes(length, 0))) == reason);
  }
  // Longer than the packet.
  CHECK(refusal(ip6_with(60, {17, 1, 1, 4, 0, 0, 0, 0})) == reason);
  // Hop-by-hop behind another header.
  CHECK(refusal(ip6_with(60, wire::join({extension(0, padding), extension(17, padding)}))) == reason);
  // Options that are cut short, or that demand to drop the packet when unknown.
  CHECK(refusal(ip6_with(60, extension(17, {1, 5, 0, 0, 0, 0}))) == reason);
  CHECK(refusal(ip6_with(60, extension(17, {0, 0, 0, 0, 0, 1}))) == reason);
  const auto demanding = GENERATE(as<std::uint8_t>{}, 0x41, 0x81, 0xc2);
  CHECK(refusal(ip6_with(0, extension(17, {demanding, 4, 0, 0, 0, 0}))) == reason);
  // Routing with segments left, and type 0.
  CHECK(refusal(ip6_with(43, extension(17, {2, 1, 0, 0, 0, 0}))) == reason);
  CHECK(refusal(ip6_with(43, extension(17, {0, 0, 0, 0, 0, 0}))) == reason);
  // ESP, AH, mobility, HIP, shim6.
  const int other = GENERATE(50, 51, 135, 139, 140);
  CHECK(refusal(ip6_with(other, extension(17, padding))) == reason);
}

TEST_CASE("IPv6 fragments are refused wherever they stand", "[net][parse]") {
  const wire::Bytes atomic = {17, 0, 0, 0, 0, 0, 0, 1};
  CHECK(refusal(ip6_with(44, atomic)) == DropReason::ip6_fragment);
  CHECK(refusal(ip6_with(0, wire::join({extension(44, padding), atomic}))) == DropReason::ip6_fragment);
}

TEST_CASE("UDP of both families, also empty and odd", "[net][parse]") {
  const wire::Ip header = GENERATE(wire::to_us4, wire::to_us6);
  const std::size_t size = GENERATE(0u, 1u, 2u, 63u);
  wire::Bytes datagram = wire::udp(header, wire::Bytes(size, 0xab));
  datagram.resize(datagram.size() + 3, 0xee);  // surplus behind the UDP length is nobody's
  IpHeader ip;
  ip.source = header.from;
  ip.destination = header.to;
  ip.is_v4 = header.to.is_v4();
  const auto udp = parse_udp(datagram, ip, ChecksumState::unknown, RxChecksumPolicy::verify);
  REQUIRE(udp);
  CHECK(udp->source_port == 5000);
  CHECK(udp->destination_port == 4000);
  CHECK(udp->length == 8 + size);
}

TEST_CASE("the UDP checksum: the port's word, the policy, and both zeros", "[net][parse]") {
  const wire::Ip header = GENERATE(wire::to_us4, wire::to_us6);
  IpHeader ip;
  ip.source = header.from;
  ip.destination = header.to;
  ip.is_v4 = header.to.is_v4();
  const wire::Bytes good = wire::udp(header, {1, 2, 3});
  wire::Bytes bad = good;
  bad[8] ^= 0x10;
  wire::Bytes none = good;
  wire::put16(none, 6, 0);
  const auto unknown = ChecksumState::unknown;
  const auto verify = RxChecksumPolicy::verify;
  const auto trust = RxChecksumPolicy::trust_local;
  CHECK(parse_udp(good, ip, unknown, verify));
  CHECK(refusal(parse_udp(bad, ip, unknown, verify)) == DropReason::udp_bad_checksum);
  CHECK(parse_udp(bad, ip, ChecksumState::good, verify));
  CHECK(refusal(parse_udp(good, ip, ChecksumState::bad, verify)) == DropReason::udp_bad_checksum);
  CHECK(parse_udp(bad, ip, unknown, trust));
  CHECK(parse_udp(bad, ip, ChecksumState::bad, trust));
  for (const auto state : {unknown, ChecksumState::good, ChecksumState::bad}) {
    for (const auto policy : {verify, trust}) {
      const auto parsed = parse_udp(none, ip, state, policy);
      CHECK(parsed.has_value() == ip.is_v4);
      if (!ip.is_v4) CHECK(refusal(parsed) == DropReason::udp_no_checksum6);
    }
  }
}

TEST_CASE("a computed zero is verified as all ones", "[net][parse]") {
  const wire::Ip header{wire::ip("10.0.0.2"), wire::ip("10.0.0.1")};
  const wire::Bytes datagram = wire::udp(header, {0xc8, 0xaf}, 4000, 5000);
  CHECK(datagram[6] == 0xff);
  CHECK(datagram[7] == 0xff);
  IpHeader ip;
  ip.source = header.from;
  ip.destination = header.to;
  ip.is_v4 = true;
  CHECK(parse_udp(datagram, ip, ChecksumState::unknown, RxChecksumPolicy::verify));
}

TEST_CASE("UDP lengths and ports that cannot be are refused", "[net][parse]") {
  IpHeader ip;
  ip.source = wire::to_us4.from;
  ip.destination = wire::to_us4.to;
  ip.is_v4 = true;
  const auto parse = [&](const wire::Bytes& datagram) {
    return parse_udp(datagram, ip, ChecksumState::good, RxChecksumPolicy::verify);
  };
  const wire::Bytes good = wire::udp(wire::to_us4, {1, 2, 3});
  for (std::size_t length = 0; length < good.size(); ++length) {
    CHECK(refusal(parse(wire::Bytes(good.begin(), good.begin() + static_cast<long>(length)))) ==
          DropReason::udp_malformed);
  }
  wire::Bytes bad = good;
  wire::put16(bad, 4, GENERATE(0u, 7u, 12u, 0xffffu));
  CHECK(refusal(parse(bad)) == DropReason::udp_malformed);
  CHECK(refusal(parse(wire::udp(wire::to_us4, {}, 0, 4000))) == DropReason::udp_zero_port);
  CHECK(refusal(parse(wire::udp(wire::to_us4, {}, 5000, 0))) == DropReason::udp_zero_port);
}

TEST_CASE("what others made reads as they meant it", "[net][parse]") {
  const wire::Bytes frame = wire::hex(vectors::udp6_vlan_out);
  const auto ethernet = parse_ethernet(frame);
  REQUIRE(ethernet);
  CHECK(ethernet->tags == TagStack{1, {100, 0}});
  const auto ip = parse_ip6(Bytes(frame).subspan(ethernet->l2_bytes));
  REQUIRE(ip);
  const Bytes datagram = Bytes(frame).subspan(ethernet->l2_bytes).first(ip->total_bytes).subspan(ip->header_bytes);
  const auto udp = parse_udp(datagram, *ip, ChecksumState::unknown, RxChecksumPolicy::verify);
  REQUIRE(udp);
  CHECK(udp->source_port == 4000);
  CHECK(udp->length == 15);
}
