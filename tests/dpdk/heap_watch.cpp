#include "heap_watch.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

namespace penstock::test {

namespace {

constexpr std::size_t pieces_max = 8192;

// Not a container, which would allocate.
std::array<HeapPiece, pieces_max> pieces;
std::size_t piece_count = 0;
std::atomic_flag busy;
constexpr std::uint32_t nobody = 0xffffffff;
thread_local std::uint32_t owner_now = nobody;

struct Lock {
  Lock() {
    while (busy.test_and_set(std::memory_order_acquire)) {}
  }
  ~Lock() { busy.clear(std::memory_order_release); }
};

void* note(void* memory, std::size_t bytes) {
  if (memory == nullptr) std::abort();
  if (owner_now == nobody) return memory;
  const Lock lock;
  if (piece_count == pieces_max) std::abort();
  pieces[piece_count++] = {reinterpret_cast<std::uintptr_t>(memory), bytes, owner_now};
  return memory;
}

void forget(void* memory) {
  if (memory == nullptr) return;
  const Lock lock;
  for (std::size_t i = 0; i < piece_count; ++i) {
    if (pieces[i].first != reinterpret_cast<std::uintptr_t>(memory)) continue;
    pieces[i] = pieces[--piece_count];
    return;
  }
}

}  // namespace

HeapWatch::HeapWatch(std::uint32_t owner) { owner_now = owner; }
HeapWatch::~HeapWatch() { owner_now = nobody; }

std::vector<HeapPiece> HeapWatch::held() {
  std::vector<HeapPiece> copy;
  copy.reserve(pieces_max);
  const Lock lock;
  copy.assign(pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(piece_count));
  return copy;
}

void HeapWatch::clear() {
  const Lock lock;
  piece_count = 0;
}

}  // namespace penstock::test

void* operator new(std::size_t bytes) { return penstock::test::note(std::malloc(bytes), bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  return penstock::test::note(std::aligned_alloc(align, (bytes + align - 1) / align * align), bytes);
}
void operator delete(void* memory) noexcept {
  penstock::test::forget(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { operator delete(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { operator delete(memory); }
