// Shows that what a port's ring takes has the right bytes, whatever way a frame went, and that what it does not take is
// untouched: same Segments, counts and bytes. Every test ends with pool levels at their start.
#include <catch2/catch.hpp>

#include "base/rng.hpp"
#include "buf/arena_pool.hpp"
#include "ethdev_mock.hpp"
#include "ring_host.hpp"

using namespace penstock;
using namespace penstock::nic;
using namespace penstock::nic::test;
using net::DropReason;

namespace {

int refuse_third(void*, rte_mbuf** mbufs, std::uint16_t count) {
  static_cast<void>(mbufs);
  return count < 2 ? count : 2;
}

}  // namespace

TEST_CASE("dpdk_port: a full ring leaves frames of every kind untouched, and nothing leaks") {
  RingHost host(true, 8);
  HeapPool heap(2048, 16);
  std::vector<net::TxFrame> frames;
  std::vector<Segment> kept;
  std::vector<std::vector<std::uint8_t>> expected;
  for (std::uint32_t i = 0; i < 48; ++i) {
    const std::uint32_t link_bytes = i % 4 < 2 ? 0 : 600;
    net::TxFrame frame = host.frame(2 * i, 80, link_bytes);
    if (i % 4 == 1) kept.push_back(frame.head.share());
    if (i % 4 == 3) frame.link = segment_of(heap, pattern(2 * i + 1, 600), 0);
    expected.push_back(joined(2 * i, 80, link_bytes));
    frames.push_back(std::move(frame));
  }
  std::vector<Look> looks;
  for (const net::TxFrame& frame : frames) looks.push_back(look_of(frame));

  std::size_t gone = 0;
  int rounds = 0;
  while (gone < frames.size()) {
    REQUIRE(++rounds < 20);
    const std::uint32_t taken = host.send(std::span(frames).subspan(gone));
    REQUIRE(taken == 8);
    for (std::size_t i = gone; i < gone + taken; ++i) CHECK_FALSE(frames[i].head.holds());
    for (std::size_t i = gone + taken; i < frames.size(); ++i) CHECK(look_of(frames[i]) == looks[i]);
    // A second attempt at the full ring changes nothing either.
    CHECK(host.send(std::span(frames).subspan(gone + taken)) == 0);
    for (std::size_t i = gone + taken; i < frames.size(); ++i) CHECK(look_of(frames[i]) == looks[i]);
    for (std::uint32_t i = 0; i < taken; ++i) CHECK(host.device.leave_bytes() == expected[gone + i]);
    gone += taken;
  }
  CHECK(host.port->counters(0).tx_packets == 48);
  CHECK(host.port->counters(0).tx_linked == 12);
  CHECK(host.port->counters(0).tx_copied == 12);
  CHECK(host.port->counters(0).tx_ring_full == 10);
  CHECK(host.drops.total() == 0);
  CHECK(heap.whole());
}

TEST_CASE("dpdk_port: linking and copying put the same bytes on the wire") {
  RingHost linking(true);
  RingHost copying(false);
  CHECK(linking.port->info().traits.multi_segment);
  CHECK_FALSE(copying.port->info().traits.multi_segment);
  std::uint32_t seed = 1;
  for (const std::uint32_t head : {42u, 66u, 130u}) {
    for (const std::uint32_t link : {1u, 2u, 511u, 1400u}) {
      net::TxFrame linked = linking.frame(seed, head, link);
      net::TxFrame copied = copying.frame(seed, head, link);
      REQUIRE(linking.send({&linked, 1}) == 1);
      REQUIRE(copying.send({&copied, 1}) == 1);
      rte_mbuf* chain = linking.device.leave();
      CHECK(chain->nb_segs == 2);
      const auto linked_bytes = bytes_of(chain);
      rte_pktmbuf_free(chain);
      rte_mbuf* whole = copying.device.leave();
      CHECK(whole->nb_segs == 1);
      CHECK(bytes_of(whole) == linked_bytes);
      CHECK(linked_bytes == joined(seed, head, link));
      rte_pktmbuf_free(whole);
      seed += 2;
    }
  }
  CHECK(linking.port->counters(0).tx_linked == 12);
  CHECK(copying.port->counters(0).tx_copied == 12);
}

TEST_CASE("dpdk_port: one payload under many headers, and its retransmission while the ring still holds it") {
  RingHost host;
  Segment payload = segment_of(*host.pool, pattern(50, 1200));
  std::vector<net::TxFrame> frames;
  for (std::uint32_t i = 0; i < 10; ++i) {
    frames.push_back(host.frame(i, 66));
    frames.back().link = payload.share();
  }
  REQUIRE(host.send(frames) == 10);
  net::TxFrame again = host.frame(10, 66);
  again.link = payload.share(100, 300);
  REQUIRE(host.send({&again, 1}) == 1);
  CHECK(payload.unique());
  payload.reset();  // acknowledged: the ring alone holds it now
  for (std::uint32_t i = 0; i < 10; ++i) {
    auto expected = pattern(i, 66);
    const auto body = pattern(50, 1200);
    expected.insert(expected.end(), body.begin(), body.end());
    CHECK(host.device.leave_bytes() == expected);
  }
  auto expected = pattern(10, 66);
  const auto body = pattern(50, 1200);
  expected.insert(expected.end(), body.begin() + 100, body.begin() + 400);
  CHECK(host.device.leave_bytes() == expected);
}

TEST_CASE("dpdk_port: no block to copy into stops before that frame and leaves it") {
  RingHost host(false);
  HeapPool heap(2048, 2);
  std::vector<net::TxFrame> frames;
  frames.push_back(host.frame(1, 100));
  frames.push_back({.head = segment_of(heap, pattern(2, 90), 0), .link = {}});
  frames.push_back(host.frame(3, 100));
  std::vector<Segment> dry;
  while (Block* block = host.pool->allocate()) dry.push_back(Segment::adopt(block, 0, 0));
  const Look second = look_of(frames[1]);
  const Look third = look_of(frames[2]);
  CHECK(host.send(frames) == 1);
  CHECK(look_of(frames[1]) == second);
  CHECK(look_of(frames[2]) == third);
  CHECK(host.port->counters(0).tx_no_block == 1);
  CHECK(host.port->counters(0).tx_ring_full == 0);
  CHECK(host.device.leave_bytes() == pattern(1, 100));
  dry.clear();
  CHECK(host.send(std::span(frames).subspan(1)) == 2);
  CHECK(host.device.leave_bytes() == pattern(2, 90));
  CHECK(host.device.leave_bytes() == pattern(3, 100));
}

TEST_CASE("dpdk_port: a frame that the driver refuses for ever is dropped by name") {
  RingHost host;
  rte_eth_fp_ops[host.port->port_id()].tx_pkt_prepare = [](void* queue, rte_mbuf** mbufs, std::uint16_t count) {
    return static_cast<std::uint16_t>(refuse_third(queue, mbufs, count));
  };
  std::vector<net::TxFrame> frames;
  for (std::uint32_t i = 0; i < 5; ++i) frames.push_back(host.frame(2 * i, 60, 300));
  const Look fourth = look_of(frames[3]);
  CHECK(host.send(frames) == 3);
  CHECK_FALSE(frames[2].head.holds());
  CHECK_FALSE(frames[2].link.holds());
  CHECK(look_of(frames[3]) == fourth);
  CHECK(host.drops.of(DropReason::tx_refused) == 1);
  CHECK(host.port->counters(0).tx_refused == 1);
  CHECK(host.port->counters(0).tx_packets == 2);
  CHECK(host.port->counters(0).tx_ring_full == 0);
  rte_eth_fp_ops[host.port->port_id()].tx_pkt_prepare = nullptr;
  CHECK(host.device.leave_bytes() == joined(0, 60, 300));
  CHECK(host.device.leave_bytes() == joined(2, 60, 300));
}

TEST_CASE("dpdk_port: what no longer passes a lowered MTU is dropped by name, and nothing else") {
  RingHost host;
  EthdevMock mock;
  mock.mtu = [](std::uint16_t& mtu) { mtu = 600; };
  host.port->poll_mtu();
  // 14 bytes of Ethernet come on top; a frame without an IP header passes whatever its length.
  const std::vector<std::pair<std::uint32_t, std::uint16_t>> shapes = {{615, 20}, {614, 20}, {700, 40}, {900, 20},
                                                                       {60, 20},  {900, 0},  {615, 40}};
  std::vector<net::TxFrame> frames;
  for (std::uint32_t i = 0; i < shapes.size(); ++i) {
    frames.push_back(i == 3 ? host.frame(2 * i, 54, shapes[i].first - 54) : host.frame(2 * i, shapes[i].first));
    frames.back().l2_bytes = 14;
    frames.back().l3_bytes = shapes[i].second;
  }
  CHECK(host.send(frames) == shapes.size());
  for (const net::TxFrame& frame : frames) CHECK_FALSE((frame.head.holds() || frame.link.holds()));
  CHECK(host.drops.of(DropReason::mtu_exceeded) == 4);
  CHECK(host.drops.total() == 4);
  CHECK(host.port->counters(0).tx_packets == 3);
  for (const std::uint32_t i : {1u, 4u, 5u}) CHECK(host.device.leave_bytes() == pattern(2 * i, shapes[i].first));
}

TEST_CASE("dpdk_port: a full ring stops a burst at a lowered MTU, too") {
  RingHost host(true, 8);
  EthdevMock mock;
  mock.mtu = [](std::uint16_t& mtu) { mtu = 600; };
  host.port->poll_mtu();
  std::vector<net::TxFrame> frames;
  for (std::uint32_t i = 0; i < 12; ++i) {
    frames.push_back(host.frame(2 * i, i == 2 || i == 11 ? 700 : 100));
    frames.back().l2_bytes = 14;
    frames.back().l3_bytes = 20;
  }
  // Eight pass, and the one that never will; the last is looked at once there is room before it.
  CHECK(host.send(frames) == 9);
  CHECK(host.drops.of(DropReason::mtu_exceeded) == 1);
  for (std::uint32_t i = 9; i < 12; ++i) CHECK(frames[i].head.holds());
  for (std::uint32_t i = 0; i < 8; ++i) CHECK(host.device.leave_bytes() == pattern(2 * (i < 2 ? i : i + 1), 100));
  CHECK(host.send(std::span(frames).subspan(9)) == 3);
  CHECK(host.drops.of(DropReason::mtu_exceeded) == 2);
  CHECK(host.device.leave_bytes() == pattern(18, 100));
  CHECK(host.device.leave_bytes() == pattern(20, 100));
}

TEST_CASE("dpdk_port: offload requests reach the driver") {
  RingHost host;
  net::TxFrame frame = host.frame(1, 66, 500);
  frame.l2_bytes = 14;
  frame.l3_bytes = 20;
  frame.is_v4 = true;
  frame.offload_ip_checksum = true;
  frame.offload_udp_checksum = true;
  REQUIRE(host.send({&frame, 1}) == 1);
  rte_mbuf* sent = host.device.leave();
  CHECK(sent->ol_flags == (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM));
  CHECK(sent->l2_len == 14);
  CHECK(sent->l3_len == 20);
  rte_pktmbuf_free(sent);
}

TEST_CASE("dpdk_port: reclaim says whether the driver can") {
  RingHost host;
  CHECK_FALSE(host.port->reclaim(0));
}

TEST_CASE("dpdk_port: random traffic loses neither bytes nor buffers") {
  const bool links = GENERATE(true, false);
  RingHost host(links, 16);
  HeapPool heap(2048, 64);
  Rng rng(22);
  std::vector<net::TxFrame> waiting;
  std::vector<std::vector<std::uint8_t>> waiting_bytes;
  std::vector<std::vector<std::uint8_t>> ring_bytes;
  std::vector<Segment> kept;
  std::uint32_t seed = 0;
  for (int step = 0; step < 5000; ++step) {
    if (waiting.size() < 40 && host.pool->available() > 100) {
      const auto head = static_cast<std::uint32_t>(rng.between(14, 200));
      const auto link = rng.below(2) == 0 ? 0 : static_cast<std::uint32_t>(rng.between(1, 1300));
      net::TxFrame frame = host.frame(seed, head, link);
      if (link != 0 && rng.below(4) == 0 && heap.available() > 0)
        frame.link = segment_of(heap, pattern(seed + 1, link), 0);
      if (rng.below(4) == 0) kept.push_back(frame.head.share());
      if (link != 0 && rng.below(4) == 0) kept.push_back(frame.link.share());
      waiting_bytes.push_back(joined(seed, head, link));
      waiting.push_back(std::move(frame));
      seed += 2;
    }
    if (!kept.empty() && (kept.size() > 40 || rng.below(3) == 0)) {
      std::swap(kept[rng.below(kept.size())], kept.back());
      kept.pop_back();
    }
    if (rng.below(4) == 0) {
      const std::uint32_t taken = host.send(waiting);
      waiting.erase(waiting.begin(), waiting.begin() + taken);
      ring_bytes.insert(ring_bytes.end(), waiting_bytes.begin(), waiting_bytes.begin() + taken);
      waiting_bytes.erase(waiting_bytes.begin(), waiting_bytes.begin() + taken);
      REQUIRE(ring_bytes.size() <= 16);
    }
    for (std::uint64_t i = rng.below(3); i > 0 && !ring_bytes.empty(); --i) {
      REQUIRE(host.device.leave_bytes() == ring_bytes.front());
      ring_bytes.erase(ring_bytes.begin());
    }
  }
  CHECK(host.port->counters(0).tx_packets > 1000);
  CHECK(host.port->counters(0).tx_ring_full > 0);
  CHECK((host.port->counters(0).tx_linked > 0) == links);
  for (const auto& bytes : ring_bytes) CHECK(host.device.leave_bytes() == bytes);
  waiting.clear();
  kept.clear();
  CHECK(heap.whole());
}
