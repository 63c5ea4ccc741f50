// OutDatagram: one datagram under construction, written straight into the block that will leave.
//
// A machine writes a header with header(n) and adds payload with append(). Payload up to `copy_break` bytes is *folded*
// (copied); a longer one is *linked*: the datagram then holds a Segment of it behind the head
// and is complete, since headers cannot follow a link. With a copy_break of at least the capacity everything is folded and
// the datagram is one contiguous stretch. `sum()` is the Internet sum of all bytes, for ports that do not make checksums. What
// is short is summed then; of a large payload, after sum_copies(), while it is copied (docs/benchmarks.md).
//
// The head leaves `headroom` bytes free in front for the UDP, IP, tag and Ethernet headers. Built and used on one core.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "base/internet_sum.hpp"
#include "buf/segment.hpp"

namespace penstock {

class OutDatagram {
 public:
  // Builds into `head`, taking over its reference. `capacity` bounds the whole datagram and with `headroom` must fit.
  OutDatagram(Block* head, std::uint32_t headroom, std::uint32_t capacity, std::uint32_t copy_break)
      : head_(Segment::adopt(head, headroom, capacity)),
        begin_(head->data + headroom),
        end_(begin_),
        limit_(begin_ + capacity),
        copy_break_(copy_break) {
    PENSTOCK_ASSERT(head->refs == 1);
  }
  OutDatagram(OutDatagram&&) = default;
  OutDatagram& operator=(OutDatagram&&) = default;

  // The next `count` contiguous bytes, to be written before the next call. Requires count ≤ room().
  std::uint8_t* header(std::uint32_t count) {
    PENSTOCK_ASSERT(count <= room());
    return std::exchange(end_, end_ + count);
  }
  // Adds the payload's bytes. Requires payload.length() ≤ room().
  void append(const Segment& payload) {
    append_with_header(0, payload, [](std::uint8_t*) {});
  }
  // Adds a header of `count` bytes, which `write` is given the place of, and behind it the payload's bytes. Requires that
  // both fit together.
  template <class Write>
  void append_with_header(std::uint32_t count, const Segment& payload, Write&& write) {
    const std::uint32_t length = payload.length();
    PENSTOCK_ASSERT(count <= room() && length <= room() - count);
    std::uint8_t* to = end_;
    end_ += count;
    write(to);
    if (length > copy_break_) return link_to(payload);
    if (length == 0) return;
    end_ += length;
    if (length >= sum_from_) return copy_summed(to + count, payload);
    std::memcpy(to + count, payload.data(), length);
  }
  // Makes room for `bytes` again in an empty datagram, beyond limit_room(), since they cannot be had in parts; false when it is
  // not empty or has not so many. The datagram may then be longer than its path carries.
  bool widen(std::uint32_t bytes) {
    if (end_ != begin_ || link_.holds() || bytes > head_.length()) return false;
    limit_ = begin_ + bytes;
    may_fragment_ = true;
    return true;
  }
  bool may_fragment() const { return may_fragment_; }
  // sum() will be asked for: large payload is summed on its way.
  void sum_copies() { sum_from_ = sum_bytes_min; }

  // Bytes that still fit; 0 once a payload is linked.
  std::uint32_t room() const { return static_cast<std::uint32_t>(limit_ - end_); }
  std::uint32_t size() const { return head_bytes() + link_.length(); }
  bool empty() const { return size() == 0; }
  // Lowers the room to `bytes`: a machine asks for less than the path allows.
  void limit_room(std::uint32_t bytes) {
    if (bytes < room()) limit_ = end_ + bytes;
  }

  // The Internet sum of head and link, before they are taken.
  std::uint64_t sum() const {
    const std::uint64_t sum = copied_.begin == nullptr ? internet_sum(head()) : sum_around_copied();
    return link_.holds() ? sum_add_at(sum, internet_sum(link_.bytes()), head_bytes()) : sum;
  }
  // Hands the parts over, once: the head with its headroom in front, and the link, which holds nothing when all was folded.
  Segment take_head() {
    head_.trim_back(head_.length() - head_bytes());
    limit_ = end_ = begin_;
    return std::move(head_);
  }
  Segment take_link() { return std::move(link_); }
  // The head with `headers` of the bytes in front of it, which are at least as many. Instead of take_head(), and once.
  Segment take_frame(std::uint32_t headers) {
    PENSTOCK_ASSERT(head_.unique() && headers <= head_.offset());
    const std::uint32_t bytes = headers + head_bytes();
    limit_ = end_ = begin_;
    const std::uint32_t offset = head_.offset() - headers;
    return Segment::adopt(head_.detach(), offset, bytes);
  }
  std::span<const std::uint8_t> head() const { return {begin_, end_}; }
  const Segment& link() const { return link_; }

 private:
  std::uint32_t head_bytes() const { return static_cast<std::uint32_t>(end_ - begin_); }
  void link_to(const Segment& payload);
  void copy_summed(std::uint8_t* to, const Segment& payload);
  std::uint64_t sum_around_copied() const;

  // Below it two passes cost no more.
  static constexpr std::uint32_t sum_bytes_min = 256;
  // What was summed while it was copied last, within the head; one stretch, around which the rest is summed.
  struct Copied {
    const std::uint8_t* begin = nullptr;  // null: nothing, and what follows is not set
    const std::uint8_t* end;
    std::uint64_t sum;
  };

  Segment head_;  // the whole capacity until it is taken: what was written lies between begin_ and end_
  Segment link_;
  std::uint8_t* begin_;
  std::uint8_t* end_;
  std::uint8_t* limit_;  // where the capacity ends
  std::uint32_t copy_break_;
  std::uint32_t sum_from_ = UINT32_MAX;  // payload of as many bytes is summed while it is copied
  bool may_fragment_ = false;
  Copied copied_;
};

}  // namespace penstock
