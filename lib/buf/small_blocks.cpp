#include "buf/small_blocks.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock {

SmallBlocks::SmallBlocks(Arena& arena, Counts counts)
    : small_(arena, class_bytes[0], counts.blocks[0]),
      middle_(arena, class_bytes[1], counts.blocks[1]),
      large_(arena, class_bytes[2], counts.blocks[2]),
      pools_{&small_, &middle_, &large_} {}

// From the smallest class that holds it and is not dry.
Segment SmallBlocks::allocate_larger(std::uint32_t length) {
  for (ArenaPool* pool : pools_) {
    if (length > pool->block_bytes()) continue;
    if (Block* block = pool->allocate(); block != nullptr) return Segment::adopt(block, 0, length);
  }
  return {};
}

Segment SmallBlocks::copy(std::span<const std::uint8_t> bytes) {
  Segment segment = allocate(static_cast<std::uint32_t>(bytes.size()));
  if (segment.holds()) std::ranges::copy(bytes, segment.writable().begin());
  return segment;
}

// A block of the class, or of a larger one when that is dry, with the segment's bytes.
Segment SmallBlocks::compact_foreign(Segment&& segment, bool foreign_scarce) {
  for (ArenaPool* pool : pools_) {
    if (segment.length() > pool->block_bytes()) continue;
    // A copy pays when it frees twice what it takes; a block that others hold too would not be freed by it.
    const bool saves = segment.unique() && segment.block()->size >= 2 * pool->block_bytes();
    if (!saves && !foreign_scarce) break;
    Block* small = pool->allocate();
    if (small == nullptr) continue;
    const Segment left = std::move(segment);
    if (!left.empty()) std::memcpy(small->data, left.data(), left.length());
    return Segment::adopt(small, 0, left.length());
  }
  return std::move(segment);
}

std::size_t SmallBlocks::cost(Counts counts) {
  std::size_t bytes = 0;
  for (int i = 0; i < 3; ++i) bytes += ArenaPool::cost(class_bytes[i], counts.blocks[i]);
  return bytes;
}

}  // namespace penstock
