// Shows that a router's word that a datagram was too long reaches the session that sent it, on whichever worker it lives, and makes
// it ask its path once; that nobody else's word does anything; and that every such frame is counted.
// How: a Rig whose listener searches paths, a peer by hand, and ICMP messages that quote what was sent, or claim to.
#include "engine/path_hint.hpp"

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using net::DropReason;

namespace {

NodeConfig searching_node(std::uint32_t workers = 1) {
  NodeConfig node = small_node(workers);
  kcp::Options& kcp = node.listeners[0].kcp;
  kcp.recovery = kcp::Recovery::rack;
  kcp.congestion = congestion::Kind::none;
  kcp.search_mtu = true;
  return node;
}

struct Searching {
  explicit Searching(const NodeConfig& node = searching_node()) : rig(node), peer(rig, client_ip(0)) {
    rig.service().react = rig_echo();
    for (std::uint32_t i = 1; i < rig.seats.size(); ++i) rig.service(0, i).react = rig_echo();
    id = peer.open();
    // The session asks along with an answer; the peer says that it heard.
    for (int i = 0; i < 3; ++i) talk();
    REQUIRE(probes() == 1);
    REQUIRE(machine().stats().path_mtu == 1400);
  }
  static std::function<void(Connections&, const ConnectionEvent&, Instant)> rig_echo() {
    return [](Connections& connections, const ConnectionEvent& event, Instant now) {
      if (event.kind == ConnectionEvent::Kind::readable) echo(connections, event, now);
    };
  }
  std::uint32_t home() {
    for (std::uint32_t i = 0; i < rig.seats.size(); ++i) {
      if (rig.world(i).sessions.find(id) != nullptr) return i;
    }
    return 0;
  }
  kcp::Session& machine() { return rig.world(home()).sessions.machine(id.index()); }
  std::uint64_t probes() { return rig.world(home()).machine_counters.path_probes_sent; }
  // Two messages, so that one is in flight when the other leaves; acknowledged, and a question answered.
  void talk() {
    peer.send({1, 2, 3});
    rig.turn();
    rig.turn();
    peer.send({4, 5, 6});
    for (int i = 0; i < 6; ++i) {
      rig.turn(Duration::ms(5));
      for (const Datagram& datagram : rig.take()) {
        if (datagram.to != peer.endpoint) continue;
        const Bytes acks = peer.acks(datagram);
        if (!acks.empty()) peer.bring(acks);
        for (const Kcp& segment : datagram.segments) {
          if (segment.command == Kcp::wask) peer.bring(Kcp{1, Kcp::wins, 0, 128, 0, 0, peer.una, {}}.bytes());
        }
      }
    }
  }
  void hint(const net::Endpoint& to, std::uint32_t conv, std::size_t quoted = 24, std::uint16_t queue = 0) {
    const Bytes data = cut(join({Kcp{conv, Kcp::push, 0, 128, 0, 0, 0, Bytes(100, 1)}.bytes()}), quoted);
    const Bytes quote = ip(peer.server.address, to.address, 17, udp(peer.server, to, data));
    const Bytes head{3, 4, 0, 0, 0, 0, 2, 88};
    rig.bring(icmp_frame(net::IpAddress::v4(198, 51, 100, 1), peer.server.address, join({head, quote})), queue);
    rig.turn();
    rig.turn();
  }

  Rig rig;
  Peer peer;
  SessionId id;
};

}  // namespace

TEST_CASE("a hint about a session's datagram has it ask its path once more") {
  Searching one;
  const std::uint64_t delivered = one.rig.stats().delivered;
  one.hint(one.peer.endpoint, 1);
  CHECK(one.rig.stats().delivered == delivered + 1);
  CHECK(one.machine().stats().path_mtu == 1400);
  one.talk();
  CHECK(one.probes() == 2);
  CHECK(one.machine().stats().path_mtu == 1400);
  one.talk();
  CHECK(one.probes() == 2);
}

TEST_CASE("a hint about nobody's datagram is counted and forgotten") {
  Searching one;
  const std::uint64_t unhandled = one.rig.drops(DropReason::icmp_unhandled);
  one.hint({client_ip(0), 5001}, 1);
  one.hint({client_ip(7), 5000}, 1);
  one.hint(one.peer.endpoint, 2);
  one.hint(one.peer.endpoint, 1, 23);
  one.hint(one.peer.endpoint, 1, 0);
  CHECK(one.rig.drops(DropReason::icmp_unhandled) == unhandled + 5);
  one.talk();
  CHECK(one.probes() == 1);
}

TEST_CASE("a hint that came in elsewhere finds its session") {
  Searching one(searching_node(2));
  const std::uint16_t elsewhere = one.home() == 0 ? 1 : 0;
  one.hint(one.peer.endpoint, 1, 24, elsewhere);
  one.talk();
  CHECK(one.probes() == 2);
}
