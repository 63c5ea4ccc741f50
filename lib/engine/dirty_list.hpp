// DirtyList: the sessions to tell about and to send for, in the order in which something happened to them.
//
// Each session is in it once at the most; Session::in_dirty_list and Session::dirty_place tell whether and where. One that
// has been told and only waits for room to send is marked so: thousands of them may stand before a full ring, and whoever
// walks the list passes them by without a look at the session, and begins behind those at the front. What happens to such a
// one wakes it where it stands. One core, part of a World.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/assert.hpp"
#include "session/session.hpp"

namespace penstock {

class DirtyList {
 public:
  // `sessions` is the slab whose indices the list holds; every session may be in it at once.
  DirtyList(Arena& arena, std::span<Session> sessions)
      : sessions_(sessions), entries_(arena.make<std::uint32_t>(std::bit_ceil(sessions.size()))) {}
  static std::size_t cost(std::uint32_t sessions_max) {
    return Arena::cost<std::uint32_t>(std::bit_ceil(std::size_t{sessions_max}));
  }

  // Puts a session at the end, or wakes it.
  void mark(std::uint32_t index) {
    Session& session = sessions_[index];
    if (session.in_dirty_list) {
      entries_[session.dirty_place] = index;
      settled_ = std::min(settled_, (session.dirty_place - first_) & mask());
      return;
    }
    PENSTOCK_ASSERT(count_ < sessions_.size());
    session.in_dirty_list = true;
    write(slot_of(count_++), index);
  }
  std::uint32_t count() const { return count_; }
  // The session at a place, 0 … count() − 1 from the front.
  std::uint32_t operator[](std::uint32_t place) const { return entries_[slot_of(place)] & ~waits_bit; }
  // It has heard everything and waits for room.
  bool waits(std::uint32_t place) const { return (entries_[slot_of(place)] & waits_bit) != 0; }
  void let_wait(std::uint32_t place) {
    entries_[slot_of(place)] |= waits_bit;
    if (place == settled_) ++settled_;
  }
  // Everybody before this place waits: who looks for those that do not begins here.
  std::uint32_t settled() const { return settled_; }

  std::uint32_t pop_front() {
    PENSTOCK_ASSERT(count_ > 0);
    const std::uint32_t index = entries_[first_] & ~waits_bit;
    first_ = slot_of(1);
    --count_;
    if (settled_ > 0) --settled_;
    sessions_[index].in_dirty_list = false;
    return index;
  }
  // Takes out the session at a place; the last one takes that.
  void remove(std::uint32_t place) {
    PENSTOCK_ASSERT(place < count_);
    const std::uint32_t slot = slot_of(place);
    sessions_[entries_[slot] & ~waits_bit].in_dirty_list = false;
    const std::uint32_t last = entries_[slot_of(--count_)];
    settled_ = std::min(settled_, place);
    if (place < count_) write(slot, last);
  }

 private:
  static constexpr std::uint32_t waits_bit = 1u << 31;

  std::uint32_t mask() const { return static_cast<std::uint32_t>(entries_.size()) - 1; }
  std::uint32_t slot_of(std::uint32_t place) const { return (first_ + place) & mask(); }
  void write(std::uint32_t slot, std::uint32_t entry) {
    entries_[slot] = entry;
    sessions_[entry & ~waits_bit].dirty_place = slot;
  }

  std::span<Session> sessions_;
  std::span<std::uint32_t> entries_;  // a ring of a power of two: index, and whether it waits
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t settled_ = 0;  // so many at the front all wait
};

}  // namespace penstock
