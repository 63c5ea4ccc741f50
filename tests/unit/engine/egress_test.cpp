// Shows that an unproven address never gets more bytes than it sent; that a shortage of blocks or ring room makes data wait
// and loses none; and that a session with much to send leaves room for the others.
// How: a whole worker over a port whose ring takes as many frames as the test allows.
#include "engine/egress.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using net::DropReason;
using Kind = ConnectionEvent::Kind;

namespace {

// What came of one conversation, put in order.
struct Inbox {
  std::uint32_t next = 0;
  Bytes data;
  std::map<std::uint32_t, Bytes> ahead;

  void take(const Datagram& datagram) {
    for (const Kcp& segment : datagram.segments) {
      if (segment.command == Kcp::push && segment.sn != 0xffffffff) ahead[segment.sn] = segment.data;
    }
    for (auto found = ahead.find(next); found != ahead.end(); found = ahead.find(++next)) {
      data.insert(data.end(), found->second.begin(), found->second.end());
    }
  }
};

Bytes counting(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  return bytes;
}

NodeConfig roomy_node() {
  NodeConfig node = small_node();
  node.memory.small_blocks = {{512, 512, 512}};
  node.listeners[0].kcp.snd_wnd = 512;
  node.listeners[0].kcp.send_queue_segments_max = 512;
  return node;
}

// A proven session whose peer takes 1,000 segments.
SessionId open_wide(Peer& peer) {
  const SessionId id = peer.open();
  peer.bring(Kcp{.conv = peer.conv, .command = Kcp::wins, .window = 1000, .una = peer.una}.bytes());
  peer.rig.turn();
  peer.rig.turn();
  peer.rig.take();
  return id;
}

void send_messages(Rig& rig, SessionId id, int count, std::size_t bytes) {
  Connections& connections = rig.worker().connections();
  for (int i = 0; i < count; ++i) {
    REQUIRE(send_bytes(connections, connections.get(id), bytes, static_cast<std::uint8_t>(i)) == SendResult::accepted);
  }
}

}  // namespace

TEST_CASE("until an address is proven, no more bytes leave than came", "[egress]") {
  const std::size_t size =
      GENERATE(0u, 1u, 2u, 23u, 24u, 25u, 47u, 48u, 49u, 500u, 975u, 976u, 1000u, 1375u, 1376u, 1400u);
  const int lost = GENERATE(0, 1, 2, 5);  // datagrams of ours that the network loses at first
  const int repeats = GENERATE(1, 3);     // times that each request comes
  CAPTURE(size, lost, repeats);
  Rig rig;
  rig.service().react = echo;
  Peer peer(rig, client_ip());
  const Bytes payload = counting(size);
  Bytes request;
  if (size <= 1376) {
    request = peer.push(payload).bytes();
  } else {
    // A fragmented message in two datagrams: the second comes a moment later.
    request = peer.push(Bytes(payload.begin(), payload.begin() + 1376), 1).bytes();
  }
  const Bytes rest = size <= 1376 ? Bytes() : peer.push(Bytes(payload.begin() + 1376, payload.end()), 0).bytes();
  std::size_t in = 0, out = 0;
  int seen = 0;
  Inbox inbox;
  bool proven = false;
  const auto bring = [&](const Bytes& bytes) {
    peer.bring(bytes);
    in += bytes.size();
  };
  for (int round = 0; round < 40; ++round) {
    if (!proven) {
      for (int i = 0; i < repeats; ++i) bring(request);
      if (!rest.empty()) bring(rest);
    }
    for (int turns = 0; turns < 20; ++turns) {
      rig.turn(Duration::ms(5));
      const bool now_proven = rig.world().sessions[0].state == SessionState::proven;
      for (const Datagram& datagram : rig.take()) {
        out += datagram.udp_bytes;
        if (seen++ < lost) continue;
        inbox.take(datagram);
        const Bytes answer = peer.acks(datagram);
        if (!answer.empty()) bring(answer);
      }
      proven = now_proven;
      if (!proven) REQUIRE(out <= in);
    }
  }
  CHECK(proven);
  CHECK(rig.world().sessions.count() == 1);
  CHECK(inbox.data == payload);
}

TEST_CASE("a peer that never proves itself gets nothing beyond its credit, however long it lives", "[egress]") {
  Rig rig;
  rig.service().react = echo;
  Peer peer(rig, client_ip());
  const Bytes request = peer.push(counting(100)).bytes();
  std::size_t in = 0, out = 0;
  for (int i = 0; i < 40; ++i) {
    if (i < 10) {
      peer.bring(request);
      in += request.size();
    }
    rig.pass(Duration::ms(100));
    for (const Datagram& datagram : rig.take()) out += datagram.udp_bytes;
    REQUIRE(out <= in);
  }
  CHECK(out >= 24);
  CHECK(rig.world().sessions[0].state == SessionState::unproven);
  CHECK(rig.world().sessions[0].credit_bytes == 0);
}

TEST_CASE("a session whose credit is less than a header waits and costs nothing", "[egress]") {
  Rig rig;
  Peer peer(rig, client_ip());
  peer.send({1});  // 25 bytes pay for a ping of 24
  rig.turn();
  rig.turn();
  REQUIRE(rig.take().size() == 1);
  CHECK(rig.world().sessions[0].credit_bytes == 0);
  REQUIRE(send_bytes(rig.worker().connections(), rig.worker().connections().get(rig.world().sessions.id_of(0)), 1) ==
          SendResult::accepted);
  const std::uint64_t waits = rig.stats().credit_waits;
  const std::uint64_t sent = rig.stats().tx_packets;
  rig.turn();
  CHECK(rig.stats().credit_waits == waits + 1);
  CHECK(rig.take().empty());
  // It is not looked at in vain: nothing is due before the half-open time is over or the neighbour is asked again.
  const std::uint64_t work = rig.stats().turns_with_work;
  for (int i = 0; i < 100; ++i) rig.turn();
  CHECK(rig.stats().credit_waits == waits + 1);
  CHECK(rig.stats().turns_with_work == work);
  CHECK(rig.stats().tx_packets == sent);
  // The block that found no use is kept for the next datagram.
  CHECK(rig.seats[0]->blocks.available() == rig.seats[0]->blocks.capacity() - 1);
}

TEST_CASE("with no block free data waits, and all of it leaves when there are some", "[egress]") {
  Rig rig(roomy_node());
  Peer peer(rig, client_ip());
  const SessionId id = open_wide(peer);
  HeapPool& blocks = rig.seats[0]->blocks;
  blocks.keep_back(blocks.capacity());
  const std::uint64_t before = rig.stats().tx_no_block;
  send_messages(rig, id, 50, 1000);
  for (int i = 0; i < 5; ++i) {
    rig.turn();
    CHECK(rig.worker().next_deadline() <= rig.now);
  }
  // The spare block may carry one datagram.
  CHECK(rig.take().size() <= 1);
  CHECK(rig.stats().tx_no_block >= before + 5);
  CHECK(rig.snapshot().machine.retransmitted_timeout == 0);
  blocks.keep_back(0);
  rig.turn();
  CHECK(rig.snapshot().machine.segments_sent >= 50);
  CHECK(rig.snapshot().machine.retransmitted_timeout == 0);
  CHECK(rig.world().drops.total() == 0);
}

TEST_CASE("every byte arrives once and in order through dry pools and full rings", "[egress]") {
  Rig rig(roomy_node());
  Peer peer(rig, client_ip());
  const SessionId id = open_wide(peer);
  send_messages(rig, id, 100, 1200);
  Inbox inbox;
  inbox.next = peer.una;
  Rng rng(11);
  for (int i = 0; i < 400 && inbox.data.size() < 100 * 1200; ++i) {
    rig.port.room = static_cast<std::uint32_t>(rng.below(3));
    rig.seats[0]->blocks.keep_back(rng.below(2) == 0 ? rig.seats[0]->blocks.capacity() : 0);
    rig.turn(Duration::us(50));
    for (const Datagram& datagram : rig.take()) {
      inbox.take(datagram);
      peer.bring(peer.acks(datagram));
    }
  }
  rig.seats[0]->blocks.keep_back(0);
  rig.port.room = ~0u;
  REQUIRE(inbox.data.size() == 100 * 1200);
  for (std::size_t i = 0; i < inbox.data.size(); ++i) REQUIRE(inbox.data[i] == static_cast<std::uint8_t>(i / 1200));
  CHECK(rig.stats().tx_ring_busy > 0);
  CHECK(rig.world().drops.total() == 0);
}

TEST_CASE("a ring that stays full gives its frames up, and the machine sends again", "[egress]") {
  Rig rig(roomy_node());
  Peer peer(rig, client_ip());
  const SessionId id = open_wide(peer);
  rig.port.room = 0;
  send_messages(rig, id, 3, 100);
  rig.pass(Duration::ms(150));
  CHECK(rig.drops(DropReason::tx_ring_full) > 0);
  CHECK(rig.take().empty());
  rig.port.room = ~0u;
  rig.pass(Duration::ms(400));
  Inbox inbox;
  inbox.next = peer.una;
  for (const Datagram& datagram : rig.take()) inbox.take(datagram);
  CHECK(inbox.data.size() == 300);
}

TEST_CASE("a full ring is asked once a turn, however many sessions wait for it", "[egress]") {
  NodeConfig node = roomy_node();
  Rig rig(node);
  std::vector<std::unique_ptr<Peer>> peers;
  for (std::uint16_t i = 0; i < 20; ++i) {
    peers.push_back(std::make_unique<Peer>(rig, client_ip(), 100u + i, static_cast<std::uint16_t>(30'000 + i)));
    open_wide(*peers.back());
  }
  rig.port.room = 0;
  Connections& connections = rig.worker().connections();
  for (std::uint32_t i = 0; i < 20; ++i) {
    for (int k = 0; k < 3; ++k) {
      REQUIRE(send_bytes(connections, connections.get(rig.world().sessions.id_of(i)), 500) == SendResult::accepted);
    }
  }
  const std::uint64_t before = rig.stats().tx_ring_busy;
  rig.turn();
  CHECK(rig.stats().tx_ring_busy == before + 1);
  CHECK(rig.worker().next_deadline() <= rig.now);
  rig.port.room = ~0u;
  for (int i = 0; i < 4; ++i) rig.turn();
  std::map<std::uint32_t, std::set<std::uint32_t>> pushed;
  for (const Datagram& datagram : rig.take()) {
    for (const Kcp& segment : datagram.segments) {
      if (segment.command == Kcp::push && !segment.data.empty()) pushed[segment.conv].insert(segment.sn);
    }
  }
  for (std::uint32_t i = 0; i < 20; ++i) CHECK(pushed[100u + i].size() == 3);
}

TEST_CASE("with the link down frames are counted, and it goes on when the link is up", "[egress]") {
  Rig rig;
  Peer peer(rig, client_ip());
  const SessionId id = peer.open();
  rig.port.up = false;
  rig.turn();
  send_messages(rig, id, 1, 100);
  rig.turn();
  CHECK(rig.drops(DropReason::tx_link_down) >= 1);
  CHECK(rig.take().empty());
  rig.port.up = true;
  rig.pass(Duration::ms(500));
  Inbox inbox;
  inbox.next = peer.una;
  for (const Datagram& datagram : rig.take()) inbox.take(datagram);
  CHECK(inbox.data.size() == 100);
}

TEST_CASE("a session with much to send shares the turn", "[egress]") {
  Rig rig(roomy_node());
  Peer much(rig, client_ip(0), 1);
  Peer little(rig, client_ip(1), 2);
  const SessionId a = open_wide(much);
  const SessionId b = open_wide(little);
  send_messages(rig, a, 200, 1300);
  send_messages(rig, b, 1, 10);
  rig.turn();
  std::uint32_t of_much = 0, of_little = 0;
  for (const Datagram& datagram : rig.take()) ++(datagram.to == much.endpoint ? of_much : of_little);
  CHECK(of_much == 64);
  CHECK(of_little == 1);
  CHECK(rig.worker().next_deadline() <= rig.now);
  for (int i = 0; i < 3; ++i) rig.turn();
  for (const Datagram& datagram : rig.take()) of_much += datagram.to == much.endpoint ? 1u : 0u;
  CHECK(of_much == 200);
}

TEST_CASE("linked payload leaves whole, and again while the first copy waits in the ring", "[egress]") {
  NodeConfig node = roomy_node();
  node.copy_break = 100;
  node.listeners[0].kcp.rto_initial_ms = 30;  // a timeout before the batch counts as stuck
  Rig rig(node);
  Peer peer(rig, client_ip());
  const SessionId id = open_wide(peer);
  rig.port.room = 0;
  send_messages(rig, id, 1, 900);
  rig.pass(Duration::ms(90));  // the RTO of 30 ms and more passes: copies wait behind each other
  CHECK(rig.snapshot().machine.retransmitted_timeout > 0);
  rig.port.room = ~0u;
  rig.turn();
  std::uint32_t copies = 0;
  for (const Datagram& datagram : rig.take()) {
    for (const Kcp& segment : datagram.segments) {
      if (segment.command != Kcp::push) continue;
      ++copies;
      CHECK(segment.data == Bytes(900, 0));
    }
  }
  CHECK(copies == 1 + rig.snapshot().machine.retransmitted_timeout);
  // Acknowledged, the payload's own block is free again.
  const std::uint32_t large = rig.world().small_blocks.pool(2).available();
  peer.bring(Kcp{.conv = 1, .command = Kcp::wins, .window = 1000, .una = peer.una + 1}.bytes());
  rig.turn();
  CHECK(rig.world().small_blocks.pool(2).available() == large + 1);
}
