// TokenBucket: at most so many a second in the long run, and so many at once. Integer arithmetic, constant time.
//
// For answers that strangers can provoke. One core owns a bucket; time is an argument.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace penstock::net {

class TokenBucket {
 public:
  // `per_second` tokens a second, at most `burst` saved up; it begins full. A rate of 0 never gives one.
  TokenBucket(std::uint32_t per_second, std::uint32_t burst)
      : per_second_(per_second), full_(std::int64_t{burst} * token), credit_(full_) {}

  // Takes a token; false when there is none.
  bool take(Instant now) {
    refill(now);
    if (per_second_ == 0 || credit_ < token) return false;
    credit_ -= token;
    return true;
  }

 private:
  // Credit is counted in tokens a second × µs, so that nothing is lost by rounding however often we are asked.
  static constexpr std::int64_t token = 1'000'000;

  void refill(Instant now) {
    // A gap that fills the bucket is as good as a longer one; the cut keeps the product below full_ + per_second_.
    const std::int64_t filling_us = full_ / std::max<std::int64_t>(per_second_, 1) + 1;
    const std::int64_t gap_us = std::clamp<std::int64_t>((now - refilled_).count_us(), 0, filling_us);
    refilled_ = later(now, refilled_);
    credit_ = std::min(full_, credit_ + gap_us * per_second_);
  }

  std::int64_t per_second_;
  std::int64_t full_;  // credit of a full bucket
  std::int64_t credit_;
  Instant refilled_;  // when credit was last added
};

}  // namespace penstock::net
