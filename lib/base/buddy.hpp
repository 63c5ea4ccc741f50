// BuddyMemory: blocks of 2^k bytes cut from one region, for windows and reorder rings that exist only while in use.
//
// Taking and giving back cost at most one step per order (Knuth, TAOCP 1, 2.5). Blocks that lie side by side melt
// together again, so that a thousand small windows returned make room for a large one. Melting waits, though: the last few
// blocks given back of each order are kept whole, since the next session takes the same size a moment later, and melt when
// a request finds nothing else. One core owns it; all memory comes from the arena. A request that cannot be met yields
// nullptr: a shortage that the caller counts and waits out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/arena.hpp"

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
  std::uint32_t index_of(const void* block) const;
  FreeBlock* block_at(std::uint32_t index) const;
  void* take_order(std::uint32_t wanted);
  void melt(std::uint32_t index, std::uint32_t order);
  bool melt_warm();
  void insert(std::uint32_t index, std::uint32_t order);
  void remove(std::uint32_t index, std::uint32_t order);

  std::byte* base_ = nullptr;
  std::uint32_t count_ = 0;             // smallest blocks in the region
  std::span<std::uint8_t> free_order_;  // per smallest block: order + 1 where a free block starts, else 0
  std::array<FreeBlock*, orders> free_{};
  std::array<FreeBlock*, orders> warm_{};  // singly chained, the last one given back first
  std::array<std::uint8_t, orders> warm_count_{};
  std::size_t in_use_ = 0;
};

}  // namespace penstock
