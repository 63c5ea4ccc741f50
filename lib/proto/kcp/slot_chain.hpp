// SlotChain: slots of a SendRing in the order in which they were put in, by links in the slots themselves.
//
// A link is the low 16 bits of a number: a ring has at most 2^16 slots, so these name one, and stay right when it grows. One
// core, part of a Flight.
#pragma once

#include <cstdint>

#include "base/assert.hpp"
#include "proto/kcp/send_slot.hpp"

namespace penstock::kcp {

class SlotChain {
 public:
  bool empty() const { return count_ == 0; }
  std::uint32_t count() const { return count_; }
  // The first one's number, which is not before `una`.
  Seq32 front(Seq32 una) const {
    PENSTOCK_ASSERT(count_ > 0);
    return una + static_cast<std::uint16_t>(front_ - low(una));
  }

  void push_back(SendRing& ring, Seq32 sn) {
    Flown& added = ring[sn].flown;
    added.previous = back_;
    if (count_++ == 0) front_ = low(sn);
    else ring[Seq32(back_)].flown.next = low(sn);
    back_ = low(sn);
  }
  void remove(SendRing& ring, Seq32 sn) {
    PENSTOCK_ASSERT(count_ > 0);
    const Flown& removed = ring[sn].flown;
    const bool is_front = front_ == low(sn), is_back = back_ == low(sn);
    if (is_front) front_ = removed.next;
    else ring[Seq32(removed.previous)].flown.next = removed.next;
    if (is_back) back_ = removed.previous;
    else ring[Seq32(removed.next)].flown.previous = removed.previous;
    --count_;
  }

 private:
  static std::uint16_t low(Seq32 sn) { return static_cast<std::uint16_t>(sn.raw()); }

  std::uint32_t count_ = 0;
  std::uint16_t front_ = 0;
  std::uint16_t back_ = 0;
};

}  // namespace penstock::kcp
