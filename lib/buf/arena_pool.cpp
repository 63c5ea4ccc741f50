#include "buf/arena_pool.hpp"

#include <memory>

namespace penstock {

namespace {

std::size_t stride_of(std::uint32_t block_bytes) {
  return sizeof(Block) + (block_bytes + cache_line_bytes - 1) / cache_line_bytes * cache_line_bytes;
}

}  // namespace

ArenaPool::ArenaPool(Arena& arena, std::uint32_t block_bytes, std::uint32_t count)
    : block_bytes_(block_bytes), capacity_(count) {
  const std::size_t stride = stride_of(block_bytes);
  memory_ = arena.allocate(stride * count);
  for (std::uint32_t i = count; i > 0; --i) {
    std::byte* place = memory_ + stride * (i - 1);
    Block* block = std::construct_at(reinterpret_cast<Block*>(place));
    block->data = reinterpret_cast<std::uint8_t*>(place + sizeof(Block));
    block->size = block_bytes;
    block->pool = this;
    release(block);
  }
}

// The memory goes back to whoever made the arena, so it must be readable again.
ArenaPool::~ArenaPool() { detail::unpoison(memory_, stride_of(block_bytes_) * capacity_); }

std::size_t ArenaPool::cost(std::uint32_t block_bytes, std::uint32_t count) {
  return stride_of(block_bytes) * count + cache_line_bytes;
}

HeapPool::HeapPool(std::uint32_t block_bytes, std::uint32_t count)
    : memory_(ArenaPool::cost(block_bytes, count)), arena_(memory_.bytes()), pool_(arena_, block_bytes, count) {}

Block* HeapPool::allocate() noexcept {
  Block* block = available() > 0 ? pool_.allocate() : nullptr;
  if (block == nullptr) ++refused_;
  else block->pool = this;
  return block;
}

void HeapPool::release(Block* block) noexcept {
  block->pool = &pool_;
  pool_.release(block);
}

}  // namespace penstock
