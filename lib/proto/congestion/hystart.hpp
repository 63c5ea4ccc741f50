// HyStart: ends the first slow start before the queue overflows, by the growth of the round trip (HyStart++, RFC 9406).
//
// A round whose least round trip exceeds that of the round before by an eighth (within 4 and 16 ms) begins conservative slow
// start: a quarter of the growth for five rounds, in which a round trip below its own first one shows that the delay was
// no queue. Used until the first reduction only (RFC 9406, 4.3).
#pragma once

#include <cstdint>
#include <limits>

#include "proto/congestion/events.hpp"

namespace penstock::congestion {

class HyStart {
 public:
  // An acknowledgement in slow start. True: slow start is over, and the window it ends with is the threshold.
  bool on_acked(const Acked& acked, std::uint32_t segment_bytes);
  // Bytes that a window grows by for so many acknowledged (RFC 9406, 4.2).
  std::uint64_t growth(std::uint64_t bytes) const { return conservative() ? bytes / css_growth_divisor : bytes; }
  bool conservative() const { return baseline_us_ != unknown; }

 private:
  void begin_round();
  static std::uint32_t threshold_us(std::uint32_t last_us);

  // RFC 9406, 4.3.
  static constexpr std::uint32_t threshold_us_min = 4'000;
  static constexpr std::uint32_t threshold_us_max = 16'000;
  static constexpr std::uint32_t threshold_divisor = 8;
  static constexpr std::uint32_t samples_min = 8;
  static constexpr std::uint32_t css_growth_divisor = 4;
  static constexpr std::uint32_t css_rounds_max = 5;
  static constexpr std::uint32_t unknown = std::numeric_limits<std::uint32_t>::max();

  std::uint32_t last_us_ = unknown;      // least round trip of the round before
  std::uint32_t current_us_ = unknown;   // of this one so far
  std::uint32_t baseline_us_ = unknown;  // that began conservative slow start; unknown: it is not on
  std::uint16_t samples_ = 0;            // in this round, up to samples_min
  std::uint16_t css_rounds_ = 0;         // rounds of conservative slow start that are over
};

}  // namespace penstock::congestion
