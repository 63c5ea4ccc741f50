// BuddyMemory: blocks of 2^k bytes cut from one region, for windows and reorder rings that exist only while in use.
//
// Taking and giving back cost at most one step per order (Knuth, TAOCP 1, 2.5). Blocks that lie side by side melt
// together again, so that a thousand small windows returned make room for a large one. Melting waits, though: the last few
// blocks given back of each order are kept whole, since the next session takes the same size a moment later, and melt when
// a request finds nothing else. One core owns it; all memory comes from the arena. A request that cannot be met yields
// nullptr: a shortage that the caller counts and waits out.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/arena.hpp"
#include "base/assert.hpp"

namespace penstock {

class BuddyMemory {
 public:
  static constexpr std::size_t smallest_bytes = 256;
  static constexpr std::uint32_t orders = 16;    // 256 B … 8 MiB
  static constexpr std::uint32_t warm_max = 32;  // blocks of each order that are kept whole

  // Manages `bytes` rounded down to whole smallest blocks.
  BuddyMemory(Arena& arena, std::size_t bytes);
  BuddyMemory(const BuddyMemory&) = delete;
  BuddyMemory& operator=(const BuddyMemory&) = delete;

  // At least `bytes` bytes on a cache line, contents undefined; nullptr when no block is free.
  void* take(std::size_t bytes);
  // `bytes` as it was asked for.
  void give(void* block, std::size_t bytes);

  // Of those who ask for more than the least that they can live with there are two kinds, and each may have three eighths of
  // the memory. A quarter is left for the least, and neither kind can shut out the other, which it may be waiting for.
  enum class Kind : std::uint8_t { sent, received };
  // take() for one of them; nullptr as well when it would be more than the kind's share.
  void* take_large(Kind kind, std::size_t bytes);
  void give_large(Kind kind, void* block, std::size_t bytes);
  std::size_t in_use_bytes() const { return in_use_; }
  std::size_t capacity_bytes() const { return count_ * smallest_bytes; }
  // What a request for `bytes` really takes.
  static std::size_t rounded(std::size_t bytes);
  // What the constructor takes of an arena, for capacity sums.
  static std::size_t cost(std::size_t bytes) { return bytes + bytes / smallest_bytes + 4 * cache_line_bytes; }

 private:
  struct FreeBlock {
    FreeBlock* previous;
    FreeBlock* next;
  };
  static std::uint32_t order_for(std::size_t bytes) {
    return bytes <= smallest_bytes ? 0u : static_cast<std::uint32_t>(std::bit_width((bytes - 1) / smallest_bytes));
  }
  std::uint32_t index_of(const void* block) const;
  [[gnu::cold]] void* take_cold(std::uint32_t wanted);
  FreeBlock* block_at(std::uint32_t index) const;
  void* take_order(std::uint32_t wanted);
  [[gnu::cold]] void melt(std::uint32_t index, std::uint32_t order);
  bool melt_warm();
  void insert(std::uint32_t index, std::uint32_t order);
  void remove(std::uint32_t index, std::uint32_t order);

  // Marks a warm block in free_order_, so that its buddy does not melt with it and giving it twice is noticed.
  static constexpr std::uint8_t warm_mark = 0x80;

  std::byte* base_ = nullptr;
  std::uint32_t count_ = 0;             // smallest blocks in the region
  std::span<std::uint8_t> free_order_;  // per smallest block: order + 1 where a free block starts, else 0
  std::array<FreeBlock*, orders> free_{};
  std::array<FreeBlock*, orders> warm_{};  // singly chained, the last one given back first
  std::array<std::uint8_t, orders> warm_count_{};
  std::size_t in_use_ = 0;
  std::array<std::size_t, 2> large_in_use_{};  // by Kind
};

inline std::uint32_t BuddyMemory::index_of(const void* block) const {
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(block) - base_);
  PENSTOCK_ASSERT(offset % smallest_bytes == 0);
  return static_cast<std::uint32_t>(offset / smallest_bytes);
}

// The common case, a warm block comes and goes, is a handful of instructions where `bytes` is a constant.
inline void* BuddyMemory::take(std::size_t bytes) {
  const std::uint32_t order = order_for(bytes);
  if (order >= orders || warm_[order] == nullptr) return take_cold(order);
  FreeBlock* block = std::exchange(warm_[order], warm_[order]->next);
  __builtin_prefetch(warm_[order], 1);
  --warm_count_[order];
  free_order_[index_of(block)] = 0;
  in_use_ += smallest_bytes << order;
  return block;
}

inline void BuddyMemory::give(void* block, std::size_t bytes) {
  const std::uint32_t order = order_for(bytes);
  const std::uint32_t index = index_of(block);
  PENSTOCK_ASSERT(index < count_);
  PENSTOCK_ASSERT(free_order_[index] == 0);
  in_use_ -= smallest_bytes << order;
  if (warm_count_[order] == warm_max) return melt(index, order);
  warm_[order] = std::construct_at(static_cast<FreeBlock*>(block), FreeBlock{nullptr, warm_[order]});
  ++warm_count_[order];
  free_order_[index] = warm_mark;
}

}  // namespace penstock
