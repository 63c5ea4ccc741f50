// ArenaPool: a BlockPool over arena memory; HeapPool: the same over the heap, with the shortages that a test asks for.
//
// Each block stands directly before its bytes. Free blocks are chained through the Block itself. Under AddressSanitizer the
// bytes of a free block are poisoned, so that a read through a stale pointer is reported.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/arena.hpp"
#include "buf/block.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define PENSTOCK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PENSTOCK_ASAN 1
#endif
#endif
#ifdef PENSTOCK_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace penstock {

namespace detail {

#ifdef PENSTOCK_ASAN
inline void poison(const void* bytes, std::size_t count) { __asan_poison_memory_region(bytes, count); }
inline void unpoison(const void* bytes, std::size_t count) { __asan_unpoison_memory_region(bytes, count); }
#else
inline void poison(const void*, std::size_t) {}
inline void unpoison(const void*, std::size_t) {}
#endif

}  // namespace detail

class ArenaPool final : public BlockPool {
 public:
  // `count` blocks of `block_bytes` bytes each.
  ArenaPool(Arena& arena, std::uint32_t block_bytes, std::uint32_t count);
  ~ArenaPool() override;
  ArenaPool(const ArenaPool&) = delete;
  ArenaPool& operator=(const ArenaPool&) = delete;

  Block* allocate() noexcept override;
  void release(Block* block) noexcept override;
  std::uint32_t available() const noexcept override { return available_; }
  std::uint32_t capacity() const noexcept override { return capacity_; }
  std::uint32_t block_bytes() const noexcept override { return block_bytes_; }
  // What the constructor takes of an arena.
  static std::size_t cost(std::uint32_t block_bytes, std::uint32_t count);

 private:
  Block* free_ = nullptr;
  std::uint32_t block_bytes_;
  std::uint32_t capacity_;
  std::uint32_t available_ = 0;
  std::byte* memory_ = nullptr;
};

inline Block* ArenaPool::allocate() noexcept {
  if (free_ == nullptr) return nullptr;
  Block* block = free_;
  free_ = block->next_free;
  __builtin_prefetch(free_, 1);  // who takes the next one reads where the one behind it is
  --available_;
  detail::unpoison(block->data, block->size);
  PENSTOCK_ASSERT(block->refs == 0);
  block->refs = 1;
  return block;
}

inline void ArenaPool::release(Block* block) noexcept {
  PENSTOCK_ASSERT(block->pool == this && block->refs == 0);
  PENSTOCK_ASSERT(available_ < capacity_);
  detail::poison(block->data, block->size);
  block->next_free = free_;
  free_ = block;
  ++available_;
}

// For tests, simulation and tools: owns its memory and can run dry on demand.
class HeapPool final : public BlockPool {
 public:
  HeapPool(std::uint32_t block_bytes, std::uint32_t count);

  Block* allocate() noexcept override;
  void release(Block* block) noexcept override;
  std::uint32_t available() const noexcept override {
    return pool_.available() > kept_back_ ? pool_.available() - kept_back_ : 0;
  }
  std::uint32_t capacity() const noexcept override { return pool_.capacity(); }
  std::uint32_t block_bytes() const noexcept override { return pool_.block_bytes(); }

  // The last `count` blocks are not handed out until this is lowered again: `capacity()` makes the pool dry.
  void keep_back(std::uint32_t count) { kept_back_ = count; }
  // True when no block is held by anybody.
  bool whole() const { return pool_.available() == pool_.capacity(); }
  // How often allocate() had nothing to give.
  std::uint64_t refused() const { return refused_; }

 private:
  HeapMemory memory_;
  Arena arena_;
  ArenaPool pool_;
  std::uint32_t kept_back_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace penstock
