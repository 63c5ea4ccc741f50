// Shows whole ports: frames over net_ring, where the test is the wire and copies (net_ring hands over the very mbufs), and
// over net_null. Every test ends with pool levels at their start. Sending has a file of its own.
#include <catch2/catch.hpp>

#include "ethdev_mock.hpp"
#include "ring_host.hpp"

using namespace penstock;
using namespace penstock::nic;
using namespace penstock::nic::test;
using net::DropReason;

TEST_CASE("dpdk_port: frames go from one port to another and back without a change") {
  RingHost a;
  RingHost b;
  std::uint64_t bytes_sent = 0;
  for (std::uint32_t round = 0; round < 20; ++round) {
    std::vector<net::TxFrame> out;
    for (std::uint32_t i = 0; i < 40; ++i) out.push_back(a.frame(round * 100 + i, 60 + 30 * i));
    for (const net::TxFrame& frame : out) bytes_sent += frame.bytes();
    REQUIRE(a.send(out) == 40);
    for (std::uint32_t i = 0; i < 40; ++i) {
      CHECK_FALSE(out[i].head.holds());
      b.device.arrive(received(*b.pool, a.device.leave_bytes()));
    }
    // The array is filled from the front, and what does not fit stays in the port.
    const auto first = b.receive(33);
    REQUIRE(first.size() == 33);
    const auto rest = b.receive(64);
    REQUIRE(rest.size() == 7);
    for (std::uint32_t i = 0; i < 40; ++i) {
      const net::RxFrame& frame = i < 33 ? first[i] : rest[i - 33];
      REQUIRE(bytes_of(frame.bytes) == pattern(round * 100 + i, 60 + 30 * i));
      REQUIRE(frame.bytes.unique());
    }
  }
  CHECK(a.port->counters(0).tx_packets == 800);
  CHECK(a.port->counters(0).tx_bytes == bytes_sent);
  CHECK(a.port->counters(0).tx_copied == 0);
  CHECK(a.port->counters(0).tx_linked == 0);
  CHECK(b.port->counters(0).rx_packets == 800);
  CHECK(b.port->counters(0).rx_bytes == bytes_sent);
  CHECK(b.port->counters(0).rx_copied == 0);
  CHECK(a.drops.total() + b.drops.total() == 0);
}

TEST_CASE("dpdk_port: a received frame goes out again in place") {
  RingHost host;
  rte_mbuf* mbuf = received(*host.pool, pattern(9, 200));
  host.device.arrive(mbuf);
  auto frames = host.receive();
  REQUIRE(frames.size() == 1);
  net::TxFrame reply{.head = std::move(frames[0].bytes), .link = {}};
  reply.head.writable()[0] = 0x77;
  REQUIRE(host.send({&reply, 1}) == 1);
  rte_mbuf* sent = host.device.leave();
  CHECK(sent == mbuf);
  auto expected = pattern(9, 200);
  expected[0] = 0x77;
  CHECK(bytes_of(sent) == expected);
  rte_pktmbuf_free(sent);
}

TEST_CASE("dpdk_port: chains are copied, what cannot be taken is counted by name") {
  RingHost host;
  const auto other = make_pool(15);
  const auto bytes = pattern(3, 1000);
  host.device.arrive(received(*other, bytes, {14, 500, 486}));
  rte_mbuf* shared = received(*other, bytes);
  rte_mbuf_refcnt_update(shared, 1);
  host.device.arrive(shared);
  rte_mbuf* link = rte_pktmbuf_alloc(host.indirect->mempool());
  rte_mbuf* direct = received(*other, bytes);
  rte_pktmbuf_attach(link, direct);
  host.device.arrive(link);
  host.device.arrive(received(*other, pattern(4, 2100), {2000, 100}));
  host.device.arrive(received(*host.pool, pattern(5, 70)));

  {
    const auto frames = host.receive();
    REQUIRE(frames.size() == 2);
    CHECK(bytes_of(frames[0].bytes) == bytes);
    CHECK(bytes_of(frames[1].bytes) == pattern(5, 70));
  }
  CHECK(host.drops.of(DropReason::rx_multi_segment) == 3);
  CHECK(host.drops.total() == 3);
  CHECK(host.port->counters(0).rx_copied == 1);
  CHECK(host.port->counters(0).rx_packets == 2);

  std::vector<Segment> dry;
  while (Block* block = host.pool->allocate()) dry.push_back(Segment::adopt(block, 0, 0));
  host.device.arrive(received(*other, bytes, {500, 500}));
  CHECK(host.receive().empty());
  CHECK(host.drops.of(DropReason::rx_copy_no_block) == 1);

  rte_pktmbuf_free(shared);
  rte_pktmbuf_free(direct);
  CHECK(other->free_everywhere() == 15);
}

TEST_CASE("dpdk_port: a flood of frames to drop does not keep the worker") {
  RingHost host;
  const auto other = make_pool(255);
  std::vector<rte_mbuf*> held;
  for (int i = 0; i < 100; ++i) {
    held.push_back(received(*other, pattern(1, 64)));
    rte_mbuf_refcnt_update(held.back(), 1);
    host.device.arrive(held.back());
  }
  CHECK(host.receive(40).empty());
  CHECK(host.drops.of(DropReason::rx_multi_segment) == 40);
  host.receive(64);
  for (rte_mbuf* mbuf : held) rte_pktmbuf_free(mbuf);
  CHECK(other->free_everywhere() == 255);
}

TEST_CASE("dpdk_port: the array is filled from the front, however many bursts were dropped before") {
  RingHost host;
  const auto other = make_pool(63);
  std::vector<rte_mbuf*> held;
  for (std::uint32_t i = 0; i < 60; ++i) {
    if (i < 20 || i % 2 == 1) {
      host.device.arrive(received(*host.pool, pattern(i, 64)));
      continue;
    }
    held.push_back(received(*other, pattern(1, 64)));
    rte_mbuf_refcnt_update(held.back(), 1);
    host.device.arrive(held.back());
  }
  {
    const auto frames = host.receive(64);
    REQUIRE(frames.size() == 40);
    for (std::uint32_t i = 0; i < 40; ++i) {
      REQUIRE(frames[i].bytes.holds());
      CHECK(bytes_of(frames[i].bytes) == pattern(i < 20 ? i : 21 + 2 * (i - 20), 64));
    }
  }
  for (rte_mbuf* mbuf : held) rte_pktmbuf_free(mbuf);
}

TEST_CASE("dpdk_port: flags that the port was not asked for are not believed") {
  RingHost host;
  rte_mbuf* mbuf = received(*host.pool, pattern(1, 100));
  mbuf->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_RSS_HASH;
  host.device.arrive(mbuf);
  const auto frames = host.receive();
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].ip_checksum == net::ChecksumState::unknown);
  CHECK(frames[0].l4_checksum == net::ChecksumState::unknown);
  CHECK_FALSE(frames[0].has_rss_hash);
}

TEST_CASE("dpdk_port: the link's state follows the device when it is asked") {
  RingHost host;
  CHECK(host.port->link_up());
  REQUIRE(rte_eth_dev_set_link_down(host.port->port_id()) == 0);
  CHECK(host.port->link_up());
  host.port->poll_link();
  CHECK_FALSE(host.port->link_up());
  REQUIRE(rte_eth_dev_set_link_up(host.port->port_id()) == 0);
  host.port->poll_link();
  CHECK(host.port->link_up());
  host.port->poll_link();
  CHECK(host.port->health().link_changes == 2);
}

TEST_CASE("dpdk_port: its health is the device's") {
  RingHost host;
  EthdevMock mock;
  mock.link = [](rte_eth_link& link) { link.link_speed = RTE_ETH_SPEED_NUM_25G; };
  const PortHealth well = host.port->health();
  CHECK(well.link_up);
  CHECK(well.link_mbps == 25'000);
  CHECK(well.link_changes == 0);
  CHECK(well.mtu == 1500);
  CHECK(well.mtu_changes == 0);
  mock.link = [](rte_eth_link& link) { link.link_speed = RTE_ETH_SPEED_NUM_UNKNOWN; };
  CHECK(host.port->health().link_mbps == 0);
  REQUIRE(rte_eth_dev_set_link_down(host.port->port_id()) == 0);
  host.port->poll_link();
  CHECK_FALSE(host.port->health().link_up);
  CHECK(host.port->health().link_mbps == 0);
}

TEST_CASE("dpdk_port: an MTU that changes under way is followed, never beyond the configured one") {
  RingHost host;
  std::uint16_t of_device = 1400;
  EthdevMock mock;
  mock.mtu = [&](std::uint16_t& mtu) { mtu = of_device; };
  CHECK(host.port->mtu() == 1500);
  for (const auto& [device, expected, changes] :
       {std::tuple(1400, 1400, 1u), {1400, 1400, 1u}, {9000, 1500, 2u}, {68, 68, 3u}}) {
    of_device = static_cast<std::uint16_t>(device);
    host.port->poll_mtu();
    CHECK(host.port->mtu() == expected);
    CHECK(host.port->health().mtu_changes == changes);
  }
}

TEST_CASE("dpdk_port: net_null gives and takes on several queues, and pools return to their start") {
  std::vector<std::unique_ptr<MbufPool>> pools;
  std::vector<QueuePools> queues;
  for (int i = 0; i < 4; ++i) {
    pools.push_back(make_pool(pool_blocks, 2176, 32));
    queues.push_back({.blocks = pools.back().get(), .indirect = nullptr});
  }
  {
    Vdev device("net_null", "size=200");
    const auto port = open_port(settings_for(device.name()), queues);
    CHECK(port->info().queues == 4);
    CHECK(port->info().rss_reta.size() == 128);
    net::DropCounters drops;
    for (std::uint16_t queue = 0; queue < 4; ++queue) {
      std::vector<net::RxFrame> frames(100);
      REQUIRE(port->receive(queue, frames, drops, now) == 100);
      CHECK(pools[queue]->available() == pool_blocks - 100);
      std::vector<net::TxFrame> out;
      for (net::RxFrame& frame : frames) {
        REQUIRE(frame.bytes.length() == 200);
        out.push_back({.head = std::move(frame.bytes), .link = {}});
      }
      out[7].link = segment_of(*pools[queue], pattern(1, 1000));
      REQUIRE(port->send(queue, out, drops, now) == 100);
      CHECK(pools[queue]->available() == pool_blocks);
      CHECK(port->counters(queue).rx_bytes == 20'000);
      CHECK(port->counters(queue).tx_bytes == 21'000);
      CHECK(port->counters(queue).tx_copied == 1);
    }
    CHECK(drops.total() == 0);
  }
  for (const auto& pool : pools) CHECK(pool->free_everywhere() == pool_blocks);
}

TEST_CASE("dpdk_port: an open that fails says why and leaves the pools whole") {
  const auto pool = make_pool(pool_blocks);
  const QueuePools queue = {.blocks = pool.get(), .indirect = nullptr};
  const auto port = DpdkPort::open(settings_for("net_absent"), {&queue, 1});
  REQUIRE_FALSE(port.has_value());
  CHECK_THAT(port.error(), Catch::Contains("net_absent"));
  CHECK(pool->free_everywhere() == pool_blocks);
}

// Random traffic over a small ring: heads moved and shared, payload of pool and heap, frames held back and sent again,
// drained by the wire at random; every byte is compared, and the host's destructor counts every buffer. The seed is fixed.
