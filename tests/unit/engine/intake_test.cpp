// Shows that a burst ends up in the machines it belongs to, whatever stands between; that each frame is counted once; and
// what is kept of a datagram that was refused in part, or whole by a session that it had opened.
// How: whole workers over a port in memory; datagrams are made by hand.
#include "engine/intake.hpp"

#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using net::DropReason;
using Kind = ConnectionEvent::Kind;

TEST_CASE("a turn takes one burst, and after a stall the whole queue", "[intake]") {
  Rig rig;
  Peer peer(rig, client_ip());
  peer.open();
  const StatsSnapshot before = rig.snapshot();
  for (int i = 0; i < 100; ++i) peer.send({1});
  rig.turn(Duration::ms(1));
  CHECK(rig.stats().rx_packets == before.worker.rx_packets + 32);
  CHECK(rig.stats().stalls == before.worker.stalls);
  rig.turn(Duration::us(5'000));
  CHECK(rig.stats().rx_packets == before.worker.rx_packets + 64);
  CHECK(rig.stats().stalls == before.worker.stalls);
  rig.turn(Duration::us(5'001));
  CHECK(rig.stats().rx_packets == before.worker.rx_packets + 100);
  CHECK(rig.stats().stalls == before.worker.stalls + 1);
  CHECK(rig.stats().delivered == before.worker.delivered + 100);
  CHECK(take_all(rig.worker().connections().get(rig.world().sessions.id_of(0))).size() == 101);
}

TEST_CASE("the last blocks are passed through and never stored in", "[intake]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  take_all(rig.worker().connections().get(id));
  World& world = rig.world();
  HeapPool& blocks = rig.seats[0]->blocks;
  const auto leave = [&](std::uint32_t left) { blocks.keep_back(blocks.available() - left); };
  std::vector<Segment> kept;
  const auto use_up_small_blocks = [&] {
    for (Segment small = world.small_blocks.allocate(1); small.holds(); small = world.small_blocks.allocate(1))
      kept.push_back(std::move(small));
  };
  // Less than an eighth is left: data is refused, and the ACK beside it counts.
  REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 10) == SendResult::accepted);
  rig.turn();
  use_up_small_blocks();
  const std::vector<Datagram> sent = rig.take();
  REQUIRE(sent.size() == 1);
  CHECK(world.sessions.machine(id.index()).stats().in_flight == 1);
  leave(blocks.capacity() / 8 - 1);
  const StatsSnapshot before = rig.snapshot();
  Bytes both = peer.acks(sent[0]);
  const Bytes data = peer.push({1, 2, 3}).bytes();
  both.insert(both.end(), data.begin(), data.end());
  peer.bring(both);
  rig.turn();
  CHECK(rig.dropped_since(before) == "kcp_no_memory 1");
  CHECK(world.sessions.machine(id.index()).stats().in_flight == 0);
  CHECK(rig.take().empty());
  use_up_small_blocks();
  // Less than a quarter: it is stored in order, and not beyond a gap.
  blocks.keep_back(0);
  leave(blocks.capacity() / 8);
  peer.sn += 1;
  const Bytes ahead = peer.push({4}).bytes();
  peer.bring(ahead);
  rig.turn();
  CHECK(rig.dropped_since(before) == "kcp_no_memory 2");
  peer.sn -= 2;
  peer.bring(data);
  rig.turn();
  CHECK(rig.dropped_since(before) == "kcp_no_memory 2");
  CHECK(rig.take().size() == 1);
  // A small block to spare: data moves there, and nothing is refused.
  blocks.keep_back(0);
  leave(blocks.capacity() / 8 - 1);
  kept.clear();
  peer.bring(ahead);
  rig.turn();
  CHECK(rig.dropped_since(before) == "kcp_no_memory 2");
  blocks.keep_back(0);
  CHECK(take_all(rig.worker().connections().get(id)) == std::vector<Bytes>{{1, 2, 3}});
}

TEST_CASE("a flood cannot hold a draining turn for ever", "[intake]") {
  Rig rig;
  for (int i = 0; i < 64 * 32 + 40; ++i) rig.bring({1, 2, 3});
  const StatsSnapshot before = rig.snapshot();
  rig.turn(Duration::ms(6));
  CHECK(rig.stats().rx_packets == before.worker.rx_packets + 64 * 32);
  rig.turn(Duration::ms(6));
  CHECK(rig.stats().rx_packets == before.worker.rx_packets + 64 * 32 + 40);
}

TEST_CASE("every frame counts once, with its bytes", "[intake]") {
  Rig rig;
  const StatsSnapshot before = rig.snapshot();
  const Bytes datagram = udp_frame({client_ip(), 5000}, {server_ip, server_port}, Kcp{.data = {1, 2}}.bytes());
  rig.bring(datagram);
  rig.bring(ethernet(0x0806, arp(1, gateway_mac, gateway_ip, {}, server_ip)));
  rig.bring({1, 2, 3});
  rig.turn();
  CHECK(rig.stats().rx_packets == before.worker.rx_packets + 3);
  CHECK(rig.stats().rx_bytes == before.worker.rx_bytes + datagram.size() + 42 + 3);
  CHECK(rig.stats().delivered == before.worker.delivered + 2);
  CHECK(rig.dropped_since(before) == "eth_too_short 1");
}

TEST_CASE("good datagrams of a burst reach their sessions though bad ones stand between", "[intake]") {
  Rig rig;
  const StatsSnapshot before = rig.snapshot();
  std::vector<Peer> peers;
  for (unsigned i = 0; i < 8; ++i) peers.emplace_back(rig, client_ip(i), 100 + i);
  for (Peer& peer : peers) {
    peer.bring({1, 2, 3});  // too short
    peer.send({static_cast<std::uint8_t>(peer.conv)});
    rig.bring(udp_frame(peer.endpoint, {server_ip, 9}, peer.push({}).bytes()));  // no listener
    --peer.sn;
  }
  rig.turn();
  CHECK(rig.dropped_since(before) == "udp_no_listener 8, kcp_too_short 8");
  REQUIRE(rig.world().sessions.count() == 8);
  for (std::uint32_t i = 0; i < 8; ++i) {
    Connection connection = rig.worker().connections().get(rig.world().sessions.id_of(i));
    CHECK(take_all(connection) == std::vector<Bytes>{{static_cast<std::uint8_t>(connection.conv())}});
    CHECK(connection.path().remote.address == client_ip(connection.conv() - 100));
  }
}

TEST_CASE("two datagrams of one burst open one session", "[intake]") {
  Rig rig;
  Peer peer(rig, client_ip());
  peer.send({1});
  peer.send({2});
  peer.sn = 0;
  peer.send({1});
  rig.turn();
  CHECK(rig.world().sessions.count() == 1);
  CHECK(rig.stats().sessions_opened == 1);
  CHECK(rig.service().story() == "opened readable");
  CHECK(take_all(rig.worker().connections().get(rig.world().sessions.id_of(0))) == std::vector<Bytes>{{1}, {2}});
}

TEST_CASE("sessions are told apart by what the listener's key mode looks at", "[intake]") {
  const auto mode = GENERATE(SessionKeyMode::address, SessionKeyMode::address_conv, SessionKeyMode::conv);
  NodeConfig node = small_node();
  node.listeners[0].admission.key_mode = mode;
  Rig rig(node);
  const StatsSnapshot before = rig.snapshot();
  Peer(rig, client_ip(0), 1, 5000).send({1});
  Peer(rig, client_ip(0), 2, 5000).send({1});
  Peer(rig, client_ip(0), 1, 5001).send({1});
  rig.turn();
  switch (mode) {
    case SessionKeyMode::address:
      CHECK(rig.world().sessions.count() == 2);
      CHECK(rig.dropped_since(before) == "kcp_wrong_conv 1");
      break;
    case SessionKeyMode::address_conv:
      CHECK(rig.world().sessions.count() == 3);
      CHECK(rig.dropped_since(before) == "");
      break;
    case SessionKeyMode::conv:
      CHECK(rig.world().sessions.count() == 2);
      CHECK(rig.dropped_since(before) == "path_unproven 1");
      break;
  }
}

TEST_CASE("a datagram from a new address leaves a conv-keyed session as it was", "[intake]") {
  NodeConfig node = small_node();
  node.listeners[0].admission.key_mode = SessionKeyMode::conv;
  Rig rig(node);
  Peer peer(rig, client_ip(0));
  const SessionId id = peer.open();
  const Instant heard = rig.world().sessions[id.index()].last_heard;
  rig.service().events.clear();
  Peer stranger(rig, client_ip(1));
  stranger.sn = peer.sn;
  stranger.send({66});
  rig.pass(Duration::ms(3));
  CHECK(rig.drops(DropReason::path_unproven) == 1);
  CHECK(rig.service().story() == "");
  CHECK(rig.world().sessions[id.index()].last_heard == heard);
  // It is asked for proof, which it does not bring.
  for (const Datagram& datagram : rig.take()) CHECK(datagram.to == stranger.endpoint);
  // The real peer goes on with the same number.
  peer.send({2});
  rig.turn();
  CHECK(rig.service().story() == "readable");
}

TEST_CASE("listeners of one port share it out by address", "[intake]") {
  NodeConfig node = small_node();
  node.listeners.push_back(node.listeners[0]);
  node.listeners[0].admission.address = server_ip;
  node.listeners[1].admission.address = second_ip;
  node.listeners[1].service = node.listeners[1].admission.service = 1;
  SECTION("each its own") {}
  SECTION("one that takes the rest, first or last in the configuration") {
    node.listeners[GENERATE(0u, 1u)].admission.address.reset();
  }
  Rig rig(node, RigLimits{.services = 2});
  Peer first(rig, client_ip(), 1);
  Peer second(rig, client_ip(), 1);
  second.server.address = second_ip;
  const SessionId a = first.open();
  CHECK(rig.service(0).count(Kind::opened) == 1);
  CHECK(rig.service(1).count(Kind::opened) == 0);
  second.send({1});
  rig.turn();
  CHECK(rig.service(0).count(Kind::opened) == 1);
  CHECK(rig.service(1).count(Kind::opened) == 1);
  CHECK(rig.worker().connections().get(a).listener() == 0);
  CHECK(rig.snapshot().listeners[0].sessions_now == 1);
  CHECK(rig.snapshot().listeners[1].sessions_now == 1);
  // The answer comes from the address that was asked.
  bool answered = false;
  rig.turn();
  for (const Datagram& datagram : rig.take()) answered |= datagram.from.address == second_ip;
  CHECK(answered);
}

TEST_CASE("a datagram taken in part is delivered, one of which no data was taken is dropped once", "[intake]") {
  Rig rig;
  Peer peer(rig, client_ip());
  peer.open();
  const StatsSnapshot before = rig.snapshot();
  const Bytes good = peer.push({2}).bytes();
  const Bytes beyond = Kcp{.sn = 1000, .una = peer.una, .data = {3}}.bytes();
  SECTION("in part") {
    peer.bring(join({good, beyond, beyond}));
    rig.turn();
    CHECK(rig.dropped_since(before) == "");
    CHECK(rig.stats().delivered == before.worker.delivered + 1);
    CHECK(rig.snapshot().machine.segments_beyond_window == 2);
  }
  SECTION("beyond the window") {
    peer.bring(join({beyond, beyond}));
    rig.turn();
    CHECK(rig.dropped_since(before) == "kcp_beyond_window 1");
    CHECK(rig.stats().delivered == before.worker.delivered);
  }
  SECTION("no memory") {
    std::vector<std::pair<void*, std::size_t>> taken;
    BuddyMemory& windows = rig.world().windows;
    take_all(rig.worker().connections().get(rig.world().sessions.id_of(0)));
    rig.turn();
    REQUIRE(windows.in_use_bytes() == 0);
    for (std::size_t bytes = 1 << 20; bytes >= BuddyMemory::smallest_bytes; bytes /= 2) {
      while (void* block = windows.take(bytes)) taken.push_back({block, bytes});
    }
    // `good` is missing before it, so it needs a window.
    const Bytes early = peer.push({3}).bytes();
    peer.bring(early);
    rig.turn();
    CHECK(rig.dropped_since(before) == "kcp_no_memory 1");
    for (const auto& [block, bytes] : taken) windows.give(block, bytes);
    // What was refused was not acknowledged, so it comes again.
    peer.bring(early);
    rig.turn();
    CHECK(rig.dropped_since(before) == "kcp_no_memory 1");
    CHECK(rig.stats().delivered == before.worker.delivered + 1);
  }
  // In each case the peer was heard: what its datagram acknowledges was applied.
  CHECK(rig.world().sessions[0].last_heard == rig.now);
}

TEST_CASE("what a refused datagram acknowledges is applied when only its data was refused", "[intake]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 10) == SendResult::accepted);
  rig.turn();
  const std::vector<Datagram> sent = rig.take();
  REQUIRE(sent.size() == 1);
  const Bytes acks = peer.acks(sent[0]);
  const StatsSnapshot before = rig.snapshot();
  peer.bring(join({acks, Kcp{.sn = 1000, .una = peer.una, .data = {3}}.bytes()}));
  rig.turn();
  CHECK(rig.dropped_since(before) == "kcp_beyond_window 1");
  CHECK(rig.world().sessions.machine(0).stats().in_flight == 0);
}

TEST_CASE("a session whose first datagram is refused leaves no trace", "[intake]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const StatsSnapshot before = rig.snapshot();
  const std::uint32_t timers = rig.world().wheel.count();
  struct Case {
    Bytes datagram;
    const char* row;
  };
  const std::vector<Case> cases = {
      {join({Kcp{.data = {1}}.bytes(), Kcp{.conv = 2, .sn = 1}.bytes()}), "kcp_wrong_conv 1"},
      {join({Kcp{.data = {1}}.bytes(), Kcp{.command = 99}.bytes()}), "kcp_bad_command 1"},
      {cut(join({Kcp{.data = {1}}.bytes(), Kcp{.sn = 1, .data = {1, 2}}.bytes()}), 50), "kcp_bad_length 1"},
      {Kcp{.una = 1, .data = {1}}.bytes(), "kcp_una_ahead 1"},
      {Kcp{.fragment = 200, .data = {1}}.bytes(), "kcp_bad_fragment 1"},
  };
  const Case& tried = cases[GENERATE(0u, 1u, 2u, 3u, 4u)];
  peer.bring(tried.datagram);
  rig.turn();
  CHECK(rig.dropped_since(before) == tried.row);
  CHECK(rig.world().sessions.count() == 0);
  CHECK(rig.world().flows.count() == 0);
  CHECK(rig.world().quota.prefix_count() == 0);
  CHECK(rig.world().quarantine.count() == 0);
  CHECK(rig.world().wheel.count() == timers);
  CHECK(rig.world().dirty.count() == 0);
  const StatsSnapshot after = rig.snapshot();
  CHECK(after.worker.sessions_opened == 0);
  CHECK(after.listeners[0].opened == 0);
  CHECK(after.listeners[0].refused == 1);
  CHECK(after.listeners[0].sessions_now == 0);
  CHECK(after.listeners[0].half_open_now == 0);
  CHECK(rig.service().story() == "");
  CHECK(rig.rx_blocks.whole());
  // The same conversation may begin at once.
  peer.send({1});
  rig.turn();
  CHECK(rig.service().story() == "opened readable");
}

TEST_CASE("when blocks run low, what is kept moves out of the ring's blocks", "[intake]") {
  Rig rig(small_node(), RigLimits{.blocks = 100});
  Peer peer(rig, client_ip());
  peer.open();
  take_all(rig.worker().connections().get(rig.world().sessions.id_of(0)));
  const std::uint32_t large = rig.world().small_blocks.pool(2).available();
  SECTION("plenty: a large payload stays where it landed") {
    peer.send(Bytes(1300, 7));
    rig.turn();
    CHECK(rig.rx_blocks.available() == rig.rx_blocks.capacity() - 1);
    CHECK(rig.world().small_blocks.pool(2).available() == large);
  }
  SECTION("scarce: it is copied") {
    rig.seats[0]->blocks.keep_back(80);
    peer.send(Bytes(1300, 7));
    rig.turn();
    CHECK(rig.rx_blocks.whole());
    CHECK(rig.world().small_blocks.pool(2).available() == large - 1);
    rig.seats[0]->blocks.keep_back(0);
  }
  CHECK(take_all(rig.worker().connections().get(rig.world().sessions.id_of(0))) == std::vector<Bytes>{Bytes(1300, 7)});
}

TEST_CASE("what one worker learns of a neighbour, the others hear", "[intake]") {
  Rig rig(small_node(2));
  const net::IpAddress host = net::IpAddress::v4(10, 0, 0, 77);
  const net::MacAddress mac{{2, 0, 0, 0, 0, 77}};
  // Worker 1 begins a session toward a host it does not know; the answer to its question reaches worker 0's queue.
  std::optional<SessionId> id;
  for (std::uint32_t conv = 1; !id && conv < 100; ++conv) {
    const OpenRequest request{.remote = {host, static_cast<std::uint16_t>(6000 + conv)}, .conv = conv};
    id = rig.worker(1).connections().open(request, rig.now);
  }
  REQUIRE(id);
  REQUIRE(send_bytes(rig.worker(1).connections(), rig.worker(1).connections().get(*id), 5) == SendResult::accepted);
  rig.turn();
  CHECK(rig.take().empty());
  CHECK(rig.snapshot(1).levels.neighbor_frames_waiting == 1);
  rig.bring(ethernet(0x0806, arp(2, mac, host, server_mac, server_ip)), 0);
  rig.turn();
  rig.turn();
  CHECK(rig.snapshot(1).levels.neighbor_frames_waiting == 0);
  const std::vector<Datagram> sent = rig.take();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].to.address == host);
  CHECK(rig.stats(1).handed_in == 0);
}

TEST_CASE("frames of a port whose driver gives none are no work", "[intake]") {
  Rig rig;
  const std::uint64_t work = rig.stats().turns_with_work;
  const std::uint64_t turns = rig.stats().turns;
  for (int i = 0; i < 10; ++i) rig.turn();
  CHECK(rig.stats().turns == turns + 10);
  CHECK(rig.stats().turns_with_work == work);
}
