// HeapWatch: tells which heap memory a piece of code took and still holds. Its source replaces operator new and delete for the
// whole test executable.
#pragma once

#include <cstdint>
#include <vector>

namespace penstock::test {

struct HeapPiece {
  std::uintptr_t first = 0;
  std::size_t bytes = 0;
  std::uint32_t owner = 0;
};

// While an object lives, what this thread allocates is noted as `owner`'s; what is freed, by whichever thread, is forgotten.
class HeapWatch {
 public:
  explicit HeapWatch(std::uint32_t owner);
  ~HeapWatch();
  HeapWatch(const HeapWatch&) = delete;
  HeapWatch& operator=(const HeapWatch&) = delete;
  // What was noted and not freed since the last clear().
  static std::vector<HeapPiece> held();
  static void clear();
};

}  // namespace penstock::test
