#include "buf/out_datagram.hpp"

#include <algorithm>

#include "base/internet_sum.hpp"

namespace penstock {

OutDatagram::OutDatagram(Block* head, std::uint32_t headroom, std::uint32_t capacity, std::uint32_t copy_break)
    : head_(Segment::adopt(head, headroom, 0)), capacity_(capacity), copy_break_(copy_break) {
  PENSTOCK_ASSERT(headroom <= head->size);
  PENSTOCK_ASSERT(capacity <= head->size - headroom);
}

std::span<std::uint8_t> OutDatagram::header(std::uint32_t count) {
  PENSTOCK_ASSERT(count <= room());
  const std::uint32_t start = head_.length();
  head_.extend_back(count);
  return head_.writable().subspan(start, count);
}

void OutDatagram::append(const Segment& payload) {
  PENSTOCK_ASSERT(payload.length() <= room());
  if (payload.length() > copy_break_) {
    link_ = payload.share();
    return;
  }
  sum_pending();
  const std::uint32_t start = head_.length();
  const std::uint64_t part = copy_and_sum(header(payload.length()).data(), payload.bytes());
  sum_ = sum_add_at(sum_, part, start);
  summed_ = head_.length();
}

void OutDatagram::limit(std::uint32_t capacity) { capacity_ = std::clamp(capacity, head_.length(), capacity_); }

std::uint64_t OutDatagram::sum() {
  sum_pending();
  if (link_.holds()) return sum_add_at(sum_, internet_sum(link_.bytes()), head_.length());
  return sum_;
}

// Headers are written after header() returned, so they are summed when the next part begins.
void OutDatagram::sum_pending() {
  const auto pending = head_.bytes().subspan(summed_);
  if (!pending.empty()) sum_ = sum_add_at(sum_, internet_sum(pending), summed_);
  summed_ = head_.length();
}

}  // namespace penstock
