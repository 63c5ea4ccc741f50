// Robustness: 200,000 random and mutated frames through a whole stack, with a fixed seed. They must neither crash it nor lose a
// block, be counted twice, or draw an answer longer than themselves.
#include <catch2/catch.hpp>

#include "base/rng.hpp"
#include "net/headers.hpp"
#include "rig.hpp"
#include "vectors.hpp"

using namespace penstock;
using namespace penstock::net;
using Intake = Stack::Intake;

namespace {

// Good frames of every kind, for a fuzzer to bend.
std::vector<wire::Bytes> good_frames() {
  std::vector<wire::Bytes> frames;
  for (const auto text : {vectors::udp4_in, vectors::udp6_in, vectors::arp_request_in, vectors::ns_in, vectors::na_in,
                          vectors::ping4_in, vectors::ping6_in, vectors::closed4_in, vectors::closed6_in}) {
    frames.push_back(wire::hex(text));
  }
  frames.push_back(wire::udp_frame({wire::ip("10.1.0.1"), wire::ip("10.1.0.2")}, {1, 2}, {.tags = {100}}));
  frames.push_back(
      wire::ethernet(0x0806, wire::arp(2, wire::them, wire::ip("10.0.0.1"), wire::us, wire::ip("10.0.0.2"))));
  frames.push_back(wire::nd_frame({}, wire::ip("ff02::1:ff00:2"), wire::nd(135, 0, wire::ip("fd77::2")),
                                  {.to = wire::mac("33:33:ff:00:00:02")}));
  frames.push_back(wire::ethernet(
      0x86dd,
      wire::ip6(wire::to_us6,
                wire::join({{60, 0, 1, 4, 0, 0, 0, 0}, {17, 0, 1, 4, 0, 0, 0, 0}, wire::udp(wire::to_us6, {1, 2, 3})}),
                0)));
  frames.push_back(
      wire::ethernet(0x0800, wire::ip4(wire::to_us4, wire::udp(wire::to_us4, {1}), 0x4000, wire::Bytes(12, 1))));
  for (const wire::Ip& ours :
       {wire::Ip{wire::to_us4.to, wire::to_us4.from, 17}, wire::Ip{wire::to_us6.to, wire::to_us6.from, 17}}) {
    const std::uint8_t type = ours.to.is_v4() ? 3 : 2, code = ours.to.is_v4() ? 4 : 0;
    frames.push_back(wire::icmp_frame(
        ours.to.is_v4() ? wire::to_us4 : wire::to_us6,
        wire::join({{type, code, 0, 0, 0, 0, 2, 88}, wire::packet(ours, wire::udp(ours, wire::Bytes(30, 7)))})));
  }
  return frames;
}

wire::Bytes bent(Rng& rng, const std::vector<wire::Bytes>& goods) {
  if (rng.below(8) == 0) {
    wire::Bytes noise(rng.below(120), 0);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(rng.next());
    return noise;
  }
  wire::Bytes frame = goods[rng.below(goods.size())];
  for (std::uint64_t i = rng.below(4); i > 0; --i) {
    const std::size_t at = rng.below(frame.size());
    frame[at] = rng.below(2) == 0 ? static_cast<std::uint8_t>(rng.next())
                                  : static_cast<std::uint8_t>(frame[at] ^ 1u << rng.below(8));
  }
  if (rng.below(6) == 0) frame.resize(rng.below(frame.size() + 1));
  if (rng.below(6) == 0) frame.resize(frame.size() + rng.below(30), static_cast<std::uint8_t>(rng.next()));
  return frame;
}

}  // namespace

TEST_CASE("random and mutated frames do no harm", "[net][intake][robust]") {
  const std::uint64_t seed = 0xf4a3e5;
  INFO("seed " << seed);
  Rng rng(seed);
  Rig rig;
  rig.up();
  const auto goods = good_frames();
  std::array<std::uint64_t, 4> outcomes{};
  for (int i = 0; i < 200'000; ++i) {
    const wire::Bytes bytes = bent(rng, goods);
    RxFrame frame = rig.frame_of(bytes);
    // A port that calls everything good lets the bent frames reach the layers behind the checksums.
    if (rng.below(2) == 0) frame.ip_checksum = frame.l4_checksum = ChecksumState::good;
    const std::uint64_t before = rig.drops.total();
    rig.packet = Packet{};
    const Intake intake = rig.stack.take_in(0, frame, rig.packet, rig.now);
    ++outcomes[static_cast<std::size_t>(intake)];
    REQUIRE(rig.drops.total() == before + (intake == Intake::dropped ? 1 : 0));
    REQUIRE_FALSE(frame.bytes.holds());
    REQUIRE(rig.packet.payload.holds() == (intake == Intake::udp || intake == Intake::too_big));
    if (intake == Intake::udp) {
      REQUIRE(rig.packet.payload.length() + rig.packet.ip_bytes + ethernet_bytes <= bytes.size());
      if (rng.below(4) == 0) rig.stack.refuse(rig.packet, rig.now);
      if (rng.below(8) == 0) {
        rig.packet.path.next_hop_hint = rng.next32();
        rig.send(rig.packet.path, {1, 2, 3});
      }
    }
    TxFrame out;
    std::uint16_t port = 0;
    while (rig.stack.poll_transmit(out, port, rig.now)) {
      REQUIRE(port < 2);
      // The longest frame that is no answer is an advertisement or question of neighbour discovery with a tag.
      REQUIRE(out.bytes() <= std::max<std::size_t>(bytes.size(), 90));
      out = TxFrame{};
    }
    rig.packet = Packet{};
    REQUIRE(rig.rx_pool.whole());
    REQUIRE(rig.pool.available() + rig.stack.pending_frames() == rig.pool.capacity());
    if (rng.below(16) == 0) rig.wait(Duration::ms(rng.between(0, 700)));
  }
  // The run reached all outcomes in earnest; of what is too long the stack passes on so many a second at the most.
  CHECK(outcomes[0] > 10'000);
  CHECK(outcomes[1] > 1'000);
  CHECK(outcomes[2] > 10'000);
  CHECK(outcomes[3] > 10'000);
}
