// OutDatagram: one datagram under construction, written straight into the block that will leave.
//
// A machine writes a header with header(n) and adds payload with append(). Payload up to `copy_break` bytes is *folded*
// (copied, and summed in the same pass); a longer one is *linked*: the datagram then holds a Segment of it behind the head
// and is complete, since headers cannot follow a link. With a copy_break of at least the capacity everything is folded and
// the datagram is one contiguous stretch. `sum()` is the Internet sum of all bytes, for ports that do not make checksums.
//
// The head leaves `headroom` bytes free in front for the UDP, IP, tag and Ethernet headers. Built and used on one core.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "buf/segment.hpp"

namespace penstock {

class OutDatagram {
 public:
  // Builds into `head`, taking over its reference. `capacity` bounds the whole datagram and with `headroom` must fit.
  OutDatagram(Block* head, std::uint32_t headroom, std::uint32_t capacity, std::uint32_t copy_break);
  OutDatagram(OutDatagram&&) = default;
  OutDatagram& operator=(OutDatagram&&) = default;

  // The next `count` contiguous bytes, to be written before the next call. Requires count ≤ room().
  std::span<std::uint8_t> header(std::uint32_t count);
  // Adds the payload's bytes. Requires payload.length() ≤ room().
  void append(const Segment& payload);

  // Bytes that still fit; 0 once a payload is linked.
  std::uint32_t room() const { return link_.holds() ? 0 : capacity_ - head_.length(); }
  std::uint32_t size() const { return head_.length() + link_.length(); }
  bool empty() const { return size() == 0; }
  // Lowers the capacity to `capacity`, not below what is written: a machine asks for less than the path allows.
  void limit(std::uint32_t capacity);

  // The Internet sum of head and link; call once, when complete.
  std::uint64_t sum();
  // Hands the parts over: the head with its headroom in front, and the link, which holds nothing when all was folded.
  Segment take_head() { return std::move(head_); }
  Segment take_link() { return std::move(link_); }
  const Segment& head() const { return head_; }
  const Segment& link() const { return link_; }

 private:
  void sum_pending();

  Segment head_;
  Segment link_;
  std::uint32_t capacity_;
  std::uint32_t copy_break_;
  std::uint32_t summed_ = 0;  // bytes of the head that sum_ covers
  std::uint64_t sum_ = 0;
};

}  // namespace penstock
