// Pace: when the k-th of many is due at a given rate, which may grow evenly from nothing at the beginning.
//
// Each has one moment that is its own, however late the one before came: who measures from there hides no stall. One core.
#pragma once

#include <cmath>
#include <cstdint>

namespace penstock::load {

class Pace {
 public:
  // `per_second` above 0; it is reached after `ramp_s`.
  Pace(std::uint64_t per_second, std::uint32_t ramp_s)
      : ns_each_(1e9 / static_cast<double>(per_second)), ramp_ns_(1e9 * ramp_s) {}

  void begin(std::uint64_t now_ns) {
    begun_ns_ = now_ns;
    count_ = 0;
  }
  // When the next one is due.
  std::uint64_t due_ns() const { return begun_ns_ + static_cast<std::uint64_t>(offset_ns()); }
  void advance() { ++count_; }
  std::uint64_t count() const { return count_; }

 private:
  // While the rate grows, the count is the square of the time; afterwards half the ramp has been lost.
  double offset_ns() const {
    const double even_ns = static_cast<double>(count_) * ns_each_;
    return even_ns < ramp_ns_ / 2 ? std::sqrt(2 * even_ns * ramp_ns_) : even_ns + ramp_ns_ / 2;
  }

  double ns_each_;
  double ramp_ns_;
  std::uint64_t begun_ns_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace penstock::load
