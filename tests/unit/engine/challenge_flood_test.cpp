// Shows that nothing a stranger sends is answered by more than it brought, and that a flood of conversations from nowhere opens
// no session, makes nothing grow and keeps nobody out.
// How: whole workers over a port in memory; datagrams of every kind and size, and a million forged ones.
#include <catch2/catch.hpp>

#include <vector>

#include "engine/admission.hpp"
#include "stranger.hpp"

using namespace penstock;
using namespace penstock::test;
using net::DropReason;
using Kind = ConnectionEvent::Kind;

TEST_CASE("whatever a stranger sends, he gets one datagram at the most, and no more bytes than he sent",
          "[challenge]") {
  Rig rig(wary_node());
  rig.service().react = echo;
  const int kind = GENERATE(0, 1, 2, 3, 4, 5);
  unsigned number = 0;
  std::uint64_t answered = 0;
  for (std::uint32_t size = 1; size <= 1472; size += size < 64 ? 1 : 13) {
    Bytes datagram(size, 0x5a);
    if (size >= 24) {
      const auto payload = static_cast<std::size_t>(size - 24);
      switch (kind) {
        case 0: datagram = Kcp{.data = Bytes(payload, 1)}.bytes(); break;
        case 1: datagram = Kcp{.command = Kcp::ack, .data = Bytes(payload, 1)}.bytes(); break;
        case 2: datagram = Kcp{.command = Kcp::wask, .data = Bytes(payload, 1)}.bytes(); break;
        case 3: datagram = Kcp{.command = Kcp::wins, .data = Bytes(payload, 1)}.bytes(); break;
        case 4: datagram = Kcp{.sn = 0xffff'ffff, .data = Bytes(payload, 1)}.bytes(); break;
        default: break;
      }
    }
    Peer peer(rig, client_ip(number), 1, static_cast<std::uint16_t>(5000 + number));
    ++number;
    const std::size_t request_frame = udp_frame(peer.endpoint, peer.server, datagram).size();
    peer.bring(datagram);
    for (int i = 0; i < 4; ++i) rig.turn();
    const std::vector<Datagram> sent = rig.take();
    REQUIRE(sent.size() <= 1);
    for (const Datagram& answer : sent) {
      REQUIRE(answer.udp_bytes <= datagram.size());
      // On the wire as well: Ethernet pads both alike.
      REQUIRE(rig.port.sent.back().size() <= std::max<std::size_t>(request_frame, 60));
      ++answered;
    }
  }
  CHECK((answered > 0) == (kind == 0));
  // And no timer adds to it.
  rig.pass(Duration::seconds(30));
  CHECK(rig.take().empty());
  CHECK(rig.world().sessions.count() == 0);
  CHECK(rig.world().half_open[0]->count() == 0);
}

TEST_CASE("a flood of conversations from nowhere opens none, and takes nothing from who is somewhere", "[challenge]") {
  NodeConfig node = wary_node();
  node.sessions_max = 256;
  node.listeners[0].admission.sessions_max = 256;
  node.listeners[0].admission.per_prefix_max = 256;
  Rig rig(node);
  constexpr std::uint32_t rounds = 12'500, a_round = 80;
  std::uint64_t in = 0, out = 0;
  std::uint32_t legitimate = 0;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    for (std::uint32_t i = 0; i < a_round; ++i) {
      const std::uint32_t number = round * a_round + i;
      Peer nobody(rig,
                  net::IpAddress::v4(100, static_cast<std::uint8_t>(64 + (number >> 16)),
                                     static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)),
                  number);
      const Bytes first = nobody.push(Bytes(20, 1)).bytes();
      nobody.bring(first);
      in += first.size();
    }
    for (int i = 0; i < 3; ++i) rig.turn();
    for (const Datagram& sent : rig.take()) out += sent.udp_bytes;
    REQUIRE(out <= in);
    REQUIRE(rig.world().sessions.count() == legitimate);
    REQUIRE(rig.world().half_open[0]->count() <= 64);
    REQUIRE(rig.world().small_blocks.pool(0).available() >= 128);
    REQUIRE(rig.seats[0]->blocks.available() >= rig.seats[0]->blocks.capacity() - 1);
    if (round % 1250 != 1249) continue;
    // An honest client repeats himself once, as there is no place to keep what he began with.
    Peer peer(rig, client_ip(round / 1250), round);
    peer.bring(echo_of(challenge_of(peer, {7})));
    rig.turn();
    peer.sn = 0;
    peer.send({7});
    rig.turn();
    rig.take();
    REQUIRE(rig.world().sessions.count() == ++legitimate);
    REQUIRE(rig.service().count(Kind::readable) == legitimate);
  }
  CHECK(legitimate == 10);
  CHECK(rig.stats().challenges_sent == rounds * a_round + legitimate);
  rig.pass(Duration::seconds(10));
  CHECK(rig.world().half_open[0]->count() == 0);
  // What is left is what nobody has read.
  CHECK(rig.world().small_blocks.pool(0).available() == 256 - legitimate);
  CHECK(rig.snapshot().listeners[0].stateless_now == 0);
}
