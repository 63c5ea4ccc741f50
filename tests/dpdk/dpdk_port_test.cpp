// Shows whole ports: frames over net_ring, where the test is the wire and copies (net_ring hands over the very mbufs), and
// over net_null. Every test ends with pool levels at their start.
#include <catch2/catch.hpp>

#include "base/rng.hpp"
#include "buf/arena_pool.hpp"
#include "dpdk_fixture.hpp"

using namespace penstock;
using namespace penstock::nic;
using namespace penstock::nic::test;
using net::DropReason;

namespace {

constexpr std::uint32_t pool_blocks = 255;
constexpr std::uint32_t indirect_count = 127;
const Instant now = Instant::at_us(1);

std::unique_ptr<DpdkPort> open_port(const PortSettings& settings, std::span<const QueuePools> pools) {
  auto port = DpdkPort::open(settings, pools);
  if (!port) FAIL(port.error());
  return std::move(*port);
}

// A port over a RingDevice with pools of its own.
struct Host {
  explicit Host(bool links = true, std::uint32_t ring_size = 512) : device(ring_size) {
    const QueuePools queue = {.blocks = pool.get(), .indirect = links ? indirect.get() : nullptr};
    port = open_port(settings_for(device.name()), {&queue, 1});
  }
  ~Host() {
    while (device.leave() != nullptr) FAIL_CHECK("a sent frame was not looked at");
    port.reset();
    CHECK(pool->free_everywhere() == pool_blocks);
    CHECK(indirect->free_everywhere() == indirect_count);
  }
  std::vector<net::RxFrame> receive(std::uint32_t count = 64) {
    std::vector<net::RxFrame> frames(count);
    frames.resize(port->receive(0, frames, drops, now));
    return frames;
  }
  std::uint32_t send(std::span<net::TxFrame> frames) { return port->send(0, frames, drops, now); }
  net::TxFrame frame(std::uint32_t seed, std::uint32_t head_bytes, std::uint32_t link_bytes = 0) {
    net::TxFrame made{.head = segment_of(*pool, pattern(seed, head_bytes)), .link = {}};
    if (link_bytes != 0) made.link = segment_of(*pool, pattern(seed + 1, link_bytes));
    return made;
  }

  std::unique_ptr<MbufPool> pool = make_pool(pool_blocks);
  std::unique_ptr<IndirectPool> indirect = make_indirect(indirect_count);
  RingDevice device;
  std::unique_ptr<DpdkPort> port;
  net::DropCounters drops;
};

std::vector<std::uint8_t> joined(std::uint32_t seed, std::uint32_t head_bytes, std::uint32_t link_bytes) {
  std::vector<std::uint8_t> bytes = pattern(seed, head_bytes);
  const auto link = pattern(seed + 1, link_bytes);
  bytes.insert(bytes.end(), link.begin(), link.end());
  return bytes;
}

// What a frame looks like from outside, to tell that a refused one is untouched.
struct Look {
  const Block* head;
  const Block* link;
  std::uint32_t head_refs;
  std::uint32_t link_refs;
  std::uint32_t head_holds;  // the mbuf's count
  std::uint32_t link_holds;
  std::vector<std::uint8_t> head_bytes;
  std::vector<std::uint8_t> link_bytes;
  bool operator==(const Look&) const = default;
};

Look look_of(const net::TxFrame& frame) {
  const auto holds = [](const Segment& segment) {
    if (!segment.holds() || segment.block()->owner == nullptr) return std::uint32_t{0};
    return std::uint32_t{rte_mbuf_refcnt_read(static_cast<const rte_mbuf*>(segment.block()->owner))};
  };
  return {.head = frame.head.block(),
          .link = frame.link.block(),
          .head_refs = frame.head.holds() ? frame.head.block()->refs : 0,
          .link_refs = frame.link.holds() ? frame.link.block()->refs : 0,
          .head_holds = holds(frame.head),
          .link_holds = holds(frame.link),
          .head_bytes = bytes_of(frame.head),
          .link_bytes = bytes_of(frame.link)};
}

int refuse_third(void*, rte_mbuf** mbufs, std::uint16_t count) {
  static_cast<void>(mbufs);
  return count < 2 ? count : 2;
}

}  // namespace

TEST_CASE("dpdk_port: frames go from one port to another and back without a change") {
  Host a;
  Host b;
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
  Host host;
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
  Host host;
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
  Host host;
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
  Host host;
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

TEST_CASE("dpdk_port: a full ring leaves frames of every kind untouched, and nothing leaks") {
  Host host(true, 8);
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
  Host linking(true);
  Host copying(false);
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
  Host host;
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
  Host host(false);
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
  Host host;
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

TEST_CASE("dpdk_port: offload requests reach the driver") {
  Host host;
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

TEST_CASE("dpdk_port: flags that the port was not asked for are not believed") {
  Host host;
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
  Host host;
  CHECK(host.port->link_up());
  REQUIRE(rte_eth_dev_set_link_down(host.port->port_id()) == 0);
  CHECK(host.port->link_up());
  host.port->poll_link();
  CHECK_FALSE(host.port->link_up());
  REQUIRE(rte_eth_dev_set_link_up(host.port->port_id()) == 0);
  host.port->poll_link();
  CHECK(host.port->link_up());
}

TEST_CASE("dpdk_port: reclaim says whether the driver can") {
  Host host;
  CHECK_FALSE(host.port->reclaim(0));
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
// drained by the wire at random; every byte is compared, and the Host's destructor counts every buffer. The seed is fixed.
TEST_CASE("dpdk_port: random traffic loses neither bytes nor buffers") {
  const bool links = GENERATE(true, false);
  Host host(links, 16);
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
      if (link != 0 && rng.below(4) == 0 && heap.available() > 0) frame.link = segment_of(heap, pattern(seed + 1, link), 0);
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
