// Build: frames byte by byte against vectors made elsewhere, with folded and linked payloads, software sums and the port's;
// and round trips of random datagrams through parse.
#include <catch2/catch.hpp>

#include "base/rng.hpp"
#include "buf/arena_pool.hpp"
#include "net/build.hpp"
#include "net/checksum.hpp"
#include "net/parse.hpp"
#include "net/stack.hpp"
#include "vectors.hpp"
#include "wire.hpp"

using namespace penstock;
using namespace penstock::net;

namespace {

struct Workshop {
  HeapPool pool{2048, 8};

  OutDatagram datagram(const wire::Bytes& data, std::uint32_t copy_break = 2048) {
    OutDatagram out(pool.allocate(), headroom_bytes, 1800, copy_break);
    std::copy(data.begin(), data.end(), out.header(static_cast<std::uint32_t>(data.size())));
    return out;
  }
  Segment segment(const wire::Bytes& data) {
    Segment whole = Segment::adopt(pool.allocate(), 0, static_cast<std::uint32_t>(data.size()));
    std::copy(data.begin(), data.end(), whole.writable().begin());
    return whole;
  }
};

wire::Bytes flat(const TxFrame& frame) {
  const auto head = frame.head.bytes();
  const auto link = frame.link.bytes();
  wire::Bytes bytes(head.begin(), head.end());
  bytes.insert(bytes.end(), link.begin(), link.end());
  return bytes;
}

TxFrame built(OutDatagram&& datagram, const LinkHeader& link, const Endpoint& from, const Endpoint& to,
              const PortTraits& traits) {
  TxFrame frame;
  build_udp(datagram, link, from, to, traits, frame);
  return frame;
}

wire::Bytes text(std::string_view letters) { return {letters.begin(), letters.end()}; }

const Endpoint us4{wire::ip("10.0.0.2"), 4000};
const Endpoint them4{wire::ip("10.0.0.1"), 5000};
const Endpoint us6{wire::ip("fd77::2"), 4000};
const Endpoint them6{wire::ip("fd77::1"), 5000};

}  // namespace

TEST_CASE("frames are byte for byte what others make", "[net][build]") {
  Workshop shop;
  const LinkHeader plain{wire::them, wire::us, {}};
  const LinkHeader one{wire::them, wire::us, {1, {100, 0}}};
  const LinkHeader two{wire::them, wire::us, {2, {100, 200}}};
  CHECK(flat(built(shop.datagram(text("penstock")), plain, us4, them4, {})) == wire::hex(vectors::udp4_out));
  CHECK(flat(built(shop.datagram(text("penstock")), two, us4, them4, {})) == wire::hex(vectors::udp4_qinq_out));
  CHECK(flat(built(shop.datagram(text("penstoc")), plain, us6, them6, {})) == wire::hex(vectors::udp6_out));
  CHECK(flat(built(shop.datagram(text("penstoc")), one, us6, them6, {})) == wire::hex(vectors::udp6_vlan_out));
  CHECK(shop.pool.whole());
}

TEST_CASE("a linked payload is summed but not copied", "[net][build]") {
  Workshop shop;
  // An odd header, so that the link begins in the middle of a word of the sum.
  OutDatagram datagram = shop.datagram(text("pen"), 0);
  const Segment payload = shop.segment(text("stock"));
  datagram.append(payload);
  const TxFrame frame = built(std::move(datagram), {wire::them, wire::us, {}}, us4, them4, {});
  CHECK(frame.link.block() == payload.block());
  CHECK(frame.bytes() == 50);
  CHECK(flat(frame) == wire::hex(vectors::udp4_out));
}

TEST_CASE("the frame tells the port where its headers lie", "[net][build]") {
  Workshop shop;
  const TxFrame v4 = built(shop.datagram({1}), {wire::them, wire::us, {2, {1, 2}}}, us4, them4, {});
  CHECK(v4.l2_bytes == 22);
  CHECK(v4.l3_bytes == 20);
  CHECK(v4.is_v4);
  CHECK_FALSE(v4.offload_ip_checksum);
  CHECK_FALSE(v4.offload_udp_checksum);
  const TxFrame v6 = built(shop.datagram({1}), {wire::them, wire::us, {}}, us6, them6, {});
  CHECK(v6.l2_bytes == 14);
  CHECK(v6.l3_bytes == 40);
  CHECK_FALSE(v6.is_v4);
}

TEST_CASE("what the port offers is left to it, begun with the pseudo-header's sum", "[net][build]") {
  Workshop shop;
  const PortTraits offers{.tx_ip_checksum = true, .tx_udp_checksum = true};
  const TxFrame frame = built(shop.datagram(text("penstock")), {wire::them, wire::us, {}}, us4, them4, offers);
  CHECK(frame.offload_ip_checksum);
  CHECK(frame.offload_udp_checksum);
  wire::Bytes expected = wire::hex(vectors::udp4_out);
  wire::put16(expected, 24, 0);
  wire::put16(expected, 40, ~wire::checksum(wire::pseudo({us4.address, them4.address, 17, 64}, 16)) & 0xffff);
  CHECK(flat(frame) == expected);

  const TxFrame v6 = built(shop.datagram(text("penstoc")), {wire::them, wire::us, {}}, us6, them6, offers);
  CHECK_FALSE(v6.offload_ip_checksum);
  CHECK(v6.offload_udp_checksum);
}

TEST_CASE("a UDP sum of zero leaves as all ones", "[net][build]") {
  Workshop shop;
  const wire::Bytes frame = flat(built(shop.datagram({0xc8, 0xaf}), {wire::them, wire::us, {}}, us4, them4, {}));
  CHECK(frame[40] == 0xff);
  CHECK(frame[41] == 0xff);
}

TEST_CASE("random datagrams come back through parse as they were sent", "[net][build]") {
  const std::uint64_t seed = 0xb1d;
  Rng rng(seed);
  INFO("seed " << seed);
  Workshop shop;
  for (int i = 0; i < 5000; ++i) {
    wire::Bytes header(rng.below(40), 0);
    wire::Bytes payload(rng.below(600), 0);
    for (auto& byte : header) byte = static_cast<std::uint8_t>(rng.next());
    for (auto& byte : payload) byte = static_cast<std::uint8_t>(rng.next());
    const bool v4 = rng.below(2) == 0;
    Endpoint from = v4 ? us4 : us6;
    Endpoint to = v4 ? them4 : them6;
    from.port = static_cast<std::uint16_t>(rng.between(1, 65535));
    to.port = static_cast<std::uint16_t>(rng.between(1, 65535));
    TagStack tags;
    tags.count = static_cast<std::uint16_t>(rng.below(3));
    for (std::size_t t = 0; t < tags.count; ++t) tags.vlan[t] = static_cast<std::uint16_t>(rng.between(1, 4094));

    OutDatagram datagram = shop.datagram(header, static_cast<std::uint32_t>(rng.below(600)));
    if (!payload.empty()) datagram.append(shop.segment(payload));
    const wire::Bytes bytes = flat(built(std::move(datagram), {wire::them, wire::us, tags}, from, to, {}));

    const auto ethernet = parse_ethernet(bytes);
    REQUIRE(ethernet);
    REQUIRE(ethernet->tags == tags);
    REQUIRE(ethernet->destination == wire::them);
    const Bytes rest = Bytes(bytes).subspan(ethernet->l2_bytes);
    const auto ip = v4 ? parse_ip4(rest, ChecksumState::unknown) : parse_ip6(rest);
    REQUIRE(ip);
    REQUIRE(ip->source == from.address);
    REQUIRE(ip->destination == to.address);
    REQUIRE(ip->total_bytes == rest.size());
    const Bytes message = rest.subspan(ip->header_bytes);
    const auto udp = parse_udp(message, *ip, ChecksumState::unknown, RxChecksumPolicy::verify);
    REQUIRE(udp);
    REQUIRE(udp->source_port == from.port);
    REQUIRE(udp->destination_port == to.port);
    const wire::Bytes got(message.begin() + 8, message.end());
    REQUIRE(got == wire::join({header, payload}));
    REQUIRE(shop.pool.whole());
  }
}
