// Ring: a bounded first-in-first-out queue of one core. Its memory comes from the arena at construction.
//
// push() on a full ring refuses and leaves its argument untouched: the caller keeps the work or counts it.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/arena.hpp"
#include "base/assert.hpp"

namespace penstock {

template <class T>
class Ring {
 public:
  // Holds `capacity` items; memory is taken for the next power of two.
  Ring(Arena& arena, std::uint32_t capacity)
      : slots_(reinterpret_cast<T*>(arena.allocate(std::size_t{std::bit_ceil(capacity)} * sizeof(T)))),
        capacity_(capacity),
        mask_(std::bit_ceil(capacity) - 1) {
    static_assert(alignof(T) <= cache_line_bytes);
    PENSTOCK_ASSERT(capacity > 0);
  }
  ~Ring() {
    while (!empty()) pop();
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  bool push(T&& item) {
    if (full()) return false;
    std::construct_at(slots_ + (tail_++ & mask_), std::move(item));
    return true;
  }
  T& front() {
    PENSTOCK_ASSERT(!empty());
    return slots_[head_ & mask_];
  }
  const T& front() const {
    PENSTOCK_ASSERT(!empty());
    return slots_[head_ & mask_];
  }
  T pop() {
    PENSTOCK_ASSERT(!empty());
    T* slot = slots_ + (head_++ & mask_);
    T item = std::move(*slot);
    std::destroy_at(slot);
    return item;
  }
  // The item `index` places behind the front.
  T& at(std::uint32_t index) {
    PENSTOCK_ASSERT(index < count());
    return slots_[(head_ + index) & mask_];
  }

  std::uint32_t count() const { return tail_ - head_; }
  std::uint32_t capacity() const { return capacity_; }
  std::uint32_t room() const { return capacity_ - count(); }
  bool empty() const { return head_ == tail_; }
  bool full() const { return count() == capacity_; }
  static constexpr std::size_t cost(std::uint32_t capacity) {
    return std::size_t{std::bit_ceil(capacity)} * sizeof(T) + cache_line_bytes;
  }

 private:
  T* slots_;
  std::uint32_t capacity_;
  std::uint32_t mask_;
  std::uint32_t head_ = 0;  // counts up and wraps; the mask makes an index of it
  std::uint32_t tail_ = 0;
};

}  // namespace penstock
