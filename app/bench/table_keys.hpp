// What the table parts and their rivals have in common: how many entries, which flows, how long timers wait.
#pragma once

#include <cstdint>

#include "base/time.hpp"
#include "net/path.hpp"

namespace penstock::bench {

inline constexpr std::uint32_t table_small = 1000;
inline constexpr std::uint32_t table_large = 1'000'000;
inline constexpr std::uint32_t find_burst = 32;
inline constexpr std::uint32_t find_rounds = 4096;
// Timers run out a second to two after they were armed, in no order.
inline constexpr Duration timer_wait_min = Duration::seconds(1);
inline constexpr std::uint64_t timer_spread_us = 1'000'000;

inline std::uint32_t conv_of(std::uint32_t flow) { return flow * 2654435761u; }
inline net::Path path_of(std::uint32_t flow) {
  const auto byte = [flow](int shift) { return static_cast<std::uint8_t>(flow >> shift); };
  net::Path path;
  path.local = {net::IpAddress::v4(10, 0, 0, 1), 4000};
  path.remote = {net::IpAddress::v4(10, static_cast<std::uint8_t>(64 + byte(16)), byte(8), byte(0)), 5000};
  return path;
}

}  // namespace penstock::bench
