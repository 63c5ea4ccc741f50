// MbufPool: mbufs whose 64-byte private area is our Block, as a BlockPool; IndirectPool: headers that point into them.
//
//   rte_mbuf 128 B | Block 64 B | block_bytes: headroom 128 B, room for a frame
//
// A worker has one MbufPool on the NIC's NUMA node; its RX queue fills from it, and the worker allocates from it. The engine
// holds one mbuf reference per Block while Block::refs > 0, the NIC's hold is the mbuf's own count, and the buffer returns
// when both let go. release() may be called from any core (a hand-off lets another worker end a block's life): the mempool
// is a multi-producer ring behind per-lcore caches, and the object itself never changes after create().
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "buf/block.hpp"
#include "engine/memory_map.hpp"

struct rte_mbuf;
struct rte_mempool;

namespace penstock::nic {

// Bytes that the port leaves free before a received frame, and that a frame to send should leave (RTE_PKTMBUF_HEADROOM).
inline constexpr std::uint32_t mbuf_headroom_bytes = 128;
// Two VLAN tags, the Ethernet header and the FCS: what a frame is longer than its IP packet, at the most.
inline constexpr std::uint32_t frame_overhead_bytes = 26;

struct MbufPoolConfig {
  std::string name;                  // unique in the process, at most 25 characters
  std::uint32_t blocks = 0;          // 2^n - 1 wastes least memory
  std::uint32_t block_bytes = 2176;  // headroom included; at most 65,535. 2,176 holds a 1,500-byte MTU
  std::uint32_t lcore_cache = 256;   // mbufs that each lcore may keep aside (a half more for a moment); at most 512
  int numa_node = -1;                // -1: any
};

class MbufPool final : public BlockPool {
 public:
  // The error is one sentence that names the pool and what to change. Main thread, after EAL started.
  static std::expected<std::unique_ptr<MbufPool>, std::string> create(const MbufPoolConfig& config);
  // Every port that uses the pool must be closed.
  ~MbufPool() override;
  MbufPool(const MbufPool&) = delete;
  MbufPool& operator=(const MbufPool&) = delete;

  Block* allocate() noexcept override;
  void release(Block* block) noexcept override;
  // What this lcore could allocate now: the common ring and its own cache. Other lcores' caches are not seen.
  std::uint32_t available() const noexcept override;
  std::uint32_t capacity() const noexcept override { return capacity_; }
  std::uint32_t block_bytes() const noexcept override { return block_bytes_; }

  // Free mbufs wherever they lie, all caches included. Slow; exact only while no core works. For reports and leak checks.
  std::uint32_t free_everywhere() const;
  // Gives this lcore's cache back to the common ring. The main lcore calls it after port set-up, which filled the RX rings
  // through its cache: what stayed there no worker would ever get.
  void flush_lcore_cache();
  rte_mempool* mempool() const { return mempool_; }
  // Adds the buffers. Who holds one writes to it, which passes on with it through the hand-off rings; the pool's common ring
  // and caches are DPDK's, lines apart by lcore.
  void add_memory(MemoryMap& map) const;
  // Mbufs that may lie in caches where nobody else gets at them: a term of `engine/capacity`.
  static constexpr std::uint32_t cached_max(std::uint32_t lcore_cache, std::uint32_t lcores) {
    return lcore_cache * 3 / 2 * lcores;
  }

 private:
  MbufPool(rte_mempool* mempool, std::uint32_t capacity, std::uint32_t block_bytes);

  rte_mempool* mempool_;
  std::uint32_t capacity_;
  std::uint32_t block_bytes_;
};

// Mbufs without room of their own, to link payload behind a head on a port with MULTI_SEGS. One per queue.
class IndirectPool {
 public:
  // At most one is in use per TX descriptor, so `count` = TX descriptors + one burst + lcore_cache · 3 / 2 never runs dry.
  static std::expected<std::unique_ptr<IndirectPool>, std::string> create(const std::string& name, std::uint32_t count,
                                                                          std::uint32_t lcore_cache, int numa_node);
  ~IndirectPool();
  IndirectPool(const IndirectPool&) = delete;
  IndirectPool& operator=(const IndirectPool&) = delete;

  std::uint32_t free_everywhere() const;
  std::uint32_t capacity() const { return capacity_; }
  rte_mempool* mempool() const { return mempool_; }
  void add_memory(MemoryMap& map) const;

 private:
  IndirectPool(rte_mempool* mempool, std::uint32_t capacity) : mempool_(mempool), capacity_(capacity) {}

  rte_mempool* mempool_;
  std::uint32_t capacity_;
};

}  // namespace penstock::nic
