#include "buf/out_datagram.hpp"

#include "base/internet_sum.hpp"

namespace penstock {

void OutDatagram::link_to(const Segment& payload) {
  PENSTOCK_ASSERT(payload.length() <= room());
  link_ = payload.share();
  limit_ = end_;
}

std::uint64_t OutDatagram::sum() const {
  const std::uint64_t sum = internet_sum(head());
  return link_.holds() ? sum_add_at(sum, internet_sum(link_.bytes()), head_bytes()) : sum;
}

}  // namespace penstock
