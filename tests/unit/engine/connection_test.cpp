// Shows what a service may do with its sessions: receive, send, close and keep a word of its own; begin sessions; and that a
// stale id finds nothing.
// How: a whole worker; the test plays service and peer.
#include "engine/connection.hpp"

#include <catch2/catch.hpp>

#include "aborts.hpp"
#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using Kind = ConnectionEvent::Kind;

TEST_CASE("a connection tells of its session", "[connection]") {
  NodeConfig node = small_node();
  node.listeners.push_back(node.listeners[0]);
  node.listeners[1].admission.port = server_port + 1;
  Rig rig(node);
  Peer peer(rig, client_ip(), 1234);
  peer.server.port = server_port + 1;
  peer.send({1});
  rig.turn();
  const SessionId id = rig.world().sessions.id_of(0);
  Connection connection = rig.worker().connections().get(id);
  REQUIRE(connection);
  CHECK(connection.id() == id);
  CHECK(connection.conv() == 1234);
  CHECK(connection.listener() == 1);
  CHECK(connection.path().local == peer.server);
  CHECK(connection.path().remote == peer.endpoint);
  CHECK_FALSE(connection.proven());
  CHECK(connection.user_data() == 0);
  connection.user_data() = 99;
  peer.sn = 0;
  peer.open();
  CHECK(connection.proven());
  CHECK(rig.worker().connections().get(id).user_data() == 99);
  CHECK(rig.worker().connections().worker_index() == 0);
  CHECK(rig.worker().connections().sessions_now() == 1);
}

TEST_CASE("a stale id finds nothing, not even the next session at its place", "[connection]") {
  Rig rig;
  Connections& connections = rig.worker().connections();
  CHECK_FALSE(connections.get(SessionId()));
  CHECK_FALSE(connections.get(SessionId::from_raw(~std::uint64_t{0})));
  const SessionId id = Peer(rig, client_ip(0)).open();
  connections.get(id).user_data() = 7;
  connections.get(id).close();
  rig.pass(Duration::ms(1));
  CHECK_FALSE(connections.get(id));
  const SessionId next = Peer(rig, client_ip(1), 2).open();
  CHECK(next.index() == id.index());
  CHECK_FALSE(connections.get(id));
  CHECK(connections.get(next).user_data() == 0);
  CHECK_FALSE(connections.get(SessionId(next.index(), next.generation(), 1)));
}

TEST_CASE("the id still finds its session while closed is told, and then no more", "[connection]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  bool found = false;
  rig.service().react = [&](Connections& c, const ConnectionEvent& event, Instant) {
    if (event.kind != Kind::closed) return;
    Connection connection = c.get(event.id);
    found = static_cast<bool>(connection);
    // Whatever a service tries on a session that is over is refused, and harms nothing.
    CHECK(send_bytes(c, connection, 10) == SendResult::closed);
    CHECK_FALSE(connection.receivable());
    CHECK_FALSE(connection.receive());
    connection.again();
    connection.close();
  };
  rig.worker().stop(rig.now);
  rig.turn();
  CHECK(found);
  CHECK_FALSE(rig.worker().connections().get(id));
  rig.turn();
  CHECK(rig.service().count(Kind::closed) == 1);
}

TEST_CASE("messages are received whole, segment by segment", "[connection]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  Connection connection = rig.worker().connections().get(id);
  CHECK(take_all(connection) == std::vector<Bytes>{{1}});
  peer.send({1, 2});
  peer.bring(join({peer.push({3, 4, 5}, 2).bytes(), peer.push({6}, 1).bytes(), peer.push({7, 8}, 0).bytes()}));
  peer.bring(peer.push({9}, 1).bytes());  // begun, not ended
  rig.turn();
  REQUIRE(connection.receivable());
  CHECK(connection.receivable()->segments == 1);
  CHECK(connection.receivable()->bytes == 2);
  CHECK(connection.receive()->message_ends);
  REQUIRE(connection.receivable());
  CHECK(connection.receivable()->segments == 3);
  CHECK(connection.receivable()->bytes == 6);
  CHECK_FALSE(connection.receive()->message_ends);
  CHECK_FALSE(connection.receive()->message_ends);
  CHECK(connection.receive()->message_ends);
  CHECK_FALSE(connection.receivable());
  CHECK_FALSE(connection.receive());
}

TEST_CASE("taking what filled the window tells the peer that it is open again", "[connection]") {
  NodeConfig node = small_node();
  node.listeners[0].kcp.rcv_wnd = 128;
  Rig rig(node);
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  for (int i = 0; i < 127; ++i) peer.send({1});
  rig.pass(Duration::ms(50));
  const auto windows = [&] {
    std::vector<unsigned> seen;
    for (const Datagram& datagram : rig.take()) {
      for (const Kcp& segment : datagram.segments) seen.push_back(segment.window);
    }
    return seen;
  };
  CHECK(windows().back() == 0);
  CHECK(take_all(rig.worker().connections().get(id)).size() == 128);
  CHECK(rig.worker().next_deadline() <= rig.now);
  rig.turn();
  CHECK(windows() == std::vector<unsigned>{128});
}

TEST_CASE("send takes a whole message or nothing, and says why", "[connection]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  Connections& connections = rig.worker().connections();
  Connection connection = connections.get(id);
  SECTION("accepted: the queue is empty") {
    SegmentQueue message = connections.make_message();
    REQUIRE(message.push_back(connections.allocate(100)));
    CHECK(connection.send(message) == SendResult::accepted);
    CHECK(message.empty());
  }
  SECTION("too large: more fragments than the peer's window holds") {
    SegmentQueue message = connections.make_message();
    for (int i = 0; i < 130; ++i) {
      Segment segment = connections.allocate(100);
      REQUIRE(segment.holds());
      // Parts do not share a fragment when together they are above the mss.
      REQUIRE(message.push_back(connections.allocate(1376)));
      if (message.count() == 100) break;
    }
    for (int i = 0; i < 40; ++i) REQUIRE(message.push_back(message.front().share()));
    CHECK(connection.send(message) == SendResult::too_large);
    CHECK(message.count() == 140);
  }
  SECTION("full: the message stays the caller's") {
    SendResult result = SendResult::accepted;
    SegmentQueue message = connections.make_message();
    for (int i = 0; i < 400 && result == SendResult::accepted; ++i) {
      message = connections.make_message();
      REQUIRE(message.push_back(connections.allocate(10)));
      result = connection.send(message);
    }
    CHECK(result == SendResult::full);
    CHECK(message.count() == 1);
  }
  SECTION("closed") {
    connection.close();
    CHECK(send_bytes(connections, connection, 10) == SendResult::closed);
  }
}

TEST_CASE("room for messages and memory to fill them are bounded", "[connection]") {
  NodeConfig node = small_node();
  node.memory.chunks = 4;
  Rig rig(node);
  Connections& connections = rig.worker().connections();
  CHECK(connections.has_room_for(14));
  CHECK_FALSE(connections.has_room_for(21));
  SegmentQueue message = connections.make_message();
  const Segment shared = connections.allocate(10);
  for (int i = 0; i < 14; ++i) REQUIRE(message.push_back(shared.share()));
  CHECK(connections.has_room_for(1));
  for (int i = 0; i < 14; ++i) REQUIRE(message.push_back(shared.share()));
  CHECK_FALSE(connections.has_room_for(1));
  CHECK_FALSE(message.push_back(shared.share()));
  message.clear();
  CHECK(connections.allocate(2176).length() == 2176);
  CHECK_FALSE(connections.allocate(2177).holds());
  std::vector<Segment> all;
  while (all.size() < 1000) {
    Segment segment = connections.allocate(1);
    if (!segment.holds()) break;
    all.push_back(std::move(segment));
  }
  CHECK(all.size() == 256 + 128 + 128 - 1);
}

TEST_CASE("keep moves a small payload out of a large buffer", "[connection]") {
  Rig rig;
  Connections& connections = rig.worker().connections();
  Segment large = Segment::adopt(rig.rx_blocks.allocate(), 100, 20);
  std::ranges::fill(large.writable(), std::uint8_t{9});
  const Segment kept = connections.keep(std::move(large));
  CHECK(rig.rx_blocks.whole());
  CHECK(Bytes(kept.bytes().begin(), kept.bytes().end()) == Bytes(20, 9));
}

TEST_CASE("a session that we begin needs no proof and no credit", "[connection]") {
  Rig rig;
  Connections& connections = rig.worker().connections();
  const auto id = connections.open({.remote = {client_ip(), 9000}, .conv = 55}, rig.now);
  REQUIRE(id);
  Connection connection = connections.get(*id);
  CHECK(connection.proven());
  CHECK(connection.path().local == net::Endpoint{server_ip, server_port});
  CHECK(send_bytes(connections, connection, 3000) == SendResult::accepted);
  rig.turn();
  CHECK(rig.service().story() == "opened");
  std::size_t bytes = 0;
  for (const Datagram& datagram : rig.take()) {
    CHECK(datagram.from == net::Endpoint{server_ip, server_port});
    CHECK(datagram.to == net::Endpoint{client_ip(), 9000});
    for (const Kcp& segment : datagram.segments) {
      CHECK(segment.conv == 55);
      bytes += segment.data.size();
    }
  }
  CHECK(bytes == 3000);
  const ListenerStats stats = rig.snapshot().listeners[0];
  CHECK(stats.opened == 1);
  CHECK(stats.half_open_now == 0);
  CHECK(stats.sessions_now == 1);
  // The peer answers, and is heard.
  Peer peer(rig, client_ip(), 55, 9000);
  peer.send({1, 2});
  rig.turn();
  CHECK(rig.service().story() == "opened readable");
}

TEST_CASE("a session is begun only where it can live", "[connection]") {
  Connections* connections = nullptr;
  const auto opens = [&](Rig& rig, net::Endpoint remote, std::uint32_t conv = 1, std::uint32_t listener = 0) {
    connections = &rig.worker().connections();
    const auto id = connections->open({.listener = listener, .remote = remote, .conv = conv}, rig.now);
    CHECK(rig.world().flows.count() == rig.world().sessions.count());
    return id.has_value();
  };
  SECTION("addresses that are no host, or our own") {
    Rig rig;
    CHECK_FALSE(opens(rig, {net::IpAddress::v4(224, 0, 0, 1), 9000}));
    CHECK_FALSE(opens(rig, {net::IpAddress::v4(127, 0, 0, 1), 9000}));
    CHECK_FALSE(opens(rig, {server_ip, 9000}));
    CHECK_FALSE(opens(rig, {net::IpAddress::v4(10, 0, 0, 255), 9000}));
    CHECK_FALSE(
        opens(rig, {net::IpAddress::v6({0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 9000}));  // no route
    CHECK(opens(rig, {client_ip6, 9000}));
  }
  SECTION("a conversation that is there already") {
    Rig rig;
    Peer peer(rig, client_ip(), 7);
    peer.open();
    CHECK_FALSE(opens(rig, peer.endpoint, 7));
    CHECK(opens(rig, peer.endpoint, 8));
    CHECK_FALSE(opens(rig, peer.endpoint, 8));
  }
  SECTION("limits") {
    NodeConfig node = small_node();
    node.listeners[0].admission.sessions_max = 2;
    Rig rig(node);
    CHECK(opens(rig, {client_ip(), 9000}, 1));
    CHECK(opens(rig, {client_ip(), 9000}, 2));
    CHECK_FALSE(opens(rig, {client_ip(), 9000}, 3));
  }
  SECTION("a node that drains") {
    Rig rig;
    rig.worker().drain(rig.now);
    CHECK_FALSE(opens(rig, {client_ip(), 9000}));
  }
  SECTION("no such listener") {
    Rig rig;
    CHECK(aborts([&] { opens(rig, {client_ip(), 9000}, 1, 1); }));
  }
}

TEST_CASE("of two workers the one that gets the answers may begin a session", "[connection]") {
  Rig rig(small_node(2));
  for (std::uint16_t port = 9000; port < 9040; ++port) {
    const OpenRequest request{.remote = {client_ip(), port}, .conv = 1};
    const bool by_0 = rig.worker(0).connections().open(request, rig.now).has_value();
    const bool by_1 = rig.worker(1).connections().open(request, rig.now).has_value();
    CHECK(by_0 != by_1);
  }
  CHECK(rig.world(0).sessions.count() + rig.world(1).sessions.count() == 40);
  CHECK(rig.world(0).sessions.count() > 5);
  CHECK(rig.world(1).sessions.count() > 5);
}

TEST_CASE("a session that we begin leaves from its listener's address", "[connection]") {
  NodeConfig node = small_node();
  node.listeners.push_back(node.listeners[0]);
  node.listeners[0].admission.address = second_ip;
  SECTION("and its answers come back to it") {
    node.listeners[1].admission.address = server_ip;
    Rig rig(node);
    Connections& connections = rig.worker().connections();
    const auto a = connections.open({.listener = 0, .remote = {client_ip(), 9000}, .conv = 1}, rig.now);
    const auto b = connections.open({.listener = 1, .remote = {client_ip(), 9000}, .conv = 1}, rig.now);
    REQUIRE(a);
    REQUIRE(b);
    CHECK(connections.get(*a).path().local.address == second_ip);
    CHECK(connections.get(*b).path().local.address == server_ip);
    Peer peer(rig, client_ip(), 1, 9000);
    peer.server.address = second_ip;
    peer.send({1});
    rig.turn();
    CHECK(rig.service().story(*a) == "opened readable");
    CHECK(rig.service().story(*b) == "opened");
    CHECK(rig.world().sessions.count() == 2);
  }
  SECTION("or not at all when that cannot reach the peer") {
    node.listeners.pop_back();
    Rig rig(node);
    CHECK_FALSE(rig.worker().connections().open({.remote = {client_ip6, 9000}, .conv = 1}, rig.now));
  }
  SECTION("or not at all when its answers would reach another listener") {
    node.listeners[0].admission.address = server_ip;
    node.listeners[1].admission.address.reset();
    Rig rig(node);
    CHECK_FALSE(rig.worker().connections().open({.listener = 1, .remote = {client_ip(), 9000}, .conv = 1}, rig.now));
    CHECK(rig.worker().connections().open({.listener = 0, .remote = {client_ip(), 9000}, .conv = 1}, rig.now));
  }
}

TEST_CASE("a session begins from any address of a local prefix", "[connection]") {
  NodeConfig node = small_node();
  node.stack.interfaces[0].local_prefixes = {{net::IpAddress::v4(10, 128, 0, 0), 9}};
  Rig rig(node);
  Connections& connections = rig.worker().connections();
  const auto open_from = [&](net::IpAddress local, net::Endpoint remote = {client_ip(), 9000}) {
    return connections.open({.remote = remote, .conv = 5, .local = local}, rig.now);
  };
  std::vector<SessionId> ids;
  for (std::uint8_t i = 0; i < 10; ++i) {
    const auto local = net::IpAddress::v4(10, 200, 0, i);
    const auto id = open_from(local);
    REQUIRE(id);
    CHECK(connections.get(*id).path().local == net::Endpoint{local, server_port});
    ids.push_back(*id);
  }
  // Their answers come back to each of them.
  Peer peer(rig, client_ip(), 5, 9000);
  peer.server.address = net::IpAddress::v4(10, 200, 0, 7);
  peer.send({1, 2});
  rig.turn();
  CHECK(rig.service().story(ids[7]) == "opened readable");
  CHECK(rig.service().story(ids[6]) == "opened");
  CHECK(rig.world().sessions.count() == 10);
  // An own address will do as well; one that is not ours, taken, or of the other family will not.
  CHECK(open_from(second_ip));
  CHECK_FALSE(open_from(net::IpAddress::v4(10, 200, 0, 7)));
  CHECK_FALSE(open_from(net::IpAddress::v4(10, 127, 0, 1)));
  CHECK_FALSE(open_from(net::IpAddress::v4(10, 200, 1, 1), {client_ip6, 9000}));
  CHECK_FALSE(open_from(server_ip6));
}

TEST_CASE("a service that measures is told of the traffic", "[connection]") {
  Rig rig;
  Connections& connections = rig.worker().connections();
  const TrafficCounts before = connections.traffic();
  const auto id = connections.open({.remote = {client_ip(), 9000}, .conv = 1}, rig.now);
  REQUIRE(id);
  REQUIRE(send_bytes(connections, connections.get(*id), 100) == SendResult::accepted);
  rig.turn();
  TrafficCounts since = connections.traffic().since(before);
  // The question for the neighbour's MAC address, then the message.
  CHECK(since.tx_packets == 2);
  CHECK(since.tx_bytes == 14 + 28 + 14 + 20 + 8 + 24 + 100);
  CHECK(since.rx_packets == 0);
  CHECK(since.segments_resent == 0);
  rig.pass(Duration::seconds(1));
  since = connections.traffic().since(before);
  CHECK(since.segments_resent > 0);
  CHECK(since.tx_packets == 2 + since.segments_resent);
}

TEST_CASE("segments are unacknowledged from send() to their ACK", "[connection]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  Connections& connections = rig.worker().connections();
  Connection connection = connections.get(id);
  CHECK(connection.unacknowledged() == 0);
  REQUIRE(send_bytes(connections, connection, 10) == SendResult::accepted);
  REQUIRE(send_bytes(connections, connection, 10) == SendResult::accepted);
  CHECK(connection.unacknowledged() == 2);
  rig.turn();
  CHECK(connection.unacknowledged() == 2);
  for (const Datagram& datagram : rig.take()) peer.bring(peer.acks(datagram));
  rig.turn();
  CHECK(connection.unacknowledged() == 0);
}

TEST_CASE("what a service counts as wrong stands in the worker's statistics", "[connection]") {
  Rig rig;
  rig.worker().connections().count_mismatch();
  rig.worker().connections().count_mismatch();
  CHECK(rig.stats().mismatches == 2);
}
