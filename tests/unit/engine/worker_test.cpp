// Shows the order of a turn, what a worker makes of time that stands still, goes back or leaps, when it asks to be called
// again, and that it ends with every buffer back, whatever it held.
// How: whole workers in virtual time; the port and the services write down in which order they were called.
#include "engine/worker.hpp"

#include <catch2/catch.hpp>

#include "aborts.hpp"
#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using net::DropReason;
using Kind = ConnectionEvent::Kind;

TEST_CASE("a turn serves mail, receives, fires timers, tells, sends, in that order", "[worker]") {
  Rig rig;
  std::vector<std::string> log;
  rig.port.log = &log;
  rig.service().log = &log;
  rig.service().react = echo;
  Peer peer(rig, client_ip());
  peer.open();
  log.clear();
  peer.send({1, 2, 3});
  rig.service().deadline = rig.now;
  // The question was asked before the turn, so its answer does not know the session that the turn opens.
  Peer(rig, client_ip(1), 2).send({1});
  REQUIRE(rig.seats[0]->mailbox.commands.push({}));
  rig.turn();
  CHECK(log == std::vector<std::string>{"receive", "timeout", "events", "send"});
  Answer answer;
  REQUIRE(rig.seats[0]->mailbox.answers.pop(answer));
  CHECK(answer.count == 1);
  CHECK(rig.world().sessions.count() == 2);
}

TEST_CASE("what came in is echoed in the same turn", "[worker]") {
  Rig rig;
  rig.service().react = echo;
  Peer peer(rig, client_ip());
  peer.open();
  rig.turn();
  rig.take();
  peer.send({1, 2, 3});
  rig.turn();
  const std::vector<Datagram> sent = rig.take();
  REQUIRE(sent.size() == 1);
  REQUIRE(sent[0].segments.size() == 2);
  CHECK(sent[0].segments[0].command == Kcp::ack);
  CHECK(sent[0].segments[1].data == Bytes{1, 2, 3});
}

TEST_CASE("now never goes back", "[worker]") {
  Rig rig;
  std::vector<Instant> seen;
  rig.service().react = [&](Connections&, const ConnectionEvent&, Instant now) { seen.push_back(now); };
  Peer peer(rig, client_ip());
  peer.send({1});
  rig.turn();
  const Instant latest = rig.now;
  peer.send({2});
  rig.worker().run_once(latest - Duration::seconds(1));
  peer.send({3});
  rig.worker().run_once(Instant::at_us(0));
  REQUIRE(seen.size() >= 3);
  for (const Instant now : seen) CHECK(now == latest);
  CHECK(rig.world().now() == latest);
  CHECK(rig.snapshot().worker.stalls == rig.stats().stalls);
}

TEST_CASE("after a stall what waited is taken in before timers fire", "[worker]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  Peer noise(rig, client_ip(1), 2);
  noise.open();
  SECTION("an acknowledgement saves a retransmission") {
    REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 10) == SendResult::accepted);
    rig.turn();
    for (int i = 0; i < 200; ++i) noise.send({1});
    for (const Datagram& datagram : rig.take()) {
      if (datagram.to == peer.endpoint) peer.bring(peer.acks(datagram));
    }
    rig.turn(Duration::seconds(2));
    CHECK(rig.snapshot().machine.retransmitted_timeout == 0);
    CHECK(rig.world().sessions.machine(id.index()).stats().in_flight == 0);
  }
  SECTION("a datagram saves a session from its idle end") {
    for (int i = 0; i < 200; ++i) noise.send({1});
    peer.send({1});
    rig.turn(Duration::seconds(70));
    for (int i = 0; i < 10; ++i) rig.turn();
    CHECK(rig.service().count(Kind::closed) == 0);
  }
}

TEST_CASE("the next deadline is never later than what is due, but for a tick of the wheel", "[worker]") {
  Rig rig;
  const auto at_the_latest = [&](Instant due) {
    INFO("due " << due.count_us() << ", asked for " << rig.worker().next_deadline().count_us());
    CHECK(rig.worker().next_deadline() <= due + TimerWheel::tick);
    CHECK(rig.worker().next_deadline() >= rig.now - TimerWheel::tick);
  };
  at_the_latest(rig.world().stack.next_deadline());
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  rig.pass(Duration::ms(1));
  const Session& session = rig.world().sessions[id.index()];
  at_the_latest(rig.world().idle_deadline(id.index(), session));
  REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 10) == SendResult::accepted);
  CHECK(rig.worker().next_deadline() <= rig.now);  // it waits to be sent
  rig.turn();
  const Instant resend = rig.world().sessions.machine(id.index()).next_deadline();
  CHECK(resend < rig.now + Duration::seconds(1));
  at_the_latest(resend);
  rig.service().deadline = rig.now + Duration::us(700);
  at_the_latest(rig.now + Duration::us(700));
  rig.port.deadline = rig.now + Duration::us(300);
  CHECK(rig.worker().next_deadline() <= rig.now + Duration::us(300));
}

TEST_CASE("a deadline that is kept fires in its turn", "[worker]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 10) == SendResult::accepted);
  rig.turn();
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t before = rig.snapshot().machine.retransmitted_timeout;
    const Instant due = rig.world().sessions.machine(id.index()).next_deadline();
    while (rig.now < due) {
      CHECK(rig.snapshot().machine.retransmitted_timeout == before);
      rig.turn(later(rig.worker().next_deadline(), rig.now + Duration::us(1)) - rig.now);
    }
    CHECK(rig.now - due <= TimerWheel::tick);
    CHECK(rig.snapshot().machine.retransmitted_timeout == before + 1);
  }
}

TEST_CASE("an idle worker sleeps", "[worker]") {
  Rig rig;
  for (unsigned i = 0; i < 20; ++i) Peer(rig, client_ip(i), i + 1).open();
  rig.pass(Duration::seconds(5));
  const std::uint64_t turns = rig.stats().turns;
  rig.pass(Duration::seconds(20));
  // Cascades of the wheel, probes of the neighbour.
  CHECK(rig.stats().turns - turns < 400);
  CHECK(rig.world().sessions.count() == 20);
}

TEST_CASE("a stopped worker is quiet and everything is back", "[worker]") {
  Rig rig;
  for (unsigned i = 0; i < 20; ++i) {
    Peer peer(rig, client_ip(i), i + 1);
    const SessionId id = peer.open();
    REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 3000) == SendResult::accepted);
    peer.send(Bytes(1300, 1));
    peer.sn += 3;
    peer.send({2});
  }
  for (unsigned i = 20; i < 40; ++i) Peer(rig, client_ip(i), i + 1).send(Bytes(700, 1));
  rig.turn(Duration::ms(6));
  CHECK_FALSE(rig.worker().quiet());
  rig.worker().stop(rig.now);
  rig.turn();
  rig.turn();
  CHECK(rig.worker().quiet());
  World& world = rig.world();
  CHECK(rig.service().count(Kind::opened) == 40);
  CHECK(rig.service().count(Kind::closed) == 40);
  CHECK(world.sessions.count() == 0);
  CHECK(world.flows.count() == 0);
  CHECK(world.wheel.count() == 0);
  CHECK(world.dirty.count() == 0);
  CHECK(world.quota.prefix_count() == 0);
  CHECK(world.windows.in_use_bytes() == 0);
  CHECK(world.chunks.available() == world.chunks.capacity());
  for (std::uint32_t i = 0; i < 3; ++i)
    CHECK(world.small_blocks.pool(i).available() == world.small_blocks.pool(i).capacity());
  CHECK(rig.rx_blocks.whole());
  const std::uint32_t spare = world.spare_head == nullptr ? 0 : 1;
  CHECK(rig.seats[0]->blocks.available() == rig.seats[0]->blocks.capacity() - spare);
}

TEST_CASE("a stopped worker with a stuck ring is quiet when the frames are given up", "[worker]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  rig.port.room = 0;
  REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(id), 3000) == SendResult::accepted);
  rig.turn();
  rig.worker().stop(rig.now);
  rig.pass(Duration::ms(50));
  CHECK(rig.world().sessions.count() == 0);
  CHECK_FALSE(rig.worker().quiet());
  rig.pass(Duration::ms(60));
  CHECK(rig.worker().quiet());
  CHECK(rig.drops(DropReason::tx_ring_full) > 0);
}

TEST_CASE("a worker is not quiet while a frame waits for a neighbour's address", "[worker]") {
  Rig rig;
  const OpenRequest request{.remote = {net::IpAddress::v4(10, 0, 0, 99), 6000}, .conv = 7};
  const auto id = rig.worker().connections().open(request, rig.now);
  REQUIRE(id);
  REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(*id), 10) == SendResult::accepted);
  rig.turn();
  rig.worker().stop(rig.now);
  rig.turn();
  CHECK(rig.world().sessions.count() == 0);
  CHECK_FALSE(rig.worker().quiet());
  // Three questions that nobody answers.
  rig.pass(Duration::seconds(4));
  CHECK(rig.worker().quiet());
  CHECK(rig.drops(DropReason::neighbor_unresolved) == 1);
}

TEST_CASE("a worker that ends in the midst of work gives every buffer back", "[worker]") {
  NodeConfig node = small_node(2);
  node.copy_break = 200;
  Rig rig(node);
  for (unsigned i = 0; i < 10; ++i) {
    Peer peer(rig, client_ip(i), i + 1);
    const SessionId id = peer.open();
    Connections& connections = rig.worker(id.worker()).connections();
    // In flight and unsent, linked and folded, held in order and out of order.
    for (int k = 0; k < 40; ++k)
      REQUIRE(send_bytes(connections, connections.get(id), k % 2 == 0 ? 40 : 400) == SendResult::accepted);
    peer.send(Bytes(1300, 1));
    peer.sn += 3;
    peer.send(Bytes(60, 2));
  }
  for (unsigned i = 10; i < 20; ++i) Peer(rig, client_ip(i), i + 1).send(Bytes(700, 1));
  // Frames wait for a neighbour, for the ring, and in the hand-off rings.
  const auto begun = [&](std::uint32_t index) {
    for (std::uint16_t port = 6000; port < 6100; ++port) {
      const OpenRequest request{.remote = {net::IpAddress::v4(10, 0, 0, 99), port}, .conv = port};
      if (const auto id = rig.worker(index).connections().open(request, rig.now)) {
        Connections& connections = rig.worker(index).connections();
        REQUIRE(send_bytes(connections, connections.get(*id), 10) == SendResult::accepted);
        return;
      }
    }
  };
  begun(0);
  begun(1);
  rig.port.room = 0;
  rig.turn(Duration::ms(6));
  for (unsigned i = 20; i < 60; ++i) Peer(rig, client_ip(i), i + 1).send(Bytes(700, 1));
  rig.worker(0).run_once(rig.now);
  CHECK_FALSE(rig.world(0).batches[0].empty());
  CHECK(rig.snapshot(0).levels.neighbor_frames_waiting + rig.snapshot(1).levels.neighbor_frames_waiting > 0);
  CHECK(rig.world(0).windows.in_use_bytes() > 0);
  rig.finish();  // checks the pools
}

TEST_CASE("a worker refuses to be built wrongly", "[worker]") {
  HeapMemory memory(64 << 20);
  Arena arena(memory.bytes());
  HeapPool blocks(2176, 16);
  FakePort port(blocks, 2);
  Port* ports[] = {&port};
  Recorder recorder;
  Application* services[] = {&recorder};
  const WorkerParts parts{.arena = arena, .blocks = blocks, .ports = ports, .services = services, .key = {}, .seed = 1};
  CHECK(aborts([&] { Worker(small_node(2), 0, parts, Instant()); }));  // no hand-off rings
  CHECK(aborts([&] { Worker(small_node(1), 1, parts, Instant()); }));  // no such worker
  NodeConfig crowded = small_node();
  for (std::uint16_t i = 1; i <= listeners_max; ++i) {
    crowded.listeners.push_back(crowded.listeners[0]);
    crowded.listeners.back().admission.port = static_cast<std::uint16_t>(server_port + i);
  }
  CHECK(aborts([&] { Worker(crowded, 0, parts, Instant()); }));
  NodeConfig unserved = small_node();
  unserved.listeners[0].service = 1;
  CHECK(aborts([&] { Worker(unserved, 0, parts, Instant()); }));
  CHECK_FALSE(aborts([&] { Worker(small_node(), 0, parts, Instant()); }));
}

TEST_CASE("what a turn took is busy or idle as it found work, and the snapshot tells", "[worker]") {
  Rig rig;
  Peer peer(rig, client_ip());
  peer.open();
  rig.pass(Duration::ms(1));
  const WorkerStats before = rig.stats();
  rig.turn();
  CHECK_FALSE(rig.worker().worked());
  rig.worker().took(1000);
  peer.send({1});
  rig.turn();
  CHECK(rig.worker().worked());
  rig.worker().took(70);
  rig.turn();
  rig.worker().took(5);
  const WorkerStats after = rig.snapshot().worker;
  CHECK(after.cycles_busy - before.cycles_busy == 70);
  CHECK(after.cycles_idle - before.cycles_idle == 1005);
}

TEST_CASE("a service's own deadline is work, and so is a frame that only the port's drop counts", "[worker]") {
  Rig rig;
  rig.turn();
  rig.turn();
  REQUIRE_FALSE(rig.worker().worked());
  rig.service().deadline = rig.now;
  rig.turn();
  CHECK(rig.worker().worked());
  rig.service().deadline = Instant::never();
  rig.turn();
  CHECK_FALSE(rig.worker().worked());
}

TEST_CASE("time that the worker slept on purpose is no stall, what it overslept is", "[worker]") {
  Rig rig;
  rig.turn();
  const WorkerStats before = rig.stats();
  rig.worker().slept(Duration::ms(19));
  rig.turn(Duration::ms(20));
  CHECK(rig.stats().stalls == before.stalls);
  rig.worker().slept(Duration::ms(1));
  rig.turn(Duration::ms(20));
  CHECK(rig.stats().stalls == before.stalls + 1);
  CHECK(rig.stats().sleeps == before.sleeps + 2);
  CHECK(rig.stats().slept_us == before.slept_us + 20'000);
}
