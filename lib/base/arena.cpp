#include "base/arena.hpp"

#include <bit>
#include <cstdlib>

namespace penstock {

std::byte* Arena::allocate(std::size_t bytes, std::size_t alignment) {
  PENSTOCK_ASSERT(std::has_single_bit(alignment));
  const auto base = reinterpret_cast<std::uintptr_t>(memory_.data());
  const std::uintptr_t start = (base + used_ + alignment - 1) & ~(alignment - 1);
  const std::size_t offset = start - base;
  PENSTOCK_ASSERT(offset <= memory_.size());
  PENSTOCK_ASSERT(bytes <= memory_.size() - offset);
  used_ = offset + bytes;
  return memory_.data() + offset;
}

HeapMemory::HeapMemory(std::size_t bytes) {
  // calloc leaves untouched pages unbacked, which keeps large, mostly idle tables cheap in tests.
  constexpr std::size_t page = 4096;
  void* raw = std::calloc(1, bytes + page);
  PENSTOCK_ASSERT(raw != nullptr);
  const auto start = (reinterpret_cast<std::uintptr_t>(raw) + page - 1) & ~(page - 1);
  raw_ = raw;
  bytes_ = {reinterpret_cast<std::byte*>(start), bytes};
}

HeapMemory::~HeapMemory() { std::free(raw_); }

}  // namespace penstock
