// Scale: products and quotients of bytes, rates and times that do not overflow.
//
// A rate times a time needs more than 64 bits on fast long paths (100 Gbit/s for 60 s, in µs, times a gain); what cannot be
// held saturates. A volume is what may be in flight: 32 bits hold more than any window here (32,768 segments of 9,000 B).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace penstock::congestion {

inline constexpr std::uint64_t us_per_second = 1'000'000;
// No bound on a volume.
inline constexpr std::uint32_t volume_unlimited = std::numeric_limits<std::uint32_t>::max();
// No window grows above it.
inline constexpr std::uint32_t window_max = 1u << 29;
// RFC 6928: what a flow may have in flight before it knows the path.
inline constexpr std::uint32_t initial_window_segments = 10;

// value × times / per, rounded down; per > 0.
constexpr std::uint64_t scaled(std::uint64_t value, std::uint64_t times, std::uint64_t per) {
  std::uint64_t product = 0;
  if (!__builtin_mul_overflow(value, times, &product)) return product / per;
  __extension__ using Wide = unsigned __int128;
  const Wide wide = Wide{value} * times / per;
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  return wide > most ? most : static_cast<std::uint64_t>(wide);
}

constexpr std::uint32_t to_volume(std::uint64_t bytes) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, volume_unlimited));
}

// A window that grew by `bytes`.
constexpr std::uint32_t widened(std::uint32_t window, std::uint64_t bytes) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(window + std::min<std::uint64_t>(bytes, window_max), window_max));
}

}  // namespace penstock::congestion
