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
  ~SlotRing() { PENSTOCK_ASSERT(word_.slots == nullptr); }
  SlotRing(const SlotRing&) = delete;
  SlotRing& operator=(const SlotRing&) = delete;

  // Makes the ring hold at least `count` slots, taking the used ones [first, end) along. False when memory is short:
  // then nothing changed.
  bool reserve(BuddyMemory& memory, std::uint32_t count, Seq32 first, Seq32 end) {
    if (count <= capacity()) return true;
    return size_bits_ == 0 && count <= smallest ? take_smallest(memory)
                                                : grow(memory, std::max(std::bit_ceil(count), smallest), first, end);
  }
  // Gives the memory back. Every slot must have let go of what it held.
  void release(BuddyMemory& memory) {
    if (size_bits_ == 0) return;
    T* slots = std::exchange(word_.slots, nullptr);
    const std::uint32_t bits = std::exchange(size_bits_, std::uint8_t{0});
    if (bits == smallest_bits) memory.give(slots, std::size_t{smallest} * sizeof(T));
    else give_large(memory, slots, 1u << bits);
  }

  // Constructs the slot of `sn`, which must hold nothing.
  template <class... Args>
  T& place(Seq32 sn, Args&&... args) {
    static_assert(unused == Unused::raw);
    PENSTOCK_ASSERT(size_bits_ > 0);
    return *std::construct_at(&(*this)[sn], std::forward<Args>(args)...);
  }
  T& operator[](Seq32 sn) { return word_.slots[place_of(sn)]; }
  const T& operator[](Seq32 sn) const { return word_.slots[place_of(sn)]; }
  std::uint32_t capacity() const { return size_bits_ == 0 ? 0 : 1u << size_bits_; }

  // While there are no slots, the word that points to them may keep a pointer of the user's.
  void park(void* pointer) {
    PENSTOCK_ASSERT(size_bits_ == 0);
    word_.parked = pointer;
  }
  void* take_parked() {
    PENSTOCK_ASSERT(size_bits_ == 0);
    return std::exchange(word_.parked, nullptr);
  }
  void* parked() const { return word_.parked; }

 private:
  static constexpr std::uint8_t smallest_bits = std::bit_width(smallest) - 1;
  static_assert(smallest_bits > 0);

  std::uint32_t place_of(Seq32 sn) const { return sn.raw() & ((1u << size_bits_) - 1); }
  [[gnu::noinline]] static void give_large(BuddyMemory& memory, T* slots, std::uint32_t capacity) {
    memory.give(slots, std::size_t{capacity} * sizeof(T));
  }
  // The size is a constant here, which makes it a few instructions: a session that sends one message at a time comes here
  // for each.
  bool take_smallest(BuddyMemory& memory) {
    T* slots = static_cast<T*>(memory.take(std::size_t{smallest} * sizeof(T)));
    if (slots == nullptr) return false;
    // A cleared slot is all zero bits, which a constant size makes eight stores.
    if constexpr (unused == Unused::cleared) std::memset(static_cast<void*>(slots), 0, smallest * sizeof(T));
    word_.slots = slots;
    size_bits_ = smallest_bits;
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
    word_.slots = larger;
    size_bits_ = static_cast<std::uint8_t>(std::bit_width(capacity) - 1);
    return true;
  }

  union Word {
    T* slots = nullptr;
    void* parked;
  };
  Word word_;
  std::uint8_t size_bits_ = 0;  // the number of slots is 2 to this; 0: there are none
};

}  // namespace penstock::kcp
