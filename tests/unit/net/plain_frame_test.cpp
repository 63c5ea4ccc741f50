// Shows that a frame taken for a plain one is one: the layers' own parsers agree with it on every field, and every ordinary
// datagram is plain.
// How: good frames of every length, and the same with any bytes changed or cut, judged by both ways. And that the headers it
// writes are those that build_udp() would: random datagrams by either.
#include "net/plain_frame.hpp"

#include <catch2/catch.hpp>

#include "base/rng.hpp"
#include "buf/arena_pool.hpp"
#include "net/build.hpp"
#include "net/stack.hpp"
#include "wire.hpp"

using namespace penstock;
using namespace penstock::net;

namespace {

bool is_good_plain(Bytes frame) {
  return looks_plain(frame) && plain_ip_sum_holds(frame) && plain_udp_sum_holds(frame);
}

// What the parsers say of the same frame: nothing unless it is IPv4 and UDP without tags and good.
std::optional<UdpHeader> parsed(Bytes frame) {
  const auto ethernet = parse_ethernet(frame);
  if (!ethernet || ethernet->type != ethertype_ip4 || ethernet->l2_bytes != ethernet_bytes) return std::nullopt;
  const Bytes packet = frame.subspan(ethernet->l2_bytes);
  const auto ip = parse_ip4(packet, ChecksumState::unknown);
  if (!ip || ip->protocol != protocol_udp || ip->header_bytes != ip4_bytes) return std::nullopt;
  const auto udp = parse_udp(packet.first(ip->total_bytes).subspan(ip->header_bytes), *ip, ChecksumState::unknown,
                             RxChecksumPolicy::verify);
  if (!udp) return std::nullopt;
  return *udp;
}

wire::Bytes random_frame(Rng& rng) {
  wire::Bytes data(rng.below(200));
  for (auto& byte : data) byte = static_cast<std::uint8_t>(rng.next());
  wire::Bytes frame = wire::udp_frame(wire::to_us4, data);
  // Short frames are padded on the wire, and drivers may leave more behind.
  if (rng.chance_ppm(300'000)) frame.resize(frame.size() + rng.below(40), 0x77);
  return frame;
}

}  // namespace

TEST_CASE("plain headers are those that the long way writes", "[net][plain_frame]") {
  Rng rng(3);
  HeapPool pool(2048, 2);
  const auto endpoint = [&] {
    const auto word = std::bit_cast<std::array<std::uint8_t, 4>>(static_cast<std::uint32_t>(rng.next()));
    return Endpoint{IpAddress::v4(word), static_cast<std::uint16_t>(rng.next())};
  };
  for (int round = 0; round < 20'000; ++round) {
    const Endpoint from = endpoint();
    const Endpoint to = endpoint();
    wire::Bytes data(rng.below(300));
    for (auto& byte : data) byte = static_cast<std::uint8_t>(rng.next());
    if (data.size() >= 2 && rng.chance_ppm(200'000)) {
      // What makes the sum come to zero, which leaves as all ones.
      data[0] = data[1] = 0;
      const wire::Bytes udp = wire::udp({from.address, to.address, 17, 64}, data, from.port, to.port);
      wire::put16(data, 0, static_cast<unsigned>(udp[6] << 8 | udp[7]));
    }
    OutDatagram datagram(pool.allocate(), headroom_bytes, 1800, 2048);
    std::ranges::copy(data, datagram.header(static_cast<std::uint32_t>(data.size())));
    const std::uint64_t sum = datagram.sum();
    TxFrame frame;
    build_udp(datagram, {wire::them, wire::us, {}}, from, to, {}, frame);
    std::array<std::uint8_t, plain_payload_at> headers{};
    write_plain(headers.data(), wire::them, wire::us, from, to, static_cast<std::uint32_t>(data.size()), sum);
    REQUIRE(std::ranges::equal(headers, frame.head.bytes().first(plain_payload_at)));
  }
}

TEST_CASE("every ordinary datagram is plain", "[net][plain_frame]") {
  Rng rng(1);
  for (int i = 0; i < 2'000; ++i) {
    const wire::Bytes frame = random_frame(rng);
    REQUIRE(is_good_plain(frame));
    REQUIRE(parsed(frame));
    REQUIRE(be16_at(frame, plain_udp_at) == 5000);
    REQUIRE(be16_at(frame, plain_udp_at + 2) == 4000);
  }
}

TEST_CASE("what is taken for plain the parsers take too, and the other way round", "[net][plain_frame]") {
  Rng rng(2);
  int plain = 0;
  for (int i = 0; i < 60'000; ++i) {
    wire::Bytes frame = random_frame(rng);
    for (std::uint64_t changes = rng.below(3); changes > 0; --changes) {
      frame[rng.below(std::min<std::uint64_t>(frame.size(), 60))] ^= static_cast<std::uint8_t>(1u << rng.below(8));
    }
    if (rng.chance_ppm(200'000)) frame.resize(rng.below(frame.size() + 1));
    const bool good = is_good_plain(frame);
    const auto udp = parsed(frame);
    REQUIRE(good == udp.has_value());
    plain += good;
    if (!good) continue;
    REQUIRE(udp->source_port == be16_at(frame, plain_udp_at));
    REQUIRE(udp->destination_port == be16_at(frame, plain_udp_at + 2));
    REQUIRE(udp->length == be16_at(frame, plain_udp_at + 4));
  }
  CHECK(plain > 15'000);
}

TEST_CASE("a datagram without a checksum is plain, a fragment, options and tags are not", "[net][plain_frame]") {
  wire::Bytes unsummed = wire::udp(wire::to_us4, {1, 2, 3});
  wire::put16(unsummed, 6, 0);
  CHECK(is_good_plain(wire::packet_frame(wire::to_us4, unsummed)));
  const wire::Bytes whole = wire::udp(wire::to_us4, {1, 2, 3});
  CHECK_FALSE(looks_plain(wire::ethernet(0x0800, wire::ip4(wire::to_us4, whole, 0x2000))));
  CHECK_FALSE(looks_plain(wire::ethernet(0x0800, wire::ip4(wire::to_us4, whole, 0x0001))));
  CHECK_FALSE(looks_plain(wire::ethernet(0x0800, wire::ip4(wire::to_us4, whole, 0x4000, {1, 1, 1, 1}))));
  CHECK_FALSE(looks_plain(wire::udp_frame(wire::to_us4, {1, 2, 3}, {.tags = {5}})));
  CHECK_FALSE(looks_plain(wire::udp_frame(wire::to_us6, {1, 2, 3})));
}
