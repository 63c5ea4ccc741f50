// SmallBlocks: where bytes that are kept for long live, in three classes (128, 512 and 2,176 B).
//
// A small payload in a big RX buffer pins the whole buffer; compact() copies it into the smallest class that holds it and
// lets the buffer go. One worker's core uses it. The 2,176 B class holds any payload of a 1,500-byte MTU and spares RX
// buffers when their pool runs low.
#pragma once

#include <cstdint>
#include <span>

#include "buf/arena_pool.hpp"
#include "buf/segment.hpp"

namespace penstock {

class SmallBlocks {
 public:
  static constexpr std::uint32_t class_bytes[3] = {128, 512, 2176};
  struct Counts {
    std::uint32_t blocks[3];
  };

  SmallBlocks(Arena& arena, Counts counts);

  // A segment of `length` bytes to write to, from the smallest class that holds it or a larger one when that is dry;
  // holds nothing when all are, or when `length` is above the largest class.
  Segment allocate(std::uint32_t length) {
    Block* block = length <= class_bytes[2] ? pool_for(length).allocate() : nullptr;
    return block != nullptr ? Segment::adopt(block, 0, length) : allocate_larger(length);
  }
  // More than half of the class that `length` bytes would come from is free: who may do without asks this first.
  bool has_plenty_for(std::size_t length) const {
    if (length > class_bytes[2]) return false;
    const ArenaPool& pool = *pools_[length <= class_bytes[0] ? 0 : length <= class_bytes[1] ? 1 : 2];
    return pool.available() > pool.capacity() / 2;
  }
  // A copy of `bytes`, under the same conditions.
  Segment copy(std::span<const std::uint8_t> bytes);
  // The same bytes in a block no more than needed: copied where that frees a block at least twice as large as the class,
  // or any foreign block when `foreign_scarce`. Returns the segment as it was when nothing is gained or no block is free.
  Segment compact(Segment&& segment, bool foreign_scarce = false) {
    return compacted(segment) ? std::move(segment) : compact_foreign(std::move(segment), foreign_scarce);
  }
  // Nothing is gained by compact().
  bool compacted(const Segment& segment) const { return !segment.holds() || is_ours(segment.block()->pool); }

  const ArenaPool& pool(std::uint32_t index) const { return *pools_[index]; }
  static std::size_t cost(Counts counts);

 private:
  bool is_ours(const BlockPool* pool) const {
    // The three lie side by side, so that one comparison does.
    const auto first = reinterpret_cast<std::uintptr_t>(static_cast<const BlockPool*>(&small_));
    const auto last = reinterpret_cast<std::uintptr_t>(static_cast<const BlockPool*>(&large_));
    return reinterpret_cast<std::uintptr_t>(pool) - first <= last - first;
  }
  // The smallest class that holds `length` bytes, or the largest class.
  ArenaPool& pool_for(std::uint32_t length) {
    if (length <= class_bytes[0]) return small_;
    return length <= class_bytes[1] ? middle_ : large_;
  }
  [[gnu::noinline]] Segment allocate_larger(std::uint32_t length);
  Segment compact_foreign(Segment&& segment, bool foreign_scarce);

  ArenaPool small_;
  ArenaPool middle_;
  ArenaPool large_;
  ArenaPool* pools_[3];
};

}  // namespace penstock
