// Shows what services hear and in which order, that nothing is left untold, and that every way a session can end reaches
// its service and the listener's counters with its own reason.
// How: a whole worker with services that write down their events; the other end is made by hand.
#include "engine/telling.hpp"

#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using Kind = ConnectionEvent::Kind;

namespace {

std::uint64_t closed(Rig& rig, CloseReason reason) {
  return rig.snapshot().listeners[0].closed[static_cast<std::size_t>(reason)];
}
std::uint64_t closed_in_all(Rig& rig) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < close_reason_count; ++i) sum += closed(rig, static_cast<CloseReason>(i));
  return sum;
}
// The service heard it once, the counter counted it once, and the place is free.
void ended_by(Rig& rig, CloseReason reason) {
  INFO("expected " << name_of(reason) << ", heard: " << rig.service().story());
  CHECK(rig.service().count(Kind::closed) == 1);
  REQUIRE_FALSE(rig.service().events.empty());
  CHECK(rig.service().events.back().kind == Kind::closed);
  CHECK(rig.service().events.back().reason == reason);
  CHECK(closed(rig, reason) == 1);
  CHECK(closed_in_all(rig) == 1);
  CHECK(rig.world().sessions.count() == 0);
  CHECK(rig.world().quota.prefix_count() == 0);
  CHECK(rig.snapshot().listeners[0].sessions_now == 0);
  CHECK(rig.snapshot().listeners[0].half_open_now == 0);
  CHECK(rig.world().windows.in_use_bytes() == 0);
}

}  // namespace

TEST_CASE("a session is opened before it is readable, and closed last", "[telling]") {
  Rig rig;
  CHECK(rig.service().starts == 1);
  Peer peer(rig, client_ip());
  peer.send({1, 2, 3});
  rig.turn();
  CHECK(rig.service().story() == "opened readable");
  CHECK(rig.service().bursts == std::vector<std::size_t>{2});
  rig.worker().stop(rig.now);
  rig.turn();
  CHECK(rig.service().story() == "opened readable closed/stopped");
  rig.turn();
  CHECK(rig.service().story() == "opened readable closed/stopped");
}

TEST_CASE("readable is told again only after more arrived or again() was asked", "[telling]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  rig.service().events.clear();
  rig.pass(Duration::ms(50));
  CHECK(rig.service().story() == "");
  peer.send({2});
  rig.turn();
  CHECK(rig.service().story() == "readable");
  rig.pass(Duration::ms(50));
  CHECK(rig.service().story() == "readable");
  rig.worker().connections().get(id).again();
  CHECK(rig.worker().next_deadline() <= rig.now);
  rig.turn();
  CHECK(rig.service().story() == "readable readable");
  // A repeated segment and a bare acknowledgement bring nothing new, even if something was left.
  rig.service().events.clear();
  peer.bring(Kcp{.conv = 1, .sn = 0, .una = peer.una, .data = {1}}.bytes());
  peer.bring(Kcp{.conv = 1, .command = Kcp::wins, .una = peer.una}.bytes());
  rig.pass(Duration::ms(1));
  CHECK(rig.stats().delivered >= 2);
  CHECK(rig.service().story() == "");
}

TEST_CASE("a message of which a part is missing is not readable yet", "[telling]") {
  Rig rig;
  Peer peer(rig, client_ip());
  peer.open();
  rig.service().react = [](Connections& c, const ConnectionEvent& e, Instant) { take_all(c.get(e.id)); };
  rig.turn();
  rig.service().events.clear();
  const SessionId id = rig.world().sessions.id_of(0);
  take_all(rig.worker().connections().get(id));
  const Kcp first = peer.push({1}, 1);
  const Kcp second = peer.push({2}, 0);
  peer.bring(second.bytes());
  rig.pass(Duration::ms(1));
  CHECK(rig.service().story() == "");
  peer.bring(first.bytes());
  rig.turn();
  CHECK(rig.service().story() == "readable");
}

TEST_CASE("writable follows a refused send once there is room", "[telling]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  rig.service().events.clear();
  Connections& connections = rig.worker().connections();
  // The queue holds 256 segments; the peer acknowledges none of them at first.
  std::uint32_t accepted = 0;
  while (send_bytes(connections, connections.get(id), 100) == SendResult::accepted) REQUIRE(++accepted < 1000);
  rig.turn();
  std::vector<Datagram> sent = rig.take();
  while (rig.service().count(Kind::writable) == 0 && !sent.empty()) {
    for (const Datagram& datagram : sent) peer.bring(peer.acks(datagram));
    rig.turn();
    sent = rig.take();
  }
  CHECK(rig.service().story() == "writable");
  CHECK(send_bytes(connections, connections.get(id), 100) == SendResult::accepted);
}

TEST_CASE("more events than a burst holds come in several bursts, none lost", "[telling]") {
  NodeConfig node = small_node();
  node.sessions_max = 400;
  node.memory.small_blocks = {{1024, 128, 128}};
  node.listeners[0].admission.sessions_max = 400;
  node.listeners[0].admission.half_open_max = 400;
  node.listeners[0].admission.per_prefix_max = 400;
  Rig rig(node);
  for (unsigned i = 0; i < 300; ++i) Peer(rig, client_ip(i), i).send({1});
  rig.turn(Duration::ms(6));  // after a gap the whole queue is taken in
  CHECK(rig.world().sessions.count() == 300);
  CHECK(rig.service().bursts == std::vector<std::size_t>{256, 256, 88});
  CHECK(rig.service().count(Kind::opened) == 300);
  CHECK(rig.service().count(Kind::readable) == 300);
  for (std::size_t i = 0; i < 600; i += 2) {
    REQUIRE(rig.service().events[i].kind == Kind::opened);
    REQUIRE(rig.service().events[i + 1].kind == Kind::readable);
    REQUIRE(rig.service().events[i].id == rig.service().events[i + 1].id);
  }
}

TEST_CASE("a session closed by its service is told of without waiting for any timer", "[telling]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  SECTION("from within its events, with nothing to send") {
    rig.service().react = [](Connections& c, const ConnectionEvent& e, Instant) {
      if (e.kind == Kind::readable) c.get(e.id).close();
    };
    peer.send({2});
    rig.pass(Duration::ms(5));
  }
  SECTION("between turns") {
    rig.worker().connections().get(id).close();
    rig.pass(Duration::ms(5));
  }
  SECTION("from its own timeout") {
    rig.service().tick = [id](Connections& c, Instant) { c.get(id).close(); };
    rig.service().deadline = rig.now + Duration::ms(1);
    rig.pass(Duration::ms(5));
  }
  ended_by(rig, CloseReason::service);
}

TEST_CASE("a session closed with data in flight ends when that is acknowledged", "[telling]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  Connections& connections = rig.worker().connections();
  REQUIRE(send_bytes(connections, connections.get(id), 3000) == SendResult::accepted);
  connections.get(id).close();
  CHECK(send_bytes(connections, connections.get(id), 1) == SendResult::closed);
  rig.pass(Duration::ms(2));
  CHECK(rig.service().count(Kind::closed) == 0);
  for (const Datagram& datagram : rig.take()) peer.bring(peer.acks(datagram));
  rig.turn();
  CHECK(peer.una == 3);
  ended_by(rig, CloseReason::service);
}

TEST_CASE("each way to end reaches the service and the counters", "[telling]") {
  NodeConfig node = small_node();
  node.listeners[0].kcp.stall_timeout_ms = 9'000;
  node.listeners[0].kcp.dead_link = 5;
  node.listeners[0].admission.idle_timeout = Duration::seconds(20);
  node.listeners[0].admission.half_open_timeout = Duration::seconds(5);
  Rig rig(node);
  Peer peer(rig, client_ip());
  SECTION("unproven") {
    peer.send({1});
    rig.pass(Duration::ms(4'900));
    CHECK(rig.service().count(Kind::closed) == 0);
    rig.pass(Duration::ms(1'200));
    ended_by(rig, CloseReason::unproven);
  }
  SECTION("idle") {
    peer.open();
    rig.pass(Duration::seconds(10));
    peer.send({1});
    rig.pass(Duration::ms(19'900));
    CHECK(rig.service().count(Kind::closed) == 0);
    rig.pass(Duration::ms(1'200));
    ended_by(rig, CloseReason::idle);
  }
  SECTION("dead_link") {
    const SessionId id = peer.open();
    REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 10) == SendResult::accepted);
    // Five transmissions at 30 ms, 45 ms, … are over long before the idle timer.
    rig.pass(Duration::seconds(3));
    ended_by(rig, CloseReason::dead_link);
  }
  SECTION("stalled") {
    const SessionId id = peer.open();
    // An acknowledgement that moves una shuts the window; with the same una it would be old news.
    REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 10) == SendResult::accepted);
    rig.turn();
    for (const Datagram& datagram : rig.take()) {
      const Kcp& s = datagram.segments.back();
      if (s.command == Kcp::push) peer.bring(Kcp{1, Kcp::ack, 0, 0, s.stamp, s.sn, s.sn + 1, {}}.bytes());
    }
    rig.turn();
    REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 10) == SendResult::accepted);
    rig.pass(Duration::ms(8'800));
    CHECK(rig.service().count(Kind::closed) == 0);
    rig.pass(Duration::ms(400));
    ended_by(rig, CloseReason::stalled);
  }
  SECTION("drained") {
    peer.open();
    rig.worker().drain(rig.now);
    rig.pass(Duration::ms(1));
    ended_by(rig, CloseReason::drained);
  }
  SECTION("stopped while draining") {
    const SessionId id = peer.open();
    REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 10) == SendResult::accepted);
    rig.worker().drain(rig.now);
    rig.pass(Duration::ms(10));
    CHECK(rig.service().count(Kind::closed) == 0);
    rig.worker().stop(rig.now);
    rig.pass(Duration::ms(1));
    ended_by(rig, CloseReason::stopped);
  }
  SECTION("service") {
    const SessionId id = peer.open();
    rig.worker().connections().get(id).close();
    rig.pass(Duration::ms(1));
    ended_by(rig, CloseReason::service);
  }
}

TEST_CASE("a session ends as replaced when its peer has begun another from the same address", "[telling]") {
  NodeConfig node = small_node();
  node.listeners[0].admission.key_mode = SessionKeyMode::address;
  node.listeners[0].admission.challenge = true;
  Rig rig(node);
  const SessionId old = Peer(rig, client_ip(), 1).open();
  const SessionId next = Peer(rig, client_ip(), 2).open();
  CHECK(rig.service().story(old) == "opened readable closed/replaced");
  CHECK(rig.service().story(next) == "opened readable");
  CHECK(closed(rig, CloseReason::replaced) == 1);
  CHECK(rig.world().sessions.count() == 1);
  CHECK(rig.snapshot().listeners[0].sessions_now == 1);
}

namespace {

// Commands of the segments that were sent since the last call.
std::vector<std::uint8_t> commands_sent(Rig& rig) {
  std::vector<std::uint8_t> commands;
  for (const Datagram& datagram : rig.take()) {
    for (const Kcp& segment : datagram.segments) commands.push_back(segment.command);
  }
  return commands;
}

NodeConfig probing_node(std::uint32_t probes) {
  NodeConfig node = small_node();
  node.listeners[0].admission.idle_timeout = Duration::seconds(30);
  node.listeners[0].admission.liveness_probes = probes;
  return node;
}

}  // namespace

TEST_CASE("a dead peer is found within 30 s of its last sign of life, by three questions", "[telling]") {
  Rig rig(probing_node(3));
  Peer peer(rig, client_ip());
  peer.open();
  rig.take();
  rig.pass(Duration::ms(14'000));
  CHECK(commands_sent(rig).empty());
  rig.pass(Duration::ms(1'000));
  CHECK(commands_sent(rig) == std::vector<std::uint8_t>{Kcp::push});
  rig.pass(Duration::ms(5'000));
  CHECK(commands_sent(rig) == std::vector<std::uint8_t>{Kcp::wask});
  rig.pass(Duration::ms(5'000));
  CHECK(commands_sent(rig) == std::vector<std::uint8_t>{Kcp::wask});
  CHECK(rig.service().count(Kind::closed) == 0);
  rig.pass(Duration::ms(5'000));
  CHECK(commands_sent(rig).empty());
  ended_by(rig, CloseReason::idle);
  CHECK(rig.snapshot().machine.liveness_probes_sent == 3);
}

TEST_CASE("a peer that answers any question stays, however long it says nothing", "[telling]") {
  Rig rig(probing_node(3));
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  rig.take();
  int questions = 0;
  for (int second = 0; second < 300; ++second) {
    rig.pass(Duration::seconds(1));
    for (const Datagram& datagram : rig.take()) {
      // The first one of each row is lost.
      if (++questions % 2 == 1) continue;
      CHECK(datagram.segments.at(0).command == Kcp::wask);
      peer.bring(Kcp{1, Kcp::wins, 0, 128, 0, 0, peer.una, {}}.bytes());
    }
    CHECK(rig.world().sessions[id.index()].life_probes <= 2);
  }
  CHECK(rig.service().count(Kind::closed) == 0);
  CHECK(questions == 28);  // two in 21 s
}

TEST_CASE("a listener without probes asks nobody", "[telling]") {
  Rig rig(probing_node(0));
  Peer peer(rig, client_ip());
  peer.open();
  rig.take();
  rig.pass(Duration::ms(29'900));
  CHECK(rig.service().count(Kind::closed) == 0);
  CHECK(commands_sent(rig).empty());
  rig.pass(Duration::ms(1'200));
  ended_by(rig, CloseReason::idle);
  CHECK(rig.snapshot().machine.liveness_probes_sent == 0);
}

TEST_CASE("an unproven peer is asked nothing but what it paid for", "[telling]") {
  NodeConfig node = probing_node(3);
  node.listeners[0].admission.half_open_timeout = Duration::seconds(100);
  Rig rig(node);
  Peer peer(rig, client_ip());
  peer.send({1});
  rig.turn();
  rig.take();
  rig.pass(Duration::seconds(99));
  CHECK(commands_sent(rig).empty());
  CHECK(rig.service().count(Kind::closed) == 0);
}

// Our own absence is not the peer's silence: each question still leaves time for an answer.
TEST_CASE("a worker that was away asks before it gives up", "[telling]") {
  Rig rig(probing_node(3));
  Peer peer(rig, client_ip());
  peer.open();
  rig.take();
  rig.turn(Duration::seconds(100));
  rig.turn();
  CHECK(commands_sent(rig) == std::vector<std::uint8_t>{Kcp::push});
  rig.pass(Duration::ms(2'400));
  CHECK(commands_sent(rig).empty());
  CHECK(rig.service().count(Kind::closed) == 0);
  peer.bring(Kcp{1, Kcp::wins, 0, 128, 0, 0, peer.una, {}}.bytes());
  rig.pass(Duration::ms(14'000));
  CHECK(rig.service().count(Kind::closed) == 0);
}

TEST_CASE("every CloseReason has its test above", "[telling]") {
  // service, drained, stopped, idle, dead_link, stalled, unproven, replaced: a new one must be added there.
  CHECK(close_reason_count == 8);
}

TEST_CASE("a service may work on sessions of another, told before it or after it", "[telling]") {
  const std::uint32_t relay = GENERATE(0u, 1u);
  const std::uint32_t target = 1 - relay;
  NodeConfig node = small_node();
  node.listeners.push_back(node.listeners[0]);
  for (std::uint16_t i = 0; i < 2; ++i) {
    node.listeners[i].service = i;
    node.listeners[i].admission.service = i;
    node.listeners[i].admission.port = static_cast<std::uint16_t>(server_port + i);
  }
  Rig rig(node, RigLimits{.services = 2});
  Peer here(rig, client_ip(), 1);
  here.server.port = static_cast<std::uint16_t>(server_port + relay);
  Peer there(rig, client_ip(), 2, 5001);
  there.server.port = static_cast<std::uint16_t>(server_port + target);
  here.open();
  const SessionId other = there.open();
  rig.service(relay).events.clear();
  rig.service(target).events.clear();
  SECTION("what it sends there leaves in the same turn") {
    rig.service(relay).react = [other](Connections& c, const ConnectionEvent&, Instant) {
      CHECK(send_bytes(c, c.get(other), 10) == SendResult::accepted);
    };
    here.send({1});
    rig.turn();
    std::size_t bytes = 0;
    for (const Datagram& datagram : rig.take()) {
      if (datagram.to == there.endpoint) bytes += datagram.segments.at(0).data.size();
    }
    CHECK(bytes == 10);
  }
  SECTION("a session that it closes is told of soon") {
    rig.service(relay).react = [other](Connections& c, const ConnectionEvent&, Instant) {
      if (Connection connection = c.get(other)) connection.close();
    };
    here.send({1});
    rig.pass(Duration::ms(2));
    CHECK(rig.service(target).story() == "closed/service");
    CHECK_FALSE(rig.worker().connections().get(other));
  }
  SECTION("a session that it begins for the other is told of soon") {
    rig.service(relay).react = [&](Connections& c, const ConnectionEvent&, Instant now) {
      CHECK(c.open({.listener = target, .remote = {client_ip(9), 7000}, .conv = 77}, now).has_value());
    };
    here.send({1});
    rig.pass(Duration::ms(2));
    CHECK(rig.service(target).story() == "opened");
    CHECK(rig.service(relay).story() == "readable");
  }
  SECTION("readable asked for on its behalf is told soon") {
    there.send({1});
    rig.turn();
    rig.service(target).events.clear();
    rig.service(relay).react = [other](Connections& c, const ConnectionEvent&, Instant) { c.get(other).again(); };
    here.send({1});
    rig.pass(Duration::ms(2));
    CHECK(rig.service(target).story() == "readable");
  }
}

TEST_CASE("timers beyond a turn's budget fire in the next turns", "[telling]") {
  NodeConfig node = small_node();
  node.sessions_max = 1200;
  node.memory.small_blocks = {{2048, 128, 128}};
  node.listeners[0].admission.sessions_max = 1200;
  node.listeners[0].admission.half_open_max = 1200;
  node.listeners[0].admission.per_prefix_max = 1200;
  Rig rig(node);
  for (unsigned i = 0; i < 1200; ++i) Peer(rig, client_ip(i), i).send({1});
  rig.turn(Duration::ms(6));
  REQUIRE(rig.world().sessions.count() == 1200);
  // All half-open times are over at once; a turn fires 64 of them.
  std::uint64_t before = 0;
  std::uint32_t turns = 0;
  rig.turn(Duration::seconds(10));
  for (; rig.worker().next_deadline() <= rig.now; ++turns) {
    REQUIRE(turns < 40);
    rig.turn();
    CHECK(closed(rig, CloseReason::unproven) - before <= 64);
    before = closed(rig, CloseReason::unproven);
  }
  CHECK(turns >= 18);
  CHECK(closed(rig, CloseReason::unproven) == 1200);
  CHECK(rig.service().count(Kind::closed) == 1200);
}

TEST_CASE("a service's own timeout comes when due, before its events", "[telling]") {
  Rig rig;
  std::vector<std::string> log;
  rig.service().log = &log;
  rig.service().deadline = rig.now + Duration::ms(5);
  CHECK(rig.worker().next_deadline() <= rig.now + Duration::ms(5));
  rig.turn(Duration::us(4'999));
  CHECK(log.empty());
  Peer(rig, client_ip()).send({1});
  rig.turn(Duration::us(1));
  CHECK(log == std::vector<std::string>{"timeout", "events"});
}
