// SlotRing: slots indexed by sn, in one power-of-two block of BuddyMemory that exists only while it is needed.
//
// Finding a slot is a mask, whatever the window. The ring begins empty, is taken on first use with as many slots as the
// smallest buddy block holds, doubles when a window needs more and there is memory left for long rings of its kind, and is
// given back when its user has drained it. A slot outside the user's window is not constructed before place(), which keeps a ring
// that comes and goes cheap. What a slot holds must not know where it lies: a ring that grows moves its bytes. One core, part
// of a session.
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

template <class T>
class SlotRing {
 public:
  static constexpr std::uint32_t smallest = BuddyMemory::smallest_bytes / sizeof(T);
  static constexpr std::uint32_t capacity_max = 1u << 16;  // two windows of Options::window_max
  static_assert(std::has_single_bit(sizeof(T)) && smallest > 0);

  SlotRing() = default;
  ~SlotRing() { PENSTOCK_ASSERT(word_.slots == nullptr); }
  SlotRing(const SlotRing&) = delete;
  SlotRing& operator=(const SlotRing&) = delete;

  // Makes the ring hold at least `count` slots, taking the used ones [first, end) along. False when memory is short:
  // then nothing changed.
  bool reserve(BuddyMemory& memory, std::uint32_t count, Seq32 first, Seq32 end) {
    if (count <= capacity()) return true;
    return mask_ == 0 && count <= smallest ? take_smallest(memory)
                                           : grow(memory, std::max(std::bit_ceil(count), smallest), first, end);
  }
  // Gives the memory back. Every slot must have let go of what it held.
  void release(BuddyMemory& memory) {
    if (mask_ == 0) return;
    T* slots = std::exchange(word_.slots, nullptr);
    const std::uint32_t count = std::exchange(mask_, std::uint16_t{0}) + 1u;
    if (count == smallest) memory.give(slots, std::size_t{smallest} * sizeof(T));
    else give_large(memory, slots, count);
  }

  // Constructs the slot of `sn`, which must hold nothing.
  template <class... Args>
  T& place(Seq32 sn, Args&&... args) {
    PENSTOCK_ASSERT(mask_ != 0);
    return *std::construct_at(&(*this)[sn], std::forward<Args>(args)...);
  }
  T& operator[](Seq32 sn) { return word_.slots[place_of(sn)]; }
  const T& operator[](Seq32 sn) const { return word_.slots[place_of(sn)]; }
  std::uint32_t capacity() const { return mask_ + (mask_ != 0 ? 1u : 0u); }

  // While there are no slots, the word that points to them may keep a pointer of the user's.
  void park(void* pointer) {
    PENSTOCK_ASSERT(mask_ == 0);
    word_.parked = pointer;
  }
  void* take_parked() {
    PENSTOCK_ASSERT(mask_ == 0);
    return std::exchange(word_.parked, nullptr);
  }
  void* parked() const { return word_.parked; }

 private:
  static_assert(smallest > 1, "a mask of 0 means that there are no slots");

  std::uint32_t place_of(Seq32 sn) const { return sn.raw() & mask_; }
  [[gnu::noinline]] static void give_large(BuddyMemory& memory, T* slots, std::uint32_t capacity) {
    memory.give_large(T::kind, slots, std::size_t{capacity} * sizeof(T));
  }
  // The size is a constant here, which makes it a few instructions: a session that sends one message at a time comes here
  // for each.
  bool take_smallest(BuddyMemory& memory) {
    T* slots = static_cast<T*>(memory.take(std::size_t{smallest} * sizeof(T)));
    if (slots == nullptr) return false;
    word_.slots = slots;
    mask_ = smallest - 1;
    return true;
  }
  // Not cold: a window that opens after each round trip comes here ten times, and a loop made to be small is slow.
  [[gnu::noinline]] bool grow(BuddyMemory& memory, std::uint32_t capacity, Seq32 first, Seq32 end) {
    PENSTOCK_ASSERT(capacity <= capacity_max);
    // The last quarter is for smallest rings, so that peers who fill theirs with gaps, or never read, shut out nobody. What was
    // received waits for a service to send its answer, so that one must not wait for the other's memory.
    T* larger = static_cast<T*>(memory.take_large(T::kind, std::size_t{capacity} * sizeof(T)));
    if (larger == nullptr) return false;
    const T* slots = word_.slots;
    const std::uint32_t mask = mask_;
    for (Seq32 sn = first; sn != end; ++sn) {
      std::memcpy(static_cast<void*>(larger + (sn.raw() & (capacity - 1))), slots + (sn.raw() & mask), sizeof(T));
    }
    release(memory);
    word_.slots = larger;
    mask_ = static_cast<std::uint16_t>(capacity - 1);
    return true;
  }

  union Word {
    T* slots = nullptr;
    void* parked;
  };
  Word word_;
  std::uint16_t mask_ = 0;  // the number of slots, less 1; 0: there are none
};

}  // namespace penstock::kcp
