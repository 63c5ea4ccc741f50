#include "base/buddy.hpp"

#include <memory>

namespace penstock {

BuddyMemory::BuddyMemory(Arena& arena, std::size_t bytes)
    : count_(static_cast<std::uint32_t>(bytes / smallest_bytes)), free_order_(arena.make<std::uint8_t>(count_)) {
  base_ = arena.allocate(std::size_t{count_} * smallest_bytes);
  // Cut the region into the largest aligned blocks that fit, from its start.
  for (std::uint32_t index = 0; index < count_;) {
    std::uint32_t order = orders - 1;
    while ((index & ((1u << order) - 1)) != 0 || index + (1u << order) > count_) --order;
    insert(index, order);
    index += 1u << order;
  }
}

void* BuddyMemory::take_large(Kind kind, std::size_t bytes) {
  std::size_t& in_use = large_in_use_[static_cast<std::size_t>(kind)];
  const std::size_t whole = rounded(bytes);
  if (in_use + whole > capacity_bytes() / 8 * 3) return nullptr;
  void* block = take(bytes);
  if (block != nullptr) in_use += whole;
  return block;
}

void BuddyMemory::give_large(Kind kind, void* block, std::size_t bytes) {
  std::size_t& in_use = large_in_use_[static_cast<std::size_t>(kind)];
  PENSTOCK_ASSERT(in_use >= rounded(bytes));
  in_use -= rounded(bytes);
  give(block, bytes);
}

std::size_t BuddyMemory::rounded(std::size_t bytes) { return smallest_bytes << order_for(bytes); }

void* BuddyMemory::take_cold(std::uint32_t wanted) {
  if (wanted >= orders) return nullptr;
  void* block = take_order(wanted);
  if (block == nullptr && melt_warm()) block = take_order(wanted);
  if (block != nullptr) in_use_ += smallest_bytes << wanted;
  return block;
}

// Cuts a block of order `wanted` from the smallest free one that is large enough.
void* BuddyMemory::take_order(std::uint32_t wanted) {
  std::uint32_t order = wanted;
  while (order < orders && free_[order] == nullptr) ++order;
  if (order >= orders) return nullptr;
  const std::uint32_t index = index_of(free_[order]);
  remove(index, order);
  while (order > wanted) {
    --order;
    insert(index + (1u << order), order);
  }
  return base_ + std::size_t{index} * smallest_bytes;
}

// Frees a block and joins it with its buddy as often as that is free too.
void BuddyMemory::melt(std::uint32_t index, std::uint32_t order) {
  while (order + 1 < orders) {
    const std::uint32_t buddy = index ^ (1u << order);
    if (buddy >= count_ || free_order_[buddy] != order + 1) break;
    remove(buddy, order);
    index &= ~(1u << order);
    ++order;
  }
  insert(index, order);
}

// Melts every warm block; false when there was none.
bool BuddyMemory::melt_warm() {
  bool any = false;
  for (std::uint32_t order = 0; order < orders; ++order) {
    for (; warm_count_[order] > 0; --warm_count_[order]) {
      const std::uint32_t index = index_of(warm_[order]);
      warm_[order] = warm_[order]->next;
      free_order_[index] = 0;
      melt(index, order);
      any = true;
    }
  }
  return any;
}

BuddyMemory::FreeBlock* BuddyMemory::block_at(std::uint32_t index) const {
  return reinterpret_cast<FreeBlock*>(base_ + std::size_t{index} * smallest_bytes);
}

void BuddyMemory::insert(std::uint32_t index, std::uint32_t order) {
  FreeBlock* block = std::construct_at(block_at(index), FreeBlock{nullptr, free_[order]});
  if (block->next != nullptr) block->next->previous = block;
  free_[order] = block;
  free_order_[index] = static_cast<std::uint8_t>(order + 1);
}

void BuddyMemory::remove(std::uint32_t index, std::uint32_t order) {
  FreeBlock* block = block_at(index);
  if (block->previous != nullptr) block->previous->next = block->next;
  else free_[order] = block->next;
  if (block->next != nullptr) block->next->previous = block->previous;
  free_order_[index] = 0;
}

}  // namespace penstock
