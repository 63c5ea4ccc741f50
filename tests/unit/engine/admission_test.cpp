// Shows what becomes of a datagram that no session knows: it goes to the worker that owns its flow, opens a session when it
// may, or is dropped under exactly one reason, and nothing is held for it afterwards.
// How: whole workers, one or several, over a port in memory that puts frames on any queue.
#include "engine/admission.hpp"

#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using net::DropReason;
using Kind = ConnectionEvent::Kind;

namespace {

// A port with RSS: four entries for two queues.
void with_rss(PortInfo& info) {
  for (std::uint8_t i = 0; i < 40; ++i) info.rss_key.push_back(static_cast<std::uint8_t>(0x6d + 37 * i));
  info.rss_reta = {0, 1, 1, 0};
  info.rss_udp4 = true;
  info.rss_udp6 = true;
}

// A peer whose flow belongs to `owner`.
Peer peer_of(Rig& rig, std::uint32_t owner, bool roams = false) {
  for (std::uint16_t port = 5000; port < 5200; ++port) {
    Peer peer(rig, client_ip(), port, port);
    const net::Path path{peer.server, peer.endpoint};
    if (rig.world(0).ownership[0].owner(path, roams, peer.conv) == owner) return peer;
  }
  FAIL("no peer of that owner");
  return Peer(rig, client_ip());
}

}  // namespace

TEST_CASE("the first data segment opens a session, nothing else does", "[admission]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const StatsSnapshot before = rig.snapshot();
  const Bytes first = Kcp{.data = {1}}.bytes();
  struct Case {
    Bytes datagram;
    bool opens;
  };
  const Bytes ack = Kcp{.command = Kcp::ack}.bytes();
  const std::vector<Case> cases = {
      {first, true},
      {Kcp{}.bytes(), true},  // empty data is data
      {join({ack, first}), true},
      {join({Kcp{.sn = 1, .data = {2}}.bytes(), first}), true},
      {Kcp{.sn = 1, .data = {1}}.bytes(), false},
      {Kcp{.sn = 0xffffffff, .data = {1}}.bytes(), false},
      {ack, false},
      {Kcp{.command = Kcp::wask}.bytes(), false},
      {Kcp{.command = Kcp::wins}.bytes(), false},
      {Kcp{.command = 80}.bytes(), false},
      {join({Kcp{.conv = 2, .command = Kcp::ack}.bytes(), first}), false},
      {cut(Kcp{.data = {1, 2, 3}}.bytes(), 25), false},
      {Bytes(24, 0), false},
      {Bytes(24, 0xff), false},
  };
  const Case& tried = cases[GENERATE(range(0u, 14u))];
  peer.bring(tried.datagram);
  rig.turn();
  CHECK(rig.world().sessions.count() == (tried.opens ? 1u : 0u));
  CHECK(rig.dropped_since(before) == (tried.opens ? "" : "session_not_opening 1"));
  if (!tried.opens) CHECK(rig.take().empty());
}

TEST_CASE("a flow is handed to the worker that owns it and served there", "[admission]") {
  const bool rss = GENERATE(false, true);
  Rig rig(small_node(2), RigLimits{.port = rss ? with_rss : nullptr});
  CHECK(rig.world().ownership[0].uses_rss() == rss);
  const std::uint32_t owner = GENERATE(0u, 1u);
  Peer peer = peer_of(rig, owner);
  const auto wrong = static_cast<std::uint16_t>(1 - owner);
  const WorkerStats before_here = rig.stats(wrong), before_there = rig.stats(owner);
  peer.send({1, 2, 3}, wrong);
  rig.turn();
  rig.turn();
  CHECK(rig.stats(wrong).handed_out == before_here.handed_out + 1);
  CHECK(rig.stats(wrong).steered_wrong == before_here.steered_wrong + 1);
  CHECK(rig.stats(owner).handed_in == before_there.handed_in + 1);
  CHECK(rig.snapshot(owner).machine.segments_received == 1);
  CHECK(rig.world(wrong).sessions.count() == 0);
  CHECK(rig.service(0, owner).story() == "opened readable");
  const SessionId id = rig.world(owner).sessions.id_of(0);
  CHECK(id.worker() == owner);
  CHECK(take_all(rig.worker(owner).connections().get(id)) == std::vector<Bytes>{{1, 2, 3}});
  // On its own queue nothing is handed over.
  peer.send({4}, static_cast<std::uint16_t>(owner));
  rig.turn();
  CHECK(rig.stats(owner).handed_out == before_there.handed_out);
  CHECK(rig.service(0, owner).count(Kind::readable) == 2);
}

TEST_CASE("a conv-keyed flow is handed over, but no port is blamed for it", "[admission]") {
  NodeConfig node = small_node(2);
  node.listeners[0].admission.key_mode = SessionKeyMode::conv;
  Rig rig(node, RigLimits{.port = with_rss});
  Peer peer = peer_of(rig, 1, true);
  peer.send({1}, 0);
  rig.turn();
  CHECK(rig.stats(0).handed_out == 1);
  CHECK(rig.stats(0).steered_wrong == 0);
  CHECK(rig.world(1).sessions.count() == 1);
}

TEST_CASE("what came over a hand-off ring is never passed on", "[admission]") {
  Rig rig(small_node(2));
  Peer peer = peer_of(rig, 0);
  // A record that worker 0 gives to worker 1 by mistake.
  const Bytes datagram = Kcp{.conv = peer.conv, .data = {1}}.bytes();
  HandoffRecord record;
  record.path = {peer.server, peer.endpoint};
  Segment bytes = Segment::adopt(rig.rx_blocks.allocate(), 0, static_cast<std::uint32_t>(datagram.size()));
  std::ranges::copy(datagram, bytes.writable().begin());
  record.length = bytes.length();
  record.block = bytes.detach();
  REQUIRE(rig.handoff->ring(0, 1).push(record));
  rig.worker(1).run_once(rig.now);
  CHECK(rig.stats(1).handed_in == 1);
  CHECK(rig.stats(1).handed_out == 0);
  CHECK(rig.world(1).sessions.count() == 1);
}

TEST_CASE("a worker takes a burst of each ring a turn, and nothing is lost", "[admission]") {
  NodeConfig node = small_node(3);
  node.burst = 8;
  Rig rig(node);
  Peer peer = peer_of(rig, 2);
  peer.send({1}, 2);
  rig.turn();
  for (int i = 0; i < 20; ++i) peer.send({1}, static_cast<std::uint16_t>(i % 2));
  const Instant now = rig.now;
  for (int turns = 0; turns < 3; ++turns) {
    rig.worker(0).run_once(now);
    rig.worker(1).run_once(now);
  }
  CHECK(rig.stats(0).handed_out == 10);
  rig.worker(2).run_once(now);
  CHECK(rig.stats(2).handed_in == 16);
  rig.worker(2).run_once(now);
  CHECK(rig.stats(2).handed_in == 20);
  CHECK(rig.snapshot(2).machine.segments_received == 21);
  rig.check();
}

TEST_CASE("a full ring refuses, counted, and the buffer is freed", "[admission]") {
  Rig rig(small_node(2));
  Peer peer = peer_of(rig, 1);
  const std::uint32_t size = HandoffRings::ring_records;
  auto& ring = rig.handoff->ring(0, 1);
  REQUIRE(ring.read_available() == 0);
  for (std::uint32_t i = 0; i < size + 5; ++i) peer.send({1}, 0);
  // Worker 1 does not run, as if its core were taken away.
  for (int i = 0; i < 40; ++i) rig.worker(0).run_once(rig.now);
  CHECK(rig.stats(0).handed_out == size);
  CHECK(rig.drops(DropReason::handoff_full, 0) == 5);
  CHECK(rig.rx_blocks.available() == rig.rx_blocks.capacity() - size);
  rig.check();
  for (int i = 0; i < 40; ++i) rig.turn();
  CHECK(rig.stats(1).handed_in == size);
  CHECK(rig.world(1).sessions.count() == 1);
  take_all(rig.worker(1).connections().get(rig.world(1).sessions.id_of(0)));
  CHECK(rig.rx_blocks.whole());
}

TEST_CASE("a datagram whose buffer others hold is copied before it crosses", "[admission]") {
  Rig rig(small_node(2));
  Peer peer = peer_of(rig, 1);
  const Bytes frame = udp_frame(peer.endpoint, peer.server, peer.push({7, 8, 9}).bytes());
  rig.port.arriving[0].push_back({frame, true});
  SECTION("into a block of the giver's") {
    rig.worker(0).run_once(rig.now);
    CHECK(rig.stats(0).handed_out == 1);
    REQUIRE(rig.port.shares.size() == 1);
    CHECK(rig.port.shares[0].unique());
    CHECK_FALSE(rig.seats[0]->blocks.whole());
    rig.worker(1).run_once(rig.now);
    const SessionId id = rig.world(1).sessions.id_of(0);
    CHECK(take_all(rig.worker(1).connections().get(id)) == std::vector<Bytes>{{7, 8, 9}});
    CHECK(std::ranges::equal(rig.port.shares[0].bytes(), frame));
  }
  SECTION("unless none is free") {
    rig.seats[0]->blocks.keep_back(rig.seats[0]->blocks.capacity());
    rig.worker(0).run_once(rig.now);
    CHECK(rig.stats(0).handed_out == 0);
    CHECK(rig.drops(DropReason::handoff_full, 0) == 1);
    rig.seats[0]->blocks.keep_back(0);
  }
  rig.check();
}

TEST_CASE("a buffer larger than the giver's blocks that others hold is dropped, not copied in part", "[admission]") {
  Rig rig(small_node(2));
  Peer peer = peer_of(rig, 1);
  HeapPool jumbo(9000, 1);
  const Bytes datagram = Kcp{.conv = peer.conv, .data = Bytes(3000, 1)}.bytes();
  net::Packet packet;
  packet.path = {peer.server, peer.endpoint};
  packet.payload = Segment::adopt(jumbo.allocate(), 0, static_cast<std::uint32_t>(datagram.size()));
  std::ranges::copy(datagram, packet.payload.writable().begin());
  const Segment other = packet.payload.share();
  World& world = rig.world(0);
  CHECK_FALSE(admit(world, world.listeners[0], packet, peer.conv, true, {}, rig.now));
  CHECK(rig.drops(DropReason::handoff_full, 0) == 1);
  CHECK(rig.handoff->ring(0, 1).read_available() == 0);
  CHECK(rig.seats[0]->blocks.whole());
}

TEST_CASE("a draining worker opens nothing and goes on with what it has", "[admission]") {
  Rig rig;
  Peer old(rig, client_ip(0));
  const SessionId id = old.open();
  REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 10) == SendResult::accepted);
  rig.worker().drain(rig.now);
  const StatsSnapshot before = rig.snapshot();
  Peer(rig, client_ip(1)).send({1});
  rig.turn();
  CHECK(rig.dropped_since(before) == "session_draining 1");
  CHECK(rig.world().sessions.count() == 1);
  for (const Datagram& datagram : rig.take()) old.bring(old.acks(datagram));
  rig.pass(Duration::ms(1));
  CHECK(rig.service().story(id) == "opened readable closed/drained");
  CHECK(rig.worker().quiet());
}

TEST_CASE("late datagrams of a closed conversation are kept out for the listener's time", "[admission]") {
  const auto mode = GENERATE(SessionKeyMode::address, SessionKeyMode::address_conv, SessionKeyMode::conv);
  NodeConfig node = small_node();
  node.listeners[0].admission.key_mode = mode;
  node.listeners[0].admission.quarantine = Duration::seconds(3);
  Rig rig(node);
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  rig.worker().connections().get(id).close();
  rig.pass(Duration::ms(1));
  REQUIRE(rig.world().sessions.count() == 0);
  const StatsSnapshot before = rig.snapshot();
  peer.sn = 0;
  peer.send({1});
  rig.turn();
  CHECK(rig.dropped_since(before) == "session_quarantined 1");
  SECTION("another conversation from the same address may begin") {
    Peer next(rig, client_ip(), 2);
    next.send({1});
    rig.turn();
    CHECK(rig.world().sessions.count() == 1);
  }
  SECTION("the same one from another address is another, unless the conv is the key") {
    Peer moved(rig, client_ip(1), 1);
    moved.send({1});
    rig.turn();
    CHECK(rig.world().sessions.count() == (mode == SessionKeyMode::conv ? 0u : 1u));
  }
  SECTION("and when the time is over, the same one") {
    rig.pass(Duration::ms(2'990));
    peer.sn = 0;
    peer.send({1});
    rig.turn();
    CHECK(rig.dropped_since(before) == "session_quarantined 2");
    rig.pass(Duration::ms(20));
    peer.sn = 0;
    peer.send({1});
    rig.turn();
    CHECK(rig.world().sessions.count() == 1);
  }
}

TEST_CASE("limits refuse, each under its own name, and give way again", "[admission]") {
  NodeConfig node = small_node();
  ListenerConfig& limits = node.listeners[0].admission;
  const char* row = nullptr;
  SECTION("listener_full") {
    limits.sessions_max = 3;
    row = "listener_full 2";
  }
  SECTION("listener_half_open_full") {
    limits.half_open_max = 3;
    row = "listener_half_open_full 2";
  }
  SECTION("listener_prefix_full") {
    limits.per_prefix_max = 3;
    row = "listener_prefix_full 2";
  }
  SECTION("session_table_full") {
    node.sessions_max = 3;
    row = "session_table_full 2";
  }
  Rig rig(node);
  const StatsSnapshot before = rig.snapshot();
  for (std::uint16_t i = 0; i < 5; ++i) Peer(rig, client_ip(i), 1, static_cast<std::uint16_t>(5000 + i)).send({1});
  rig.turn();
  CHECK(rig.dropped_since(before) == row);
  CHECK(rig.world().sessions.count() == 3);
  const ListenerStats stats = rig.snapshot().listeners[0];
  CHECK(stats.opened == 3);
  CHECK(stats.refused == 2);
  CHECK(stats.sessions_now == 3);
  CHECK(stats.half_open_now == 3);
  rig.worker().connections().get(rig.world().sessions.id_of(1)).close();
  rig.world().sessions.machine(1).close(CloseReason::stopped, rig.now);
  rig.turn();
  rig.turn();
  CHECK(rig.world().sessions.count() == 2);
  Peer(rig, client_ip(9), 1, 5009).send({1});
  rig.turn();
  CHECK(rig.world().sessions.count() == 3);
  CHECK(rig.dropped_since(before) == row);
}

TEST_CASE("a proven session leaves its half-open place to the next", "[admission]") {
  NodeConfig node = small_node();
  node.listeners[0].admission.half_open_max = 1;
  Rig rig(node);
  for (unsigned i = 0; i < 5; ++i) Peer(rig, client_ip(i), i + 1).open();
  CHECK(rig.world().sessions.count() == 5);
  CHECK(rig.snapshot().listeners[0].half_open_now == 0);
  CHECK(rig.snapshot().worker.sessions_unproven_now == 0);
}

TEST_CASE("a prefix is a quota of its own", "[admission]") {
  NodeConfig node = small_node();
  node.listeners[0].admission.per_prefix_max = 1;
  Rig rig(node);
  Peer(rig, net::IpAddress::v4(198, 51, 100, 1)).send({1});
  Peer(rig, net::IpAddress::v4(198, 51, 100, 2)).send({1});
  Peer(rig, net::IpAddress::v4(198, 51, 101, 1)).send({1});
  rig.turn();
  CHECK(rig.world().sessions.count() == 2);
  CHECK(rig.drops(DropReason::listener_prefix_full) == 1);
}

TEST_CASE("a flow table without a free slot in reach gives everything back", "[admission]") {
  Rig rig;
  World& world = rig.world();
  // Foreign entries, all of whose hashes differ from any flow's but with the chance of 2^-56.
  std::vector<std::pair<std::uint64_t, SessionId>> fillers;
  Rng rng(5);
  while (world.flows.count() < world.flows.capacity()) {
    const std::uint64_t hash = rng.next();
    const SessionId id(static_cast<std::uint32_t>(1000 + fillers.size()), 1, 0);
    REQUIRE(world.flows.insert(hash, id));
    fillers.push_back({hash, id});
  }
  const StatsSnapshot before = rig.snapshot();
  Peer(rig, client_ip()).send({1});
  rig.worker().run_once(rig.now);
  CHECK(rig.dropped_since(before) == "flow_table_full 1");
  CHECK(world.sessions.count() == 0);
  CHECK(world.quota.prefix_count() == 0);
  CHECK(rig.snapshot().listeners[0].opened == 0);
  CHECK(rig.snapshot().listeners[0].sessions_now == 0);
  for (const auto& [hash, id] : fillers) world.flows.erase(hash, id);
  rig.check();
}
