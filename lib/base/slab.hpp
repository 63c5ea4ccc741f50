// Slab: a fixed number of T, taken and given back by 32-bit index in constant time.
//
// All memory comes from the arena at construction. The last one given back is taken first, as its lines are still warm.
// One core owns a slab. A taken T is constructed in place; giving it back destroys it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "base/arena.hpp"
#include "base/assert.hpp"

namespace penstock {

template <class T>
class Slab {
 public:
  using Index = std::uint32_t;
  static constexpr Index none = std::numeric_limits<Index>::max();

  Slab(Arena& arena, std::uint32_t capacity)
      : items_(reinterpret_cast<T*>(arena.allocate(std::size_t{capacity} * sizeof(T), alignment()))),
        free_(arena.make<Index>(capacity)),
        capacity_(capacity) {
    // Lowest index on top, so that a young process touches memory from its start.
    for (Index i = 0; i < capacity; ++i) free_[i] = capacity - 1 - i;
    free_count_ = capacity;
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // Index of a newly constructed T, or `none` when all are taken.
  template <class... Args>
  Index take(Args&&... args) {
    if (free_count_ == 0) return none;
    const Index index = free_[--free_count_];
    std::construct_at(items_ + index, std::forward<Args>(args)...);
    return index;
  }
  // Destroys the T at `index`, which must be taken.
  void give(Index index) {
    PENSTOCK_ASSERT(index < capacity_);
    PENSTOCK_ASSERT(free_count_ < capacity_);
    std::destroy_at(items_ + index);
    free_[free_count_++] = index;
  }

  T& operator[](Index index) { return items_[index]; }
  const T& operator[](Index index) const { return items_[index]; }
  std::uint32_t in_use() const { return capacity_ - free_count_; }
  std::uint32_t capacity() const { return capacity_; }
  static constexpr std::size_t cost(std::size_t capacity) {
    return capacity * (sizeof(T) + sizeof(Index)) + 2 * alignment();
  }

 private:
  static constexpr std::size_t alignment() { return alignof(T) > cache_line_bytes ? alignof(T) : cache_line_bytes; }

  T* items_;
  std::span<Index> free_;
  std::uint32_t capacity_;
  std::uint32_t free_count_ = 0;
};

}  // namespace penstock
