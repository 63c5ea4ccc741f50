#include "nic/mbuf_pool.hpp"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>

namespace penstock::nic {

static_assert(mbuf_headroom_bytes == RTE_PKTMBUF_HEADROOM);
// Private area and data stay on cache lines of their own: mbuf, Block and mempool objects are multiples of a line.
static_assert(sizeof(rte_mbuf) % cache_line_bytes == 0 && sizeof(Block) % RTE_MBUF_PRIV_ALIGN == 0);
static_assert(RTE_CACHE_LINE_SIZE == cache_line_bytes);

namespace {

constexpr std::uint32_t block_bytes_max = 65'535;  // rte_mbuf::buf_len is 16 bits wide

Block* block_of(rte_mbuf* mbuf) { return static_cast<Block*>(rte_mbuf_to_priv(mbuf)); }

void construct_block(rte_mempool*, void* pool, void* object, unsigned) {
  auto* mbuf = static_cast<rte_mbuf*>(object);
  Block* block = std::construct_at(block_of(mbuf));
  block->data = static_cast<std::uint8_t*>(mbuf->buf_addr);
  block->size = mbuf->buf_len;
  block->pool = static_cast<MbufPool*>(pool);
  block->owner = mbuf;
  PENSTOCK_ASSERT(reinterpret_cast<std::uintptr_t>(block->data) % cache_line_bytes == 0);
}

// rte_mempool takes a cache of at most 512, two thirds of which the pool must hold.
std::uint32_t cache_for(std::uint32_t wanted, std::uint32_t count) {
  return std::min({wanted, count * 2 / 3, std::uint32_t{RTE_MEMPOOL_CACHE_MAX_SIZE}});
}

struct Adding {
  MemoryMap* map;
  const char* holder;
};

void add_chunk(rte_mempool*, void* argument, rte_mempool_memhdr* chunk, unsigned) {
  const auto* adding = static_cast<const Adding*>(argument);
  adding->map->add(adding->holder, {static_cast<const std::byte*>(chunk->addr), chunk->len});
}

void add_chunks(rte_mempool* mempool, MemoryMap& map, const char* holder) {
  Adding adding{&map, holder};
  rte_mempool_mem_iter(mempool, add_chunk, &adding);
}

std::uint32_t in_common_ring(const rte_mempool* mempool) {
  return rte_mempool_get_ops(mempool->ops_index)->get_count(mempool);
}

std::expected<rte_mempool*, std::string> create_mempool(const std::string& name, std::uint32_t count,
                                                        std::uint32_t cache, std::size_t private_bytes,
                                                        std::uint32_t room, int numa_node) {
  rte_mempool* mempool =
      rte_pktmbuf_pool_create(name.c_str(), count, cache_for(cache, count), static_cast<std::uint16_t>(private_bytes),
                              static_cast<std::uint16_t>(room), numa_node);
  if (mempool != nullptr) return mempool;
  return std::unexpected("The packet pool " + name + " of " + std::to_string(count) + " buffers of " +
                         std::to_string(room) + " bytes could not be made on NUMA node " + std::to_string(numa_node) +
                         ": " + rte_strerror(rte_errno) + "; give EAL more memory or ask for fewer buffers.");
}

}  // namespace

std::expected<std::unique_ptr<MbufPool>, std::string> MbufPool::create(const MbufPoolConfig& config) {
  if (config.blocks == 0) return std::unexpected("The packet pool " + config.name + " needs at least one buffer.");
  if (config.block_bytes <= mbuf_headroom_bytes || config.block_bytes > block_bytes_max) {
    return std::unexpected("The packet pool " + config.name + " cannot have buffers of " +
                           std::to_string(config.block_bytes) + " bytes: more than " +
                           std::to_string(mbuf_headroom_bytes) + " and at most " + std::to_string(block_bytes_max) +
                           " are possible.");
  }
  const auto mempool = create_mempool(config.name, config.blocks, config.lcore_cache, sizeof(Block), config.block_bytes,
                                      config.numa_node);
  if (!mempool) return std::unexpected(mempool.error());
  return std::unique_ptr<MbufPool>(new MbufPool(*mempool, config.blocks, config.block_bytes));
}

MbufPool::MbufPool(rte_mempool* mempool, std::uint32_t capacity, std::uint32_t block_bytes)
    : mempool_(mempool), capacity_(capacity), block_bytes_(block_bytes) {
  const std::uint32_t constructed = rte_mempool_obj_iter(mempool_, construct_block, this);
  PENSTOCK_ASSERT(constructed == capacity_);
}

MbufPool::~MbufPool() { rte_mempool_free(mempool_); }

Block* MbufPool::allocate() noexcept {
  rte_mbuf* mbuf = rte_mbuf_raw_alloc(mempool_);
  if (mbuf == nullptr) return nullptr;
  Block* block = block_of(mbuf);
  PENSTOCK_ASSERT(block->refs == 0 && block->owner == mbuf);
  block->refs = 1;
  return block;
}

void MbufPool::release(Block* block) noexcept {
  PENSTOCK_ASSERT(block->pool == this && block->refs == 0);
  // The engine's reference goes; when a ring still holds the mbuf, the driver's own free returns it later.
  rte_pktmbuf_free_seg(static_cast<rte_mbuf*>(block->owner));
}

std::uint32_t MbufPool::available() const noexcept {
  // rte_mempool_avail_count() would walk the caches of all 128 lcores, a cache miss each.
  const rte_mempool_cache* cache = rte_mempool_default_cache(mempool_, rte_lcore_id());
  return in_common_ring(mempool_) + (cache == nullptr ? 0 : cache->len);
}

void MbufPool::add_memory(MemoryMap& map) const { add_chunks(mempool_, map, "packet buffers"); }
void IndirectPool::add_memory(MemoryMap& map) const { add_chunks(mempool_, map, "indirect buffers"); }

std::uint32_t MbufPool::free_everywhere() const { return rte_mempool_avail_count(mempool_); }

void MbufPool::flush_lcore_cache() {
  rte_mempool_cache* cache = rte_mempool_default_cache(mempool_, rte_lcore_id());
  if (cache != nullptr) rte_mempool_cache_flush(cache, mempool_);
}

std::expected<std::unique_ptr<IndirectPool>, std::string> IndirectPool::create(const std::string& name,
                                                                               std::uint32_t count,
                                                                               std::uint32_t lcore_cache,
                                                                               int numa_node) {
  if (count == 0) return std::unexpected("The pool " + name + " of indirect mbufs needs at least one.");
  const auto mempool = create_mempool(name, count, lcore_cache, 0, 0, numa_node);
  if (!mempool) return std::unexpected(mempool.error());
  return std::unique_ptr<IndirectPool>(new IndirectPool(*mempool, count));
}

IndirectPool::~IndirectPool() { rte_mempool_free(mempool_); }

std::uint32_t IndirectPool::free_everywhere() const { return rte_mempool_avail_count(mempool_); }

}  // namespace penstock::nic
