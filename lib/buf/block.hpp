// Block: the 64-byte head of one buffer, and BlockPool, where buffers come from and go back to.
//
// A Block says where a buffer's bytes lie, how many there are, who else holds it and which pool takes it back. In a DPDK
// process it lives in the private area of an rte_mbuf and `owner` is that mbuf; elsewhere it stands before its bytes. It
// is never copied. `refs` is a plain integer: a block belongs to one core at a time, and crossing cores means `refs == 1`
// and a bounded ring (see engine/handoff.hpp). The NIC's own hold on a buffer is the mbuf's count and not seen here: the
// buffer is free when the machines let go of it *and* it is out of the TX ring.
#pragma once

#include <cstdint>

#include "base/arena.hpp"
#include "base/assert.hpp"

namespace penstock {

struct Block;

// A bounded source of equal blocks. One core uses a pool.
class BlockPool {
 public:
  virtual ~BlockPool() = default;
  // A block with `refs == 1`, or nullptr when the pool is dry: a shortage that the caller waits out, never an error.
  virtual Block* allocate() noexcept = 0;
  // Takes back a block of this pool whose last reference was let go. Called by Segment only.
  virtual void release(Block* block) noexcept = 0;
  virtual std::uint32_t available() const noexcept = 0;
  virtual std::uint32_t capacity() const noexcept = 0;
  // Bytes in each block.
  virtual std::uint32_t block_bytes() const noexcept = 0;
};

struct alignas(cache_line_bytes) Block {
  std::uint8_t* data = nullptr;  // the first usable byte
  std::uint32_t size = 0;        // usable bytes from `data`
  std::uint32_t refs = 0;        // Segments that hold this block; 0 while it lies in its pool
  BlockPool* pool = nullptr;     // takes the block back
  void* owner = nullptr;         // the pool's own handle (an rte_mbuf), or nullptr
  Block* next_free = nullptr;    // chains the pool's free list, or nullptr
};
static_assert(sizeof(Block) == cache_line_bytes);

}  // namespace penstock
