#include "proto/kcp/rtt.hpp"

#include <algorithm>

namespace penstock::kcp {

void Rtt::sample(std::uint32_t rtt_us, const Options& options) {
  const std::uint32_t rtt = std::min(rtt_us, options.rto_max_ms * 1000);
  if (srtt_us_ == 0) {
    srtt_us_ = rtt;
    rttvar_us_ = rtt / 2;
  } else {
    const std::uint32_t distance = rtt > srtt_us_ ? rtt - srtt_us_ : srtt_us_ - rtt;
    rttvar_us_ = (3 * rttvar_us_ + distance) / 4;
    srtt_us_ = (7 * srtt_us_ + rtt) / 8;
  }
  // 0 means that nothing was measured yet, so a round trip of less than a microsecond counts as one.
  srtt_us_ = std::max(srtt_us_, 1u);
  const std::uint32_t rto = srtt_us_ + std::max(options.interval_ms * 1000, 4 * rttvar_us_);
  rto_us_ = std::clamp(rto, options.rto_floor_ms() * 1000, options.rto_max_ms * 1000);
}

}  // namespace penstock::kcp
