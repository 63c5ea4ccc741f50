#include "proto/congestion.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace penstock {

Congestion::Congestion(Kind kind, std::uint32_t mss) : kind_(kind), mss_(static_cast<std::uint16_t>(mss)), incr_(mss) {
  PENSTOCK_ASSERT(mss > 0 && mss <= std::numeric_limits<std::uint16_t>::max());
}

void Congestion::on_fast_retransmit(std::uint32_t in_flight, std::uint32_t resend, Instant) {
  if (kind_ != Kind::kcp) return;
  ssthresh_ = std::max(in_flight / 2, ssthresh_min);
  cwnd_ = ssthresh_ + resend;
  incr_ = cwnd_ * mss_;
}

void Congestion::on_timeout(std::uint32_t window, Instant) {
  if (kind_ != Kind::kcp) return;
  ssthresh_ = std::max(window / 2, ssthresh_min);
  cwnd_ = 1;
  incr_ = mss_;
}

void Congestion::grow(std::uint32_t peer_window) {
  if (cwnd_ >= peer_window) return;
  const std::uint32_t mss = mss_;
  if (cwnd_ < ssthresh_) {
    ++cwnd_;
    incr_ += mss;
  } else {
    incr_ = std::max(incr_, mss);
    incr_ += mss * mss / incr_ + mss / 16;
    if ((cwnd_ + 1) * mss <= incr_) cwnd_ = (incr_ + mss - 1) / mss;
  }
  if (cwnd_ > peer_window) {
    cwnd_ = peer_window;
    incr_ = peer_window * mss;
  }
}

}  // namespace penstock
