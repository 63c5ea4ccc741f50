// TscFit: how ticks of the time stamp counter become microseconds, fitted to samples of CLOCK_MONOTONIC_RAW.
//
// A pure machine: samples come in, a line goes out. The rate is the slope over a baseline of 30 to 60 s (less at first);
// what the line is off by is taken out by bending it, at most 20 ppm, so time never steps. When one clock jumps against the
// other (a virtual machine that was moved), the baseline begins anew and the rate stays until the next sample. EAL's own
// figure is not used: it is rounded and off by up to 1,492 ppm. One thread; floating point is no concern here, since no
// worker calls it.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace penstock::nic {

// One reading of both clocks.
struct TscSample {
  std::uint64_t tsc = 0;          // ticks, at the middle of the reading
  std::int64_t raw_ns = 0;        // CLOCK_MONOTONIC_RAW, nanoseconds
  std::uint64_t width_ticks = 0;  // ticks between the readings around it: twice the error at the most
};

// The line us(tsc) = us0 + (tsc - tsc0) · rate. `us0` and `rate` are fixed-point numbers with 16 and 48 fraction bits.
struct TscLine {
  std::uint64_t tsc0 = 0;
  std::uint64_t us0_q16 = 0;
  std::uint64_t rate_q48 = 0;  // microseconds a tick
  // For ticks before tsc0 (another core's counter may lag by a little) the line stands at us0.
  Instant at(std::uint64_t tsc) const { return Instant::at_us(static_cast<std::int64_t>(q16_at(tsc) >> 16)); }
  // The same in nanoseconds.
  std::uint64_t ns_at(std::uint64_t tsc) const;
  // The same in microseconds with 16 fraction bits.
  std::uint64_t q16_at(std::uint64_t tsc) const {
    __extension__ using Wide = unsigned __int128;
    if (tsc <= tsc0) return us0_q16;
    return us0_q16 + static_cast<std::uint64_t>((Wide{tsc - tsc0} * rate_q48) >> 32);
  }
};

class TscFit {
 public:
  static constexpr double slew_ppm_max = 20;
  static constexpr double doubt_ppm_max = 10;  // a slope less certain than this is not taken
  static constexpr double jump_ppm_min = 200;  // a slope from one sample to the next that is off by more is a jump

  // Starts the line at the second sample, with the slope between the two; `first` must be earlier.
  TscFit(const TscSample& first, const TscSample& second);
  // Takes in a later sample and bends the line from there. False when the line stays as it is: the sample is too wide to
  // learn from, or one clock jumped. A counter that went back makes the line go on from where it stood.
  bool add(const TscSample& sample);

  const TscLine& line() const { return line_; }
  // How far the line stood before CLOCK_MONOTONIC_RAW at the last sample taken in, microseconds (negative: behind).
  double offset_us() const { return offset_us_; }
  // Ticks a second.
  double tsc_hz() const { return 1e6 / us_per_tick_; }
  // How uncertain the slope between the two samples is, parts in a million.
  static double doubt_ppm(const TscSample& from, const TscSample& to);

 private:
  bool jumped(const TscSample& sample) const;
  bool restart(const TscSample& sample);

  TscSample anchor_;       // where the baseline begins
  TscSample next_anchor_;  // where it will begin when this one is 30 s old
  TscSample last_;         // the sample taken in last
  TscLine line_;
  double us_per_tick_ = 0;
  double offset_us_ = 0;
  bool restarted_ = false;  // the sample before was a jump: if this one is off as well, the rate itself has changed
};

}  // namespace penstock::nic
