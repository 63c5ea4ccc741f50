// SlotRing: slots indexed by sn, in one power-of-two block of BuddyMemory that exists only while it is needed.
//
// Finding a slot is a mask, whatever the window. The ring begins empty, is taken on first use with as many slots as the
// smallest buddy block holds, doubles when a window needs more, and is given back when its user has drained it. What a slot
// outside the user's window holds is the second parameter's affair: `raw` leaves it unconstructed until place(), which keeps
// a ring that comes and goes cheap; `cleared` makes each slot all zero bits, which must be what T{} is, from the start. One core, part of a session.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "base/assert.hpp"
#include "base/buddy.hpp"
#include "base/seq.hpp"

namespace penstock::kcp {

enum class Unused : std::uint8_t { raw, cleared };

template <class T, Unused unused>
class SlotRing {
 public:
  static constexpr std::uint32_t smallest = BuddyMemory::smallest_bytes / sizeof(T);
  static_assert(std::has_single_bit(sizeof(T)) && smallest > 0);

  SlotRing() = default;
  ~SlotRing() { PENSTOCK_ASSERT(slots_ == nullptr); }
  SlotRing(const SlotRing&) = delete;
  SlotRing& operator=(const SlotRing&) = delete;

  // Makes the ring hold at least `count` slots, taking the used ones [first, end) along. False when memory is short:
  // then nothing changed.
  bool reserve(BuddyMemory& memory, std::uint32_t count, Seq32 first, Seq32 end) {
    if (count <= capacity_) return true;
    return capacity_ == 0 && count <= smallest ? take_smallest(memory)
                                               : grow(memory, std::max(std::bit_ceil(count), smallest), first, end);
  }
  // Gives the memory back. Every slot must have let go of what it held.
  void release(BuddyMemory& memory) {
    if (slots_ == nullptr) return;
    T* slots = std::exchange(slots_, nullptr);
    const std::uint32_t capacity = std::exchange(capacity_, 0);
    if (capacity == smallest) memory.give(slots, std::size_t{smallest} * sizeof(T));
    else give_large(memory, slots, capacity);
  }

  // Constructs the slot of `sn`, which must hold nothing.
  template <class... Args>
  T& place(Seq32 sn, Args&&... args) {
    static_assert(unused == Unused::raw);
    PENSTOCK_ASSERT(capacity_ > 0);
    return *std::construct_at(&(*this)[sn], std::forward<Args>(args)...);
  }
  T& operator[](Seq32 sn) { return slots_[sn.raw() & (capacity_ - 1)]; }
  const T& operator[](Seq32 sn) const { return slots_[sn.raw() & (capacity_ - 1)]; }
  std::uint32_t capacity() const { return capacity_; }

 private:
  [[gnu::noinline]] static void give_large(BuddyMemory& memory, T* slots, std::uint32_t capacity) {
    memory.give(slots, std::size_t{capacity} * sizeof(T));
  }
  // The size is a constant here, which makes it a few instructions: a session that sends one message at a time comes here
  // for each.
  bool take_smallest(BuddyMemory& memory) {
    slots_ = static_cast<T*>(memory.take(std::size_t{smallest} * sizeof(T)));
    if (slots_ == nullptr) return false;
    // A cleared slot is all zero bits, which a constant size makes eight stores.
    if constexpr (unused == Unused::cleared) std::memset(static_cast<void*>(slots_), 0, smallest * sizeof(T));
    capacity_ = smallest;
    return true;
  }
  [[gnu::noinline, gnu::cold]] bool grow(BuddyMemory& memory, std::uint32_t capacity, Seq32 first, Seq32 end) {
    T* larger = static_cast<T*>(memory.take(std::size_t{capacity} * sizeof(T)));
    if (larger == nullptr) return false;
    if constexpr (unused == Unused::cleared) std::memset(static_cast<void*>(larger), 0, capacity * sizeof(T));
    for (Seq32 sn = first; sn != end; ++sn) {
      std::construct_at(larger + (sn.raw() & (capacity - 1)), std::move((*this)[sn]));
      std::destroy_at(&(*this)[sn]);
    }
    release(memory);
    slots_ = larger;
    capacity_ = capacity;
    return true;
  }

  T* slots_ = nullptr;
  std::uint32_t capacity_ = 0;  // slots; 0 or a power of two
};

}  // namespace penstock::kcp
