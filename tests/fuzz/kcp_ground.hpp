// KcpGround: the memory and pools that fuzzed KCP machines stand on, and what the harnesses of KCP have in common.
//
// A ground outlives an execution: check_whole() claims that everything came back, so that the next one begins as the first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.hpp"
#include "buf/arena_pool.hpp"
#include "buf/segment_queue.hpp"
#include "buf/small_blocks.hpp"
#include "claim.hpp"
#include "feed.hpp"
#include "proto/kcp/environment.hpp"
#include "proto/kcp/session.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::fuzz {

inline constexpr std::uint32_t conv = 0x11223344;
inline constexpr std::uint32_t datagram_bytes_max = 1500;
inline constexpr std::uint32_t kcp_headroom = 64;

struct KcpGround {
  static constexpr std::size_t memory_bytes = 1u << 18;
  static constexpr SmallBlocks::Counts counts = {{256, 128, 128}};
  static constexpr std::uint32_t chunk_count = 128;
  // What two sessions hold together that accepted 256 pieces each and have windows of 256: it must not run dry by itself.
  static constexpr std::uint32_t block_count = 2048;

  KcpGround()
      : heap(BuddyMemory::cost(memory_bytes) + SmallBlocks::cost(counts) + SegmentChunkPool::cost(chunk_count)),
        arena(heap.bytes()),
        memory(arena, memory_bytes),
        blocks(arena, counts),
        chunks(arena, chunk_count),
        pool(datagram_bytes_max + kcp_headroom, block_count) {}

  void check_whole() const {
    FUZZ_CLAIM(memory.in_use_bytes() == 0);
    FUZZ_CLAIM(pool.whole());
    FUZZ_CLAIM(chunks.available() == chunks.capacity());
    for (std::uint32_t i = 0; i < 3; ++i) FUZZ_CLAIM(blocks.pool(i).available() == blocks.pool(i).capacity());
  }
  // A copy of `bytes` in a block; holds nothing when the pool is dry.
  Segment copy(std::span<const std::uint8_t> bytes) {
    Block* block = pool.allocate();
    if (block == nullptr) return {};
    FUZZ_CLAIM(bytes.size() <= block->size);
    std::ranges::copy(bytes, block->data);
    return Segment::adopt(block, 0, static_cast<std::uint32_t>(bytes.size()));
  }

  HeapMemory heap;
  Arena arena;
  BuddyMemory memory;
  SmallBlocks blocks;
  SegmentChunkPool chunks;
  HeapPool pool;
};

// What one execution adds to a ground: options, chance and counters.
struct KcpWorld {
  KcpWorld(KcpGround& on, const kcp::Options& options, std::uint64_t seed)
      : ground(on), rng(seed), env{options, on.memory, on.blocks, rng, counters} {
    FUZZ_CLAIM(!options.validate());
  }
  KcpGround& ground;
  Rng rng;
  kcp::Counters counters;
  kcp::Environment env;
};

// Valid options from a few bytes: small windows and every switch.
inline kcp::Options options_of(Feed& feed) {
  kcp::Options options;
  const std::uint8_t switches = feed.u8();
  options.stream = (switches & 1) != 0;
  options.no_congestion_window = (switches & 2) != 0;
  options.fastack_conserve = (switches & 4) != 0;
  options.nodelay = static_cast<std::uint8_t>(switches >> 3 & 3) % 3;
  options.resend = static_cast<std::uint8_t>(switches >> 5 & 3);
  options.dead_link = (switches & 0x80) != 0 ? 255 : 20;
  const std::uint8_t more = feed.u8();
  options.fastack_limit = more % 6;
  options.ack_delay_ms = (more & 0x80) != 0 ? 20 : 0;
  if ((more & 0x40) != 0) {
    options.recovery = kcp::Recovery::rack;
    options.congestion = static_cast<congestion::Kind>((more >> 3 & 7) % congestion::kind_count);
  }
  const std::uint16_t size = feed.u16();
  options.mtu = static_cast<std::uint16_t>(50 + size % (datagram_bytes_max - 49));
  options.search_mtu = size >= 0x8000;
  options.snd_wnd = 1 + feed.u8();
  options.rcv_wnd = 1 + feed.u8();
  return options;
}

}  // namespace penstock::fuzz
