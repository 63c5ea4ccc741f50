#include "buf/out_datagram.hpp"

namespace penstock {

void OutDatagram::link_to(const Segment& payload) {
  PENSTOCK_ASSERT(payload.length() <= room());
  link_ = payload.share();
  limit_ = end_;
}

void OutDatagram::copy_summed(std::uint8_t* to, const Segment& payload) {
  copied_ = {to, to + payload.length(), internet_sum_copied(to, payload.bytes())};
}

std::uint64_t OutDatagram::sum_around_copied() const {
  const std::uint64_t before = internet_sum({begin_, copied_.begin});
  const std::uint64_t with = sum_add_at(before, copied_.sum, static_cast<std::size_t>(copied_.begin - begin_));
  return sum_add_at(with, internet_sum({copied_.end, end_}), static_cast<std::size_t>(copied_.end - begin_));
}

}  // namespace penstock
