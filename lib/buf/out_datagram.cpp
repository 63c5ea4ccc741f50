#include "buf/out_datagram.hpp"

namespace penstock {

void OutDatagram::link_to(const Segment& payload) {
  PENSTOCK_ASSERT(payload.length() <= room());
  link_ = payload.share();
  limit_ = end_;
}

}  // namespace penstock
