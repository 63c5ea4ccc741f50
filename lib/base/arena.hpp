// Arena: memory for tables and slabs, handed in at start and never given back while running.
//
// `runtime` backs one per worker with hugepages of its NUMA node, tests with HeapMemory. Everything is taken before the
// first packet; the sizes were summed by `engine/capacity`, so running out is our own mistake and asserts.
// Used from the worker's core (or before it starts) only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "base/assert.hpp"

namespace penstock {

inline constexpr std::size_t cache_line_bytes = 64;

class Arena {
 public:
  // Does not own `memory`, which must be zeroed, outlive the arena and be aligned to a cache line.
  explicit Arena(std::span<std::byte> memory) : memory_(memory) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `bytes` zeroed bytes at an address divisible by `alignment` (a power of two).
  std::byte* allocate(std::size_t bytes, std::size_t alignment = cache_line_bytes);

  // `count` value-initialised objects on a cache line of their own. They are not destroyed: T must not need it.
  template <class T>
  std::span<T> make(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    T* first = reinterpret_cast<T*>(allocate(count * sizeof(T), alignment<T>()));
    std::uninitialized_value_construct_n(first, count);
    return {first, count};
  }

  std::size_t used_bytes() const { return used_; }
  // What allocate() takes from, from the front but for alignment.
  std::span<std::byte> rest() const { return memory_.subspan(used_); }
  std::size_t size_bytes() const { return memory_.size(); }
  // What `make<T>(count)` takes at the most, for capacity sums.
  template <class T>
  static constexpr std::size_t cost(std::size_t count) {
    return count * sizeof(T) + alignment<T>();
  }

 private:
  template <class T>
  static constexpr std::size_t alignment() {
    return alignof(T) > cache_line_bytes ? alignof(T) : cache_line_bytes;
  }

  std::span<std::byte> memory_;
  std::size_t used_ = 0;
};

// Zeroed memory from the heap, aligned to a page, for tests, simulation and tools.
class HeapMemory {
 public:
  explicit HeapMemory(std::size_t bytes);
  ~HeapMemory();
  HeapMemory(const HeapMemory&) = delete;
  HeapMemory& operator=(const HeapMemory&) = delete;
  std::span<std::byte> bytes() const { return bytes_; }

 private:
  void* raw_ = nullptr;
  std::span<std::byte> bytes_;
};

}  // namespace penstock
