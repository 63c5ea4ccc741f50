#include "base/buddy.hpp"

#include <bit>
#include <memory>

namespace penstock {

namespace {

// Marks a warm block in free_order_, so that its buddy does not melt with it and giving it twice is noticed.
constexpr std::uint8_t warm_mark = 0x80;

std::uint32_t order_for(std::size_t bytes) {
  const std::size_t blocks = (bytes + BuddyMemory::smallest_bytes - 1) / BuddyMemory::smallest_bytes;
  return static_cast<std::uint32_t>(std::bit_width(std::bit_ceil(blocks == 0 ? std::size_t{1} : blocks)) - 1);
}

}  // namespace

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

std::size_t BuddyMemory::rounded(std::size_t bytes) { return smallest_bytes << order_for(bytes); }

void* BuddyMemory::take(std::size_t bytes) {
  const std::uint32_t wanted = order_for(bytes);
  if (wanted >= orders) return nullptr;
  void* block = warm_[wanted];
  if (block != nullptr) {
    warm_[wanted] = warm_[wanted]->next;
    --warm_count_[wanted];
    free_order_[index_of(block)] = 0;
  } else {
    block = take_order(wanted);
    if (block == nullptr && melt_warm()) block = take_order(wanted);
    if (block == nullptr) return nullptr;
  }
  in_use_ += smallest_bytes << wanted;
  return block;
}

void BuddyMemory::give(void* block, std::size_t bytes) {
  const std::uint32_t order = order_for(bytes);
  const std::uint32_t index = index_of(block);
  PENSTOCK_ASSERT(index < count_);
  PENSTOCK_ASSERT(free_order_[index] == 0);
  in_use_ -= smallest_bytes << order;
  if (warm_count_[order] == warm_max) return melt(index, order);
  warm_[order] = std::construct_at(block_at(index), FreeBlock{nullptr, warm_[order]});
  ++warm_count_[order];
  free_order_[index] = warm_mark;
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

std::uint32_t BuddyMemory::index_of(const void* block) const {
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(block) - base_);
  PENSTOCK_ASSERT(offset % smallest_bytes == 0);
  return static_cast<std::uint32_t>(offset / smallest_bytes);
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
