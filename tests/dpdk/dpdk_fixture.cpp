#include "dpdk_fixture.hpp"

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "base/rng.hpp"

namespace penstock::nic::test {

std::string fresh_name(const std::string& stem) {
  static std::uint32_t count = 0;
  return stem + std::to_string(++count);
}

std::unique_ptr<MbufPool> make_pool(std::uint32_t blocks, std::uint32_t block_bytes, std::uint32_t cache) {
  auto pool = MbufPool::create({.name = fresh_name("pool"),
                                .blocks = blocks,
                                .block_bytes = block_bytes,
                                .lcore_cache = cache,
                                .numa_node = -1});
  if (!pool) FAIL(pool.error());
  return std::move(*pool);
}

std::unique_ptr<IndirectPool> make_indirect(std::uint32_t count) {
  auto pool = IndirectPool::create(fresh_name("indirect"), count, 0, -1);
  if (!pool) FAIL(pool.error());
  return std::move(*pool);
}

std::vector<std::uint8_t> pattern(std::uint32_t seed, std::uint32_t length) {
  Rng rng(seed);
  std::vector<std::uint8_t> bytes(length);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng.next32());
  return bytes;
}

Segment segment_of(BlockPool& pool, std::span<const std::uint8_t> bytes, std::uint32_t offset) {
  Block* block = pool.allocate();
  REQUIRE(block != nullptr);
  std::memcpy(block->data + offset, bytes.data(), bytes.size());
  return Segment::adopt(block, offset, static_cast<std::uint32_t>(bytes.size()));
}

std::vector<std::uint8_t> bytes_of(const Segment& segment) { return {segment.bytes().begin(), segment.bytes().end()}; }

std::vector<std::uint8_t> bytes_of(const rte_mbuf* chain) {
  std::vector<std::uint8_t> bytes;
  std::uint32_t parts = 0;
  const rte_mbuf* part = chain;
  for (; part != nullptr; part = part->next, ++parts) {
    const auto* first = rte_pktmbuf_mtod(part, const std::uint8_t*);
    bytes.insert(bytes.end(), first, first + part->data_len);
  }
  CHECK(parts == chain->nb_segs);
  CHECK(bytes.size() == chain->pkt_len);
  return bytes;
}

rte_mbuf* received(MbufPool& pool, std::span<const std::uint8_t> bytes, std::vector<std::uint32_t> part_bytes) {
  if (part_bytes.empty()) part_bytes.push_back(static_cast<std::uint32_t>(bytes.size()));
  rte_mbuf* head = nullptr;
  std::size_t from = 0;
  for (const std::uint32_t length : part_bytes) {
    rte_mbuf* part = rte_pktmbuf_alloc(pool.mempool());
    REQUIRE(part != nullptr);
    auto* to = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(part, static_cast<std::uint16_t>(length)));
    REQUIRE(to != nullptr);
    std::ranges::copy(bytes.subspan(from, length), to);
    from += length;
    if (head == nullptr) head = part;
    else REQUIRE(rte_pktmbuf_chain(head, part) == 0);
  }
  REQUIRE(from == bytes.size());
  return head;
}

RingDevice::RingDevice(std::uint32_t ring_size)
    : inbound_(rte_ring_create(fresh_name("in").c_str(), ring_size, SOCKET_ID_ANY, RING_F_EXACT_SZ)),
      outbound_(rte_ring_create(fresh_name("out").c_str(), ring_size, SOCKET_ID_ANY, RING_F_EXACT_SZ)) {
  REQUIRE((inbound_ != nullptr && outbound_ != nullptr));
  const int port_id = rte_eth_from_rings(fresh_name("wire").c_str(), &inbound_, 1, &outbound_, 1, 0);
  REQUIRE(port_id >= 0);
  char name[RTE_ETH_NAME_MAX_LEN] = {};
  REQUIRE(rte_eth_dev_get_name_by_port(static_cast<std::uint16_t>(port_id), name) == 0);
  name_ = name;
}

RingDevice::~RingDevice() {
  void* left = nullptr;
  while (rte_ring_dequeue(inbound_, &left) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(left));
  while (rte_ring_dequeue(outbound_, &left) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(left));
  rte_vdev_uninit(name_.c_str());
  rte_ring_free(inbound_);
  rte_ring_free(outbound_);
}

void RingDevice::arrive(rte_mbuf* mbuf) { REQUIRE(rte_ring_enqueue(inbound_, mbuf) == 0); }

rte_mbuf* RingDevice::leave() {
  void* mbuf = nullptr;
  return rte_ring_dequeue(outbound_, &mbuf) == 0 ? static_cast<rte_mbuf*>(mbuf) : nullptr;
}

std::vector<std::uint8_t> RingDevice::leave_bytes() {
  rte_mbuf* mbuf = leave();
  REQUIRE(mbuf != nullptr);
  std::vector<std::uint8_t> bytes = bytes_of(mbuf);
  rte_pktmbuf_free(mbuf);
  return bytes;
}

Vdev::Vdev(const std::string& stem, const std::string& arguments) : name_(fresh_name(stem + "_")) {
  REQUIRE(rte_vdev_init(name_.c_str(), arguments.c_str()) == 0);
}

Vdev::~Vdev() { rte_vdev_uninit(name_.c_str()); }

PortSettings settings_for(const std::string& device) {
  PortSettings settings;
  settings.device = device;
  settings.rss_random = pattern(4711, 64);
  return settings;
}

}  // namespace penstock::nic::test
