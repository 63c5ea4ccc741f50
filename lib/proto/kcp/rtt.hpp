// Rtt: smoothed round trip and retransmission timeout by ikcp's law, in µs from our own send record.
//
// First sample: srtt = rtt, var = rtt / 2; then var = (3 var + |rtt − srtt|) / 4 and srtt = (7 srtt + rtt) / 8;
// rto = srtt + max(interval, 4 var), held between the floor and the ceiling of Options (ikcp.c, ikcp_update_ack). A sample
// is the time since a transmission that we remember, so no peer can make one that is negative or longer than that.
#pragma once

#include <algorithm>
#include <cstdint>

#include "proto/kcp/options.hpp"

namespace penstock::kcp {

class Rtt {
 public:
  explicit Rtt(const Options& options) : rto_us_(options.rto_initial_ms * 1000) {}

  // A proven round trip; anything above `rto_max_ms` counts as that.
  void sample(std::uint32_t rtt_us, const Options& options);

  std::uint32_t srtt_us() const { return srtt_us_; }  // 0 before the first sample
  bool measured() const { return srtt_us_ != 0; }
  std::uint32_t rttvar_us() const { return rttvar_us_; }
  std::uint32_t rto_us() const { return rto_us_; }

 private:
  std::uint32_t srtt_us_ = 0;
  std::uint32_t rttvar_us_ = 0;
  std::uint32_t rto_us_;
};

inline void Rtt::sample(std::uint32_t rtt_us, const Options& options) {
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
