// Cube root: the largest whole number whose cube does not exceed a 64-bit one.
#pragma once

#include <cstdint>

namespace penstock::congestion {

// Exact over the whole range. From the highest digit down, three bits of `value` settle one bit of the root r:
// (2r + 1)³ = 8r³ + 12r² + 6r + 1.
constexpr std::uint32_t cube_root(std::uint64_t value) {
  std::uint64_t root = 0, rest = 0;
  for (int shift = 63; shift >= 0; shift -= 3) {
    rest = (rest << 3) | ((value >> shift) & 7);
    const std::uint64_t step = 12 * root * root + 6 * root + 1;
    root <<= 1;
    if (rest >= step) {
      rest -= step;
      ++root;
    }
  }
  return static_cast<std::uint32_t>(root);
}

}  // namespace penstock::congestion
