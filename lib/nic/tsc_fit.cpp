#include "nic/tsc_fit.hpp"

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"

namespace penstock::nic {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr double rate_one = 281'474'976'710'656.0;  // 2^48
constexpr std::int64_t baseline_ns = 30'000'000'000;
constexpr double slew_horizon_us = 1'000'000;  // an offset is taken out over a second when it is small enough

double ticks_between(const TscSample& from, const TscSample& to) { return static_cast<double>(to.tsc - from.tsc); }

double us_between(const TscSample& from, const TscSample& to) {
  return static_cast<double>(to.raw_ns - from.raw_ns) / 1'000.0;
}

std::uint64_t q16_of_ns(std::int64_t ns) { return static_cast<std::uint64_t>(static_cast<Wide>(ns) * 65'536 / 1'000); }

}  // namespace

std::uint64_t TscLine::ns_at(std::uint64_t tsc) const {
  const std::uint64_t us_q16 = q16_at(tsc);
  // Apart, as the product of both together would not fit.
  return (us_q16 >> 16) * 1'000 + (((us_q16 & 0xffff) * 1'000) >> 16);
}

double TscFit::doubt_ppm(const TscSample& from, const TscSample& to) {
  return static_cast<double>(from.width_ticks + to.width_ticks) / 2 / ticks_between(from, to) * 1e6;
}

TscFit::TscFit(const TscSample& first, const TscSample& second) : anchor_(first), next_anchor_(second), last_(second) {
  PENSTOCK_ASSERT(first.tsc < second.tsc && first.raw_ns < second.raw_ns);
  us_per_tick_ = us_between(first, second) / ticks_between(first, second);
  line_ = {.tsc0 = second.tsc,
           .us0_q16 = q16_of_ns(second.raw_ns),
           .rate_q48 = static_cast<std::uint64_t>(us_per_tick_ * rate_one)};
}

bool TscFit::jumped(const TscSample& sample) const {
  if (sample.tsc <= last_.tsc || sample.raw_ns <= last_.raw_ns) return true;
  if (restarted_) return false;
  const double slope = us_between(last_, sample) / ticks_between(last_, sample);
  const double off_ppm = std::abs(slope / us_per_tick_ - 1) * 1e6;
  return off_ppm > jump_ppm_min + doubt_ppm(last_, sample);
}

bool TscFit::restart(const TscSample& sample) {
  anchor_ = next_anchor_ = last_ = sample;
  restarted_ = true;
  if (sample.tsc >= line_.tsc0) return false;
  line_.tsc0 = sample.tsc;
  return true;
}

bool TscFit::add(const TscSample& sample) {
  if (jumped(sample)) return restart(sample);
  if (doubt_ppm(anchor_, sample) > doubt_ppm_max) return false;
  last_ = sample;
  restarted_ = false;
  us_per_tick_ = us_between(anchor_, sample) / ticks_between(anchor_, sample);
  if (sample.raw_ns - next_anchor_.raw_ns >= baseline_ns) {
    anchor_ = next_anchor_;
    next_anchor_ = sample;
  }

  const std::uint64_t now_q16 = line_.q16_at(sample.tsc);
  const auto ahead_q16 = static_cast<std::int64_t>(now_q16 - q16_of_ns(sample.raw_ns));
  offset_us_ = static_cast<double>(ahead_q16) / 65'536.0;
  const double slew_ppm = std::clamp(-offset_us_ / slew_horizon_us * 1e6, -slew_ppm_max, slew_ppm_max);
  line_ = {.tsc0 = sample.tsc,
           .us0_q16 = now_q16,
           .rate_q48 = static_cast<std::uint64_t>(us_per_tick_ * (1 + slew_ppm / 1e6) * rate_one)};
  return true;
}

}  // namespace penstock::nic
